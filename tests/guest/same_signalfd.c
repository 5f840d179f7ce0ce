/*
 * tests/guest/same_signalfd.c - signals as file records (signalfd), to threads, and stopping whole
 * processes: lines that must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>

static void show_record(const char *what, int fd)
{
    struct signalfd_siginfo record;
    ssize_t got = read(fd, &record, sizeof record);

    if (got != (ssize_t)sizeof record)
        show(what, got);
    else
        say("%s: signal %u code %d %s uid %u status %d value %d", what, record.ssi_signo,
            record.ssi_code, (pid_t)record.ssi_pid == getpid() ? "self" : "other", record.ssi_uid,
            record.ssi_status, record.ssi_int);
}

static int exit_three(void)
{
    return 3;
}

static int send_to_parent(void)
{
    nanosleep(&(struct timespec){0, 10000000}, NULL);
    kill(getppid(), SIGUSR1);
    return 0;
}

static void descriptors(void)
{
    sigset_t set, more;
    struct signalfd_siginfo records[3];

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGRTMIN + 1);
    sigaddset(&set, SIGKILL);
    sigprocmask(SIG_BLOCK, &set, NULL);
    show("bad flags", signalfd(-1, &set, 1));
    show("bad bytes", syscall(SYS_signalfd4, -1, &set, 4, 0));
    show("bad mask", syscall(SYS_signalfd4, -1, 8, 8, 0));
    show("not a signalfd", signalfd(0, &set, 0));
    show("no descriptor", signalfd(999, &set, 0));
    int fd = (int)show_good("signalfd", signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    show("empty", read(fd, records, sizeof records));
    show("short", read(fd, records, sizeof *records - 1));
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    show("poll empty", poll(&entry, 1, 0));
    raise(SIGUSR1);
    show("poll", poll(&entry, 1, 0));
    show_record("raise", fd);
    kill(getpid(), SIGUSR1);
    show_record("kill", fd);
    sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 5});
    sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 6});
    show("two at once", read(fd, records, sizeof records));
    say("values: %d %d", records[0].ssi_int, records[1].ssi_int);
    pid_t child = spawn(exit_three);
    poll(&entry, 1, -1);
    show_record("child", fd);
    show_end("child", child);

    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    show("epoll_ctl", epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    show("epoll empty", epoll_wait(epoll, &event, 1, 0));
    child = spawn(send_to_parent);
    show("epoll", epoll_wait(epoll, &event, 1, -1));
    show_record("from the child", fd);
    show_end("sender", child);
    poll(&entry, 1, -1);
    show_record("its end", fd);

    /* A child reads its own signals through the inherited descriptor. */
    raise(SIGUSR1);
    child = fork();
    if (!child) {
        show("the child's are its own", read(fd, records, sizeof records));
        raise(SIGUSR1);
        show_record("in the child", fd);
        _exit(0);
    }
    show_end("reader", child);
    show_record("still ours", fd);
    poll(&entry, 1, -1);
    show_record("its end", fd);

    sigemptyset(&more);
    sigaddset(&more, SIGUSR2);
    sigprocmask(SIG_BLOCK, &more, NULL);
    raise(SIGUSR1);
    show("changed", signalfd(fd, &more, 0) == fd ? 0 : -1);
    show("other signals now", read(fd, records, sizeof records));
    raise(SIGUSR2);
    show_record("the new one", fd);
    close(epoll);
    close(fd);

    fd = signalfd(-1, &set, 0);
    show_record("the one that waited", fd);
    child = spawn(send_to_parent);
    show_record("blocking read", fd);
    show_end("sender", child);
    close(fd);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    sigprocmask(SIG_UNBLOCK, &more, NULL);
}

/* ---- threads ---- */

static volatile sig_atomic_t taken_by;
static int ready, go_on;

static void note_thread(int signal)
{
    (void)signal;
    taken_by = (int)syscall(SYS_gettid);
}

