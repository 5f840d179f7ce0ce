/*
 * futex_pi.c - locks with priority inheritance: FUTEX_LOCK_PI, FUTEX_UNLOCK_PI, FUTEX_TRYLOCK_PI
 * (futex(2), "Priority-inheritance futexes").
 *
 * The word has the owner's tid, 0 = free; FUTEX_WAITERS sends the owner's unlocking here. While
 * somebody waits there is a struct futex_pi, which says in the kernel who owns the lock. An owner
 * runs with the best class, priority, deadline and weight of those who wait for what it owns, and so on
 * along the chain of owners that wait themselves (Sha, Rajkumar, Lehoczky 1990: basic inheritance). The
 * best waiter gets the lock; normal tasks get it in the order in which they came, as on Linux.
 *
 * The word is changed while pi_lock and the bucket are locked; the address space's lock around
 * both keeps it in place. An owner that ends cannot reach a word in other memory: it marks the
 * first waiter as granted, which writes the word when it wakes and stays queued until then, so that
 * nobody takes the word for free meanwhile.
 *
 * Lock: pi_lock (RANK_FUTEX_PI, outside the buckets) for every struct futex_pi, task.pi_owned,
 * task.pi_waits. An owner is not counted: it lets go of its locks before it ends, and whoever makes
 * one an owner looks afterwards whether it is ending.
 */
#include "kernel/ipc/futex/futex_internal.h"
#include "kernel/mm/object_cache.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/process.h"
#include "kernel/sched/parameters.h"
#include "kernel/sync/wait_queue.h"
#include "kernel/syscall/syscall.h"

#define FUTEX_WAITERS    0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK   0x3fffffffu
#define CHAIN_MAX        1024u /* owners that wait for owners; Linux's max_lock_depth */

struct futex_pi {
    struct futex_key key;
    struct task *owner;
    struct futex_pi *next_owned; /* of the same owner */
    uint32_t waiters;
};

static struct spinlock pi_lock = SPINLOCK_INIT(RANK_FUTEX_PI);
static struct futex_pi nowhere;
struct futex_pi *const futex_requeue_marker = &nowhere;
static struct object_cache pi_cache = OBJECT_CACHE_INIT("futex_pi", struct futex_pi);

/* ---- who owns what; pi_lock held ---- */

static void own(struct futex_pi *pi, struct task *owner)
{
    pi->owner = owner;
    pi->next_owned = owner->pi_owned;
    owner->pi_owned = pi;
}

static void disown(struct futex_pi *pi)
{
    struct futex_pi **at = &pi->owner->pi_owned;
    while (*at != pi)
        at = &(*at)->next_owned;
    *at = pi->next_owned;
}

/* The best of those who wait; among equals (normal tasks are) the one that came first. The bucket of
 * the key is locked. */
static struct futex_waiter *first_waiter(struct futex_bucket *bucket, const struct futex_pi *pi)
{
    struct futex_waiter *best = NULL;
    for (struct futex_waiter *waiter = bucket->first; waiter; waiter = waiter->next) {
        if (waiter->pi == pi && !waiter->granted &&
            (!best || special_before(&waiter->task->special, &best->task->special)))
            best = waiter;
    }
    return best;
}

static struct futex_pi *find_pi(struct futex_bucket *bucket, struct futex_key key)
{
    for (struct futex_waiter *waiter = bucket->first; waiter; waiter = waiter->next) {
        if (waiter->pi && waiter->pi != &nowhere && futex_same_key(waiter->key, key))
            return waiter->pi;
    }
    return NULL;
}

/* What those who wait for the lock lend to its owner. */
static void add_claims(struct sched_claim *claim, const struct futex_pi *pi)
{
    struct futex_bucket *bucket = futex_bucket_of(pi->key);
    spin_lock(&bucket->lock);
    for (struct futex_waiter *waiter = bucket->first; waiter; waiter = waiter->next) {
        if (waiter->pi == pi && !waiter->granted)
            sched_claim_add(claim, waiter->task);
    }
    spin_unlock(&bucket->lock);
}

