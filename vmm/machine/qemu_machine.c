/*
 * vmm/machine/qemu_machine.c - the operations of the QEMU backend, and its two threads.
 *
 * The monitor thread starts the process, reads QMP and standard error, and ends and reaps the
 * process. The bell thread reads doorbell bytes and calls the owner. Ending: stop sets `stopping`
 * and shuts both streams down, which both threads see.
 *
 * Locks: `lock` protects the state below it. No event of the owner is called with it held.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/base/clock.h"
#include "vmm/base/file.h"
#include "vmm/machine/host.h"
#include "vmm/machine/qemu.h"

#define START_LIMIT_MS 20000
#define ENDING_MS      2000 /* between the end of QMP and the end of the process */
#define COMPLAINT_SHOWN                                                                            \
    380 /* bytes, the last ones, of what QEMU said: fits into a failure's text */
#define LAPIC_TIMER_HZ 1000000000ull /* QEMU's LAPIC counts nanoseconds of virtual time */
#define ICOUNT_TSC_KHZ 1000000ull /* shift=0: one instruction is one nanosecond is one TSC tick */
#define FLAGS_IF       0x200u

struct qemu_machine {
    struct machine base;
    char program[128];
    struct qemu_process process;
    struct qmp qmp;
    struct qemu_debug debug;
    pthread_t monitor, bell;
    bool has_monitor, has_bell;
    _Atomic uint64_t bells;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct vt_error *start_error; /* of the process, until create takes it */
    bool spawned;                 /* the monitor thread has tried */
    bool bell_ended;              /* the bell thread makes no more calls */
    bool stopping, joining, joined;
    char complaint[QEMU_COMPLAINT_BYTES]; /* the end of what QEMU said on standard error */
    size_t complaint_used;
};

static struct qemu_machine *qemu_of(struct machine *machine)
{
    return (struct qemu_machine *)machine;
}

struct qemu_debug *qemu_debug_of(struct machine *base)
{
    struct qemu_machine *machine = qemu_of(base);

    machine->debug.qmp = &machine->qmp;
    machine->debug.fd = machine->process.gdb_fd;
    return &machine->debug;
}

static bool is_stopping(struct qemu_machine *machine)
{
    bool stopping;

    pthread_mutex_lock(&machine->lock);
    stopping = machine->stopping;
    pthread_mutex_unlock(&machine->lock);
    return stopping;
}

/* ---- the monitor thread ---- */

/*
 * The CPU that triple-faulted. QEMU does not say which; one that cannot have been waiting in `hlt`
 * for an interrupt, because its interrupts are off, is the likely one.
 */
static unsigned find_faulty_cpu(struct qemu_machine *machine, struct machine_failure *failure)
{
    for (unsigned cpu = 0; cpu < machine->base.config.cpus; cpu++) {
        struct vt_error *error = qemu_read_registers(&machine->qmp, cpu, &failure->registers);

        if (error) {
            vt_error_destroy(error);
            return 0;
        }
        failure->has_registers = true;
        if (!(failure->registers.rflags & FLAGS_IF) || machine->base.config.cpus == 1)
            return cpu;
    }
    vt_error_destroy(qemu_read_registers(&machine->qmp, 0, &failure->registers));
    return 0;
}

static void take_event(void *context, const char *name, const json_t *data)
{
    struct qemu_machine *machine = context;
    struct machine_failure failure = {.kind = MACHINE_FAILED_TRIPLE_FAULT};
    const char *reason = json_string_value(json_object_get(data, "reason"));

    if (strcmp(name, "SHUTDOWN") != 0 || !json_is_true(json_object_get(data, "guest")) ||
        is_stopping(machine))
        return;
    failure.cpu = find_faulty_cpu(machine, &failure);
    snprintf(failure.text, sizeof(failure.text),
             "triple fault (QEMU: %s): an exception could not be delivered, nor the double fault "
             "after it",
             reason ? reason : "shutdown");
    machine_report_failure(&machine->base, &failure);
}

static void take_complaint(struct qemu_machine *machine)
{
    char text[512];
    ssize_t got = recv(machine->process.error_fd, text, sizeof(text), MSG_DONTWAIT);
    size_t bytes, room;

    if (got <= 0)
        return;
    bytes = (size_t)got;
    if (machine->base.config.diagnostics_fd >= 0)
        (void)file_write_all(machine->base.config.diagnostics_fd, text, bytes);
    pthread_mutex_lock(&machine->lock);
    room = sizeof(machine->complaint) - 1 - machine->complaint_used;
    if (bytes > room) {
        size_t drop = bytes - room;

        memmove(machine->complaint, machine->complaint + drop, machine->complaint_used - drop);
        machine->complaint_used -= drop;
    }
    memcpy(machine->complaint + machine->complaint_used, text, bytes);
    machine->complaint_used += bytes;
    machine->complaint[machine->complaint_used] = 0;
    pthread_mutex_unlock(&machine->lock);
}

