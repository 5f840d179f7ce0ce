/*
 * kernel/observe/describe_process.h - published: what hangs on processes beside their tasks: who traces
 * whom, and timers that send signals. See describe.c.
 */
#ifndef KERNEL_OBSERVE_DESCRIBE_PROCESS_H
#define KERNEL_OBSERVE_DESCRIBE_PROCESS_H

#include "kernel/process/ptrace.h"
#include "kernel/time/cpu_watch.h"
#include "kernel/time/posix_timer_state.h"

#define TRACEE_FIELDS(F)                                                                           \
    F(tracee, next, ADDRESS, "tracee")                                                             \
    F(tracee, references, UNSIGNED, "")                                                            \
    F(tracee, tracer, ADDRESS, "process")                                                          \
    F(tracee, task, ADDRESS, "task")                                                               \
    F(tracee, tid, SIGNED, "")                                                                     \
    F(tracee, seized, UNSIGNED, "")                                                                \
    F(tracee, stopped, UNSIGNED, "")                                                               \
    F(tracee, reported, UNSIGNED, "")                                                              \
    F(tracee, listening, UNSIGNED, "")                                                             \
    F(tracee, status, UNSIGNED, "")                                                                \
    F(tracee, resumed, STRUCT, "wait_queue")                                                       \
    F(tracee, ended, UNSIGNED, "")

#define POSIX_TIMER_FIELDS(F)                                                                      \
    F(posix_timer, next, ADDRESS, "posix_timer")                                                   \
    F(posix_timer, process, ADDRESS, "process")                                                    \
    F(posix_timer, timer, STRUCT, "timer")                                                         \
    F(posix_timer, cpu_alarm, STRUCT, "cpu_alarm")                                                 \
    F(posix_timer, on_cpu_clock, UNSIGNED, "")                                                     \
    F(posix_timer, id, SIGNED, "")                                                                 \
    F(posix_timer, notify, SIGNED, "")                                                             \
    F(posix_timer, interval_ns, UNSIGNED, "")                                                      \
    F(posix_timer, deadline_ns, UNSIGNED, "")

#define CPU_ALARM_FIELDS(F)                                                                        \
    F(cpu_alarm, link, STRUCT, "list")                                                             \
    F(cpu_alarm, clock.process, ADDRESS, "process")                                                \
    F(cpu_alarm, clock.task, ADDRESS, "task")                                                      \
    F(cpu_alarm, deadline_ns, UNSIGNED, "")                                                        \
    F(cpu_alarm, active, UNSIGNED, "")

#define CPU_WATCH_FIELDS(F)                                                                        \
    F(cpu_watch, timer, STRUCT, "timer")                                                           \
    F(cpu_watch, process, ADDRESS, "process")                                                      \
    F(cpu_watch, alarms, STRUCT, "list")                                                           \
    F(cpu_watch, firing, ADDRESS, "cpu_alarm")                                                     \
    F(cpu_watch, closed, UNSIGNED, "")

#define PROCESS_PART_TYPES(T)                                                                      \
    T(tracee, "tracee", TRACEE_FIELDS)                                                             \
    T(posix_timer, "posix_timer", POSIX_TIMER_FIELDS)                                              \
    T(cpu_alarm, "cpu_alarm", CPU_ALARM_FIELDS)                                                    \
    T(cpu_watch, "cpu_watch", CPU_WATCH_FIELDS)

#endif
