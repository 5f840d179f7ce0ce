/*
 * tests/guest/signal_forgery.c - do frames that a program forged, or has no room for, only hurt the
 * program? It gets SIGSEGV, each time in a child of its own, and the kernel lives. The last line is
 * "signal_forgery ok".
 */
#define _GNU_SOURCE
#include "tests/guest/signal_check.h"

#include <stddef.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define HEADER_BYTES 512 /* the XSAVE header, in the frame's floating-point state */

/* ---- forged frames ---- */

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
    /* ---- no frame, or no room for one ---- */
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

/* For the handlers that must tell although the stack is gone. */
static void give_alternate_stack(void)
{
    stack_t stack = {.ss_sp = mmap(NULL, ALTERNATE_BYTES, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
                     .ss_size = ALTERNATE_BYTES};

    if (stack.ss_sp == MAP_FAILED || sigaltstack(&stack, NULL) != 0)
        fail("sigaltstack");
}

int main(void)
{
    give_alternate_stack();
    handle(SIGUSR1, remember, 0);
    raise(SIGUSR1); /* what a frame looks like here */
    test_forged_frames();
    test_no_frame();
    return finish("signal_forgery");
}
