/*
 * vmm/inspect/walk.h - the kernel's trees and lists, followed without trust: an address that is no
 * memory, a tree deeper than a balanced one can be, a list that does not come back, or more nodes
 * than `limit` is VT_ERROR_CORRUPT. So a walk ends, whatever the guest wrote.
 *
 * While the guest runs, a walk may see a change half done and say "corrupt" of something that is
 * not; guest_settle() repeats it.
 */
#ifndef VITRINE_INSPECT_WALK_H
#define VITRINE_INSPECT_WALK_H

#include "vmm/inspect/layout.h"

/* Gets each node's address, in order. An error ends the walk and is returned. */
typedef struct vt_error *guest_visit(void *context, uint64_t node);

/* The red-black tree (struct rb_tree) at a kernel address. `what` names it in errors. */
struct vt_error *guest_tree_walk(const struct vt_guest *guest, uint64_t tree, uint32_t limit,
                                 const char *what, guest_visit *visit, void *context);

/* The ring (struct list) whose head lies at a kernel address; the head is not visited. A head that
 * is all zero was never made and is empty. */
struct vt_error *guest_list_walk(const struct vt_guest *guest, uint64_t head, uint32_t limit,
                                 const char *what, guest_visit *visit, void *context);

#endif
