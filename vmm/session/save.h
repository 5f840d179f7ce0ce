/*
 * vmm/session/save.h - taking a snapshot of a machine.
 */
#ifndef VITRINE_SESSION_SAVE_H
#define VITRINE_SESSION_SAVE_H

#include "vmm/session/session.h"
#include "vmm/snapshot/snapshot.h"

/*
 * Pauses the machine, takes everything but the memory, has `keep` do with both what it wants, and
 * lets the machine go on. In the pump's thread, or before there is one (session_call). What the
 * snapshot holds is freed afterwards, unless `keep` takes it out.
 */
struct vt_error *save_take(struct vt_machine *machine,
                           struct vt_error *(*keep)(struct snapshot *snapshot,
                                                    const struct machine_memory *memory,
                                                    void *context),
                           void *context);

#endif
