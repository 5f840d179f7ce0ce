/*
 * vmm/inspect/paths.h - names: of a place in the tree, of an open file, as a task would see them
 * in /proc.
 */
#ifndef VITRINE_INSPECT_PATHS_H
#define VITRINE_INSPECT_PATHS_H

#include "vmm/inspect/layout.h"
#include "vmm/inspect/settle.h"

#define GUEST_PATH_MAX 4096u /* longer ones lose their beginning */

#define GUEST_DENTRY_FIELDS(F)                                                                     \
    F(parent, "parent")                                                                            \
    F(name, "name")                                                                                \
    F(name_length, "name_length")                                                                  \
    F(deleted, "deleted")
LAYOUT(guest_dentry_layout, GUEST_DENTRY_FIELDS);

#define GUEST_FILE_FIELDS(F)                                                                       \
    F(inode, "inode")                                                                              \
    F(dentry, "dentry")                                                                            \
    F(mount, "mount")                                                                              \
    F(operations, "operations")                                                                    \
    F(flags, "flags")                                                                              \
    F(references, "references") F(private_data, "private_data") F(position, "position")
LAYOUT(guest_file_layout, GUEST_FILE_FIELDS);

#define GUEST_INODE_FIELDS(F)                                                                      \
    F(number, "number")                                                                            \
    F(filesystem, "filesystem") F(mode, "mode") F(device, "device") F(bytes, "bytes")
LAYOUT(guest_inode_layout, GUEST_INODE_FIELDS);

#define GUEST_OPERATIONS_FIELDS(F) F(kind, "kind") F(seek, "seek")
LAYOUT(guest_operations_layout, GUEST_OPERATIONS_FIELDS);

#define GUEST_FILESYSTEM_FIELDS(F) F(device, "device")
LAYOUT(guest_filesystem_layout, GUEST_FILESYSTEM_FIELDS);

#define GUEST_MOUNT_FIELDS(F) F(parent, "parent") F(mountpoint, "mountpoint") F(root, "root")
LAYOUT(guest_mount_layout, GUEST_MOUNT_FIELDS);

/* A place in the tree: a dentry as it is seen through a mount (0: through none). */
struct guest_place {
    uint64_t mount, dentry;
};

struct guest_paths {
    uint32_t steps_left;      /* of all paths of one walk */
    struct guest_loads loads; /* failures of all that follows */
    struct guest_dentry_layout dentry;
    struct guest_file_layout file;
    struct guest_inode_layout inode;
    struct guest_operations_layout operations;
    struct guest_filesystem_layout filesystem;
    struct guest_mount_layout mount;
};

struct vt_error *guest_paths_init(const struct vt_guest *guest, struct guest_paths *ret);
/* At the start of each walk: no load has failed yet. */
void guest_paths_begin(struct guest_paths *paths);

/*
 * The path of a place seen from `root` (zeros: the top of the tree) into the list as safe text. The
 * walk up is bounded; loads.failed is set by what is no memory, and by a path without end.
 */
const char *guest_place_path(struct guest_paths *paths, struct guest_place place,
                             struct guest_place root, struct guest_list *list);
/* Where an open file is; zeros: nowhere. */
struct guest_place guest_file_place(struct guest_paths *paths, uint64_t file);
/* What an open file is called in /proc/PID/fd: its path, "pipe:[17]", "anon_inode:[eventfd]" ... */
const char *guest_file_name(struct guest_paths *paths, uint64_t file, struct guest_place root,
                            struct guest_list *list);
/* The kernel's word for files without a path: "pipe" ...; "" = it has none. Cut to fit. */
void guest_file_kind(struct guest_paths *paths, uint64_t operations, char *buffer, size_t bytes);
/* The root directory of a task, zeros if it has none (any more). */
struct guest_place guest_task_root(struct guest_loads *loads, uint64_t task);

/* Appends to the list what is safe to print of these bytes: control characters, and what is not
 * UTF-8, as \ooo. */
const char *guest_safe_text(struct guest_list *list, const char *bytes, size_t length);

#endif
