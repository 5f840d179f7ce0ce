/*
 * tests/guest/signals.c - is everything about a handler as Linux has it? What it finds in siginfo
 * and ucontext, what it may change there, floating-point and vector registers kept across a handler
 * that changes them, masks, nesting, the alternate stack, interrupted calls; and frames that a
 * program forged or has no room for: the process gets SIGSEGV, the kernel lives. `signals
 * [ROUNDS]`; the last line is "signals ok".
 */
#define _GNU_SOURCE
#include "tests/guest/guest.h"

#include <cpuid.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>

#define ALTERNATE_BYTES (16 * PAGE_BYTES)
#define SOFTWARE_BYTES  464 /* struct _fpx_sw_bytes in the frame's floating-point state */
#define HEADER_BYTES    512 /* the XSAVE header */
#define MAGIC1          0x46505853u

static int bad;
static bool avx;

#define check(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            say("WRONG line %d: %s", __LINE__, #condition);                                        \
            bad++;                                                                                 \
        }                                                                                          \
    } while (0)

static void handle(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};

    if (sigaction(signal, &action, NULL) != 0)
        fail("sigaction");
}

static bool is_blocked(int signal)
{
    sigset_t set;

    sigprocmask(SIG_SETMASK, NULL, &set);
    return sigismember(&set, signal);
}

/* ---- siginfo, registers, masks ---- */

static siginfo_t last_info;
static ucontext_t last_context;
static volatile int calls, masked;
static volatile uintptr_t handler_stack;
static volatile uint64_t
    frame_bytes; /* from the stack pointer of the program down to the frame's first byte */

static void remember(int signal, siginfo_t *info, void *context)
{
    uint32_t *marks =
        (uint32_t *)((char *)((ucontext_t *)context)->uc_mcontext.fpregs + SOFTWARE_BYTES);

    last_info = *info;
    last_context = *(ucontext_t *)context;
    handler_stack = (uintptr_t)__builtin_frame_address(0);
    frame_bytes = (uint64_t)last_context.uc_mcontext.gregs[REG_RSP] - ((uintptr_t)context - 8);
    masked = is_blocked(signal);
    calls++;
    if (last_context.uc_flags & 1)
        check(marks[0] == MAGIC1);
}

/* What the program has in its registers around the kill(): loaded, and stored again after the
 * handler. */
struct image {
    uint64_t general[12]; /* rbx rdx rsi rdi rbp r8 r9 r10 r12 r13 r14 r15 */
    uint64_t rcx_seen, rsp_seen, rip_seen;
};

/* kill(image->general[3], image->general[2]) with every other register from the image. */
long kill_with(struct image *image);
/* clang-format off */
__asm__(
    ".text\n.globl kill_with\n.type kill_with, @function\nkill_with:\n"
    "push %rbx\npush %rbp\npush %r12\npush %r13\npush %r14\npush %r15\npush %rdi\n"
    "mov %rsp, 104(%rdi)\nlea 1f(%rip), %rax\nmov %rax, 112(%rdi)\n"
    "mov 0(%rdi), %rbx\nmov 8(%rdi), %rdx\nmov 16(%rdi), %rsi\nmov 32(%rdi), %rbp\nmov 40(%rdi), %r8\n"
    "mov 48(%rdi), %r9\nmov 56(%rdi), %r10\nmov 64(%rdi), %r12\nmov 72(%rdi), %r13\nmov 80(%rdi), %r14\n"
    "mov 88(%rdi), %r15\nmov 24(%rdi), %rdi\n"
    "mov $62, %eax\nsyscall\n1:\n"
    "push %rdi\nmov 8(%rsp), %rdi\n"
    "mov %rbx, 0(%rdi)\nmov %rdx, 8(%rdi)\nmov %rsi, 16(%rdi)\nmov %rbp, 32(%rdi)\nmov %r8, 40(%rdi)\n"
    "mov %r9, 48(%rdi)\nmov %r10, 56(%rdi)\nmov %r12, 64(%rdi)\nmov %r13, 72(%rdi)\nmov %r14, 80(%rdi)\n"
    "mov %r15, 88(%rdi)\nmov %rcx, 96(%rdi)\npop %rbx\nmov %rbx, 24(%rdi)\n"
    "add $8, %rsp\npop %r15\npop %r14\npop %r13\npop %r12\npop %rbp\npop %rbx\nret\n"
    ".size kill_with, .-kill_with\n");
