/*
 * tests/guest/same_futex.c - futexes: waiting, moving, several at once, owners with priority
 * inheritance; lines that must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>

#define PRIVATE FUTEX_PRIVATE_FLAG

static uint32_t words[4];
static uint32_t *shared; /* a mapping that children share */

static long futex(uint32_t *word, int operation, uint32_t value, const void *timeout,
                  uint32_t *second, uint32_t third)
{
    return syscall(SYS_futex, word, operation, value, timeout, second, third);
}

static const struct timespec *soon(clockid_t clock)
{
    static struct timespec time;

    clock_gettime(clock, &time);
    time.tv_nsec += 20000000;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return &time;
}

static void refused(void)
{
    struct timespec bad = {0, 1000000000}, moment = {0, 1000000};

    show("other value", futex(words, FUTEX_WAIT, 1, NULL, NULL, 0));
    show("not aligned", futex((uint32_t *)((char *)words + 1), FUTEX_WAIT, 0, NULL, NULL, 0));
    show("no memory", futex((uint32_t *)4096, FUTEX_WAIT, 0, NULL, NULL, 0));
    show("private, no memory", futex((uint32_t *)4096, FUTEX_WAIT | PRIVATE, 0, NULL, NULL, 0));
    show("wake, no memory", futex((uint32_t *)4096, FUTEX_WAKE, 1, NULL, NULL, 0));
    show("private wake, no memory",
         futex((uint32_t *)4096, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0));
    show("bad time", futex(words, FUTEX_WAIT, 0, &bad, NULL, 0));
    show("a moment", futex(words, FUTEX_WAIT, 0, &moment, NULL, 0));
    show("bitset until", futex(words, FUTEX_WAIT_BITSET, 0, soon(CLOCK_MONOTONIC), NULL, 1));
    show("real time",
         futex(words, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, soon(CLOCK_REALTIME), NULL, 1));
    show("no bits", futex(words, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0));
    show("wake no bits", futex(words, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
    show("unknown", futex(words, 77, 0, NULL, NULL, 0));
    show("requeue -1", futex(words, FUTEX_REQUEUE, (uint32_t)-1, NULL, words + 1, 0));
    show("requeue other value", futex(words, FUTEX_CMP_REQUEUE, 1, (void *)1, words + 1, 5));
    show("unlock what is free", futex(words, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    words[0] = 0x3ffffff0;
    show("lock of nobody", futex(words, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    words[0] = 0;
    say("word %#x", words[0]);
}

/* ---- sleepers ---- */

struct sleeper {
    pthread_t thread;
    uint32_t *word, bits;
    long result;
    int tid, error;
};

static bool sleeps(int tid)
{
    char path[64], text[400];

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
    int fd = open(path, O_RDONLY);
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    char *state = strrchr(text, ')');
    return state && state[2] == 'S';
}

static void *sleep_on(void *argument)
{
    struct sleeper *sleeper = argument;

    __atomic_store_n(&sleeper->tid, (int)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
    sleeper->result = futex(sleeper->word, FUTEX_WAIT_BITSET | PRIVATE, *sleeper->word, NULL, NULL,
                            sleeper->bits);
    sleeper->error = errno;
    return NULL;
}

static void start(struct sleeper *sleepers, int count, uint32_t *word, bool bits)
{
    for (int i = 0; i < count; i++) {
        sleepers[i] = (struct sleeper){.word = word, .bits = bits ? 1u << i : ~0u};
        pthread_create(&sleepers[i].thread, NULL, sleep_on, &sleepers[i]);
        UNTIL(__atomic_load_n(&sleepers[i].tid, __ATOMIC_SEQ_CST) && sleeps(sleepers[i].tid));
    }
}

static void join(struct sleeper *sleepers, int count)
{
    for (int i = 0; i < count; i++)
        pthread_join(sleepers[i].thread, NULL);
}

static void sleepers(void)
{
    struct sleeper them[4];

    start(them, 4, words, true);
    show("wake bit 2", futex(words, FUTEX_WAKE_BITSET | PRIVATE, 9, NULL, NULL, 4));
    pthread_join(them[2].thread, NULL);
    show("wake bit 2 again", futex(words, FUTEX_WAKE_BITSET | PRIVATE, 9, NULL, NULL, 4));
    show("wake one", futex(words, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0));
    pthread_join(them[0].thread, NULL);
    show("move one, wake one",
         futex(words, FUTEX_CMP_REQUEUE | PRIVATE, 1, (void *)1, words + 1, 0));
    pthread_join(them[1].thread, NULL);
    show("none left", futex(words, FUTEX_WAKE | PRIVATE, 9, NULL, NULL, 0));
    show("it was moved", futex(words + 1, FUTEX_WAKE | PRIVATE, 9, NULL, NULL, 0));
    pthread_join(them[3].thread, NULL);

    start(them, 2, words, false);
    start(them + 2, 2, words + 1, false);
    words[1] = 5;
    show("wake and add", futex(words, FUTEX_WAKE_OP | PRIVATE, 1, (void *)9, words + 1,
                               FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 6)));
    say("word %u", words[1]);
    show("wake and or", futex(words, FUTEX_WAKE_OP | PRIVATE, 9, (void *)9, words + 1,
                              FUTEX_OP(FUTEX_OP_OR, 16, FUTEX_OP_CMP_GE, 8)));
    say("word %u", words[1]);
    join(them, 4);
    words[1] = 0;
}

/* ---- several ---- */

struct waitv {
    uint64_t value, address;
    uint32_t flags, reserved;
};

static long waitv(struct waitv *list, unsigned count, unsigned flags, const struct timespec *until,
                  int clock)
{
    return syscall(SYS_futex_waitv, list, count, flags, until, clock);
}

static void *wake_third(void *tid)
{
    UNTIL(sleeps(*(int *)tid));
    words[3] = 1;
    futex(words + 2, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0);
    return NULL;
}

static void several(void)
{
    struct waitv list[3];
    pthread_t thread;
    int tid = getpid();

    for (int i = 0; i < 3; i++)
        list[i] = (struct waitv){.address = (uintptr_t)&words[i], .flags = 2 | 128};
    show("waitv flags", waitv(list, 3, 1, NULL, 0));
    show("waitv none", waitv(list, 0, 0, NULL, 0));
    show("waitv too many", waitv(list, 129, 0, NULL, 0));
    show("waitv bad list", waitv((void *)8, 3, 0, NULL, 0));
    show("waitv no list", waitv(NULL, 3, 0, NULL, 0));
    show("waitv clock", waitv(list, 3, 0, soon(CLOCK_MONOTONIC), CLOCK_BOOTTIME));
    list[1].flags = 1;
    show("waitv size", waitv(list, 3, 0, NULL, 0));
    list[1].flags = 2 | 128;
    list[1].reserved = 1;
    show("waitv reserved", waitv(list, 3, 0, NULL, 0));
    list[1].reserved = 0;
    list[1].value = 1ull << 32;
    show("waitv large value", waitv(list, 3, 0, NULL, 0));
    list[1].value = 3;
    show("waitv other value", waitv(list, 3, 0, NULL, 0));
    list[1].value = 0;
    show("waitv time", waitv(list, 3, 0, soon(CLOCK_MONOTONIC), CLOCK_MONOTONIC));
    show("waitv real time", waitv(list, 3, 0, soon(CLOCK_REALTIME), CLOCK_REALTIME));
    pthread_create(&thread, NULL, wake_third, &tid);
    show("waitv woken", waitv(list, 3, 0, NULL, 0));
    pthread_join(thread, NULL);
}

/* ---- locks with owners ---- */

static void *lock_and_tell(void *argument)
{
    struct sleeper *sleeper = argument;

    __atomic_store_n(&sleeper->tid, (int)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
    sleeper->result = futex(sleeper->word, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0);
    sleeper->error = errno;
    if (!sleeper->result) {
        sleeper->bits = *sleeper->word;
        if (futex(sleeper->word, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0))
            fail("unlock");
    }
    return NULL;
}

static void say_word(const char *what, uint32_t word, int tid)
{
    say("%s: %s%s%s", what, (int)(word & FUTEX_TID_MASK) == tid ? "owner" : "another",
        word & FUTEX_WAITERS ? ", waiters" : "", word & FUTEX_OWNER_DIED ? ", died" : "");
}

static void *second_lock(void *argument)
{
    struct sleeper *sleeper = argument;

    words[1] = (uint32_t)syscall(SYS_gettid);
    __atomic_store_n(&sleeper->tid, (int)words[1], __ATOMIC_SEQ_CST);
    sleeper->result = futex(words, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0);
    futex(words, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0);
    futex(words + 1, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0);
    return NULL;
}

static int die_with_lock(void)
{
    shared[0] = (uint32_t)getpid();
    shared[1] = 1;
    return sleep_for_ever();
}

static int take_over(void)
{
    shared[2] = (uint32_t)getpid();
    long result = futex(shared, FUTEX_LOCK_PI, 0, NULL, NULL, 0);

    UNTIL(shared[3]);
    show("the owner died", result);
    say_word("word", shared[0], getpid());
    show("unlock", futex(shared, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    return 0;
}

static void owners(void)
{
    struct sleeper one = {.word = words}, two = {.word = words};
    int self = (int)syscall(SYS_gettid);

    words[0] = words[1] = 0;
    show("lock", futex(words, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    say_word("word", words[0], self);
    show("lock again", futex(words, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    show("try again", futex(words, FUTEX_TRYLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    show("unlock", futex(words, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    say("word %#x", words[0]);
    show("try", futex(words, FUTEX_TRYLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    pthread_create(&one.thread, NULL, lock_and_tell, &one);
    UNTIL(__atomic_load_n(&one.tid, __ATOMIC_SEQ_CST) && sleeps(one.tid));
    say_word("one waits", words[0], self);
    show("wake is not unlock", futex(words, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0));
    pthread_create(&two.thread, NULL, lock_and_tell, &two);
    UNTIL(__atomic_load_n(&two.tid, __ATOMIC_SEQ_CST) && sleeps(two.tid));
    show("unlock", futex(words, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    pthread_join(one.thread, NULL);
    pthread_join(two.thread, NULL);
    say("results %ld %ld", one.result, two.result);
    say_word("the first had it", one.bits, one.tid);
    say_word("then the second", two.bits, two.tid);
    say("word %#x", words[0]);
    show("not ours", futex(words, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));

    /* We own word 0, the thread owns word 1 and waits for word 0: we must not wait for word 1. */
    words[0] = (uint32_t)self;
    one.tid = 0;
    pthread_create(&one.thread, NULL, second_lock, &one);
    UNTIL(__atomic_load_n(&one.tid, __ATOMIC_SEQ_CST) && sleeps(one.tid));
    show("a circle", futex(words + 1, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    show("try in a circle", futex(words + 1, FUTEX_TRYLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    show("unlock", futex(words, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    pthread_join(one.thread, NULL);
    say("result %ld, words %#x %#x", one.result, words[0], words[1]);

    shared[1] = 0;
    pid_t owner = spawn(die_with_lock);
    UNTIL(shared[1]);
    show("until", futex(shared, FUTEX_LOCK_PI, 0, soon(CLOCK_REALTIME), NULL, 0));
    show("try another's", futex(shared, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
    pid_t heir = spawn(take_over);
    UNTIL(shared[2]);
    usleep(30000);
    kill(owner, SIGKILL);
    show_end("owner", owner);
    shared[3] = 1;
    show_end("heir", heir);
    say("word %#x", shared[0]);
    shared[0] = (uint32_t)owner;
    show("lock of a dead one", futex(shared, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    shared[0] = FUTEX_OWNER_DIED;
    show("lock that was orphaned", futex(shared, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    say_word("word", shared[0], self);
    shared[0] = 0;
}

/* ---- sent to a lock with an owner ---- */

static void *wait_to_be_sent(void *argument)
{
    struct sleeper *sleeper = argument;

    __atomic_store_n(&sleeper->tid, (int)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
    sleeper->result = futex(words, FUTEX_WAIT_REQUEUE_PI | PRIVATE, 7, NULL, words + 1, 0);
    sleeper->error = errno;
    if (!sleeper->result) {
        sleeper->bits = words[1];
        if (futex(words + 1, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0))
            fail("unlock");
    }
    return NULL;
}

static void start_waiter(struct sleeper *sleeper)
{
    sleeper->tid = 0;
    pthread_create(&sleeper->thread, NULL, wait_to_be_sent, sleeper);
    UNTIL(__atomic_load_n(&sleeper->tid, __ATOMIC_SEQ_CST) && sleeps(sleeper->tid));
}

static long send_to_lock(uint32_t wake, long more, uint32_t *lock, uint32_t value)
{
    return futex(words, FUTEX_CMP_REQUEUE_PI | PRIVATE, wake, (void *)more, lock, value);
}

static void sent_to_locks(void)
{
    struct sleeper one = {.word = words}, two = {.word = words};

    words[0] = 7;
    words[1] = words[2] = 0;
    show("to the same word", futex(words, FUTEX_WAIT_REQUEUE_PI | PRIVATE, 7, NULL, words, 0));
    show("other value", futex(words, FUTEX_WAIT_REQUEUE_PI | PRIVATE, 8, NULL, words + 1, 0));
    show("until",
         futex(words, FUTEX_WAIT_REQUEUE_PI | PRIVATE, 7, soon(CLOCK_MONOTONIC), words + 1, 0));
    show("until real time", futex(words, FUTEX_WAIT_REQUEUE_PI | PRIVATE | FUTEX_CLOCK_REALTIME, 7,
                                  soon(CLOCK_REALTIME), words + 1, 0));
    show("lock not aligned", futex(words, FUTEX_WAIT_REQUEUE_PI | PRIVATE, 7, NULL,
                                   (uint32_t *)((char *)words + 1), 0));
    show("send nobody", send_to_lock(1, 5, words + 1, 7));
    show("send, other value", send_to_lock(1, 5, words + 1, 8));
    show("send two awake", send_to_lock(2, 5, words + 1, 7));
    show("send none awake", send_to_lock(0, 5, words + 1, 7));
    show("send to the same", send_to_lock(1, 5, words, 7));
    start_waiter(&one);
    show("wake is not sending", futex(words, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0));
    show("nor moving", futex(words, FUTEX_CMP_REQUEUE | PRIVATE, 1, (void *)1, words + 1, 7));
    show("send elsewhere", send_to_lock(1, 5, words + 2, 7));
    show("send", send_to_lock(1, 5, words + 1, 7));
    pthread_join(one.thread, NULL);
    show("result", one.result);
    say("had the lock: %d, word %#x", (int)(one.bits & FUTEX_TID_MASK) == one.tid, words[1]);

    /* The lock is ours: both wait for it. */
    start_waiter(&one);
    start_waiter(&two);
    show("lock", futex(words + 1, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    show("send all", send_to_lock(1, INT_MAX - 1, words + 1, 7));
    UNTIL(words[1] & FUTEX_WAITERS);
    show("unlock", futex(words + 1, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    pthread_join(one.thread, NULL);
    pthread_join(two.thread, NULL);
    say("results %ld %ld, owners %d %d", one.result, two.result,
        (int)(one.bits & FUTEX_TID_MASK) == one.tid, (int)(two.bits & FUTEX_TID_MASK) == two.tid);
    say("word %#x", words[1]);
    words[0] = 0;
}

static void mutexes(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutex_t *mutex = (pthread_mutex_t *)(void *)&shared[64];

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(mutex, &attributes);
    shared[1] = 0;
    pid_t child = fork();
    if (!child) {
        pthread_mutex_lock(mutex);
        shared[1] = 1;
        usleep(30000);
        _exit(0);
    }
    UNTIL(shared[1]);
    errno = pthread_mutex_lock(mutex);
    show("robust and inheriting", errno ? -1 : 0);
    errno = pthread_mutex_lock(mutex);
    show("twice", errno ? -1 : 0);
    pthread_mutex_consistent(mutex);
    errno = pthread_mutex_unlock(mutex);
    show("unlock", errno ? -1 : 0);
    show_end("owner", child);
}

/* The same word at two addresses, and a file's word after its mapping went. */
static void mappings(void)
{
    int fd = memfd_create("words", 0);
    uint32_t *one, *two;

    if (ftruncate(fd, 4096))
        fail("ftruncate");
    one = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    two = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    pid_t child = fork();
    if (!child) {
        two[1] = 1;
        _exit(futex(two, FUTEX_WAIT, 0, NULL, NULL, 0) ? 1 : 0);
    }
    UNTIL(one[1]);
    long woken;
    UNTIL((woken = futex(one, FUTEX_WAKE, 1, NULL, NULL, 0)) == 1);
    show("woken through another mapping", woken);
    show_end("sleeper", child);
    munmap(one, 4096);
    munmap(two, 4096);
    close(fd);
}

int main(void)
{
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    refused();
    sleepers();
    several();
    owners();
    sent_to_locks();
    mutexes();
    mappings();
    say("done");
    return 0;
}
