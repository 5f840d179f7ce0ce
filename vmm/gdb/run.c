/*
 * vmm/gdb/run.c - letting the guest go, and judging each stop: is it worth telling, or does it
 * concern another process, or is it only half of a step?
 *
 * Steps. A task whose shown registers are a CPU's is stepped there, while the other CPUs do what
 * the debugger said. One that sleeps, or whose user registers are shown while it is in the kernel,
 * is waited for where it is shown to be. And a program's step that leads into the kernel (a system
 * call, a page fault) ends when the program is back, unless `monitor step kernel` was said.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "vmm/gdb/client.h"

#define SIGNAL_INTERRUPT 2u
#define SIGNAL_ABORT     6u
#define SIGNAL_TRAP      5u
#define RESTARTS_MAX     64u /* page faults, one after the other, in one instruction */

/* A run between two answers to the debugger. */
struct run {
    struct gdb_client *client;
    enum machine_go go[BOOT_CPUS_MAX];
    int64_t step_thread; /* 0 = nobody steps */
    int step_cpu;        /* it is stepped there; -1 = it is waited for at a temporary point */
    bool again;          /* the waiting is only for the instruction to be tried once more */
    bool range;
    uint64_t range_start, range_end;
    bool was_user, was_system_call;
    uint64_t before; /* rip before the step */
    unsigned restarts;
};

enum verdict { GO_ON, TOLD };

void gdb_report_stop(struct gdb_client *client, unsigned signal, const char *reason)
{
    gdb_reply(client, "T%02x%sthread:%llx;", signal, reason, (unsigned long long)client->current);
}

bool gdb_report_end(struct gdb_client *client)
{
    struct vt_outcome outcome;

    if (!client->target->outcome(client->target->context, &outcome))
        return false;
    if (outcome.kind == VT_OUTCOME_EXITED)
        gdb_reply(client, "W%02x", outcome.status & 0xff);
    else
        gdb_reply(client, "X%02x",
                  outcome.kind == VT_OUTCOME_SIGNALED ? (unsigned)outcome.status & 0xff
                  : outcome.kind == VT_OUTCOME_KILLED ? 9u
                                                      : SIGNAL_ABORT);
    client->over = true;
    return true;
}

struct vt_error *gdb_hold(struct gdb_client *client)
{
    struct vt_error *error = machine_debug_start(client->target->machine);

    if (error)
        return error;
    GUEST_STORE(&client->target->guest->frozen, true);
    client->held = true;
    client->fresh = false;
    return NULL;
}

/* The guest may wait in the stop point of BOOT_FLAG_HOLD_AT_START for the debugger's first word. */
static void release_start(struct gdb_client *client)
{
    if (client->wait_at_start)
        vt_error_destroy(vt_guest_resume(client->target->guest));
    client->wait_at_start = false;
}

static void note_running(struct gdb_client *client)
{
    GUEST_STORE(&client->target->guest->frozen, false);
    client->held = false;
    client->fresh = false;
}

void gdb_let_go(struct gdb_client *client)
{
    /* The debugger may have gone while the guest ran: points are taken out of CPUs that rest. */
    if (!client->held)
        vt_error_destroy(machine_debug_start(client->target->machine));
    gdb_points_forget(client);
    release_start(client);
    note_running(client);
    machine_debug_end(client->target->machine);
}

static struct vt_error *go(struct gdb_client *client, const enum machine_go *how)
{
    release_start(client);
    struct vt_error *error = machine_debug_go(client->target->machine, how);

    if (!error)
        note_running(client);
    return error;
}

/* What comes from the debugger while the guest runs: an interrupt, or the end of the connection. */
static void hear(struct gdb_client *client)
{
    switch (remote_receive(&client->stream, 0, client->packet, &client->packet_bytes)) {
    case REMOTE_INTERRUPT:
        vt_error_destroy(machine_debug_interrupt(client->target->machine));
        break;
    case REMOTE_GONE:
        client->over = true;
        break;
    default:
        break;
    }
}

