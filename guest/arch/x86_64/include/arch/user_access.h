/*
 * arch/user_access.h - the only way to touch user memory. Every address is checked against the user
 * half; faults are resolved like the program's own (demand paging, copy on write) or end the copy
 * early. With SMAP the access window is open only inside these functions.
 *
 * May sleep (RANK_ADDRESS_SPACE): no spinlock may be held, and no mutex of that rank or above.
 */
#ifndef ARCH_USER_ACCESS_H
#define ARCH_USER_ACCESS_H

#include "arch/layout.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/types.h"
#include "shared/boot.h"

/* The SMAP window; for code of this folder that has an exception-table entry for what it does in
 * it. */
extern uint32_t cpu_features;
static inline void user_access_open(void)
{
    if (likely(cpu_features & BOOT_CPU_SMAP))
        __asm__ volatile("stac" ::: "memory", "cc");
}
static inline void user_access_close(void)
{
    if (likely(cpu_features & BOOT_CPU_SMAP))
        __asm__ volatile("clac" ::: "memory", "cc");
}

/*
 * Single accesses between user_access_open() and user_access_close(), to a range that the caller
 * has checked: one instruction each. A fault that cannot be resolved goes on at `label`, with the
 * window still open: close it there. The access may sleep; the trap's saved flags open the window
 * again on return. `value` must be computed before the window opens or from kernel memory, never by
 * a call.
 */
#define USER_FAULT_TO(label)                                                                       \
    ".pushsection .exception_table, \"a\"\n.quad 1b, %l[" #label "]\n.popsection\n"
#define USER_PUT_OR(label, move, type, address, value)                                             \
    __asm__ goto("1: " move " %[from], %[to]\n" USER_FAULT_TO(label)                               \
                 :                                                                                 \
                 : [from] "er"((type)(value)), [to] "m"(*(type *)(address))                        \
                 :                                                                                 \
                 : label)
#define user_put_u64_or(label, address, value) USER_PUT_OR(label, "movq", uint64_t, address, value)
#define user_put_u32_or(label, address, value) USER_PUT_OR(label, "movl", uint32_t, address, value)
/*
 * `variable` is a scalar local of exactly that type: gcc 12 dies of a member of a structure here.
 * The empty statement keeps gcc 12 from placing the copy of the result on the wrong edge (GCC bug
 * 113921); volatile, because older compilers forget that asm goto with results is.
 */
#define USER_GET_OR(label, move, type, variable, address)                                          \
    do {                                                                                           \
        _Static_assert(sizeof(variable) == sizeof(type), "the access has the variable's size");    \
        __asm__ volatile goto("1: " move " %[from], %[to]\n" USER_FAULT_TO(label)                  \
                              : [to] "=r"(variable)                                                \
                              : [from] "m"(*(const type *)(address))                               \
                              :                                                                    \
                              : label);                                                            \
        __asm__ volatile("");                                                                      \
    } while (0)
#define user_get_u64_or(label, variable, address)                                                  \
    USER_GET_OR(label, "movq", uint64_t, variable, address)
#define user_get_u32_or(label, variable, address)                                                  \
    USER_GET_OR(label, "movl", uint32_t, variable, address)

/* Both return 0 or -EFAULT; on -EFAULT a part may have been copied. */
int copy_from_user(void *destination, uint64_t source, size_t bytes);
int copy_to_user(uint64_t destination, const void *source, size_t bytes);
/* Returns how many bytes could be copied (== bytes unless a page was missing). */
size_t copy_from_user_partial(void *destination, uint64_t source, size_t bytes);
size_t copy_to_user_partial(uint64_t destination, const void *source, size_t bytes);
/* Writes zeros; 0 or -EFAULT. */
int clear_user(uint64_t destination, size_t bytes);
/*
 * Copies a NUL-terminated string. Returns its length without the NUL, -EFAULT, or -ENAMETOOLONG if
 * there is no NUL within `size` bytes.
 */
ssize_t string_from_user(char *destination, uint64_t source, size_t size);

/* Aligned 32-bit operations for futexes: 0 or -EFAULT. */
static inline int user_load_u32(uint64_t address, uint32_t *ret)
{
    uint32_t value;
    if (unlikely((address & 3) || address >= USER_END))
        return -EFAULT;
    user_access_open();
    user_get_u32_or(fault, value, address);
    user_access_close();
    *ret = value;
    return 0;
fault:
    user_access_close();
    return -EFAULT;
}
int user_store_u32(uint64_t address, uint32_t value);
/* *ret_old = *address; if it equals `expected`, *address = value. Atomic. */
int user_compare_exchange_u32(uint64_t address, uint32_t expected, uint32_t value,
                              uint32_t *ret_old);

#define get_user(pointer_value, user_address)                                                      \
    copy_from_user(&(pointer_value), user_address, sizeof(pointer_value))
#define put_user(value_lvalue, user_address)                                                       \
    copy_to_user(user_address, &(value_lvalue), sizeof(value_lvalue))

#endif