/* clang-format on */

static void test_registers(void)
{
    static const int names[12] = {REG_RBX, REG_RDX, REG_RSI, REG_RDI, REG_RBP, REG_R8,
                                  REG_R9,  REG_R10, REG_R12, REG_R13, REG_R14, REG_R15};
    struct image before, after;
    const greg_t *registers = last_context.uc_mcontext.gregs;

    handle(SIGUSR1, remember, 0);
    for (int i = 0; i < 12; i++)
        before.general[i] = 0x0123456789abcdefull * (unsigned)(i + 3);
    before.general[2] = SIGUSR1;
    before.general[3] = (uint64_t)getpid();
    after = before;
    calls = 0;
    check(kill_with(&after) == 0);
    check(calls == 1 && masked && !is_blocked(SIGUSR1));
    for (int i = 0; i < 12; i++) {
        check(after.general[i] == before.general[i]);
        check((uint64_t)registers[names[i]] == before.general[i]);
    }
    check((uint64_t)registers[REG_RSP] == after.rsp_seen &&
          (uint64_t)registers[REG_RIP] == after.rip_seen);
    check(registers[REG_RAX] == 0 && registers[REG_TRAPNO] == 0 && registers[REG_ERR] == 0);
    check((registers[REG_CSGSFS] & 0xffff) == 0x33);
    check(last_info.si_signo == SIGUSR1 && last_info.si_code == SI_USER &&
          last_info.si_pid == getpid() && last_info.si_uid == getuid());
    check((last_context.uc_flags & ~1ul) == 6 && last_context.uc_link == NULL);
    check(!sigismember(&last_context.uc_sigmask, SIGUSR1));
    check(after.rsp_seen - handler_stack > 128 + 512 && frame_bytes > 128 + 512);
    for (size_t i = 48; i < sizeof last_info; i++)
        check(((const char *)&last_info)[i] == 0);

    /* The thread's own, and one with a value. */
    raise(SIGUSR1);
    check(last_info.si_code == SI_TKILL && last_info.si_pid == getpid());
    check(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 77}) == 0);
    check(last_info.si_code == SI_QUEUE && last_info.si_value.sival_int == 77);
}

static void change_registers(int signal, siginfo_t *info, void *context)
{
    ucontext_t *changed = context;

    (void)signal, (void)info;
    changed->uc_mcontext.gregs[REG_RAX] = 4711;
    changed->uc_mcontext.gregs[REG_R12] = 12;
    sigaddset(&changed->uc_sigmask, SIGUSR2);
}

static void test_changed_context(void)
{
    struct image image = {.general = {[2] = SIGUSR1, [3] = (uint64_t)getpid()}};
    sigset_t none;

    handle(SIGUSR1, change_registers, 0);
    check(kill_with(&image) == 4711 && image.general[8] == 12);
    check(is_blocked(SIGUSR2) && !is_blocked(SIGUSR1));
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void test_masks(void)
{
    sigset_t set, pending;

    handle(SIGUSR1, remember, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    handle(SIGRTMIN, remember, 0);
    calls = 0;
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR1); /* does not count twice */
    for (int i = 0; i < 3; i++)
        sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i});
    check(calls == 0 && sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1));
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    check(calls == 4);

    sigprocmask(SIG_BLOCK, &set, NULL);
    kill(getpid(), SIGUSR1);
    siginfo_t info;
    check(sigtimedwait(&set, &info, &(struct timespec){1, 0}) == SIGUSR1 &&
          info.si_pid == getpid());
    check(calls == 4);
    sigprocmask(SIG_UNBLOCK, &set, NULL);

    handle(SIGUSR1, remember, SA_NODEFER);
    raise(SIGUSR1);
    check(!masked);
    handle(SIGUSR1, remember, (int)SA_RESETHAND);
    raise(SIGUSR1);
    struct sigaction now;
    sigaction(SIGUSR1, NULL, &now);
    check(now.sa_handler == SIG_DFL);
}

static volatile int depth, deepest;

static void nest(int signal, siginfo_t *info, void *context)
{
    (void)info, (void)context;
    if (++depth > deepest)
        deepest = depth;
    if (depth < 10)
        raise(depth & 1 ? SIGUSR2 : SIGUSR1);
    depth--;
    check(is_blocked(signal) == 0);
}

