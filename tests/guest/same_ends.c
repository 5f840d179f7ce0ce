/*
 * tests/guest/same_ends.c - how threads and processes end and who hears of it, as a list of lines
 * that must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>

static int *shared; /* words that parent and children have in common */

static void *start(void *(*function)(void *), void *argument)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, function, argument))
        fail("pthread_create");
    return (void *)thread;
}

/* ---- exit and exit_group ---- */

static void *exit_later(void *unused)
{
    (void)unused;
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    syscall(SYS_exit, 4);
    return NULL;
}

static void *exit_all(void *unused)
{
    (void)unused;
    syscall(SYS_exit_group, 5);
    return NULL;
}

static int leader_first(void)
{
    start(exit_later, NULL);
    syscall(SYS_exit, 3);
    return 99;
}

static int another_ends_all(void)
{
    start(exit_all, NULL);
    return sleep_for_ever();
}

static void *die(void *unused)
{
    (void)unused;
    raise(SIGKILL);
    return NULL;
}

static int killed_by_thread(void)
{
    start(die, NULL);
    return sleep_for_ever();
}

static void exits(void)
{
    show_end("the leader exits first", spawn(leader_first));
    show_end("another thread ends all", spawn(another_ends_all));
    show_end("a thread kills all", spawn(killed_by_thread));
}

/* ---- exec in a thread ---- */

static void *exec_self(void *unused)
{
    char child[20];

    (void)unused;
    snprintf(child, sizeof child, "%d", spawn(sleep_for_ever));
    execl("/proc/self/exe", "same_ends", child, (char *)NULL);
    _exit(98);
}

static int exec_in_thread(void)
{
    start(exec_self, NULL);
    return sleep_for_ever();
}

/* What the program that a thread started says of itself. */
static int after_exec(pid_t child)
{
    int status;

    say("exec in a thread: pid is tid: %d", getpid() == (pid_t)syscall(SYS_gettid));
    show("the thread's child, no news", waitpid(child, &status, WNOHANG | __WNOTHREAD));
    kill(child, SIGKILL);
    show_end("the thread's child", child);
    return 6;
}

/* ---- wait ---- */

static int exit_seven(void)
{
    return 7;
}

static void show_info(const char *what, const siginfo_t *info, pid_t child)
{
    say("%s: signal %d code %d status %d %s", what, info->si_signo, info->si_code, info->si_status,
        info->si_pid == child ? "child"
        : info->si_pid        ? "another"
                              : "none");
}

static void waits(void)
{
    siginfo_t info;
    int status = -1;

    show("wait4 without children", wait4(-1, &status, 0, NULL));
    show("waitid without children", waitid(P_ALL, 0, &info, WEXITED));
    show("wait4 bad option", wait4(-1, &status, 0x100, NULL));
    show("wait4 WEXITED", wait4(-1, &status, WEXITED, NULL));
    show("wait4 WNOWAIT", wait4(-1, &status, WNOWAIT, NULL));
    show("wait4 INT_MIN", syscall(SYS_wait4, -2147483647 - 1, &status, 0, NULL));
    show("waitid no kind of news", waitid(P_ALL, 0, &info, WNOHANG));
    show("waitid bad option", waitid(P_ALL, 0, &info, WEXITED | 0x100));
    show("waitid bad kind", waitid((idtype_t)9, 0, &info, WEXITED));
    show("waitid pid 0", waitid(P_PID, 0, &info, WEXITED));
    show("waitid pid -1", waitid(P_PID, (id_t)-1, &info, WEXITED));
    show("waitid group -1", waitid(P_PGID, (id_t)-1, &info, WEXITED));

    pid_t child = spawn(sleep_for_ever);
    show("WNOHANG", waitpid(child, &status, WNOHANG));
    memset(&info, 0xff, sizeof info);
    show("waitid WNOHANG", waitid(P_ALL, 0, &info, WEXITED | WNOHANG));
    show_info("nothing", &info, child);
    show("another group", waitid(P_PGID, 0x3ffffff, &info, WEXITED));
    show("not a child", waitpid(1, &status, 0));
    show("WCLONE", waitpid(-1, &status, __WCLONE));

    kill(child, SIGSTOP);
    waitid(P_PID, (id_t)child, &info, WSTOPPED | WNOWAIT);
    show_info("stopped, kept", &info, child);
    show("exited only", waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG));
    waitpid(child, &status, WUNTRACED);
    show_status("wait4 stopped", status);
    show("stopped twice", waitpid(child, &status, WUNTRACED | WNOHANG));
    kill(child, SIGCONT);
    waitid(P_PGID, 0, &info, WCONTINUED | WNOWAIT);
    show_info("continued, kept", &info, child);
    waitpid(child, &status, WCONTINUED);
    say("wait4 continued: %#x", status);
    show("continued twice", waitpid(child, &status, WCONTINUED | WNOHANG));
    kill(child, SIGTERM);
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
    show_info("killed, kept", &info, child);
    show("null info", waitid(P_PID, (id_t)child, NULL, WEXITED | WNOWAIT));
    memset(&info, 0, sizeof info);
    waitid(P_ALL, 0, &info, WEXITED);
    show_info("killed", &info, child);
    child = spawn(exit_seven);
    waitid(P_PID, (id_t)child, &info, WEXITED);
    show_info("exited", &info, child);
    child = spawn(exit_seven);
    show("bad status address", syscall(SYS_wait4, child, 8, 0, NULL));
    show("is it gone", waitpid(child, &status, 0));
}

