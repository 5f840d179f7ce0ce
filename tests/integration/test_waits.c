/*
 * tests/integration/test_waits.c - who waits for what, who could end it, and who is deadlocked: is
 * it what the waiting programs are known to do?
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/role.h"

/* Reads the waits until `dead` tasks are; at the session's deadline the test fails. */
static struct vt_wait *await_dead(struct session *session, unsigned dead, size_t *ret_count)
{
    int64_t left = session_timeout_ms(session);

    for (;; left -= 2) {
        struct vt_wait *waits;
        unsigned found = 0;

        require_ok(vt_guest_waits(session_guest(session), &waits, ret_count), "vt_guest_waits");
        for (size_t i = 0; i < *ret_count; i++)
            found += waits[i].dead;
        if (found == dead)
            return waits;
        cr_assert(left > 0 && found < dead, "%u tasks are dead instead of %u", found, dead);
        free(waits);
        usleep(2000);
    }
}

static void check_circle(const struct vt_wait *waits, size_t count, int32_t a, int32_t b)
{
    unsigned found = 0;

    for (size_t i = 0; i < count; i++) {
        const struct vt_wait *wait = &waits[i];

        if (!wait->dead)
            continue;
        found++;
        cr_expect(wait->tid == a || wait->tid == b, "%d is dead", wait->tid);
        cr_assert_eq(wait->cycle_count, 2);
        cr_expect(wait->cycle[0] == (a < b ? a : b) && wait->cycle[1] == (a < b ? b : a));
        cr_assert_geq(wait->waker_count, 1);
        cr_expect_eq(wait->wakers[0], wait->tid == a ? b : a);
    }
    cr_expect_eq(found, 2);
}

static void check_deadlock(const struct variant *variant, const char *program, const char *role,
                           const char *what)
{
    char name[32], text[64];
    struct session *session;
    struct vt_wait *waits;
    size_t count;

    session = role_start(variant, program, role, NULL, name);
    int32_t a = atoi(session_expect(session, "thread ")),
            b = atoi(session_expect(session, "thread "));
    waits = await_dead(session, 2, &count);
    check_circle(waits, count, a, b);
    free(waits);
    /* The same in a stopped world, and for a person. */
    role_stop_world(session);
    require_ok(vt_guest_waits(session_guest(session), &waits, &count), "vt_guest_waits");
    check_circle(waits, count, a, b);
    free(waits);
    require_ok(vt_guest_resume(session_guest(session)), "resume");
    struct command_result result = COMMAND("wait", name);
    cr_assert(result.status == 0, "%s", result.err);
    cr_expect(strstr(result.out, "DEADLOCK of 2:") != NULL, "%s", result.out);
    snprintf(text, sizeof text, "waits for %d: %s", a < b ? b : a, what);
    cr_expect(strstr(result.out, text) != NULL, "no \"%s\" in: %s", text, result.out);
    command_free(&result);
    role_end(session);
}

VARIANT_TEST(waits, deadlock_of_futexes)
{
    variant_require(variant);
    check_deadlock(variant, "objects", "futexes", "futex 0x");
}

VARIANT_TEST(waits, deadlock_of_mutexes)
{
    variant_require(variant);
    check_deadlock(variant, "objects", "mutexes", "futex 0x");
}

VARIANT_TEST(waits, deadlock_of_pipes)
{
    variant_require(variant);
    check_deadlock(variant, "objects", "pipes", "pipe:[");
}

VARIANT_TEST(waits, deadlock_of_file_locks)
{
    variant_require(variant);
    check_deadlock(variant, "objects", "flock", "/tmp/");
}

VARIANT_TEST(waits, deadlock_of_description_locks)
{
    variant_require(variant);
    check_deadlock(variant, "objects", "fcntl", "/tmp/");
}

VARIANT_TEST(waits, deadlock_of_sockets)
{
    variant_require(variant);
    check_deadlock(variant, "socket_ends", "circle", "stream socket, to receive");
}

/* Waits of the same kinds, but somebody is left who can end each: is none called dead? */
VARIANT_TEST(waits, no_deadlock)
{
    char name[32];
    struct session *session;
    unsigned futexes = 0, pipes = 0;
    int64_t left;

    variant_require(variant);
    session = role_start(variant, "objects", "none", NULL, name);
    session_expect(session, "ready");
    for (left = session_timeout_ms(session); left > 0 && !(futexes && pipes); left -= 2) {
        struct vt_wait *waits;
        size_t count;

        futexes = pipes = 0;
        require_ok(vt_guest_waits(session_guest(session), &waits, &count), "vt_guest_waits");
        for (size_t i = 0; i < count; i++) {
            cr_assert(!waits[i].dead, "%d (%s) is called dead: waits for %s", waits[i].tid,
                      waits[i].comm, waits[i].what);
            futexes += waits[i].kind == WAIT_FUTEX && strcmp(waits[i].who, "owns the lock") == 0;
            pipes += waits[i].kind == WAIT_PIPE_READ;
        }
        free(waits);
        usleep(2000);
    }
    cr_expect(futexes == 1 && pipes == 1);
    struct command_result result = COMMAND("wait", name, "--json");
    json_t *list = json_loads(result.out, 0, NULL);
    cr_expect(json_array_size(list) >= 3, "%s", result.out);
    json_decref(list);
    command_free(&result);
    result = COMMAND("wait", name);
    cr_expect(strstr(result.out, "DEADLOCK") == NULL && strstr(result.out, "hangs") == NULL);
    command_free(&result);
    role_end(session);
}

/* Is a wait of this kind there that is for that, and not called dead: anybody may come? */
static bool waits_for(struct session *session, enum wait_kind kind, const char *what)
{
    struct vt_wait *waits;
    size_t count;
    bool found = false;

    require_ok(vt_guest_waits(session_guest(session), &waits, &count), "vt_guest_waits");
    for (size_t i = 0; i < count; i++)
        found = found || (waits[i].kind == kind && waits[i].open && !waits[i].dead &&
                          strncmp(waits[i].what, what, strlen(what)) == 0);
    free(waits);
    return found;
}

/* Do waits at semaphores and message queues name what they are at? */
VARIANT_TEST(waits, of_system_v_and_posix_ipc)
{
    char name[32], what[4][64];
    static const enum wait_kind kinds[4] = {WAIT_SEMAPHORE, WAIT_MESSAGE_READ, WAIT_MESSAGE_WRITE,
                                            WAIT_MESSAGE_READ};

    variant_require(variant);
    struct session *session = role_start(variant, "ipc_waits", NULL, NULL, name);
    snprintf(what[0], sizeof what[0], "semaphore 2 of set %s", session_expect(session, "set "));
    snprintf(what[1], sizeof what[1], "a message in message queue %s",
             session_expect(session, "empty "));
    snprintf(what[2], sizeof what[2], "room in message queue %s", session_expect(session, "full "));
    snprintf(what[3], sizeof what[3], "a message in the POSIX message queue at 0x");
    for (int i = 0; i < 4; i++) {
        int64_t left = session_timeout_ms(session);

        while (!waits_for(session, kinds[i], what[i])) {
            cr_assert(left > 0, "nobody waits for %s", what[i]);
            usleep(2000);
            left -= 2;
        }
    }
    struct command_result result = COMMAND("wait", name);
    for (int i = 0; i < 4; i++)
        cr_expect(strstr(result.out, what[i]) != NULL, "%s is not in %s", what[i], result.out);
    cr_expect(strstr(result.out, "DEADLOCK") == NULL);
    command_free(&result);
    role_end(session);
}
