/*
 * kernel/fs/mount/context.c - a file system in the making as an open file: fsopen(2), its options
 * one by one with fsconfig(2), a mount of it with fsmount(2); and fspick(2), which opens an existing
 * one for new options.
 *
 * Locks: the context's mutex during fsconfig and fsmount.
 */
#include "kernel/fs/file_table.h"
#include "kernel/fs/mount/calls.h"
#include "kernel/fs/mount/handles.h"
#include "kernel/fs/path.h"
#include "kernel/fs/permission.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/syscall/syscall.h"

#define FSOPEN_CLOEXEC          1u
#define FSMOUNT_CLOEXEC         1u
#define FSPICK_CLOEXEC          1u
#define FSPICK_SYMLINK_NOFOLLOW 2u
#define FSPICK_NO_AUTOMOUNT     4u
#define FSPICK_EMPTY_PATH       8u
#define TEXT_MAX                256u /* keys and values, with their end */
#define BINARY_MAX              (1024 * 1024)

enum command {
    SET_FLAG,
    SET_STRING,
    SET_BINARY,
    SET_PATH,
    SET_PATH_EMPTY,
    SET_DESCRIPTOR,
    CREATE,
    RECONFIGURE,
    CREATE_EXCLUSIVE,
};

enum phase {
    PHASE_OPTIONS, /* of a new one */
    PHASE_MADE,    /* waits for its mount */
    PHASE_CHANGING,
    PHASE_FAILED,
};

struct filesystem_context {
    struct mutex lock; /* RANK_MOUNT_CONTEXT */
    const struct filesystem_kind *kind;
    enum phase phase;
    struct mount_options options;
    char *source;                  /* kmalloc; NULL: none was given */
    struct filesystem *filesystem; /* one hold of its mounts; NULL: not made yet */
};

/* ---- the file ---- */

/* Messages about what was wrong would be read here; there are none. */
static ssize_t context_read(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    (void)file;
    (void)buffer;
    (void)position;
    return -ENODATA;
}

static void context_free(struct filesystem_context *context)
{
    if (context->filesystem)
        filesystem_mounts_put(context->filesystem);
    kfree(context->source);
    kfree(context);
}

static void context_release(struct file *file)
{
    context_free(file->private_data);
}

static const struct file_operations context_operations = {
    .kind = "anon_inode:[fscontext]",
    .read = context_read,
    .release = context_release,
};

/* Takes over a hold of the file system (NULL: none). A descriptor, or -ENOMEM, -EMFILE. */
static int context_open(const struct filesystem_kind *kind, struct filesystem *filesystem,
                        bool close_on_exec)
{
    struct filesystem_context *context = kzalloc(sizeof(*context));
    struct inode *inode = context ? anonymous_inode(0600, "fscontext") : NULL;
    struct file *file =
        inode ? file_create(NULL, inode, O_RDWR, &context_operations, context) : NULL;
    if (inode)
        inode_put(inode);
    if (!file) {
        kfree(context);
        if (filesystem)
            filesystem_mounts_put(filesystem);
        return -ENOMEM;
    }
    mutex_init(&context->lock, RANK_MOUNT_CONTEXT);
    context->kind = kind;
    context->phase = filesystem ? PHASE_CHANGING : PHASE_OPTIONS;
    context->filesystem = filesystem;
    int fd = file_table_install(file, 0, close_on_exec);
    if (fd < 0)
        file_put(file);
    return fd;
}

/* A text of at most `room` bytes with its end: 0, -EFAULT; -EINVAL if it is longer. */
static int copy_text(uint64_t address, char *text, size_t room)
{
    ssize_t length = string_from_user(text, address, room);
    if (length == -ENAMETOOLONG)
        return -EINVAL;
    return length < 0 ? (int)length : 0;
}

