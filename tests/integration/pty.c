/*
 * tests/integration/pty.c - a pseudo-terminal, what runs on it and what it showed.
 *
 * The test keeps the slave open: then the settings can be read at any time, and what is shown stays
 * readable after the program has gone.
 */
#include "tests/integration/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/command.h"

#define DEADLINE_SECONDS 60
#define LOOK_AGAIN_MS    5 /* for what no descriptor tells: settings, the end of a process */
#define ARGUMENTS_MAX    40
#define READ_PIECE       65536

static time_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

void pty_open(struct pty *pty, unsigned short rows, unsigned short columns)
{
    struct winsize size = {.ws_row = rows, .ws_col = columns};

    memset(pty, 0, sizeof *pty);
    cr_assert(openpty(&pty->master, &pty->slave, NULL, NULL, &size) == 0, "openpty: %s",
              strerror(errno));
    fcntl(pty->master, F_SETFD, FD_CLOEXEC);
    fcntl(pty->slave, F_SETFD, FD_CLOEXEC);
    fcntl(pty->master, F_SETFL, O_RDWR | O_NONBLOCK);
    cr_assert(tcgetattr(pty->slave, &pty->before) == 0);
    pty->output = calloc(1, 1);
}

void pty_close(struct pty *pty)
{
    if (pty->child > 0) {
        kill(pty->child, SIGKILL);
        waitpid(pty->child, NULL, 0);
    }
    close(pty->master);
    close(pty->slave);
    free(pty->output);
    memset(pty, 0, sizeof *pty);
}

void pty_start(struct pty *pty, const char *const *argv, const int fds[3])
{
    static const int defaults[] = {SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};

    cr_assert(pty->child == 0);
    pty->child = fork();
    cr_assert(pty->child >= 0);
    if (pty->child > 0)
        return;
    /* Whoever started the tests may have ignored these. */
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        signal(defaults[i], SIG_DFL);
    command_audited();
    setsid();
    ioctl(pty->slave, TIOCSCTTY, 0);
    for (int i = 0; i < 3; i++)
        dup2(fds != NULL && fds[i] >= 0 ? fds[i] : pty->slave, i);
    execvp(argv[0], (char *const *)argv);
    _exit(124);
}

static const char *command(void)
{
    const char *name = getenv("VITRINE_COMMAND");

    return name != NULL ? name : "build/vitrine";
}

void pty_run(struct pty *pty, const struct variant *variant, const int fds[3],
             const char *const *more)
{
    const char *arguments[ARGUMENTS_MAX] = {command(),
                                            "run",
                                            "--quiet",
                                            "--accel",
                                            vt_accel_name(variant->accel),
                                            "--cpus",
                                            variant->cpus == 2 ? "2" : "1"};
    size_t count = 7;

    while (*more != NULL && count < ARGUMENTS_MAX - 1)
        arguments[count++] = *more++;
    pty_start(pty, arguments, fds);
}

void pty_command_line(const struct variant *variant, const char *more, char line[PTY_LINE])
{
    snprintf(line, PTY_LINE, "%s run --quiet --accel %s --cpus %u %s", command(),
             vt_accel_name(variant->accel), variant->cpus, more);
}

/* Takes what is shown now; waits for up to `milliseconds` if there is nothing. */
static void look(struct pty *pty, int milliseconds)
{
    struct pollfd fd = {.fd = pty->master, .events = POLLIN};

    if (poll(&fd, 1, milliseconds) <= 0)
        return;
    for (;;) {
        pty->output = realloc(pty->output, pty->bytes + READ_PIECE + 1);
        cr_assert(pty->output != NULL);
        ssize_t got = read(pty->master, pty->output + pty->bytes, READ_PIECE);
        if (got <= 0)
            break;
        pty->bytes += (size_t)got;
    }
    pty->output[pty->bytes] = '\0';
}

void pty_type_bytes(struct pty *pty, const void *data, size_t bytes)
{
    time_t give_up = now() + DEADLINE_SECONDS;
    const char *next = data;

    while (bytes > 0) {
        struct pollfd fd = {.fd = pty->master, .events = POLLIN | POLLOUT};
        ssize_t done = write(pty->master, next, bytes);

        if (done > 0) {
            next += done;
            bytes -= (size_t)done;
        }
        look(pty, 0);
        if (done <= 0) {
            cr_assert(now() < give_up, "nobody reads what is typed; shown:\n%s", pty->output);
            poll(&fd, 1, LOOK_AGAIN_MS);
        }
    }
}