static void *thread_body(void *blocks)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(blocks ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
    __atomic_store_n(&ready, (int)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
    UNTIL(__atomic_load_n(&go_on, __ATOMIC_SEQ_CST));
    sigpending(&set);
    return (void *)(long)sigismember(&set, SIGUSR1);
}

static pthread_t start_thread(long blocks)
{
    pthread_t thread;

    ready = go_on = 0;
    if (pthread_create(&thread, NULL, thread_body, (void *)blocks))
        fail("pthread_create");
    UNTIL(__atomic_load_n(&ready, __ATOMIC_SEQ_CST));
    return thread;
}

static void threads(void)
{
    struct sigaction action = {.sa_handler = note_thread};
    sigset_t set;
    void *result;

    sigaction(SIGUSR1, &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_t thread = start_thread(0);
    taken_by = 0;
    kill(getpid(), SIGUSR1);
    UNTIL(taken_by);
    say("taken by the thread that does not block: %d", taken_by == ready);
    go_on = 1;
    pthread_join(thread, &result);

    thread = start_thread(1);
    taken_by = 0;
    pthread_kill(thread, SIGUSR1);
    go_on = 1;
    pthread_join(thread, &result);
    say("pending in the thread: %ld, not in us: ", (long)result);
    sigpending(&set);
    say("%d", sigismember(&set, SIGUSR1));

    /* What the process got while all blocked goes to the first that unblocks. */
    thread = start_thread(1);
    kill(getpid(), SIGUSR1);
    sigpending(&set);
    say("pending in the process: %d", sigismember(&set, SIGUSR1));
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    say("taken by us: %d", taken_by == getpid());
    go_on = 1;
    pthread_join(thread, &result);
    say("left for the thread: %ld", (long)result);
    signal(SIGUSR1, SIG_DFL);
}

/* ---- stop and continue ---- */

static volatile sig_atomic_t child_code, child_status, child_signals;

static void note_child(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    child_code = info->si_code;
    child_status = info->si_status;
    child_signals++;
}

static int *shared;

static void *count_up(void *unused)
{
    while (!unused)
        __atomic_fetch_add(&shared[0], 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static int two_threads(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, count_up, NULL);
    return sleep_for_ever();
}

static void continued(int signal)
{
    (void)signal;
    shared[1]++;
}

static int catch_continue(void)
{
    signal(SIGCONT, continued);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    shared[2] = 1;
    while (shared[2] < 2)
        usleep(1000);
    sigpending(&set);
    int stop_pending = sigismember(&set, SIGTSTP);
    return stop_pending ? 1 : 20 + shared[1];
}

static void stopping(void)
{
    struct sigaction action = {.sa_sigaction = note_child, .sa_flags = SA_SIGINFO | SA_RESTART};
    int status;

    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sigaction(SIGCHLD, &action, NULL);
    pid_t child = spawn(two_threads);
    UNTIL(shared[0] > 1000);
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    show_status("two threads", status);
    int before = shared[0];
    usleep(20000);
    say("both stand: %d", shared[0] == before);
    say("SIGCHLD: %d code %d status %d", child_signals, child_code, child_status);
    kill(child, SIGTERM);
    usleep(1000);
    show("SIGTERM waits", waitpid(child, &status, WNOHANG));
    kill(child, SIGCONT);
    show_end("after SIGCONT", child);
    child = spawn(two_threads);
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    kill(child, SIGKILL);
    show_end("SIGKILL does not wait", child);

    action.sa_flags |= SA_NOCLDSTOP;
    sigaction(SIGCHLD, &action, NULL);
    child_signals = 0;
    child = spawn(catch_continue);
    UNTIL(shared[2] == 1);
    kill(child, SIGTSTP);
    kill(child, SIGCONT);
    UNTIL(shared[1] == 1);
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    say("SA_NOCLDSTOP: %d", child_signals);
    kill(child, SIGCONT);
    waitpid(child, &status, WCONTINUED);
    say("continued: %#x", status);
    UNTIL(shared[1] == 2);
    shared[2] = 2;
    show_end("SIGCONT took the stop away and was caught", child);
    UNTIL(child_signals);
    say("SIGCHLD: %d code %d status %d", child_signals, child_code, child_status);
}

int main(void)
{
    descriptors();
    threads();
    stopping();
    say("done");
    return 0;
}
