/*
 * vmm/session/terminal.c - raw mode and its undoing, also on fatal signals and crashes; window size
 * changes.
 *
 * The handlers only call tcsetattr, write and raise, which signal-safety(7) allows.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "vmm/session/terminal.h"

static const int fatal_signals[] = {SIGHUP, SIGINT,  SIGQUIT, SIGTERM, SIGILL,  SIGABRT, SIGBUS,
                                    SIGFPE, SIGSEGV, SIGSYS,  SIGXCPU, SIGXFSZ, SIGALRM};
#define FATAL_COUNT (sizeof(fatal_signals) / sizeof(fatal_signals[0]))

static struct termios saved;
static volatile sig_atomic_t raw_fd = -1;
static volatile sig_atomic_t window_wake_fd = -1;
static volatile sig_atomic_t window_changed;
static struct sigaction previous[FATAL_COUNT], previous_window;

static void restore(void)
{
    int fd = raw_fd;

    if (fd < 0)
        return;
    raw_fd = -1;
    tcsetattr(fd, TCSANOW, &saved);
}

static void on_fatal(int signal)
{
    int error_number = errno;

    restore();
    for (size_t i = 0; i < FATAL_COUNT; i++)
        if (fatal_signals[i] == signal)
            sigaction(signal, &previous[i], NULL);
    raise(signal); /* blocked until we return, then dealt with as if we had not been here */
    errno = error_number;
}

static void on_window(int signal)
{
    int error_number = errno;
    uint64_t one = 1;

    (void)signal;
    window_changed = 1;
    if (window_wake_fd >= 0)
        (void)!write(window_wake_fd, &one, sizeof(one));
    errno = error_number;
}

struct vt_error *terminal_enter(int fd, int wake_fd)
{
    static bool registered;
    struct sigaction fatal = {.sa_handler = on_fatal};
    struct sigaction window = {.sa_handler = on_window, .sa_flags = SA_RESTART};
    struct termios raw;

    if (raw_fd >= 0)
        return vt_error_create(VT_ERROR_BUSY,
                               "a machine of this process uses the terminal already");
    if (tcgetattr(fd, &saved) != 0)
        return vt_error_system(errno, "cannot read the terminal's settings");
    sigemptyset(&fatal.sa_mask);
    sigemptyset(&window.sa_mask);
    if (!registered)
        atexit(restore);
    registered = true;
    /* Handlers first: from the moment the terminal is raw there is a way back. */
    raw_fd = fd;
    window_wake_fd = wake_fd;
    for (size_t i = 0; i < FATAL_COUNT; i++) {
        sigaction(fatal_signals[i], NULL, &previous[i]);
        if (previous[i].sa_handler != SIG_IGN)
            sigaction(fatal_signals[i], &fatal, NULL);
    }
    sigaction(SIGWINCH, &window, &previous_window);
    raw = saved;
    cfmakeraw(&raw);
    if (tcsetattr(fd, TCSANOW, &raw) != 0) {
        struct vt_error *error = vt_error_system(errno, "cannot put the terminal into raw mode");

        terminal_leave();
        return error;
    }
    return NULL;
}

void terminal_leave(void)
{
    if (raw_fd < 0)
        return;
    restore();
    window_wake_fd = -1;
    for (size_t i = 0; i < FATAL_COUNT; i++)
        sigaction(fatal_signals[i], &previous[i], NULL);
    sigaction(SIGWINCH, &previous_window, NULL);
}

bool terminal_window_changed(uint16_t *ret_rows, uint16_t *ret_columns)
{
    struct winsize size;
    int fd = raw_fd;

    if (!window_changed || fd < 0)
        return false;
    window_changed = 0;
    if (ioctl(fd, TIOCGWINSZ, &size) != 0)
        return false;
    *ret_rows = size.ws_row;
    *ret_columns = size.ws_col;
    return true;
}
