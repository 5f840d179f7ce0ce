/* kernel/namespace/pid_namespace.c - numbers of PID namespaces: see pid_namespace.h. */
#include "kernel/namespace/pid_namespace.h"

#include "kernel/lib/errno.h"
#include "kernel/mm/object_cache.h"
#include "kernel/namespace/nsproxy.h"
#include "kernel/observe/mutant.h"
#include "kernel/process/clone_flags.h"
#include "kernel/process/internal.h"

#define NUMBER_AFTER_WRAP     300
#define PID_GLOBALS_PER_CHUNK (PAGE_SIZE / sizeof(struct pid_numbers *))
#define PID_GLOBAL_CHUNKS     ((PID_MAX + 1) / PID_GLOBALS_PER_CHUNK)
#define NUMBERS_PAGE_BYTES    (PID_NUMBERS_PER_CHUNK * sizeof(int32_t))

_Static_assert(PID_NUMBERS_PER_CHUNK *PID_NUMBER_CHUNKS == PID_MAX + 1, "every number has a place");

static struct spinlock numbers_lock = SPINLOCK_INIT(RANK_PID_NUMBERS);
struct pid_numbers **pid_global_chunks[PID_GLOBAL_CHUNKS];
uint32_t pid_numbers_in_use;

struct pid_namespace initial_pid_namespace = {
    .head = NAMESPACE_INIT(&pid_namespace_type, NAMESPACE_FIRST_PID),
    .had_init = true,
};

/* ---- tables ---- */

static struct pid_numbers *numbers_of(int32_t global)
{
    if (global <= 0 || global > PID_MAX)
        return NULL;
    struct pid_numbers **chunk = pid_global_chunks[(uint32_t)global / PID_GLOBALS_PER_CHUNK];
    return chunk ? chunk[(uint32_t)global % PID_GLOBALS_PER_CHUNK] : NULL;
}

/* Where the numbers of a global number are kept; NULL = out of memory. */
static struct pid_numbers **make_place(int32_t global)
{
    struct pid_numbers ***chunk = &pid_global_chunks[(uint32_t)global / PID_GLOBALS_PER_CHUNK];
    if (!*chunk)
        *chunk = kzalloc(PAGE_SIZE);
    return *chunk ? &(*chunk)[(uint32_t)global % PID_GLOBALS_PER_CHUNK] : NULL;
}

static int32_t *entry_of(const struct pid_namespace *namespace, int32_t number)
{
    if (number <= 0 || number > PID_MAX)
        return NULL;
    int32_t *chunk = namespace->chunks[(uint32_t)number / PID_NUMBERS_PER_CHUNK];
    return chunk ? &chunk[(uint32_t)number % PID_NUMBERS_PER_CHUNK] : NULL;
}

static int32_t *make_entry(struct pid_namespace *namespace, int32_t number)
{
    int32_t **chunk = &namespace->chunks[(uint32_t)number / PID_NUMBERS_PER_CHUNK];
    if (!*chunk)
        *chunk = kzalloc(NUMBERS_PAGE_BYTES);
    return *chunk ? &(*chunk)[(uint32_t)number % PID_NUMBERS_PER_CHUNK] : NULL;
}

const struct pid_namespace *pid_namespace_at(const struct pid_namespace *namespace, uint32_t level)
{
    const struct pid_namespace *at = namespace;
    while (at->level > level)
        at = at->parent;
    return at;
}

bool pid_namespace_within(const struct pid_namespace *namespace, const struct pid_namespace *other)
{
    return namespace->level >= other->level && pid_namespace_at(namespace, other->level) == other;
}

/* ---- translating ---- */

static int32_t inner_locked(const struct pid_namespace *namespace, int32_t global)
{
    const struct pid_numbers *numbers = numbers_of(global);
    return numbers && pid_namespace_within(numbers->namespace, namespace)
               ? numbers->number[namespace->level]
               : 0;
}

int32_t pid_inner(const struct pid_namespace *namespace, int32_t global)
{
    spin_lock(&numbers_lock);
    int32_t number = inner_locked(namespace, global);
    spin_unlock(&numbers_lock);
    return number;
}

int32_t pid_global(const struct pid_namespace *namespace, int32_t number)
{
    spin_lock(&numbers_lock);
    const int32_t *entry = entry_of(namespace, number);
    int32_t global = entry && *entry ? *entry : PID_NOBODY;
    spin_unlock(&numbers_lock);
    return global;
}

int32_t pid_number_next(const struct pid_namespace *namespace, int32_t from, int32_t *ret_global)
{
    int32_t found = 0;
    spin_lock(&numbers_lock);
    for (uint32_t number = from < 1 ? 1 : (uint32_t)from; number <= PID_MAX && !found; number++) {
        const int32_t *chunk = namespace->chunks[number / PID_NUMBERS_PER_CHUNK];
        if (!chunk) {
            number |= PID_NUMBERS_PER_CHUNK - 1;
        } else if (chunk[number % PID_NUMBERS_PER_CHUNK]) {
            found = (int32_t)number;
            *ret_global = chunk[number % PID_NUMBERS_PER_CHUNK];
        }
    }
    spin_unlock(&numbers_lock);
    return found;
}

/* ---- numbers come and go ---- */

struct pid_numbers *pid_numbers_create(struct pid_namespace *namespace)
{
    struct pid_numbers *numbers =
        kzalloc(sizeof(*numbers) + (namespace->level + 1) * sizeof(numbers->number[0]));
    if (!numbers)
        return NULL;
    namespace_get(&namespace->head);
    numbers->namespace = namespace;
    numbers->level = namespace->level;
    return numbers;
}

