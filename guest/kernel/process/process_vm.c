/*
 * process_vm.c - process_vm_readv(2) and process_vm_writev(2): memory from one process to another in
 * one call, by who may trace the other.
 */
#include "arch/cpu.h"
#include "kernel/fs/io_buffer.h"
#include "kernel/lib/errno.h"
#include "kernel/mm/address_space.h"
#include "kernel/mm/object_cache.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/internal.h"
#include "kernel/process/ptrace.h"
#include "kernel/syscall/syscall.h"

#define SEGMENTS_MAX 1024u
#define PIECE_BYTES  1024u

/* One side's list of pieces. */
struct side {
    struct io_segment *segments;
    uint64_t count, index, offset;
};

static int side_init(struct side *side, uint64_t address, uint64_t count)
{
    *side = (struct side){.count = count};
    if (count > SEGMENTS_MAX)
        return -EINVAL;
    if (!count)
        return 0;
    side->segments = kmalloc(count * sizeof(*side->segments));
    if (!side->segments)
        return -ENOMEM;
    if (copy_from_user(side->segments, address, count * sizeof(*side->segments)))
        return -EFAULT;
    for (uint64_t i = 0; i < count; i++) {
        if ((int64_t)side->segments[i].bytes < 0)
            return -EINVAL;
    }
    return 0;
}

/* The next bytes in one piece: how many, at *ret; 0 at the end. */
static uint64_t side_next(struct side *side, uint64_t *ret)
{
    while (side->index < side->count && side->offset == side->segments[side->index].bytes) {
        side->index++;
        side->offset = 0;
    }
    if (side->index == side->count)
        return 0;
    *ret = side->segments[side->index].address + side->offset;
    return side->segments[side->index].bytes - side->offset;
}

static int64_t copy_between(struct address_space *space, struct side *local, struct side *remote,
                            bool write)
{
    char piece[PIECE_BYTES];
    uint64_t here, there;
    int64_t done = 0;
    for (;;) {
        uint64_t bytes = min(side_next(local, &here), side_next(remote, &there));
        bytes = min(bytes, (uint64_t)PIECE_BYTES);
        if (!bytes)
            return done;
        ssize_t got = (ssize_t)bytes;
        if (write)
            got = (ssize_t)copy_from_user_partial(piece, here, bytes);
        if (got > 0)
            got = address_space_access(space, there, piece, (size_t)got, write);
        if (got > 0 && !write)
            got = (ssize_t)copy_to_user_partial(here, piece, (size_t)got);
        if (got <= 0)
            return done ? done : -EFAULT;
        done += got;
        local->offset += (uint64_t)got;
        remote->offset += (uint64_t)got;
        if ((uint64_t)got < bytes)
            return done;
        preemption_point();
        if (task_interrupted(current))
            return done;
    }
}

static int target_space(int pid, struct address_space **ret)
{
    struct task *task = pid > 0 ? task_find_get(pid_meant(pid)) : NULL;
    if (!task)
        return -ESRCH;
    int error = task->process && ptrace_may_attach(task->process) ? 0 : -EPERM;
    *ret = error ? NULL : task_address_space_get(task);
    task_put(task);
    return error ? error : *ret ? 0 : -ESRCH;
}

static int64_t transfer(int pid, uint64_t local_address, uint64_t local_count,
                        uint64_t remote_address, uint64_t remote_count, uint64_t flags, bool write)
{
    struct side local, remote = {};
    struct address_space *space;
    if (flags)
        return -EINVAL;
    int64_t result = side_init(&local, local_address, local_count);
    if (!result)
        result = side_init(&remote, remote_address, remote_count);
    if (!result && local.count && remote.count) {
        result = target_space(pid, &space);
        if (!result) {
            result = copy_between(space, &local, &remote, write);
            address_space_put(space);
        }
    }
    kfree(local.segments);
    kfree(remote.segments);
    return result;
}

SYSCALL6(process_vm_readv, int, pid, uint64_t, local, uint64_t, local_count, uint64_t, remote,
         uint64_t, remote_count, uint64_t, flags)
{
    return transfer(pid, local, local_count, remote, remote_count, flags, false);
}

SYSCALL6(process_vm_writev, int, pid, uint64_t, local, uint64_t, local_count, uint64_t, remote,
         uint64_t, remote_count, uint64_t, flags)
{
    return transfer(pid, local, local_count, remote, remote_count, flags, true);
}
