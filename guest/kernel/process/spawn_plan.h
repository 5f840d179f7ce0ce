/*
 * kernel/process/spawn_plan.h - a child that spawn is making: everything is done to objects that
 * nobody else knows, until one step under family_lock makes them a process.
 */
#ifndef KERNEL_PROCESS_SPAWN_PLAN_H
#define KERNEL_PROCESS_SPAWN_PLAN_H

#include "kernel/process/internal.h"
#include "shared/spawn.h"

struct pid_numbers;
struct template;
struct tty;

struct spawn_plan {
    struct spawn_arguments wanted; /* copied once */
    uint32_t step, index;          /* what is being done: enum spawn_step */
    struct task *child;
    struct process *process;     /* the child's */
    struct loading *loading;     /* its program, or NULL: a template's copy */
    struct template *template;   /* held, or NULL */
    struct pid_numbers *numbers; /* in inner PID namespaces, until the child is there; or NULL */
    struct tty *tty;             /* to be its controlling terminal; a file of the child holds it */
    int pidfd;                   /* in the caller's table; -1 = none */
};

/* ---- spawn_steps.c: each names itself in the plan; 0 or -errno ---- */
int spawn_limits(struct spawn_plan *plan);
int spawn_files(struct spawn_plan *plan);
int spawn_directory(struct spawn_plan *plan);
int spawn_terminal(struct spawn_plan *plan);
int spawn_signals(struct spawn_plan *plan);
int spawn_scheduling(struct spawn_plan *plan);

/* ---- spawn_memory.c: what the child will run; after the steps above ---- */
int spawn_program(struct spawn_plan *plan);
int spawn_copy(struct spawn_plan *plan);

#endif
