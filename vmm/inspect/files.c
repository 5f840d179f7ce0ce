/*
 * vmm/inspect/files.c - open files: descriptor tables, what kind of file lies behind a descriptor.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/inspect/files.h"
#include "vmm/inspect/objects.h"

/* st_mode and device numbers of Linux */
#define MODE_TYPE      0170000u
#define MODE_FIFO      0010000u
#define MODE_CHARACTER 0020000u
#define MODE_DIRECTORY 0040000u
#define MODE_BLOCK     0060000u
#define MODE_REGULAR   0100000u
#define MODE_SOCKET    0140000u
#define MAJOR_TTY      4u
#define MAJOR_TTYAUX   5u
#define MAJOR_PTS      136u

#define TASK_FIELDS(F) F(files, "files")
LAYOUT(task_layout, TASK_FIELDS);

struct vt_error *guest_files_init(const struct vt_guest *guest, struct guest_files *ret)
{
    struct vt_error *error = guest_paths_init(guest, &ret->paths);

    if (!error)
        error = LAYOUT_FIND(guest, &ret->table, "file_table", 3, GUEST_TABLE_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &ret->pipe, "pipe", 0, GUEST_PIPE_FIELDS);
    return error;
}

static enum vt_file_kind kind_of(const char *word, uint32_t mode, uint32_t node, uint64_t object)
{
    static const struct {
        const char *word;
        enum vt_file_kind kind;
    } words[] = {
        {"anon_inode:[eventfd]", VT_FILE_EVENTFD}, {"anon_inode:[eventpoll]", VT_FILE_EPOLL},
        {"anon_inode:[timerfd]", VT_FILE_TIMERFD}, {"anon_inode:[signalfd]", VT_FILE_SIGNALFD},
        {"anon_inode:inotify", VT_FILE_INOTIFY},   {"socket", VT_FILE_SOCKET},
    };
    uint32_t major = node >> 8;

    /* The kernel's standard streams have a small number where a pipe has its address. */
    if (strcmp(word, "pipe") == 0)
        return object < CHANNEL_COUNT ? VT_FILE_STREAM : VT_FILE_PIPE;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(word, words[i].word) == 0)
            return words[i].kind;
    switch (mode & MODE_TYPE) {
    case MODE_REGULAR:
        return VT_FILE_REGULAR;
    case MODE_DIRECTORY:
        return VT_FILE_DIRECTORY;
    case MODE_FIFO:
        return VT_FILE_PIPE;
    case MODE_SOCKET:
        return VT_FILE_SOCKET;
    case MODE_BLOCK:
        return VT_FILE_DEVICE;
    case MODE_CHARACTER:
        return major == MAJOR_TTY || major == MAJOR_TTYAUX || major == MAJOR_PTS ? VT_FILE_TTY
                                                                                 : VT_FILE_DEVICE;
    default:
        return VT_FILE_OTHER;
    }
}

void guest_file_read(struct guest_files *files, uint64_t address, struct vt_file *ret)
{
    struct guest_paths *paths = &files->paths;
    struct guest_loads *loads = &paths->loads;
    uint64_t operations = guest_load(loads, address, paths->file.operations);
    uint64_t inode = guest_load(loads, address, paths->file.inode);
    uint64_t filesystem = guest_load(loads, inode, paths->inode.filesystem);
    uint32_t node = (uint32_t)guest_load(loads, inode, paths->inode.device);
    char word[64];

    guest_file_kind(paths, operations, word, sizeof(word));
    *ret = (struct vt_file){
        .flags = (uint32_t)guest_load(loads, address, paths->file.flags),
        .references = (uint32_t)guest_load(loads, address, paths->file.references),
        .address = address,
        .object = guest_load(loads, address, paths->file.private_data),
        .inode = guest_load(loads, inode, paths->inode.number),
        .inode_address = inode,
        .bytes = guest_load(loads, inode, paths->inode.bytes),
        .mode = (uint32_t)guest_load(loads, inode, paths->inode.mode),
        .device = (uint32_t)guest_load(loads, filesystem, paths->filesystem.device),
    };
    if (guest_load(loads, operations, paths->operations.seek))
        ret->position = guest_load(loads, address, paths->file.position);
    ret->kind = kind_of(word, ret->mode, node, ret->object);
    if (ret->kind != VT_FILE_PIPE || !ret->object)
        return;
    ret->pipe_bytes = (uint32_t)(guest_load(loads, ret->object, files->pipe.head) -
                                 guest_load(loads, ret->object, files->pipe.tail));
    ret->pipe_capacity = (uint32_t)guest_load(loads, ret->object, files->pipe.capacity);
    ret->pipe_readers = (uint32_t)guest_load(loads, ret->object, files->pipe.readers);
    ret->pipe_writers = (uint32_t)guest_load(loads, ret->object, files->pipe.writers);
}

