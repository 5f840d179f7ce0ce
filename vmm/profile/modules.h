/*
 * vmm/profile/modules.h - the ELF files that a task's addresses belong to: the kernel's, and those
 * that its address space maps.
 *
 * Files of programs are taken out of the guest's root image, or are the host's file that the boot
 * page names; both lie in guest memory. A mapping that does not begin like the file of its name
 * (the program was written inside the guest, or replaced there) has no names.
 */
#ifndef VITRINE_PROFILE_MODULES_H
#define VITRINE_PROFILE_MODULES_H

#include <elfutils/libdwfl.h>

#include "vmm/inspect/guest.h"

struct modules;

struct unwound;

/* What the walk of a stack that is under way reads; unwind.c's. */
struct walk {
    struct vt_guest *guest;
    uint64_t page_table;
    const struct guest_registers *registers;
    struct unwound *ret;
};

/* One address space as libdw knows it. */
struct space {
    uint64_t id;        /* vt_task.address_space_id; 0 = the kernel alone */
    uint64_t signature; /* of its mappings */
    Dwfl *dwfl;
    bool attached; /* libdw calls unwind.c, with `walk` as it is then */
    struct walk walk;
    uint64_t used; /* when it was asked for last */
};

struct vt_error *modules_create(struct vt_guest *guest, struct modules **ret);
void modules_destroy(struct modules *modules);
/* The task's, up to date if the world stands still; valid until the next call. NULL: out of memory,
 * or libdw cannot. */
struct space *modules_of(struct modules *modules, const struct vt_task *task);
/* As it was then, without a look at the guest; NULL if it is not known (any more). */
struct space *modules_known(struct modules *modules, uint64_t address_space_id);
/* A name for an address: a function, "[FILE]" if the file has none there, or "[unknown]". The
 * space may be NULL. */
const char *modules_name(const struct space *space, uint64_t address, char *text, size_t room);

#endif
