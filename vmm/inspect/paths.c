/*
 * vmm/inspect/paths.c - from a place up to the root, across mounts, and the kernel's names for files without one.
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
    if (!error)
        error = LAYOUT_FIND(guest, &ret->mount, "mount", 3, GUEST_MOUNT_FIELDS);
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

/* One step up: the parent, or from the root of a mount what it covers. False at the top. */
static bool step_up(struct guest_paths *paths, struct guest_place *at, struct front *text)
{
    struct guest_loads *loads = &paths->loads;
    bool is_root = at->mount && guest_load(loads, at->mount, paths->mount.root) == at->dentry;

    if (is_root) {
        uint64_t parent = guest_load(loads, at->mount, paths->mount.parent);
        uint64_t covered = guest_load(loads, at->mount, paths->mount.mountpoint);

        if (parent == at->mount || !covered)
            return false;
        *at = (struct guest_place){parent, covered};
        return true;
    }
    uint64_t up = guest_load(loads, at->dentry, paths->dentry.parent);
    if (up == at->dentry) { /* a name that never was in a tree */
        struct front name = {.start = GUEST_PATH_MAX};
        prepend_name(paths, up, &name);
        if (GUEST_PATH_MAX - name.start != 1 || name.bytes[name.start] != '/')
            prepend(text, name.bytes + name.start, GUEST_PATH_MAX - name.start);
        return false;
    }
    prepend_name(paths, at->dentry, text);
    prepend(text, "/", 1);
    at->dentry = up;
    return true;
}

const char *guest_place_path(struct guest_paths *paths, struct guest_place place,
                             struct guest_place root, struct guest_list *list)
{
    struct guest_loads *loads = &paths->loads;
    struct front text = {.start = GUEST_PATH_MAX};
    struct guest_place at = place;
    size_t end = text.start;

    if (guest_load(loads, place.dentry, paths->dentry.deleted)) {
        prepend(&text, DELETED, sizeof(DELETED) - 1);
        end = text.start;
    }
    for (unsigned level = 0; (at.dentry != root.dentry || at.mount != root.mount) && !loads->failed;
         level++) {
        if (level == LEVELS_MAX || paths->steps_left-- == 0) {
            loads->failed = true;
            loads->bad = at.dentry;
            break;
        }
        if (!step_up(paths, &at, &text))
            break;
    }
    if (text.start == end)
        prepend(&text, "/", 1);
    return guest_safe_text(list, text.bytes + text.start, GUEST_PATH_MAX - text.start);
}

struct guest_place guest_file_place(struct guest_paths *paths, uint64_t file)
{
    return (struct guest_place){.mount = guest_load(&paths->loads, file, paths->file.mount),
                                .dentry = guest_load(&paths->loads, file, paths->file.dentry)};
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

const char *guest_file_name(struct guest_paths *paths, uint64_t file, struct guest_place root,
                            struct guest_list *list)
{
    struct guest_place place = guest_file_place(paths, file);
    char kind[64], name[128];

    if (place.dentry)
        return guest_place_path(paths, place, root, list);
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
#define CONTEXT_FIELDS(F) F(root, "root.dentry") F(mount, "root.mount")
LAYOUT(context_layout, CONTEXT_FIELDS);

struct guest_place guest_task_root(struct guest_loads *loads, uint64_t task)
{
    const struct guest_place top = {0, 0};
    struct task_layout task_layout;
    struct context_layout context;
    struct vt_error *error = LAYOUT_FIND(loads->guest, &task_layout, "task", 1, TASK_FIELDS);

    if (!error)
        error = LAYOUT_FIND(loads->guest, &context, "fs_context", 1, CONTEXT_FIELDS);
    if (error) { /* then paths are shown from the top of the tree */
        vt_error_destroy(error);
        return top;
    }
    uint64_t fs = guest_load(loads, task, task_layout.fs);
    if (!fs)
        return top;
    return (struct guest_place){.mount = guest_load(loads, fs, context.mount),
                                .dentry = guest_load(loads, fs, context.root)};
}
