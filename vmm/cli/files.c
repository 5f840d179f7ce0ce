/*
 * vmm/cli/files.c - `vitrine files`: every open file of a process by name, as ls -l /proc/PID/fd
 * shows it inside.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/json.h"

/* O_* of Linux */
#define ACCESS_MODE 3u
#define APPEND      02000u
#define NONBLOCK    04000u
#define PATH_ONLY   010000000u

static void flags_text(const struct vt_file *file, char text[6])
{
    static const char *const access[] = {"r-", "-w", "rw", "--"};
    const char *rights = file->flags & PATH_ONLY ? "--" : access[file->flags & ACCESS_MODE];

    text[0] = rights[0];
    text[1] = rights[1];
    text[2] = file->flags & APPEND ? 'a' : '-';
    text[3] = file->flags & NONBLOCK ? 'n' : '-';
    text[4] = file->close_on_exec ? 'c' : '-';
    text[5] = '\0';
}

static void print(const struct vt_file *file)
{
    char flags[6];

    flags_text(file, flags);
    printf("%5d %-9s %s %10" PRIu64 " %4u %s", file->fd, vt_file_kind_name(file->kind), flags,
           file->position, file->references, file->name ? file->name : "?");
    if (file->kind == VT_FILE_PIPE)
        printf("  (%u of %u bytes, %u readers, %u writers)", file->pipe_bytes, file->pipe_capacity,
               file->pipe_readers, file->pipe_writers);
    putchar('\n');
}

static json_t *file_json(const struct vt_file *file)
{
    json_t *result = json_pack("{s:i,s:s,s:o,s:o,s:b,s:o,s:i,s:o,s:i,s:o}", "fd", file->fd, "kind",
                               vt_file_kind_name(file->kind), "name", json_text(file->name),
                               "flags", json_sprintf("%#o", file->flags), "close_on_exec",
                               file->close_on_exec, "position", json_word(file->position),
                               "references", (int)file->references, "inode", json_word(file->inode),
                               "device", (int)file->device, "file", json_address(file->address));

    if (file->kind == VT_FILE_PIPE)
        json_object_set_new(result, "pipe",
                            json_pack("{s:I,s:I,s:I,s:I}", "bytes", (json_int_t)file->pipe_bytes,
                                      "capacity", (json_int_t)file->pipe_capacity, "readers",
                                      (json_int_t)file->pipe_readers, "writers",
                                      (json_int_t)file->pipe_writers));
    return result;
}

static struct vt_error *show(struct vt_guest *guest, const struct vt_task *task, bool heading,
                             json_t *list)
{
    struct vt_file *files;
    size_t count;
    struct vt_error *error = vt_guest_files(guest, task, &files, &count);

    if (error)
        return error;
    if (list) {
        json_t *open = json_array();

        for (size_t i = 0; i < count; i++)
            json_array_append_new(open, file_json(&files[i]));
        json_array_append_new(list, json_pack("{s:i,s:i,s:s,s:o}", "pid", task->pid, "tid",
                                              task->tid, "comm", task->comm, "files", open));
    } else {
        if (heading)
            printf("%d %s\n", task->tid, task->comm);
        printf("   FD KIND      FLAGS   POSITION REFS NAME\n");
        for (size_t i = 0; i < count; i++)
            print(&files[i]);
    }
    free(files);
    return NULL;
}

int cli_files(int argc, char **argv)
{
    struct look_options options;

    cli_parse_look_at(argc, argv,
                      "List the open files of a process of a running machine. FLAGS: r read, w "
                      "write, a append, n nonblocking, c closed by exec. REFS counts who shares "
                      "the open file. Without a PID: every process.",
                      &options);
    return cli_each_task(&options, show);
}
