/* kernel/namespace/time_namespace.c - clocks with an offset: see time_namespace.h. */
#include "kernel/namespace/time_namespace.h"

#include "kernel/lib/errno.h"
#include "kernel/mm/address_space.h"
#include "kernel/mm/object_cache.h"
#include "kernel/process/clone_flags.h"
#include "kernel/process/process.h"
#include "kernel/time/timespec.h"

#define SECONDS_MAX ((int64_t)(INT64_MAX / NS_PER_SECOND)) /* of an offset, either way */

static struct spinlock offsets_lock = SPINLOCK_INIT(RANK_LOG); /* innermost: only copies under it */

/* It begins with the offsets of the one before. */
static int create(struct namespace *from, struct fs_context *fs, struct namespace **ret)
{
    struct time_namespace *fresh = kzalloc(sizeof(*fresh));
    (void)fs;
    if (!fresh)
        return -ENOMEM;
    time_namespace_offsets(from, &fresh->monotonic_ns, &fresh->boottime_ns);
    namespace_publish(&fresh->head, from->type);
    *ret = &fresh->head;
    return 0;
}

static void release(struct namespace *namespace)
{
    kfree(time_namespace_of(namespace));
}

/* A thread may not take another's clocks with it, nor may who shares memory. */
static int may_enter(const struct nsproxy *proxy, struct namespace *namespace)
{
    (void)proxy;
    (void)namespace;
    bool alone = READ_ONCE(current->process->task_count) == 1 &&
                 READ_ONCE(current->address_space->object.references) == 1;
    return alone ? 0 : -EUSERS;
}

const struct namespace_type time_namespace_type = {
    .kind = NAMESPACE_TIME,
    .name = "time",
    .clone_flag = CLONE_NEWTIME,
    .create = create,
    .release = release,
    .may_enter = may_enter,
    .entered = time_namespace_join,
};

struct time_namespace initial_time_namespace = {
    .head = NAMESPACE_INIT(&time_namespace_type, NAMESPACE_FIRST_TIME),
    .joined = true,
};

void time_namespace_join(struct namespace *namespace)
{
    spin_lock(&offsets_lock);
    time_namespace_of(namespace)->joined = true;
    spin_unlock(&offsets_lock);
}

void time_namespace_offsets(struct namespace *namespace, int64_t *ret_monotonic_ns,
                            int64_t *ret_boottime_ns)
{
    const struct time_namespace *time = time_namespace_of(namespace);
    spin_lock(&offsets_lock);
    *ret_monotonic_ns = time->monotonic_ns;
    *ret_boottime_ns = time->boottime_ns;
    spin_unlock(&offsets_lock);
}

static bool in_range(const struct linux_timespec *offset)
{
    if (offset->seconds > SECONDS_MAX || offset->seconds < -SECONDS_MAX)
        return false;
    struct linux_timespec shown = timespec_of(clock_monotonic_ns());
    shown.seconds += offset->seconds;
    shown.nanoseconds += offset->nanoseconds;
    shown.seconds += shown.nanoseconds / (int64_t)NS_PER_SECOND;
    return shown.seconds >= 0 && shown.seconds <= SECONDS_MAX / 2;
}

int time_namespace_set(struct namespace *namespace, const struct time_offset *offsets,
                       unsigned count)
{
    struct time_namespace *time = time_namespace_of(namespace);
    for (unsigned i = 0; i < count; i++) {
        if (!in_range(&offsets[i].value))
            return -ERANGE;
    }
    spin_lock(&offsets_lock);
    bool joined = time->joined;
    for (unsigned i = 0; i < count && !joined; i++) {
        int64_t ns =
            offsets[i].value.seconds * (int64_t)NS_PER_SECOND + offsets[i].value.nanoseconds;
        if (offsets[i].boottime)
            time->boottime_ns = ns;
        else
            time->monotonic_ns = ns;
    }
    spin_unlock(&offsets_lock);
    return joined ? -EACCES : 0;
}
