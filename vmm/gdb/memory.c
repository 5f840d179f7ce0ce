/*
 * vmm/gdb/memory.c - memory as the selected task sees it: the lower half through its page tables,
 * the upper half through the kernel's.
 *
 * Writing into a page that several processes share would change all of them, behind the kernel's
 * back: a private page is written only when the task could write it itself, or holds the frame
 * alone. The kernel's own pages are written whatever their protection.
 */
#include <string.h>

#include "vmm/gdb/client.h"

size_t gdb_memory_read(struct gdb_client *client, uint64_t address, void *buffer, size_t bytes)
{
    const struct gdb_thread *thread = gdb_thread_selected(client);
    size_t done = 0;

    vt_error_destroy(guest_read_virtual(client->target->guest,
                                        thread ? thread->context.task.page_table : 0, address,
                                        buffer, bytes, &done));
    return done;
}

static struct vt_error *check_private(struct gdb_client *client, const struct vt_page *page,
                                      uint64_t address)
{
    struct vt_frame frame;
    struct vt_error *error;

    if (address >= GUEST_KERNEL_HALF || page->writable)
        return NULL;
    error =
        vt_guest_frame(client->target->guest, page->phys + (address & (page->bytes - 1)), &frame);
    if (error)
        return error;
    if (frame.references == 1 && strcmp(vt_frame_kind_name(frame.kind), "anonymous") == 0)
        return NULL;
    return vt_error_create(VT_ERROR_DENIED,
                           "the page at %#lx is shared (%s frame, %u holders): writing there would "
                           "change every process that has it; breakpoints need no writing",
                           (unsigned long)address, vt_frame_kind_name(frame.kind),
                           frame.references);
}

struct vt_error *gdb_memory_write(struct gdb_client *client, uint64_t address, const void *data,
                                  size_t bytes)
{
    const struct gdb_thread *thread = gdb_thread_selected(client);
    const uint8_t *from = data;
    struct vt_error *error = NULL;

    while (bytes > 0 && !error) {
        struct vt_page page;

        error = guest_find_page(client->target->guest, thread ? thread->context.task.page_table : 0,
                                address, &page);
        if (!error)
            error = check_private(client, &page, address);
        if (error)
            break;
        uint64_t inside = address & (page.bytes - 1);
        size_t part = page.bytes - inside < bytes ? page.bytes - inside : bytes;
        error = machine_debug_write(client->target->machine, page.phys + inside, from, part);
        from += part;
        address += part;
        bytes -= part;
    }
    return error;
}
