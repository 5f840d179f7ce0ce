/* kernel/observe/describe_files.h - published: open files and what they lead to.
 * F(struct, member, kind, target type), T(struct, published name, field list), R(name, type,
 * object, count); see describe.c. */
#ifndef KERNEL_OBSERVE_DESCRIBE_FILES_H
#define KERNEL_OBSERVE_DESCRIBE_FILES_H

#include "kernel/fs/file_lock_state.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/fs_context.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/fs/pipe_state.h"

#define FILE_TABLE_FIELDS(F)                                                                       \
    F(file_table, references, UNSIGNED, "")                                                        \
    F(file_table, capacity, UNSIGNED, "")                                                          \
    F(file_table, lock, STRUCT, "spinlock")                                                        \
    F(file_table, files, UNSIGNED, "")                                                             \
    F(file_table, open, UNSIGNED, "")                                                              \
    F(file_table, close_on_exec, UNSIGNED, "")

#define FILE_FIELDS(F)                                                                             \
    F(file, references, UNSIGNED, "")                                                              \
    F(file, flags, UNSIGNED, "")                                                                   \
    F(file, inode, ADDRESS, "inode")                                                               \
    F(file, dentry, ADDRESS, "dentry")                                                             \
    F(file, mount, ADDRESS, "mount")                                                               \
    F(file, operations, ADDRESS, "file_operations")                                                \
    F(file, private_data, UNSIGNED, "")                                                            \
    F(file, position, UNSIGNED, "")                                                                \
    F(file, position_lock, STRUCT, "mutex")                                                        \
    F(file, owner_pid, SIGNED, "")

#define FILE_OPERATIONS_FIELDS(F)                                                                  \
    F(file_operations, kind, UNSIGNED, "")                                                         \
    F(file_operations, seek, UNSIGNED, "")

#define INODE_FIELDS(F)                                                                            \
    F(inode, references, UNSIGNED, "")                                                             \
    F(inode, mode, UNSIGNED, "")                                                                   \
    F(inode, number, UNSIGNED, "")                                                                 \
    F(inode, links, UNSIGNED, "")                                                                  \
    F(inode, uid, UNSIGNED, "")                                                                    \
    F(inode, gid, UNSIGNED, "")                                                                    \
    F(inode, device, UNSIGNED, "")                                                                 \
    F(inode, bytes, UNSIGNED, "")                                                                  \
    F(inode, filesystem, ADDRESS, "filesystem")                                                    \
    F(inode, lock, STRUCT, "mutex")                                                                \
    F(inode, operations, UNSIGNED, "")                                                             \
    F(inode, private_data, UNSIGNED, "")                                                           \
    F(inode, writers, SIGNED, "")

#define DENTRY_FIELDS(F)                                                                           \
    F(dentry, parent, ADDRESS, "dentry")                                                           \
    F(dentry, inode, ADDRESS, "inode")                                                             \
    F(dentry, references, UNSIGNED, "")                                                            \
    F(dentry, mounts, UNSIGNED, "")                                                                \
    F(dentry, lock, STRUCT, "spinlock")                                                            \
    F(dentry, deleted, UNSIGNED, "")                                                               \
    F(dentry, children, STRUCT, "list")                                                            \
    F(dentry, sibling_link, STRUCT, "list")                                                        \
    F(dentry, child_count, UNSIGNED, "")                                                           \
    F(dentry, name_hash, UNSIGNED, "")                                                             \
    F(dentry, hash_next, ADDRESS, "dentry")                                                        \
    F(dentry, buckets, UNSIGNED, "")                                                               \
    F(dentry, bucket_count, UNSIGNED, "")                                                          \
    F(dentry, name_length, UNSIGNED, "")                                                           \
    F(dentry, name, UNSIGNED, "")

#define FILESYSTEM_FIELDS(F)                                                                       \
    F(filesystem, type, UNSIGNED, "")                                                              \
    F(filesystem, device, UNSIGNED, "")                                                            \
    F(filesystem, root, ADDRESS, "dentry")                                                         \
    F(filesystem, mounts, STRUCT, "list")                                                          \
    F(filesystem, mount_count, UNSIGNED, "")                                                       \
    F(filesystem, private_data, UNSIGNED, "")                                                      \
    F(filesystem, flags, UNSIGNED, "")

#define FS_CONTEXT_FIELDS(F)                                                                       \
    F(fs_context, references, UNSIGNED, "")                                                        \
    F(fs_context, umask, UNSIGNED, "")                                                             \
    F(fs_context, lock, STRUCT, "spinlock")                                                        \
    F(fs_context, root.mount, ADDRESS, "mount")                                                    \
    F(fs_context, root.dentry, ADDRESS, "dentry")                                                  \
    F(fs_context, cwd.mount, ADDRESS, "mount")                                                     \
    F(fs_context, cwd.dentry, ADDRESS, "dentry")