/* A waiter came or went: the owner's claim follows, and that of the owner it waits for. No bucket
 * is locked. */
static void inherit(struct task *owner)
{
    for (unsigned depth = 0; owner && depth < CHAIN_MAX; depth++) {
        struct sched_claim claim = SCHED_CLAIM_NONE;
        for (const struct futex_pi *pi = owner->pi_owned; pi; pi = pi->next_owned)
            add_claims(&claim, pi);
        if (!task_inherit(owner, &claim))
            break;
        owner = owner->pi_waits ? owner->pi_waits->owner : NULL;
    }
}

/* Would waiting for `owner` close a circle? */
static bool deadlocks(const struct task *self, const struct task *owner)
{
    for (unsigned depth = 0; depth < CHAIN_MAX; depth++) {
        if (owner == self)
            return true;
        if (!owner->pi_waits)
            return false;
        owner = owner->pi_waits->owner;
    }
    return true;
}

/* ---- locks ---- */

/*
 * The word in place and writable, with the address space, pi_lock and the bucket locked; NULL if it
 * could not be brought in (*ret_error), and nothing is locked then.
 */
static uint32_t *lock_all(uint64_t address, struct futex_bucket *bucket, int *ret_error)
{
    struct address_space *space = current->address_space;
    for (unsigned tries = 0; tries < 8; tries++) {
        mutex_lock(&space->lock);
        uint32_t *word = futex_resident_word(space, address, true);
        if (likely(word)) {
            spin_lock(&pi_lock);
            spin_lock(&bucket->lock);
            return word;
        }
        mutex_unlock(&space->lock);
        struct futex_key key = futex_fault_key(address, false);
        if (!key.space) {
            *ret_error = (int)(int64_t)key.word;
            return NULL;
        }
    }
    *ret_error = -EFAULT;
    return NULL;
}

/* The bucket's lock is given up before. */
static void unlock_rest(void)
{
    spin_unlock(&pi_lock);
    mutex_unlock(&current->address_space->lock);
}

static bool change(uint32_t *word, uint32_t old, uint32_t value)
{
    return __atomic_compare_exchange_n(word, &old, value, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}

/* ---- locking ---- */

struct attempt {
    uint64_t address;
    struct futex_key key;
    struct futex_waiter *waiter;
    struct futex_pi *spare; /* taken if there is none yet */
    struct task *named;     /* the task that the word named, counted, or NULL */
    uint32_t named_tid;
    bool try;
};

/*
 * The spare state becomes the owner's. False: it is ending, and may have looked at what it owns
 * already; soon its tid is nobody's, or the word changes.
 */
static bool make_owner(struct attempt *attempt, struct task *owner)
{
    struct futex_pi *pi = attempt->spare;
    pi->key = attempt->key;
    pi->waiters = 0;
    own(pi, owner);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!(READ_ONCE(owner->flags) & TASK_EXITING))
        return true;
    disown(pi);
    return false;
}

#define QUEUED 1 /* attempt_once(): sleep now */
#define AGAIN  2 /* the word changed: look up anew who it names */

/* One look with everything locked: 0 = it is ours, QUEUED, AGAIN, or -errno. */
static int attempt_once(struct attempt *attempt)
{
    struct task *self = current;
    struct futex_bucket *bucket = futex_bucket_of(attempt->key);
    int result = 0;
    uint32_t *word = lock_all(attempt->address, bucket, &result), tid = (uint32_t)self->seen_tid;
    if (!word)
        return result;
    uint32_t value = READ_ONCE(*word), owner_tid = value & FUTEX_TID_MASK;
    struct futex_pi *pi = find_pi(bucket, attempt->key);
    struct task *owner = pi ? pi->owner : attempt->named, *boost = NULL;

    if (owner_tid == tid || (pi && owner == self)) {
        result = -EDEADLK;
    } else if (!pi && !owner_tid) {
        result = change(word, value, (value & FUTEX_OWNER_DIED) | tid) ? 0 : AGAIN;
    } else if (!pi && owner_tid != attempt->named_tid) {
        result = AGAIN;
    } else if (!owner) {
        result = -ESRCH;
    } else if (!pi && owner->flags & TASK_KERNEL_THREAD) {
        result = -EPERM;
    } else if (attempt->try) {
        result = -EAGAIN;
    } else if (deadlocks(self, owner)) {
        result = -EDEADLK;
    } else if (!change(word, value, value | FUTEX_WAITERS)) {
        result = AGAIN;
    } else if (!pi && !make_owner(attempt, owner)) {
        result = AGAIN;
    } else {
        if (!pi) {
            pi = attempt->spare;
            attempt->spare = NULL;
        }
        pi->waiters++;
        attempt->waiter->pi = pi;
        attempt->waiter->bucket = bucket;
        futex_bucket_append(bucket, attempt->waiter);
        self->pi_waits = pi;
        boost = owner;
        result = QUEUED;
    }
    spin_unlock(&bucket->lock);
    if (boost)
        inherit(boost);
    unlock_rest();
    return result;
}

