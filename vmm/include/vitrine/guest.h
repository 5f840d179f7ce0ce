/*
 * vitrine/guest.h - the view into a running machine of this user, by name and read-only, or into a
 * core file.
 */
#ifndef VITRINE_GUEST_H
#define VITRINE_GUEST_H

#include <stddef.h>

#include "error.h"
#include "version.h"

VITRINE_BEGIN

struct vt_guest;

struct vt_error *vt_guest_attach(const char *name, struct vt_guest **ret);
void vt_guest_detach(struct vt_guest *guest);                          /* only for attached ones */
struct vt_error *vt_guest_names(char ***ret_names, size_t *ret_count); /* free each and the array */

/* NULL, or VT_ERROR_GONE if the machine has ended: what can still be read is its last state. */
struct vt_error *vt_guest_alive(struct vt_guest *guest);
const char *vt_guest_name(const struct vt_guest *guest); /* "" if it has none */
/* A core file as a guest that has ended; vt_guest_detach() closes it. */
struct vt_error *vt_guest_open_core(const char *path, struct vt_guest **ret);
/* Asks the owner of a running machine for a core file; `path` is absolute. */
struct vt_error *vt_guest_ask_core(const char *name, const char *path);
/*
 * Asks the owner of a running machine for a gdb server (vt_machine_gdb). `address` NULL = a Unix
 * socket beside the machine's control socket. *ret_kernel: the path of the kernel's ELF file.
 * free() both.
 */
struct vt_error *vt_guest_ask_gdb(const char *name, const char *address, char **ret_address,
                                  char **ret_kernel);

/* Waits until the kernel's glass is complete. */
struct vt_error *vt_guest_ready(struct vt_guest *guest, int timeout_ms);

/*
 * How the kernel's objects are read (spaces.h, files.h, processes.h, queues.h, waits.h, locks.h):
 * each function returns an array in one block (texts and inner arrays included) that the caller
 * frees with free(); NULL when it is empty. Texts are safe to print: control characters and
 * what is not UTF-8 are written as \ooo.
 *
 * In a world that stands still (a stop point, a panic, an ended machine) a reading is exact. While
 * the guest runs, each reading is proven: it is repeated until nothing that it rests on moved
 * meanwhile; VT_ERROR_BUSY if the guest never lets it (after half a second). Whatever a guest
 * writes, a reading ends: VT_ERROR_CORRUPT if its memory makes no sense, VT_ERROR_FORMAT if its
 * kernel does not publish what is needed. VT_ERROR_NOT_FOUND: the task has ended since it was
 * listed, or (kernel threads, zombies) has no such part.
 */

VITRINE_END

#endif
