/*
 * kernel/observe/describe_audit.h - published: what only an auditor asks for (vmm/audit): CPUs,
 * saved registers, the PID table, and roots of things that no published object leads to. See
 * describe.c.
 */
#ifndef KERNEL_OBSERVE_DESCRIBE_AUDIT_H
#define KERNEL_OBSERVE_DESCRIBE_AUDIT_H

#include "arch/cpu.h"
#include "kernel/observe/audit_roots.h"
#include "kernel/process/pid_table.h"

#define TRAP_FRAME_FIELDS(F)                                                                       \
    F(trap_frame, original_rax, UNSIGNED, "")                                                      \
    F(trap_frame, rip, UNSIGNED, "")                                                               \
    F(trap_frame, cs, UNSIGNED, "")                                                                \
    F(trap_frame, rflags, UNSIGNED, "")                                                            \
    F(trap_frame, ss, UNSIGNED, "")

#define CPU_FIELDS(F)                                                                              \
    F(cpu, task, ADDRESS, "task")                                                                  \
    F(cpu, kernel_stack_top, UNSIGNED, "")                                                         \
    F(cpu, active_space, ADDRESS, "address_space")                                                 \
    F(cpu, fpu_owner, ADDRESS, "task")                                                             \
    F(cpu, in_interrupt, UNSIGNED, "")                                                             \
    F(cpu, in_busy_wait, UNSIGNED, "")                                                             \
    F(cpu, requests, UNSIGNED, "")                                                                 \
    F(cpu, timer_armed_tsc, UNSIGNED, "")

#define PID_ENTRY_FIELDS(F)                                                                        \
    F(pid_entry, task, ADDRESS, "task")                                                            \
    F(pid_entry, process, ADDRESS, "process")                                                      \
    F(pid_entry, group, ADDRESS, "process")                                                        \
    F(pid_entry, session, ADDRESS, "process")

#define AUDIT_ROOTS_FIELDS(F)                                                                      \
    F(audit_roots, cpus, ADDRESS, "cpu")                                                           \
    F(audit_roots, per_cpu_bytes, UNSIGNED, "")                                                    \
    F(audit_roots, pid_chunks, UNSIGNED, "")                                                       \
    F(audit_roots, pid_chunk_count, UNSIGNED, "")                                                  \
    F(audit_roots, slice_ns, UNSIGNED, "")                                                         \
    F(audit_roots, rights, UNSIGNED, "")                                                           \
    F(audit_roots, pipe_operations, UNSIGNED, "")                                                  \
    F(audit_roots, socket_operations, UNSIGNED, "")                                                \
    F(audit_roots, text_end, UNSIGNED, "")                                                         \
    F(audit_roots, rodata_end, UNSIGNED, "")                                                       \
    F(audit_roots, soft_syscall_page, UNSIGNED, "")                                                \
    F(audit_roots, kernel_stacks, UNSIGNED, "")                                                    \
    F(audit_roots, namespaces, ADDRESS, "")                                                        \
    F(audit_roots, nsfs_operations, ADDRESS, "")                                                   \
    F(audit_roots, pid_globals, ADDRESS, "")                                                       \
    F(audit_roots, shm_operations, ADDRESS, "")                                                    \
    F(audit_roots, mqueue_operations, ADDRESS, "")                                                 \
    F(audit_roots, mqueues, ADDRESS, "")                                                           \
    F(audit_roots, initial_root_mount, ADDRESS, "")                                                \
    F(audit_roots, initial_nsproxy, ADDRESS, "")                                                   \
    F(audit_roots, logon_sessions, ADDRESS, "")                                                    \
    F(audit_roots, token_system, ADDRESS, "")                                                      \
    F(audit_roots, token_anonymous, ADDRESS, "")                                                   \
    F(audit_roots, token_operations, ADDRESS, "")                                                  \
    F(audit_roots, kernel_stack_bytes, UNSIGNED, "")

#define AUDIT_TYPES(T)                                                                             \
    T(trap_frame, "trap_frame", TRAP_FRAME_FIELDS)                                                 \
    T(cpu, "cpu", CPU_FIELDS)                                                                      \
    T(pid_entry, "pid_entry", PID_ENTRY_FIELDS)                                                    \
    T(audit_roots, "audit_roots", AUDIT_ROOTS_FIELDS)

#define AUDIT_ROOTS(R) R("audit_roots", "audit_roots", &audit_roots, 1)

#endif