void pid_numbers_discard(struct pid_numbers *numbers)
{
    namespace_put(&numbers->namespace->head);
    kfree(numbers);
}

/* A free number of the namespace, or the wanted one: > 0, or -errno. */
static int32_t choose(struct pid_namespace *namespace, int32_t wanted)
{
    if (namespace->ending || (namespace->had_init && !namespace->init))
        return -ENOMEM;
    if (wanted) {
        if (wanted != 1 && !namespace->had_init)
            return -EINVAL;
        const int32_t *entry = make_entry(namespace, wanted);
        return !entry ? -ENOMEM : *entry ? -EEXIST : wanted;
    }
    int32_t number = namespace->last;
    for (int tries = 0; tries <= PID_MAX; tries++) {
        number = number >= PID_MAX ? NUMBER_AFTER_WRAP : number + 1;
        const int32_t *entry = make_entry(namespace, number);
        if (!entry)
            return -ENOMEM;
        if (!*entry) {
            namespace->last = number;
            return number;
        }
    }
    return -EAGAIN;
}

static void clear(struct pid_numbers *numbers, uint32_t above)
{
    struct pid_namespace *namespace = numbers->namespace;
    for (; namespace->level > above; namespace = namespace->parent) {
        if (!MUTANT(PID_NUMBER_KEPT))
            *entry_of(namespace, numbers->number[namespace->level]) = 0;
        namespace->count--;
    }
}

int pid_numbers_take_locked(struct pid_numbers *numbers, int32_t global, const int32_t *wanted,
                            uint32_t count)
{
    int error = 0;
    spin_lock(&numbers_lock);
    struct pid_numbers **place = make_place(global);
    if (!place)
        error = -ENOMEM;
    numbers->number[0] = global;
    struct pid_namespace *namespace = numbers->namespace;
    for (uint32_t i = 0; !error && namespace->level; namespace = namespace->parent, i++) {
        int32_t number = choose(namespace, i < count ? wanted[i] : 0);
        if (number < 0) {
            error = number;
            break;
        }
        *entry_of(namespace, number) = global;
        numbers->number[namespace->level] = number + MUTANT(PID_NUMBER_WRONG);
        namespace->count++;
    }
    if (error) {
        clear(numbers, namespace->level);
    } else {
        *place = numbers;
        pid_numbers_in_use++;
    }
    spin_unlock(&numbers_lock);
    return error;
}

void pid_namespace_joined_locked(struct pid_namespace *namespace, struct process *process)
{
    process->pid_namespace = namespace;
    namespace_get(&namespace->head);
    if (namespace->had_init || pid_inner(namespace, process->pid) != 1)
        return;
    spin_lock(&numbers_lock);
    namespace->init = process;
    namespace->had_init = true;
    spin_unlock(&numbers_lock);
    process->unkillable = true;
}

void pid_numbers_drop_locked(int32_t global)
{
    spin_lock(&numbers_lock);
    struct pid_numbers *numbers = numbers_of(global);
    if (numbers) {
        struct pid_namespace *own = numbers->namespace;
        *make_place(global) = NULL;
        pid_numbers_in_use--;
        if (numbers->number[numbers->level] == 1)
            own->init = NULL;
        clear(numbers, 0);
    }
    spin_unlock(&numbers_lock);
    if (!numbers)
        return;
    for (struct pid_namespace *at = numbers->namespace; at->level; at = at->parent) {
        if (at->ending && at->init)
            wake_up_all(&at->init->child_events);
    }
    pid_numbers_discard(numbers);
}

/* ---- the namespace ---- */

static int pid_create(struct namespace *from, struct fs_context *fs, struct namespace **ret)
{
    struct pid_namespace *parent = pid_namespace_of(from);
    if (parent != pid_namespace_own())
        return -EINVAL; /* one was made for the children already */
    if (parent->level >= PID_NAMESPACE_LEVELS)
        return -ENOSPC;
    struct pid_namespace *namespace = kzalloc(sizeof(*namespace));
    if (!namespace)
        return -ENOMEM;
    namespace_get(from);
    namespace->parent = parent;
    namespace->level = parent->level + 1;
    namespace_publish(&namespace->head, &pid_namespace_type);
    *ret = &namespace->head;
    return 0;
}

static void pid_release(struct namespace *head)
{
    struct pid_namespace *namespace = pid_namespace_of(head);
    for (unsigned i = 0; i < PID_NUMBER_CHUNKS; i++)
        kfree(namespace->chunks[i]);
    namespace_put(&namespace->parent->head);
    kfree(namespace);
}

/* Down only: into the own one or one below it. */
static int pid_may_enter(const struct nsproxy *proxy, struct namespace *head)
{
    return pid_namespace_within(pid_namespace_of(head), pid_namespace_own()) ? 0 : -EINVAL;
}

static struct namespace *pid_parent(struct namespace *head)
{
    struct pid_namespace *parent = pid_namespace_of(head)->parent;
    return parent && pid_namespace_within(parent, pid_namespace_own()) ? &parent->head : NULL;
}

const struct namespace_type pid_namespace_type = {
    .kind = NAMESPACE_PID,
    .name = "pid",
    .clone_flag = CLONE_NEWPID,
    .create = pid_create,
    .release = pid_release,
    .may_enter = pid_may_enter,
    .parent = pid_parent,
};
