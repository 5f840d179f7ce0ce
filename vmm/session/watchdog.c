/*
 * vmm/session/watchdog.c - one thread, one deadline.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "vmm/base/clock.h"
#include "vmm/session/terminal.h"
#include "vmm/session/watchdog.h"

struct watchdog {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stopped_cond;
    bool stopped, expired;
    uint64_t milliseconds;
    unsigned grace_ms;
    int exit_status;
    void (*on_expired)(void *context);
    void *context;
};

/* True if the watchdog was stopped before the time was over. */
static bool wait_stopped(struct watchdog *watchdog, uint64_t milliseconds)
{
    uint64_t until = clock_monotonic_ns() + milliseconds * 1000000u;
    struct timespec deadline = {.tv_sec = (time_t)(until / NANOSECONDS_PER_SECOND),
                                .tv_nsec = (long)(until % NANOSECONDS_PER_SECOND)};

    pthread_mutex_lock(&watchdog->lock);
    while (!watchdog->stopped)
        if (clock_wait(&watchdog->stopped_cond, &watchdog->lock, &deadline) == ETIMEDOUT)
            break;
    bool stopped = watchdog->stopped;
    if (!stopped)
        watchdog->expired = true;
    pthread_mutex_unlock(&watchdog->lock);
    return stopped;
}

static void *watch(void *argument)
{
    struct watchdog *watchdog = argument;

    if (wait_stopped(watchdog, watchdog->milliseconds))
        return NULL;
    watchdog->on_expired(watchdog->context);
    if (!wait_stopped(watchdog, watchdog->grace_ms)) {
        terminal_leave();
        _exit(watchdog->exit_status);
    }
    return NULL;
}

struct vt_error *watchdog_start(uint64_t milliseconds, void (*expired)(void *context),
                                void *context, unsigned grace_ms, int exit_status,
                                struct watchdog **ret)
{
    struct watchdog *watchdog = calloc(1, sizeof(*watchdog));

    if (!watchdog)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for a watchdog");
    *watchdog = (struct watchdog){
        .milliseconds = milliseconds,
        .grace_ms = grace_ms,
        .exit_status = exit_status,
        .on_expired = expired,
        .context = context,
    };
    pthread_mutex_init(&watchdog->lock, NULL);
    pthread_cond_init(&watchdog->stopped_cond, NULL);
    int failed = pthread_create(&watchdog->thread, NULL, watch, watchdog);
    if (failed) {
        free(watchdog);
        return vt_error_system(failed, "cannot start the watchdog thread");
    }
    *ret = watchdog;
    return NULL;
}

bool watchdog_stop(struct watchdog *watchdog)
{
    if (!watchdog)
        return false;
    pthread_mutex_lock(&watchdog->lock);
    watchdog->stopped = true;
    pthread_cond_signal(&watchdog->stopped_cond);
    pthread_mutex_unlock(&watchdog->lock);
    pthread_join(watchdog->thread, NULL);
    bool expired = watchdog->expired;
    pthread_cond_destroy(&watchdog->stopped_cond);
    pthread_mutex_destroy(&watchdog->lock);
    free(watchdog);
    return expired;
}
