/*
 * tests/guest/registers.c - does a task find every register as it left it? Several processes on one
 * CPU hold different patterns in all general registers, the flags, MXCSR, the x87 and SSE registers
 * (AVX where the system saves it), across system calls that switch (sched_yield) and across
 * preemption (a spin loop that makes no call). `registers SWITCHES SPINS` : rounds of either kind
 * per process.
 */
#define _GNU_SOURCE
#include "tests/guest/guest.h"

#include <cpuid.h>
#include <sched.h>
#include <stddef.h>
#include <sys/wait.h>

#define PROCESSES   3
#define SPIN_LENGTH 2000000ul

/* Everything the assembly loads from or stores to; the offsets are written there. */
struct image {
    uint64_t general[13];    /* rax rbx rdx rsi rdi rbp r8 r9 r10 r12 r13 r14 r15 */
    uint64_t flags;          /* offset 104 */
    uint32_t mxcsr, control; /* 112, 116 */
    double x87[4];           /* 120 */
    uint8_t pad[8];
    uint8_t vector[16][32]; /* 160 */
};

_Static_assert(offsetof(struct image, flags) == 104 && offsetof(struct image, mxcsr) == 112 &&
                   offsetof(struct image, x87) == 120 && offsetof(struct image, vector) == 160,
               "the assembly knows these offsets");

/*
 * Loads all registers from `in`, makes system call in->general[0] (or, if negative, counts `spins`
 * down), and stores them to `out`. rcx and r11 belong to the system call; the counting changes no
 * flag.
 */
void exchange(const struct image *in, struct image *out, unsigned long spins, int avx);

/* clang-format off */
#define EACH_XMM(ACTION)                                                                           \
    ACTION(0) ACTION(1) ACTION(2) ACTION(3) ACTION(4) ACTION(5) ACTION(6) ACTION(7) ACTION(8)      \
    ACTION(9) ACTION(10) ACTION(11) ACTION(12) ACTION(13) ACTION(14) ACTION(15)
/* clang-format on */
#define LOAD_XMM(n)  "movups 160+32*" #n "(%rdi), %xmm" #n "\n"
#define LOAD_YMM(n)  "vmovups 160+32*" #n "(%rdi), %ymm" #n "\n"
#define STORE_XMM(n) "movups %xmm" #n ", 160+32*" #n "(%rcx)\n"
#define STORE_YMM(n) "vmovups %ymm" #n ", 160+32*" #n "(%rcx)\n"

/* clang-format off */
__asm__(
    ".text\n.globl exchange\n.type exchange, @function\nexchange:\n"
    "push %rbx\npush %rbp\npush %r12\npush %r13\npush %r14\npush %r15\n"
    "sub $8, %rsp\nstmxcsr (%rsp)\nfnstcw 4(%rsp)\n"
    "push %rsi\npush %rcx\n" /* out, avx */
    "fninit\nldmxcsr 112(%rdi)\nfldcw 116(%rdi)\n"
    "fldl 144(%rdi)\nfldl 136(%rdi)\nfldl 128(%rdi)\nfldl 120(%rdi)\n"
    "test %ecx, %ecx\njz 1f\n"
    EACH_XMM(LOAD_YMM)
    "jmp 2f\n1:\n"
    EACH_XMM(LOAD_XMM)
    "2:\n"
    "mov %rdx, %rcx\n"           /* spins */
    "mov 0(%rdi), %rax\nmov 8(%rdi), %rbx\nmov 16(%rdi), %rdx\nmov 24(%rdi), %rsi\n"
    "mov 40(%rdi), %rbp\nmov 48(%rdi), %r8\nmov 56(%rdi), %r9\nmov 64(%rdi), %r10\n"
    "mov 72(%rdi), %r12\nmov 80(%rdi), %r13\nmov 88(%rdi), %r14\nmov 96(%rdi), %r15\n"
    "push 104(%rdi)\nmov 32(%rdi), %rdi\npopfq\n"
    "jrcxz 3f\n"
    "4: lea -1(%rcx), %rcx\njrcxz 5f\njmp 4b\n"
    "3: syscall\n"
    "5: pushfq\npop %r11\n"
    "mov 8(%rsp), %rcx\n"        /* out */
    "mov %rax, 0(%rcx)\nmov %rbx, 8(%rcx)\nmov %rdx, 16(%rcx)\nmov %rsi, 24(%rcx)\n"
    "mov %rdi, 32(%rcx)\nmov %rbp, 40(%rcx)\nmov %r8, 48(%rcx)\nmov %r9, 56(%rcx)\n"
    "mov %r10, 64(%rcx)\nmov %r12, 72(%rcx)\nmov %r13, 80(%rcx)\nmov %r14, 88(%rcx)\n"
    "mov %r15, 96(%rcx)\nmov %r11, 104(%rcx)\n"
    "cld\nstmxcsr 112(%rcx)\nfnstcw 116(%rcx)\nmovw $0, 118(%rcx)\n"
    "fstpl 120(%rcx)\nfstpl 128(%rcx)\nfstpl 136(%rcx)\nfstpl 144(%rcx)\n"
    "mov (%rsp), %eax\ntest %eax, %eax\njz 6f\n"
    EACH_XMM(STORE_YMM)
    "vzeroupper\njmp 7f\n6:\n"
    EACH_XMM(STORE_XMM)
    "7:\n"
    "add $16, %rsp\nldmxcsr (%rsp)\nfldcw 4(%rsp)\nadd $8, %rsp\n"
    "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbp\npop %rbx\nret\n"
    ".size exchange, .-exchange\n"
    ".section .note.GNU-stack,\"\",@progbits\n.text\n");
