/* kernel/observe/describe_tasks.h - published: tasks, processes, run queues.
 * F(struct, member, kind, target type), T(struct, published name, field list), R(name, type,
 * object, count), P(name, type, per-CPU variable); see describe.c. */
#ifndef KERNEL_OBSERVE_DESCRIBE_TASKS_H
#define KERNEL_OBSERVE_DESCRIBE_TASKS_H

#include "kernel/process/process.h"
#include "kernel/sched/run_queue.h"
#include "kernel/sched/task.h"

#define OBJECT_FIELDS(F)                                                                           \
    F(glass_object, version, UNSIGNED, "")                                                         \
    F(glass_object, references, UNSIGNED, "")                                                      \
    F(glass_object, id, UNSIGNED, "")

#define SLOT_TABLE_FIELDS(F)                                                                       \
    F(slot_table, lock, STRUCT, "spinlock")                                                        \
    F(slot_table, next_id, UNSIGNED, "")

#define TASK_FIELDS(F)                                                                             \
    F(task, object, STRUCT, "object")                                                              \
    F(task, tid, SIGNED, "")                                                                       \
    F(task, tgid, SIGNED, "")                                                                      \
    F(task, process, ADDRESS, "process")                                                           \
    F(task, flags, UNSIGNED, "")                                                                   \
    F(task, state, UNSIGNED, "")                                                                   \
    F(task, sleep_intent, UNSIGNED, "")                                                            \
    F(task, wait_kind, UNSIGNED, "")                                                               \
    F(task, held, UNSIGNED, "")                                                                    \
    F(task, cpu, UNSIGNED, "")                                                                     \
    F(task, policy, UNSIGNED, "")                                                                  \
    F(task, nice, SIGNED, "")                                                                      \
    F(task, inherited, STRUCT, "sched_claim")                                                      \
    F(task, special, STRUCT, "special_entity")                                                     \
    F(task, rt_priority, SIGNED, "")                                                               \
    F(task, affinity, UNSIGNED, "")                                                                \
    F(task, wait_object, UNSIGNED, "")                                                             \
    F(task, fair, STRUCT, "fair_entity")                                                           \
    F(task, switched_in_tsc, UNSIGNED, "")                                                         \
    F(task, exec_tsc, UNSIGNED, "")                                                                \
    F(task, utime_tsc, UNSIGNED, "")                                                               \
    F(task, stime_tsc, UNSIGNED, "")                                                               \
    F(task, mode_tsc, UNSIGNED, "")                                                                \
    F(task, nvcsw, UNSIGNED, "")                                                                   \
    F(task, nivcsw, UNSIGNED, "")                                                                  \
    F(task, start_tsc, UNSIGNED, "")                                                               \
    F(task, ready_tsc, UNSIGNED, "")                                                               \
    F(task, run_delay_tsc, UNSIGNED, "")                                                           \
    F(task, work, UNSIGNED, "")                                                                    \
    F(task, preempted_inside, UNSIGNED, "")                                                        \
    F(task, address_space, ADDRESS, "address_space")                                               \
    F(task, files, ADDRESS, "file_table")                                                          \
    F(task, pending, UNSIGNED, "")                                                                 \
    F(task, pending_queue, STRUCT, "list")                                                         \
    F(task, blocked, UNSIGNED, "")                                                                 \
    F(task, exit_signal, SIGNED, "")                                                               \
    F(task, exit_code, SIGNED, "")                                                                 \
    F(task, min_faults, UNSIGNED, "")                                                              \
    F(task, maj_faults, UNSIGNED, "")                                                              \
    F(task, comm, STRING, "")                                                                      \
    F(task, waiter, STRUCT, "waiter")                                                              \
    F(task, sleep_timer, STRUCT, "timer")                                                          \
    F(task, sleep_timed_out, UNSIGNED, "")                                                         \
    F(task, thread_link, STRUCT, "list")                                                           \
    F(task, job_stopped, UNSIGNED, "")                                                             \
    F(task, robust_list, UNSIGNED, "")                                                             \
    F(task, clear_child_tid, UNSIGNED, "")                                                         \
    F(task, fs, ADDRESS, "fs_context")                                                             \
    F(task, namespaces, ADDRESS, "nsproxy")                                                        \
    F(task, impersonation, ADDRESS, "token_object")                                                \
    F(task, tracee, ADDRESS, "tracee")                                                             \
    F(task, sem_undo, ADDRESS, "sem_undo_list")                                                    \
    F(task, arch, STRUCT, "arch_task")

