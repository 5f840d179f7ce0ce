/*
 * tests/guest/bad_pointers.c - every system call of the kernel's table, every argument that it
 * follows as a pointer, every kind of bad address: unmapped, read-only, in the kernel, across the
 * end of a mapping, non-canonical. And every call with hostile numbers. Each call is made in a
 * child with an alarm; it may fail as it likes or kill the child, but the kernel lives.
 *
 * The calls come from the kernel's own table, so that a new call is tested the day it is added.
 * `bad_pointers STEP` takes every STEP-th case.
 */
#define _GNU_SOURCE
#include "shared/spawn.h"
#include "tests/guest/guest.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#define SYSCALL(number, name, arguments, part) {number, #name, arguments, #part},

static const struct call {
    long number;
    const char *name;
    const char *arguments; /* one letter each, see the table */
    const char *part;
} calls[] = {
#include "guest/kernel/syscall/native.def"
#include "guest/kernel/syscall/table.def"
};

#define CALLS     (sizeof calls / sizeof *calls)
#define ADDRESSES 10
#define NUMBERS   8

static uint64_t addresses[ADDRESSES];
static uint64_t good_memory;

static const uint64_t numbers[NUMBERS] = {
    0, 1, (uint64_t)-1, 0x7fffffff, 0x80000000, 0x7fffffffffffffff, 0x8000000000000000, 4096};

static void make_addresses(void)
{
    char *area =
        mmap(NULL, 16 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (area == MAP_FAILED)
        fail("mmap");
    memset(area, 0, 4 * PAGE_BYTES);
    munmap(area + 4 * PAGE_BYTES, PAGE_BYTES);
    mprotect(area + 5 * PAGE_BYTES, PAGE_BYTES, PROT_READ);
    mprotect(area + 6 * PAGE_BYTES, PAGE_BYTES, PROT_NONE);
    good_memory = (uint64_t)(uintptr_t)area;
    addresses[0] = 0;
    addresses[1] = good_memory + 4 * PAGE_BYTES;     /* unmapped */
    addresses[2] = good_memory + 5 * PAGE_BYTES;     /* read-only */
    addresses[3] = good_memory + 4 * PAGE_BYTES - 3; /* three good bytes, then none */
    addresses[4] = 0xffffffff80200000;               /* the kernel's image */
    addresses[5] = 0xffffff8000100000;               /* the usual place of a direct map */
    addresses[6] = 0x0000800000000000;               /* first non-canonical */
    addresses[7] = 0x00007ffffffffffd;               /* last bytes of the user half */
    addresses[8] = (uint64_t)-5;                     /* wraps */
    addresses[9] = good_memory + 6 * PAGE_BYTES;     /* no access */
}

static int is_pointer(char letter)
{
    return letter == 'p' || letter == 's' || letter == 'r' || letter == 'w' || letter == 'x';
}

/* Calls that end or stop the caller, or wait for ever, by their nature: nothing is wrong if they
 * do. */
static int not_to_be_called(const struct call *call, uint64_t first)
{
    switch (call->number) {
    case SYS_kill: /* kill(-1) and kill(0) reach the test itself */
    case SYS_tkill:
    case SYS_tgkill:
    case SYS_rt_sigqueueinfo:
    case SYS_rt_tgsigqueueinfo:
        return (int32_t)first <= 1;
    case TEMPLATE_READY_CALL:
        return 1; /* tests/guest/spawn_templates.c has its hostile arguments */
    default:
        return 0;
    }
}

static unsigned tried, died, step = 1;
static unsigned long turn;

/* One child makes all cases of one call, so that a case costs no fork; it reports how far it came.
 */
struct progress {
    volatile unsigned done;
};

static struct progress *progress;

/* A call that waits ends by a signal. It need not be long: a case that it hits too early is only not made. */
static void set_deadline(void)
{
    struct itimerval after = {.it_value.tv_usec = step == 1 ? 100000 : 900000};
    setitimer(ITIMER_REAL, &after, NULL);
}

static void prepare_child(const struct call *call)
{
    int null = open("/dev/null", O_RDWR), ends[2];

    /* No case may talk to the test or take its input: descriptors 0..2 are harmless ones, 3 a pipe.
     * For calls on sockets 0 is one, with something to be read.
     */
    dup2(null, 0);
    if (strcmp(call->part, "net") == 0) {
        if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) != 0)
            _exit(1);
        for (int i = 0; i < 8; i++)
            send(ends[1], "message", 7, 0);
        dup2(ends[0], 0);
    }
    dup2(null, 1);
    dup2(null, 2);
    if (pipe(ends) != 0)
        _exit(1);
    set_deadline();
}

