/* kernel/time/posix_timer.h - for the process floor: the timers of timer_create(2) end with the
 * program. */
#ifndef KERNEL_TIME_POSIX_TIMER_H
#define KERNEL_TIME_POSIX_TIMER_H

struct process;

/* Called by the last thread of the process (exit, exec), without locks, if process->timers. */
void posix_timers_end(struct process *process);

#endif
