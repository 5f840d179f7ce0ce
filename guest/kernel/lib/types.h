/* kernel/lib/types.h - the words every kernel file uses. */
#ifndef KERNEL_LIB_TYPES_H
#define KERNEL_LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef long ssize_t;
typedef uint64_t phys_t; /* a guest-physical address, in bytes */

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ul
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
#define ARRAY_COUNT(array)                  (sizeof(array) / sizeof((array)[0]))
#define align_up(value, alignment)          (((value) + (alignment)-1) & ~((__typeof__(value))(alignment)-1))
#define align_down(value, alignment)        ((value) & ~((__typeof__(value))(alignment)-1))
#define min(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) min_a = (a);                                                                 \
        __typeof__(b) min_b = (b);                                                                 \
        min_a < min_b ? min_a : min_b;                                                             \
    })
#define max(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) max_a = (a);                                                                 \
        __typeof__(b) max_b = (b);                                                                 \
        max_a > max_b ? max_a : max_b;                                                             \
    })
#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/*
 * Where things lie. What nearly every entry into the kernel runs or looks at stands together in a
 * few pages (hot_text.ld lists the functions), because cache lines and translations are dear after
 * each change of address space. A rare way out of a hot function is COLD, and stays a call.
 */
#define COLD        __attribute__((cold, noinline))
#define NO_INLINE   __attribute__((noinline)) /* one copy for all its callers, hot ones too */
#define READ_MOSTLY __attribute__((section(".read_mostly")))
#define HOT_TABLE   __attribute__((section(".rodata.hot"))) /* a constant one */

/* One access, exactly as written: for words that another CPU or the host changes. */
#define READ_ONCE(place)              (*(const volatile __typeof__(place) *)&(place))
#define WRITE_ONCE(place, value)      (*(volatile __typeof__(place) *)&(place) = (value))
#define load_acquire(pointer)         __atomic_load_n(pointer, __ATOMIC_ACQUIRE)
#define store_release(pointer, value) __atomic_store_n(pointer, value, __ATOMIC_RELEASE)
#define compiler_barrier()            __asm__ volatile("" ::: "memory")

#endif
