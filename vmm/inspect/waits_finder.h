/*
 * vmm/inspect/waits_finder.h - what the searches for wakers share: waits_wakers.c, waits_sockets.c.
 */
#ifndef VITRINE_INSPECT_WAITS_FINDER_H
#define VITRINE_INSPECT_WAITS_FINDER_H

#include "vmm/inspect/waits.h"

struct finder {
    struct waits *waits;
    const struct wait_file **by_object, **by_file; /* the open files in two orders */
    uint64_t *alarms; /* addresses of the processes to which SIGALRM will come, sorted */
    size_t alarm_count;
    uint32_t steps_left;
};

/* Bounds all searches together; when it is used up, nothing is claimed about the task. */
bool waits_step(struct finder *finder, struct wait_task *task);
/* Index of the first in by_object, by_file that is not below the key. */
size_t waits_by_object(const struct finder *finder, uint64_t object);
size_t waits_by_file(const struct finder *finder, uint64_t file);
/* One more group that can wake the task that is being looked at. A key of 0 is nobody. */
void waits_add_group(struct waits *waits, struct wait_task *task, struct wait_group wanted);

/* waits_sockets.c: the task waits at a socket. */
void waits_find_socket(struct finder *finder, struct wait_task *task);

#endif
