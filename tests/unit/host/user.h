/*
 * tests/unit/host/user.h - a program in a test: touching its memory through its page tables with
 * faults resolved as the trap handler would, and making system calls.
 */
#ifndef TESTS_UNIT_HOST_USER_H
#define TESTS_UNIT_HOST_USER_H

#include "kernel/mm/address_space.h"
#include "kernel/syscall/syscall.h"

/* The signal that the access got, or 0. *word is loaded or stored. */
int user_load(struct address_space *space, uint64_t address, uint64_t *word);
int user_store(struct address_space *space, uint64_t address, uint64_t word);
/* Frame that a leaf shows (PRESENT or HELD), 0 = none. */
phys_t user_frame(struct address_space *space, uint64_t address);

#define user_call(name, ...)                                                                       \
    ({                                                                                             \
        int64_t sys_##name(struct trap_frame *);                                                   \
        sys_##name(&(struct trap_frame)USER_REGISTERS(__VA_ARGS__, 0, 0, 0, 0, 0, 0));             \
    })
#define USER_REGISTERS(a, b, c, d, e, f, ...)                                                      \
    {                                                                                              \
        .rdi = (uint64_t)(a), .rsi = (uint64_t)(b), .rdx = (uint64_t)(c), .r10 = (uint64_t)(d),    \
        .r8 = (uint64_t)(e), .r9 = (uint64_t)(f)                                                   \
    }

/*
 * Walks all page tables and mappings of the spaces and compares every count the kernel keeps:
 * tables, leaves by kind, pages, and the references of every frame of user memory. Stops the test
 * at the first difference.
 */
void user_audit(struct address_space *const *spaces, unsigned count);

#endif
