/*
 * vmm/session/terminal.c - raw mode and its undoing, also on fatal signals and crashes; window size
 * changes; stopping and going on as a job of a shell.
 *
 * The handlers only call tcgetpgrp, tcsetattr, write and raise, which signal-safety(7) allows.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "vmm/session/terminal.h"

/* Signals that end a process: after them the terminal must be as it was. The first ones also if the
 * program that uses this library handles them, since it may well end in its handler. */
static const int fatal_signals[] = {SIGHUP,  SIGINT,  SIGQUIT,   SIGTERM, SIGILL,  SIGABRT, SIGBUS,
                                    SIGFPE,  SIGSEGV, SIGSYS,    SIGXCPU, SIGXFSZ, SIGALRM, SIGTRAP,
                                    SIGUSR1, SIGUSR2, SIGVTALRM, SIGPROF, SIGPWR,  SIGIO};
#define CHANGE_LIMIT_MS   1000u
#define FATAL_COUNT       (sizeof(fatal_signals) / sizeof(fatal_signals[0]))
#define FATAL_ALWAYS      14u /* SIGHUP to SIGTRAP */
#define CONTROL_CHARACTER (sizeof(((struct termios *)0)->c_cc))

static bool entered;
static struct terminal_use terminal;
static struct termios saved, raw;
static volatile sig_atomic_t raw_fd = -1; /* >= 0: raw, and `saved` is the way back */
static volatile sig_atomic_t pump_fd = -1;
static volatile sig_atomic_t window_changed, stop_asked, continued;
/* The pump may take the terminal while another thread dies: then it must not, or the dying one
 * waits until it is done, and undoes it. */
static bool changing, dying;
static struct sigaction previous[FATAL_COUNT], previous_window, previous_stop, previous_continue;

static void restore(void)
{
    int fd = raw_fd;

    if (fd < 0)
        return;
    /* In the background it is in another's hands, and touching it would stop us (SIGTTOU). */
    if (tcgetpgrp(fd) == getpgrp())
        tcsetattr(fd, TCSANOW, &saved);
    raw_fd = -1; /* last: a fatal signal meanwhile restores it, too, before it ends us */
}

static void on_fatal(int signal)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    int error_number = errno;

    __atomic_store_n(&dying, true, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < CHANGE_LIMIT_MS && __atomic_load_n(&changing, __ATOMIC_SEQ_CST); i++)
        nanosleep(&pause, NULL);
    restore();
    for (size_t i = 0; i < FATAL_COUNT; i++)
        if (fatal_signals[i] == signal)
            sigaction(signal, &previous[i], NULL);
    raise(signal); /* blocked until we return, then dealt with as if we had not been here */
    errno = error_number;
}

static void on_news(int signal)
{
    int error_number = errno;
    uint64_t one = 1;

    if (signal == SIGWINCH)
        window_changed = 1;
    else if (signal == SIGCONT)
        continued = 1;
    else
        stop_asked = 1;
    if (pump_fd >= 0)
        (void)!write(pump_fd, &one, sizeof(one));
    errno = error_number;
}

static void catch_signals(void)
{
    struct sigaction fatal = {.sa_handler = on_fatal};
    struct sigaction news = {.sa_handler = on_news, .sa_flags = SA_RESTART};

    sigemptyset(&fatal.sa_mask);
    sigemptyset(&news.sa_mask);
    for (size_t i = 0; i < FATAL_COUNT; i++) {
        sigaction(fatal_signals[i], NULL, &previous[i]);
        if (previous[i].sa_handler == SIG_DFL ||
            (i < FATAL_ALWAYS && previous[i].sa_handler != SIG_IGN))
            sigaction(fatal_signals[i], &fatal, NULL);
    }
    sigaction(SIGWINCH, &news, &previous_window);
    sigaction(SIGCONT, &news, &previous_continue);
    /* Ignored, it is so by the will of a shell without job control. */
    sigaction(SIGTSTP, NULL, &previous_stop);
    if (previous_stop.sa_handler == SIG_DFL)
        sigaction(SIGTSTP, &news, NULL);
}

