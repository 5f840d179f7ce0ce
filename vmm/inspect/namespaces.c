/*
 * vmm/inspect/namespaces.c - every namespace, and which processes are in it.
 *
 * Who is in one is told by the tasks: each points to its set of namespaces (struct nsproxy); in the PID
 * namespace it is by its process. Sets never change once a task has them. The list of all namespaces is
 * the kernel's.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/inspect/objects.h"
#include "vmm/inspect/paths.h"
#include "vmm/inspect/walk.h"

#define NAMESPACES_MAX 100000u
#define KINDS          8u /* guest/kernel/namespace/namespace.h */
#define KIND_PID       4u
#define KIND_TIME      5u
#define KIND_NAME_MAX  15u

#define NAMESPACE_FIELDS(F)                                                                        \
    F(type_of, "type") F(link, "link") F(number, "number") F(references, "references")
LAYOUT(namespace_layout, NAMESPACE_FIELDS);

#define TYPE_FIELDS(F) F(kind, "kind") F(name, "name")
LAYOUT(type_layout, TYPE_FIELDS);

#define PROXY_FIELDS(F) F(of, "of")
LAYOUT(proxy_layout, PROXY_FIELDS);

#define PID_FIELDS(F) F(head, "head") F(level, "level")
LAYOUT(pid_layout, PID_FIELDS);

#define TIME_FIELDS(F) F(head, "head") F(monotonic_ns, "monotonic_ns") F(boottime_ns, "boottime_ns")
LAYOUT(time_layout, TIME_FIELDS);

#define TASK_FIELDS(F)                                                                             \
    F(namespaces, "namespaces") F(process, "process") F(tgid, "tgid") F(comm, "comm")
LAYOUT(task_layout, TASK_FIELDS);

#define PROCESS_FIELDS(F) F(pid_namespace, "pid_namespace") F(uid, "credentials.uid")
LAYOUT(process_layout, PROCESS_FIELDS);

#define ROOTS_FIELDS(F) F(namespaces, "namespaces")
LAYOUT(roots_layout, ROOTS_FIELDS);

/* A task in a namespace. */
struct member {
    uint64_t namespace; /* address of its head */
    int32_t pid;
    uint32_t uid;
    char comm[16];
};

struct namespace_walk {
    struct vt_guest *guest;
    struct guest_list *list;
    struct guest_loads loads;
    struct namespace_layout namespace;
    struct type_layout type;
    struct proxy_layout proxy;
    struct pid_layout pid;
    struct time_layout time;
    struct task_layout task;
    struct process_layout process;
    struct roots_layout roots;
    struct guest_slots tasks;
    struct member *members; /* by namespace, then pid */
    size_t member_count, member_room;
};

static struct vt_error *out_of_memory(void)
{
    return vt_error_create(VT_ERROR_MEMORY, "out of memory for the guest's namespaces");
}

/* ---- who is where ---- */

static struct vt_error *add_member(struct namespace_walk *walk, const struct member *member)
{
    if (walk->member_count == walk->member_room) {
        size_t room = walk->member_room ? walk->member_room * 2 : 256;
        struct member *larger = realloc(walk->members, room * sizeof(*larger));

        if (!larger)
            return out_of_memory();
        walk->members = larger;
        walk->member_room = room;
    }
    walk->members[walk->member_count++] = *member;
    guest_list_prove(walk->list, member->namespace);
    guest_list_prove(walk->list, (uint64_t)(uint32_t)member->pid << 32 | member->uid);
    return NULL;
}

static struct vt_error *add_task(struct namespace_walk *walk, const uint8_t *copy)
{
    uint64_t proxy = guest_field_value(walk->task.namespaces, copy);
    uint64_t process = guest_field_value(walk->task.process, copy);
    uint64_t of[KINDS];
    struct member member = {.pid = (int32_t)guest_field_value(walk->task.tgid, copy)};
    struct vt_error *error = NULL;

    if (!proxy || !process)
        return NULL;
    if (!guest_load_bytes(&walk->loads, proxy + walk->proxy.of->offset, of, sizeof(of)))
        return guest_loads_error(&walk->loads, "a set of namespaces");
    uint64_t own = guest_load(&walk->loads, process, walk->process.pid_namespace);
    if (own) /* the set has the one of its children */
        of[KIND_PID] = own + walk->pid.head->offset;
    member.uid = (uint32_t)guest_load(&walk->loads, process, walk->process.uid);
    guest_copy_comm(member.comm, walk->task.comm, copy);
    for (unsigned kind = 0; kind < KINDS && !error; kind++) {
        member.namespace = of[kind];
        error = add_member(walk, &member);
    }
    return error ? error : guest_loads_error(&walk->loads, "the process of a task");
}

static int by_namespace(const void *a, const void *b)
{
    const struct member *left = a, *right = b;

    return left->namespace != right->namespace
               ? (left->namespace < right->namespace ? -1 : 1)
               : (left->pid > right->pid) - (left->pid < right->pid);
}

static struct vt_error *find_members(struct namespace_walk *walk)
{
    uint8_t *copy = malloc(walk->tasks.type->size);
    struct vt_error *error = copy ? NULL : out_of_memory();

    walk->member_count = 0;
    for (uint32_t i = 0; i < walk->tasks.high_water && !error; i++) {
        uint64_t id;

        error = guest_slots_read(walk->guest, &walk->tasks, i, copy, &id);
        if (!error && id)
            error = add_task(walk, copy);
    }
    free(copy);
    if (walk->member_count)
        qsort(walk->members, walk->member_count, sizeof(*walk->members), by_namespace);
    return error;
}

