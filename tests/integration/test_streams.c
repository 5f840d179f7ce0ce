/*
 * tests/integration/test_streams.c - standard streams are byte-exact pipes with EOF both ways, and
 * ends are passed on: exit statuses, signals, programs that do not exist.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/integration/harness.h"

#define MEBIBYTE (1u << 20)

static uint8_t *make_noise(size_t bytes)
{
    uint8_t *noise = malloc(bytes);
    uint64_t state = 88172645463325252ull;

    cr_assert(noise != NULL);
    for (size_t i = 0; i < bytes; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise[i] = (uint8_t)state;
    }
    return noise;
}

/* Does a mebibyte of binary data go in and come out again unchanged? */
VARIANT_TEST(streams, binary_both_ways)
{
    static const char *const arguments[] = {"/bin/cat", NULL};
    size_t bytes = harness_is_slow(variant) ? MEBIBYTE / 16 : MEBIBYTE, got;
    uint8_t *noise;
    struct session_settings settings = {.arguments = arguments, .input_bytes = bytes};
    struct session *session;
    const char *output;

    variant_require(variant);
    noise = make_noise(bytes);
    settings.input = noise;
    session = session_start(variant, &settings);
    session_wait_exit(session, 0);
    output = session_stdout(session, &got);
    cr_assert(got == bytes, "%zu bytes of %zu came back", got, bytes);
    cr_assert(memcmp(output, noise, bytes) == 0, "the bytes are not the same");
    session_destroy(session);
    free(noise);
}

/* Are stdout and stderr two streams? */
VARIANT_TEST(streams, output_and_error_are_two)
{
    static const char *const arguments[] = {"/bin/busybox", "sh", "-c", "echo out; echo err >&2",
                                            NULL};
    struct session_settings settings = {.arguments = arguments};
    struct session *session;

    variant_require(variant);
    session = session_start(variant, &settings);
    session_wait_exit(session, 0);
    cr_assert_str_eq(session_stdout(session, NULL), "out\n");
    cr_assert_str_eq(session_stderr(session, NULL), "err\n");
    session_destroy(session);
}

/* Does a program that reads see the end of its input, and are no streams terminals? */
VARIANT_TEST(streams, end_of_input)
{
    static const char *const arguments[] = {
        "/bin/busybox", "sh", "-c",
        "wc -c; test -t 0 || test -t 1 || test -t 2 || echo no terminal", NULL};
    struct session_settings settings = {.arguments = arguments, .input = "12345", .input_bytes = 5};
    struct session *session;

    variant_require(variant);
    session = session_start(variant, &settings);
    session_wait_exit(session, 0);
    cr_assert_str_eq(session_stdout(session, NULL), "5\nno terminal\n");
    session_destroy(session);
}

/* Does a conversation work: line in, line out, several times? */
VARIANT_TEST(streams, conversation)
{
    static const char *const arguments[] = {
        "/bin/busybox", "sh", "-c", "while read word; do echo got $word; done; echo bye", NULL};
    struct session_settings settings = {.arguments = arguments, .keep_input_open = true};
    struct session *session;

    variant_require(variant);
    session = session_start(variant, &settings);
    session_send(session, "one\n");
    cr_assert_str_eq(session_expect(session, "got "), "one");
    session_send(session, "two\n");
    cr_assert_str_eq(session_expect(session, "got "), "two");
    session_close_input(session);
    session_expect(session, "bye");
    session_wait_exit(session, 0);
    session_destroy(session);
}

static void check_end(const struct variant *variant, const char *script, enum vt_outcome_kind kind,
                      int status)
{
    const char *arguments[] = {"/bin/busybox", "sh", "-c", script, NULL};
    struct session_settings settings = {.arguments = arguments};
    struct session *session = session_start(variant, &settings);
    struct vt_outcome outcome = session_wait(session);

    cr_assert(outcome.kind == kind && outcome.status == status,
              "\"%s\" ended with kind %d status %d", script, outcome.kind, outcome.status);
    session_destroy(session);
}

/* Is the end of the program the outcome of the machine? */
VARIANT_TEST(streams, ends)
{
    variant_require(variant);
    check_end(variant, "exit 7", VT_OUTCOME_EXITED, 7);
    check_end(variant, "kill -9 $$", VT_OUTCOME_SIGNALED, 9);
    /* The machine ends with its program, whatever is left running. */
    check_end(variant, "sleep 1000 & exit 3", VT_OUTCOME_EXITED, 3);
}

/* Is a program that is nowhere refused before anything starts, with an error that names it? */
VARIANT_TEST(streams, no_such_program)
{
    static const char *const arguments[] = {"/bin/not-there", NULL};
    struct vt_options options;
    struct vt_machine *machine;
    struct vt_error *error;

    variant_require(variant);
    vt_options_init(&options);
    options.accel = variant->accel;
    options.cpus = variant->cpus;
    options.argv = arguments;
    error = vt_machine_create(&options, &machine);
    cr_assert(error != NULL && vt_error_code(error) == VT_ERROR_NO_PROGRAM);
    cr_assert(strstr(vt_error_message(error), "/bin/not-there") != NULL, "%s",
              vt_error_message(error));
    vt_error_destroy(error);
}
