/* tests/integration/role.c - see role.h. */
#include <stdio.h>
#include <unistd.h>

#include "tests/integration/role.h"

struct session *role_start(const struct variant *variant, const char *program, const char *role,
                           const char *argument, char name[32])
{
    const char *arguments[] = {guest_program(program), role, argument, NULL};
    struct session_settings settings = {.arguments = arguments,
                                        .keep_input_open = true,
                                        .name = name,
                                        .memory_bytes = 256u << 20,
                                        .unstopped = true};

    snprintf(name, 32, "role-%d", (int)getpid());
    return session_start(variant, &settings);
}

void role_end(struct session *session)
{
    session_send(session, "end\n");
    session_wait_exit(session, 0);
    session_destroy(session);
}

void role_stop_world(struct session *session)
{
    struct vt_stop stop;

    require_ok(vt_guest_stop_now(session_guest(session)), "stop_now");
    require_ok(vt_guest_wait_stop(session_guest(session), session_timeout_ms(session), &stop),
               "wait_stop");
}