/* clang-format on */

#define FLAGS_PATTERN_MASK 0xcd5ull /* CF PF AF ZF SF DF OF */
#define FLAGS_ALWAYS       0x202ull /* bit 1 and IF */

static int avx_usable(void)
{
    unsigned a, b, c, d, low, high;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX))
        return 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 6) == 6;
}

static uint64_t mix(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void make_image(struct image *image, uint64_t *state, int avx)
{
    memset(image, 0, sizeof *image);
    for (int i = 0; i < 13; i++)
        image->general[i] = mix(state);
    image->flags = (mix(state) & FLAGS_PATTERN_MASK) | FLAGS_ALWAYS;
    image->mxcsr = 0x1f80 | (uint32_t)((mix(state) & 3) << 13) | (uint32_t)(mix(state) & 0x3f);
    image->control = 0x037f | (uint32_t)((mix(state) & 3) << 10);
    for (int i = 0; i < 4; i++)
        image->x87[i] = (double)(mix(state) >> 20);
    for (int i = 0; i < 16; i++)
        for (int k = 0; k < (avx ? 32 : 16); k++)
            image->vector[i][k] = (uint8_t)mix(state);
}

static int run(unsigned who, unsigned long switches, unsigned long spins, int avx)
{
    uint64_t state = 0x9e3779b97f4a7c15ull * (who + 1);
    struct image in, out;

    for (unsigned long i = 0; i < switches + spins; i++) {
        int yields = i < switches;

        make_image(&in, &state, avx);
        memset(&out, 0, sizeof out);
        in.general[0] = 24; /* sched_yield */
        exchange(&in, &out, yields ? 0 : SPIN_LENGTH, avx);
        if (yields)
            out.general[0] = 24; /* the call's result stands there */
        if (memcmp(&in, &out, sizeof in) != 0) {
            for (unsigned k = 0; k < sizeof in; k++)
                if (((uint8_t *)&in)[k] != ((uint8_t *)&out)[k]) {
                    say("DIFFERENT process %u round %lu %s byte %u: %02x instead of %02x", who, i,
                        yields ? "yield" : "spin", k, ((uint8_t *)&out)[k], ((uint8_t *)&in)[k]);
                    return 1;
                }
        }
    }
    return 0;
}

int main(int argument_count, char **arguments)
{
    unsigned long switches = argument_count > 1 ? strtoul(arguments[1], NULL, 10) : 1000;
    unsigned long spins = argument_count > 2 ? strtoul(arguments[2], NULL, 10) : 10;
    int avx = avx_usable(), status, bad = 0;
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(0, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        fail("sched_setaffinity");
    for (unsigned i = 0; i < PROCESSES; i++) {
        pid_t child = fork();

        if (child < 0)
            fail("fork");
        if (child == 0)
            _exit(run(i, switches / PROCESSES + 1, spins, avx));
    }
    for (unsigned i = 0; i < PROCESSES; i++)
        if (wait(&status) < 0 || status != 0)
            bad = 1;
    say("registers %s avx %d", bad ? "BROKEN" : "intact", avx);
    return bad;
}