static void test_nested(void)
{
    handle(SIGUSR1, nest, SA_NODEFER);
    handle(SIGUSR2, nest, SA_NODEFER);
    raise(SIGUSR1);
    check(deepest == 10 && depth == 0);
}

/* ---- floating-point and vector registers ---- */

struct vectors {
    uint8_t vector[16][32]; /* without AVX the upper halves stay as they are */
    uint32_t mxcsr;
    uint16_t control;
    double top;
};

/* clang-format off */
#define EACH_VECTOR(ACTION)                                                                        \
    ACTION(0) ACTION(1) ACTION(2) ACTION(3) ACTION(4) ACTION(5) ACTION(6) ACTION(7)                \
    ACTION(8) ACTION(9) ACTION(10) ACTION(11) ACTION(12) ACTION(13) ACTION(14) ACTION(15)
#define LOAD_XMM(n) "movups 32*" #n "(%%rbx), %%xmm" #n "\n"
#define LOAD_YMM(n) "vmovups 32*" #n "(%%rbx), %%ymm" #n "\n"
#define STORE_XMM(n) "movups %%xmm" #n ", 32*" #n "(%%rbx)\n"
#define STORE_YMM(n) "vmovups %%ymm" #n ", 32*" #n "(%%rbx)\n"
#define ALL_VECTORS "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",       \
    "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc", "rcx", "r11"
/* clang-format on */

/* Loads everything, makes system call `number`(first, second), and stores everything. */
static void vectors_across(struct vectors *vectors, long number, long first, long second)
{
    uint32_t old_mxcsr;
    uint16_t old_control;

    __asm__ volatile("stmxcsr %0\nfnstcw %1\n" : "=m"(old_mxcsr), "=m"(old_control));
    if (avx)
        __asm__ volatile(
            "ldmxcsr 512(%%rbx)\nfldcw 516(%%rbx)\nfldl 520(%%rbx)\n" EACH_VECTOR(
                LOAD_YMM) "syscall\n" EACH_VECTOR(STORE_YMM) "fstpl 520(%%rbx)\nstmxcsr "
                                                             "512(%%rbx)\nfnstcw "
                                                             "516(%%rbx)\nvzeroupper\n"
            : "+a"(number)
            : "b"(vectors), "D"(first), "S"(second)
            : ALL_VECTORS);
    else
        __asm__ volatile(
            "ldmxcsr 512(%%rbx)\nfldcw 516(%%rbx)\nfldl 520(%%rbx)\n" EACH_VECTOR(
                LOAD_XMM) "syscall\n" EACH_VECTOR(STORE_XMM) "fstpl 520(%%rbx)\nstmxcsr "
                                                             "512(%%rbx)\nfnstcw 516(%%rbx)\n"
            : "+a"(number)
            : "b"(vectors), "D"(first), "S"(second)
            : ALL_VECTORS);
    __asm__ volatile("ldmxcsr %0\nfldcw %1\n" : : "m"(old_mxcsr), "m"(old_control));
}

static void fill(struct vectors *vectors, unsigned seed)
{
    memset(vectors, 0, sizeof *vectors);
    for (unsigned i = 0; i < 16; i++)
        for (unsigned k = 0; k < (avx ? 32u : 16u); k++)
            vectors->vector[i][k] = (uint8_t)(seed * 31 + i * 32 + k);
    vectors->mxcsr = 0x1f80 | (seed & 3) << 13;
    vectors->control = (uint16_t)(0x37f | (seed & 3) << 10);
    vectors->top = seed + 0.5;
}

static void spoil_vectors(int signal, siginfo_t *info, void *context)
{
    struct vectors other;

    (void)signal, (void)info, (void)context;
    fill(&other, 200);
    vectors_across(&other, SYS_sched_yield, 0, 0); /* others get the CPU meanwhile */
    calls++;
}

static void change_vector(int signal, siginfo_t *info, void *context)
{
    ucontext_t *changed = context;

    (void)signal, (void)info;
    memset(&changed->uc_mcontext.fpregs->_xmm[5], 0xa5, 16);
}

static void no_vectors(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    ((ucontext_t *)context)->uc_mcontext.fpregs = NULL; /* the initial state, says Linux */
}

/* Without marks only the legacy part comes back. */
static void no_marks(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    memset((char *)((ucontext_t *)context)->uc_mcontext.fpregs + SOFTWARE_BYTES, 0, 48);
}

