/*
 * vitrine/spawn.h - children with their programs in one step, for programs inside the guest
 * (docs/spawn.md). Link with guest/user/lib.
 *
 * A builder collects what the child is to have; spawn_start() makes it, all or nothing: the child
 * runs its program with everything that was asked for, or there is no child, and the failure says
 * which step it was. What is not asked for the child does not get: its descriptors are those that
 * were mapped, its environment the variables that were added. Mask, ignored signals, scheduling,
 * limits, group, session and directory are the caller's unless set.
 *
 * Setters copy what they are given. One that fails (ENOMEM, EINVAL) is remembered: spawn_start()
 * says so. A builder may be started again and again; it belongs to one thread at a time.
 */
#ifndef VITRINE_SPAWN_H
#define VITRINE_SPAWN_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct spawn_builder;

struct spawn_child {
    pid_t pid;
    int pidfd; /* the caller's to close; close-on-exec */
};

/* Why there is no child. */
struct spawn_failure {
    int error;      /* errno */
    unsigned step;  /* enum spawn_step of shared/spawn.h */
    unsigned index; /* which limit, or which entry of the map of descriptors, from 0 */
};

/* A builder for a program by path (relative: to the child's directory), or by a descriptor that is
 * open on it. NULL: ENOMEM. The program's own name is its first argument: add it. */
struct spawn_builder *spawn_create(const char *program);
struct spawn_builder *spawn_create_fd(int program_fd);
void spawn_destroy(struct spawn_builder *builder); /* NULL is fine */

void spawn_add_argument(struct spawn_builder *builder, const char *text);
void spawn_add_variable(struct spawn_builder *builder, const char *text); /* "NAME=value" */
void spawn_inherit_environment(struct spawn_builder *builder);            /* as it is now */

/* The caller's descriptor `from` is the child's `to`. All at once, so two can change places. */
void spawn_map_fd(struct spawn_builder *builder, int from, int to);
void spawn_map_standard_fds(struct spawn_builder *builder); /* 0, 1 and 2 as they are */
/* What is not mapped comes from the caller, but for close-on-exec ones. */
void spawn_inherit_fds(struct spawn_builder *builder);

void spawn_set_directory(struct spawn_builder *builder, const char *path);
void spawn_set_directory_fd(struct spawn_builder *builder, int directory_fd);
void spawn_set_limit(struct spawn_builder *builder, unsigned resource, uint64_t soft,
                     uint64_t hard);                              /* RLIMIT_*; UINT64_MAX: none */
void spawn_set_group(struct spawn_builder *builder, pid_t group); /* 0: its own */
void spawn_new_session(struct spawn_builder *builder);
/* The terminal that is the child's descriptor `fd` controls its new session. */
void spawn_set_terminal(struct spawn_builder *builder, int fd);
void spawn_set_signal_mask(struct spawn_builder *builder, const sigset_t *mask);
/* Nothing blocked, nothing ignored. */
void spawn_reset_signals(struct spawn_builder *builder);
void spawn_set_nice(struct spawn_builder *builder, int nice);          /* -20 .. 19 */
void spawn_set_policy(struct spawn_builder *builder, int policy);      /* SCHED_OTHER ... */
void spawn_set_affinity(struct spawn_builder *builder, uint64_t cpus); /* bit n: CPU n */
void spawn_set_exit_signal(struct spawn_builder *builder, int signal); /* 0: none; else SIGCHLD */

/* 0 with the child in *ret; or an errno, with the step in *failure. Either may be NULL: without
 * `ret` no pidfd is made. */
int spawn_start(struct spawn_builder *builder, struct spawn_child *ret,
                struct spawn_failure *failure);
/* "descriptor 2 of the list: Bad file descriptor", NUL-terminated. */
void spawn_failure_text(const struct spawn_failure *failure, char *text, size_t bytes);

/* ---- templates ---- */

/*
 * In the template: waits to be copied. Returns in every copy only, with the length of its message
 * in `buffer` (`bytes` of room, 64 KiB at most); -1 with errno in the template itself: EINTR after
 * a signal, EBUSY with several threads, EFAULT, EINVAL, ENOMEM.
 */
ssize_t spawn_template_ready(void *buffer, size_t bytes);
/* As spawn_start() for a program that calls spawn_template_ready(); returns when it has, or ECHILD
 * if it ended before. */
int spawn_template_start(struct spawn_builder *builder, struct spawn_child *ret,
                         struct spawn_failure *failure);
/*
 * A builder for copies of a template. They have its memory, descriptors (those mapped take their
 * place), directory, limits, signals and ids, and the caller as parent. NULL: ENOMEM.
 */
struct spawn_builder *spawn_create_copy(int template_pidfd);
void spawn_set_message(struct spawn_builder *builder, const void *message, size_t bytes);

/* ---- pools: copies of a template that are there before they are needed ---- */

struct spawn_pool;

/* Keeps `ready` copies waiting. NULL with errno. */
struct spawn_pool *spawn_pool_create(int template_pidfd, unsigned ready);
/* In the template, instead of spawn_template_ready(): returns in a copy that was taken, with its
 * message and up to `fd_count` descriptors (-1 where there is none). */
ssize_t spawn_pool_ready(void *buffer, size_t bytes, int *fds, unsigned fd_count);
/* Takes a copy, gives it the message (not empty) and descriptors, and makes another. One that died
 * while it waited is replaced, unnoticed. 0 or an errno. */
int spawn_pool_take(struct spawn_pool *pool, const void *message, size_t bytes, const int *fds,
                    unsigned fd_count, struct spawn_child *ret);
/* Those that wait end, and are waited for. */
void spawn_pool_destroy(struct spawn_pool *pool);

#endif
