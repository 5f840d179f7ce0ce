/*
 * vmm/session/boot_page.h - filling the guest's memory with what the kernel needs to know.
 */
#ifndef VITRINE_SESSION_BOOT_PAGE_H
#define VITRINE_SESSION_BOOT_PAGE_H

#include "vmm/image/image.h"
#include "vmm/machine/machine.h"
#include "vmm/session/program.h"

/*
 * Copies the image and the host's program into the memory and writes the boot page and its strings.
 * The kernel has been loaded already; the backend fills in the machine's own fields later.
 * VT_ERROR_MEMORY = give more memory.
 */
struct vt_error *boot_page_fill(const struct vt_options *options, unsigned cpus,
                                const struct image *image, const struct program *program,
                                const struct machine_kernel *kernel, struct machine_memory *memory,
                                struct boot_info **ret);

/* Will the guest's output go out as it is? Not so where the user's terminal stays in its own hands,
 * or others write to it beside us. */
bool boot_terminal_is_raw(const struct vt_options *options);

/* What a program gets that was started without an environment: PATH, HOME and TERM.
 * NULL-terminated, static. */
const char *const *boot_default_environment(void);

#endif
