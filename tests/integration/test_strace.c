/*
 * tests/integration/test_strace.c - `vitrine strace` against strace(1) of this host, and on
 * machines that run already.
 */
#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/harness.h"

/* The first call of the part that is compared. */
#define BEGIN_MARK "close(-100)"

static char *read_file(const char *path)
{
    char *text = NULL;
    size_t bytes = 0, got;
    FILE *file = fopen(path, "r");

    cr_assert(file != NULL, "there is no '%s'", path);
    do {
        text = realloc(text, bytes + 65536 + 1);
        cr_assert(text != NULL);
        got = fread(text + bytes, 1, 65536, file);
        bytes += got;
    } while (got == 65536);
    text[bytes] = '\0';
    fclose(file);
    return text;
}

/*
 * One line without what may differ between two runs: addresses, runs of spaces, the number of the
 * child. False for lines that are not compared: how a library forks is told in different forms, and
 * a signal comes when it comes.
 */
static bool normal_form(const char *line, char *form, size_t room)
{
    size_t used = 0;

    if (strncmp(line, "clone", 5) == 0 || strncmp(line, "fork", 4) == 0 ||
        strncmp(line, "--- ", 4) == 0)
        return false;
    while (*line && used + 8 < room) {
        if (line[0] == '0' && line[1] == 'x') {
            used += (size_t)sprintf(form + used, "ADDRESS");
            for (line += 2; isxdigit((unsigned char)*line); line++)
                ;
            continue;
        }
        if (line[0] == ' ' && line[1] == ' ') {
            line++;
            continue;
        }
        form[used++] = *line++;
    }
    form[used] = '\0';
    if (strncmp(form, "wait4", 5) == 0 && isdigit((unsigned char)form[used - 1]))
        *strrchr(form, ' ') = '\0'; /* the child's number */
    return true;
}

/* The next line that is compared, in *ret_form; false at the end. */
static bool next_form(char **rest, char *form, size_t room)
{
    char *line;

    while ((line = strsep(rest, "\n")) != NULL)
        if (*line && normal_form(line, form, room))
            return true;
    return false;
}

/* Does it tell the same calls, arguments and results as the host's strace of the same program? */
VARIANT_TEST(strace, same_as_on_the_host)
{
    const char *base = getenv("XDG_RUNTIME_DIR"), *program = guest_program("calls");
    char theirs_path[256], ours_path[256], command[700], ours_form[512], theirs_form[512];
    unsigned lines = 0;

    variant_require(variant);
    snprintf(theirs_path, sizeof theirs_path, "%s/%d-theirs", base ? base : "/tmp", (int)getpid());
    snprintf(ours_path, sizeof ours_path, "%s/%d-ours", base ? base : "/tmp", (int)getpid());
    snprintf(command, sizeof command, "strace -o %s %s >/dev/null 2>&1", theirs_path, program);
    int status = system(command);
    if (status != 7 << 8)
        cr_skip("strace does not work on this host (status %#x)", (unsigned)status);
    struct command_result result = COMMAND("strace", "--accel", vt_accel_name(variant->accel),
                                           "--cpus", variant->cpus == 2 ? "2" : "1", "--plain",
                                           "--tid", "2", "-o", ours_path, "--", program);
    cr_assert(result.status == 7, "status %d: %s", result.status, result.err);
    command_free(&result);
    char *theirs = read_file(theirs_path), *ours = read_file(ours_path);
    char *their_rest = strstr(theirs, BEGIN_MARK), *our_rest = strstr(ours, BEGIN_MARK);
    cr_assert(their_rest != NULL && our_rest != NULL, "the calls never began: %s", ours);
    for (;;) {
        bool they = next_form(&their_rest, theirs_form, sizeof theirs_form);
        bool we = next_form(&our_rest, ours_form, sizeof ours_form);

        cr_assert(they == we, "one ends early, at '%s'", they ? theirs_form : ours_form);
        if (!they)
            break;
        cr_expect(strcmp(ours_form, theirs_form) == 0, "ours:   %s\ntheirs: %s", ours_form,
                  theirs_form);
        lines++;
    }
    cr_assert(lines > 40, "only %u calls were compared", lines);
    free(theirs);
    free(ours);
    unlink(theirs_path);
    unlink(ours_path);
}

