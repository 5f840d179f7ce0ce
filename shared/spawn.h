/*
 * shared/spawn.h - the calls spawn and template_ready, as programs make them (docs/spawn.md). The
 * numbers lie outside of Linux's range. guest/user/lib wraps them: <vitrine/spawn.h>.
 */
#ifndef VITRINE_SHARED_SPAWN_H
#define VITRINE_SHARED_SPAWN_H

#include <stdint.h>

/* spawn(struct spawn_arguments *, size_t size): the child's pid, or -errno and no child. */
#define SPAWN_CALL 1100
/* template_ready(void *buffer, size_t bytes, int announce_fd): see docs/spawn.md. */
#define TEMPLATE_READY_CALL 1101

enum spawn_flag {
    SPAWN_INHERIT_FDS = 1u << 0,   /* what fds does not name comes from the caller, as with exec */
    SPAWN_SET_DIRECTORY = 1u << 1, /* directory, directory_fd */
    SPAWN_SET_GROUP = 1u << 2,     /* group */
    SPAWN_NEW_SESSION = 1u << 3,
    SPAWN_SET_TERMINAL = 1u << 4,   /* terminal_fd; with SPAWN_NEW_SESSION only */
    SPAWN_SET_MASK = 1u << 5,       /* signal_mask */
    SPAWN_SET_POLICY = 1u << 6,     /* policy */
    SPAWN_SET_NICE = 1u << 7,       /* nice */
    SPAWN_SET_AFFINITY = 1u << 8,   /* affinity */
    SPAWN_PIDFD = 1u << 9,          /* result->pidfd */
    SPAWN_FROM_TEMPLATE = 1u << 10, /* template_fd, message */
    SPAWN_FLAGS = (1u << 11) - 1
};

enum spawn_fd_flag { SPAWN_FD_CLOSE_ON_EXEC = 1u << 0 };

#define SPAWN_FDS_MAX     1024u /* entries of fds: beyond is E2BIG */
#define SPAWN_LIMITS_MAX  64u
#define SPAWN_MESSAGE_MAX 65536u

/* The caller's descriptor `from` is the child's descriptor `to`. All are moved at once: 3 -> 4 with
 * 4 -> 3 exchanges two. */
struct spawn_fd {
    int32_t from, to;
    uint32_t flags;    /* enum spawn_fd_flag */
    uint32_t reserved; /* 0 */
};

struct spawn_limit {
    uint32_t resource; /* RLIMIT_* */
    uint32_t reserved; /* 0 */
    uint64_t soft, hard;
};

/* The step that failed. */
enum spawn_step {
    SPAWN_STEP_NONE,
    SPAWN_STEP_REQUEST,   /* the structure itself: a flag, a size, a field that must be zero */
    SPAWN_STEP_PROCESS,   /* the number or the memory of processes */
    SPAWN_STEP_TEMPLATE,  /* it is not one, not ready, or gone */
    SPAWN_STEP_LIMIT,     /* index: of limits */
    SPAWN_STEP_FD,        /* index: of fds */
    SPAWN_STEP_DIRECTORY, /* the working directory */
    SPAWN_STEP_PROGRAM,   /* to find and open it */
    SPAWN_STEP_ARGUMENTS,
    SPAWN_STEP_ENVIRONMENT,
    SPAWN_STEP_LOAD,   /* its format, its interpreter, its memory */
    SPAWN_STEP_MEMORY, /* the copy of a template's memory */
    SPAWN_STEP_MESSAGE,
    SPAWN_STEP_SIGNALS,
    SPAWN_STEP_SCHEDULING, /* index: 0 policy, 1 nice, 2 affinity */
    SPAWN_STEP_PIDFD,
    SPAWN_STEP_RESULT,
    SPAWN_STEP_GROUP,
    SPAWN_STEP_TERMINAL,
    SPAWN_STEP_START, /* no pid left */
    SPAWN_STEPS
};

struct spawn_result {
    int32_t error; /* errno, positive; 0: the child runs */
    uint32_t step; /* enum spawn_step */
    uint32_t index;
    int32_t pidfd; /* with SPAWN_PIDFD; else -1 */
};

/* Grows at its end: what a newer caller knows and this kernel does not must be zero (E2BIG). */
struct spawn_arguments {
    uint64_t flags;                  /* enum spawn_flag */
    uint64_t program;                /* path; 0: program_fd is the file itself */
    uint64_t arguments, environment; /* NULL-terminated lists of strings, 0: empty */
    int32_t program_fd; /* where a relative path starts; AT_FDCWD: the child's directory */
    int32_t directory_fd;
    uint64_t directory; /* path, from directory_fd or the caller's directory; 0: directory_fd */
    uint64_t fds;       /* struct spawn_fd[fd_count] */
    uint64_t limits;    /* struct spawn_limit[limit_count] */
    uint32_t fd_count, limit_count;
    int32_t group;           /* one of the caller's session, or 0: the child's own */
    int32_t terminal_fd;     /* a descriptor of the child */
    uint64_t signal_mask;    /* bit n-1: signal n */
    uint64_t signal_default; /* ignored ones that go back to the default */
    uint64_t affinity;
    uint32_t policy; /* SCHED_OTHER, SCHED_BATCH, SCHED_IDLE */
    int32_t nice;
    uint32_t exit_signal;            /* as clone3's; 0: none */
    int32_t template_fd;             /* pidfd of a process that waits in template_ready() */
    uint64_t message, message_bytes; /* what template_ready() returns in the copy */
    uint64_t result;                 /* struct spawn_result, or 0 */
};
#define SPAWN_ARGUMENTS_VER0 144u

#endif
