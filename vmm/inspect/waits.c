/*
 * vmm/inspect/waits.c - who waits for whom, and which of them nobody can wake any more.
 *
 * A task is alive if it can run, if its wait is open (other things can end it), or if somebody
 * alive is among its wakers. Who is not alive when nothing more follows from that is dead: the
 * OR model of deadlock (Knapp, "Deadlock Detection in Distributed Databases", ACM Computing Surveys
 * 19(4), 1987). From a dead task one comes by any of its wakers to a circle, or to one that has
 * none.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/inspect/waits.h"

#define ROUNDS_MAX 1000u /* longer chains of waits are taken to be alive */
#define NO_GROUP   UINT32_MAX

/* The groups that occur, each once, and their members. */
struct judge {
    struct waits *waits;
    struct wait_group *groups; /* sorted */
    size_t group_count;
    bool *group_alive;
    uint32_t *first_member,
        *members;          /* of group g: members[first_member[g]..first_member[g + 1]) */
    uint32_t *group_of;    /* [task * GROUP_KINDS + kind]: index, or NO_GROUP */
    uint32_t *wait_groups; /* for each of waits->groups its index */
};

static int compare_groups(const void *a, const void *b)
{
    const struct wait_group *left = a, *right = b;

    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    return left->key < right->key ? -1 : left->key > right->key;
}

static uint32_t group_index(const struct judge *judge, enum group_kind kind, uint64_t key)
{
    struct wait_group wanted = {.kind = kind, .key = key};
    const struct wait_group *found =
        key && judge->group_count
            ? bsearch(&wanted, judge->groups, judge->group_count, sizeof(wanted), compare_groups)
            : NULL;

    return found ? (uint32_t)(found - judge->groups) : NO_GROUP;
}

static void judge_deinit(struct judge *judge)
{
    free(judge->groups);
    free(judge->group_alive);
    free(judge->first_member);
    free(judge->members);
    free(judge->group_of);
    free(judge->wait_groups);
}

static struct vt_error *judge_init(struct judge *judge, struct waits *waits)
{
    size_t tasks = waits->tasks.count, references = waits->groups.count;
    const struct wait_task *task = WAITS_OF(waits->tasks, wait_task);

    *judge = (struct judge){
        .waits = waits,
        .groups = malloc((references + 1) * sizeof(struct wait_group)),
        .group_alive = calloc(references + 1, sizeof(bool)),
        .first_member = calloc(references + 2, sizeof(uint32_t)),
        .members = malloc((tasks * GROUP_KINDS + 1) * sizeof(uint32_t)),
        .group_of = calloc(tasks * GROUP_KINDS + 1, sizeof(uint32_t)),
        .wait_groups = malloc((references + 1) * sizeof(uint32_t)),
    };
    if (!judge->groups || !judge->group_alive || !judge->first_member || !judge->members ||
        !judge->group_of || !judge->wait_groups) {
        judge_deinit(judge);
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the guest's waits");
    }
    if (references) {
        memcpy(judge->groups, waits->groups.items, references * sizeof(struct wait_group));
        qsort(judge->groups, references, sizeof(struct wait_group), compare_groups);
    }
    for (size_t i = 0; i < references; i++)
        if (!i || compare_groups(&judge->groups[i], &judge->groups[judge->group_count - 1]) != 0)
            judge->groups[judge->group_count++] = judge->groups[i];
    for (size_t i = 0; i < references; i++) {
        const struct wait_group *group = &WAITS_OF(waits->groups, wait_group)[i];

        judge->wait_groups[i] = group_index(judge, group->kind, group->key);
    }
    for (size_t i = 0; i < tasks * GROUP_KINDS; i++) {
        enum group_kind kind = (enum group_kind)(i % GROUP_KINDS);
        uint32_t group = group_index(judge, kind, task[i / GROUP_KINDS].member_of[kind]);

        judge->group_of[i] = group;
        if (group != NO_GROUP)
            judge->first_member[group + 1]++;
    }
    for (size_t g = 0; g < judge->group_count; g++)
        judge->first_member[g + 1] += judge->first_member[g];
    /* While it is filled, first_member[g + 1] is group g's next place; in the end, where g ends. */
    for (size_t g = judge->group_count; g > 0; g--)
        judge->first_member[g] = judge->first_member[g - 1];
    judge->first_member[0] = 0;
    for (size_t i = 0; i < tasks * GROUP_KINDS; i++)
        if (judge->group_of[i] != NO_GROUP)
            judge->members[judge->first_member[judge->group_of[i] + 1]++] =
                (uint32_t)(i / GROUP_KINDS);
    return NULL;
}

