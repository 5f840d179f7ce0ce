/*
 * vmm/machine/qemu_threads.c - the two threads of the QEMU backend; see qemu_machine.h.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/base/file.h"
#include "vmm/machine/qemu_machine.h"

#define ENDING_MS 2000 /* between the end of QMP and the end of the process */
#define COMPLAINT_SHOWN                                                                            \
    380 /* bytes, the last ones, of what QEMU said: fits into a failure's text */
#define FLAGS_IF 0x200u

bool qemu_is_stopping(struct qemu_machine *machine)
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
        qemu_is_stopping(machine))
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
    const bool wanted = qemu_is_stopping(machine);
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
    if (!qemu_is_stopping(machine))
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

/* ---- both ---- */

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

struct vt_error *qemu_start_threads(struct qemu_machine *machine)
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