void pty_type(struct pty *pty, const char *text)
{
    pty_type_bytes(pty, text, strlen(text));
}

void pty_expect_count(struct pty *pty, size_t bytes)
{
    time_t give_up = now() + DEADLINE_SECONDS;

    while (pty->bytes < bytes) {
        cr_assert(now() < give_up, "%zu bytes of %zu were shown", pty->bytes, bytes);
        look(pty, 100);
    }
}

void pty_expect_bytes(struct pty *pty, const void *data, size_t bytes)
{
    time_t give_up = now() + DEADLINE_SECONDS;
    const char *found;

    while ((found = memmem(pty->output + pty->seen, pty->bytes - pty->seen, data, bytes)) == NULL) {
        cr_assert(now() < give_up, "'%.*s' was not shown after:\n%.*s\nbut:\n%s", (int)bytes,
                  (const char *)data, (int)pty->seen, pty->output, pty->output + pty->seen);
        look(pty, 100);
    }
    pty->seen = (size_t)(found - pty->output) + bytes;
}

size_t pty_expect(struct pty *pty, const char *text)
{
    pty_expect_bytes(pty, text, strlen(text));
    return pty->seen - strlen(text);
}

static bool has_ended(const struct pty *pty)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)pty->child, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           info.si_pid != 0;
}

bool pty_expect_or_end(struct pty *pty, const char *text)
{
    time_t give_up = now() + DEADLINE_SECONDS;

    for (;;) {
        bool ended = has_ended(pty);
        const char *found;

        look(pty, ended ? 0 : LOOK_AGAIN_MS);
        found = memmem(pty->output + pty->seen, pty->bytes - pty->seen, text, strlen(text));
        if (found != NULL) {
            pty->seen = (size_t)(found - pty->output) + strlen(text);
            return true;
        }
        if (ended)
            return false;
        cr_assert(now() < give_up, "'%s' was not shown, but:\n%s", text, pty->output + pty->seen);
    }
}

int pty_wait(struct pty *pty)
{
    time_t give_up = now() + DEADLINE_SECONDS;
    int status;

    for (;;) {
        pid_t got = waitpid(pty->child, &status, WNOHANG);

        cr_assert(got >= 0, "waitpid: %s", strerror(errno));
        if (got > 0)
            break;
        cr_assert(now() < give_up, "the program does not end; shown:\n%s", pty->output);
        look(pty, LOOK_AGAIN_MS);
    }
    pty->child = 0;
    look(pty, 0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void pty_set_window(struct pty *pty, unsigned short rows, unsigned short columns)
{
    struct winsize size = {.ws_row = rows, .ws_col = columns};

    cr_assert(ioctl(pty->master, TIOCSWINSZ, &size) == 0);
}

bool pty_is_raw(const struct pty *pty)
{
    struct termios settings;

    cr_assert(tcgetattr(pty->slave, &settings) == 0);
    return !(settings.c_lflag & (ICANON | ECHO | ISIG));
}

void pty_wait_raw(struct pty *pty, bool raw)
{
    time_t give_up = now() + DEADLINE_SECONDS;

    while (pty_is_raw(pty) != raw) {
        cr_assert(now() < give_up, "the terminal does not become %s; shown:\n%s",
                  raw ? "raw" : "as it was", pty->output);
        look(pty, LOOK_AGAIN_MS);
    }
}

void pty_check_restored(const struct pty *pty, const char *after)
{
    struct termios settings;

    cr_assert(tcgetattr(pty->slave, &settings) == 0);
    cr_assert(settings.c_iflag == pty->before.c_iflag && settings.c_oflag == pty->before.c_oflag &&
                  settings.c_cflag == pty->before.c_cflag &&
                  settings.c_lflag == pty->before.c_lflag &&
                  memcmp(settings.c_cc, pty->before.c_cc, sizeof settings.c_cc) == 0,
              "after %s the terminal is not as it was: iflag %x oflag %x cflag %x lflag %x", after,
              settings.c_iflag, settings.c_oflag, settings.c_cflag, settings.c_lflag);
}