/* Waits for an event of the machine; RUNNING if the conversation ends first. */
static struct machine_debug_event wait_event(struct gdb_client *client)
{
    struct machine *machine = client->target->machine;

    for (;;) {
        struct machine_debug_event event = machine_debug_event(machine);
        struct pollfd fds[3] = {{.fd = machine_debug_fd(machine), .events = POLLIN},
                                {.fd = client->stream.fd, .events = POLLIN},
                                {.fd = client->stop_fd, .events = POLLIN}};

        if (event.reason != MACHINE_DEBUG_RUNNING) {
            GUEST_STORE(&client->target->guest->frozen, event.reason != MACHINE_DEBUG_GONE);
            client->held = true;
            return event;
        }
        if (poll(fds, 3, -1) < 0 && errno != EINTR)
            client->over = true;
        if (fds[2].revents)
            client->over = true;
        else if (fds[1].revents)
            hear(client);
        if (client->over)
            return event;
    }
}

/* The machine has ended, or is about to say so: the owner's thread writes down how. */
static void tell_end(struct gdb_client *client)
{
    struct pollfd stop = {.fd = client->stop_fd, .events = POLLIN};

    for (unsigned i = 0; i < 2000 && !gdb_report_end(client); i++)
        if (poll(&stop, 1, 5) > 0)
            break;
    if (!client->over)
        gdb_report_end(client);
    client->over = true;
}

/* ---- steps ---- */

/* Makes the thread's step the next thing that happens to it. */
static struct vt_error *prepare_step(struct run *run)
{
    struct gdb_client *client = run->client;
    struct gdb_thread *thread = gdb_thread_find(client, run->step_thread);
    struct gdb_registers registers;
    uint8_t code[2] = {0, 0};
    size_t got;

    if (!thread || !gdb_registers_read(client, thread, &registers))
        return vt_error_create(VT_ERROR_NOT_FOUND,
                               "thread %lld cannot be stepped: it does not run any more",
                               (long long)run->step_thread);
    if (run->step_cpu >= 0)
        run->go[run->step_cpu] = MACHINE_GO_RUN;
    run->before = registers.rip;
    run->step_cpu = -1;
    run->again = false;
    if (!gdb_registers_live(client, thread))
        return gdb_point_temporary(client, registers.rip, thread->id);
    run->step_cpu = thread->cpu;
    run->was_user = gdb_thread_in_user_mode(client, thread);
    vt_error_destroy(guest_read_virtual(client->target->guest, thread->context.task.page_table,
                                        registers.rip, code, sizeof(code), &got));
    run->was_system_call = code[0] == 0x0f && code[1] == 0x05;
    run->go[thread->cpu] = MACHINE_GO_STEP;
    return NULL;
}

/* A step of a program that led into the kernel: wait for the program to come back. */
static struct vt_error *follow_through_kernel(struct run *run)
{
    uint64_t back = run->was_system_call ? run->before + 2 : run->before;

    run->go[run->step_cpu] = MACHINE_GO_RUN;
    run->step_cpu = -1;
    run->again = !run->was_system_call && run->restarts++ < RESTARTS_MAX;
    /* Whatever the program waits for in the kernel may be done on any CPU. */
    for (unsigned cpu = 0; cpu < run->client->target->cpus; cpu++)
        run->go[cpu] = MACHINE_GO_RUN;
    return gdb_point_temporary(run->client, back, run->step_thread);
}

static enum verdict tell(struct run *run, const struct gdb_thread *thread, const char *reason)
{
    gdb_points_drop_temporary(run->client);
    run->client->current = thread->id;
    run->client->general = thread->id;
    gdb_report_stop(run->client, SIGNAL_TRAP, reason);
    return TOLD;
}

/* Something went wrong in the middle of a run: the guest stands still, the debugger hears why. */
static enum verdict give_up(struct run *run, struct vt_error *error)
{
    struct gdb_client *client = run->client;

