/*
 * vmm/session/pump.c - the machine's own thread: moves the streams, notices the end, and closes the
 * books.
 *
 * The end has an order: the guest's last output leaves, the CPUs stop, the terminal is given back,
 * the outcome is decided, waiters are told.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "vmm/session/report.h"
#include "vmm/session/session.h"

/* Doorbells wake the pump; the timeout only bounds the damage of a guest that forgets one. */
#define IDLE_MS         1000
#define KILLED_FLUSH_US 200000

static bool flag(const bool *value)
{
    return __atomic_load_n(value, __ATOMIC_ACQUIRE);
}

static void pass_window_on(struct vt_machine *machine, bool *pending, uint16_t *rows,
                           uint16_t *columns)
{
    if (terminal_window_changed(rows, columns))
        *pending = true;
    if (*pending &&
        guest_mailbox_post(&machine->guest, MAILBOX_WINDOW, (uint64_t[4]){*rows, *columns}))
        *pending = false;
}

/* We are a job of the user's shell: what stops us stops the machine, and its input is ours only in
 * the foreground. */
static void follow_terminal(struct vt_machine *machine)
{
    if (terminal_stop_asked()) {
        struct vt_error *error = machine_pause(machine->machine);

        terminal_stop_here();
        if (!error)
            error = machine_resume(machine->machine);
        vt_error_destroy(error); /* a machine that cannot be paused has failed, or runs on */
    }
    machine->streams.input_held = !terminal_follow();
}

bool session_call(struct vt_machine *machine,
                  void (*function)(struct vt_machine *machine, void *context), void *context)
{
    struct session_call call = {.function = function, .context = context};

    if (!machine->pump_runs) {
        function(machine, context);
        return true;
    }
    pthread_mutex_lock(&machine->lock);
    while (machine->call && !machine->ended)
        pthread_cond_wait(&machine->end, &machine->lock);
    if (!machine->ended) {
        machine->call = &call; /* cppcheck-suppress autoVariables ; NULL again before we return */
        session_wake(machine);
        while (!call.done && !machine->ended)
            pthread_cond_wait(&machine->end, &machine->lock);
        machine->call = NULL;
        pthread_cond_broadcast(&machine->end);
    }
    pthread_mutex_unlock(&machine->lock);
    return call.done;
}

static void serve_call(struct vt_machine *machine)
{
    pthread_mutex_lock(&machine->lock);
    struct session_call *call = machine->call;
    if (call && call->done)
        call = NULL; /* its caller has not come to take it away yet */
    pthread_mutex_unlock(&machine->lock);
    if (!call)
        return;
    call->function(machine, call->context); /* the caller waits: it lives as long as we do */
    pthread_mutex_lock(&machine->lock);
    call->done = true;
    pthread_cond_broadcast(&machine->end);
    pthread_mutex_unlock(&machine->lock);
}

/* Lets the guest's last bytes out. A program's output is complete even if its reader is slow. */
static void flush(struct vt_machine *machine)
{
    int64_t give_up = guest_clock_us() + KILLED_FLUSH_US;

    machine->streams.stream[CHANNEL_STDIN].finished = true;
    while (!streams_flushed(&machine->streams)) {
        if (flag(&machine->kill_requested) && guest_clock_us() > give_up)
            return;
        streams_run(&machine->streams, machine->wake_fd, 50);
        if (!flag(&machine->kill_requested))
            give_up = guest_clock_us() + KILLED_FLUSH_US;
    }
}

static struct vt_outcome decide(struct vt_machine *machine)
{
    const struct glass *glass =
        guest_memory_at(&machine->guest.memory, machine->guest.glass_phys, sizeof(struct glass));

    vt_error_destroy(guest_require_ready(&machine->guest));
    /* QEMU may be gone before its last doorbell is read: what counts is what stands in memory. */
    bool done =
        glass && GUEST_LOAD(&machine->guest.ready) && GUEST_LOAD(&glass->state) == GLASS_DONE;

    if (done && !flag(&machine->panicked)) {
        int status = (int)GUEST_LOAD(&glass->exit_status);

        if (WIFEXITED(status))
            return (struct vt_outcome){.kind = VT_OUTCOME_EXITED, .status = WEXITSTATUS(status)};
        if (WIFSIGNALED(status))
            return (struct vt_outcome){.kind = VT_OUTCOME_SIGNALED, .status = WTERMSIG(status)};
        return (struct vt_outcome){.kind = VT_OUTCOME_FAILED};
    }
    if (flag(&machine->panicked) || flag(&machine->failed_set) || flag(&machine->done))
        return (struct vt_outcome){.kind = VT_OUTCOME_FAILED};
    return (struct vt_outcome){.kind = VT_OUTCOME_KILLED};
}

void *session_pump(void *argument)
{
    struct vt_machine *machine = argument;
    bool window_pending = false;
    uint16_t rows = 0, columns = 0;
    sigset_t pipe_signal;

    /* A reader of ours that goes away is an errno for us, not the end of the process. */
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);

    while (!flag(&machine->done) && !flag(&machine->panicked) && !flag(&machine->failed_set) &&
           !flag(&machine->kill_requested)) {
        if (machine->has_terminal)
            follow_terminal(machine);
        streams_run(&machine->streams, machine->wake_fd, IDLE_MS);
        if (machine->streams.escaped)
            GUEST_STORE(&machine->kill_requested, true);
        if (machine->has_terminal)
            pass_window_on(machine, &window_pending, &rows, &columns);
        if (__atomic_exchange_n(&machine->trace_rang, false, __ATOMIC_ACQ_REL))
            guest_trace_discard_unread(&machine->guest);
        serve_call(machine);
    }
    flush(machine);
    if (flag(&machine->panicked))
        session_let_debugger_look(machine);
    if (flag(&machine->panicked) || flag(&machine->failed_set))
        session_failure_core(machine);
    machine_stop(machine->machine);
    streams_deinit(&machine->streams);
    if (machine->has_terminal)
        terminal_leave();

    struct vt_outcome outcome = decide(machine);
    guest_note_end(&machine->guest);
    char *report = outcome.kind == VT_OUTCOME_FAILED ? report_write(machine) : NULL;

    pthread_mutex_lock(&machine->lock);
    machine->outcome = outcome;
    machine->report = report;
    machine->ended = true;
    pthread_cond_broadcast(&machine->end);
    pthread_mutex_unlock(&machine->lock);
    return NULL;
}
