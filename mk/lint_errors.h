/*
 * mk/lint_errors.h - what clang-tidy cannot see from one file: making an error never returns NULL.
 * Included in front of every source of vmm/ while it is checked, and only then.
 */
#ifndef LINT_ERRORS_H
#define LINT_ERRORS_H

#include "vmm/include/vitrine.h"

#define LINT_NOT_NULL(call)                                                                        \
    ({                                                                                             \
        struct vt_error *made_ = call;                                                             \
        if (!made_)                                                                                \
            __builtin_unreachable();                                                               \
        made_;                                                                                     \
    })
#define vt_error_create(...) LINT_NOT_NULL(vt_error_create(__VA_ARGS__))
#define vt_error_system(...) LINT_NOT_NULL(vt_error_system(__VA_ARGS__))

#endif
