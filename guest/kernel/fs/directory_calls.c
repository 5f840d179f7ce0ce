/*
 * kernel/fs/directory_calls.c - standing in and reading directories: getdents, getcwd, chdir,
 * chroot, umask.
 */
#include "kernel/fs/fs_context.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/fs/notify/notify.h"
#include "kernel/fs/path.h"
#include "kernel/fs/permission.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/sched/task.h"
#include "kernel/syscall/syscall.h"

/* ---- getdents ---- */

/* Both forms begin so; getdents has the type in the record's last byte, getdents64 before the name.
 */
struct record_head {
    uint64_t number;
    int64_t next_position;
    uint16_t bytes;
} __attribute__((packed));

struct records {
    uint64_t user_at;
    uint64_t room;
    bool wide; /* getdents64 */
    int error; /* why the last entry was not taken */
    bool any;
};

static int emit_record(void *context, const char *name, size_t length, uint64_t number,
                       uint32_t mode, uint64_t next_position)
{
    struct records *records = context;
    uint8_t record[sizeof(struct record_head) + NAME_MAX + 12];
    uint8_t type = (uint8_t)((mode & S_IFMT) >> 12);
    if (length > NAME_MAX) {
        records->error = -EIO;
        return 1;
    }
    size_t bytes = align_up(sizeof(struct record_head) + length + 2, 8ul);
    if (bytes > records->room) {
        records->error = -EINVAL;
        return 1;
    }
    struct record_head head = {number, (int64_t)next_position, (uint16_t)bytes};
    memcpy(record, &head, sizeof(head));
    size_t at = sizeof(head);
    if (records->wide)
        record[at++] = type;
    memcpy(record + at, name, length);
    at += length;
    while (at < bytes)
        record[at++] = 0;
    if (!records->wide)
        record[bytes - 1] = type;
    if (copy_to_user(records->user_at, record, bytes)) {
        records->error = -EFAULT;
        return 1;
    }
    records->user_at += bytes;
    records->room -= bytes;
    records->any = true;
    return 0;
}

static int64_t read_entries(int fd, uint64_t user_buffer, uint32_t room, bool wide)
{
    struct records records = {.user_at = user_buffer, .room = room, .wide = wide};
    struct directory_context context = {.emit = emit_record, .context = &records};
    bool counted;
    struct file *file = file_borrow(fd, &counted);
    if (!file)
        return -EBADF;
    int error = 0;
    if (file->flags & O_PATH)
        error = -EBADF;
    else if (!file->operations->read_directory)
        error = -ENOTDIR;
    if (!error) {
        mutex_lock(&file->position_lock);
        context.position = file->position;
        error = file->operations->read_directory(file, &context);
        notify_file(file, NOTIFY_ACCESS);
        if (error >= 0)
            error = 0;
        file->position = context.position;
        mutex_unlock(&file->position_lock);
    }
    file_return(file, counted);
    if (records.any)
        return (int64_t)(records.user_at - user_buffer);
    return error ? error : records.error;
}

SYSCALL3(getdents, int, fd, uint64_t, user_buffer, uint32_t, bytes)
{
    return read_entries(fd, user_buffer, bytes, false);
}

SYSCALL3(getdents64, int, fd, uint64_t, user_buffer, uint32_t, bytes)
{
    return read_entries(fd, user_buffer, bytes, true);
}

/* ---- where one stands ---- */

SYSCALL2(getcwd, uint64_t, user_buffer, uint64_t, size)
{
    static const char unreachable_prefix[] = "(unreachable)";
    struct path root, cwd;
    fs_context_get_root(&root);
    fs_context_get_cwd(&cwd);
    char short_text[256], *text = short_text, *start;
    size_t text_size = sizeof(short_text);
    bool unreachable;
    ssize_t length = cwd.dentry->deleted ? -ENOENT : 0;
    if (!length)
        length = path_text_of(&cwd, &root, text, text_size, &start, &unreachable);
    if (length == -ENAMETOOLONG) {
        text_size = PATH_MAX;
        text = kmalloc(text_size);
        length = text ? path_text_of(&cwd, &root, text, text_size, &start, &unreachable) : -ENOMEM;
    }
    path_put(&cwd);
    path_put(&root);
    if (length >= 0 && unreachable) {
        const size_t prefix = sizeof(unreachable_prefix) - 1;
        if ((size_t)(start - text) < prefix) {
            length = -ENAMETOOLONG;
        } else {
            start -= prefix;
            memcpy(start, unreachable_prefix, prefix);
            length += (ssize_t)prefix;
        }
    }
    int64_t result = length;
    if (length >= 0) {
        result = length + 1;
        if ((uint64_t)result > size)
            result = -ERANGE;
        else if (copy_to_user(user_buffer, start, (size_t)result))
            result = -EFAULT;
    }
    if (text != short_text)
        kfree(text);
    return result;
}

SYSCALL1(chdir, uint64_t, path)
{
    struct path place;
    int error = path_lookup_user(AT_FDCWD, path, PATH_FOLLOW | PATH_DIRECTORY, &place);
    if (error)
        return error;
    error = inode_permission(place.dentry->inode, MAY_EXECUTE);
    if (error)
        path_put(&place);
    else
        fs_context_replace_cwd(&place);
    return error;
}

SYSCALL1(fchdir, int, fd)
{
    bool counted;
    struct file *file = file_borrow(fd, &counted);
    if (!file)
        return -EBADF;
    int error = -ENOTDIR;
    if (file->dentry && inode_is(file->inode, S_IFDIR))
        error = inode_permission(file->inode, MAY_EXECUTE);
    if (!error) {
        struct path place = {file->mount, file->dentry};
        path_get(&place);
        fs_context_replace_cwd(&place);
    }
    file_return(file, counted);
    return error;
}

SYSCALL1(chroot, uint64_t, path)
{
    struct path place;
    int error = path_lookup_user(AT_FDCWD, path, PATH_FOLLOW | PATH_DIRECTORY, &place);
    if (error)
        return error;
    error = inode_permission(place.dentry->inode, MAY_EXECUTE);
    if (!error && !fs_capable(CAP_SYS_CHROOT))
        error = -EPERM;
    if (error)
        path_put(&place);
    else
        fs_context_replace_root(&place);
    return error;
}

SYSCALL1(umask, uint32_t, mask)
{
    return __atomic_exchange_n(&current->fs->umask, mask & 0777, __ATOMIC_RELAXED);
}