static void test_vectors(unsigned rounds)
{
    struct vectors before, after;

    handle(SIGUSR1, spoil_vectors, 0);
    calls = 0;
    for (unsigned i = 0; i < rounds; i++) {
        fill(&before, i & 127);
        after = before;
        vectors_across(&after, SYS_kill, getpid(), SIGUSR1);
        check(memcmp(&before, &after, sizeof before) == 0);
    }
    check(calls == (int)rounds);

    /* All registers in their initial state: what the handler writes into the frame counts all the
     * same. */
    handle(SIGUSR1, no_vectors, 0);
    fill(&before, 1);
    vectors_across(&before, SYS_kill, getpid(), SIGUSR1);
    for (unsigned i = 0; i < 16; i++)
        for (unsigned k = 0; k < 32; k++)
            check(before.vector[i][k] == 0);
    check(before.mxcsr == 0x1f80);
    handle(SIGUSR1, change_vector, 0);
    memset(&before, 0, sizeof before);
    before.mxcsr = 0x1f80;
    before.control = 0x37f;
    after = before;
    memset(&after.vector[5], 0xa5, 16);
    vectors_across(&before, SYS_kill, getpid(), SIGUSR1);
    check(memcmp(&before, &after, offsetof(struct vectors, top)) == 0);

    handle(SIGUSR1, no_marks, 0);
    fill(&before, 2);
    after = before;
    vectors_across(&after, SYS_kill, getpid(), SIGUSR1);
    for (unsigned i = 0; i < 16; i++) {
        check(memcmp(after.vector[i], before.vector[i], 16) == 0);
        for (unsigned k = 16; k < 32; k++)
            check(after.vector[i][k] == 0 || !(last_context.uc_flags & 1));
    }
    check(after.mxcsr == before.mxcsr);
}

/* ---- the alternate stack ---- */

static char *alternate;
static volatile int nested_on_it;

static void on_alternate(int signal, siginfo_t *info, void *context)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    stack_t now;

    (void)info, (void)context;
    check(here > (uintptr_t)alternate && here < (uintptr_t)alternate + ALTERNATE_BYTES);
    check(sigaltstack(NULL, &now) == 0 && now.ss_flags & SS_ONSTACK);
    check(sigaltstack(&now, NULL) == -1 && errno == EPERM);
    if (signal == SIGUSR1) {
        raise(SIGUSR2); /* goes on where it is */
        nested_on_it++;
    } else {
        check(here < handler_stack || !handler_stack);
    }
}

static void autodisarmed(int signal, siginfo_t *info, void *context)
{
    stack_t now;
    ucontext_t *saved = context;

    (void)signal, (void)info;
    check(sigaltstack(NULL, &now) == 0 && now.ss_flags & SS_DISABLE);
    check(saved->uc_stack.ss_sp == alternate && saved->uc_stack.ss_size == ALTERNATE_BYTES);
    calls++;
}

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif

