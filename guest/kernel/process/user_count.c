/*
 * user_count.c - see user_count.h. Few users have any at a time, and ordinary signals, which are
 * queued at most once per process, never come here: a short table is searched.
 */
#include "kernel/process/user_count.h"

#include "kernel/sync/spinlock.h"

#define USERS_MAX 64u /* with queued signals or timers at the same time; others get none */

static struct spinlock lock = SPINLOCK_INIT(RANK_USER_COUNT);
static struct {
    uint32_t uid, count; /* count 0: free */
} users[USERS_MAX];

/* The user's entry, or a free one, or NULL. */
static __typeof__(users[0]) *find_locked(uint32_t uid)
{
    __typeof__(users[0]) *free = NULL;
    for (unsigned i = 0; i < USERS_MAX; i++) {
        if (users[i].count && users[i].uid == uid)
            return &users[i];
        if (!users[i].count && !free)
            free = &users[i];
    }
    return free;
}

bool user_count_take(uint32_t uid, uint64_t limit)
{
    spin_lock(&lock);
    __typeof__(users[0]) *user = find_locked(uid);
    bool taken = user && user->count < limit && user->count < UINT32_MAX;
    if (taken) {
        user->uid = uid;
        user->count++;
    }
    spin_unlock(&lock);
    return taken;
}

void user_count_give(uint32_t uid)
{
    spin_lock(&lock);
    __typeof__(users[0]) *user = find_locked(uid);
    if (user && user->count)
        user->count--;
    spin_unlock(&lock);
}

uint32_t user_count_of(uint32_t uid)
{
    spin_lock(&lock);
    const __typeof__(users[0]) *user = find_locked(uid);
    uint32_t count = user ? user->count : 0;
    spin_unlock(&lock);
    return count;
}
