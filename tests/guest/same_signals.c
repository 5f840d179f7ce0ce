/*
 * tests/guest/same_signals.c - sending, queueing, blocking, restarting, stopping: signals as a list
 * of lines that must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/time.h>

static volatile sig_atomic_t caught, last_code, last_value, on_stack, nested;
static char alternate[65536];

static void note(int signal, siginfo_t *info, void *context)
{
    char here;

    (void)context;
    caught++;
    last_code = info->si_code;
    last_value = info->si_value.sival_int;
    on_stack = &here >= alternate && &here < alternate + sizeof alternate;
    (void)signal;
}

static void catch_with(int signal, int flags)
{
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | flags};

    sigaction(signal, &action, NULL);
    caught = 0;
}

static void block(int how, int signal)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, signal);
    sigprocmask(how, &set, NULL);
}

static sigset_t set_of(int signal)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, signal);
    return set;
}

/* ---- sending ---- */

static long queue_info(int signal, int code, int value)
{
    siginfo_t info = {.si_signo = signal, .si_code = code};

    info.si_pid = getpid();
    info.si_value.sival_int = value;
    return syscall(SYS_rt_sigqueueinfo, getpid(), signal, &info);
}

static void sending(void)
{
    siginfo_t info = {.si_code = SI_QUEUE};

    show("kill signal 0", kill(getpid(), 0));
    show("kill signal 65", kill(getpid(), 65));
    show("kill signal -1", kill(getpid(), -1));
    show("kill nobody", kill(0x3ffffff, SIGUSR1));
    show("kill no group", kill(-0x3ffffff, SIGUSR1));
    show("kill INT_MIN", kill(-2147483647 - 1, SIGUSR1));
    show("tkill 0", syscall(SYS_tkill, 0, SIGUSR1));
    show("tgkill wrong group", syscall(SYS_tgkill, getpid() + 1, getpid(), 0));
    show("tgkill 0", syscall(SYS_tgkill, 0, getpid(), 0));
    show("tgkill", syscall(SYS_tgkill, getpid(), getpid(), 0));
    show("sigqueueinfo bad address", syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, 8));
    show("sigqueueinfo nobody", syscall(SYS_rt_sigqueueinfo, 0x3ffffff, SIGUSR1, &info));
    info.si_code = SI_USER;
    show("sigqueueinfo as kill", syscall(SYS_rt_sigqueueinfo, getppid(), 0, &info));
    info.si_code = SI_TKILL;
    show("sigqueueinfo as tkill", syscall(SYS_rt_sigqueueinfo, getppid(), 0, &info));
    show("tgsigqueueinfo tid 0", syscall(SYS_rt_tgsigqueueinfo, getpid(), 0, SIGUSR1, &info));

    catch_with(SIGUSR1, 0);
    kill(getpid(), SIGUSR1);
    say("kill: %d code %d", caught, last_code);
    raise(SIGUSR1);
    say("raise: %d code %d", caught, last_code);
    sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 42});
    say("sigqueue: %d code %d value %d", caught, last_code, last_value);
    queue_info(SIGUSR1, 5, 43);
    say("own code: %d code %d value %d", caught, last_code, last_value);
    show("sigaction 0", syscall(SYS_rt_sigaction, 0, NULL, NULL, 8));
    show("sigaction 65", syscall(SYS_rt_sigaction, 65, NULL, NULL, 8));
    show("sigaction bytes", syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 16));
    struct sigaction action = {.sa_handler = SIG_IGN};
    show("sigaction SIGKILL", sigaction(SIGKILL, &action, NULL));
    show("sigaction SIGSTOP", sigaction(SIGSTOP, &action, NULL));
    show("sigaction SIGKILL query", sigaction(SIGKILL, NULL, &action));
    show("sigprocmask bad how", sigprocmask(7, &(sigset_t){0}, NULL));
    show("sigprocmask bytes", syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, NULL, 4));
}

/* ---- queueing ---- */

