/*
 * kernel/syscall/native.h - the numbers of native.def. They are looked up where an unknown number
 * ends, so that Linux's calls pay nothing for them.
 */
#ifndef KERNEL_SYSCALL_NATIVE_H
#define KERNEL_SYSCALL_NATIVE_H

#define NATIVE_CALL_FIRST 1000u
#define NATIVE_CALL_COUNT 102u /* places; not each has a call */

#endif