/* Who may wait for whose children. */
static void *wait_for_others(void *argument)
{
    int status;

    show("__WNOTHREAD for another thread's child",
         waitpid(*(pid_t *)argument, &status, __WNOTHREAD | WNOHANG));
    show("without __WNOTHREAD", waitpid(*(pid_t *)argument, &status, WNOHANG));
    pid_t child = fork();
    if (!child) {
        prctl(PR_SET_PDEATHSIG, SIGUSR1);
        shared[2] = 1;
        sleep_for_ever();
    }
    UNTIL(shared[2]);
    shared[1] = child;
    return NULL;
}

static void threads_and_children(void)
{
    int status;
    pid_t child = spawn(sleep_for_ever);
    pthread_t thread = (pthread_t)start(wait_for_others, &child);

    pthread_join(thread, NULL);
    /* The thread has ended: its child is ours, and has heard of it. */
    show_end("death signal of a thread's child", shared[1]);
    kill(child, SIGKILL);
    say("own: %d", waitpid(child, &status, __WNOTHREAD) == child);
}

/* ---- what nobody waits for ---- */

static volatile sig_atomic_t heard;

static void hear(int signal)
{
    (void)signal;
    heard++;
}

static int use_time(void)
{
    struct rusage usage;

    do
        getrusage(RUSAGE_SELF, &usage);
    while (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec < 30000);
    return 0;
}

static void reaping(void)
{
    struct rusage before, after;
    int status;

    signal(SIGCHLD, SIG_IGN);
    getrusage(RUSAGE_CHILDREN, &before);
    spawn(use_time);
    show("SIGCHLD ignored", wait4(-1, &status, 0, NULL));
    getrusage(RUSAGE_CHILDREN, &after);
    say("its time is not ours: %d", timercmp(&before.ru_utime, &after.ru_utime, ==));

    struct sigaction action = {.sa_handler = hear, .sa_flags = SA_NOCLDWAIT};
    sigaction(SIGCHLD, &action, NULL);
    spawn(exit_seven);
    long result;
    do
        result = wait4(-1, &status, 0, NULL);
    while (result < 0 && errno == EINTR);
    show("SA_NOCLDWAIT", result);
    UNTIL(heard);
    say("and the signal: %d", heard);

    signal(SIGCHLD, SIG_DFL);
    getrusage(RUSAGE_CHILDREN, &before);
    pid_t child = spawn(use_time);
    show("with usage", wait4(child, &status, 0, &after) == child ? 0 : -1);
    long used = after.ru_utime.tv_usec + after.ru_stime.tv_usec;
    say("it used the time: %d", used >= 30000);
    getrusage(RUSAGE_CHILDREN, &after);
    used = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 + after.ru_utime.tv_usec -
           before.ru_utime.tv_usec + (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000 +
           after.ru_stime.tv_usec - before.ru_stime.tv_usec;
    say("now it is ours: %d", used >= 30000);
}

/* ---- orphans ---- */

static int orphan(void)
{
    pid_t parent = getppid();

    prctl(PR_SET_PDEATHSIG, SIGUSR2);
    signal(SIGUSR2, hear);
    shared[3] = 1;
    UNTIL(getppid() != parent);
    UNTIL(heard);
    return shared[4] == getppid() ? 8 : 9;
}

static int make_orphan(void)
{
    shared[3] = 0;
    heard = 0;
    spawn(orphan);
    UNTIL(shared[3]);
    return 0;
}

static void orphans(void)
{
    int status, value = -1;

    show("prctl subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
    prctl(PR_GET_CHILD_SUBREAPER, &value);
    say("is subreaper: %d", value);
    shared[4] = getpid();
    show_end("the one between", spawn(make_orphan));
    pid_t got = wait(&status);
    say("an orphan came: %d", got > 0);
    show_status("the orphan", status);
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
    show("death signal 65", prctl(PR_SET_PDEATHSIG, 65));
    show("death signal -1", prctl(PR_SET_PDEATHSIG, -1));
    prctl(PR_SET_PDEATHSIG, SIGHUP);
    pid_t child = fork();
    if (!child) {
        prctl(PR_GET_PDEATHSIG, &value);
        _exit(value);
    }
    show_end("the death signal is not inherited", child);
    prctl(PR_SET_PDEATHSIG, 0);
}

/* ---- robust futexes ---- */

static void robust(void)
{
    pthread_mutex_t *mutex = (pthread_mutex_t *)(void *)&shared[16];
    pthread_mutexattr_t attributes;

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(mutex, &attributes);
    pid_t child = fork();
    if (!child) {
        pthread_mutex_lock(mutex);
        shared[5] = 1;
        sleep_for_ever();
    }
    UNTIL(shared[5]);
    errno = pthread_mutex_trylock(mutex);
    show("held", errno ? -1 : 0);
    pid_t killer = fork();
    if (!killer) {
        nanosleep(&(struct timespec){0, 20000000}, NULL);
        kill(child, SIGKILL);
        _exit(0);
    }
    errno = pthread_mutex_lock(mutex);
    show("owner died", errno ? -1 : 0);
    pthread_mutex_consistent(mutex);
    errno = pthread_mutex_unlock(mutex);
    show("made consistent", errno ? -1 : 0);
    show_end("owner", child);
    show_end("killer", killer);
}

int main(int count, char **arguments)
{
    if (count > 1)
        return after_exec(atoi(arguments[1]));
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    exits();
    show_end("exec in a thread", spawn(exec_in_thread));
    waits();
    threads_and_children();
    reaping();
    orphans();
    robust();
    say("done");
    return 0;
}
