/*
 * kernel/observe/audit.h - records of what no look at memory can show: registers before and after a
 * switch, translations forgotten, signal masks. For the host's auditor (vmm/audit), which compares.
 * Debug kernels with the boot option "audit" write them; a release kernel has none of this.
 */
#ifndef KERNEL_OBSERVE_AUDIT_H
#define KERNEL_OBSERVE_AUDIT_H

#include "kernel/lib/types.h"

struct task;
struct trap_frame;
struct vma;

#ifdef KERNEL_DEBUG
extern bool audit_on;
void audit_init(void);
/* Before anything of prev's is saved, and after everything of next's is loaded. */
void audit_switch_out(struct task *task);
/* `lost`: bits in which registers that functions preserve differ from those that were saved. */
void audit_switch_in(uint64_t lost);
#define AUDIT_SWITCH(switching) (switching)
/* entry.S: a system call returns by the short way, with these registers as they are. */
void audit_return(const struct trap_frame *frame, uint64_t r12, uint64_t r13, uint64_t r14,
                  uint64_t r15);
void audit_flush(unsigned step, uint64_t root, uint64_t mask);
void audit_mask(unsigned step, uint64_t frame, uint64_t held, uint64_t now);
/* Address space locked; `next` = the first mapping that ends above the new end, or NULL. */
void audit_break(uint64_t root, uint64_t old_end, uint64_t new_end, const struct vma *next);
#else
#define audit_init()                              ((void)0)
#define audit_switch_out(task)                    ((void)0)
#define AUDIT_SWITCH(switching)                   ((switching), (uint64_t)0)
#define audit_switch_in(lost)                     ((void)(lost))
#define audit_flush(step, root, mask)             ((void)0)
#define audit_mask(step, frame, held, now)        ((void)0)
#define audit_break(root, old_end, new_end, next) ((void)(old_end))
#endif

#endif