/* How QEMU ended, for a person. isa-debug-exit ends it with status 2 * value + 1. */
static void describe_end(struct qemu_machine *machine, bool reaped, int status, char *text,
                         size_t bytes)
{
    size_t used;

    if (!reaped)
        used = (size_t)snprintf(text, bytes, "QEMU closed its control channel");
    else if (WIFSIGNALED(status))
        used = (size_t)snprintf(text, bytes, "QEMU was ended by signal %d (%s)", WTERMSIG(status),
                                strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) & 1 && machine->complaint_used == 0)
        used = (size_t)snprintf(text, bytes,
                                "the guest ended the machine through its exit port (value %d)",
                                WEXITSTATUS(status) >> 1);
    else
        used = (size_t)snprintf(text, bytes, "QEMU ended with status %d", WEXITSTATUS(status));
    pthread_mutex_lock(&machine->lock);
    while (machine->complaint_used > 0 && machine->complaint[machine->complaint_used - 1] == '\n')
        machine->complaint[--machine->complaint_used] = 0;
    if (machine->complaint_used > 0)
        snprintf(text + used, bytes - used, "; it said: %.*s", COMPLAINT_SHOWN,
                 machine->complaint + (machine->complaint_used > COMPLAINT_SHOWN
                                           ? machine->complaint_used - COMPLAINT_SHOWN
                                           : 0));
    pthread_mutex_unlock(&machine->lock);
}

/* QMP is at its end: QEMU has ended, or is to be ended. */
static void finish(struct qemu_machine *machine)
{
    struct machine_failure failure = {.kind = MACHINE_FAILED_BACKEND_GONE};
    const bool wanted = is_stopping(machine);
    int status = 0;
    bool reaped = !wanted && qemu_process_reap(&machine->process, ENDING_MS, &status);

    (void)qemu_process_end(&machine->process);
    if (wanted)
        return;
    take_complaint(machine);
    describe_end(machine, reaped, status, failure.text, sizeof(failure.text));
    /* The owner shall hear what the guest rang before it hears that the machine is gone. */
    pthread_mutex_lock(&machine->lock);
    while (!machine->bell_ended)
        pthread_cond_wait(&machine->changed, &machine->lock);
    pthread_mutex_unlock(&machine->lock);
    if (!is_stopping(machine))
        machine_report_failure(&machine->base, &failure);
}

static void *monitor_thread(void *argument)
{
    struct qemu_machine *machine = argument;
    struct pollfd polls[2];
    struct vt_error *error;

    pthread_setname_np(pthread_self(), "vitrine-qmp");
    error = qemu_process_start(&machine->process, &machine->base, machine->program);
    qmp_init(&machine->qmp, machine->process.qmp_fd, take_event, machine);
    machine->qmp.reader = pthread_self();
    pthread_mutex_lock(&machine->lock);
    machine->start_error = error;
    machine->spawned = true;
    pthread_cond_broadcast(&machine->changed);
    pthread_mutex_unlock(&machine->lock);
    if (error)
        return NULL;

    polls[0] = (struct pollfd){.fd = machine->process.qmp_fd, .events = POLLIN};
    polls[1] = (struct pollfd){.fd = machine->process.error_fd, .events = POLLIN};
    for (;;) {
        if (poll(polls, 2, -1) < 0)
            continue;
        if (polls[1].revents & POLLIN)
            take_complaint(machine);
        else if (polls[1].revents)
            polls[1].fd = -1;
        if (polls[0].revents && !qmp_read(&machine->qmp))
            break;
    }
    qmp_close(&machine->qmp);
    finish(machine);
    return NULL;
}

/* ---- the bell thread ---- */

static void note_bell_end(struct qemu_machine *machine)
{
    pthread_mutex_lock(&machine->lock);
    machine->bell_ended = true;
    pthread_cond_broadcast(&machine->changed);
    pthread_mutex_unlock(&machine->lock);
}

static void *bell_thread(void *argument)
{
    struct qemu_machine *machine = argument;
    uint8_t codes[64];

    pthread_setname_np(pthread_self(), "vitrine-bell");
    for (;;) {
        ssize_t got = read(machine->process.bell_fd, codes, sizeof(codes));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        atomic_fetch_add_explicit(&machine->bells, (uint64_t)got, memory_order_relaxed);
        for (ssize_t i = 0; i < got; i++)
            machine->base.events.doorbell(machine->base.events.context, -1, codes[i]);
    }
    note_bell_end(machine);
    return NULL;
}

