/* vmm/cli/sampler.c - see sampler.h. */
#include "vmm/cli/sampler.h"

#include <stdlib.h>

#include "vmm/base/clock.h"

struct sampler {
    struct vt_guest *guest;
    uint64_t started_ns, last_ns;
    struct vt_task *before; /* sorted by tid, then id, as vt_guest_tasks() has it */
    size_t before_count;
    struct sample sample;
};

struct vt_error *sampler_create(struct vt_guest *guest, struct sampler **ret)
{
    struct sampler *sampler = calloc(1, sizeof(*sampler));

    if (!sampler)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for samples of the tasks");
    sampler->guest = guest;
    sampler->started_ns = sampler->last_ns = clock_monotonic_ns();
    *ret = sampler;
    return NULL;
}

void sampler_destroy(struct sampler *sampler)
{
    if (!sampler)
        return;
    free(sampler->before);
    free(sampler->sample.tasks);
    free(sampler);
}

static const struct vt_task *find_before(const struct sampler *sampler, const struct vt_task *task)
{
    size_t low = 0, high = sampler->before_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (sampler->before[middle].tid < task->tid)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < sampler->before_count && sampler->before[low].tid == task->tid; low++)
        if (sampler->before[low].id == task->id)
            return &sampler->before[low];
    return NULL;
}

/* Counters only grow, but a time may be estimated a little ahead of what is booked later. */
static double grown(uint64_t now, uint64_t before)
{
    return now > before ? (double)(now - before) : 0;
}

static void compare(const struct vt_task *before, struct sampled *now, double seconds)
{
    static const struct vt_task nothing;
    const struct vt_task *task = &now->task;

    if (!before)
        before = &nothing;
    if (seconds <= 0)
        return;
    double scale = 100.0 / (seconds * 1e9);
    now->cpu_percent =
        grown(task->utime_ns + task->stime_ns, before->utime_ns + before->stime_ns) * scale;
    now->delay_percent = grown(task->run_delay_ns, before->run_delay_ns) * scale;
    now->switches = grown(task->nvcsw + task->nivcsw, before->nvcsw + before->nivcsw) / seconds;
    now->faults = grown(task->min_faults, before->min_faults) / seconds;
    if (now->cpu_percent > 100)
        now->cpu_percent = 100;
    if (now->delay_percent > 100)
        now->delay_percent = 100;
}

static void add_memory(struct sampler *sampler)
{
    struct vt_address_space *spaces;
    size_t count;
    struct vt_error *error = vt_guest_address_spaces(sampler->guest, &spaces, &count);

    if (error) { /* shown as nothing: the rest of the sample is still true */
        vt_error_destroy(error);
        return;
    }
    for (size_t i = 0; i < sampler->sample.count; i++)
        for (size_t j = 0; j < count; j++)
            if (spaces[j].id == sampler->sample.tasks[i].task.address_space_id)
                sampler->sample.tasks[i].resident_bytes =
                    (spaces[j].anonymous_pages + spaces[j].file_pages) * 4096;
    free(spaces);
}

struct vt_error *sampler_take(struct sampler *sampler, const struct sample **ret)
{
    struct vt_task *tasks;
    size_t count;
    struct vt_error *error = vt_guest_alive(sampler->guest);

    if (!error)
        error = vt_guest_tasks(sampler->guest, &tasks, &count);
    if (error)
        return error;
    uint64_t now = clock_monotonic_ns();
    struct sampled *sampled = calloc(count + 1, sizeof(*sampled));
    if (!sampled) {
        free(tasks);
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for %zu tasks", count);
    }
    double seconds = (double)(now - sampler->last_ns) / 1e9;
    for (size_t i = 0; i < count; i++) {
        sampled[i].task = tasks[i];
        /* The first look has nothing to compare with: no rates. */
        if (sampler->before)
            compare(find_before(sampler, &tasks[i]), &sampled[i], seconds);
    }
    free(sampler->before);
    free(sampler->sample.tasks);
    sampler->before = tasks;
    sampler->before_count = count;
    sampler->last_ns = now;
    sampler->sample = (struct sample){
        .at = (double)(now - sampler->started_ns) / 1e9,
        .seconds = seconds,
        .tasks = sampled,
        .count = count,
    };
    add_memory(sampler);
    *ret = &sampler->sample;
    return NULL;
}
