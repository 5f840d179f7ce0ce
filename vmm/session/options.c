/*
 * vmm/session/options.c - struct vt_options may grow at its end: its first field says how much of
 * it the caller knows.
 */
#include <stddef.h>
#include <string.h>

#include "vmm/session/options.h"

/* What version 1.0 had; no caller can have less. */
#define OPTIONS_SIZE_LEAST (offsetof(struct vt_options, core_file) + sizeof(const char *))

void vt_options_init_sized(struct vt_options *options, size_t size)
{
    struct vt_options defaults = {.size = size, .stdin_fd = 0, .stdout_fd = 1, .stderr_fd = 2};

    memset(options, 0, size);
    memcpy(options, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

struct vt_error *options_take(const struct vt_options *given, struct vt_options *ret)
{
    size_t size = given->size;
    const unsigned char *bytes = (const unsigned char *)given;

    if (size < OPTIONS_SIZE_LEAST)
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "the machine's options were not filled in: vt_options_init() is the "
                               "first thing to do with them");
    for (size_t i = sizeof(*ret); i < size; i++)
        if (bytes[i])
            return vt_error_create(VT_ERROR_ARGUMENT,
                                   "the machine's options ask for something that this libvitrine "
                                   "(%s) does not know: use a later one",
                                   vitrine_version());
    memset(ret, 0, sizeof(*ret));
    memcpy(ret, given, size < sizeof(*ret) ? size : sizeof(*ret));
    ret->size = sizeof(*ret);
    return NULL;
}