static bool is_raw(const struct termios *now)
{
    return now->c_iflag == raw.c_iflag && now->c_oflag == raw.c_oflag &&
           now->c_cflag == raw.c_cflag && now->c_lflag == raw.c_lflag &&
           memcmp(now->c_cc, raw.c_cc, CONTROL_CHARACTER) == 0;
}

/* `changing` is set: nobody gives the terminal back meanwhile. */
static int change_to_raw(void)
{
    struct termios now;

    if (tcgetattr(terminal.input_fd, &now) != 0)
        return errno;
    if (raw_fd >= 0 && is_raw(&now))
        return 0; /* stopped and continued by signals that nobody sees, and no shell changed it */
    raw_fd = -1;  /* `saved` changes */
    saved = now;
    raw = now;
    cfmakeraw(&raw);
    if (!terminal.raw_output)
        raw.c_oflag = now.c_oflag;
    raw_fd = terminal.input_fd; /* from the moment that it is raw there is a way back */
    if (tcsetattr(terminal.input_fd, TCSANOW, &raw) == 0)
        return 0;
    int problem = errno;
    raw_fd = -1;
    return problem;
}

/* We are in the foreground. 0 or an errno value. */
static int make_raw(void)
{
    sigset_t all, before;
    int problem = 0;

    /* A handler in this thread would wait for itself. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    __atomic_store_n(&changing, true, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&dying, __ATOMIC_SEQ_CST))
        problem = change_to_raw();
    __atomic_store_n(&changing, false, __ATOMIC_SEQ_CST);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return problem;
}

struct vt_error *terminal_enter(const struct terminal_use *use)
{
    static bool registered;

    if (entered)
        return vt_error_create(VT_ERROR_BUSY,
                               "a machine of this process uses the terminal already");
    if (!registered)
        atexit(restore);
    registered = true;
    entered = true;
    terminal = *use;
    pump_fd = use->wake_fd;
    stop_asked = 0;
    continued = 0;
    dying = false;
    window_changed = 1; /* since the boot page was written, before anybody listened */
    catch_signals();
    int problem = use->input_fd >= 0 && tcgetpgrp(use->input_fd) == getpgrp() ? make_raw() : 0;
    if (problem) {
        terminal_leave();
        return vt_error_system(problem, "cannot put the terminal into raw mode");
    }
    return NULL;
}

void terminal_leave(void)
{
    if (!entered)
        return;
    restore();
    pump_fd = -1;
    for (size_t i = 0; i < FATAL_COUNT; i++)
        sigaction(fatal_signals[i], &previous[i], NULL);
    sigaction(SIGWINCH, &previous_window, NULL);
    sigaction(SIGCONT, &previous_continue, NULL);
    sigaction(SIGTSTP, &previous_stop, NULL);
    entered = false;
    if (stop_asked)
        raise(SIGTSTP); /* it came too late for the pump */
}

bool terminal_follow(void)
{
    bool again = continued;

    if (!entered || terminal.input_fd < 0)
        return true;
    continued = 0;
    if (again)
        window_changed = 1;
    pid_t group = tcgetpgrp(terminal.input_fd);
    if (group < 0)
        return true; /* it went away, as reading will tell */
    if (group != getpgrp()) {
        raw_fd = -1; /* whoever is in the foreground set it as he wants it */
        return false;
    }
    if (again || raw_fd < 0)
        (void)make_raw();
    return true;
}

bool terminal_stop_asked(void)
{
    bool asked = stop_asked;

    if (asked)
        stop_asked = 0;
    return asked;
}

void terminal_stop_here(void)
{
    struct sigaction handler, standard = {.sa_handler = SIG_DFL};

    restore();
    sigemptyset(&standard.sa_mask);
    sigaction(SIGTSTP, &standard, &handler);
    raise(SIGTSTP); /* here we stand until somebody continues us */
    sigaction(SIGTSTP, &handler, NULL);
}

bool terminal_window_changed(uint16_t *ret_rows, uint16_t *ret_columns)
{
    struct winsize size;

    if (!window_changed || !entered)
        return false;
    window_changed = 0;
    if (ioctl(terminal.window_fd, TIOCGWINSZ, &size) != 0)
        return false;
    *ret_rows = size.ws_row;
    *ret_columns = size.ws_col;
    return true;
}
