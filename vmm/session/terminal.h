/*
 * vmm/session/terminal.h - the user's terminal: raw mode while the machine runs and we are in the
 * foreground, given back whatever happens; window size changes; job control.
 *
 * One terminal per process. terminal_enter() and terminal_leave() come from one thread at a time,
 * the others from the machine's pump; the way back also runs from signal handlers and at exit.
 */
#ifndef VITRINE_SESSION_TERMINAL_H
#define VITRINE_SESSION_TERMINAL_H

#include "vmm/include/vitrine.h"

struct terminal_use {
    int input_fd;  /* put into raw mode; -1 = standard input is no terminal of ours */
    int window_fd; /* whose size counts */
    /* The guest's output goes to the same terminal as it is. Otherwise the terminal goes on to turn
     * line feeds into new lines, for others who write to it (vitrine run ... | head). */
    bool raw_output;
    int wake_fd; /* an eventfd, written when there is something for the pump to ask about */
};

/* From now on the handlers are there. In the background the terminal is left alone until
 * terminal_follow() finds us in the foreground. VT_ERROR_BUSY, VT_ERROR_SYSTEM. */
struct vt_error *terminal_enter(const struct terminal_use *use);
void terminal_leave(void); /* no-op without a terminal */

/* Takes the terminal if we came to the foreground; false while its input belongs to others. */
bool terminal_follow(void);

/* True once after SIGTSTP: the caller freezes the machine and calls terminal_stop_here(). */
bool terminal_stop_asked(void);
/* Gives the terminal back and stops this process as SIGTSTP does; returns when it was continued. */
void terminal_stop_here(void);

/* True once after terminal_enter() and after each change of the window's size, with the size. */
bool terminal_window_changed(uint16_t *ret_rows, uint16_t *ret_columns);

#endif
