/*
 * tests/integration/session.c - one machine under test: its streams through pipes and threads of
 * ours, its deadlines, its end. Locking: `lock` guards both output buffers; readers append, the
 * test's thread reads.
 */
#include "tests/integration/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX 15

struct output {
    struct session *session;
    pthread_t thread;
    int fd;     /* our reading end */
    char *data; /* always NUL-terminated */
    size_t bytes, room;
    bool ended;
};

struct session {
    struct vt_machine *machine;
    struct output out, err;
    pthread_t writer;
    bool writer_running;
    int input_fd; /* our writing end, -1 = closed */
    const uint8_t *input;
    size_t input_bytes;
    bool keep_input_open;
    int guest_fds[3]; /* the ends that the library uses */
    pthread_mutex_t lock;
    pthread_cond_t more;
    size_t line_start; /* of the next line for session_expect() */
    char *line;
    unsigned seconds;
    struct vt_outcome outcome;
    bool ended;
    bool unaudited; /* at all */
    bool unstopped; /* only at the end */
    struct vt_audit *audit;
};

/* ---- every machine of the suite is audited on the way ---- */

enum auditing {
    AUDIT_OFF,
    AUDIT_AT_END,    /* what stands when the machine has ended */
    AUDIT_ALL_ALONG, /* ... and at every line that a test waits for */
};

static enum auditing auditing(void)
{
    const char *value = getenv("VITRINE_TEST_AUDIT");

    if (value == NULL)
        return harness_is_long() ? AUDIT_ALL_ALONG : AUDIT_AT_END;
    return strcmp(value, "all") == 0  ? AUDIT_ALL_ALONG
           : strcmp(value, "no") == 0 ? AUDIT_OFF
                                      : AUDIT_AT_END;
}

/* A machine that cannot be audited, or not now, is no failure; a broken promise is. */
static void look(struct session *session, enum auditing when)
{
    const struct vt_violation *violations;

    if (session->unaudited || (session->unstopped && when == AUDIT_ALL_ALONG) || auditing() < when)
        return;
    struct vt_error *error = NULL;
    if (session->audit == NULL)
        error = vt_audit_create(session_guest(session), NULL, &session->audit);
    if (error == NULL)
        error = when == AUDIT_AT_END ? vt_audit_check(session->audit, NULL)
                                     : vt_audit_check_now(session->audit, 50, NULL);
    session->unaudited = error != NULL;
    vt_error_destroy(error);
    size_t count = session->audit != NULL ? vt_audit_violations(session->audit, &violations) : 0;
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, "audit: %s: %s\n", violations[i].invariant, violations[i].message);
    if (count > 0)
        cr_assert_fail("the kernel broke a promise: %s: %s", violations[0].invariant,
                       violations[0].message);
}

static void *read_output(void *argument)
{
    struct output *output = argument;
    struct session *session = output->session;
    char block[16384];
    ssize_t got;

    while ((got = read(output->fd, block, sizeof block)) > 0 || (got < 0 && errno == EINTR)) {
        if (got < 0)
            continue;
        pthread_mutex_lock(&session->lock);
        if (output->bytes + (size_t)got + 1 > output->room) {
            output->room = (output->bytes + (size_t)got + 1) * 2;
            output->data = realloc(output->data, output->room);
        }
        memcpy(output->data + output->bytes, block, (size_t)got);
        output->bytes += (size_t)got;
        output->data[output->bytes] = '\0';
        pthread_cond_broadcast(&session->more);
        pthread_mutex_unlock(&session->lock);
    }
    pthread_mutex_lock(&session->lock);
    output->ended = true;
    pthread_cond_broadcast(&session->more);
    pthread_mutex_unlock(&session->lock);
    return NULL;
}

static void write_input(int fd, const uint8_t *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t put = write(fd, data, bytes);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return;
        data += put;
        bytes -= (size_t)put;
    }
}

static void *feed_input(void *argument)
{
    struct session *session = argument;

    write_input(session->input_fd, session->input, session->input_bytes);
    if (!session->keep_input_open) {
        close(session->input_fd);
        session->input_fd = -1;
    }
    return NULL;
}

