/*
 * tests/integration/gdb_client.c - see gdb_client.h. Waiting is for what the program prints or for
 * a process to end, with a deadline each.
 */
#include "tests/integration/gdb_client.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/command.h"

#define DEADLINE_MS 60000
#define LINES_MAX   64

static const char *directory(void)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");

    return runtime != NULL ? runtime : "/tmp";
}

static const char *beside_command(const char *name)
{
    static char path[300];
    const char *command = getenv("VITRINE_COMMAND");
    const char *slash = command != NULL ? strrchr(command, '/') : NULL;

    if (slash != NULL)
        snprintf(path, sizeof path, "%.*s/%s", (int)(slash - command), command, name);
    else
        snprintf(path, sizeof path, "build/%s", name);
    return path;
}

const char *gdb_kernel(void)
{
    static char path[300];

    snprintf(path, sizeof path, "%s", beside_command("vitrine-kernel"));
    return path;
}

static char *file_text(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t room = 0;

    if (file == NULL)
        return strdup("");
    if (getdelim(&text, &room, '\0', file) < 0) {
        free(text);
        text = strdup("");
    }
    fclose(file);
    return text;
}

static void pause_briefly(void)
{
    struct timespec pause = {.tv_nsec = 2000000};

    nanosleep(&pause, NULL);
}

static void wait_for_text(const struct debugged *debugged, const char *text)
{
    for (unsigned i = 0; i < DEADLINE_MS / 2; i++) {
        char *output = file_text(debugged->output);
        bool there = strstr(output, text) != NULL;

        free(output);
        if (there)
            return;
        pause_briefly();
    }
    cr_assert_fail("the program never printed '%s'", text);
}

static void wait_for_socket(const struct debugged *debugged)
{
    struct stat status;

    for (unsigned i = 0; i < DEADLINE_MS / 2; i++) {
        if (stat(debugged->socket, &status) == 0 && S_ISSOCK(status.st_mode))
            return;
        pause_briefly();
    }
    cr_assert_fail("the machine never listened on %s", debugged->socket);
}

struct debugged debugged_start(const struct variant *variant, bool at_start, const char *program)
{
    struct debugged debugged;
    const char *arguments[16] = {"run",     "--quiet",
                                 "--accel", vt_accel_name(variant->accel),
                                 "--cpus",  variant->cpus == 2 ? "2" : "1",
                                 "--name"};
    unsigned count = 7;
    struct command_result result;

    if (access("/usr/bin/gdb", X_OK) != 0)
        cr_skip_test("gdb is not installed");
    snprintf(debugged.name, sizeof debugged.name, "gdb-%d", (int)getpid());
    snprintf(debugged.socket, sizeof debugged.socket, "%s/%s.gdb", directory(), debugged.name);
    snprintf(debugged.output, sizeof debugged.output, "%s/%s.out", directory(), debugged.name);
    arguments[count++] = debugged.name;
    if (at_start) {
        arguments[count++] = "--gdb";
        arguments[count++] = debugged.socket;
    }
    arguments[count++] = "--";
    arguments[count++] = guest_program(program);
    int output = open(debugged.output, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    cr_assert(output >= 0);
    debugged.machine = command_start_to(arguments, output, &debugged.input);
    close(output);
    snprintf(debugged.send, sizeof debugged.send, "shell echo > /proc/%d/fd/%d", (int)getpid(),
             debugged.input);
    snprintf(debugged.interrupt, sizeof debugged.interrupt,
             "shell (while ! %s ps %s | grep -q 'console input'; do sleep 0.01; done; kill -INT "
             "$PPID) >/dev/null 2>&1 </dev/null &",
             getenv("VITRINE_COMMAND") != NULL ? getenv("VITRINE_COMMAND") : "build/vitrine",
             debugged.name);
    if (at_start) {
        wait_for_socket(&debugged);
        return debugged;
    }
    wait_for_text(&debugged, "ready\n");
    result = COMMAND("gdb", debugged.name, debugged.socket);
    cr_assert(result.status == 0 && strstr(result.out, debugged.socket), "%s%s", result.out,
              result.err);
    command_free(&result);
    return debugged;
}

void debugged_send(const struct debugged *debugged)
{
    cr_assert(write(debugged->input, "\n", 1) == 1);
}

int debugged_wait(struct debugged *debugged, char **ret_output)
{
    int status = command_wait(debugged->machine);

    close(debugged->input);
    *ret_output = file_text(debugged->output);
    unlink(debugged->output);
    return status;
}

void debugged_kill(struct debugged *debugged)
{
    char *output;

    kill(debugged->machine, SIGKILL);
    (void)debugged_wait(debugged, &output);
    free(output);
    unlink(debugged->socket);
}

static void write_script(const char *path, const char *target, const char *program,
                         const char *const *lines)
{
    FILE *script = fopen(path, "w");

    cr_assert(script != NULL);
    fprintf(script, "set pagination off\nset confirm off\nset width 0\n");
    fprintf(script, "set trust-readonly-sections on\n");
    fprintf(script, "source %s\n", beside_command("vitrine-gdb.py"));
    if (target != NULL)
        fprintf(script, "target remote %s\n", target);
    if (program != NULL)
        fprintf(script, "add-symbol-file %s\n", guest_program(program));
    for (; *lines != NULL; lines++)
        fprintf(script, "%s\n", *lines);
    fclose(script);
}

char *gdb_run_lines(const char *target, const char *program, const char *const *lines)
{
    char script[300], output[300];

    snprintf(script, sizeof script, "%s/gdb-%d.script", directory(), (int)getpid());
    snprintf(output, sizeof output, "%s/gdb-%d.text", directory(), (int)getpid());
    write_script(script, target, program, lines);
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        int out = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        dup2(open("/dev/null", O_RDONLY), 0);
        dup2(out, 1);
        dup2(out, 2);
        alarm(DEADLINE_MS / 1000);
        execlp("gdb", "gdb", "-q", "-nx", "-batch", gdb_kernel(), "-x", script, (char *)NULL);
        _exit(127);
    }
    int status = command_wait(child);
    char *text = file_text(output);
    unlink(script);
    unlink(output);
    cr_assert(status != 127 && status != 128 + SIGALRM, "gdb ended with status %d:\n%s", status,
              text);
    return text;
}

void gdb_expect(const char *output, const char *const *texts)
{
    const char *at = output;

    for (; *texts != NULL; texts++) {
        const char *found = strstr(at, *texts);

        cr_assert(found != NULL, "'%s' is not there, or not in its place:\n%s", *texts, output);
        at = found + strlen(*texts);
    }
}

unsigned gdb_count(const char *output, const char *text)
{
    unsigned count = 0;

    for (const char *at = output; (at = strstr(at, text)) != NULL; at += strlen(text))
        count++;
    return count;
}
