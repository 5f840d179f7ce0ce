/*
 * tests/guest/signals.c - is everything about a handler as Linux has it? What it finds in siginfo
 * and ucontext, what it may change there, masks, nesting, the alternate stack, interrupted calls,
 * and escape from a fault. The last line is "signals ok".
 */
#define _GNU_SOURCE
#include "tests/guest/signal_check.h"

#include <setjmp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/wait.h>

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

/* ---- faults of one's own ---- */

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

int main(void)
{
    test_registers();
    test_changed_context();
    test_masks();
    test_nested();
    test_alternate_stack();
    test_interrupted_calls();
    test_own_fault();
    return finish("signals");
}