/* Where the registers are while the task does not run. */
#define ARCH_TASK_FIELDS(F)                                                                        \
    F(arch_task, kernel_rsp, UNSIGNED, "")                                                         \
    F(arch_task, stack_top, UNSIGNED, "")                                                          \
    F(arch_task, fs_base, UNSIGNED, "")                                                            \
    F(arch_task, gs_base, UNSIGNED, "")                                                            \
    F(arch_task, fpu, UNSIGNED, "")

#define FAIR_FIELDS(F)                                                                             \
    F(fair_entity, node, STRUCT, "rb_node")                                                        \
    F(fair_entity, deadline, UNSIGNED, "")                                                         \
    F(fair_entity, vruntime, UNSIGNED, "")                                                         \
    F(fair_entity, min_vruntime, UNSIGNED, "")                                                     \
    F(fair_entity, lag, SIGNED, "")                                                                \
    F(fair_entity, slice, UNSIGNED, "")                                                            \
    F(fair_entity, weight, UNSIGNED, "")                                                           \
    F(fair_entity, queued, UNSIGNED, "")                                                           \
    F(fair_entity, link, STRUCT, "list")                                                           \
    F(fair_entity, used, UNSIGNED, "")                                                             \
    F(fair_entity, joined, UNSIGNED, "")
#define SPECIAL_FIELDS(F)                                                                          \
    F(special_entity, node, STRUCT, "rb_node")                                                     \
    F(special_entity, major, UNSIGNED, "")                                                         \
    F(special_entity, class, UNSIGNED, "")                                                         \
    F(special_entity, queued, UNSIGNED, "")                                                        \
    F(special_entity, throttled, UNSIGNED, "")                                                     \
    F(special_entity, inherited, UNSIGNED, "")                                                     \
    F(special_entity, minor, SIGNED, "")                                                           \
    F(special_entity, slice_left, UNSIGNED, "")                                                    \
    F(special_entity, runtime, UNSIGNED, "")                                                       \
    F(special_entity, relative_deadline, UNSIGNED, "")                                             \
    F(special_entity, period, UNSIGNED, "")                                                        \
    F(special_entity, budget, SIGNED, "")                                                          \
    F(special_entity, deadline, UNSIGNED, "")
#define CLAIM_FIELDS(F)                                                                            \
    F(sched_claim, major, UNSIGNED, "")                                                            \
    F(sched_claim, weight, UNSIGNED, "")                                                           \
    F(sched_claim, minor, SIGNED, "")

#define PROCESS_FIELDS(F)                                                                          \
    F(process, object, STRUCT, "object")                                                           \
    F(process, pid, SIGNED, "")                                                                    \
    F(process, guid, BYTES, "")                                                                    \
    F(process, parent, ADDRESS, "process")                                                         \
    F(process, leader, ADDRESS, "task")                                                            \
    F(process, task_count, UNSIGNED, "")                                                           \
    F(process, group, SIGNED, "")                                                                  \
    F(process, session, SIGNED, "")                                                                \
    F(process, group_link, STRUCT, "list")                                                         \
    F(process, session_link, STRUCT, "list")                                                       \
    F(process, zombie, UNSIGNED, "")                                                               \
    F(process, exiting, UNSIGNED, "")                                                              \
    F(process, stopped, UNSIGNED, "")                                                              \
    F(process, is_subreaper, UNSIGNED, "")                                                         \
    F(process, exit_status, UNSIGNED, "")                                                          \
    F(process, pending, UNSIGNED, "")                                                              \
    F(process, pending_queue, STRUCT, "list")                                                      \
    F(process, start_ns, UNSIGNED, "")                                                             \
    F(process, children, STRUCT, "list")                                                           \
    F(process, sibling_link, STRUCT, "list")                                                       \
    F(process, threads, STRUCT, "list")                                                            \
    F(process, did_exec, UNSIGNED, "")                                                             \
    F(process, stop_signal, SIGNED, "")                                                            \
    F(process, child_events, STRUCT, "wait_queue")                                                 \
    F(process, thread_events, STRUCT, "wait_queue")                                                \
    F(process, signal_lock, STRUCT, "spinlock")                                                    \
    F(process, pending_count, UNSIGNED, "")                                                        \
    F(process, rlimits, BYTES, "")                                                                 \
    F(process, alarm, STRUCT, "timer")                                                             \
    F(process, alarm_interval_ns, UNSIGNED, "")                                                    \
    F(process, signal_waiters, STRUCT, "wait_queue")                                               \
    F(process, signals_watched, UNSIGNED, "")                                                      \
    F(process, pidfds, STRUCT, "list")                                                             \
    F(process, creator_tid, SIGNED, "")                                                            \
    F(process, credentials.uid, UNSIGNED, "")                                                      \
    F(process, credentials.euid, UNSIGNED, "")                                                     \
    F(process, credentials.gid, UNSIGNED, "")                                                      \
    F(process, credentials.egid, UNSIGNED, "")                                                     \
    F(process, no_new_privileges, UNSIGNED, "")                                                    \
    F(process, mitigations, UNSIGNED, "")                                                          \
    F(process, oom_score_adj, SIGNED, "")                                                          \
    F(process, template_copies, UNSIGNED, "")                                                      \
    F(process, pid_namespace, ADDRESS, "pid_namespace")                                            \
    F(process, tracees, ADDRESS, "tracee")                                                         \
    F(process, timers, ADDRESS, "posix_timer")                                                     \
    F(process, cpu_watch, ADDRESS, "cpu_watch")                                                    \
    F(process, token, ADDRESS, "token_object")                                                     \
    F(process, parts_lock, STRUCT, "spinlock")

