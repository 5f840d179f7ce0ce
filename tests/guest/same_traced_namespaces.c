/*
 * tests/guest/same_traced_namespaces.c - a tracer in a PID namespace: events, wait and siginfo name
 * tasks by the numbers that it sees; as a list of lines that must be the same on Linux (as root).
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <pthread.h>
#include <sched.h>
#include <sys/ptrace.h>

static void *executes(void *unused)
{
    char *const none[] = {NULL};

    (void)unused;
    execve("/proc/self/exe", (char *const[]){"same", "end", NULL}, none);
    return NULL;
}

/* Forks, vforks, goes into a namespace below, starts a thread, which runs another program. */
static int tracee(void)
{
    pthread_t thread;

    if (ptrace(PTRACE_TRACEME, 0, 0, 0))
        return 90;
    raise(SIGSTOP);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    syscall(SYS_wait4, child, NULL, __WALL, NULL);
    child = (pid_t)syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
    if (child == 0)
        _exit(0);
    syscall(SYS_wait4, child, NULL, __WALL, NULL);
    child = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
    if (child == 0)
        _exit(getpid() != 1);
    syscall(SYS_wait4, child, NULL, __WALL, NULL);
    pthread_create(&thread, NULL, executes, NULL);
    pthread_join(thread, NULL);
    return 91;
}

#define STEPS 64

static struct {
    int who, event, number, sender;
} steps[STEPS];
static unsigned step_count;

/* Who stops first, a child or its parent, differs from run to run: sorted by who. */
static void show_steps(void)
{
    for (int who = 1; who < 20; who++)
        for (unsigned i = 0; i < step_count; i++)
            if (steps[i].who == who)
                say("%d: event %d, number %d, si_pid %d", who, steps[i].event, steps[i].number,
                    steps[i].sender);
}

static int tracer(void)
{
    int status;
    pid_t got, child = spawn(tracee);

    say("tracer %d, tracee %d", getpid(), child);
    waitpid(child, &status, 0);
    show("options",
         ptrace(PTRACE_SETOPTIONS, child, NULL,
                (void *)(long)(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                               PTRACE_O_TRACEEXEC | PTRACE_O_TRACEVFORKDONE | PTRACE_O_EXITKILL)));
    ptrace(PTRACE_CONT, child, NULL, NULL);
    while ((got = (pid_t)syscall(SYS_wait4, -1, &status, __WALL, NULL)) > 0) {
        unsigned long message = 0;
        siginfo_t info = {0};
        if (!WIFSTOPPED(status)) {
            if (got == child)
                show_status("the end", status);
            continue;
        }
        int event = status >> 16, signal = WSTOPSIG(status);
        ptrace(PTRACE_GETEVENTMSG, got, NULL, &message);
        ptrace(PTRACE_GETSIGINFO, got, NULL, &info);
        if (event && step_count < STEPS) {
            steps[step_count].who = got;
            steps[step_count].event = event;
            steps[step_count].number = (int)message;
            steps[step_count++].sender = info.si_pid;
        }
        ptrace(PTRACE_CONT, got, NULL,
               (void *)(long)(event || signal == SIGSTOP || signal == SIGTRAP ? 0 : signal));
    }
    show_steps();
    return 0;
}

/* Without PTRACE_O_TRACEEXEC the new program begins with a SIGTRAP, of itself. */
static int plain_tracee(void)
{
    if (ptrace(PTRACE_TRACEME, 0, 0, 0))
        return 90;
    executes(NULL);
    return 91;
}

static int plain_tracer(void)
{
    siginfo_t info = {0};
    pid_t child = spawn(plain_tracee);
    int status;

    waitpid(child, &status, 0);
    show_status("exec", status);
    ptrace(PTRACE_GETSIGINFO, child, NULL, &info);
    say("code %d of %d", info.si_code, info.si_pid);
    ptrace(PTRACE_CONT, child, NULL, NULL);
    show_end("it", child);
    return 0;
}

/* What SIGCHLD says of a stop. */
static int told_by_signal(void)
{
    sigset_t set;
    siginfo_t info = {0};

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pid_t child = spawn(plain_tracee);
    say("heard %d", sigwaitinfo(&set, &info));
    say("code %d of %d status %d", info.si_code, info.si_pid, info.si_status);
    show("kill", kill(child, SIGKILL));
    show_end("it", child);
    return 0;
}

static void inside(const char *what, int (*function)(void))
{
    long child = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);

    if (child == 0)
        _exit(function());
    show_end(what, (pid_t)child);
}

int main(int count, char **words)
{
    if (count > 1 && !strcmp(words[1], "end"))
        return 5;
    inside("tracer", tracer);
    inside("exec", plain_tracer);
    inside("signal", told_by_signal);
    say("done");
    return 0;
}
