/*
 * tests/integration/pty.h - a program at a terminal of its own: the test is the person before the
 * screen. It types and waits, with a deadline, for what it then sees; it never sleeps.
 */
#ifndef TESTS_INTEGRATION_PTY_H
#define TESTS_INTEGRATION_PTY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <termios.h>

#include "tests/integration/harness.h"

struct pty {
    int master, slave;
    pid_t child;           /* session leader at the terminal; 0 = none */
    struct termios before; /* as the terminal was opened */
    char *output;          /* everything that was shown, NUL-terminated */
    size_t bytes, seen;    /* pty_expect() looks from `seen` on */
};

/* Opens a terminal of this size, with the kernel's usual settings. */
void pty_open(struct pty *pty, unsigned short rows, unsigned short columns);
/* Kills what still runs there, frees everything. */
void pty_close(struct pty *pty);

/* Starts argv[0] as leader of a session that this terminal controls. fds (NULL: all are the
 * terminal): what its streams are; -1 = the terminal. */
void pty_start(struct pty *pty, const char *const *argv, const int fds[3]);
/* The same for `vitrine run --quiet --accel A --cpus N MORE...`. */
void pty_run(struct pty *pty, const struct variant *variant, const int fds[3],
             const char *const *more);
#define PTY_RUN(pty, variant, ...)                                                                 \
    pty_run(pty, variant, NULL, (const char *const[]){__VA_ARGS__, NULL})
/* `vitrine run` as one line for a shell. `line` has room for PTY_LINE bytes. */
#define PTY_LINE 1024
void pty_command_line(const struct variant *variant, const char *more, char line[PTY_LINE]);

void pty_type(struct pty *pty, const char *text);
/* Types all of it, reading meanwhile what is shown. */
void pty_type_bytes(struct pty *pty, const void *data, size_t bytes);
/* Waits until `text` is shown; the next call looks behind it. Returns its offset in the output.
 * Fails the test at the deadline or when the terminal was closed, with all that was shown. */
size_t pty_expect(struct pty *pty, const char *text);
void pty_expect_bytes(struct pty *pty, const void *data, size_t bytes);
/* Waits until so many bytes were shown in all. */
void pty_expect_count(struct pty *pty, size_t bytes);
/* Waits until `text` is shown (true), or the program has ended without. */
bool pty_expect_or_end(struct pty *pty, const char *text);
/* Waits for the end of the program; as a shell would say: 128+N for a signal. */
int pty_wait(struct pty *pty);

void pty_set_window(struct pty *pty, unsigned short rows, unsigned short columns);
bool pty_is_raw(const struct pty *pty); /* no line editing, echo or signals */
/* Waits for the one or the other. */
void pty_wait_raw(struct pty *pty, bool raw);
/* Fails the test unless the terminal is as it was opened. */
void pty_check_restored(const struct pty *pty, const char *after);

#endif