static void queueing(void)
{
    int signal = SIGRTMIN + 3;
    sigset_t pending, set = set_of(signal);
    siginfo_t info;
    char order[100] = "";

    catch_with(SIGUSR1, 0);
    catch_with(signal, 0);
    block(SIG_BLOCK, SIGUSR1);
    block(SIG_BLOCK, signal);
    for (int i = 0; i < 3; i++) {
        sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = i});
        sigqueue(getpid(), signal, (union sigval){.sival_int = i});
    }
    sigpending(&pending);
    say("pending: %d %d", sigismember(&pending, SIGUSR1), sigismember(&pending, signal));
    for (int i = 0; i < 3; i++) {
        int got = sigwaitinfo(&set, &info);
        snprintf(order + strlen(order), sizeof order - strlen(order), " %d:%d/%d", got == signal,
                 info.si_value.sival_int, info.si_code);
    }
    say("in order:%s", order);
    struct timespec moment = {0, 1000000};
    show("then none", sigtimedwait(&set, &info, &moment));
    moment.tv_nsec = 1000000000;
    show("bad time", sigtimedwait(&set, &info, &moment));
    show("bad bytes", syscall(SYS_rt_sigtimedwait, &set, &info, NULL, 4));
    caught = 0;
    block(SIG_UNBLOCK, SIGUSR1);
    say("an ordinary one is queued once: %d, the first value %d", caught, last_value);

    struct rlimit limit = {4, 4};
    block(SIG_BLOCK, SIGUSR2);
    pid_t child = fork();
    if (!child) {
        setrlimit(RLIMIT_SIGPENDING, &limit);
        int queued = 0;
        /* Others of this user may have some queued: how many fit is not the same everywhere. */
        while (queued < 100 && !sigqueue(getpid(), signal, (union sigval){.sival_int = 0}))
            queued++;
        show("RLIMIT_SIGPENDING", queued <= 4 ? sigqueue(getpid(), signal, (union sigval){0}) : 0);
        show("kill is never refused", kill(getpid(), signal));
        show("an ordinary one neither", sigqueue(getpid(), SIGUSR2, (union sigval){0}));
        _exit(0);
    }
    show_end("limit", child);
    block(SIG_UNBLOCK, SIGUSR2);

    /* The lowest number first, the thread's own before the process's. */
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    kill(getpid(), SIGRTMIN + 5);
    raise(SIGRTMIN + 6);
    kill(getpid(), SIGUSR2);
    kill(getpid(), SIGTERM);
    order[0] = '\0';
    for (int i = 0; i < 4; i++) {
        int got = sigwaitinfo(&all, &info);
        snprintf(order + strlen(order), sizeof order - strlen(order), " %d", got);
    }
    say("order:%s", order);
    sigemptyset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);

    /* What becomes ignored while it is pending is gone. */
    block(SIG_BLOCK, SIGUSR1);
    kill(getpid(), SIGUSR1);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGUSR1, &ignore, NULL);
    sigpending(&pending);
    say("ignored while pending: %d", sigismember(&pending, SIGUSR1));
    kill(getpid(), SIGUSR1);
    sigpending(&pending);
    say("blocked and ignored: %d", sigismember(&pending, SIGUSR1));
    block(SIG_UNBLOCK, SIGUSR1);
}

/* ---- flags ---- */

static void nest(int signal)
{
    (void)signal;
    if (nested++ < 2)
        raise(SIGUSR1);
    caught = caught * 10 + nested;
}

static void flags(void)
{
    struct sigaction action = {.sa_handler = nest}, old;

    nested = caught = 0;
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    say("the own signal waits: %d", caught);
    nested = caught = 0;
    action.sa_flags = SA_NODEFER;
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    say("SA_NODEFER: %d", caught);
    catch_with(SIGUSR1, (int)SA_RESETHAND);
    raise(SIGUSR1);
    sigaction(SIGUSR1, NULL, &old);
    say("SA_RESETHAND: %s, flags kept %d", old.sa_handler == SIG_DFL ? "default" : "not",
        (old.sa_flags & (int)SA_RESETHAND) != 0);
    struct {
        void *handler;
        unsigned long flags;
        void *restorer;
        unsigned long mask;
    } raw = {SIG_IGN, ~0ul, NULL, ~0ul}, back;
    syscall(SYS_rt_sigaction, SIGUSR2, &raw, NULL, 8);
    syscall(SYS_rt_sigaction, SIGUSR2, NULL, &back, 8);
    say("known flags %#lx mask %#lx", back.flags, back.mask);
    raw = (typeof(raw)){SIG_DFL, 0, NULL, 0};
    syscall(SYS_rt_sigaction, SIGUSR2, &raw, NULL, 8);

    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate}, was;
    show("sigaltstack", sigaltstack(&stack, NULL));
    catch_with(SIGUSR1, SA_ONSTACK);
    raise(SIGUSR1);
    say("SA_ONSTACK: %d", on_stack);
    catch_with(SIGUSR1, 0);
    raise(SIGUSR1);
    say("without: %d", on_stack);
    stack.ss_size = 1000;
    show("too small", sigaltstack(&stack, NULL));
    stack.ss_size = sizeof alternate;
    stack.ss_flags = 4;
    show("bad flags", sigaltstack(&stack, NULL));
    stack.ss_flags = SS_DISABLE;
    sigaltstack(&stack, NULL);
    sigaltstack(NULL, &was);
    say("disabled: flags %d, %zu bytes", was.ss_flags, was.ss_size);
}

/* ---- interrupted calls ---- */

static int ends[2];
static int word;
/* How long the calls below would last: far longer than the signal takes, where they end by it. */
static long limit_ms = 5000;

static struct timespec limit(void)
{
    return (struct timespec){limit_ms / 1000, limit_ms % 1000 * 1000000};
}

static long call_read(void)
{
    char byte;

    return read(ends[0], &byte, 1);
}

static long call_poll(void)
{
    struct pollfd entry = {.fd = ends[0], .events = POLLIN};

    return poll(&entry, 1, (int)limit_ms);
}