static uint64_t load_word(struct guest_loads *loads, uint64_t array, uint64_t index)
{
    uint64_t word = 0;

    guest_load_bytes(loads, array + index * sizeof(word), &word, sizeof(word));
    return word;
}

struct vt_error *guest_table_walk(struct guest_files *files, uint64_t table,
                                  guest_visit_file *visit, void *context)
{
    struct guest_loads *loads = &files->paths.loads;
    uint64_t capacity = guest_load(loads, table, files->table.capacity);
    uint64_t array = guest_load(loads, table, files->table.files);
    uint64_t open = guest_load(loads, table, files->table.open);
    uint64_t marked = guest_load(loads, table, files->table.close_on_exec);
    struct vt_error *error = NULL;

    if (!loads->failed && (capacity > FILE_TABLE_MAX || capacity % 64))
        return vt_error_create(VT_ERROR_CORRUPT, "a table of the guest would hold %lu descriptors",
                               (unsigned long)capacity);
    for (uint64_t i = 0; i < capacity / 64 && !loads->failed && !error; i++) {
        uint64_t bits = load_word(loads, open, i);
        uint64_t close_bits = bits && files->table.close_on_exec ? load_word(loads, marked, i) : 0;

        for (; bits && !loads->failed && !error; bits &= bits - 1) {
            unsigned bit = (unsigned)__builtin_ctzll(bits);
            uint64_t file = load_word(loads, array, i * 64 + bit);

            if (!loads->failed)
                error = visit(context, (int32_t)(i * 64 + bit), file, close_bits >> bit & 1);
        }
    }
    return error ? error : guest_loads_error(loads, "a table of descriptors");
}

/* ---- the files of one task ---- */

struct file_walk {
    const struct vt_task *task;
    struct guest_files files;
    struct task_layout task_layout;
    struct guest_list *list;
    struct guest_place root;
    uint8_t *copy;
};

static struct vt_error *visit_file(void *context, int32_t fd, uint64_t address, bool close_on_exec)
{
    struct file_walk *walk = context;
    struct guest_paths *paths = &walk->files.paths;
    const char *name = guest_file_name(paths, address, walk->root, walk->list);
    struct vt_file *file = guest_list_add(walk->list);

    if (!file)
        return NULL;
    guest_file_read(&walk->files, address, file);
    file->fd = fd;
    file->close_on_exec = close_on_exec;
    file->name = name;
    /* Positions and what is in a pipe may move: each is one moment's. */
    const uint64_t proof[] = {(uint64_t)fd, close_on_exec, address,
                              file->kind,   file->object,  file->inode};
    for (size_t i = 0; i < sizeof(proof) / sizeof(proof[0]); i++)
        guest_list_prove(walk->list, proof[i]);
    return guest_loads_error(&paths->loads, "an open file");
}

static struct vt_error *walk_files(struct vt_guest *guest, void *context, struct guest_list *list)
{
    struct file_walk *walk = context;
    uint64_t id;

    guest_paths_begin(&walk->files.paths);
    walk->list = list;
    struct vt_error *error =
        guest_object_read(guest, walk->task_layout.type, walk->task->address, walk->copy, &id);
    if (error)
        return error;
    if (id != walk->task->id)
        return vt_error_create(VT_ERROR_NOT_FOUND, "task %d (%.16s) has ended", walk->task->tid,
                               walk->task->comm);
    uint64_t table = guest_field_value(walk->task_layout.files, walk->copy);
    if (!table)
        return vt_error_create(VT_ERROR_NOT_FOUND, "task %d (%.16s) has no open files",
                               walk->task->tid, walk->task->comm);
    guest_list_prove(list, table);
    walk->root = guest_task_root(&walk->files.paths.loads, walk->task->address);
    return guest_table_walk(&walk->files, table, visit_file, walk);
}

struct vt_error *vt_guest_files(struct vt_guest *guest, const struct vt_task *task,
                                struct vt_file **ret_files, size_t *ret_count)
{
    const struct guest_listing listing = {
        .what = "the list of open files",
        .item_bytes = sizeof(struct vt_file),
        .text_at = {offsetof(struct vt_file, name)},
        .text_count = 1,
        .walk = walk_files,
    };
    struct file_walk walk = {.task = task};
    void *files;
    struct vt_error *error = guest_require_ready(guest);

    if (!error)
        error = guest_files_init(guest, &walk.files);
    if (!error)
        error = LAYOUT_FIND(guest, &walk.task_layout, "task", 1, TASK_FIELDS);
    if (error)
        return error;
    walk.copy = malloc(walk.task_layout.type->size);
    if (!walk.copy)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for a copy of a task");
    error = guest_settle(guest, &listing, &walk, &files, ret_count);
    free(walk.copy);
    if (!error)
        *ret_files = files;
    return error;
}
