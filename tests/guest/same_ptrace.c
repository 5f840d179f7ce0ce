/*
 * tests/guest/same_ptrace.c - one process steers another (ptrace, process_vm_readv, /proc/PID/mem);
 * lines that must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

static volatile long shared_word = 42;
static const char read_only[] = "constant";
static volatile sig_atomic_t heard;

static long trace(int request, pid_t pid, unsigned long address, unsigned long data)
{
    return syscall(SYS_ptrace, (long)request, (long)pid, address, data);
}

/* Waits for that task and says what it did, with the event if there is one. */
static int show_stop(const char *what, pid_t pid)
{
    int status = 0;
    pid_t got = (pid_t)syscall(SYS_wait4, pid, &status, __WALL, NULL);

    if (got != pid)
        show(what, got < 0 ? -1 : got);
    else if (WIFSTOPPED(status) && status >> 16)
        say("%s: event %d, signal %d", what, status >> 16, WSTOPSIG(status));
    else
        show_status(what, status);
    return status;
}

static void hear(int signal)
{
    heard = signal;
}

/* ---- a child that asks to be traced ---- */

static int traced_child(void)
{
    signal(SIGUSR1, hear);
    if (ptrace(PTRACE_TRACEME, 0, 0, 0))
        return 90;
    raise(SIGSTOP);
    raise(SIGUSR1);
    raise(SIGUSR2); /* the tracer takes it away */
    raise(SIGWINCH);
    return shared_word == 4711 && heard == SIGUSR1 ? 7 : 8;
}

static void signals(void)
{
    pid_t child = spawn(traced_child);
    siginfo_t info;
    unsigned long word = 0;

    show("not stopped yet, or not ours", trace(PTRACE_CONT, 1, 0, 0));
    show_stop("first", child);
    show("again", trace(PTRACE_ATTACH, child, 0, 0));
    show("peek", trace(PTRACE_PEEKDATA, child, (unsigned long)&shared_word, (unsigned long)&word));
    say("word %lu", word);
    show("peek nowhere", trace(PTRACE_PEEKDATA, child, 8, (unsigned long)&word));
    show("poke", trace(PTRACE_POKEDATA, child, (unsigned long)&shared_word, 4711));
    memcpy(&word, "changed\0", 8);
    show("poke what is read-only", trace(PTRACE_POKETEXT, child, (unsigned long)read_only, word));
    say("ours is still %s", read_only);
    show("siginfo", trace(PTRACE_GETSIGINFO, child, 0, (unsigned long)&info));
    say("signal %d, code %d, from itself %d", info.si_signo, info.si_code, info.si_pid == child);
    show("bad signal", trace(PTRACE_CONT, child, 0, 99));
    show("bad option", trace(PTRACE_SETOPTIONS, child, 0, 1ul << 40));
    show("bad request", trace(999, child, 0, 0));
    show("go on", trace(PTRACE_CONT, child, 0, 0));
    show_stop("caught one", child);
    show("give it", trace(PTRACE_CONT, child, 0, SIGUSR1));
    show_stop("another", child);
    show("take it", trace(PTRACE_CONT, child, 0, 0));
    show_stop("one that is ignored", child);
    trace(PTRACE_CONT, child, 0, SIGWINCH);
    show_stop("end", child);
    show("gone", trace(PTRACE_CONT, child, 0, 0));
}

/* ---- what is queued ---- */

static int blocking_child(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    return 0;
}

static void peek_queue(const char *what, pid_t child, unsigned long first, unsigned flags,
                       int count)
{
    const struct {
        unsigned long first;
        unsigned flags;
        int count;
    } wanted = {first, flags, count};
    siginfo_t infos[4];

    memset(infos, 0, sizeof infos);
    show(what, trace(PTRACE_PEEKSIGINFO, child, (unsigned long)&wanted, (unsigned long)infos));
    for (int i = 0; i < 4; i++)
        say("  %d: signal %d, code %d, value %d", i, infos[i].si_signo, infos[i].si_code,
            infos[i].si_value.sival_int);
}

/* The signals that wait in the two queues of a stopped thread, without taking them. */
static void queued_signals(void)
{
    pid_t child = spawn(blocking_child);

    show_stop("first", child);
    for (int i = 0; i < 3; i++) {
        siginfo_t info = {.si_signo = SIGRTMIN, .si_code = -2};

        info.si_value.sival_int = 10 + i;
        show("to the process", syscall(SYS_rt_sigqueueinfo, child, SIGRTMIN, &info));
    }
    siginfo_t info = {.si_signo = SIGRTMIN, .si_code = -3};
    show("to the thread", syscall(SYS_rt_tgsigqueueinfo, child, child, SIGRTMIN, &info));
    peek_queue("of the thread", child, 0, 0, 4);
    peek_queue("of the process", child, 0, 1, 4);
    peek_queue("two of them", child, 1, 1, 2);
    peek_queue("behind the last", child, 3, 1, 4);
    peek_queue("far behind it", child, ~0ul, 1, 4);
    peek_queue("none", child, 0, 1, 0);
    peek_queue("less than none", child, 0, 1, -1);
    peek_queue("bad flag", child, 0, 2, 4);
    show("asked nowhere", trace(PTRACE_PEEKSIGINFO, child, 8, 0));
    const struct {
        unsigned long first;
        unsigned flags;
        int count;
    } all = {0, 1, 4};
    show("told nowhere", trace(PTRACE_PEEKSIGINFO, child, (unsigned long)&all, 8));
    trace(PTRACE_CONT, child, 0, 0);
    show_stop("end", child);
}

