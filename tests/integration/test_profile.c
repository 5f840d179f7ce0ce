/*
 * tests/integration/test_profile.c - `vitrine profile`: do sampled stacks say where the time goes?
 */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/harness.h"

TestSuite(profile, .timeout = 300);

/* Samples of the lines that contain `part`; every line must be "frame;frame;... count". */
static unsigned samples_with(const char *folded, const char *part)
{
    unsigned sum = 0;

    for (const char *line = folded; *line;) {
        const char *end = strchr(line, '\n');
        cr_assert_not_null(end, "a line without end: %s", line);
        char *copy = strndup(line, (size_t)(end - line)), *space = strrchr(copy, ' '), *rest;
        cr_assert(space && space > copy, "no count: %s", copy);
        unsigned long count = strtoul(space + 1, &rest, 10);
        cr_assert(count > 0 && *rest == '\0', "no count: %s", copy);
        cr_assert(!strstr(copy, ";;") && copy[0] != ';' && space[-1] != ';', "empty frame: %s",
                  copy);
        sum += strstr(copy, part) ? (unsigned)count : 0;
        free(copy);
        line = end + 1;
    }
    return sum;
}

/* Three quarters of the time in one function, a quarter in the other, both called by main. */
static void expect_ratio(unsigned often, unsigned seldom, const char *what)
{
    double share = (double)often / (often + seldom);

    cr_assert_geq(often + seldom, 100, "%u and %u samples of %s", often, seldom, what);
    /* Three and a half standard deviations of 150 samples. */
    cr_assert(share > 0.62 && share < 0.88, "%u and %u samples: %.2f instead of 0.75; %s", often,
              seldom, share, what);
}

static const char *text_of(unsigned number)
{
    static char texts[4][16];

    snprintf(texts[number % 4], sizeof(texts[0]), "%u", number);
    return texts[number % 4];
}

/* Does a program that is run to be profiled run as ever, and the profile give each of two functions
 * its share, below main? */
VARIANT_TEST(profile, shares_of_a_program)
{
    variant_require(variant);
    struct command_result result = COMMAND(
        "profile", "run", "-F", "400", "--accel", variant->accel == VT_ACCEL_KVM ? "kvm" : "qemu",
        "--cpus", text_of(variant->cpus), "--", guest_program("hot_functions"), "2.5");

    cr_assert_eq(result.status, 0, "%s", result.err);
    cr_assert(strncmp(result.out, "child ", 6) == 0, "%s", result.out);
    char *notes = strstr(result.err, "vitrine: ");
    cr_assert(notes && strstr(notes, " looks in "), "%s", result.err);
    *notes = '\0';
    expect_ratio(samples_with(result.err, ";main;hot_often;burn "),
                 samples_with(result.err, ";main;hot_seldom;burn "), result.err);
    cr_assert_gt(samples_with(result.err, "_[k]"), 0, "the kernel was never seen: %s", result.err);
    command_free(&result);
}

static struct session *start_hot(const struct variant *variant, char name[32])
{
    const char *arguments[] = {guest_program("hot_functions"), "1000", NULL};

    snprintf(name, 32, "profile-%d-%u-%u", (int)getpid(), variant->accel, variant->cpus);
    struct session_settings settings = {.arguments = arguments, .name = name};
    struct session *session = session_start(variant, &settings);
    session_expect(session, "child ");
    return session;
}

static void end_hot(struct session *session)
{
    vt_machine_kill(session_machine(session));
    session_wait(session);
    session_destroy(session);
}

/* Is the same seen of a machine that runs already, as JSON too; and does a task that sleeps show
 * where it sleeps, from main down to the kernel's wait? */
VARIANT_TEST(profile, running_machine)
{
    char name[32];

    variant_require(variant);
    struct session *session = start_hot(variant, name);
    struct command_result json = COMMAND("profile", name, "--json", "-F", "400", "-d", "2");
    cr_assert_eq(json.status, 0, "%s", json.err);
    json_t *object = json_loads(json.out, 0, NULL), *stack;
    size_t index;
    json_int_t samples = 0, often = 0, seldom = 0;
    json_array_foreach(json_object_get(object, "stacks"), index, stack)
    {
        const json_t *frames = json_object_get(stack, "frames");
        json_int_t count = json_integer_value(json_object_get(stack, "count"));

        samples += count;
        for (size_t i = 0; i < json_array_size(frames); i++) {
            const char *frame = json_string_value(json_array_get(frames, i));
            often += strcmp(frame, "hot_often") == 0 ? count : 0;
            seldom += strcmp(frame, "hot_seldom") == 0 ? count : 0;
        }
    }
    cr_assert_eq(samples, json_integer_value(json_object_get(object, "samples")), "%s", json.out);
    cr_assert_gt(json_integer_value(json_object_get(object, "held_ns")), 0);
    expect_ratio((unsigned)often, (unsigned)seldom, json.out);
    json_decref(object);
    command_free(&json);

    struct command_result asleep = COMMAND("profile", name, "--off-cpu", "--threads", "-d", "0.2");
    cr_assert_eq(asleep.status, 0, "%s", asleep.err);
    unsigned sleeping = samples_with(asleep.out, ";main;sleep_in_pipe;");
    cr_assert_gt(sleeping, 0, "%s", asleep.out);
    cr_expect_eq(samples_with(asleep.out, "pipe_read_[k];"), sleeping, "%s", asleep.out);
    cr_expect_eq(samples_with(asleep.out, ";[pipe read] "), sleeping, "%s", asleep.out);
    cr_expect_eq(samples_with(asleep.out, "hot_often"), 0, "%s", asleep.out);
    command_free(&asleep);
    end_hot(session);
}

/* Does a machine go on when its profiler is killed, at whatever moment? */
VARIANT_TEST(profile, killed_profiler)
{
    char name[32];

    variant_require(variant);
    struct session *session = start_hot(variant, name);
    for (unsigned i = 0; i < 5; i++) {
        const char *arguments[] = {"profile", name, "-F", "5000", NULL};
        int input;
        pid_t profiler = command_start(arguments, &input);

        usleep(150000 + 13000 * i); /* any moment will do */
        kill(profiler, SIGKILL);
        command_wait(profiler);
        close(input);
    }
    struct vt_task before, now;
    require_ok(vt_guest_task(session_guest(session), 2, &before), "vt_guest_task");
    do {
        require_ok(vt_guest_alive(session_guest(session)), "vt_guest_alive");
        require_ok(vt_guest_task(session_guest(session), 2, &now), "vt_guest_task");
    } while (now.utime_ns <= before.utime_ns);
    end_hot(session);
}

/* Is what cannot be refused in a sentence, and nothing run? */
Test(profile, refusals)
{
    static const struct {
        const char *arguments[6], *why;
    } bad[] = {
        {{"profile", "-F", "0", "x"}, "-F wants a number"},
        {{"profile", "-F", "1e9", "x"}, "-F wants a number"},
        {{"profile", "-d", "x"}, "-d wants a number"},
        {{"profile", "one", "two"}, "one machine at a time"},
        {{"profile", "one", "--", "/bin/true"}, "not both"},
        {{"profile", "--mem", "64M"}, "need a program"},
        {{"profile", "--usage", "--", "/bin/true"}, "runs already"},
        {{"profile", "no-such-machine"}, "no running machine"},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct command_result result = command_run(bad[i].arguments, NULL, 0);

        cr_expect_eq(result.status, 125, "%zu: %d", i, result.status);
        cr_expect(strstr(result.err, bad[i].why), "%zu: %s", i, result.err);
        command_free(&result);
    }
}
