/* tests/integration/acted_on.h - the guest program acted_on, and what is seen of it from outside.
 */
#ifndef TESTS_INTEGRATION_ACTED_ON_H
#define TESTS_INTEGRATION_ACTED_ON_H

#include "tests/integration/harness.h"

struct acted_on {
    struct session *session;
    struct vt_guest *guest; /* the machine's own view, or one attached by name */
    int32_t pid;
    uint64_t counts; /* user address of its counters */
};

/* Starts it and waits until it listens. `name` NULL: not reachable by name. */
struct acted_on acted_on_start(const struct variant *variant, const char *name);
/* The program's counter `index`, read from its memory. */
uint64_t acted_on_count(struct acted_on *program, unsigned index);
/* Waits until the counter is larger than `before`; fails the test at the deadline. */
void acted_on_await_progress(struct acted_on *program, unsigned index, uint64_t before);
struct vt_task acted_on_task(struct acted_on *program, int32_t tid);

#endif