/* ---- registers and system calls ---- */

static int calling_child(void)
{
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    long pid = syscall(SYS_getppid);
    long skipped = syscall(SYS_getuid);
    return pid == 1234 && skipped == 99 ? 3 : 4;
}

static void show_call(const char *what, pid_t child)
{
    struct __ptrace_syscall_info info = {0};
    long bytes = trace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, (unsigned long)&info);

    if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
        say("%s: %ld bytes, entry of %lld, arch %#x", what, bytes, (long long)info.entry.nr,
            info.arch);
    else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
        say("%s: %ld bytes, exit, error %d", what, bytes, info.exit.is_error);
    else
        say("%s: %ld bytes, op %d", what, bytes, info.op);
}

/* Runs to the entry of that call. */
static bool go_to_call(pid_t child, unsigned long number)
{
    struct user_regs_struct registers;
    int status;

    for (int tries = 0; tries < 200; tries++) {
        trace(PTRACE_SYSCALL, child, 0, 0);
        if (waitpid(child, &status, __WALL) != child || !WIFSTOPPED(status))
            return false;
        trace(PTRACE_GETREGS, child, 0, (unsigned long)&registers);
        if (WSTOPSIG(status) == (SIGTRAP | 0x80) && registers.orig_rax == number &&
            (long)registers.rax == -ENOSYS)
            return true;
    }
    return false;
}

static void system_calls(void)
{
    pid_t child = spawn(calling_child);
    struct user_regs_struct registers, again;
    struct user_fpregs_struct vectors;
    struct iovec vector = {&again, sizeof again};
    static char state[8192];

    show_stop("first", child);
    show("options", trace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD));
    show_call("in no call", child);
    show("getppid", go_to_call(child, SYS_getppid));
    show_call("entry", child);
    trace(PTRACE_SYSCALL, child, 0, 0);
    show_stop("exit", child);
    show_call("exit", child);
    show("registers", trace(PTRACE_GETREGS, child, 0, (unsigned long)&registers));
    say("our pid: %d, cs %#llx, ss %#llx", (pid_t)registers.rax == getpid(), registers.cs,
        registers.ss);
    registers.rax = 1234;
    show("set", trace(PTRACE_SETREGS, child, 0, (unsigned long)&registers));
    show("register set", trace(PTRACE_GETREGSET, child, 1, (unsigned long)&vector));
    say("%zu bytes, the same: %d", vector.iov_len, !memcmp(&registers, &again, sizeof again));
    show("user area",
         trace(PTRACE_PEEKUSER, child, offsetof(struct user, regs.rip), (unsigned long)&again.rip));
    say("rip: %d", again.rip == registers.rip);
    show("not a word", trace(PTRACE_PEEKUSER, child, 3, (unsigned long)&again.rip));
    show("poke", trace(PTRACE_POKEUSER, child, offsetof(struct user, regs.rbx), registers.rbx));
    registers.cs = 8;
    show("kernel's segment", trace(PTRACE_SETREGS, child, 0, (unsigned long)&registers));
    show("vectors", trace(PTRACE_GETFPREGS, child, 0, (unsigned long)&vectors));
    say("control word %#x", vectors.cwd);
    show("set vectors", trace(PTRACE_SETFPREGS, child, 0, (unsigned long)&vectors));
    vector = (struct iovec){state, sizeof state};
    long error = trace(PTRACE_GETREGSET, child, 0x202, (unsigned long)&vector);
    say("extended state: %d", (!error && vector.iov_len >= 576) || (error && errno == ENODEV));
    show("no such set", trace(PTRACE_GETREGSET, child, 0x7777, (unsigned long)&vector));

    show("getuid", go_to_call(child, SYS_getuid));
    show("no call", trace(PTRACE_POKEUSER, child, offsetof(struct user, regs.orig_rax), -1ul));
    trace(PTRACE_SYSCALL, child, 0, 0);
    show_stop("skipped", child);
    show("its result", trace(PTRACE_POKEUSER, child, offsetof(struct user, regs.rax), 99));
    trace(PTRACE_CONT, child, 0, 0);
    show_stop("end", child);
}

