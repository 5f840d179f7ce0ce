/*
 * tests/guest/object_load.c - what programs rarely make and the kernel promises much about, at once and
 * without end: mounts that are shared, copied and taken away, names, namespaces of all kinds, System V and
 * POSIX IPC, tracing, timers of real and of CPU time, tokens. Calm enough that there are moments at which nothing
 * is under way. A line on stdin arms what the kernel has planted; a second one ends the load.
 */
#define _GNU_SOURCE
#include "tests/guest/token_check.h"

#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static volatile int *over; /* shared by all processes */

static int going(void)
{
    return !__atomic_load_n(over, __ATOMIC_RELAXED);
}

static void nap(long microseconds)
{
    struct timespec time = {0, microseconds * 1000};

    nanosleep(&time, NULL);
}

static void need(const char *what, long result)
{
    if (result < 0)
        fail(what);
}

static void end_of(pid_t child)
{
    int status;

    if (waitpid(child, &status, 0) != child || status)
        _exit(2);
}

/* Of one whose number may be a planted lie. */
static void end_of_any(void)
{
    int status;

    if (wait(&status) < 0 || status)
        _exit(2);
}

/* ---- mounts and names ---- */

/* A tree of its own, in which mounts come in all kinds of propagation and go. */
static void mounts(void)
{
    need("unshare", unshare(CLONE_NEWNS));
    need("private", mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    mkdir("/mounts", 0755);
    need("tmpfs", mount("none", "/mounts", "tmpfs", 0, NULL));
    need("shared", mount(NULL, "/mounts", NULL, MS_SHARED, NULL));
    mkdir("/mounts/a", 0755);
    mkdir("/mounts/b", 0755);
    mkdir("/mounts/c", 0755);
    need("bind", mount("/mounts", "/mounts/b", NULL, MS_BIND, NULL));
    while (going()) {
        need("inner", mount("inner", "/mounts/a", "tmpfs", 0, NULL));
        int fd = open("/mounts/a/file", O_CREAT | O_RDWR, 0644);
        need("slave", mount("/mounts/a", "/mounts/c", NULL, MS_BIND, NULL));
        need("slave", mount(NULL, "/mounts/c", NULL, MS_SLAVE, NULL));
        pid_t child = fork();
        if (child == 0) {
            need("unshare", unshare(CLONE_NEWNS));
            nap(3000);
            _exit(0);
        }
        nap(2000);
        end_of(child);
        close(fd);
        need("umount", umount2("/mounts/c", MNT_DETACH));
        need("umount", umount2("/mounts/a", MNT_DETACH));
        nap(2000);
    }
}

/* Names that come, move and go, some while they are open; more than a directory's list takes. */
static void names(void)
{
    char from[64], to[64];

    mkdir("/names", 0755);
    mkdir("/names/other", 0755);
    for (unsigned round = 0; going(); round++) {
        snprintf(from, sizeof from, "/names/%u", round % 40);
        snprintf(to, sizeof to, "/names/other/%u", round % 40);
        int fd = open(from, O_CREAT | O_RDWR, 0644);
        need("open", fd);
        if (round % 3 == 0)
            need("rename", rename(from, to));
        else if (round % 3 == 1)
            need("unlink", unlink(from));
        snprintf(to, sizeof to, "/names/other/%u", (round + 20) % 40);
        unlink(to);
        nap(1500);
        close(fd);
    }
}

/* ---- namespaces ---- */

static void namespaces(void)
{
    int first = open("/proc/self/ns/uts", O_RDONLY);

    while (going()) {
        pid_t child = fork();
        if (child == 0) {
            need("unshare", unshare(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP |
                                    CLONE_NEWTIME));
            int fd = open("/proc/self/ns/uts", O_RDONLY);
            pid_t other = fork();
            if (other == 0) {
                nap(1500);
                need("setns", setns(first, 0));
                nap(1500);
                need("setns", setns(fd, CLONE_NEWUTS));
                _exit(0);
            }
            nap(1000);
            end_of(other);
            _exit(0);
        }
        end_of(child);
        nap(2000);
    }
}

static void numbers(void)
{
    while (going()) {
        if (fork() == 0) {
            need("unshare", unshare(CLONE_NEWPID));
            if (fork() == 0) {
                for (int i = 0; i < 2; i++) {
                    if (fork() == 0) {
                        nap(2000 + i * 2000);
                        _exit(0);
                    }
                }
                for (int i = 0; i < 2; i++)
                    end_of_any();
                nap(1000);
                _exit(0);
            }
            end_of_any();
            _exit(0);
        }
        end_of_any();
        nap(1000);
    }
}

static void programs(void)
{
    while (going()) {
        /* NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork): what the load is to do */
        pid_t child = vfork();

        if (child == 0) {
            execl("/bin/busybox", "true", (char *)NULL);
            _exit(127);
        }
        end_of(child);
        nap(20000);
    }
}

/* ---- System V and POSIX IPC ---- */

static void segments(void)
{
    while (going()) {
        int id = shmget(IPC_PRIVATE, 3 * PAGE_BYTES, 0600);
        need("shmget", id);
        char *one = shmat(id, NULL, 0), *two = shmat(id, NULL, SHM_RDONLY);
        one[0] = 1;
        need("shmctl", shmctl(id, IPC_RMID, NULL));
        pid_t child = fork();
        if (child == 0) {
            nap(2000);
            shmdt(two);
            nap(1000);
            _exit(0);
        }
        nap(1000);
        munmap(one + PAGE_BYTES, PAGE_BYTES); /* in two parts from now on */
        nap(1000);
        end_of(child);
        shmdt(one);
        nap(1500);
        shmdt(two);
        nap(1000);
    }
}

static void operate(int id, int number, int change, int flags)
{
    struct sembuf operation = {(unsigned short)number, (short)change, (short)flags};

    if (semop(id, &operation, 1) && going())
        fail("semop");
}

static void semaphores(void)
{
    int id = semget(IPC_PRIVATE, 3, 0600);

    need("semget", id);
    pid_t other = fork();
    if (other == 0) {
        while (going()) {
            operate(id, 0, -1, 0);
            operate(id, 2, 1, SEM_UNDO);
            nap(500);
            operate(id, 2, -1, SEM_UNDO);
            operate(id, 1, 1, 0);
        }
        operate(id, 1, 1, 0);
        _exit(0);
    }
    while (going()) {
        operate(id, 0, 1, 0);
        operate(id, 1, -1, 0);
        int other_set = semget(IPC_PRIVATE, 5, 0600);
        nap(1000);
        semctl(other_set, 0, IPC_RMID);
    }
    operate(id, 0, 1, 0);
    end_of(other);
    semctl(id, 0, IPC_RMID);
}

struct note {
    long type;
    char text[40];
};

static void messages(void)
{
    int id = msgget(IPC_PRIVATE, 0600);
    struct note note = {.type = 1};

    need("msgget", id);
    pid_t other = fork();
    if (other == 0) {
        for (;;) {
            need("msgrcv", msgrcv(id, &note, sizeof note.text, -5, 0));
            if (note.text[0] == 'e')
                _exit(0);
            if (note.type == 5) /* it is to be ahead of the sender, mostly */
                nap(500);
        }
    }
    for (unsigned round = 0; going(); round++) {
        note.type = 1 + round % 5;
        need("msgsnd", msgsnd(id, &note, 1 + round % sizeof note.text, 0));
        if (round % 4 == 3)
            nap(6000);
    }
    note.text[0] = 'e';
    note.type = 5;
    need("msgsnd", msgsnd(id, &note, 1, 0));
    end_of(other);
    msgctl(id, IPC_RMID, NULL);
}

static void posix_messages(void)
{
    struct mq_attr attributes = {.mq_maxmsg = 8, .mq_msgsize = 40};
    char text[40] = "";
    unsigned priority;

    mqd_t queue = mq_open("/load", O_CREAT | O_RDWR, 0600, &attributes);
    need("mq_open", queue);
    pid_t other = fork();
    if (other == 0) {
        do {
            need("mq_receive", mq_receive(queue, text, sizeof text, &priority));
            if (priority == 1)
                nap(500);
        } while (text[0] != 'e');
        _exit(0);
    }
    for (unsigned round = 0; going(); round++) {
        need("mq_send", mq_send(queue, text, 1 + round % sizeof text, 1 + round * 7 % 5));
        if (round % 6 == 5)
            nap(6000);
    }
    text[0] = 'e';
    need("mq_send", mq_send(queue, text, 1, 0));
    end_of(other);
    mq_unlink("/load");
}

/* ---- tracing and timers ---- */

static void tracing(void)
{
    while (going()) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            ptrace(PTRACE_TRACEME, 0, NULL, NULL);
            raise(SIGSTOP);
            for (int i = 0; i < 4; i++)
                nap(1000);
            _exit(0);
        }
        if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
            _exit(3);
        for (int i = 0; i < 4; i++) {
            nap(500);
            need("ptrace", ptrace(PTRACE_SYSCALL, child, NULL, NULL));
            if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
                _exit(4);
        }
        need("detach", ptrace(PTRACE_DETACH, child, NULL, NULL));
        end_of(child);
        nap(500);
    }
}

