/*
 * kernel/fs/proc/ipc.c - /proc/sysvipc, and the limits of System V IPC in /proc/sys/kernel: those of
 * the reader's IPC namespace.
 */
#include "kernel/fs/proc/ipc.h"

#include "arch/cpu.h"
#include "kernel/ipc/sysv/namespace.h"
#include "kernel/ipc/sysv/sem.h"
#include "kernel/ipc/sysv/show.h"
#include "kernel/lib/errno.h"
#include "kernel/process/process.h"

static int show_shm(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    ipc_show_shm(ipc_namespace_current(), text);
    return 0;
}

static int show_sem(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    ipc_show_sem(ipc_namespace_current(), text);
    return 0;
}

static int show_msg(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    ipc_show_msg(ipc_namespace_current(), text);
    return 0;
}

const struct proc_entry proc_sysvipc_children[] = {
    PROC_FILE("msg", show_msg),
    PROC_FILE("sem", show_sem),
    PROC_FILE("shm", show_shm),
    {.name = NULL},
};

/* ---- limits ---- */

/* The next decimal number of *text, which is moved behind it. False: there is none, or it is larger
 * than `most`. */
static bool take_number(char **text, uint64_t most, uint64_t *ret)
{
    uint64_t value = 0;

    while (**text == ' ' || **text == '\t')
        (*text)++;
    if (**text < '0' || **text > '9')
        return false;
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(**text - '0'), &value))
            return false;
    }
    *ret = value;
    return value <= most && (!**text || **text == ' ' || **text == '\t');
}

int proc_one_number(char *text, uint64_t most, uint64_t *ret)
{
    if (!process_has_capability(current->process, CAP_SYS_ADMIN))
        return -EPERM;
    return take_number(&text, most, ret) ? 0 : -EINVAL;
}

#define LIMIT_64(name, member)                                                                     \
    int proc_show_##name(struct proc_text *text, const struct proc_target *target)                 \
    {                                                                                              \
        (void)target;                                                                              \
        text_print(text, "%lu\n", ipc_namespace_current()->member);                                \
        return 0;                                                                                  \
    }                                                                                              \
    int proc_write_##name(const struct proc_target *target, char *text, size_t length)             \
    {                                                                                              \
        uint64_t value;                                                                            \
        int error = proc_one_number(text, UINT64_MAX, &value);                                     \
        (void)target;                                                                              \
        (void)length;                                                                              \
        if (!error)                                                                                \
            WRITE_ONCE(ipc_namespace_current()->member, value);                                    \
        return error;                                                                              \
    }
#define LIMIT_32(name, member, most)                                                               \
    int proc_show_##name(struct proc_text *text, const struct proc_target *target)                 \
    {                                                                                              \
        (void)target;                                                                              \
        text_print(text, "%u\n", ipc_namespace_current()->member);                                 \
        return 0;                                                                                  \
    }                                                                                              \
    int proc_write_##name(const struct proc_target *target, char *text, size_t length)             \
    {                                                                                              \
        uint64_t value;                                                                            \
        int error = proc_one_number(text, most, &value);                                           \
        (void)target;                                                                              \
        (void)length;                                                                              \
        if (!error)                                                                                \
            WRITE_ONCE(ipc_namespace_current()->member, (uint32_t)value);                          \
        return error;                                                                              \
    }

LIMIT_64(shmmax, shm_max)
LIMIT_64(shmall, shm_all)
LIMIT_32(shmmni, tables[IPC_SHARED_MEMORY].count_max, IPC_PLACES)

LIMIT_32(msgmax, message_max, INT32_MAX)
LIMIT_32(msgmnb, queue_max, INT32_MAX)
LIMIT_32(msgmni, tables[IPC_MESSAGES].count_max, IPC_PLACES)

int proc_show_shm_rmid_forced(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    text_print(text, "0\n");
    return 0;
}

int proc_show_sem(struct proc_text *text, const struct proc_target *target)
{
    const struct ipc_namespace *space = ipc_namespace_current();

    (void)target;
    text_print(text, "%u\t%u\t%u\t%u\n", space->sem_per_set, space->sem_all, space->sem_operations,
               space->tables[IPC_SEMAPHORES].count_max);
    return 0;
}

/* Any of the four, from the first on. */
int proc_write_sem(const struct proc_target *target, char *text, size_t length)
{
    struct ipc_namespace *space = ipc_namespace_current();
    struct {
        uint32_t *limit;
        uint64_t most;
    } limits[] = {{&space->sem_per_set, SEMAPHORES_PER_SET_MAX},
                  {&space->sem_all, INT32_MAX},
                  {&space->sem_operations, SEMAPHORE_OPERATIONS_MAX},
                  {&space->tables[IPC_SEMAPHORES].count_max, IPC_PLACES}};

    (void)target;
    (void)length;
    if (!process_has_capability(current->process, CAP_SYS_ADMIN))
        return -EPERM;
    for (unsigned i = 0; i < ARRAY_COUNT(limits); i++) {
        uint64_t value;

        if (i && !*text)
            break;
        if (!take_number(&text, limits[i].most, &value))
            return -EINVAL;
        WRITE_ONCE(*limits[i].limit, (uint32_t)value);
    }
    return 0;
}