/* ---- steps and breakpoints ---- */

static __attribute__((noinline)) void break_here(void)
{
    __asm__ volatile("nop; nop; nop" ::: "memory");
}

static int stepped_child(void)
{
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    break_here();
    return 5;
}

static void steps(void)
{
    pid_t child = spawn(stepped_child);
    unsigned long place = (unsigned long)break_here, text, rip = 0;
    siginfo_t info;

    show_stop("first", child);
    trace(PTRACE_PEEKTEXT, child, place, (unsigned long)&text);
    show("breakpoint", trace(PTRACE_POKETEXT, child, place, (text & ~0xfful) | 0xcc));
    trace(PTRACE_CONT, child, 0, 0);
    show_stop("hit", child);
    trace(PTRACE_GETSIGINFO, child, 0, (unsigned long)&info);
    say("code %d", info.si_code);
    trace(PTRACE_PEEKUSER, child, offsetof(struct user, regs.rip), (unsigned long)&rip);
    say("behind it: %d", rip == place + 1);
    trace(PTRACE_POKETEXT, child, place, text);
    trace(PTRACE_POKEUSER, child, offsetof(struct user, regs.rip), place);
    for (int i = 0; i < 3; i++) {
        unsigned long before = rip, flags = 0;
        show("step", trace(PTRACE_SINGLESTEP, child, 0, 0));
        show_stop("stepped", child);
        trace(PTRACE_PEEKUSER, child, offsetof(struct user, regs.rip), (unsigned long)&rip);
        trace(PTRACE_PEEKUSER, child, offsetof(struct user, regs.eflags), (unsigned long)&flags);
        trace(PTRACE_GETSIGINFO, child, 0, (unsigned long)&info);
        say("moved: %d, code %d, trap flag %lu", rip != before, info.si_code, flags >> 8 & 1);
    }
    trace(PTRACE_CONT, child, 0, 0);
    show_stop("end", child);
}

/* ---- events ---- */

static void *short_thread(void *unused)
{
    return unused;
}

static int busy_child(void)
{
    pthread_t thread;
    int status;

    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    pid_t child = fork();
    if (!child)
        _exit(1);
    waitpid(child, &status, 0);
    child = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork): what is asked about */
    if (!child)
        _exit(2);
    waitpid(child, &status, 0);
    pthread_create(&thread, NULL, short_thread, NULL);
    pthread_join(thread, NULL);
    execl("/proc/self/exe", "again", "end", (char *)NULL);
    return 9;
}

static void events(void)
{
    pid_t child = spawn(busy_child);
    unsigned long message;
    int status, seen[8] = {0}, stops = 0, children = 0, ends = 0;

    show_stop("first", child);
    show("options",
         trace(PTRACE_SETOPTIONS, child, 0,
               PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
                   PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL));
    trace(PTRACE_CONT, child, 0, 0);
    for (;;) {
        pid_t got = (pid_t)syscall(SYS_wait4, -1, &status, __WALL, NULL);
        if (got < 0)
            break;
        if (!WIFSTOPPED(status)) {
            ends++;
            if (got == child)
                show_status("the first", status);
            continue;
        }
        int event = status >> 16, give = 0;
        trace(PTRACE_GETEVENTMSG, got, 0, (unsigned long)&message);
        if (event && event < 8) {
            seen[event]++;
            if (event <= PTRACE_EVENT_CLONE)
                children += message > 0 && (pid_t)message != got;
            if (event == PTRACE_EVENT_EXEC)
                say("exec by the same: %d", (pid_t)message == got);
        } else if (WSTOPSIG(status) == SIGSTOP) {
            stops++;
        } else {
            give = WSTOPSIG(status);
        }
        trace(PTRACE_CONT, got, 0, (unsigned long)give);
    }
    say("fork %d, vfork %d, clone %d, exec %d, vfork done %d, exit %d", seen[1], seen[2], seen[3],
        seen[4], seen[5], seen[6]);
    say("children %d, their first stops %d, ends %d", children, stops, ends);
}

/* Without options exec is a SIGTRAP. */
static int exec_child(void)
{
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    execl("/proc/self/exe", "again", "end", (char *)NULL);
    return 9;
}

static void plain_exec(void)
{
    pid_t child = spawn(exec_child);

    show_stop("exec", child);
    show("kill", trace(PTRACE_KILL, child, 0, 0));
    show_stop("killed", child);
}

/* ---- attaching ---- */

static char state_of(pid_t pid)
{
    char path[32], text[256] = "";

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY);
    if (read(fd, text, sizeof text - 1) < 0)
        fail("read");
    close(fd);
    char *end = strrchr(text, ')');
    return (char)(end ? end[2] : '?');
}

