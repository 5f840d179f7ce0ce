/*
 * fpu_host.h - vector state saved and loaded by the host, on hosts that interpret kernel code but
 * let user code run on the processor itself, with more of its state in reach than kernel code there
 * has instructions for (docs/hosts.md). Used by fpu.c only, with BOOT_FLAG_FPU_BY_HOST.
 *
 * An area is in the standard form of xsave, aligned to 64 bytes, in the direct map.
 */
#ifndef ARCH_X86_64_FPU_HOST_H
#define ARCH_X86_64_FPU_HOST_H

#include "kernel/lib/types.h"

void fpu_host_save(void *area);
/* False if the area holds no valid state; the registers are then as they were. */
bool fpu_host_load(const void *area);

/* Signal frames: the state alone, [address, address + bytes) checked by the caller. 0 or -EFAULT.
 */
int fpu_host_save_to_user(uint64_t address, size_t bytes);
/* Only `components` of what the frame says; the rest gets the initial state. */
int fpu_host_load_from_user(uint64_t address, size_t bytes, uint64_t components);

#endif
