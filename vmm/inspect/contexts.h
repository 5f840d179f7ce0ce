/*
 * vmm/inspect/contexts.h - where the registers of a task that does not run are kept, and memory as
 * a task sees it: for the debugger and for core files.
 *
 * Meant for a world that stands still; otherwise what is found here is out of date when it is read.
 */
#ifndef VITRINE_INSPECT_CONTEXTS_H
#define VITRINE_INSPECT_CONTEXTS_H

#include "vmm/inspect/guest.h"

#define GUEST_KERNEL_STACK_BYTES 16384u                /* guest/arch/x86_64/include/arch/layout.h */
#define GUEST_KERNEL_HALF        0xffff800000000000ull /* the same in every address space */

struct guest_context {
    struct vt_task task;
    uint64_t address;    /* of the kernel's struct task */
    uint64_t kernel_rsp; /* where the switch frame lies while the task is switched out */
    uint64_t stack_top;  /* of its kernel stack; the user's registers lie right below it */
    uint64_t fs_base, gs_base;
    uint64_t fpu; /* FXSAVE area, 0 in kernel threads */
};

/* All tasks in the order of vt_guest_tasks(). free(). */
struct vt_error *guest_contexts(struct vt_guest *guest, struct guest_context **ret,
                                size_t *ret_count);

/* What stack_switch() leaves at kernel_rsp (guest/arch/x86_64/context.c), innermost first. */
struct guest_switch_frame {
    uint64_t r15, r14, r13, r12, rbx, rbp, return_address;
};

/* The user's registers at stack_top - sizeof (guest/arch/x86_64/include/arch/trap_frame.h). */
struct guest_trap_frame {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t original_rax, error_code, rip, cs, rflags, rsp, ss;
};
#define GUEST_FRAME_REPLACED 1 /* error_code: load all registers on return */

/*
 * The page that holds `address`, for addresses of the lower half in the tables at `page_table`, for
 * those of the upper half in the kernel's. VT_ERROR_NOT_FOUND if nothing is mapped there.
 */
struct vt_error *guest_find_page(struct vt_guest *guest, uint64_t page_table, uint64_t address,
                                 struct vt_page *ret);
/* Reads through those tables; *ret_bytes = how many could be read (the start of the range). */
struct vt_error *guest_read_virtual(struct vt_guest *guest, uint64_t page_table, uint64_t address,
                                    void *buffer, size_t bytes, size_t *ret_bytes);

#endif
