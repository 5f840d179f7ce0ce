/*
 * kernel/syscall/native.h - the numbers of native.def. They are looked up where an unknown number
 * ends, so that Linux's calls pay nothing for them.
 */
#ifndef KERNEL_SYSCALL_NATIVE_H
#define KERNEL_SYSCALL_NATIVE_H

#define NATIVE_CALL_FIRST 1100u
#define NATIVE_CALL_COUNT 2u

#endif
