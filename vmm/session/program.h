/*
 * vmm/session/program.h - what the first process will execute: a file of the rootfs, or one of the
 * host.
 */
#ifndef VITRINE_SESSION_PROGRAM_H
#define VITRINE_SESSION_PROGRAM_H

#include "vmm/image/image.h"

struct program {
    char *path;  /* absolute, in the guest; owned */
    int host_fd; /* the host's file that goes along, -1 if the rootfs has it */
    uint64_t host_bytes;
    uint32_t host_mode;
};

/*
 * name: with a '/', the rootfs first (relative to cwd), then the host; without, searched in the
 * rootfs along the PATH of `environment`. VT_ERROR_NO_PROGRAM if there is none,
 * VT_ERROR_BAD_PROGRAM if it cannot be executed.
 */
struct vt_error *program_find(const char *name, const char *const *environment, const char *cwd,
                              const struct image *image, struct program *ret);
void program_deinit(struct program *program);

#endif
