/*
 * vmm/inspect/contexts.c - see contexts.h.
 */
#include <stdlib.h>
#include <string.h>

#include "vmm/inspect/contexts.h"
#include "vmm/inspect/objects.h"

struct context_layout {
    const struct glass_field *arch, *kernel_rsp, *stack_top, *fs_base, *gs_base, *fpu;
};

static uint64_t arch_value(const struct context_layout *layout, const struct glass_field *field,
                           const uint8_t *copy, uint32_t task_bytes)
{
    if (!layout->arch || !field || layout->arch->offset + field->offset + field->size > task_bytes)
        return 0;
    return guest_field_value(field, copy + layout->arch->offset);
}

/* Contexts by object id, to be found without looking at all of them. */
struct by_id {
    uint64_t id;
    struct guest_context *context;
};

static int compare_ids(const void *a, const void *b)
{
    const struct by_id *left = a, *right = b;

    return left->id < right->id ? -1 : left->id > right->id;
}

static struct by_id *index_by_id(struct guest_context *contexts, size_t count)
{
    struct by_id *index = calloc(count + 1, sizeof(*index));

    for (size_t i = 0; index && i < count; i++)
        index[i] = (struct by_id){.id = contexts[i].task.id, .context = &contexts[i]};
    if (index)
        qsort(index, count, sizeof(*index), compare_ids);
    return index;
}

static struct vt_error *add_places(struct vt_guest *guest, struct guest_context *contexts,
                                   size_t count)
{
    struct guest_slots slots;
    struct vt_error *error = guest_slots_open(guest, guest->tasks, "task", &slots);

    if (error)
        return error;
    const struct glass_type *arch = guest_type_find(guest, "arch_task");
    const struct context_layout layout = {
        .arch = guest_field_find(guest, slots.type, "arch"),
        .kernel_rsp = guest_field_find(guest, arch, "kernel_rsp"),
        .stack_top = guest_field_find(guest, arch, "stack_top"),
        .fs_base = guest_field_find(guest, arch, "fs_base"),
        .gs_base = guest_field_find(guest, arch, "gs_base"),
        .fpu = guest_field_find(guest, arch, "fpu"),
    };
    uint8_t *copy = malloc(slots.type->size);
    struct by_id *index = index_by_id(contexts, count);
    if (!copy || !index)
        error = vt_error_create(VT_ERROR_MEMORY, "out of memory for copies of %zu tasks", count);
    for (uint32_t i = 0; i < slots.high_water && !error; i++) {
        uint64_t id = 0;
        uint32_t bytes = slots.type->size;

        error = guest_slots_read(guest, &slots, i, copy, &id);
        const struct by_id key = {.id = id};
        const struct by_id *found =
            error || !id ? NULL : bsearch(&key, index, count, sizeof(*index), compare_ids);
        if (!found)
            continue;
        struct guest_context *context = found->context;
        context->address = GUEST_LOAD(&slots.table->chunks[i / slots.slots_per_chunk]) +
                           (uint64_t)(i % slots.slots_per_chunk) * slots.stride;
        context->kernel_rsp = arch_value(&layout, layout.kernel_rsp, copy, bytes);
        context->stack_top = arch_value(&layout, layout.stack_top, copy, bytes);
        context->fs_base = arch_value(&layout, layout.fs_base, copy, bytes);
        context->gs_base = arch_value(&layout, layout.gs_base, copy, bytes);
        context->fpu = arch_value(&layout, layout.fpu, copy, bytes);
    }
    free(copy);
    free(index);
    return error;
}

struct vt_error *guest_contexts(struct vt_guest *guest, struct guest_context **ret,
                                size_t *ret_count)
{
    struct vt_task *tasks;
    size_t count;
    struct vt_error *error = vt_guest_tasks(guest, &tasks, &count);

    if (error)
        return error;
    struct guest_context *contexts = calloc(count + 1, sizeof(*contexts));
    if (!contexts) {
        free(tasks);
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for %zu tasks", count);
    }
    for (size_t i = 0; i < count; i++)
        contexts[i].task = tasks[i];
    free(tasks);
    error = add_places(guest, contexts, count);
    if (error) {
        free(contexts);
        return error;
    }
    *ret = contexts;
    *ret_count = count;
    return NULL;
}

static int keep_page(void *context, const struct vt_page *page)
{
    *(struct vt_page *)context = *page;
    return 1;
}

struct vt_error *guest_find_page(struct vt_guest *guest, uint64_t page_table, uint64_t address,
                                 struct vt_page *ret)
{
    struct vt_page page = {0};
    struct vt_error *error = guest_require_ready(guest);

    if (error)
        return error;
    if (address >= GUEST_KERNEL_HALF)
        page_table = GUEST_LOAD(&guest->glass->kernel_page_table);
    if (!page_table)
        return vt_error_create(VT_ERROR_NOT_FOUND, "no address space has anything at %#lx",
                               (unsigned long)address);
    error = vt_guest_walk_pages(guest, page_table, address, address + 1, keep_page, &page);
    if (!error && !page.bytes)
        error = vt_error_create(VT_ERROR_NOT_FOUND, "no page is mapped at %#lx",
                                (unsigned long)address);
    if (!error)
        *ret = page;
    return error;
}

struct vt_error *guest_read_virtual(struct vt_guest *guest, uint64_t page_table, uint64_t address,
                                    void *buffer, size_t bytes, size_t *ret_bytes)
{
    uint8_t *to = buffer;
    size_t done = 0;
    struct vt_error *error = NULL;

    while (done < bytes && !error) {
        struct vt_page page;

        error = guest_find_page(guest, page_table, address + done, &page);
        if (error)
            break;
        uint64_t inside = (address + done) & (page.bytes - 1);
        size_t part = page.bytes - inside < bytes - done ? page.bytes - inside : bytes - done;
        error = vt_guest_read_phys(guest, page.phys + inside, to + done, part);
        if (!error)
            done += part;
    }
    *ret_bytes = done;
    if (done == 0)
        return error;
    vt_error_destroy(error);
    return NULL;
}
