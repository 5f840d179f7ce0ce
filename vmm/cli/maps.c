/*
 * vmm/cli/maps.c - `vitrine maps`: what a process has mapped, line by line as /proc/PID/maps shows
 * it inside.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/json.h"

#define NAME_COLUMN 73 /* as in proc(5) */

static void rights(const struct vt_vma *vma, char text[5])
{
    text[0] = vma->flags & VMA_READ ? 'r' : '-';
    text[1] = vma->flags & VMA_WRITE ? 'w' : '-';
    text[2] = vma->flags & VMA_EXECUTE ? 'x' : '-';
    text[3] = vma->flags & VMA_SHARED ? 's' : 'p';
    text[4] = '\0';
}

static void print_vma(const struct vt_vma *vma)
{
    char text[5];

    rights(vma, text);
    int written =
        printf("%08" PRIx64 "-%08" PRIx64 " %s %08" PRIx64 " %02x:%02x %" PRIu64 " ", vma->start,
               vma->end, text, vma->file_offset, vma->device >> 8, vma->device & 0xff, vma->inode);
    if (vma->name)
        printf("%*s%s", written < NAME_COLUMN ? NAME_COLUMN - written : 0, "", vma->name);
    putchar('\n');
}

static json_t *vma_json(const struct vt_vma *vma)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {{VMA_STACK, "stack"},           {VMA_HEAP, "heap"},
                 {VMA_GROWS_DOWN, "grows-down"}, {VMA_LOCKED, "locked"},
                 {VMA_DONT_FORK, "dont-fork"},   {VMA_WIPE_ON_FORK, "wipe-on-fork"}};
    json_t *flags = json_array();
    char text[5];

    rights(vma, text);
    json_array_append_new(flags, json_string(vma->flags & VMA_SHARED ? "shared" : "private"));
    json_array_append_new(flags, json_string(vma->file ? "file" : "anonymous"));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (vma->flags & names[i].flag)
            json_array_append_new(flags, json_string(names[i].name));
    return json_pack("{s:o,s:o,s:s,s:o,s:o,s:I,s:i,s:o}", "start", json_address(vma->start), "end",
                     json_address(vma->end), "protection", text, "flags", flags, "offset",
                     json_word(vma->file_offset), "inode", (json_int_t)vma->inode, "device",
                     (int)vma->device, "name", json_text(vma->name));
}

static struct vt_error *show(struct vt_guest *guest, const struct vt_task *task, bool heading,
                             json_t *list)
{
    struct vt_vma *vmas;
    size_t count;
    struct vt_error *error = vt_guest_vmas(guest, task, &vmas, &count);

    if (error)
        return error;
    if (list) {
        json_t *mappings = json_array();

        for (size_t i = 0; i < count; i++)
            json_array_append_new(mappings, vma_json(&vmas[i]));
        json_array_append_new(list, json_pack("{s:i,s:i,s:s,s:o}", "pid", task->pid, "tid",
                                              task->tid, "comm", task->comm, "maps", mappings));
    } else {
        if (heading)
            printf("%d %s\n", task->tid, task->comm);
        for (size_t i = 0; i < count; i++)
            print_vma(&vmas[i]);
    }
    free(vmas);
    return NULL;
}

int cli_maps(int argc, char **argv)
{
    struct look_options options;

    cli_parse_look_at(argc, argv,
                      "Show what a process of a running machine has mapped, read from the kernel's "
                      "memory, in the format of /proc/PID/maps. Without a PID: every process.",
                      &options);
    return cli_each_task(&options, show);
}
