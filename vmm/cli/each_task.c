/*
 * vmm/cli/each_task.c - showing a part of one task, or of every process of a machine.
 */
#include <stdio.h>
#include <stdlib.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/json.h"

static struct vt_error *show_all(struct vt_guest *guest, cli_show_task *show, json_t *list)
{
    struct vt_task *tasks;
    size_t count;
    struct vt_error *error = vt_guest_tasks(guest, &tasks, &count);

    if (error)
        return error;
    for (size_t i = 0; i < count && !error; i++) {
        if (tasks[i].tid != tasks[i].pid || tasks[i].idle || tasks[i].kernel_thread)
            continue;
        error = show(guest, &tasks[i], true, list);
        if (error && vt_error_code(error) == VT_ERROR_NOT_FOUND) {
            vt_error_destroy(error);
            error = NULL;
        }
    }
    free(tasks);
    return error;
}

static struct vt_error *show_one(struct vt_guest *guest, int32_t pid, cli_show_task *show,
                                 json_t *list)
{
    struct vt_task task;
    struct vt_error *error = vt_guest_task(guest, pid, &task);

    if (error && vt_error_code(error) == VT_ERROR_NOT_FOUND) {
        vt_error_destroy(error);
        return vt_error_create(VT_ERROR_NOT_FOUND,
                               "the machine has no process or thread %d: `vitrine ps` lists them",
                               pid);
    }
    return error ? error : show(guest, &task, false, list);
}

int cli_each_task(const struct look_options *options, cli_show_task *show)
{
    struct vt_guest *guest;
    struct vt_error *error = cli_look_at(options, &guest);

    if (error)
        return cli_fail(error);
    json_t *list = options->json ? json_array() : NULL;
    error = options->pid ? show_one(guest, options->pid, show, list) : show_all(guest, show, list);
    vt_guest_detach(guest);
    if (error) {
        json_decref(list);
        return cli_fail(error);
    }
    if (list)
        json_print(list);
    return 0;
}