static void make_alive(struct judge *judge, size_t index)
{
    WAITS_OF(judge->waits->tasks, wait_task)[index].alive = true;
    for (unsigned kind = 0; kind < GROUP_KINDS; kind++) {
        uint32_t group = judge->group_of[index * GROUP_KINDS + kind];

        if (group != NO_GROUP)
            judge->group_alive[group] = true;
    }
}

static bool has_living_waker(const struct judge *judge, const struct wait_task *task)
{
    for (size_t i = 0; i < task->group_count; i++)
        if (judge->group_alive[judge->wait_groups[task->first_group + i]])
            return true;
    return false;
}

static void judge_all(struct judge *judge)
{
    struct wait_task *tasks = WAITS_OF(judge->waits->tasks, wait_task);
    size_t count = judge->waits->tasks.count;
    bool changed = true;

    for (size_t i = 0; i < count; i++)
        if (!tasks[i].blocked || tasks[i].open)
            make_alive(judge, i);
    for (unsigned round = 0; changed; round++) {
        changed = false;
        for (size_t i = 0; i < count; i++)
            if (!tasks[i].alive && (round >= ROUNDS_MAX || has_living_waker(judge, &tasks[i]))) {
                make_alive(judge, i);
                changed = true;
            }
    }
}

/* ---- results ---- */

/* Up to VT_WAKERS_MAX tasks that can wake this one, as indices. */
static size_t collect_wakers(const struct judge *judge, size_t index, uint32_t *wakers,
                             bool *ret_more)
{
    const struct wait_task *task = &WAITS_OF(judge->waits->tasks, wait_task)[index];
    size_t count = 0;

    *ret_more = false;
    for (size_t i = 0; i < task->group_count; i++) {
        uint32_t group = judge->wait_groups[task->first_group + i];

        if (WAITS_OF(judge->waits->groups, wait_group)[task->first_group + i].quiet)
            continue;
        for (uint32_t m = judge->first_member[group]; m < judge->first_member[group + 1]; m++) {
            uint32_t member = judge->members[m];
            size_t at = 0;

            if (member == index)
                continue;
            while (at < count && wakers[at] < member)
                at++;
            if (at < count && wakers[at] == member)
                continue;
            if (count == VT_WAKERS_MAX) {
                *ret_more = true;
                return count;
            }
            memmove(&wakers[at + 1], &wakers[at], (count - at) * sizeof(*wakers));
            wakers[at] = member;
            count++;
        }
    }
    return count;
}

/* The next on the way from a dead task to its circle; itself if only it could wake itself. */
static uint32_t next_of(const struct judge *judge, uint32_t index)
{
    uint32_t wakers[VT_WAKERS_MAX];
    bool more;

    return collect_wakers(judge, index, wakers, &more) ? wakers[0] : NO_GROUP;
}

/* The circle that a dead task leads to, from its smallest tid on; its length, 0 = none. */
static size_t find_cycle(const struct judge *judge, const uint32_t *next, uint32_t index,
                         int32_t *ret_tids)
{
    const struct wait_task *tasks = WAITS_OF(judge->waits->tasks, wait_task);
    uint32_t slow = index, fast = index, first;
    size_t count = 0;

    /* Floyd's tortoise and hare (Knuth, volume 2, 3.1, exercise 6). */
    do {
        slow = next[slow];
        fast = next[fast] == NO_GROUP ? NO_GROUP : next[next[fast]];
        if (fast == NO_GROUP)
            return 0;
    } while (slow != fast);
    first = slow;
    for (uint32_t at = next[slow]; at != slow; at = next[at])
        if (tasks[at].tid < tasks[first].tid)
            first = at;
    uint32_t at = first;
    do {
        ret_tids[count++] = tasks[at].tid;
        at = next[at];
    } while (at != first);
    return count;
}

static const char *describe(struct waits *waits, struct wait_task *task, struct guest_list *list)
{
    struct guest_files *files = &waits->files;

    if (task->named_file) {
        struct guest_place root = guest_task_root(&files->paths.loads, task->address);

        return guest_file_name(&files->paths, task->named_file, root, list);
    }
    if (!task->what[0])
        snprintf(task->what, sizeof(task->what), "%s", vt_wait_kind_name(task->kind));
    return guest_safe_text(list, task->what, strlen(task->what));
}

