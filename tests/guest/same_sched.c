/*
 * tests/guest/same_sched.c - scheduling policies: what may be asked for, by whom, what children get, and
 * what of it can be seen; lines that must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

struct attribute {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t least, most;
};

static long set_policy(int policy, int priority)
{
    return syscall(SYS_sched_setscheduler, 0, policy, &priority);
}

static long set_attribute(struct attribute attribute)
{
    if (!attribute.size)
        attribute.size = 48;
    return syscall(SYS_sched_setattr, 0, &attribute, 0);
}

static void show_self(const char *what)
{
    struct attribute attribute = {0};
    int priority = -1;
    long policy = syscall(SYS_sched_getscheduler, 0);

    syscall(SYS_sched_getparam, 0, &priority);
    syscall(SYS_sched_getattr, 0, &attribute, sizeof attribute, 0);
    printf("%s: policy %#lx priority %d; attribute %u %#lx nice %d priority %u %lu %lu %lu\n", what,
           (unsigned long)policy, priority, attribute.policy, (unsigned long)attribute.flags,
           attribute.nice, attribute.priority,
           /* of the others, later kernels say how long a slice is */
           (unsigned long)(attribute.policy == 6 ? attribute.runtime : 0),
           (unsigned long)attribute.deadline, (unsigned long)attribute.period);
}

/* Policies and priorities that there are, and that there are not. */
static void ranges(void)
{
    for (int policy = -1; policy < 9; policy++) {
        if (policy == 7) /* later kernels have one of that number */
            continue;
        show("priority_max", syscall(SYS_sched_get_priority_max, policy));
        show("priority_min", syscall(SYS_sched_get_priority_min, policy));
        for (int priority = -1; priority <= 100; priority += priority == 1 ? 98 : 1) {
            show("setscheduler", set_policy(policy, priority));
            show("is", syscall(SYS_sched_getscheduler, 0));
        }
        show("setscheduler with reset", set_policy(policy | 0x40000000, 1));
        show("is", syscall(SYS_sched_getscheduler, 0));
    }
    show("back", set_policy(SCHED_OTHER, 0));
    show("setscheduler of nobody", syscall(SYS_sched_setscheduler, 9999999, 0, &(int){0}));
    show("setscheduler of a negative", syscall(SYS_sched_setscheduler, -1, 0, &(int){0}));
    show("setscheduler without", syscall(SYS_sched_setscheduler, 0, 0, NULL));
    show("setscheduler at nothing", syscall(SYS_sched_setscheduler, 0, 0, 8));
    show("getscheduler of nobody", syscall(SYS_sched_getscheduler, 9999999));
    show("getscheduler of a negative", syscall(SYS_sched_getscheduler, -1));
    show("getparam without", syscall(SYS_sched_getparam, 0, NULL));
    show("getparam at nothing", syscall(SYS_sched_getparam, 0, 8));
    show("getparam of a negative", syscall(SYS_sched_getparam, -1, &(int){0}));
    show("setparam", syscall(SYS_sched_setparam, 0, &(int){0}));
    show("setparam of OTHER", syscall(SYS_sched_setparam, 0, &(int){5}));
    show("fifo", set_policy(SCHED_FIFO, 3));
    show("setparam of FIFO", syscall(SYS_sched_setparam, 0, &(int){7}));
    show_self("fifo");
    show("setparam to none", syscall(SYS_sched_setparam, 0, &(int){0}));
    show_self("fifo");
    show("back", set_policy(SCHED_OTHER, 0));
}

static void intervals(void)
{
    struct timespec interval = {9, 9};

    show("rr", set_policy(SCHED_RR, 3));
    show("interval", syscall(SYS_sched_rr_get_interval, 0, &interval));
    printf("%ld.%09ld\n", (long)interval.tv_sec, interval.tv_nsec);
    show("fifo", set_policy(SCHED_FIFO, 3));
    show("interval", syscall(SYS_sched_rr_get_interval, 0, &interval));
    printf("%ld.%09ld\n", (long)interval.tv_sec, interval.tv_nsec);
    show("interval of nobody", syscall(SYS_sched_rr_get_interval, 9999999, &interval));
    show("interval of a negative", syscall(SYS_sched_rr_get_interval, -1, &interval));
    show("interval at nothing", syscall(SYS_sched_rr_get_interval, 0, 8));
    show("back", set_policy(SCHED_OTHER, 0));
}

