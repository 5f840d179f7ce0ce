/*
 * vmm/cli/queues.c - `vitrine queues`: for each CPU who runs, who waits for it and with what claim,
 * and which timers are to come.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/json.h"

static const char *timer_use(enum vt_timer_use use)
{
    static const char *const names[] = {"other", "sleep", "alarm"};

    return names[use];
}

static void print_queued(const struct vt_queued *queued, const char *what)
{
    printf("  %-8s %7d %-16s weight %5u  vruntime %20" PRIu64 "  deadline %20" PRIu64
           "  lag %12" PRId64 "\n",
           what, queued->tid, queued->comm, queued->weight, queued->vruntime, queued->deadline,
           queued->lag);
}

static const char *class_name(uint32_t class)
{
    static const char *const names[] = {"normal", "real-time", "deadline", "stop"};

    return class < sizeof(names) / sizeof(names[0]) ? names[class] : "other";
}

static const char *special_state(const struct vt_special *task)
{
    return task->running ? "runs" : task->throttled ? "throttled" : "waits";
}

static void print_special(const struct vt_special *task)
{
    printf("  %-9s %6d %-16s %s", special_state(task), task->tid, task->comm,
           class_name(task->sched_class));
    if (task->priority)
        printf(" %u", task->priority);
    if (task->deadline_ns)
        printf(" at %.6f s, %.3f ms left", (double)task->deadline_ns / 1e9,
               (double)task->budget_ns / 1e6);
    if (task->throttled)
        printf(", more at %.6f s", (double)task->replenish_ns / 1e9);
    printf("%s\n", task->inherited ? ", lent" : "");
}

static json_t *special_json(const struct vt_special *task)
{
    return json_pack("{s:i,s:s,s:s,s:s,s:i,s:b,s:o,s:I}", "tid", task->tid, "comm", task->comm,
                     "class", class_name(task->sched_class), "state", special_state(task),
                     "priority", (int)task->priority, "inherited", task->inherited, "deadline_ns",
                     json_word(task->deadline_ns), "budget_ns", (json_int_t)task->budget_ns);
}

/* What `vitrine queues` says of one CPU. */
struct cpu_view {
    struct vt_run_queue *queue;
    struct vt_special *special;
    size_t special_count;
    struct vt_timer *timers;
    size_t timer_count;
};

static void print_cpu(const struct cpu_view *view)
{
    const struct vt_run_queue *queue = view->queue;
    const struct vt_timer *timers = view->timers;
    size_t count = view->timer_count;

    printf("CPU %u: %u waiting, virtual time %" PRIu64 "%s\n", queue->cpu, queue->length,
           queue->virtual_time, queue->need_reschedule ? ", to reschedule" : "");
    if (queue->idle)
        printf("  idle\n");
    else if (!view->special_count || !view->special[0].running)
        print_queued(&queue->running, "runs");
    for (size_t i = 0; i < view->special_count; i++)
        print_special(&view->special[i]);
    for (size_t i = 0; i < queue->queued_count; i++)
        print_queued(&queue->queued[i], "waits");
    for (size_t i = 0; i < count; i++) {
        printf("  timer    %7d %-16s at %.6f s\n",
               timers[i].use == VT_TIMER_ALARM ? timers[i].pid : timers[i].tid,
               timer_use(timers[i].use), (double)timers[i].deadline_ns / 1e9);
    }
}

static json_t *queued_json(const struct vt_queued *queued)
{
    return json_pack("{s:i,s:s,s:I,s:I,s:o,s:o,s:I,s:I}", "tid", queued->tid, "comm", queued->comm,
                     "id", (json_int_t)queued->id, "weight", (json_int_t)queued->weight, "vruntime",
                     json_word(queued->vruntime), "deadline", json_word(queued->deadline), "lag",
                     (json_int_t)queued->lag, "slice_ns", (json_int_t)queued->slice_ns);
}

static json_t *cpu_json(const struct cpu_view *view)
{
    const struct vt_run_queue *queue = view->queue;
    const struct vt_timer *timers = view->timers;
    size_t count = view->timer_count;
    json_t *queued = json_array(), *list = json_array(), *special = json_array();

    for (size_t i = 0; i < view->special_count; i++)
        json_array_append_new(special, special_json(&view->special[i]));

    for (size_t i = 0; i < queue->queued_count; i++)
        json_array_append_new(queued, queued_json(&queue->queued[i]));
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:s,s:i,s:i,s:o}", "use", timer_use(timers[i].use),
                                              "tid", timers[i].tid, "pid", timers[i].pid,
                                              "deadline_ns", json_word(timers[i].deadline_ns)));
    return json_pack("{s:i,s:b,s:b,s:o,s:i,s:o,s:o,s:o,s:o}", "cpu", (int)queue->cpu, "idle",
                     queue->idle, "need_reschedule", queue->need_reschedule, "running",
                     queue->idle ? json_null() : queued_json(&queue->running), "length",
                     (int)queue->length, "virtual_time", json_word(queue->virtual_time), "queued",
                     queued, "special", special, "timers", list);
}

static struct vt_error *show_cpu(struct vt_guest *guest, unsigned cpu, json_t *list)
{
    struct cpu_view view = {0};
    struct vt_error *error = vt_guest_run_queue(guest, cpu, &view.queue);

    if (!error)
        error = vt_guest_special_tasks(guest, cpu, &view.special, &view.special_count);
    if (!error)
        error = vt_guest_timers(guest, cpu, &view.timers, &view.timer_count);
    if (!error && list)
        json_array_append_new(list, cpu_json(&view));
    else if (!error)
        print_cpu(&view);
    free(view.timers);
    free(view.special);
    free(view.queue);
    return error;
}

int cli_queues(int argc, char **argv)
{
    struct look_options options;
    struct vt_guest *guest;
    struct glass_cpu block;

    cli_parse_look(
        argc, argv,
        "Show each CPU of a running machine: the task that runs, the tasks that wait for "
        "it (virtual times in TSC cycles; who has a negative lag is not eligible yet), "
        "and its timers.",
        &options);
    struct vt_error *error = cli_look_at(&options, &guest);
    if (error)
        return cli_fail(error);
    json_t *list = options.json ? json_array() : NULL;
    for (unsigned cpu = 0; cpu < BOOT_CPUS_MAX && !error; cpu++) {
        struct vt_error *offline = vt_guest_cpu(guest, cpu, &block);

        if (!offline)
            error = show_cpu(guest, cpu, list);
        vt_error_destroy(offline);
    }
    vt_guest_detach(guest);
    if (error) {
        json_decref(list);
        return cli_fail(error);
    }
    if (list)
        json_print(list);
    return 0;
}