static volatile sig_atomic_t rung;

static void ring(int signal)
{
    rung += signal;
}

static void timers(void)
{
    const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_REALTIME};
    const struct itimerval often = {{0, 3000}, {0, 3000}};
    timer_t timer[3];

    signal(SIGUSR1, ring);
    signal(SIGALRM, ring);
    signal(SIGPROF, ring);
    setitimer(ITIMER_REAL, &often, NULL);
    setitimer(ITIMER_PROF, &often, NULL);
    while (going()) {
        for (unsigned i = 0; i < 3; i++) {
            struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
            struct itimerspec setting = {{0, 2000000}, {0, 1000000}};
            need("timer_create", timer_create(clocks[i], &event, &timer[i]));
            need("timer_settime", timer_settime(timer[i], 0, &setting, NULL));
        }
        for (int i = 0; i < 20 && going(); i++) {
            for (volatile int j = 0; j < 20000; j++)
                ;
            nap(2000);
        }
        for (unsigned i = 0; i < 3; i++)
            timer_delete(timer[i]);
    }
}

/* ---- tokens ---- */

/* People who come, act as each other, are adjusted and go. */
static void tokens(void)
{
    while (going()) {
        pid_t child = fork();
        if (child == 0) {
            int anna = token_of((struct somebody){.user = USER_ANNA,
                                                  .type = TOKEN_IMPERSONATION,
                                                  .level = TOKEN_LEVEL_IMPERSONATION,
                                                  .privileges = 1ull << SE_DEBUG});
            for (int i = 0; i < 3; i++) {
                need("token_impersonate", token_impersonate(anna));
                nap(500);
            }
            need("token_adjust_privilege",
                 token_adjust_privilege(anna, SE_DEBUG, TOKEN_PRIVILEGE_DISABLE, NULL));
            need("token_revert", token_revert());
            become((struct somebody){.user = USER_BODO});
            nap(1000);
            _exit(0);
        }
        end_of(child);
    }
}

int main(void)
{
    static void (*const parts[])(void) = {mounts,         names,    namespaces, numbers,
                                          programs,       segments, semaphores, messages,
                                          posix_messages, tracing,  timers,     tokens};
    enum { PARTS = sizeof parts / sizeof *parts };
    pid_t children[PARTS];

    over = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (unsigned i = 0; i < PARTS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            parts[i]();
            _exit(0);
        }
    }
    say("loaded");
    await_host();
    prctl(PR_SET_NAME, "mutant");
    say("armed");
    await_host();
    __atomic_store_n(over, 1, __ATOMIC_RELAXED);
    int failed = 0;
    for (unsigned i = 0; i < PARTS; i++) {
        int status;

        waitpid(children[i], &status, 0);
        failed += status != 0;
        if (status != 0)
            say("part %u ended with status %#x", i, (unsigned)status);
    }
    say("done %d", failed);
    return failed != 0;
}