/* ---- operations ---- */

static void qemu_stop(struct machine *base)
{
    struct qemu_machine *machine = qemu_of(base);

    pthread_mutex_lock(&machine->lock);
    machine->stopping = true;
    if (machine->joining) {
        while (!machine->joined)
            pthread_cond_wait(&machine->changed, &machine->lock);
        pthread_mutex_unlock(&machine->lock);
        return;
    }
    machine->joining = true;
    pthread_mutex_unlock(&machine->lock);

    /* Both threads see the end of their streams, also if QEMU itself is hung; the monitor reaps it.
     */
    if (machine->process.qmp_fd >= 0)
        shutdown(machine->process.qmp_fd, SHUT_RDWR);
    if (machine->process.bell_fd >= 0)
        shutdown(machine->process.bell_fd, SHUT_RDWR);
    if (machine->process.gdb_fd >= 0)
        shutdown(machine->process.gdb_fd, SHUT_RDWR); /* a debugger sees it too */
    if (machine->has_bell)
        pthread_join(machine->bell, NULL);
    if (machine->has_monitor)
        pthread_join(machine->monitor, NULL);
    pthread_mutex_lock(&machine->lock);
    machine->joined = true;
    pthread_cond_broadcast(&machine->changed);
    pthread_mutex_unlock(&machine->lock);
}

static void qemu_destroy(struct machine *base)
{
    struct qemu_machine *machine = qemu_of(base);

    qemu_debug_deinit(&machine->debug);
    qemu_process_close(&machine->process);
    if (machine->has_monitor)
        qmp_deinit(&machine->qmp);
    vt_error_destroy(machine->start_error);
    pthread_cond_destroy(&machine->changed);
    pthread_mutex_destroy(&machine->lock);
    free(machine);
}

