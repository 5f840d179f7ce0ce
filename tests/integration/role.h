/*
 * tests/integration/role.h - programs of tests/guest that play a role until the test sends a line,
 * on a machine with a name, so that `vitrine` finds it.
 */
#ifndef TESTS_INTEGRATION_ROLE_H
#define TESTS_INTEGRATION_ROLE_H

#include "tests/integration/harness.h"

/* The program in its role, with one more argument (may be NULL). `name` is filled in. */
struct session *role_start(const struct variant *variant, const char *program, const char *role,
                           const char *argument, char name[32]);
/* Sends the line, expects the program to end well. */
void role_end(struct session *session);

/* Stops the world, at once; vt_guest_resume() lets it go. */
void role_stop_world(struct session *session);

#endif