    gdb_points_drop_temporary(client);
    if (vt_error_code(error) == VT_ERROR_GONE) {
        vt_error_destroy(error);
        tell_end(client);
        return TOLD;
    }
    gdb_note_refusal(client, error);
    gdb_console(client, client->refusal);
    gdb_console(client, "\n");
    client->current = gdb_thread_interesting(client);
    gdb_report_stop(client, SIGNAL_TRAP, "");
    return TOLD;
}

/* ---- judging a stop ---- */

static enum verdict judge(struct run *run, struct machine_debug_event event);

/* The instruction under a breakpoint that does not concern this CPU's task: without it, once. */
static enum verdict step_over(struct run *run, unsigned cpu, uint64_t address)
{
    struct gdb_client *client = run->client;
    enum machine_go alone[BOOT_CPUS_MAX] = {MACHINE_GO_STAY};

    alone[cpu] = MACHINE_GO_STEP;
    gdb_points_suspend(client, address, true);
    struct vt_error *error = go(client, alone);
    if (error)
        return give_up(run, error);
    struct machine_debug_event event = wait_event(client);
    if (event.reason == MACHINE_DEBUG_RUNNING)
        return TOLD;
    gdb_points_suspend(client, address, false);
    if (event.reason != MACHINE_DEBUG_TRAP)
        return judge(run, event);
    return GO_ON;
}

static enum verdict step_done(struct run *run, struct gdb_thread *thread)
{
    struct gdb_client *client = run->client;
    const bool user = gdb_thread_in_user_mode(client, thread);
    const uint64_t rip = client->states[thread->cpu].core.rip;
    struct vt_error *error;

    if (run->was_user && !user && !client->step_kernel) {
        error = follow_through_kernel(run);
        return error ? give_up(run, error) : GO_ON;
    }
    if (run->range && rip >= run->range_start && rip < run->range_end) {
        error = prepare_step(run);
        return error ? give_up(run, error) : GO_ON;
    }
    return tell(run, thread, "");
}

static enum verdict trapped(struct run *run, unsigned cpu)
{
    struct gdb_client *client = run->client;
    struct gdb_thread *thread = gdb_thread_on_cpu(client, cpu);

    if (!thread)
        return GO_ON;
    const uint64_t rip = client->states[cpu].core.rip;
    const struct gdb_point *point = gdb_point_executed(client, rip, thread);
    const bool stepped = run->step_cpu == (int)cpu;

    if (point && !point->temporary)
        return tell(run, thread, point->type == '1' ? "hwbreak:;" : "swbreak:;");
    if (point && point->temporary) {
        gdb_points_drop_temporary(client);
        if (!run->again)
            return tell(run, thread, "");
        struct vt_error *error = prepare_step(run);
        return error ? give_up(run, error) : GO_ON;
    }
    if (stepped && thread->id == run->step_thread)
        return step_done(run, thread);
    if (stepped && gdb_thread_find(client, run->step_thread)) {
        /* The step took the task off its CPU: it is over when the task is back. */
        struct vt_error *error = prepare_step(run);
        return error ? give_up(run, error) : GO_ON;
    }
    if (gdb_point_anyone(client, rip))
        return step_over(run, cpu, rip);
    /* A trap that nobody asked for. */
    return tell(run, thread, "");
}

static enum verdict watched(struct run *run, struct machine_debug_event event)
{
    struct gdb_client *client = run->client;
    struct gdb_thread *thread = gdb_thread_on_cpu(client, event.cpu);
    const struct gdb_point *point = gdb_point_watched(client, event.address, thread);
    char reason[64];

    if (!thread || !point)
        return GO_ON;
    snprintf(reason, sizeof(reason), "%s:%llx;", point->type == '4' ? "awatch" : "watch",
             (unsigned long long)event.address);
    return tell(run, thread, reason);
}

static enum verdict judge(struct run *run, struct machine_debug_event event)
{
    struct gdb_client *client = run->client;
    struct vt_error *error = NULL;