/* One waiter less: off the queue, and the state goes with the last one. Everything is locked. */
static void leave_queue(struct futex_waiter *waiter, struct futex_bucket *bucket,
                        struct futex_pi **ret_unused)
{
    struct futex_pi *pi = waiter->pi;
    futex_bucket_remove(bucket, waiter);
    waiter->task->pi_waits = NULL;
    *ret_unused = NULL;
    if (--pi->waiters)
        return;
    disown(pi);
    *ret_unused = pi;
}

/* The end of a wait, for whatever reason; the result of the call. */
static int64_t end_wait(struct attempt *attempt, int error)
{
    struct futex_waiter *waiter = attempt->waiter;
    struct futex_bucket *bucket = futex_bucket_of(attempt->key);
    struct futex_pi *unused = NULL;
    int fault = 0;

    if (!load_acquire(&waiter->bucket))
        return 0; /* unlocking gave it to us and wrote the word */
    uint32_t *word = lock_all(attempt->address, bucket, &fault);
    if (!word) { /* the memory is gone: there is no lock any more */
        spin_lock(&pi_lock);
        spin_lock(&bucket->lock);
    }
    if (!waiter->bucket) {
        error = 0;
    } else {
        struct task *owner = waiter->pi->owner;
        if (waiter->granted) {
            if (word)
                __atomic_store_n(word,
                                 (uint32_t)current->seen_tid | FUTEX_WAITERS | FUTEX_OWNER_DIED,
                                 __ATOMIC_SEQ_CST);
            error = word ? 0 : fault;
        }
        leave_queue(waiter, bucket, &unused);
        spin_unlock(&bucket->lock);
        inherit(owner);
        spin_lock(&bucket->lock);
    }
    spin_unlock(&bucket->lock);
    spin_unlock(&pi_lock);
    if (word)
        mutex_unlock(&current->address_space->lock);
    if (unused)
        object_cache_free(&pi_cache, unused);
    return error == -ERESTARTSYS ? -ERESTARTNOINTR : error;
}

static int64_t sleep_for_lock(struct attempt *attempt, uint64_t deadline_ns)
{
    struct futex_waiter *waiter = attempt->waiter;
    for (;;) {
        int error = wait_block(WAIT_FUTEX, attempt->address, WAIT_INTERRUPTIBLE, deadline_ns);
        if (error || !load_acquire(&waiter->bucket) || READ_ONCE(waiter->granted))
            return end_wait(attempt, error);
        wait_prepare_alone();
        if (!load_acquire(&waiter->bucket) || READ_ONCE(waiter->granted)) { /* before the intent */
            waiter->task->sleep_intent = 0;
            return end_wait(attempt, 0);
        }
    }
}

/* Who the word names, counted; -errno if it cannot be read. */
static int look_up_owner(struct attempt *attempt)
{
    uint32_t value;
    int error = user_load_u32(attempt->address, &value);
    if (error)
        return error;
    if (attempt->named)
        task_put(attempt->named);
    attempt->named_tid = value & FUTEX_TID_MASK;
    attempt->named =
        attempt->named_tid ? task_find_get(pid_meant((int32_t)attempt->named_tid)) : NULL;
    return 0;
}