static void attributes(void)
{
    struct attribute large[2] = {{.size = sizeof large}};
    char *end;

    show("other", set_attribute((struct attribute){.nice = 3}));
    show_self("other");
    show("nice beyond", set_attribute((struct attribute){.nice = 300}));
    show_self("nice beyond");
    show("nice below", set_attribute((struct attribute){.nice = -300}));
    show_self("nice below");
    show("with a priority", set_attribute((struct attribute){.priority = 1}));
    show("batch", set_attribute((struct attribute){.policy = SCHED_BATCH, .nice = 1}));
    show_self("batch");
    show("idle", set_attribute((struct attribute){.policy = SCHED_IDLE}));
    show_self("idle");
    show("rr", set_attribute((struct attribute){.policy = SCHED_RR, .priority = 9, .nice = 5}));
    show_self("rr");
    show("keep parameters",
         set_attribute((struct attribute){.policy = SCHED_FIFO, .flags = 0x10, .priority = 1}));
    show_self("keep parameters");
    show("keep policy", set_attribute((struct attribute){.flags = 0x8, .priority = 4}));
    show_self("keep policy");
    show("no such policy", set_attribute((struct attribute){.policy = 4}));
    show("no such flag", set_attribute((struct attribute){.flags = 0x1000}));
    show("negative policy", set_attribute((struct attribute){.policy = 0x80000000}));
    show("short", set_attribute((struct attribute){.size = 47}));
    show("long, zero", syscall(SYS_sched_setattr, 0, large, 0));
    large[0].size = sizeof large;
    large[1].period = 1;
    show("long, not zero", syscall(SYS_sched_setattr, 0, large, 0));
    printf("size is said to be %u\n", large[0].size);
    large[0].size = 8192;
    show("too long", syscall(SYS_sched_setattr, 0, large, 0));
    show("size 0", syscall(SYS_sched_setattr, 0, &(struct attribute){.policy = SCHED_OTHER}, 0));
    show("setattr without", syscall(SYS_sched_setattr, 0, NULL, 0));
    show("setattr with flags", syscall(SYS_sched_setattr, 0, large, 1));
    show("setattr at nothing", syscall(SYS_sched_setattr, 0, 8, 0));
    show("getattr short", syscall(SYS_sched_getattr, 0, large, 47, 0));
    show("getattr first version", syscall(SYS_sched_getattr, 0, large, 48, 0));
    printf("size is said to be %u\n", large[0].size);
    show("getattr long", syscall(SYS_sched_getattr, 0, large, sizeof large, 0));
    printf("size is said to be %u\n", large[0].size);
    show("getattr too long", syscall(SYS_sched_getattr, 0, large, 8192, 0));
    show("getattr with flags", syscall(SYS_sched_getattr, 0, large, 48, 1));
    show("getattr of nobody", syscall(SYS_sched_getattr, 9999999, large, 48, 0));
    end = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(end + 4096, 4096);
    show("getattr at an end", syscall(SYS_sched_getattr, 0, end + 4096 - 40, 48, 0));
    show("back", set_attribute((struct attribute){.policy = SCHED_OTHER}));
}

