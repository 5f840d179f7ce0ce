/*
 * tests/guest/faults.c - things a program must not do, each in a child: prints "fault NAME SIGNAL"
 * for each. The kernel addresses are those of the upper half: no program may read, write or run
 * there.
 */
#include "tests/guest/guest.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define KERNEL_IMAGE  0xffffffff80200000ul
#define DIRECT_MAP    0xffffff8000000000ul
#define NON_CANONICAL 0x0000900000000000ul

static volatile int zero;
static volatile int result;

static int recurse(int depth)
{
    volatile char frame[4096];

    frame[0] = (char)depth;
    /* The stack ends long before; the compiler must not see that nothing else does. */
    return zero ? 0 : recurse(depth + 1) + frame[0];
}

static void poke(unsigned long address)
{
    __asm__("" : "+r"(address)); /* the compiler need not know how bad it is */
    *(volatile char *)address = 1;
}

static void peek(unsigned long address)
{
    __asm__("" : "+r"(address));
    result = *(volatile unsigned char *)address;
}

static void jump(unsigned long address)
{
    ((void (*)(void))address)();
}

static void null_read(void)
{
    peek(0);
}
static void null_write(void)
{
    poke(8);
}
static void kernel_read(void)
{
    peek(KERNEL_IMAGE);
}
static void kernel_write(void)
{
    poke(KERNEL_IMAGE);
}
static void kernel_jump(void)
{
    jump(KERNEL_IMAGE);
}
static void direct_read(void)
{
    peek(DIRECT_MAP + 0x100000);
}
static void direct_write(void)
{
    poke(DIRECT_MAP + 0x100000);
}
static void non_canonical_read(void)
{
    peek(NON_CANONICAL);
}
static void non_canonical_jump(void)
{
    jump(NON_CANONICAL);
}
static void text_write(void)
{
    poke((unsigned long)(uintptr_t)&null_read);
}
static void stack_run(void)
{
    volatile unsigned char code[16] = {0xc3};

    jump((unsigned long)(uintptr_t)code);
}
static void data_run(void)
{
    static unsigned char code[16] = {0xc3};

    jump((unsigned long)(uintptr_t)code);
}
static void stack_overflow(void)
{
    result = recurse(0);
}
/* In assembly: gcc knows that 1 / x is 0 or +-1 and asks no divider. */
static void divide_by_zero(void)
{
    __asm__ volatile("idivl %0" ::"r"(zero), "a"(1), "d"(0));
}
static void undefined(void)
{
    __asm__ volatile("ud2");
}
static void breakpoint(void)
{
    __asm__ volatile("int3");
}
static void halt(void)
{
    __asm__ volatile("hlt");
}
static void disable_interrupts(void)
{
    __asm__ volatile("cli");
}
static void write_port(void)
{
    __asm__ volatile("outb %%al, $0x80" ::"a"(0));
}
static void doorbell(void)
{
    __asm__ volatile("outb %%al, %%dx" ::"a"(1), "d"(0xe9));
}
static void load_cr3(void)
{
    __asm__ volatile("mov %0, %%cr3" ::"r"(0ul));
}
static void write_msr(void)
{
    __asm__ volatile("wrmsr" ::"a"(0), "d"(0), "c"(0xc0000082));
}
static void interrupt_gate(void)
{
    __asm__ volatile("int $0x20");
}
static void double_fault_gate(void)
{
    __asm__ volatile("int $8");
}
static void misaligned_sse(void)
{
    static char area[64] __attribute__((aligned(16)));

    __asm__ volatile("movaps (%0), %%xmm0" ::"r"(area + 1) : "xmm0");
}
static void far_return_to_ring_0(void)
{
    __asm__ volatile("push $0x08\npush $0\nlretq");
}
static void iret_to_ring_0(void)
{
    __asm__ volatile("push $0x10\npush %rsp\npush $0x202\npush $0x08\npush $0\niretq");
}
static void bad_stack_pointer(void)
{
    __asm__ volatile("mov %0, %%rsp\npush %%rax" ::"r"(NON_CANONICAL));
}
/* A fault with a kernel address in the stack pointer must not be handled on that "stack". */
static void kernel_stack_pointer(void)
{
    __asm__ volatile("mov %0, %%rsp\nud2" ::"r"(KERNEL_IMAGE + 0x1000));
}
static void trap_flag(void)
{
    __asm__ volatile("pushfq\norq $0x100, (%rsp)\npopfq\nnop\nnop");
}
static void unmapped_after_unmap(void)
{
    char *area = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    *(volatile char *)area = 1;
    munmap(area, PAGE_BYTES);
    poke((unsigned long)(uintptr_t)area);
}
static void read_only_after_protect(void)
{
    char *area = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    *(volatile char *)area = 1;
    mprotect(area, PAGE_BYTES, PROT_READ);
    poke((unsigned long)(uintptr_t)area);
}

