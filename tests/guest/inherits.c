/*
 * tests/guest/inherits.c - a thread of nice 19 owns a lock with priority inheritance, spins, and
 * others wait: one directly, one along a chain. Its test looks at its weight from outside.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/resource.h>

static uint32_t words[2];
static int middle_tid, last_tid, may_unlock, may_end;

static long futex(uint32_t *word, int operation)
{
    return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, 0);
}

/* nice 10: owns the second lock, waits for the first. */
static void *middle(void *unused)
{
    (void)unused;
    setpriority(PRIO_PROCESS, 0, 10);
    if (futex(&words[1], FUTEX_LOCK_PI))
        fail("lock");
    __atomic_store_n(&middle_tid, (int)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
    if (futex(&words[0], FUTEX_LOCK_PI) || futex(&words[0], FUTEX_UNLOCK_PI) ||
        futex(&words[1], FUTEX_UNLOCK_PI))
        fail("middle");
    return NULL;
}

/* nice 0: waits for the second lock. */
static void *last(void *unused)
{
    (void)unused;
    __atomic_store_n(&last_tid, (int)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
    if (futex(&words[1], FUTEX_LOCK_PI) || futex(&words[1], FUTEX_UNLOCK_PI))
        fail("last");
    return NULL;
}

static void *listen(void *unused)
{
    (void)unused;
    await_host();
    __atomic_store_n(&may_unlock, 1, __ATOMIC_SEQ_CST);
    await_host();
    __atomic_store_n(&may_end, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void *owner(void *unused)
{
    pthread_t threads[3];

    (void)unused;
    pthread_create(&threads[2], NULL, listen, NULL);
    pthread_create(&threads[0], NULL, middle, NULL);
    if (futex(&words[0], FUTEX_TRYLOCK_PI))
        fail("lock");
    UNTIL(__atomic_load_n(&middle_tid, __ATOMIC_SEQ_CST));
    UNTIL(__atomic_load_n(&words[0], __ATOMIC_SEQ_CST) & FUTEX_WAITERS);
    pthread_create(&threads[1], NULL, last, NULL);
    UNTIL(__atomic_load_n(&last_tid, __ATOMIC_SEQ_CST));
    UNTIL(__atomic_load_n(&words[1], __ATOMIC_SEQ_CST) & FUTEX_WAITERS);
    setpriority(PRIO_PROCESS, 0, 19);
    say("inherits %d", (int)syscall(SYS_gettid));
    while (!__atomic_load_n(&may_unlock, __ATOMIC_SEQ_CST))
        ;
    if (futex(&words[0], FUTEX_UNLOCK_PI))
        fail("unlock");
    say("alone %d", (int)syscall(SYS_gettid));
    while (!__atomic_load_n(&may_end, __ATOMIC_SEQ_CST))
        ;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return NULL;
}

int main(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, owner, NULL);
    pthread_join(thread, NULL);
    return 0;
}