static void test_alternate_stack(void)
{
    alternate =
        mmap(NULL, ALTERNATE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t stack = {.ss_sp = alternate, .ss_size = ALTERNATE_BYTES}, now;

    handler_stack = 0;
    check(sigaltstack(&stack, NULL) == 0);
    handle(SIGUSR1, on_alternate, SA_ONSTACK);
    handle(SIGUSR2, on_alternate, SA_ONSTACK);
    raise(SIGUSR1);
    check(nested_on_it == 1);
    stack.ss_flags = (int)SS_AUTODISARM;
    check(sigaltstack(&stack, NULL) == 0);
    handle(SIGUSR1, autodisarmed, SA_ONSTACK);
    calls = 0;
    raise(SIGUSR1);
    check(calls == 1);
    check(sigaltstack(NULL, &now) == 0 && now.ss_sp == alternate && now.ss_size == ALTERNATE_BYTES);
    stack.ss_flags = 0;
    check(sigaltstack(&stack, NULL) == 0);
}

/* ---- interrupted system calls ---- */

static void signal_parent_soon(pid_t parent, int signal, int write_end)
{
    if (fork() != 0)
        return;
    usleep(20000);
    kill(parent, signal);
    usleep(20000);
    if (write(write_end, "x", 1) != 1)
        _exit(1);
    _exit(0);
}

static void test_interrupted_calls(void)
{
    int ends[2], status;
    char byte;
    sigset_t none;

    if (pipe(ends) != 0)
        fail("pipe");
    calls = 0;
    handle(SIGUSR1, remember, SA_RESTART);
    signal_parent_soon(getpid(), SIGUSR1, ends[1]);
    check(read(ends[0], &byte, 1) == 1 && calls == 1);
    check(wait(&status) > 0 && status == 0);
    handle(SIGUSR1, remember, 0);
    signal_parent_soon(getpid(), SIGUSR1, ends[1]);
    check(read(ends[0], &byte, 1) == -1 && errno == EINTR && calls == 2);
    check(read(ends[0], &byte, 1) == 1);
    check(wait(&status) > 0 && status == 0);

    /* The mask of sigsuspend holds until the handler has it in its frame; then the old one is back.
     */
    sigset_t blocked;
    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    kill(getpid(), SIGUSR1);
    check(calls == 2);
    check(sigsuspend(&none) == -1 && errno == EINTR && calls == 3);
    check(is_blocked(SIGUSR1) && sigismember(&last_context.uc_sigmask, SIGUSR1));
    sigprocmask(SIG_UNBLOCK, &blocked, NULL);
    close(ends[0]);
    close(ends[1]);
}

/* ---- faults of one's own, and forged frames: each in a child ---- */

static sigjmp_buf back;
static volatile int fault_code;
static void *volatile fault_address;
static volatile long fault_trap;

static void escape(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    fault_code = info->si_code;
    fault_address = info->si_addr;
    fault_trap = ((ucontext_t *)context)->uc_mcontext.gregs[REG_TRAPNO];
    siglongjmp(back, 1);
}

static void test_own_fault(void)
{
    volatile char *nothing = mmap(NULL, PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    handle(SIGSEGV, escape, SA_ONSTACK);
    for (int i = 0; i < 3; i++) {
        if (!sigsetjmp(back, 1)) {
            nothing[7] = 1;
            check(!"the store came back");
        }
        check(fault_code == SEGV_ACCERR && fault_address == &nothing[7] && fault_trap == 14);
    }
    signal(SIGSEGV, SIG_DFL);
}

enum forgery {
    FORGE_STATE_KERNEL,
    FORGE_STATE_ODD,
    FORGE_STATE_UNMAPPED,
    FORGE_STATE_END,
    FORGE_HEADER,
    FORGE_RESERVED,
    FORGE_RIP,
    FORGE_RIP_KERNEL,
    FORGE_RSP,
    FORGE_FLAGS,
    FORGE_SEGMENTS,
    FORGE_MASK,
    FORGE_SIZE,
    FORGE_COUNT
};
static volatile enum forgery forgery;

static void forge(int signal, siginfo_t *info, void *context)
{
    ucontext_t *frame = context;
    char *state = (char *)frame->uc_mcontext.fpregs;
    greg_t *registers = frame->uc_mcontext.gregs;

    (void)signal, (void)info;
    switch (forgery) {
    case FORGE_STATE_KERNEL:
        frame->uc_mcontext.fpregs = (void *)0xffffff8000100000;
        break;
    case FORGE_STATE_ODD:
        frame->uc_mcontext.fpregs = (void *)(state + 8);
        break;
    case FORGE_STATE_UNMAPPED:
        frame->uc_mcontext.fpregs = (void *)0x1000;
        break;
    case FORGE_STATE_END:
        frame->uc_mcontext.fpregs = (void *)0x7fffffffefc0;
        break;
    case FORGE_HEADER: /* components that do not exist */
        *(uint64_t *)(state + HEADER_BYTES) = 1ull << 62;
        break;
    case FORGE_RESERVED:
        memset(state + HEADER_BYTES + 8, 0x7f, 16);
        break;
    case FORGE_RIP:
        registers[REG_RIP] = 0x0000900000000000;
        break;
    case FORGE_RIP_KERNEL:
        registers[REG_RIP] = (greg_t)0xffffffff80200000;
        break;
    case FORGE_RSP: /* not looked at before the program uses it: its next push faults */
        registers[REG_RSP] = (greg_t)0xffffff8000100000;
        break;
    case FORGE_FLAGS: /* IOPL, NT, VM, IF clear: only what a program may set comes back */
        registers[REG_EFL] = 0x37002;
        break;
    case FORGE_SEGMENTS:
        registers[REG_CSGSFS] = 0x10 | 8ll << 48;
        break;
    case FORGE_MASK:
        memset(&frame->uc_sigmask, 0xff, 8);
        break;
    case FORGE_SIZE:
        *(uint32_t *)(state + SOFTWARE_BYTES + 16) = 0xfffffff0;
        break;
    default:
        break;
    }
}

/* The signal that ended the child, or -1 - its exit status. */
static int ending_of(void (*child_body)(void))
{
    int status;
    pid_t child = fork();

    if (child < 0)
        fail("fork");
    if (child == 0) {
        child_body();
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child)
        fail("waitpid");
    return WIFSIGNALED(status) ? WTERMSIG(status) : -1 - WEXITSTATUS(status);
}

static void run_forgery(void)
{
    uint64_t flags;

    handle(SIGUSR1, forge, 0);
    raise(SIGUSR1);
    __asm__ volatile("pushfq\npop %0" : "=r"(flags));
    if ((flags & 0x37200) != 0x200) /* IF set; IOPL, NT, RF, VM clear */
        _exit(1);
    if (forgery == FORGE_MASK) {
        kill(getpid(), SIGTERM); /* blocked now */
        if (!is_blocked(SIGTERM) || is_blocked(SIGKILL) || is_blocked(SIGSTOP))
            _exit(2);
        kill(getpid(), SIGKILL);
    }
}

static void test_forged_frames(void)
{
    for (int i = 0; i < FORGE_COUNT; i++) {
        int ending;

        /* Without XSAVE there is no header to look at. */
        if ((i == FORGE_HEADER || i == FORGE_RESERVED) && !(last_context.uc_flags & 1))
            continue;
        forgery = (enum forgery)i;
        ending = ending_of(run_forgery);
        if (i == FORGE_FLAGS || i == FORGE_SIZE)
            check(ending == -1);
        else if (i == FORGE_SEGMENTS) /* Linux fails to load them; we do not look at them */
            check(ending == -1 || ending == SIGSEGV || ending == SIGBUS);
        else if (i == FORGE_MASK)
            check(ending == SIGKILL);
        else if (i == FORGE_RSP)
            check(ending == SIGSEGV || ending == SIGBUS);
        else
            check(ending == SIGSEGV);
        if (bad)
            say("forgery %d ended with %d", i, ending);
    }
}

/* rt_sigreturn with the stack pointer anywhere: there is no frame. */
static volatile uint64_t sigreturn_stack;

static void return_from_nowhere(void)
{
    __asm__ volatile("mov %0, %%rsp\nmov $15, %%eax\nsyscall\nud2"
                     :
                     : "r"(sigreturn_stack)
                     : "memory");
}

/* A handler whose frame has no room: the stack pointer anywhere. */
static volatile uint64_t kill_stack;

static void kill_with_stack(void)
{
    handle(SIGUSR1, remember, 0);
    __asm__ volatile(
        "mov %0, %%rsp\nmov $62, %%eax\nsyscall\nmov $60, %%eax\nmov $7, %%edi\nsyscall"
        :
        : "r"(kill_stack), "D"(getpid()), "S"(SIGUSR1)
        : "memory", "rcx", "r11", "rax");
}

static void kill_with_handler_nowhere(void)
{
    handle(SIGUSR1, (void (*)(int, siginfo_t *, void *))(uintptr_t)0x0000900000000000, 0);
    raise(SIGUSR1);
}

static void overflow(int signal, siginfo_t *info, void *context)
{
    (void)info, (void)context;
    raise(signal);
}

static void overflow_alternate(void)
{
    handle(SIGUSR1, overflow, SA_ONSTACK | SA_NODEFER);
    raise(SIGUSR1);
}

static void survive(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    _exit(info->si_code == SI_KERNEL ? 42 : 43);
}

/* The frame of SIGUSR1 cannot be written; SIGSEGV has a stack of its own and can tell. */
static void kill_and_tell(void)
{
    handle(SIGSEGV, survive, SA_ONSTACK);
    kill_with_stack();
}

static void test_no_frame(void)
{
    uint64_t needed;
    char *area =
        mmap(NULL, 8 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t middle = (uint64_t)area + 4 * PAGE_BYTES;
    uint64_t places[] = {0,
                         1,
                         8,
                         0x1000,
                         0x10000,
                         middle,
                         0x00007fffffffeff8,
                         0x00007ffffffff000,
                         0x0000800000000000,
                         0xffffff8000100000,
                         0xffffffff80200000,
                         (uint64_t)-1,
                         (uint64_t)-8};

    mprotect(area + 3 * PAGE_BYTES, PAGE_BYTES,
             PROT_READ); /* a frame from `middle` down cannot be written */
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        kill_stack = sigreturn_stack = places[i];
        int killed = ending_of(kill_with_stack), told = ending_of(kill_and_tell);

        if (killed != SIGSEGV || told != -1 - 42) {
            say("WRONG stack %lx: %d, %d", places[i], killed, told);
            bad++;
        }
        if (places[i] != middle)
            check(ending_of(return_from_nowhere) == SIGSEGV);
    }
    /* The frame ends in a page that is not there: at every distance, so that each word is the one
     * that faults. */
    munmap(area + 3 * PAGE_BYTES, PAGE_BYTES);
    handle(SIGUSR1, remember, 0);
    raise(SIGUSR1);
    needed = frame_bytes - 64; /* it is aligned: a little less may do elsewhere */
    check(last_context.uc_flags && needed < PAGE_BYTES);
    for (uint64_t distance = 0; distance < needed && distance < PAGE_BYTES; distance += 40) {
        kill_stack = middle + distance;
        check(ending_of(kill_with_stack) == SIGSEGV);
        sigreturn_stack = (uint64_t)area + 3 * PAGE_BYTES - distance / 4;
        check(ending_of(return_from_nowhere) == SIGSEGV);
    }
    check(ending_of(kill_with_handler_nowhere) == SIGSEGV);
    check(ending_of(overflow_alternate) == SIGSEGV);
    munmap(area, 8 * PAGE_BYTES);
}

/* ---- frames on pages that are not there yet, and threads ---- */

/* Every frame lands on fresh pages: the kernel sleeps for them in the middle of writing it. */
static void test_fresh_pages(unsigned rounds)
{
    handle(SIGUSR1, spoil_vectors, SA_ONSTACK);
    for (unsigned i = 0; i < rounds; i++) {
        struct vectors before, after;
        char *area =
            mmap(NULL, ALTERNATE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        stack_t stack = {.ss_sp = area, .ss_size = ALTERNATE_BYTES - i % 64 * 64};

        check(sigaltstack(&stack, NULL) == 0);
        fill(&before, i & 127);
        after = before;
        vectors_across(&after, SYS_kill, getpid(), SIGUSR1);
        check(memcmp(&before, &after, sizeof before) == 0);
        stack.ss_flags = SS_DISABLE;
        check(sigaltstack(&stack, NULL) == 0);
        munmap(area, ALTERNATE_BYTES);
    }
}

static unsigned thread_rounds;
static volatile int received;

static void count(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info, (void)context;
    __atomic_fetch_add(&received, 1, __ATOMIC_RELAXED);
}

static void *storm(void *argument)
{
    struct vectors before, after;
    unsigned seed = (unsigned)(uintptr_t)argument;

    for (unsigned i = 0; i < thread_rounds; i++) {
        fill(&before, (seed + i) & 127);
        after = before;
        if (i & 1)
            vectors_across(&after, SYS_kill, getpid(), SIGUSR2); /* any thread takes it */
        else
            vectors_across(&after, SYS_tkill, gettid(), SIGUSR1);
        check(memcmp(&before, &after, sizeof before) == 0);
    }
    return NULL;
}

static void test_threads(unsigned rounds)
{
    pthread_t threads[3];

    thread_rounds = rounds;
    handle(SIGUSR1, count, 0);
    handle(SIGUSR2, count, 0);
    for (uintptr_t i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, storm, (void *)(i * 17)) != 0)
            fail("pthread_create");
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    check(received >= (int)(3 * (rounds - rounds / 2)) && received <= (int)(3 * rounds));
}

static bool avx_usable(void)
{
    unsigned a, b, c, d, low, high;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX))
        return false;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 6) == 6;
}

int main(int argument_count, char **arguments)
{
    unsigned rounds = argument_count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : 300;

    avx = avx_usable();
    test_registers();
    test_changed_context();
    test_masks();
    test_nested();
    test_vectors(rounds);
    test_alternate_stack();
    test_interrupted_calls();
    test_own_fault();
    test_forged_frames();
    test_no_frame();
    test_fresh_pages(rounds);
    test_threads(rounds);
    if (bad)
        say("signals WRONG: %d", bad);
    else
        say("signals ok");
    return bad != 0;
}
