/*
 * tests/guest/signal_vectors.c - are floating-point and vector registers kept across a handler that
 * changes them, in frames on pages that are not there yet, and with several threads at it?
 * `signal_vectors [ROUNDS]`; the last line is "signal_vectors ok".
 */
#define _GNU_SOURCE
#include "tests/guest/signal_check.h"

#include <cpuid.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static bool avx;

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
    test_vectors(rounds);
    test_fresh_pages(rounds);
    test_threads(rounds);
    return finish("signal_vectors");
}