static int tracer_of(pid_t pid)
{
    char path[32], text[2048] = "";

    snprintf(path, sizeof path, "/proc/%d/status", pid);
    int fd = open(path, O_RDONLY);
    if (read(fd, text, sizeof text - 1) < 0)
        fail("read");
    close(fd);
    char *at = strstr(text, "TracerPid:");
    return at ? atoi(at + 10) : -1;
}

static void attaching(void)
{
    pid_t child = spawn(sleep_for_ever);

    UNTIL(state_of(child) == 'S');
    show("ourselves", trace(PTRACE_ATTACH, getpid(), 0, 0));
    show("nobody", trace(PTRACE_ATTACH, 99999, 0, 0));
    show("not a tracee", trace(PTRACE_DETACH, child, 0, 0));
    show("attach", trace(PTRACE_ATTACH, child, 0, 0));
    show_stop("stopped", child);
    say("state %c, tracer %d", state_of(child), tracer_of(child) == getpid());
    show("listen", trace(PTRACE_LISTEN, child, 0, 0));
    show("interrupt", trace(PTRACE_INTERRUPT, child, 0, 0));
    show("detach", trace(PTRACE_DETACH, child, 0, 0));
    UNTIL(state_of(child) == 'S');
    say("tracer %d", tracer_of(child));

    show("seize with address", trace(PTRACE_SEIZE, child, 1, 0));
    show("seize", trace(PTRACE_SEIZE, child, 0, PTRACE_O_TRACESYSGOOD));
    say("still %c", state_of(child));
    show("not stopped", trace(PTRACE_CONT, child, 0, 0));
    show("interrupt", trace(PTRACE_INTERRUPT, child, 0, 0));
    show_stop("interrupted", child);
    trace(PTRACE_CONT, child, 0, 0);
    kill(child, SIGSTOP);
    show_stop("signal", child);
    trace(PTRACE_CONT, child, 0, SIGSTOP);
    show_stop("group stop", child);
    show("listen", trace(PTRACE_LISTEN, child, 0, 0));
    kill(child, SIGCONT);
    show_stop("continued", child);
    trace(PTRACE_CONT, child, 0, 0);
    show_stop("the signal itself", child);
    show("detach with a signal", trace(PTRACE_DETACH, child, 0, SIGTERM));
    show_end("ended", child);
}

/* A tracer ends: what it traced goes on, or ends with it. */
static void tracers_end(void)
{
    pid_t sleeper = spawn(sleep_for_ever), victim = spawn(sleep_for_ever);
    pid_t tracer = fork();

    if (!tracer) {
        if (trace(PTRACE_SEIZE, sleeper, 0, 0) || trace(PTRACE_SEIZE, victim, 0, PTRACE_O_EXITKILL))
            _exit(1);
        _exit(0);
    }
    show_end("tracer", tracer);
    show_end("victim", victim);
    say("the other: tracer %d", tracer_of(sleeper));
    kill(sleeper, SIGTERM);
    show_end("sleeper", sleeper);
}

/* ---- memory without stopping ---- */

static void memory(void)
{
    pid_t child = spawn(sleep_for_ever);
    long word = 0, other = 5;
    char path[32], text[16] = "";
    struct iovec local[2] = {{&word, 4}, {(char *)&word + 4, 4}};
    struct iovec remote = {(void *)&shared_word, sizeof shared_word};

    show("read", process_vm_readv(child, local, 2, &remote, 1, 0));
    say("word %ld", word);
    word = 77;
    show("write", process_vm_writev(child, local, 2, &remote, 1, 0));
    remote.iov_base = (void *)read_only;
    show("write what is read-only", process_vm_writev(child, local, 1, &remote, 1, 0));
    remote.iov_base = (void *)8;
    show("read nowhere", process_vm_readv(child, local, 1, &remote, 1, 0));
    show("flags", process_vm_readv(child, local, 1, &remote, 1, 1));
    show("of nobody", process_vm_readv(99999, local, 1, &remote, 1, 0));
    show("nothing", process_vm_readv(child, local, 0, &remote, 1, 0));

    snprintf(path, sizeof path, "/proc/%d/mem", child);
    int fd = (int)show_good("mem", open(path, O_RDWR));
    show("read", pread(fd, &other, sizeof other, (off_t)(uintptr_t)&shared_word));
    say("word %ld", other);
    show("read-only", pwrite(fd, "CONST", 5, (off_t)(uintptr_t)read_only));
    show("read", pread(fd, text, 8, (off_t)(uintptr_t)read_only));
    say("%s, ours %s", text, read_only);
    show("nowhere", pread(fd, text, 8, 8));
    close(fd);
    kill(child, SIGKILL);
    show_end("child", child);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return 6;
    signals();
    queued_signals();
    system_calls();
    steps();
    events();
    plain_exec();
    attaching();
    tracers_end();
    memory();
    (void)argv;
    return 0;
}
