/*
 * vmm/inspect/spaces.c - address spaces and their mappings.
 *
 * The kernel raises an address space's version around every change of its mappings, so the version
 * is part of the proof; what it does without (a stack that grows) changes one word at a time.
 */
#include <stddef.h>
#include <stdlib.h>

#include "vmm/inspect/objects.h"
#include "vmm/inspect/paths.h"
#include "vmm/inspect/walk.h"

#define USER_END (1ull << 47)

#define SPACE_FIELDS(F)                                                                            \
    F(root, "root")                                                                                \
    F(vmas, "vmas")                                                                                \
    F(vma_count, "vma_count")                                                                      \
    F(cpu_mask, "cpu_mask")                                                                        \
    F(mmap_top, "mmap_top")                                                                        \
    F(brk_start, "brk_start")                                                                      \
    F(brk_end, "brk_end")                                                                          \
    F(stack_top, "stack_top")                                                                      \
    F(stack_limit_bytes, "stack_limit_bytes")                                                      \
    F(code_start, "code_start")                                                                    \
    F(code_end, "code_end")                                                                        \
    F(argument_start, "argument_start")                                                            \
    F(argument_end, "argument_end")                                                                \
    F(environment_start, "environment_start")                                                      \
    F(environment_end, "environment_end")                                                          \
    F(mapped_pages, "mapped_pages")                                                                \
    F(data_pages, "data_pages")                                                                    \
    F(anonymous_pages, "anonymous_pages")                                                          \
    F(file_pages, "file_pages")                                                                    \
    F(table_pages, "table_pages") F(max_resident, "max_resident") F(locked_pages, "locked_pages")
LAYOUT(space_layout, SPACE_FIELDS);

#define VMA_FIELDS(F)                                                                              \
    F(node, "node")                                                                                \
    F(start, "start")                                                                              \
    F(end, "end")                                                                                  \
    F(flags, "flags")                                                                              \
    F(file, "file")                                                                                \
    F(file_offset, "file_offset")                                                                  \
    F(file_bytes, "file_bytes") F(max_protection, "max_protection")
LAYOUT(vma_layout, VMA_FIELDS);

#define TASK_FIELDS(F) F(address_space, "address_space")
LAYOUT(task_layout, TASK_FIELDS);

/* ---- address spaces ---- */

static struct vt_address_space decode_space(const struct vt_guest *guest,
                                            const struct space_layout *layout, uint64_t id,
                                            uint64_t address, const uint8_t *copy)
{
#define VALUE(field) guest_field_value(layout->field, copy)
    return (struct vt_address_space){
        .id = id,
        .address = address,
        .page_table = VALUE(root),
        .references = guest_object_header(guest, layout->type, copy).references,
        .vma_count = (uint32_t)VALUE(vma_count),
        .cpu_mask = VALUE(cpu_mask),
        .mmap_top = VALUE(mmap_top),
        .brk_start = VALUE(brk_start),
        .brk_end = VALUE(brk_end),
        .stack_top = VALUE(stack_top),
        .stack_limit_bytes = VALUE(stack_limit_bytes),
        .code_start = VALUE(code_start),
        .code_end = VALUE(code_end),
        .argument_start = VALUE(argument_start),
        .argument_end = VALUE(argument_end),
        .environment_start = VALUE(environment_start),
        .environment_end = VALUE(environment_end),
        .mapped_pages = VALUE(mapped_pages),
        .data_pages = VALUE(data_pages),
        .anonymous_pages = VALUE(anonymous_pages),
        .file_pages = VALUE(file_pages),
        .table_pages = VALUE(table_pages),
        .max_resident = VALUE(max_resident),
        .locked_pages = VALUE(locked_pages),
    };
#undef VALUE
}

struct vt_error *vt_guest_address_spaces(struct vt_guest *guest,
                                         struct vt_address_space **ret_spaces, size_t *ret_count)
{
    struct guest_list list = {.item_bytes = sizeof(struct vt_address_space)};
    struct guest_slots slots;
    struct space_layout layout;
    uint8_t *copy = NULL;
    struct vt_error *error = guest_require_ready(guest);

