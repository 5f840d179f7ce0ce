/*
 * vmm/inspect/paths.c - from a dentry up to the root, and the kernel's names for files without one.
 */
#include <stdio.h>
#include <string.h>

#include "vmm/inspect/paths.h"

#define LEVELS_MAX (GUEST_PATH_MAX / 2) /* a name and a slash each */
#define STEPS_MAX  (4u << 20)
#define NAME_BYTES 256
#define DELETED    " (deleted)"
#define ANONYMOUS  "anon_inode:" /* such a name is complete */

struct vt_error *guest_paths_init(const struct vt_guest *guest, struct guest_paths *ret)
{
    *ret = (struct guest_paths){.loads.guest = guest};
    struct vt_error *error = LAYOUT_FIND(guest, &ret->dentry, "dentry", 3, GUEST_DENTRY_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &ret->file, "file", 3, GUEST_FILE_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &ret->inode, "inode", 1, GUEST_INODE_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &ret->operations, "file_operations", 0, GUEST_OPERATIONS_FIELDS);
    if (!error)
        error = LAYOUT_FIND(guest, &ret->filesystem, "filesystem", 0, GUEST_FILESYSTEM_FIELDS);
    return error;
}

void guest_paths_begin(struct guest_paths *paths)
{
    paths->loads.failed = false;
    paths->steps_left = STEPS_MAX;
}

/* Length of the UTF-8 character at `bytes` that is no control character; 0 if there is none. */
static size_t printable(const unsigned char *bytes, size_t left)
{
    size_t length = bytes[0] < 0x80   ? 1
                    : bytes[0] < 0xc2 ? 0
                    : bytes[0] < 0xe0 ? 2
                    : bytes[0] < 0xf0 ? 3
                    : bytes[0] < 0xf5 ? 4
                                      : 0;
    uint32_t value = length == 1 ? bytes[0] : bytes[0] & (0x7fu >> length);

    if (!length || length > left)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (bytes[i] & 0x3f);
    }
    bool too_long = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
    bool control = value < 0x20 || (value >= 0x7f && value < 0xa0);
    bool no_character = value > 0x10ffff || (value >= 0xd800 && value < 0xe000);
    return too_long || control || no_character ? 0 : length;
}

const char *guest_safe_text(struct guest_list *list, const char *bytes, size_t length)
{
    char safe[4 * GUEST_PATH_MAX + 64];
    size_t used = 0;

    for (size_t i = 0; i < length && used + 8 < sizeof(safe);) {
        size_t count = printable((const unsigned char *)bytes + i, length - i);

        if (count) {
            memcpy(safe + used, bytes + i, count);
            used += count;
            i += count;
        } else {
            used += (size_t)snprintf(safe + used, 5, "\\%03o", (unsigned char)bytes[i]);
            i++;
        }
    }
    return guest_list_text(list, safe, used);
}

/* Text that grows towards the front. */
struct front {
    char bytes[GUEST_PATH_MAX];
    size_t start;
};

static void prepend(struct front *text, const char *bytes, size_t length)
{
    if (length > text->start) { /* the end of a path says more than its beginning */
        bytes += length - text->start;
        length = text->start;
    }
    text->start -= length;
    memcpy(text->bytes + text->start, bytes, length);
}

static void prepend_name(struct guest_paths *paths, uint64_t dentry, struct front *text)
{
    char name[NAME_BYTES];
    uint64_t length = guest_load(&paths->loads, dentry, paths->dentry.name_length);
    uint64_t from = guest_load(&paths->loads, dentry, paths->dentry.name);

    if (length >= sizeof(name))
        length = sizeof(name) - 1;
    if (guest_load_bytes(&paths->loads, from, name, length))
        prepend(text, name, length);
}

const char *guest_dentry_path(struct guest_paths *paths, uint64_t dentry, uint64_t root,
                              struct guest_list *list)
{
    struct guest_loads *loads = &paths->loads;
    struct front text = {.start = GUEST_PATH_MAX};
    uint64_t at = dentry;
    size_t end = text.start;

    if (guest_load(loads, dentry, paths->dentry.deleted)) {
        prepend(&text, DELETED, sizeof(DELETED) - 1);
        end = text.start;
    }
    for (unsigned level = 0; at != root && !loads->failed; level++) {
        uint64_t up = guest_load(loads, at, paths->dentry.parent);

        if (level == LEVELS_MAX || paths->steps_left-- == 0) {
            loads->failed = true;
            loads->bad = at;
            break;
        }
        if (up != at) {
            prepend_name(paths, at, &text);
            prepend(&text, "/", 1);
        } else {
            up = guest_load(loads, at, paths->dentry.mounted_on);
            if (!up) { /* the top, or a name that never was in a tree */
                struct front name = {.start = GUEST_PATH_MAX};
                prepend_name(paths, at, &name);
                if (GUEST_PATH_MAX - name.start != 1 || name.bytes[name.start] != '/')
                    prepend(&text, name.bytes + name.start, GUEST_PATH_MAX - name.start);
                break;
            }
        }
        at = up;
    }
    if (text.start == end)
        prepend(&text, "/", 1);
    return guest_safe_text(list, text.bytes + text.start, GUEST_PATH_MAX - text.start);
}

void guest_file_kind(struct guest_paths *paths, uint64_t operations, char *buffer, size_t bytes)
{
    uint64_t from = guest_load(&paths->loads, operations, paths->operations.kind);
    size_t length = 0;

    /* By single bytes: the string may be the last thing before the end of a window. */
    while (from && length + 1 < bytes &&
           guest_load_bytes(&paths->loads, from + length, buffer + length, 1) && buffer[length])
        length++;
    buffer[length] = '\0';
}

const char *guest_file_name(struct guest_paths *paths, uint64_t file, uint64_t root,
                            struct guest_list *list)
{
    uint64_t dentry = guest_load(&paths->loads, file, paths->file.dentry);
    char kind[64], name[128];

    if (dentry)
        return guest_dentry_path(paths, dentry, root, list);
    guest_file_kind(paths, guest_load(&paths->loads, file, paths->file.operations), kind,
                    sizeof(kind));
    int length;
    if (strncmp(kind, ANONYMOUS, sizeof(ANONYMOUS) - 1) == 0) {
        length = snprintf(name, sizeof(name), "%s", kind);
    } else {
        uint64_t inode = guest_load(&paths->loads, file, paths->file.inode);

        length = snprintf(name, sizeof(name), "%s:[%lu]", *kind ? kind : "anon",
                          (unsigned long)guest_load(&paths->loads, inode, paths->inode.number));
    }
    return guest_safe_text(list, name, (size_t)length);
}

#define TASK_FIELDS(F) F(fs, "fs")
LAYOUT(task_layout, TASK_FIELDS);
#define CONTEXT_FIELDS(F) F(root, "root")
LAYOUT(context_layout, CONTEXT_FIELDS);

uint64_t guest_task_root(struct guest_loads *loads, uint64_t task)
{
    struct task_layout task_layout;
    struct context_layout context;
    struct vt_error *error = LAYOUT_FIND(loads->guest, &task_layout, "task", 1, TASK_FIELDS);

    if (!error)
        error = LAYOUT_FIND(loads->guest, &context, "fs_context", 1, CONTEXT_FIELDS);
    if (error) { /* then paths are shown from the top of the tree */
        vt_error_destroy(error);
        return 0;
    }
    uint64_t fs = guest_load(loads, task, task_layout.fs);
    return fs ? guest_load(loads, fs, context.root) : 0;
}
