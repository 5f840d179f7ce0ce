/*
 * vmm/cli/profiler.c - see profiler.h. The steps are varied by a fifth, so that they never keep in
 * step with something periodic in the guest; a look that comes late makes the next one no earlier.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "vmm/base/clock.h"
#include "vmm/cli/profiler.h"

struct profiler {
    struct vt_guest *guest;
    struct profiler_settings settings;
    struct profile *profile;
    struct vt_error *error; /* what ended the looks before their time */
    pthread_t thread;
    bool stop; /* atomic */
    uint64_t refused;
    uint64_t seconds_ns; /* from the first look to the last */
};

static void sleep_until(uint64_t ns)
{
    const struct timespec time = {.tv_sec = (time_t)(ns / 1000000000u),
                                  .tv_nsec = (long)(ns % 1000000000u)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) != 0)
        ;
}

/* Between 0.8 and 1.2 steps. */
static uint64_t next_step(const struct profiler *profiler, uint64_t *seed)
{
    double step = 1e9 / profiler->settings.frequency;

    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint64_t)(step * (0.8 + 0.4 * (double)(*seed >> 11) / (double)(1ull << 53)));
}

/* False: there is no point in another look. */
static bool look(struct profiler *profiler)
{
    struct vt_error *error = profile_look(profiler->profile);

    if (!error)
        return true;
    /* Not up yet; or a debugger holds the machine, for which only a person can do something. */
    if (vt_error_code(error) == VT_ERROR_BUSY) {
        profiler->refused++;
        vt_error_destroy(error);
        return true;
    }
    if (vt_error_code(error) == VT_ERROR_GONE)
        vt_error_destroy(error);
    else
        profiler->error = error;
    return false;
}

static void *run(void *argument)
{
    struct profiler *profiler = argument;
    uint64_t seed = 1, next = clock_monotonic_ns(), started = 0;

    while (!__atomic_load_n(&profiler->stop, __ATOMIC_RELAXED)) {
        uint64_t now = clock_monotonic_ns();

        if (!started && profile_figures(profiler->profile).looks)
            started = now;
        profiler->seconds_ns = started ? now - started : 0;
        if (profiler->settings.duration > 0 &&
            (double)profiler->seconds_ns >= profiler->settings.duration * 1e9)
            break;
        if (!look(profiler))
            break;
        next += next_step(profiler, &seed);
        now = clock_monotonic_ns();
        next = next < now ? now : next;
        sleep_until(next);
    }
    return NULL;
}

struct vt_error *profiler_start(struct vt_guest *guest, const struct profiler_settings *settings,
                                struct profiler **ret)
{
    struct profiler *profiler = calloc(1, sizeof(*profiler));

    if (!profiler)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for a profiler");
    profiler->guest = guest;
    profiler->settings = *settings;
    struct vt_error *error = profile_create(guest, &settings->stacks, &profiler->profile);
    if (!error) {
        int failed = pthread_create(&profiler->thread, NULL, run, profiler);

        if (failed)
            error = vt_error_system(failed, "cannot start the profiler's thread");
    }
    if (error) {
        profile_destroy(profiler->profile);
        free(profiler);
        return error;
    }
    *ret = profiler;
    return NULL;
}

struct vt_error *profiler_finish(struct profiler *profiler)
{
    pthread_join(profiler->thread, NULL);
    struct vt_error *error = profiler->error;
    profiler->error = NULL;
    return error;
}

void profiler_interrupt(struct profiler *profiler)
{
    __atomic_store_n(&profiler->stop, true, __ATOMIC_RELAXED);
}

static void write_notes(const struct profiler *profiler, FILE *notes)
{
    const struct profile_figures figures = profile_figures(profiler->profile);
    double seconds = (double)profiler->seconds_ns / 1e9;

    if (!figures.looks) {
        fprintf(notes, "vitrine: the machine could not be looked at%s\n",
                profiler->refused ? ": it had not started, or a debugger held it" : "");
        return;
    }
    fprintf(notes,
            "vitrine: %lu looks in %.2f s, %lu stacks, %lu times a CPU without work; the machine "
            "was held for %.0f us each (at most %.1f ms)",
            (unsigned long)figures.looks, seconds, (unsigned long)figures.stacks,
            (unsigned long)figures.idle, (double)figures.held_ns / 1e3 / (double)figures.looks,
            (double)figures.longest_ns / 1e6);
    if (seconds > 0)
        fprintf(notes, ", %.1f %% of the time", (double)figures.held_ns / 1e7 / seconds);
    if (figures.cut)
        fprintf(notes, "; %lu stacks could not be followed to their end",
                (unsigned long)figures.cut);
    fputc('\n', notes);
}

void profiler_write(struct profiler *profiler, FILE *out, FILE *notes)
{
    if (profiler->settings.json)
        profile_write_json(profiler->profile, out);
    else
        profile_write_folded(profiler->profile, out);
    fflush(out);
    if (notes)
        write_notes(profiler, notes);
}

void profiler_destroy(struct profiler *profiler)
{
    if (!profiler)
        return;
    profile_destroy(profiler->profile);
    free(profiler);
}