    if (!error)
        error = guest_slots_open(guest, guest->address_spaces, "address_space", &slots);
    if (!error)
        error = LAYOUT_FIND(guest, &layout, "address_space", 1, SPACE_FIELDS);
    if (error)
        return error;
    copy = malloc(slots.type->size);
    for (uint32_t i = 0; copy && i < slots.high_water && !error && !list.out_of_memory; i++) {
        uint64_t id;

        error = guest_slots_read(guest, &slots, i, copy, &id);
        if (error || !id)
            continue;
        struct vt_address_space *space = guest_list_add(&list);
        if (space)
            *space = decode_space(guest, &layout, id, guest_slots_address(&slots, i), copy);
    }
    if (!error && (!copy || list.out_of_memory))
        error = vt_error_create(VT_ERROR_MEMORY, "out of memory for the guest's address spaces");
    free(copy);
    if (error) {
        free(list.items);
        return error;
    }
    *ret_spaces = (struct vt_address_space *)list.items;
    *ret_count = list.count;
    return NULL;
}

/* ---- mappings ---- */

struct vma_walk {
    const struct vt_task *task;           /* one of the two ... */
    const struct vt_address_space *space; /* ... says whose */
    struct space_layout space_layout;
    struct vma_layout layout;
    struct task_layout task_layout;
    const struct glass_type *task_type;
    struct guest_paths paths;
    struct guest_list *list;
    struct guest_place root; /* directory from which paths are told */
    uint64_t last_end;
    uint64_t named_file; /* neighbours often show the same file */
    const char *name;
    uint8_t *copy;
};

static void name_vma(struct vma_walk *walk, struct vt_vma *vma)
{
    struct guest_paths *paths = &walk->paths;

    if (!vma->file) {
        const char *name = vma->flags & VMA_HEAP    ? "[heap]"
                           : vma->flags & VMA_STACK ? "[stack]"
                                                    : NULL;

        if (name)
            vma->name = guest_safe_text(walk->list, name, vma->flags & VMA_HEAP ? 6 : 7);
        return;
    }
    uint64_t inode = guest_load(&paths->loads, vma->file, paths->file.inode);
    uint64_t filesystem = guest_load(&paths->loads, inode, paths->inode.filesystem);
    vma->inode = guest_load(&paths->loads, inode, paths->inode.number);
    vma->device = (uint32_t)guest_load(&paths->loads, filesystem, paths->filesystem.device);
    if (vma->file != walk->named_file) {
        static const char shared[] = "/dev/zero (deleted)"; /* shared memory without a file */
        struct guest_place place = guest_file_place(paths, vma->file);

        walk->name = place.dentry ? guest_place_path(paths, place, walk->root, walk->list)
                                  : guest_safe_text(walk->list, shared, sizeof(shared) - 1);
        walk->named_file = vma->file;
    }
    vma->name = walk->name;
}

static struct vt_error *visit_vma(void *context, uint64_t node)
{
    struct vma_walk *walk = context;
    struct guest_loads *loads = &walk->paths.loads;
    const struct vma_layout *layout = &walk->layout;
    uint64_t address = node - layout->node->offset;
    struct vt_vma *vma = guest_list_add(walk->list);

    if (!vma)
        return NULL;
    vma->start = guest_load(loads, address, layout->start);
    vma->end = guest_load(loads, address, layout->end);
    vma->flags = (uint32_t)guest_load(loads, address, layout->flags);
    vma->max_protection = (uint32_t)guest_load(loads, address, layout->max_protection);
    vma->file = guest_load(loads, address, layout->file);
    if (vma->file) {
        vma->file_offset = guest_load(loads, address, layout->file_offset);
        vma->file_bytes = guest_load(loads, address, layout->file_bytes);
    }
    if (!loads->failed && (vma->start >= vma->end || vma->start < walk->last_end ||
                           vma->end > USER_END || (vma->start | vma->end) % 4096))
        return vt_error_create(
            VT_ERROR_CORRUPT,
            "a mapping of the guest would be %#lx-%#lx, after one that ends at %#lx",
            (unsigned long)vma->start, (unsigned long)vma->end, (unsigned long)walk->last_end);
    walk->last_end = vma->end;
    name_vma(walk, vma);
    const uint64_t proof[] = {vma->start, vma->end,         vma->flags,
                              vma->file,  vma->file_offset, vma->inode};
    for (size_t i = 0; i < sizeof(proof) / sizeof(proof[0]); i++)
        guest_list_prove(walk->list, proof[i]);
    return guest_loads_error(loads, "a mapping");
}