#define PENDING_SIGNAL_FIELDS(F)                                                                   \
    F(pending_signal, link, STRUCT, "list")                                                        \
    F(pending_signal, info.signo, SIGNED, "")

#define FAIR_QUEUE_FIELDS(F)                                                                       \
    F(fair_queue, lone, ADDRESS, "fair_entity")                                                    \
    F(fair_queue, tree, STRUCT, "rb_tree")                                                         \
    F(fair_queue, running, ADDRESS, "fair_entity")                                                 \
    F(fair_queue, weighted_sum, SIGNED, "")                                                        \
    F(fair_queue, total_weight, UNSIGNED, "")                                                      \
    F(fair_queue, base, UNSIGNED, "")                                                              \
    F(fair_queue, waiting, UNSIGNED, "")                                                           \
    F(fair_queue, listed, UNSIGNED, "")                                                            \
    F(fair_queue, list, STRUCT, "list")                                                            \
    F(fair_queue, turns, UNSIGNED, "")
#define SPECIAL_QUEUE_FIELDS(F)                                                                    \
    F(special_queue, waiting_tree, STRUCT, "rb_tree")                                              \
    F(special_queue, throttled_tree, STRUCT, "rb_tree")                                            \
    F(special_queue, running, ADDRESS, "special_entity")                                           \
    F(special_queue, waiting, UNSIGNED, "")                                                        \
    F(special_queue, throttled, UNSIGNED, "")                                                      \
    F(special_queue, window_used, UNSIGNED, "")                                                    \
    F(special_queue, quota, UNSIGNED, "")

#define RUN_QUEUE_FIELDS(F)                                                                        \
    F(run_queue, lock, STRUCT, "spinlock")                                                         \
    F(run_queue, cpu, UNSIGNED, "")                                                                \
    F(run_queue, ready, UNSIGNED, "")                                                              \
    F(run_queue, running, ADDRESS, "task")                                                         \
    F(run_queue, idle, ADDRESS, "task")                                                            \
    F(run_queue, fair, STRUCT, "fair_queue")                                                       \
    F(run_queue, special, STRUCT, "special_queue")                                                 \
    F(run_queue, mixed, UNSIGNED, "")                                                              \
    F(run_queue, slice_over, UNSIGNED, "")                                                         \
    F(run_queue, charged_tsc, UNSIGNED, "")                                                        \
    F(run_queue, slice_end_tsc, UNSIGNED, "")

#define TASK_TYPES(T)                                                                              \
    T(glass_object, "object", OBJECT_FIELDS)                                                       \
    T(slot_table, "slot_table", SLOT_TABLE_FIELDS)                                                 \
    T(task, "task", TASK_FIELDS)                                                                   \
    T(arch_task, "arch_task", ARCH_TASK_FIELDS)                                                    \
    T(fair_entity, "fair_entity", FAIR_FIELDS)                                                     \
    T(special_entity, "special_entity", SPECIAL_FIELDS)                                            \
    T(sched_claim, "sched_claim", CLAIM_FIELDS)                                                    \
    T(process, "process", PROCESS_FIELDS)                                                          \
    T(pending_signal, "pending_signal", PENDING_SIGNAL_FIELDS)                                     \
    T(fair_queue, "fair_queue", FAIR_QUEUE_FIELDS)                                                 \
    T(special_queue, "special_queue", SPECIAL_QUEUE_FIELDS)                                        \
    T(run_queue, "run_queue", RUN_QUEUE_FIELDS)

#define TASK_ROOTS(R)                                                                              \
    R("task_slots", "slot_table", &task_slots, 1)                                                  \
    R("process_slots", "slot_table", &process_slots, 1)

#define TASK_PER_CPU(P) P("run_queues", "run_queue", run_queue)

#endif