static void deadlines(void)
{
    const struct attribute good = {
        .policy = 6, .runtime = 1000000, .deadline = 20000000, .period = 40000000};
    struct attribute bad = good;
    cpu_set_t one;

    show("deadline by setscheduler", set_policy(6, 0));
    bad.runtime = 1000;
    show("too little", set_attribute(bad));
    bad.runtime = 20000001;
    show("more than its deadline", set_attribute(bad));
    bad = good;
    bad.deadline = 40000001;
    show("deadline behind period", set_attribute(bad));
    bad.deadline = 0;
    show("no deadline", set_attribute(bad));
    bad = good;
    bad.priority = 1;
    show("with priority", set_attribute(bad));
    bad = good;
    bad.period = 1ull << 63;
    show("huge period", set_attribute(bad));
    bad = good;
    bad.runtime = bad.deadline = bad.period = 50000;
    show("short period", set_attribute(bad));
    bad.runtime = bad.deadline = bad.period = 5000000000;
    show("long period", set_attribute(bad));
    bad.runtime = bad.deadline = bad.period = 20000000;
    show("deadline", set_attribute(good));
    show_self("deadline");
    fflush(stdout);
    errno = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    show("fork", child);
    show("setparam", syscall(SYS_sched_setparam, 0, &(int){0}));
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    show("period as deadline",
         set_attribute((struct attribute){.policy = 6, .runtime = 1000000, .deadline = 30000000}));
    show_self("period as deadline");
    show("yield", sched_yield());
    show("back", set_attribute((struct attribute){.policy = SCHED_OTHER}));
    show_self("back");
}

static void child_shows(const char *what)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        show_self(what);
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static void children(void)
{
    show("fifo", set_policy(SCHED_FIFO, 12));
    child_shows("child of fifo");
    show("fifo with reset", set_policy(SCHED_FIFO | 0x40000000, 12));
    child_shows("child of fifo with reset");
    show("reset stays", syscall(SYS_sched_setparam, 0, &(int){13}));
    show_self("reset stays");
    show("batch", set_attribute((struct attribute){.policy = SCHED_BATCH, .nice = -5, .flags = 1}));
    child_shows("child of nice -5 with reset");
    show("nice 5", set_attribute((struct attribute){.nice = 5, .flags = 1}));
    child_shows("child of nice 5 with reset");
    show("back", set_attribute((struct attribute){.policy = SCHED_OTHER}));
    show("idle", set_policy(SCHED_IDLE, 0));
    child_shows("child of idle");
    show("back", set_policy(SCHED_OTHER, 0));
    show("rr", set_policy(SCHED_RR, 2));
    show("setpriority", setpriority(PRIO_PROCESS, 0, 7));
    show_self("rr with nice");
    show("other", set_policy(SCHED_OTHER, 0));
    show_self("other with nice");
    show("setpriority", setpriority(PRIO_PROCESS, 0, 0));
}

/* Whoever is nobody special. */
static void ordinary(void)
{
    fflush(stdout);
    if (fork() != 0) {
        wait(NULL);
        return;
    }
    if (setuid(65534) != 0)
        _exit(1);
    show("fifo 1", set_policy(SCHED_FIFO, 1));
    show("fifo 5", set_policy(SCHED_FIFO, 5));
    show("fifo 6", set_policy(SCHED_FIFO, 6));
    show("rr 5", set_policy(SCHED_RR, 5));
    show("rr 2", set_policy(SCHED_RR, 2));
    show("deadline",
         set_attribute((struct attribute){.policy = 6, .runtime = 1000000, .deadline = 30000000}));
    show("other", set_policy(SCHED_OTHER, 0));
    show("nice -1", set_attribute((struct attribute){.nice = -1}));
    show("nice -5", set_attribute((struct attribute){.nice = -5}));
    show("nice 2", set_attribute((struct attribute){.nice = 2}));
    show("nice 0", set_attribute((struct attribute){.nice = 0}));
    show("idle", set_policy(SCHED_IDLE, 0));
    show("out of idle", set_policy(SCHED_OTHER, 0));
    show("with reset", set_policy(SCHED_OTHER | 0x40000000, 0));
    show("without reset", set_policy(SCHED_OTHER, 0));
    show("parent's", syscall(SYS_sched_setscheduler, getppid(), SCHED_BATCH, &(int){0}));
    show_self("at last");
    fflush(stdout);
    _exit(0);
}

int main(void)
{
    ranges();
    intervals();
    attributes();
    deadlines();
    children();
    ordinary();
    return 0;
}