/* ---- the namespaces ---- */

static const char *kind_text(struct namespace_walk *walk, uint64_t type)
{
    char name[KIND_NAME_MAX + 1] = "";
    uint64_t address = guest_load(&walk->loads, type, walk->type.name);

    for (size_t i = 0; i < KIND_NAME_MAX; i++)
        if (!guest_load_bytes(&walk->loads, address + i, &name[i], 1) || !name[i])
            break;
    return guest_safe_text(walk->list, name, strlen(name));
}

static struct vt_error *take_members(struct namespace_walk *walk, struct vt_namespace *ret)
{
    size_t low = 0, high = walk->member_count;
    int32_t *pids;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (walk->members[middle].namespace < ret->address)
            low = middle + 1;
        else
            high = middle;
    }
    for (high = low; high < walk->member_count && walk->members[high].namespace == ret->address;
         high++)
        ;
    ret->tasks = (uint32_t)(high - low);
    if (!ret->tasks)
        return NULL;
    ret->uid = walk->members[low].uid;
    memcpy(ret->comm, walk->members[low].comm, sizeof(ret->comm));
    pids = malloc((high - low) * sizeof(*pids));
    if (!pids)
        return out_of_memory();
    for (size_t i = low; i < high; i++)
        if (!ret->pid_count || pids[ret->pid_count - 1] != walk->members[i].pid)
            pids[ret->pid_count++] = walk->members[i].pid;
    ret->pids = guest_list_bytes(walk->list, pids, ret->pid_count * sizeof(*pids));
    free(pids);
    return NULL;
}

static struct vt_error *visit(void *context, uint64_t node)
{
    struct namespace_walk *walk = context;
    uint64_t head = node - walk->namespace.link->offset;
    uint64_t type = guest_load(&walk->loads, head, walk->namespace.type_of);
    uint64_t kind = guest_load(&walk->loads, type, walk->type.kind);
    struct vt_namespace found = {
        .address = head,
        .number = guest_load(&walk->loads, head, walk->namespace.number),
        .references = (uint32_t)guest_load(&walk->loads, head, walk->namespace.references),
    };

    if (kind == KIND_PID)
        found.level =
            (uint32_t)guest_load(&walk->loads, head - walk->pid.head->offset, walk->pid.level);
    if (kind == KIND_TIME) {
        uint64_t time = head - walk->time.head->offset;

        found.monotonic_ns = (int64_t)guest_load(&walk->loads, time, walk->time.monotonic_ns);
        found.boottime_ns = (int64_t)guest_load(&walk->loads, time, walk->time.boottime_ns);
    }
    found.kind = kind_text(walk, type);
    struct vt_error *error = take_members(walk, &found);
    if (!error)
        error = guest_loads_error(&walk->loads, "a namespace");
    guest_list_prove(walk->list, head);
    struct vt_namespace *item = error ? NULL : guest_list_add(walk->list);
    if (item)
        *item = found;
    return error;
}

static struct vt_error *walk_namespaces(struct vt_guest *guest, void *context,
                                        struct guest_list *list)
{
    struct namespace_walk *walk = context;
    const struct glass_root *root;

    walk->list = list;
    walk->loads = (struct guest_loads){.guest = guest};
    struct vt_error *error = guest_root_require(guest, "audit_roots", "audit_roots", &root);
    if (!error)
        error = find_members(walk);
    if (error)
        return error;
    uint64_t all = guest_load(&walk->loads, root->address, walk->roots.namespaces);
    return all ? guest_list_walk(guest, all, NAMESPACES_MAX, "the list of namespaces", visit, walk)
               : NULL;
}

struct vt_error *vt_guest_namespaces(struct vt_guest *guest, struct vt_namespace **ret_namespaces,
                                     size_t *ret_count)
{
    const struct guest_listing listing = {
        .what = "the list of namespaces",
        .item_bytes = sizeof(struct vt_namespace),
        .text_at = {offsetof(struct vt_namespace, kind), offsetof(struct vt_namespace, pids)},
        .text_count = 2,
        .walk = walk_namespaces,
    };
    struct namespace_walk walk = {.guest = guest};
    void *namespaces = NULL;
    struct vt_error *error = guest_require_ready(guest);

    if (!error)
        error = LAYOUT_FIND(guest, &walk.namespace, "namespace", 3, NAMESPACE_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk.type, "namespace_type", 2, TYPE_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk.proxy, "nsproxy", 1, PROXY_FIELDS);
    if (!error && walk.proxy.of->size != KINDS * sizeof(uint64_t))
        error = vt_error_create(VT_ERROR_FORMAT,
                                "the guest's kernel has other kinds of namespaces than this "
                                "vitrine knows: use a kernel and a vitrine of the same build");
    if (!error)
        error = LAYOUT_FIND(guest, &walk.pid, "pid_namespace", 1, PID_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk.time, "time_namespace", 1, TIME_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk.task, "task", 3, TASK_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk.process, "process", 1, PROCESS_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk.roots, "audit_roots", 1, ROOTS_FIELDS);
    if (!error)
        error = guest_slots_open(guest, guest->tasks, "task", &walk.tasks);
    if (!error)
        error = guest_settle(guest, &listing, &walk, &namespaces, ret_count);
    free(walk.members);
    if (!error)
        *ret_namespaces = namespaces;
    return error;
}