int64_t futex_lock_pi(uint64_t address, bool private, uint64_t deadline_ns, bool try)
{
    struct futex_waiter waiter = {.task = current, .bits = FUTEX_BITSET_MATCH_ANY};
    struct attempt attempt = {.address = address, .waiter = &waiter, .try = try};
    attempt.key = futex_key(address, private, false);
    if (!attempt.key.space)
        return (int64_t)attempt.key.word;
    waiter.key = attempt.key;
    attempt.spare = object_cache_allocate(&pi_cache);
    if (!attempt.spare)
        return -ENOMEM;
    int64_t result;
    do {
        result = look_up_owner(&attempt);
        if (result)
            break;
        wait_prepare_alone();
        result = attempt_once(&attempt);
        if (result != QUEUED)
            waiter.task->sleep_intent = 0;
        if (result == AGAIN)
            task_yield();
    } while (result == AGAIN);
    if (attempt.named)
        task_put(attempt.named);
    if (attempt.spare)
        object_cache_free(&pi_cache, attempt.spare);
    return result == QUEUED ? sleep_for_lock(&attempt, deadline_ns) : result;
}

/* ---- unlocking ---- */

int64_t futex_unlock_pi(uint64_t address, bool private)
{
    struct task *self = current;
    struct futex_pi *unused = NULL;
    uint32_t value;
    int error = 0;
    if (address % sizeof(uint32_t))
        return -EINVAL;
    if (user_load_u32(address, &value))
        return -EFAULT;
    if ((value & FUTEX_TID_MASK) != (uint32_t)self->seen_tid)
        return -EPERM;
    struct futex_key key = futex_key(address, private, false);
    if (!key.space)
        return (int64_t)key.word;
    struct futex_bucket *bucket = futex_bucket_of(key);
    uint32_t *word = lock_all(address, bucket, &error);
    if (!word)
        return error;
    struct futex_pi *pi = find_pi(bucket, key);
    struct futex_waiter *waiter = pi ? first_waiter(bucket, pi) : NULL;
    struct task *next = NULL;
    do
        value = READ_ONCE(*word);
    while ((value & FUTEX_TID_MASK) == (uint32_t)self->seen_tid && !waiter &&
           !change(word, value, 0));
    if ((value & FUTEX_TID_MASK) != (uint32_t)self->seen_tid) {
        error = -EPERM;
    } else if (waiter && pi->owner != self) {
        error = -EINVAL; /* the program wrote its tid over another's */
    } else if (waiter) {
        next = waiter->task;
        __atomic_store_n(word, (uint32_t)next->seen_tid | FUTEX_WAITERS, __ATOMIC_SEQ_CST);
        disown(pi);
        own(pi, next);
        leave_queue(waiter, bucket, &unused);
    }
    spin_unlock(&bucket->lock);
    if (next) {
        inherit(self);
        inherit(next);
        /* From here on it may be gone. */
        store_release(&waiter->bucket, NULL);
        task_wake(next, WAKE_NORMAL);
    }
    unlock_rest();
    if (unused)
        object_cache_free(&pi_cache, unused);
    return error;
}

/* ---- the owner ends ---- */

void futex_pi_exit(struct task *task)
{
    spin_lock(&pi_lock);
    while (task->pi_owned) {
        struct futex_pi *pi = task->pi_owned;
        struct futex_bucket *bucket = futex_bucket_of(pi->key);
        disown(pi);
        spin_lock(&bucket->lock);
        struct futex_waiter *waiter = first_waiter(bucket, pi);
        if (waiter) {
            WRITE_ONCE(waiter->granted, true);
            waiter->task->pi_waits = NULL;
            own(pi, waiter->task);
            task_wake(waiter->task, WAKE_NORMAL);
        }
        spin_unlock(&bucket->lock);
        if (waiter)
            inherit(waiter->task);
    }
    task_inherit(task, &SCHED_CLAIM_NONE);
    spin_unlock(&pi_lock);
}