/* Threads of ours take no signals of the program: they belong to the program's own threads. */
static int make_thread(pthread_t *thread, void *(*function)(void *), void *argument)
{
    sigset_t all, before;
    int problem;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    problem = pthread_create(thread, NULL, function, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return problem;
}

static struct vt_error *start_threads(struct qemu_machine *machine)
{
    struct vt_error *error;
    int problem = make_thread(&machine->monitor, monitor_thread, machine);

    if (problem)
        return vt_error_system(problem, "cannot start a thread for QEMU");
    machine->has_monitor = true;
    pthread_mutex_lock(&machine->lock);
    while (!machine->spawned)
        pthread_cond_wait(&machine->changed, &machine->lock);
    error = machine->start_error;
    machine->start_error = NULL;
    pthread_mutex_unlock(&machine->lock);
    if (error)
        return error;
    problem = make_thread(&machine->bell, bell_thread, machine);
    if (problem) {
        note_bell_end(machine);
        return vt_error_system(problem, "cannot start a thread for QEMU's doorbell");
    }
    machine->has_bell = true;
    return NULL;
}

static struct vt_error *qemu_create(const struct machine *arguments, struct machine **ret)
{
    struct boot_info *boot = arguments->boot;
    struct qemu_machine *machine;
    struct vt_error *error;
    struct vt_host host;

    error = vt_host_probe(false, &host);
    if (error)
        return error;
    if (!host.qemu_present)
        return vt_error_create(VT_ERROR_BACKEND,
                               "QEMU (qemu-system-x86_64) is not installed: install Debian's "
                               "qemu-system-x86, or choose '--accel kvm'");
    machine = calloc(1, sizeof(*machine));
    if (!machine)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory");
    machine->base = *arguments;
    machine->process = (struct qemu_process){0, -1, -1, -1, -1, -1};
    memcpy(machine->program, host.qemu_path, sizeof(machine->program));
    pthread_mutex_init(&machine->lock, NULL);
    pthread_cond_init(&machine->changed, NULL);

    boot->flags |= BOOT_FLAG_KICK_SERIAL;
    boot->cpu_features = host.qemu_cpu_features;
    boot->tsc_khz = arguments->config.icount ? ICOUNT_TSC_KHZ : host.tsc_khz;
    boot->lapic_timer_hz = LAPIC_TIMER_HZ;
    boot->wall_tsc = 0; /* the guest's TSC at entry belongs to wall_ns */

    error = start_threads(machine);
    if (error) {
        qemu_stop(&machine->base);
        qemu_destroy(&machine->base);
        return error;
    }
    *ret = &machine->base;
    return NULL;
}

static bool wait_for_greeting(struct qmp *qmp)
{
    const struct timespec deadline = clock_deadline(START_LIMIT_MS);
    bool greeted;

    pthread_mutex_lock(&qmp->lock);
    while (!qmp->greeted && !qmp->closed)
        if (clock_wait(&qmp->answered, &qmp->lock, &deadline) == ETIMEDOUT)
            break;
    greeted = qmp->greeted;
    pthread_mutex_unlock(&qmp->lock);
    return greeted;
}

static void copy_complaint(struct qemu_machine *machine, char text[QEMU_COMPLAINT_BYTES])
{
    pthread_mutex_lock(&machine->lock);
    memcpy(text, machine->complaint, QEMU_COMPLAINT_BYTES);
    pthread_mutex_unlock(&machine->lock);
    for (size_t end = strlen(text); end > 0 && text[end - 1] == '\n'; end--)
        text[end - 1] = 0;
}

/* Waits until QEMU takes commands. */
static struct vt_error *greet(struct qemu_machine *machine)
{
    char complaint[QEMU_COMPLAINT_BYTES];

    if (wait_for_greeting(&machine->qmp))
        return qmp_execute(&machine->qmp, "qmp_capabilities", NULL, NULL);
    copy_complaint(machine, complaint);
    return vt_error_create(VT_ERROR_BACKEND, "QEMU does not start%s%s", complaint[0] ? ": " : "",
                           complaint);
}

static struct vt_error *qemu_start(struct machine *base)
{
    struct qemu_machine *machine = qemu_of(base);
    struct vt_error *error = base->config.restores ? NULL : greet(machine);

    if (error)
        return error;
    /* QEMU took its time to come up: the guest's wall clock starts now. */
    if (!base->config.icount && !base->config.restores)
        base->boot->wall_ns = clock_ns(CLOCK_REALTIME);
    error = qmp_execute(&machine->qmp, "cont", NULL, NULL);
    /* A guest may end the machine before the answer comes: it did start, and its end is reported as
     * any other. */
    if (error && vt_error_code(error) == VT_ERROR_GONE) {
        vt_error_destroy(error);
        error = NULL;
    }
    return error;
}

static void qemu_kick(struct machine *base)
{
    struct qemu_machine *machine = qemu_of(base);
    int waiting = 0;

    /* A byte that QEMU has not taken yet will interrupt the guest later than now: one is enough. */
    if (ioctl(machine->process.kick_fd, SIOCOUTQ, &waiting) == 0 && waiting > 0)
        return;
    (void)send(machine->process.kick_fd, "!", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void qemu_release(struct machine *base)
{
    (void)base; /* the guest polls resume_epoch */
}

static struct vt_error *qemu_pause(struct machine *base)
{
    return qmp_execute(&qemu_of(base)->qmp, "stop", NULL, NULL);
}

static struct vt_error *qemu_resume(struct machine *base)
{
    return qmp_execute(&qemu_of(base)->qmp, "cont", NULL, NULL);
}

static struct vt_error *qemu_registers(struct machine *base, unsigned cpu,
                                       struct machine_registers *ret)
{
    return qemu_read_registers(&qemu_of(base)->qmp, cpu, ret);
}

static struct vt_error *qemu_save(struct machine *base, struct machine_state *ret)
{
    return qemu_save_state(&qemu_of(base)->qmp, ret);
}

static struct vt_error *qemu_load(struct machine *base, const struct machine_state *state)
{
    struct qemu_machine *machine = qemu_of(base);
    char complaint[QEMU_COMPLAINT_BYTES];
    struct vt_error *error = greet(machine);

    if (error)
        return error;
    error = qemu_load_state(&machine->qmp, state);
    if (!error)
        return NULL;
    qemu_stop(base); /* what it had to say is read to the end */
    copy_complaint(machine, complaint);
    struct vt_error *told = vt_error_create(
        VT_ERROR_FORMAT,
        "QEMU does not take the snapshot's state: it is damaged, or was saved by another version "
        "of QEMU (%s)",
        complaint[0] ? complaint : vt_error_message(error));
    vt_error_destroy(error);
    return told;
}

static bool qemu_stats(struct machine *base, unsigned cpu, struct machine_cpu_stats *ret)
{
    /* The doorbell does not tell which CPU rang: all are counted for the first. */
    memset(ret, 0, sizeof(*ret));
    if (cpu == 0)
        ret->exits[MACHINE_EXIT_DOORBELL] = qemu_of(base)->bells;
    return true;
}

const struct machine_backend machine_backend_qemu = {
    .name = "qemu",
    .create = qemu_create,
    .start = qemu_start,
    .kick = qemu_kick,
    .release = qemu_release,
    .pause = qemu_pause,
    .resume = qemu_resume,
    .registers = qemu_registers,
    .save = qemu_save,
    .load = qemu_load,
    .stop = qemu_stop,
    .destroy = qemu_destroy,
    .stats = qemu_stats,
    .debugger = &qemu_debugger,
};