static void prove_dead(const struct judge *judge, const struct wait_task *task,
                       struct guest_list *list)
{
    guest_list_prove(list, task->id);
    guest_list_prove(list, task->switches);
    guest_list_prove(list, task->wait_object);
    for (size_t i = 0; i < task->group_count; i++)
        guest_list_prove(list, judge->groups[judge->wait_groups[task->first_group + i]].key);
}

static void add_result(struct judge *judge, size_t index, const uint32_t *next, int32_t *tids,
                       struct guest_list *list)
{
    struct wait_task *tasks = WAITS_OF(judge->waits->tasks, wait_task), *task = &tasks[index];
    uint32_t wakers[VT_WAKERS_MAX];
    int32_t waker_tids[VT_WAKERS_MAX];
    bool more;
    size_t count = collect_wakers(judge, index, wakers, &more);
    size_t cycle_count = task->alive ? 0 : find_cycle(judge, next, (uint32_t)index, tids);

    for (size_t i = 0; i < count; i++)
        waker_tids[i] = tasks[wakers[i]].tid;
    list->silent = true;
    const char *what = describe(judge->waits, task, list);
    const char *who = guest_list_text(list, task->who, strlen(task->who));
    const int32_t *waker_list = guest_list_bytes(list, waker_tids, count * sizeof(int32_t));
    struct vt_wait *wait = guest_list_add(list);
    if (!wait)
        return;
    wait->id = task->id;
    wait->tid = task->tid;
    wait->pid = task->pid;
    memcpy(wait->comm, task->comm, sizeof(wait->comm));
    wait->kind = task->kind;
    wait->object = task->wait_object;
    wait->what = what;
    wait->deadline_ns = task->deadline_ns;
    wait->futex_space_id = task->futex_space;
    wait->futex_word = task->futex_word;
    wait->futex_value = task->futex_value;
    wait->who = who;
    wait->open = task->open;
    wait->more_wakers = more;
    wait->wakers = waker_list;
    wait->waker_count = count;
    wait->dead = !task->alive;
    wait->cycle_count = cycle_count;
    wait->cycle = guest_list_bytes(list, tids, cycle_count * sizeof(int32_t));
    if (wait->dead)
        prove_dead(judge, task, list);
}

static struct vt_error *report(struct judge *judge, struct guest_list *list)
{
    const struct wait_task *tasks = WAITS_OF(judge->waits->tasks, wait_task);
    size_t count = judge->waits->tasks.count;
    uint32_t *next = malloc((count + 1) * sizeof(*next));
    int32_t *tids = malloc((count + 1) * sizeof(*tids));

    for (size_t i = 0; next && tids && i < count; i++)
        next[i] = tasks[i].alive ? NO_GROUP : next_of(judge, (uint32_t)i);
    for (size_t i = 0; next && tids && i < count && !list->out_of_memory && !list->too_large; i++)
        if (tasks[i].blocked)
            add_result(judge, i, next, tids, list);
    bool failed = !next || !tids;
    free(next);
    free(tids);
    return failed ? vt_error_create(VT_ERROR_MEMORY, "out of memory for the guest's waits") : NULL;
}

static struct vt_error *walk_waits(struct vt_guest *guest, void *context, struct guest_list *list)
{
    struct waits *waits = context;
    struct judge judge;

    (void)guest;
    struct vt_error *error = waits_gather(waits);
    if (!error)
        error = waits_find_wakers(waits);
    if (!error)
        error = judge_init(&judge, waits);
    if (error)
        return error;
    judge_all(&judge);
    error = report(&judge, list);
    judge_deinit(&judge);
    return error ? error : guest_loads_error(&waits->files.paths.loads, "a wait");
}

struct vt_error *vt_guest_waits(struct vt_guest *guest, struct vt_wait **ret_waits,
                                size_t *ret_count)
{
    const struct guest_listing listing = {
        .what = "the list of waits",
        .item_bytes = sizeof(struct vt_wait),
        .text_at = {offsetof(struct vt_wait, what), offsetof(struct vt_wait, who),
                    offsetof(struct vt_wait, wakers), offsetof(struct vt_wait, cycle)},
        .text_count = 4,
        .walk = walk_waits,
    };
    struct waits waits = {.guest = guest};
    void *result;
    struct vt_error *error = guest_require_ready(guest);

    if (!error)
        error = guest_files_init(guest, &waits.files);
    if (!error && guest_type_find(guest, "socket"))
        error = guest_sockets_init(guest, &waits.sockets);
    if (!error)
        error = guest_settle(guest, &listing, &waits, &result, ret_count);
    waits_deinit(&waits);
    if (!error)
        *ret_waits = result;
    return error;
}