static long call_select(void)
{
    fd_set set;
    struct timeval time = {limit_ms / 1000, limit_ms % 1000 * 1000};

    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    return select(ends[0] + 1, &set, NULL, NULL, &time);
}

static long call_epoll(void)
{
    int epoll = epoll_create1(0);
    struct epoll_event event;
    long result = epoll_wait(epoll, &event, 1, (int)limit_ms);
    int saved = errno;

    close(epoll);
    errno = saved;
    return result;
}

static long call_nanosleep(void)
{
    struct timespec time = limit();

    return nanosleep(&time, NULL);
}

static long call_absolute(void)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += limit().tv_nsec;
    until.tv_sec += limit().tv_sec + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    return errno ? -1 : 0;
}

static long call_futex(void)
{
    struct timespec time = limit();

    return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &time, NULL, 0);
}

static long call_pause(void)
{
    return pause();
}

static long call_suspend(void)
{
    sigset_t none;

    sigemptyset(&none);
    return sigsuspend(&none);
}

static long call_wait(void)
{
    return waitpid(-1, NULL, 0);
}

static long call_sigwait(void)
{
    sigset_t set = set_of(SIGUSR2);
    struct timespec time = limit();

    return sigtimedwait(&set, NULL, &time);
}

static pthread_t sender_thread;
static int sender_waits;

/* A signal to the main thread once it sleeps, which /proc tells. */
static bool main_sleeps(void)
{
    char path[64], text[400];

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", getpid());
    int fd = open(path, O_RDONLY);
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    if (got <= 0)
        return false;
    text[got] = '\0';
    char *state = strrchr(text, ')');
    return state && state[2] == 'S';
}

static void *send_one(void *signal)
{
    if (sender_waits)
        UNTIL(main_sleeps());
    pthread_kill(sender_thread, (int)(long)signal);
    return NULL;
}

static long interrupt(const char *what, long (*call)(void), int signal)
{
    pthread_t thread;
    char line[100];

    caught = 0;
    sender_thread = pthread_self();
    sender_waits = 1;
    pthread_create(&thread, NULL, send_one, (void *)(long)signal);
    long result = call();
    int error = errno;
    pthread_join(thread, NULL);
    snprintf(line, sizeof line, "%s (caught %d)", what, caught);
    errno = error;
    show(line, result);
    return result;
}

static const struct {
    const char *name;
    long (*call)(void);
} calls[] = {
    {"poll", call_poll},
    {"select", call_select},
    {"epoll_wait", call_epoll},
    {"nanosleep", call_nanosleep},
    {"clock_nanosleep absolute", call_absolute},
    {"futex with a time", call_futex},
    {"sigtimedwait", call_sigwait},
};

/* Stops the process from a child and continues it: nothing of that shows in these calls. */
static void stop_and_continue(const char *what, long (*call)(void))
{
    pid_t self = getpid(), child = fork();
    char line[100];

    if (!child) {
        char path[64], text[400], state = 0;
        snprintf(path, sizeof path, "/proc/%d/stat", self);
        for (int i = 0; i < 2; i++) {
            do {
                nanosleep(&(struct timespec){0, 500000}, NULL);
                int fd = open(path, O_RDONLY);
                ssize_t got = read(fd, text, sizeof text - 1);
                close(fd);
                text[got > 0 ? got : 0] = '\0';
                const char *end = strrchr(text, ')');
                if (end)
                    state = end[2];
            } while (state != (i ? 'T' : 'S'));
            kill(self, i ? SIGCONT : SIGSTOP);
        }
        _exit(0);
    }
    long result = call();
    int error = errno;
    while (waitpid(child, NULL, 0) < 0)
        ;
    snprintf(line, sizeof line, "stopped in %s", what);
    errno = error;
    show(line, result);
}

static void restarting(void)
{
    char line[100];

    if (pipe(ends))
        fail("pipe");
    catch_with(SIGUSR1, 0);
    interrupt("read", call_read, SIGUSR1);
    interrupt("pause", call_pause, SIGUSR1);
    block(SIG_BLOCK, SIGUSR1);
    interrupt("sigsuspend", call_suspend, SIGUSR1);
    block(SIG_UNBLOCK, SIGUSR1);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        interrupt(calls[i].name, calls[i].call, SIGUSR1);
    pid_t child = spawn(sleep_for_ever);
    interrupt("waitpid", call_wait, SIGUSR1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);

    catch_with(SIGUSR1, SA_RESTART);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        snprintf(line, sizeof line, "SA_RESTART %s", calls[i].name);
        interrupt(line, calls[i].call, SIGUSR1);
    }
    interrupt("SA_RESTART pause", call_pause, SIGUSR1);
    limit_ms = 200; /* from here on they end by themselves */
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        stop_and_continue(calls[i].name, calls[i].call);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    sending();
    queueing();
    flags();
    restarting();
    say("done");
    return 0;
}