#define MOUNT_FIELDS(F)                                                                            \
    F(mount, references, UNSIGNED, "")                                                             \
    F(mount, flags, UNSIGNED, "")                                                                  \
    F(mount, writers, UNSIGNED, "")                                                                \
    F(mount, id, UNSIGNED, "")                                                                     \
    F(mount, parent, ADDRESS, "mount")                                                             \
    F(mount, mountpoint, ADDRESS, "dentry")                                                        \
    F(mount, root, ADDRESS, "dentry")                                                              \
    F(mount, filesystem, ADDRESS, "filesystem")                                                    \
    F(mount, namespace, ADDRESS, "mount_namespace")                                                \
    F(mount, namespace_link, STRUCT, "list")                                                       \
    F(mount, group, UNSIGNED, "")                                                                  \
    F(mount, master, ADDRESS, "mount")                                                             \
    F(mount, peers, STRUCT, "list")                                                                \
    F(mount, slaves, STRUCT, "list")                                                               \
    F(mount, slave_link, STRUCT, "list")                                                           \
    F(mount, children, STRUCT, "list")                                                             \
    F(mount, child_link, STRUCT, "list")                                                           \
    F(mount, filesystem_link, STRUCT, "list")                                                      \
    F(mount, hash_next, ADDRESS, "mount")                                                          \
    F(mount, source, UNSIGNED, "")

#define MOUNT_NAMESPACE_FIELDS(F)                                                                  \
    F(mount_namespace, head, STRUCT, "namespace")                                                  \
    F(mount_namespace, head.references, UNSIGNED, "")                                              \
    F(mount_namespace, head.number, UNSIGNED, "")                                                  \
    F(mount_namespace, mount_count, UNSIGNED, "")                                                  \
    F(mount_namespace, root, ADDRESS, "mount")                                                     \
    F(mount_namespace, mounts, STRUCT, "list")

#define PIPE_FIELDS(F)                                                                             \
    F(pipe, lock, STRUCT, "mutex")                                                                 \
    F(pipe, ends, UNSIGNED, "")                                                                    \
    F(pipe, ends.head, UNSIGNED, "")                                                               \
    F(pipe, ends.tail, UNSIGNED, "")                                                               \
    F(pipe, capacity, UNSIGNED, "")                                                                \
    F(pipe, readers, UNSIGNED, "")                                                                 \
    F(pipe, writers, UNSIGNED, "")                                                                 \
    F(pipe, read_waiters, STRUCT, "wait_queue")                                                    \
    F(pipe, write_waiters, STRUCT, "wait_queue")                                                   \
    F(pipe, users, UNSIGNED, "")                                                                   \
    F(pipe, inode, ADDRESS, "inode")

#define FILE_LOCK_FIELDS(F)                                                                        \
    F(file_lock, link, STRUCT, "list")                                                             \
    F(file_lock, inode, ADDRESS, "inode")                                                          \
    F(file_lock, owner, UNSIGNED, "")                                                              \
    F(file_lock, start, UNSIGNED, "")                                                              \
    F(file_lock, end, UNSIGNED, "")                                                                \
    F(file_lock, pid, SIGNED, "")                                                                  \
    F(file_lock, space, UNSIGNED, "")                                                              \
    F(file_lock, write, UNSIGNED, "")

#define FILE_LOCK_BUCKET_FIELDS(F)                                                                 \
    F(file_lock_bucket, lock, STRUCT, "spinlock")                                                  \
    F(file_lock_bucket, locks, STRUCT, "list")                                                     \
    F(file_lock_bucket, waiters, STRUCT, "wait_queue")

#define BLOCKED_OWNER_FIELDS(F)                                                                    \
    F(blocked_owner, link, STRUCT, "list")                                                         \
    F(blocked_owner, owner, UNSIGNED, "")                                                          \
    F(blocked_owner, waits_for, UNSIGNED, "")

#define FILE_TYPES(T)                                                                              \
    T(file_table, "file_table", FILE_TABLE_FIELDS)                                                 \
    T(file, "file", FILE_FIELDS)                                                                   \
    T(file_operations, "file_operations", FILE_OPERATIONS_FIELDS)                                  \
    T(inode, "inode", INODE_FIELDS)                                                                \
    T(dentry, "dentry", DENTRY_FIELDS)                                                             \
    T(filesystem, "filesystem", FILESYSTEM_FIELDS)                                                 \
    T(fs_context, "fs_context", FS_CONTEXT_FIELDS)                                                 \
    T(mount, "mount", MOUNT_FIELDS)                                                                \
    T(mount_namespace, "mount_namespace", MOUNT_NAMESPACE_FIELDS)                                  \
    T(pipe, "pipe", PIPE_FIELDS)                                                                   \
    T(file_lock, "file_lock", FILE_LOCK_FIELDS)                                                    \
    T(file_lock_bucket, "file_lock_bucket", FILE_LOCK_BUCKET_FIELDS)                               \
    T(blocked_owner, "blocked_owner", BLOCKED_OWNER_FIELDS)

#define FILE_ROOTS(R)                                                                              \
    R("file_lock_buckets", "file_lock_bucket", file_lock_buckets, FILE_LOCK_BUCKETS)               \
    R("file_lock_blocked_lock", "spinlock", &file_lock_blocked_lock, 1)                            \
    R("file_lock_blocked", "list", &file_lock_blocked, 1)                                          \
    R("mount_lock", "mutex", &mount_lock, 1)                                                       \
    R("mount_table_lock", "spinlock", &mount_table_lock, 1)                                        \
    R("initial_mount_namespace", "mount_namespace", &initial_mount_namespace, 1)                   \
    R("rename_lock", "mutex", &rename_lock, 1)

#endif
