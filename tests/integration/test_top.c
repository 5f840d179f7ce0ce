/*
 * tests/integration/test_top.c - `vitrine top` and `vitrine profile --usage` on a running machine, as text,
 * as JSON, and on a terminal.
 */
#include <jansson.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/acted_on.h"
#include "tests/integration/command.h"

#define SCREEN_SECONDS 30

static struct acted_on start_spinner(const struct variant *variant, char name[32], int32_t *child)
{
    snprintf(name, 32, "top-%d-%u", (int)getpid(), variant->cpus);
    struct acted_on program = acted_on_start(variant, name);
    session_send(program.session, "child\n");
    *child = atoi(session_expect(program.session, "child "));
    acted_on_await_progress(&program, 3, 0);
    return program;
}

static double percent_of(const json_t *list, int32_t pid)
{
    size_t i;
    json_t *task;

    json_array_foreach(
        list, i, task) if (json_integer_value(json_object_get(task, "pid")) ==
                           pid) return json_number_value(json_object_get(task, "cpu_percent"));
    return -1;
}

static void finish(struct acted_on *program)
{
    session_send(program->session, "quit\n");
    session_wait_exit(program->session, 0);
    session_destroy(program->session);
}

/* Does a process that never sleeps stand first, with most of a CPU, in the text and in the JSON? */
VARIANT_TEST(top, text_and_json)
{
    char name[32];
    int32_t child;

    variant_require(variant);
    struct acted_on program = start_spinner(variant, name, &child);
    struct command_result text = COMMAND("top", name, "--batch", "-d", "0.3");
    cr_assert_eq(text.status, 0, "%s", text.err);
    const char *header = strstr(text.out, "   PID    TID");
    cr_assert(header && strstr(text.out, "CPU0"), "%s", text.out);
    cr_assert_eq(atoi(strchr(header, '\n')), child, "%s", text.out);
    command_free(&text);

    struct command_result json = COMMAND("top", name, "--json", "-n", "2", "-d", "0.3");
    cr_assert_eq(json.status, 0, "%s", json.err);
    json_t *picture = json_loads(json.out, JSON_DISABLE_EOF_CHECK, NULL);
    cr_assert(picture, "%s", json.out);
    double percent = percent_of(json_object_get(picture, "tasks"), child);
    cr_assert(percent > 20 && percent <= 100, "%g %%", percent);
    cr_assert_eq(json_array_size(json_object_get(picture, "cpus")), variant->cpus);
    json_decref(picture);
    command_free(&json);

    struct command_result profile =
        COMMAND("profile", "--usage", name, "--json", "-i", "0.2", "-d", "0.5");
    cr_assert_eq(profile.status, 0, "%s", profile.err);
    const char *last = strstr(profile.out, "{\"totals\"");
    cr_assert(last, "%s", profile.out);
    json_t *sums = json_loads(last, 0, NULL),
           *first = json_array_get(json_object_get(sums, "totals"), 0);
    cr_assert_eq(json_integer_value(json_object_get(first, "pid")), child);
    cr_assert(json_number_value(json_object_get(first, "cpu_seconds")) > 0.1);
    json_decref(sums);
    command_free(&profile);
    finish(&program);
}

static pid_t start_on_terminal(const char *name, int *ret_terminal)
{
    const char *command = getenv("VITRINE_COMMAND");
    struct winsize size = {.ws_row = 24, .ws_col = 100};

    cr_assert(command != NULL, "VITRINE_COMMAND says where vitrine is; run `make test`");
    pid_t pid = forkpty(ret_terminal, NULL, NULL, &size);

    if (pid == 0) {
        setenv("TERM", "xterm", 1);
        execl(command, "vitrine", "top", name, "-d", "0.2", (char *)NULL);
        _exit(127);
    }
    cr_assert(pid > 0);
    return pid;
}

/* Reads what is drawn until `text` appears. */
static void await_on_screen(int terminal, const char *text)
{
    char drawn[65536];
    size_t used = 0;
    time_t deadline = time(NULL) + SCREEN_SECONDS;

    drawn[0] = '\0';
    while (!strstr(drawn, text)) {
        if (used > sizeof(drawn) / 2) {
            memmove(drawn, drawn + used / 2, used - used / 2);
            used -= used / 2;
        }
        ssize_t got = read(terminal, drawn + used, sizeof(drawn) - 1 - used);
        cr_assert(got > 0 && time(NULL) < deadline, "'%s' never appeared", text);
        used += (size_t)got;
        for (size_t i = used - (size_t)got; i < used; i++)
            if (!drawn[i])
                drawn[i] = ' ';
        drawn[used] = '\0';
    }
}

static int drain_and_wait(int terminal, pid_t pid)
{
    char byte[256];
    int status;

    while (read(terminal, byte, sizeof(byte)) > 0)
        ;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    close(terminal);
    return status;
}

/* On a terminal: is the spinner drawn, does `k` end it, and does the end of the machine end top? */
VARIANT_TEST_ONE_CPU(top, on_a_terminal)
{
    char name[32], question[64];
    int32_t child;
    int terminal;

    variant_require(variant);
    struct acted_on program = start_spinner(variant, name, &child);
    pid_t top = start_on_terminal(name, &terminal);
    await_on_screen(terminal, "runs acted_on/");
    session_send(program.session, "wait\n");
    /* By number the child is the last one; the question must name it before it is answered. */
    cr_assert(write(terminal, "N\033OFk", 5) == 5);
    snprintf(question, sizeof(question), "Signal for process %d ", child);
    await_on_screen(terminal, question);
    cr_assert(write(terminal, "KILL\r", 5) == 5);
    cr_assert_eq(atoi(session_expect(program.session, "status ")), SIGKILL);
    cr_assert(write(terminal, "q", 1) == 1);
    cr_assert_eq(drain_and_wait(terminal, top), 0);

    top = start_on_terminal(name, &terminal);
    await_on_screen(terminal, "PID");
    finish(&program);
    cr_assert_eq(drain_and_wait(terminal, top), 0, "top did not notice that the machine ended");
}