static int start_output(struct session *session, struct output *output)
{
    int ends[2];

    cr_assert(pipe2(ends, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
    output->session = session;
    output->fd = ends[0];
    output->room = 4096;
    output->data = calloc(1, output->room);
    cr_assert(pthread_create(&output->thread, NULL, read_output, output) == 0);
    return ends[1];
}

static void deadline_after(unsigned seconds, struct timespec *ret)
{
    clock_gettime(CLOCK_MONOTONIC, ret);
    ret->tv_sec += seconds;
}

/* A session without a machine: pipes, and what a machine that uses them needs to know of them. */
static struct session *prepare(const struct variant *variant,
                               const struct session_settings *settings, struct vt_options *options)
{
    struct session *session = calloc(1, sizeof *session);
    pthread_condattr_t attributes;
    int input[2];

    cr_assert(session != NULL);
    signal(SIGPIPE, SIG_IGN);
    session->seconds = settings->seconds;
    if (session->seconds == 0)
        session->seconds = harness_is_slow(variant) ? 180 : 60;
    if (harness_is_long())
        session->seconds *= 20;
    /* Even a library that never returns must not hold up the test run. */
    alarm(session->seconds * 2);
    pthread_mutex_init(&session->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&session->more, &attributes);
    cr_assert(pipe2(input, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
    session->guest_fds[0] = input[0];
    session->guest_fds[1] = start_output(session, &session->out);
    session->guest_fds[2] = start_output(session, &session->err);
    session->input_fd = input[1];
    session->input = settings->input;
    session->input_bytes = settings->input_bytes;
    session->keep_input_open = settings->keep_input_open;
    session->unaudited = settings->unaudited;
    session->unstopped = settings->unstopped || settings->hold_at_start || settings->icount;

    vt_options_init(options);
    options->accel = variant->accel;
    options->stdin_fd = session->guest_fds[0];
    options->stdout_fd = session->guest_fds[1];
    options->stderr_fd = session->guest_fds[2];
    options->name = settings->name;
    return session;
}

struct session *session_start(const struct variant *variant,
                              const struct session_settings *settings)
{
    struct vt_options options;
    struct session *session = prepare(variant, settings, &options);

    options.cpus = variant->cpus;
    options.memory_bytes = settings->memory_bytes;
    options.argv = settings->arguments;
    options.envp = settings->environment;
    options.rootfs = settings->rootfs;
    options.kernel = settings->kernel;
    options.kernel_options = settings->kernel_options;
    options.trace = settings->trace;
    options.trace_lossless = settings->trace_lossless;
    options.trace_syscalls = settings->trace_syscalls;
    options.trace_ring_records = settings->trace_ring_records;
    options.hold_at_start = settings->hold_at_start;
    options.no_aslr = settings->no_aslr;
    options.icount = settings->icount;
    require_ok(vt_machine_create(&options, &session->machine), "vt_machine_create");
    session_launch(session);
    return session;
}

void session_launch(struct session *session)
{
    require_ok(vt_machine_start(session->machine), "vt_machine_start");
    require_ok(vt_guest_ready(session_guest(session), session_timeout_ms(session)),
               "vt_guest_ready");
    session->writer_running = pthread_create(&session->writer, NULL, feed_input, session) == 0;
    cr_assert(session->writer_running);
}

struct session *session_restore(const struct variant *variant, const char *path)
{
    const struct session_settings settings = {.keep_input_open = true};
    struct vt_options options;
    struct session *session = prepare(variant, &settings, &options);

    require_ok(vt_machine_restore(path, &options, &session->machine), "vt_machine_restore");
    return session;
}

struct session *session_fork(const struct variant *variant, struct session *from)
{
    const struct session_settings settings = {.keep_input_open = true};
    struct vt_options options;
    struct session *session = prepare(variant, &settings, &options);

    require_ok(vt_fork(from->machine, &options, &session->machine), "vt_fork");
    return session;
}

struct session *session_start_program(const struct variant *variant, const char *program, ...)
{
    const char *arguments[ARGUMENTS_MAX + 1] = {guest_program(program)};
    struct session_settings settings = {
        .arguments = arguments, .keep_input_open = true, .trace = true};
    va_list list;
    size_t count = 1;

    va_start(list, program);
    while (count < ARGUMENTS_MAX && (arguments[count] = va_arg(list, const char *)) != NULL)
        count++;
    va_end(list);
    return session_start(variant, &settings);
}

void session_stops_itself(struct session *session)
{
    session->unstopped = true;
}

struct vt_machine *session_machine(struct session *session)
{
    return session->machine;
}

struct vt_guest *session_guest(struct session *session)
{
    return vt_machine_guest(session->machine);
}

int session_timeout_ms(const struct session *session)
{
    return (int)session->seconds * 1000;
}

/* What is known of a machine that does not do what it should; printed with the failure. */
static void explain(struct session *session)
{
    const char *report = vt_machine_report(session->machine);
    char *log = vt_machine_log(session->machine);

    fprintf(stderr, "stdout so far: %.2000s\nstderr so far: %.2000s\n", session->out.data,
            session->err.data);
    if (report != NULL && *report != '\0')
        fprintf(stderr, "report:\n%s\n", report);
    if (log != NULL && *log != '\0')
        fprintf(stderr, "kernel log:\n%.4000s\n", log);
    free(log);
}

/* Waits for a whole line from line_start on; lock held. Returns its end, or NULL. */
static const char *next_line(struct session *session, const struct timespec *deadline)
{
    for (;;) {
        char *start = session->out.data + session->line_start;
        char *end = memchr(start, '\n', session->out.bytes - session->line_start);

        if (end != NULL)
            return end;
        if (session->out.ended ||
            pthread_cond_timedwait(&session->more, &session->lock, deadline) == ETIMEDOUT)
            return NULL;
    }
}

const char *session_await(struct session *session, const char *prefix, unsigned seconds)
{
    struct timespec deadline;
    const char *end;
    bool found = false;

    deadline_after(seconds, &deadline);
    pthread_mutex_lock(&session->lock);
    while (!found && (end = next_line(session, &deadline)) != NULL) {
        const char *start = session->out.data + session->line_start;

        session->line_start = (size_t)(end - session->out.data) + 1;
        if (strncmp(start, prefix, strlen(prefix)) == 0) {
            free(session->line);
            session->line = strndup(start + strlen(prefix), (size_t)(end - start) - strlen(prefix));
            found = true;
        }
    }
    pthread_mutex_unlock(&session->lock);
    return found ? session->line : NULL;
}

const char *session_expect(struct session *session, const char *prefix)
{
    const char *line = session_await(session, prefix, session->seconds);

    if (line == NULL) {
        explain(session);
        cr_assert_fail("the guest program never printed \"%s\"", prefix);
    }
    look(session, AUDIT_ALL_ALONG);
    return line;
}

void session_send(struct session *session, const char *text)
{
    if (session->writer_running) {
        pthread_join(session->writer, NULL);
        session->writer_running = false;
    }
    cr_assert(session->input_fd >= 0, "stdin is closed already");
    write_input(session->input_fd, (const uint8_t *)text, strlen(text));
}

void session_close_input(struct session *session)
{
    if (session->writer_running) {
        pthread_join(session->writer, NULL);
        session->writer_running = false;
    }
    if (session->input_fd >= 0)
        close(session->input_fd);
    session->input_fd = -1;
}

/* After the machine's end: lets the readers see EOF and waits for them. */
static void finish_outputs(struct session *session)
{
    for (int i = 0; i < 3; i++) {
        if (session->guest_fds[i] >= 0)
            close(session->guest_fds[i]);
        session->guest_fds[i] = -1;
    }
    pthread_join(session->out.thread, NULL);
    pthread_join(session->err.thread, NULL);
    close(session->out.fd);
    close(session->err.fd);
    session->out.fd = session->err.fd = -1;
}

struct vt_outcome session_wait(struct session *session)
{
    struct vt_error *error;

    if (session->ended)
        return session->outcome;
    error = vt_machine_wait(session->machine, session_timeout_ms(session), &session->outcome);
    if (error != NULL) {
        explain(session);
        require_ok(error, "vt_machine_wait");
    }
    session->ended = true;
    finish_outputs(session);
    if (session->outcome.kind == VT_OUTCOME_FAILED) {
        explain(session);
        cr_assert_fail("the machine failed");
    }
    look(session, AUDIT_AT_END);
    return session->outcome;
}

void session_wait_exit(struct session *session, int status)
{
    struct vt_outcome outcome = session_wait(session);

    if (outcome.kind != VT_OUTCOME_EXITED || outcome.status != status)
        explain(session);
    cr_assert(outcome.kind == VT_OUTCOME_EXITED && outcome.status == status,
              "the program ended with kind %d status %d instead of exit status %d", outcome.kind,
              outcome.status, status);
}

const char *session_stdout(struct session *session, size_t *ret_bytes)
{
    if (ret_bytes != NULL)
        *ret_bytes = session->out.bytes;
    return session->out.data;
}

const char *session_stderr(struct session *session, size_t *ret_bytes)
{
    if (ret_bytes != NULL)
        *ret_bytes = session->err.bytes;
    return session->err.data;
}

void session_destroy(struct session *session)
{
    if (!session->ended) {
        struct vt_outcome outcome;

        vt_machine_kill(session->machine);
        vt_error_destroy(vt_machine_wait(session->machine, 10000, &outcome));
        finish_outputs(session);
    }
    session_close_input(session);
    vt_audit_destroy(session->audit);
    vt_machine_destroy(session->machine);
    free(session->out.data);
    free(session->err.data);
    free(session->line);
    free(session);
    alarm(0);
}
