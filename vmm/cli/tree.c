/*
 * vmm/cli/tree.c - `vitrine tree`: processes below their parents, further threads below their
 * process.
 */
#include <stdio.h>
#include <stdlib.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/task_json.h"
#include "vmm/export/summary.h"

struct forest {
    const struct vt_task *tasks;
    size_t count;
    bool *shown; /* a corrupt guest could make a task its own ancestor: each is shown once */
    bool unicode;
};

static bool is_leader(const struct vt_task *task)
{
    return task->tid == task->pid && !task->idle;
}

static bool is_child(const struct forest *forest, size_t index, const struct vt_task *parent)
{
    const struct vt_task *task = &forest->tasks[index];

    if (forest->shown[index] || task->idle)
        return false;
    if (is_leader(task))
        return parent ? is_leader(parent) && task->ppid == parent->pid : false;
    return parent && is_leader(parent) && task->pid == parent->pid;
}

static bool has_parent(const struct forest *forest, const struct vt_task *task)
{
    for (size_t i = 0; i < forest->count; i++)
        if (is_leader(&forest->tasks[i]) && &forest->tasks[i] != task &&
            forest->tasks[i].pid == (is_leader(task) ? task->ppid : task->pid))
            return true;
    return false;
}

static void print_task(const struct forest *forest, const struct vt_task *task, unsigned depth,
                       const bool *last)
{
    bool kernel = task->kernel_thread;

    summary_branches(stdout, depth, last, forest->unicode);
    printf(is_leader(task) ? (kernel ? "[%s]" : "%s") : "{%s}", task->comm);
    printf(" %d  %s", task->tid, vt_task_state_name(task->state));
    if (task->state == TASK_BLOCKED || task->state == TASK_BLOCKED_HARD)
        printf(" (%s)", vt_wait_kind_name(task->wait_kind));
    putchar('\n');
}

static void print_from(struct forest *forest, size_t index, unsigned depth,
                       bool last[TREE_DEPTH_MAX])
{
    const struct vt_task *task = &forest->tasks[index];

    forest->shown[index] = true;
    print_task(forest, task, depth, last);
    if (depth + 1 >= TREE_DEPTH_MAX)
        return;
    for (size_t i = 0; i < forest->count; i++) {
        if (!is_child(forest, i, task))
            continue;
        last[depth + 1] = true;
        for (size_t j = i + 1; j < forest->count; j++)
            if (is_child(forest, j, task))
                last[depth + 1] = false;
        print_from(forest, i, depth + 1, last);
    }
}

static json_t *json_from(struct forest *forest, size_t index, unsigned depth)
{
    json_t *object = task_json(&forest->tasks[index]);
    json_t *children = json_array();

    forest->shown[index] = true;
    for (size_t i = 0; i < forest->count && depth < TREE_DEPTH_MAX; i++)
        if (is_child(forest, i, &forest->tasks[index]))
            json_array_append_new(children, json_from(forest, i, depth + 1));
    json_object_set_new(object, "children", children);
    return object;
}

int cli_tree(int argc, char **argv)
{
    struct look_options options;
    struct vt_guest *guest;
    struct vt_task *tasks;
    size_t count;
    bool last[TREE_DEPTH_MAX] = {false};

    cli_parse_look(argc, argv, "Show the processes and threads of a running machine as a tree.",
                   &options);
    struct vt_error *error = cli_look_at(&options, &guest);
    if (error)
        return cli_fail(error);
    error = vt_guest_tasks(guest, &tasks, &count);
    vt_guest_detach(guest);
    if (error)
        return cli_fail(error);
    struct forest forest = {.tasks = tasks,
                            .count = count,
                            .shown = calloc(count + 1, sizeof(bool)),
                            .unicode = summary_style_for(stdout).unicode};
    json_t *roots = options.json ? json_array() : NULL;

    for (size_t i = 0; forest.shown && i < count; i++) {
        if (forest.shown[i] || tasks[i].idle || has_parent(&forest, &tasks[i]))
            continue;
        if (roots)
            json_array_append_new(roots, json_from(&forest, i, 0));
        else
            print_from(&forest, i, 0, last);
    }
    if (roots) {
        json_dumpf(roots, stdout, JSON_INDENT(1) | JSON_ENSURE_ASCII);
        putchar('\n');
        json_decref(roots);
    }
    free(forest.shown);
    free(tasks);
    return 0;
}
