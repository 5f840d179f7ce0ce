/*
 * vmm/session/watchdog.h - a deadline that nothing in the process can hold up.
 */
#ifndef VITRINE_SESSION_WATCHDOG_H
#define VITRINE_SESSION_WATCHDOG_H

#include "vmm/include/vitrine.h"

struct watchdog;

/*
 * After `milliseconds`, `expired` is called in the watchdog's own thread; if watchdog_stop() has
 * not been called `grace_ms` later, the terminal is restored and the process ends with
 * `exit_status`: a stuck VMM must not become a stuck caller.
 */
struct vt_error *watchdog_start(uint64_t milliseconds, void (*expired)(void *context),
                                void *context, unsigned grace_ms, int exit_status,
                                struct watchdog **ret);
/* True if it had expired. Frees it. NULL is fine. */
bool watchdog_stop(struct watchdog *watchdog);

#endif
