/*
 * vitrine/error.h - what went wrong: a code to branch on and one sentence for a person.
 */
#ifndef VITRINE_ERROR_H
#define VITRINE_ERROR_H

#include "version.h"

VITRINE_BEGIN

enum vt_error_code {
    VT_ERROR_ARGUMENT = 1, /* the caller asked for something impossible */
    VT_ERROR_NOT_FOUND,    /* no such file, machine, task ... */
    VT_ERROR_DENIED,
    VT_ERROR_EXISTS, /* the name is taken */
    VT_ERROR_FORMAT, /* a file is not what it should be */
    VT_ERROR_MEMORY,
    VT_ERROR_SYSTEM,  /* a call of the host failed */
    VT_ERROR_BACKEND, /* KVM or QEMU cannot do it here */
    VT_ERROR_TIMEOUT,
    VT_ERROR_GONE,    /* the machine has ended */
    VT_ERROR_CORRUPT, /* guest memory does not make sense */
    VT_ERROR_BUSY,
    VT_ERROR_NO_PROGRAM,  /* there is no such program to run (a shell's 127) */
    VT_ERROR_BAD_PROGRAM, /* it is there but cannot be run (a shell's 126) */
};

struct vt_error;

enum vt_error_code vt_error_code(const struct vt_error *error);
const char *vt_error_message(const struct vt_error *error); /* what failed, on what, what to do */
void vt_error_destroy(struct vt_error *error);              /* NULL is fine */
/* For callers that extend the library: a new error with a printf-style message. */
struct vt_error *vt_error_create(enum vt_error_code code, const char *format, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));
/* The same, with ": " and the text of errno value `error_number` appended. */
struct vt_error *vt_error_system(int error_number, const char *format, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));

VITRINE_END

#endif
