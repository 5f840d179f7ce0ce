/*
 * vmm/machine/qemu_process.c - starts QEMU with the smallest machine there is, and ends it.
 *
 * The machine is microvm without anything that costs start-up time: no ACPI, PIC, PIT, RTC, PCI,
 * option ROMs; without ACPI QEMU takes its small firmware (qboot), which leaves no traces above the
 * first MiB. RAM is our memory file; QEMU loads the kernel's ELF file into it by itself and enters
 * it by PVH.
 *
 * QEMU must not outlive us. PR_SET_PDEATHSIG does that, but it fires when the *thread* that started
 * the child ends; so the start is done by the monitor thread, which lives as long as the machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shared/hypercall.h"
#include "vmm/base/clock.h"
#include "vmm/machine/qemu.h"

#define ARGUMENTS_MAX 64
#define CHANNELS      5u /* descriptors that lead to QEMU */

/*
 * The CPU: everything TCG has, except `erms`: it would make C libraries copy with `rep movsb`,
 * which TCG does byte by byte; and `la57`, since five-level addresses are not for us.
 */
#define QEMU_CPU "max,-erms,-la57"

#define QEMU_MACHINE                                                                               \
    "microvm,acpi=off,pit=off,pic=off,rtc=off,pcie=off,usb=off,ioapic2=off,isa-serial=off,"        \
    "x-option-roms=off,auto-kernel-cmdline=off,memory-backend=ram"

struct argument_list {
    char *items[ARGUMENTS_MAX];
    unsigned count;
    bool failed;
};

__attribute__((format(printf, 2, 3))) static void add(struct argument_list *list,
                                                      const char *format, ...)
{
    va_list arguments;

    if (list->count + 1 >= ARGUMENTS_MAX) {
        list->failed = true;
        return;
    }
    va_start(arguments, format);
    if (vasprintf(&list->items[list->count], format, arguments) < 0) {
        list->items[list->count] = NULL;
        list->failed = true;
    } else {
        list->count++;
    }
    va_end(arguments);
}

static void free_arguments(struct argument_list *list)
{
    for (unsigned i = 0; i < list->count; i++)
        free(list->items[i]);
}

/* Child's descriptors by number: exec keeps these. */
struct child_ends {
    int bell, kick, qmp, error, gdb;
};

static void build_arguments(struct argument_list *list, const struct machine *machine,
                            const char *program, const struct child_ends *ends)
{
    const unsigned long long bytes = machine->memory->bytes;

    add(list, "%s", program);
    add(list, "-M");
    add(list, "%s", QEMU_MACHINE);
    add(list, "-m");
    add(list, "%lluM", bytes >> 20);
    add(list, "-object");
    add(list, "memory-backend-file,id=ram,size=%llu,share=on,mem-path=/proc/self/fd/%d", bytes,
        machine->memory->fd);
    add(list, "-cpu");
    add(list, "%s", QEMU_CPU);
    add(list, "-smp");
    add(list, "%u", machine->config.cpus);
    add(list, "-accel");
    add(list, "tcg,thread=%s", machine->config.icount ? "single" : "multi");
    if (machine->config.icount) {
        add(list, "-icount");
        add(list, "shift=0,sleep=off");
    }
    if (machine->config.restores) {
        /* The kernel is in the memory; loading it once more would undo what it did there. */
        add(list, "-incoming");
        add(list, "defer");
    } else {
        add(list, "-kernel");
        add(list, "%s", machine->kernel->path);
    }
    add(list, "-nodefaults");
    add(list, "-no-user-config");
    add(list, "-display");
    add(list, "none");
    add(list, "-no-reboot");
    /* A triple fault is a reboot: keep the machine, paused, so that its registers can be read. */
    add(list, "-action");
    add(list, "reboot=shutdown,shutdown=pause");
    add(list, "-S");
    add(list, "-chardev");
    add(list, "socket,id=bell,fd=%d", ends->bell);
    add(list, "-device");
    add(list, "isa-debugcon,iobase=%#x,chardev=bell", DOORBELL_PORT);
    add(list, "-chardev");
    add(list, "socket,id=kick,fd=%d", ends->kick);
    add(list, "-device");
    add(list, "isa-serial,index=0,chardev=kick");
    add(list, "-device");
    add(list, "isa-debug-exit,iobase=%#x,iosize=1", EXIT_PORT);
    add(list, "-chardev");
    add(list, "socket,id=qmp,fd=%d", ends->qmp);
    add(list, "-mon");
    add(list, "chardev=qmp,mode=control");
    /* Only a channel: the stub behind it is started when a debugger comes (qemu_debug.c). */
    add(list, "-chardev");
    add(list, "socket,id=gdb,fd=%d", ends->gdb);
}

