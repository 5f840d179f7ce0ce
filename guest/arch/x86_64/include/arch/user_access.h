/*
 * arch/user_access.h - the only way to touch user memory. Every address is checked against the user half;
 * faults are resolved like the program's own (demand paging, copy on write) or end the copy early. With SMAP
 * the access window is open only inside these functions.
 *
 * May sleep (RANK_ADDRESS_SPACE): no spinlock may be held, and no mutex of that rank or above.
 */
#ifndef ARCH_USER_ACCESS_H
#define ARCH_USER_ACCESS_H

#include "kernel/lib/types.h"
#include "shared/boot.h"

/* The SMAP window; for code of this folder that has an exception-table entry for what it does in it. */
extern uint32_t cpu_features;
static inline void user_access_open(void)
{
    if (cpu_features & BOOT_CPU_SMAP)
        __asm__ volatile("stac" ::: "memory", "cc");
}
static inline void user_access_close(void)
{
    if (cpu_features & BOOT_CPU_SMAP)
        __asm__ volatile("clac" ::: "memory", "cc");
}

/* Both return 0 or -EFAULT; on -EFAULT a part may have been copied. */
int copy_from_user(void *destination, uint64_t source, size_t bytes);
int copy_to_user(uint64_t destination, const void *source, size_t bytes);
/* Returns how many bytes could be copied (== bytes unless a page was missing). */
size_t copy_from_user_partial(void *destination, uint64_t source, size_t bytes);
size_t copy_to_user_partial(uint64_t destination, const void *source, size_t bytes);
/* Writes zeros; 0 or -EFAULT. */
int clear_user(uint64_t destination, size_t bytes);
/*
 * Copies a NUL-terminated string. Returns its length without the NUL, -EFAULT, or -ENAMETOOLONG if there is no
 * NUL within `size` bytes.
 */
ssize_t string_from_user(char *destination, uint64_t source, size_t size);

/* Aligned 32-bit operations for futexes: 0 or -EFAULT. */
int user_load_u32(uint64_t address, uint32_t *ret);
int user_store_u32(uint64_t address, uint32_t value);
/* *ret_old = *address; if it equals `expected`, *address = value. Atomic. */
int user_compare_exchange_u32(uint64_t address, uint32_t expected, uint32_t value, uint32_t *ret_old);

#define get_user(pointer_value, user_address) copy_from_user(&(pointer_value), user_address, sizeof(pointer_value))
#define put_user(value_lvalue, user_address) copy_to_user(user_address, &(value_lvalue), sizeof(value_lvalue))

#endif