SYSCALL2(fsopen, uint64_t, user_name, uint32_t, flags)
{
    char name[TEXT_MAX];
    if (!fs_capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (flags & ~FSOPEN_CLOEXEC)
        return -EINVAL;
    int error = copy_text(user_name, name, sizeof(name));
    if (error)
        return error == -EINVAL ? -ENODEV : error; /* no name is so long */
    const struct filesystem_kind *kind = filesystem_kind_find(name);
    return kind ? context_open(kind, NULL, flags & FSOPEN_CLOEXEC) : -ENODEV;
}

SYSCALL3(fspick, int, directory_fd, uint64_t, path, uint32_t, flags)
{
    struct path place;
    uint32_t how = flags & FSPICK_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW;
    if (!fs_capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (flags &
        ~(FSPICK_CLOEXEC | FSPICK_SYMLINK_NOFOLLOW | FSPICK_NO_AUTOMOUNT | FSPICK_EMPTY_PATH))
        return -EINVAL;
    if (flags & FSPICK_EMPTY_PATH)
        how |= PATH_EMPTY;
    int error = path_lookup_user(directory_fd, path, how, &place);
    if (error)
        return error;
    if (path_is_mounted(&place)) {
        struct filesystem *filesystem = place.mount->filesystem;
        filesystem_mounts_get(filesystem);
        error = context_open(filesystem_kind_find(filesystem->type), filesystem,
                             flags & FSPICK_CLOEXEC);
    } else {
        error = -EINVAL;
    }
    path_put(&place);
    return error;
}

/* ---- fsconfig ---- */

static int check_command(uint32_t command, uint64_t key, uint64_t value, int extra)
{
    switch (command) {
    case SET_FLAG:
        return !key || value || extra ? -EINVAL : 0;
    case SET_STRING:
        return !key || !value || extra ? -EINVAL : 0;
    case SET_BINARY:
        return !key || !value || extra <= 0 || extra > BINARY_MAX ? -EINVAL : 0;
    case SET_PATH:
    case SET_PATH_EMPTY:
        return !key || !value || (extra != AT_FDCWD && extra < 0) ? -EINVAL : 0;
    case SET_DESCRIPTOR:
        return !key || value || extra < 0 ? -EINVAL : 0;
    case CREATE:
    case CREATE_EXCLUSIVE:
    case RECONFIGURE:
        return key || value || extra ? -EINVAL : 0;
    default:
        return -EOPNOTSUPP;
    }
}

static int set_source(struct filesystem_context *context, const char *value)
{
    if (!value || context->source)
        return -EINVAL;
    context->source = kstrdup(value);
    return context->source ? 0 : -ENOMEM;
}

/* value NULL: a flag, or of a type that no option here has (`strange`). */
static int set_option(struct filesystem_context *context, const char *key, const char *value,
                      bool strange)
{
    if (context->phase != PHASE_OPTIONS && context->phase != PHASE_CHANGING)
        return -EBUSY;
    if (!strcmp(key, "source"))
        return set_source(context, value);
    if (mount_option_is_common(key))
        value = NULL; /* its value is not looked at */
    else if (!context->kind || strange)
        return -EINVAL;
    return mount_option_set(context->kind, key, value, &context->options);
}

static int create(struct filesystem_context *context)
{
    if (context->phase != PHASE_OPTIONS)
        return -EBUSY;
    int error = filesystem_make(context->kind, &context->options, &context->filesystem);
    context->phase = error ? PHASE_FAILED : PHASE_MADE;
    return error;
}

static int reconfigure(struct filesystem_context *context)
{
    struct mount_options options = context->options;
    struct filesystem *filesystem = context->filesystem;
    if (context->phase != PHASE_CHANGING)
        return -EBUSY;
    mutex_lock(&mount_lock);
    bool read_only = options.given & (OPTION_READ_ONLY | OPTION_READ_WRITE)
                         ? options.given & OPTION_READ_ONLY
                         : filesystem->flags & FILESYSTEM_READ_ONLY;
    int error = filesystem_reconfigure(filesystem, &options, read_only);
    mutex_unlock(&mount_lock);
    context->options = (struct mount_options){0};
    if (error)
        context->phase = PHASE_FAILED;
    return error;
}

static int configure(struct filesystem_context *context, uint32_t command, const char *key,
                     const char *value)
{
    switch (command) {
    case CREATE_EXCLUSIVE:
        if (context->phase == PHASE_OPTIONS && context->kind->single) {
            context->phase = PHASE_FAILED;
            return -EBUSY; /* there is one already */
        }
        return create(context);
    case CREATE:
        return create(context);
    case RECONFIGURE:
        return reconfigure(context);
    default:
        return set_option(context, key, value, command != SET_FLAG && command != SET_STRING);
    }
}

/* Values of types that no option has are looked at all the same. */
static int check_value(uint32_t command, uint64_t value, int extra, char *text)
{
    struct path_text path;
    uint8_t byte;
    if (command == SET_STRING)
        return copy_text(value, text, TEXT_MAX);
    if (command == SET_BINARY) {
        for (uint64_t at = 0; at < (uint64_t)extra; at += PAGE_SIZE) {
            if (get_user(byte, value + at))
                return -EFAULT;
        }
        if (get_user(byte, value + (uint64_t)extra - 1))
            return -EFAULT;
    } else if (command == SET_PATH || command == SET_PATH_EMPTY) {
        int error = path_text_get(&path, value);
        if (error)
            return error;
        bool empty = !*path.text;
        path_text_free(&path);
        return empty && command == SET_PATH ? -ENOENT : 0;
    } else if (command == SET_DESCRIPTOR) {
        bool counted;
        struct file *file = file_borrow(extra, &counted);
        if (!file)
            return -EBADF;
        file_return(file, counted);
    }
    return 0;
}

SYSCALL5(fsconfig, int, fd, uint32_t, command, uint64_t, user_key, uint64_t, user_value, int, extra)
{
    char key[TEXT_MAX], value[TEXT_MAX];
    bool counted;
    if (fd < 0)
        return -EINVAL;
    int error = check_command(command, user_key, user_value, extra);
    if (error)
        return error;
    struct file *file = file_borrow(fd, &counted);
    if (!file)
        return -EBADF;
    if (file->operations != &context_operations)
        error = -EINVAL;
    if (!error && user_key)
        error = copy_text(user_key, key, sizeof(key));
    if (!error)
        error = check_value(command, user_value, extra, value);
    if (!error) {
        struct filesystem_context *context = file->private_data;
        mutex_lock(&context->lock);
        error = configure(context, command, key, command == SET_STRING ? value : NULL);
        mutex_unlock(&context->lock);
    }
    file_return(file, counted);
    return error;
}

/* ---- fsmount ---- */

/* The context's lock is held; on success the mount is detached. */
static int make_mount(struct filesystem_context *context, uint32_t flags, struct mount **ret)
{
    struct filesystem *filesystem = context->filesystem;
    if (!filesystem)
        return -EINVAL;
    if (context->phase != PHASE_MADE)
        return -EBUSY;
    filesystem_mounts_get(filesystem);
    mutex_lock(&mount_lock);
    struct mount *mount =
        mount_create(filesystem, filesystem->root, context->source ? context->source : "none");
    if (mount) {
        mount->flags = flags;
        mount->detached = true;
    }
    mutex_unlock(&mount_lock);
    if (!mount) {
        filesystem_mounts_put(filesystem);
        return -ENOMEM;
    }
    context->phase = PHASE_CHANGING;
    context->options = (struct mount_options){0};
    *ret = mount;
    return 0;
}

SYSCALL3(fsmount, int, fd, uint32_t, flags, uint32_t, attributes)
{
    struct mount *mount;
    uint32_t mount_flags;
    bool counted;
    if (!fs_capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (flags & ~FSMOUNT_CLOEXEC || attributes & ~MOUNT_ATTR_KNOWN ||
        mount_attributes_flags(attributes, &mount_flags))
        return -EINVAL;
    struct file *file = file_borrow(fd, &counted);
    if (!file)
        return -EBADF;
    int error = -EINVAL;
    if (file->operations == &context_operations) {
        struct filesystem_context *context = file->private_data;
        mutex_lock(&context->lock);
        error = make_mount(context, mount_flags, &mount);
        mutex_unlock(&context->lock);
    }
    file_return(file, counted);
    return error ? error : mount_handle_create(mount, flags & FSMOUNT_CLOEXEC);
}
