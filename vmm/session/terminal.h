/*
 * vmm/session/terminal.h - the user's terminal in raw mode, given back whatever happens.
 *
 * One terminal per process. terminal_enter() and terminal_leave() come from one thread at a time;
 * the way back also runs from signal handlers and at exit.
 */
#ifndef VITRINE_SESSION_TERMINAL_H
#define VITRINE_SESSION_TERMINAL_H

#include "vmm/include/vitrine.h"

/* wake_fd: an eventfd that is written when the window's size changes. */
struct vt_error *terminal_enter(int fd, int wake_fd);
void terminal_leave(void);

/* True once after each change of the window's size, with the new size. */
bool terminal_window_changed(uint16_t *ret_rows, uint16_t *ret_columns);

#endif