/* Are calls that wait told when they begin, and their results when they come? */
VARIANT_TEST(strace, interleaved_calls_are_resumed)
{
    unsigned unfinished = 0, resumed = 0;

    variant_require(variant);
    struct command_result result = COMMAND("strace", "--accel", vt_accel_name(variant->accel), "--",
                                           "/bin/sh", "-c", "echo words | cat; false");
    cr_assert(result.status == 1, "status %d: %s", result.status, result.err);
    cr_expect(strstr(result.err, "wait4(-1,  <unfinished ...>") != NULL, "%s", result.err);
    cr_expect(strstr(result.err,
                     "<... wait4 resumed>[{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL)") !=
                  NULL,
              "%s", result.err);
    cr_expect(strstr(result.err, "+++ exited with 1 +++") != NULL, "%s", result.err);
    cr_expect(strstr(result.err, "--- SIGCHLD {si_code=1}: handler runs ---") != NULL, "%s",
              result.err);
    cr_expect(strstr(result.err, "lost") == NULL, "%s", result.err);
    for (const char *at = result.err; (at = strstr(at, " <unfinished ...>\n")) != NULL; at++)
        unfinished++;
    for (const char *at = result.err; (at = strstr(at, " resumed>")) != NULL; at++)
        resumed++;
    cr_expect(resumed > 0 && resumed <= unfinished, "%u unfinished, %u resumed", unfinished,
              resumed);
    command_free(&result);
}

/* Does it show a machine that runs already, and does what it asked for end with it? */
VARIANT_TEST_ONE_CPU(strace, of_a_running_machine)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    char name[40], path[256], pid_text[16];
    struct timespec pause = {.tv_nsec = 5000000};
    int input, no_input, deadline = 4000;
    char *text = NULL;

    variant_require(variant);
    snprintf(name, sizeof name, "strace-%d", (int)getpid());
    snprintf(path, sizeof path, "%s/%s.calls", base ? base : "/tmp", name);
    snprintf(pid_text, sizeof pid_text, "%d", 2);
    pid_t machine = command_start((const char *const[]){"run", "--quiet", "--accel",
                                                        vt_accel_name(variant->accel), "--name",
                                                        name, "--", "/bin/cat", NULL},
                                  &input);
    pid_t tracer = -1;
    for (; deadline > 0; deadline--) {
        if (tracer < 0) { /* once the machine has its name */
            struct command_result names = COMMAND("ps", name);
            bool up = names.status == 0 && strstr(names.out, "cat") != NULL;

            command_free(&names);
            if (up)
                tracer = command_start(
                    (const char *const[]){"strace", "--pid", pid_text, "-o", path, name, NULL},
                    &no_input);
            continue;
        }
        cr_assert(write(input, "hello\n", 6) == 6);
        nanosleep(&pause, NULL);
        if (access(path, R_OK) != 0)
            continue;
        free(text);
        text = read_file(path);
        if (strstr(text, "write(1, \"hello\\n\", 6)") != NULL)
            break;
    }
    cr_assert(deadline > 0, "the calls were never told: %s", text ? text : "(nothing)");
    close(input);
    cr_expect(command_wait(machine) == 0);
    cr_expect(command_wait(tracer) == 0);
    close(no_input);
    free(text);
    text = read_file(path);
    cr_expect(strstr(text, "read(0, \"hello\\n\"") != NULL, "%s", text);
    cr_expect(strstr(text, "+++ exited with 0 +++") != NULL, "%s", text);
    free(text);
    unlink(path);
}