/* Between fork and exec only async-signal-safe calls are allowed: others may hold the heap's lock.
 */
static void become_qemu(const struct child_ends *ends, int memory_fd, pid_t parent,
                        char **arguments)
{
    const int kept[] = {ends->bell, ends->kick, ends->qmp, ends->gdb, memory_fd};
    sigset_t none;
    int null_fd;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    /* A process group of its own: Ctrl-C at the terminal is for us, who then end QEMU in order. */
    setpgid(0, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null_fd, 0);
    dup2(ends->error, 1);
    dup2(ends->error, 2);
    for (unsigned i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        fcntl(kept[i], F_SETFD, 0);
    execve(arguments[0], arguments, environ);
    dprintf(2, "cannot execute it: %s\n", strerror(errno));
    _exit(127);
}

static bool make_channels(struct qemu_process *process, struct child_ends *ends)
{
    int *const ours[] = {&process->bell_fd, &process->kick_fd, &process->qmp_fd, &process->error_fd,
                         &process->gdb_fd};
    int *const theirs[] = {&ends->bell, &ends->kick, &ends->qmp, &ends->error, &ends->gdb};

    for (unsigned i = 0; i < CHANNELS; i++) {
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
            return false;
        *ours[i] = pair[0];
        *theirs[i] = pair[1];
    }
    return true;
}

struct vt_error *qemu_process_start(struct qemu_process *process, const struct machine *machine,
                                    const char *program)
{
    struct child_ends ends = {-1, -1, -1, -1, -1};
    struct argument_list list = {0};
    struct vt_error *error = NULL;
    const pid_t parent = getpid();
    const int *theirs[] = {&ends.bell, &ends.kick, &ends.qmp, &ends.error, &ends.gdb};

    if (!make_channels(process, &ends)) {
        error = vt_error_system(errno, "cannot make the channels to QEMU");
    } else {
        build_arguments(&list, machine, program, &ends);
        if (list.failed) {
            error = vt_error_create(VT_ERROR_MEMORY, "out of memory");
        } else {
            process->pid = fork();
            if (process->pid == 0)
                become_qemu(&ends, machine->memory->fd, parent, list.items);
            if (process->pid < 0) {
                process->pid = 0;
                error = vt_error_system(errno, "cannot start a process for QEMU");
            }
        }
    }
    free_arguments(&list);
    for (unsigned i = 0; i < CHANNELS; i++)
        if (*theirs[i] >= 0)
            close(*theirs[i]);
    return error;
}

bool qemu_process_reap(struct qemu_process *process, unsigned milliseconds, int *ret_status)
{
    const struct timespec pause = {.tv_nsec = 1000000};

    for (unsigned i = 0; process->pid > 0; i++) {
        pid_t reaped = waitpid(process->pid, ret_status, WNOHANG);

        if (reaped == process->pid || (reaped < 0 && errno == ECHILD)) {
            if (reaped < 0)
                *ret_status = 0; /* the program reaps all its children by itself */
            process->pid = 0;
            return true;
        }
        if (i >= milliseconds)
            break;
        nanosleep(&pause, NULL);
    }
    return false;
}

int qemu_process_end(struct qemu_process *process)
{
    int status = 0;

    if (process->pid > 0) {
        kill(process->pid, SIGKILL);
        while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
            ;
        process->pid = 0;
    }
    return status;
}

void qemu_process_close(struct qemu_process *process)
{
    int *const ours[] = {&process->bell_fd, &process->kick_fd, &process->qmp_fd, &process->error_fd,
                         &process->gdb_fd};

    for (unsigned i = 0; i < CHANNELS; i++) {
        if (*ours[i] >= 0)
            close(*ours[i]);
        *ours[i] = -1;
    }
}