    if (event.reason == MACHINE_DEBUG_GONE) {
        tell_end(client);
        return TOLD;
    }
    error = gdb_threads_refresh(client);
    if (error)
        return give_up(run, error);
    switch (event.reason) {
    case MACHINE_DEBUG_TRAP:
        return trapped(run, event.cpu);
    case MACHINE_DEBUG_WATCH:
        return watched(run, event);
    default:
        gdb_points_drop_temporary(client);
        client->current = gdb_thread_interesting(client);
        client->general = client->current;
        if (event.reason == MACHINE_DEBUG_FAILED)
            gdb_console(client, "vitrine: the machine cannot go on and is ended\n");
        gdb_report_stop(client,
                        event.reason == MACHINE_DEBUG_FAILED ? SIGNAL_ABORT : SIGNAL_INTERRUPT, "");
        return TOLD;
    }
}

/* ---- what the debugger asks for ---- */

static const struct gdb_action *action_for(const struct gdb_action *actions, size_t count,
                                           int64_t thread)
{
    for (size_t i = 0; i < count; i++)
        if (actions[i].thread <= 0 || actions[i].thread == thread)
            return &actions[i];
    return NULL;
}

static struct vt_error *plan(struct run *run, const struct gdb_action *actions, size_t count)
{
    struct gdb_client *client = run->client;
    struct vt_error *error = gdb_threads_refresh(client);

    if (error)
        return error;
    for (unsigned cpu = 0; cpu < client->target->cpus; cpu++) {
        const struct gdb_thread *thread = gdb_thread_on_cpu(client, cpu);
        const struct gdb_action *action = thread ? action_for(actions, count, thread->id) : NULL;

        /* A CPU without a task, because it has not come up: it may. */
        run->go[cpu] = action || !thread ? MACHINE_GO_RUN : MACHINE_GO_STAY;
    }
    for (size_t i = 0; i < count; i++) {
        if (actions[i].kind == 'c')
            continue;
        run->step_thread = actions[i].thread > 0 ? actions[i].thread : client->current;
        run->range = actions[i].kind == 'r';
        run->range_start = actions[i].start;
        run->range_end = actions[i].end;
        error = prepare_step(run);
        /* Who is not on a CPU can only go on if CPUs do. */
        if (!error && run->step_cpu < 0)
            for (unsigned cpu = 0; cpu < client->target->cpus; cpu++)
                run->go[cpu] = MACHINE_GO_RUN;
        return error;
    }
    /* "Continue this thread only", and it is on no CPU. */
    bool any = false;
    for (unsigned cpu = 0; cpu < client->target->cpus; cpu++)
        any |= run->go[cpu] != MACHINE_GO_STAY;
    for (unsigned cpu = 0; cpu < client->target->cpus && !any; cpu++)
        run->go[cpu] = MACHINE_GO_RUN;
    return NULL;
}

void gdb_run(struct gdb_client *client, const struct gdb_action *actions, size_t count)
{
    struct run run = {.client = client, .step_cpu = -1};
    struct vt_error *error = plan(&run, actions, count);

    /* Stepping one thread alone is how gdb gets past a breakpoint, with all of them taken out. */
    for (size_t i = 0; i < count; i++)
        if (actions[i].thread <= 0) {
            gdb_points_drop_unset(client);
            break;
        }

    for (bool first = true; !client->over; first = false) {
        if (!error)
            error = go(client, run.go);
        if (error && first && vt_error_code(error) != VT_ERROR_GONE) {
            gdb_points_drop_temporary(client);
            gdb_refuse(client, error);
            return;
        }
        if (error) {
            give_up(&run, error);
            return;
        }
        if (client->untold) {
            gdb_console(client, "vitrine: ");
            gdb_console(client, client->refusal);
            gdb_console(client, "\n");
            client->untold = false;
        }
        struct machine_debug_event event = wait_event(client);
        if (event.reason == MACHINE_DEBUG_RUNNING)
            gdb_report_end(client); /* the server ends, most likely because the machine has */
        else if (judge(&run, event) == TOLD)
            return;
    }
}