/* The address of the space to walk. */
static struct vt_error *find_space(struct vt_guest *guest, struct vma_walk *walk, uint64_t *ret)
{
    uint64_t id;

    walk->root = (struct guest_place){0, 0};
    if (walk->space) {
        *ret = walk->space->address;
        return NULL;
    }
    struct vt_error *error =
        guest_object_read(guest, walk->task_type, walk->task->address, walk->copy, &id);
    if (error)
        return error;
    if (id != walk->task->id)
        return vt_error_create(VT_ERROR_NOT_FOUND, "task %d (%.16s) has ended", walk->task->tid,
                               walk->task->comm);
    *ret = guest_field_value(walk->task_layout.address_space, walk->copy);
    if (!*ret)
        return vt_error_create(VT_ERROR_NOT_FOUND, "task %d (%.16s) has no address space",
                               walk->task->tid, walk->task->comm);
    walk->root = guest_task_root(&walk->paths.loads, walk->task->address);
    return NULL;
}

static struct vt_error *walk_vmas(struct vt_guest *guest, void *context, struct guest_list *list)
{
    struct vma_walk *walk = context;
    uint64_t address = 0, id = 0;

    guest_paths_begin(&walk->paths);
    walk->list = list;
    walk->last_end = walk->named_file = 0;
    struct vt_error *error = find_space(guest, walk, &address);
    if (!error)
        error = guest_object_read(guest, walk->space_layout.type, address, walk->copy, &id);
    if (error)
        return error;
    if (walk->space && id != walk->space->id)
        return vt_error_create(VT_ERROR_NOT_FOUND, "address space %lu has gone",
                               (unsigned long)walk->space->id);
    guest_list_prove(list, id);
    guest_list_prove(list, guest_object_header(guest, walk->space_layout.type, walk->copy).version);
    return guest_tree_walk(guest, address + walk->space_layout.vmas->offset, VMAS_MAX,
                           "the tree of mappings", visit_vma, walk);
}

static struct vt_error *read_vmas(struct vt_guest *guest, struct vma_walk *walk,
                                  struct vt_vma **ret_vmas, size_t *ret_count)
{
    const struct guest_listing listing = {
        .what = "the list of mappings",
        .item_bytes = sizeof(struct vt_vma),
        .text_at = {offsetof(struct vt_vma, name)},
        .text_count = 1,
        .walk = walk_vmas,
    };
    void *vmas;
    struct vt_error *error = guest_require_ready(guest);

    if (!error)
        error = guest_paths_init(guest, &walk->paths);
    if (!error)
        error = LAYOUT_FIND(guest, &walk->space_layout, "address_space", 2, SPACE_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk->layout, "vma", 4, VMA_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &walk->task_layout, "task", 1, TASK_FIELDS);
    if (error)
        return error;
    walk->task_type = walk->task_layout.type;
    uint32_t task_bytes = walk->task_type->size, space_bytes = walk->space_layout.type->size;
    walk->copy = malloc(task_bytes > space_bytes ? task_bytes : space_bytes);
    if (!walk->copy)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for a copy of the guest's objects");
    error = guest_settle(guest, &listing, walk, &vmas, ret_count);
    free(walk->copy);
    if (!error)
        *ret_vmas = vmas;
    return error;
}

struct vt_error *vt_guest_vmas(struct vt_guest *guest, const struct vt_task *task,
                               struct vt_vma **ret_vmas, size_t *ret_count)
{
    struct vma_walk walk = {.task = task};

    return read_vmas(guest, &walk, ret_vmas, ret_count);
}

struct vt_error *vt_guest_space_vmas(struct vt_guest *guest, const struct vt_address_space *space,
                                     struct vt_vma **ret_vmas, size_t *ret_count)
{
    struct vma_walk walk = {.space = space};

    return read_vmas(guest, &walk, ret_vmas, ret_count);
}
