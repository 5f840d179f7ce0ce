/*
 * kernel/process/user_count.h - how many signals with a value and timers each user has
 * (RLIMIT_SIGPENDING counts per real user id, over all processes).
 */
#ifndef KERNEL_PROCESS_USER_COUNT_H
#define KERNEL_PROCESS_USER_COUNT_H

#include "kernel/lib/types.h"

/* One more, if the user has fewer than `limit`. Any context; RANK_USER_COUNT is taken. */
bool user_count_take(uint32_t uid, uint64_t limit);
/* One less; the same uid as when it was taken, whatever the process is now. */
void user_count_give(uint32_t uid);
uint32_t user_count_of(uint32_t uid);

#endif