static void make_arguments(const struct call *call, uint64_t *values)
{
    for (int i = 0; i < 6; i++)
        values[i] = 0;
    for (int i = 0; call->arguments[i] != '\0'; i++)
        values[i] = call->arguments[i] == 'f'        ? 0
                    : is_pointer(call->arguments[i]) ? good_memory + (uint64_t)i * 256
                                                     : 1;
}

/* Case numbers: every argument x every address or number. */
static unsigned case_count(const struct call *call)
{
    unsigned count = 0;

    for (int i = 0; call->arguments[i] != '\0'; i++)
        count += is_pointer(call->arguments[i]) ? ADDRESSES : NUMBERS;
    return count + ADDRESSES; /* then: all arguments bad at once */
}

static void make_case(const struct call *call, unsigned which, uint64_t *values)
{
    make_arguments(call, values);
    for (int i = 0; call->arguments[i] != '\0'; i++) {
        unsigned kinds = is_pointer(call->arguments[i]) ? ADDRESSES : NUMBERS;

        if (which < kinds) {
            values[i] = is_pointer(call->arguments[i]) ? addresses[which] : numbers[which];
            return;
        }
        which -= kinds;
    }
    for (int i = 0; i < 6; i++)
        values[i] = i < (int)strlen(call->arguments) && is_pointer(call->arguments[i])
                        ? addresses[which]
                        : numbers[(which + (unsigned)i) % NUMBERS];
}

/* Calls that make, replace or end the caller need a child for every single case. */
static int needs_own_child(long number)
{
    return number == SYS_clone || number == SYS_fork || number == SYS_vfork ||
           number == SYS_clone3 || number == SYS_execve || number == SYS_execveat ||
           number == SYS_exit || number == SYS_exit_group || number == SYS_rt_sigreturn ||
           number == SYS_pause || number == SYS_munmap || number == SYS_mmap ||
           number == SYS_mprotect || number == SYS_mremap || number == SYS_brk ||
           number == SYS_arch_prctl || number == SYS_madvise;
}

static void run_cases(const struct call *call, unsigned first, unsigned end)
{
    for (unsigned which = first; which < end; which++) {
        uint64_t values[6];

        progress->done = which;
        if ((turn + which) % step != 0)
            continue;
        make_case(call, which, values);
        if (not_to_be_called(call, values[0]))
            continue;
        set_deadline();
        syscall(call->number, values[0], values[1], values[2], values[3], values[4], values[5]);
    }
    progress->done = end;
}

static void try_call(const struct call *call)
{
    unsigned count = case_count(call), next = 0;

    while (next < count) {
        unsigned end = needs_own_child(call->number) ? next + 1 : count;
        int status;
        pid_t child;

        if (needs_own_child(call->number) && (turn + next) % step != 0) {
            next++;
            continue;
        }
        progress->done = next;
        child = fork();
        if (child < 0)
            fail("fork");
        if (child == 0) {
            setpgid(0, 0); /* signals to "my group" stay with the child */
            prepare_child(call);
            run_cases(call, next, end);
            _exit(0);
        }
        if (waitpid(child, &status, 0) != child)
            fail("wait");
        if (status != 0)
            died++;
        /* A case that ended the child is not made again. */
        next = progress->done < end && (status != 0 || progress->done > next) ? progress->done + 1
                                                                              : end;
        kill(-child, SIGKILL); /* what the calls themselves have forked */
        while (waitpid(-1, &status, WNOHANG) > 0)
            ;
    }
    tried += count;
    turn += count;
}

int main(int argument_count, char **arguments)
{
    progress = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED)
        fail("mmap");
    make_addresses();
    if (argument_count > 1 && atoi(arguments[1]) > 0)
        step = (unsigned)atoi(arguments[1]);
    for (size_t i = 0; i < CALLS; i++) {
        if (argument_count > 2 && strcmp(arguments[2], calls[i].name) != 0)
            continue;
        try_call(&calls[i]);
        say("call %s", calls[i].name);
    }
    say("tried %u died %u of %zu calls", tried, died, CALLS);
    say("survived");
    return 0;
}