static const struct {
    const char *name;
    void (*run)(void);
    int signals[3]; /* allowed */
} faults[] = {
    {"null_read", null_read, {SIGSEGV}},
    {"null_write", null_write, {SIGSEGV}},
    {"kernel_read", kernel_read, {SIGSEGV}},
    {"kernel_write", kernel_write, {SIGSEGV}},
    {"kernel_jump", kernel_jump, {SIGSEGV}},
    {"direct_read", direct_read, {SIGSEGV}},
    {"direct_write", direct_write, {SIGSEGV}},
    {"non_canonical_read", non_canonical_read, {SIGSEGV}},
    {"non_canonical_jump", non_canonical_jump, {SIGSEGV}},
    {"text_write", text_write, {SIGSEGV}},
    {"stack_run", stack_run, {SIGSEGV}},
    {"data_run", data_run, {SIGSEGV}},
    {"stack_overflow", stack_overflow, {SIGSEGV}},
    {"divide_by_zero", divide_by_zero, {SIGFPE}},
    {"undefined", undefined, {SIGILL}},
    {"breakpoint", breakpoint, {SIGTRAP}},
    {"halt", halt, {SIGSEGV}},
    {"disable_interrupts", disable_interrupts, {SIGSEGV}},
    {"write_port", write_port, {SIGSEGV}},
    {"doorbell", doorbell, {SIGSEGV}},
    {"load_cr3", load_cr3, {SIGSEGV}},
    {"write_msr", write_msr, {SIGSEGV}},
    {"interrupt_gate", interrupt_gate, {SIGSEGV, SIGILL}},
    {"double_fault_gate", double_fault_gate, {SIGSEGV, SIGILL}},
    {"misaligned_sse", misaligned_sse, {SIGSEGV}},
    /*
     * QEMU 7.2's TCG reads the stack for a user's far return with the kernel's rights, which SMAP
     * forbids: the instruction faults for ever, as it does under any kernel there. The alarm must
     * end it.
     */
    {"far_return_to_ring_0", far_return_to_ring_0, {SIGSEGV, SIGILL, SIGALRM}},
    {"iret_to_ring_0", iret_to_ring_0, {SIGSEGV, SIGILL, SIGALRM}},
    {"bad_stack_pointer", bad_stack_pointer, {SIGBUS, SIGSEGV}},
    {"kernel_stack_pointer", kernel_stack_pointer, {SIGILL, SIGSEGV}},
    {"trap_flag", trap_flag, {SIGTRAP}},
    {"unmapped_after_unmap", unmapped_after_unmap, {SIGSEGV}},
    {"read_only_after_protect", read_only_after_protect, {SIGSEGV}},
};

int main(int argument_count, char **arguments)
{
    int wrong = 0;

    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        int status, got;
        pid_t child;

        if (argument_count > 1 && strcmp(arguments[1], faults[i].name) != 0)
            continue;
        child = fork();
        if (child < 0)
            fail("fork");
        if (child == 0) {
            /* Long enough for a slow machine to fault its whole stack in. */
            alarm(faults[i].signals[2] == SIGALRM ? 2 : 40);
            faults[i].run();
            _exit(0);
        }
        if (waitpid(child, &status, 0) != child)
            fail("wait");
        got = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        if (got == 0 || (got != faults[i].signals[0] && got != faults[i].signals[1] &&
                         got != faults[i].signals[2])) {
            say("WRONG %s: signal %d (wait status %x) instead of %d", faults[i].name, got, status,
                faults[i].signals[0]);
            wrong = 1;
        } else {
            say("fault %d %s %d", child, faults[i].name, got);
        }
    }
    say("survived");
    return wrong;
}
