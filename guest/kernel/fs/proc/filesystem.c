/*
 * kernel/fs/proc/filesystem.c - /proc as a file system: inodes, names, directories and links over
 * the tables of struct proc_entry. What the files say is elsewhere in this folder.
 *
 * Names are volatile (filesystem.volatile_names): every lookup asks the tables and the process
 * floor. Inode numbers are computed from the key, so that the same name has the same number each
 * time.
 */
#include "arch/cpu.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/fs/proc/file.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/process.h"
#include "kernel/token/process_gate.h"

#define PROC_MAGIC 0x9fa0u
#define FIRST_NUMBER_POSITION                                                                      \
    0x1000u /* of a directory's entries: 0 ".", 1 "..", 2.. named, then numbers */

static struct object_cache inode_cache = OBJECT_CACHE_INIT("proc_inode", struct proc_inode);
static const struct inode_operations directory_inode_operations, link_inode_operations,
    place_inode_operations, file_inode_operations;
static const struct file_operations directory_operations;

/* ---- who it is about ---- */

bool proc_may_inspect(struct process *process)
{
    const struct credentials *mine = &current->process->credentials,
                             *theirs = &process->credentials;

    if (process == current->process)
        return true;
    bool allowed = (mine->fsuid == theirs->uid && mine->fsuid == theirs->euid &&
                    mine->fsuid == theirs->suid && mine->fsgid == theirs->gid &&
                    mine->fsgid == theirs->egid && mine->fsgid == theirs->sgid) ||
                   process_has_capability(current->process, CAP_SYS_PTRACE);
    return process_allows(process, PROCESS_QUERY_INFORMATION | PROCESS_VM_READ, allowed);
}

int proc_target_get(const struct proc_key *key, struct proc_target *ret)
{
    ret->key = key;
    ret->process = NULL;
    ret->task = NULL;
    if (!key->pid)
        return 0;
    ret->process = process_find_get(key->pid);
    if (!ret->process)
        return -ESRCH;
    if (key->entry->private && !proc_may_inspect(ret->process)) {
        process_put(ret->process);
        return -EACCES;
    }
    ret->task = task_find_get(key->tid ? key->tid : key->pid);
    if (ret->task && ret->task->process == ret->process)
        return 0;
    if (ret->task)
        task_put(ret->task);
    process_put(ret->process);
    return -ESRCH;
}

void proc_target_put(struct proc_target *target)
{
    if (target->task)
        task_put(target->task);
    if (target->process)
        process_put(target->process);
}

/* Threads in the order of their global numbers, by the numbers that this /proc shows. */
static int32_t next_tid(const struct proc_key *key, int32_t from, int32_t *ret_global)
{
    if (key->namespace != &initial_pid_namespace) {
        int32_t number = from, global;
        for (; (number = pid_number_next(key->namespace, number, &global)); number++) {
            struct task *task = task_find_get(global);
            bool member = task && task->tgid == key->pid;
            if (task)
                task_put(task);
            *ret_global = global;
            if (member)
                return number;
        }
        return -1;
    }
    struct process *process = process_find_get(key->pid);
    if (!process)
        return -1;
    struct task *task = process_thread_next_get(process, from);
    int32_t tid = task ? task->tid : -1;
    if (task)
        task_put(task);
    process_put(process);
    *ret_global = tid;
    return tid;
}

static int32_t next_pid(const struct proc_key *key, int32_t from, int32_t *ret_global)
{
    if (key->namespace != &initial_pid_namespace) {
        int32_t number = from, global;
        for (; (number = pid_number_next(key->namespace, number, &global)); number++) {
            struct process *process = process_find_get(global);
            if (!process)
                continue;
            process_put(process);
            *ret_global = global;
            return number;
        }
        return -1;
    }
    struct process *process = process_next_get(from);
    if (!process)
        return -1;
    int32_t pid = process->pid;
    process_put(process);
    *ret_global = pid;
    return pid;
}

static int32_t next_fd(const struct proc_key *key, int32_t from)
{
    struct proc_target target;
    int32_t fd = -1;

    if (proc_target_get(key, &target))
        return -1;
    struct file_table *table = task_files_get(target.task);
    if (table) {
        fd = file_table_next(table, from);
        file_table_put(table);
    }
    proc_target_put(&target);
    return fd;
}

int32_t proc_next_number(const struct proc_key *key, enum proc_number numbers, int32_t from,
                         int32_t *ret_global)
{
    switch (numbers) {
    case PROC_PIDS:
        return next_pid(key, from, ret_global);
    case PROC_TIDS:
        return next_tid(key, from, ret_global);
    case PROC_FDS:
        return *ret_global = next_fd(key, from);
    default:
        return -1;
    }
}

/* ---- inodes ---- */

static struct proc_inode *proc_of(struct inode *inode)
{
    return container_of(inode, struct proc_inode, inode);
}

struct proc_key *proc_key_of(struct inode *inode)
{
    return &proc_of(inode)->key;
}

static uint64_t number_of(const struct proc_key *key)
{
    uint64_t hash = (uint64_t)key->entry * 0x9e3779b97f4a7c15ull >> 40; /* 24 bits for the entry */

    return hash | (uint64_t)(uint32_t)(key->fd + 1) << 24 |
           ((uint64_t)(uint32_t)key->pid ^ (uint64_t)(uint32_t)key->tid << 2) << 40;
}

/* Owner as the process is now; the rest never changes. */
static void refresh(struct inode *inode)
{
    const struct proc_key *key = proc_key_of(inode);

    if (!key->pid)
        return;
    struct process *process = process_find_get(key->pid);
    if (!process)
        return;
    inode->uid = process->credentials.euid;
    inode->gid = process->credentials.egid;
    process_put(process);
}

int proc_directory_process_get(int fd, struct process **ret)
{
    struct file *file = file_table_find(fd);
    if (!file)
        return -EBADF;
    int error = -EBADF;
    if (file->inode->operations == &directory_inode_operations &&
        proc_key_of(file->inode)->entry == &proc_process_entry) {
        *ret = process_find_get(proc_key_of(file->inode)->pid);
        error = *ret ? 0 : -ESRCH;
    }
    file_put(file);
    return error;
}

static void destroy(struct inode *inode)
{
    inode_deinit(inode);
    object_cache_free(&inode_cache, proc_of(inode));
}

static struct inode *make_inode(struct filesystem *filesystem, const struct proc_key *key)
{
    struct proc_inode *proc = object_cache_allocate(&inode_cache);
    if (!proc)
        return NULL;
    uint32_t mode = key->entry->mode;
    inode_init(&proc->inode, filesystem, mode);
    proc->key = *key;
    proc->inode.number = number_of(key);
    proc->inode.links = 1;
    switch (mode & S_IFMT) {
    case S_IFDIR:
        proc->inode.links = 2;
        proc->inode.operations = &directory_inode_operations;
        proc->inode.file_operations = &directory_operations;
        break;
    case S_IFLNK:
        proc->inode.operations =
            key->entry->follow ? &place_inode_operations : &link_inode_operations;
        break;
    default:
        proc->inode.operations = &file_inode_operations;
        proc->inode.file_operations = &proc_file_operations;
    }
    refresh(&proc->inode);
    return &proc->inode;
}

/* ---- names ---- */

/* A decimal number without leading zeros; -1 if the name is none. */
static int32_t parse_number(const char *name, size_t length)
{
    int64_t value = 0;

    if (!length || length > 10 || (name[0] == '0' && length > 1))
        return -1;
    for (size_t i = 0; i < length; i++) {
        if (name[i] < '0' || name[i] > '9')
            return -1;
        value = value * 10 + (name[i] - '0');
    }
    return value > INT32_MAX ? -1 : (int32_t)value;
}

static void child_key(const struct proc_key *parent, const struct proc_entry *entry, int32_t number,
                      struct proc_key *ret)
{
    *ret = *parent;
    ret->entry = entry;
    switch (entry == parent->entry->number_child ? parent->entry->numbers : PROC_NO_NUMBERS) {
    case PROC_PIDS:
        ret->pid = number;
        break;
    case PROC_TIDS:
        ret->tid = number;
        break;
    case PROC_FDS:
        ret->fd = number;
        break;
    default:
        break;
    }
}

static bool find_child(const struct proc_key *directory, const char *name, size_t length,
                       struct proc_key *ret)
{
    const struct proc_entry *entry = directory->entry->children;

    for (; entry && entry->name; entry++) {
        if (strlen(entry->name) == length && !memcmp(entry->name, name, length)) {
            child_key(directory, entry, 0, ret);
            return true;
        }
    }
    if (!directory->entry->number_child)
        return false;
    int32_t number = parse_number(name, length), global;
    if (number < 0 ||
        proc_next_number(directory, directory->entry->numbers, number, &global) != number)
        return false;
    child_key(directory, directory->entry->number_child, global, ret);
    return true;
}

static int lookup(struct inode *directory, const char *name, size_t length, struct inode **ret)
{
    const struct proc_key *key = proc_key_of(directory);
    struct proc_target target;
    struct proc_key child;

    *ret = NULL;
    int error = proc_target_get(key, &target);
    if (error)
        return error == -ESRCH ? 0 : error;
    proc_target_put(&target);
    if (!find_child(key, name, length, &child))
        return 0;
    *ret = make_inode(directory->filesystem, &child);
    return *ret ? 0 : -ENOMEM;
}

/* ---- directories ---- */

static int emit_number(const struct proc_key *key, struct directory_context *context,
                       int32_t number, int32_t global)
{
    char name[12];
    struct proc_key child;

    child_key(key, key->entry->number_child, global, &child);
    int length = snprintf(name, sizeof(name), "%d", number);
    uint64_t next = FIRST_NUMBER_POSITION + (uint64_t)number + 1;
    int full = context->emit(context->context, name, (size_t)length, number_of(&child),
                             child.entry->mode, next);
    if (!full)
        context->position = next;
    return full;
}

static int read_directory(struct file *file, void *argument)
{
    struct directory_context *context = argument;
    const struct proc_key *key = proc_key_of(file->inode);
    struct proc_target target;
    uint64_t position = 2;

    int error = proc_target_get(key, &target);
    if (error)
        return error == -ESRCH ? -ENOENT : error;
    proc_target_put(&target);
    for (; context->position < 2; context->position++) {
        bool parent = context->position == 1;
        uint64_t number = parent
                              ? number_of(&(struct proc_key){.entry = &proc_root_entry, .fd = -1})
                              : file->inode->number;
        if (context->emit(context->context, "..", parent ? 2 : 1, number, S_IFDIR,
                          context->position + 1))
            return 0;
    }
    for (const struct proc_entry *entry = key->entry->children; entry && entry->name;
         entry++, position++) {
        struct proc_key child;
        if (position < context->position)
            continue;
        child_key(key, entry, 0, &child);
        if (context->emit(context->context, entry->name, strlen(entry->name), number_of(&child),
                          entry->mode, position + 1))
            return 0;
        context->position = position + 1;
    }
    if (!key->entry->number_child)
        return 0;
    if (context->position < FIRST_NUMBER_POSITION)
        context->position = FIRST_NUMBER_POSITION;
    for (uint32_t count = 1;; count++) {
        uint64_t from = context->position - FIRST_NUMBER_POSITION;
        if (from > INT32_MAX)
            return 0;
        int32_t global, number = proc_next_number(key, key->entry->numbers, (int32_t)from, &global);
        if (number < 0 || emit_number(key, context, number, global))
            return 0;
        if (count % 64 == 0)
            preemption_point();
    }
}

static int64_t seek_directory(struct file *file, int64_t offset, int whence)
{
    return whence == SEEK_END ? -EINVAL : file_seek_within(file, offset, whence, 0);
}

/* ---- links ---- */

static ssize_t read_link(struct inode *inode, char *buffer, size_t size)
{
    const struct proc_key *key = proc_key_of(inode);
    struct proc_target target;

    ssize_t result = proc_target_get(key, &target);
    if (result)
        return result == -ESRCH ? -ENOENT : result;
    result = key->entry->read_link(&target, buffer, size);
    proc_target_put(&target);
    return result;
}

static int follow(struct inode *inode, struct path *ret)
{
    const struct proc_key *key = proc_key_of(inode);
    struct proc_target target;

    int error = proc_target_get(key, &target);
    if (error)
        return error == -ESRCH ? -ENOENT : error;
    error = key->entry->follow(&target, ret);
    proc_target_put(&target);
    return error;
}

static const struct inode_operations directory_inode_operations = {
    .lookup = lookup,
    .refresh = refresh,
    .destroy = destroy,
};

/* Links whose text is the path to walk (self, thread-self, mounts). */
static const struct inode_operations link_inode_operations = {
    .read_link = read_link,
    .refresh = refresh,
    .destroy = destroy,
};

/* Links that lead straight to a place. */
static const struct inode_operations place_inode_operations = {
    .read_link = read_link,
    .follow = follow,
    .refresh = refresh,
    .destroy = destroy,
};

static const struct inode_operations file_inode_operations = {
    .open = proc_file_open,
    .refresh = refresh,
    .destroy = destroy,
};

static const struct file_operations directory_operations = {
    .read_directory = read_directory,
    .seek = seek_directory,
};

static void release(struct filesystem *filesystem)
{
    struct pid_namespace *namespace = filesystem->private_data;
    namespace_put(&namespace->head);
    kfree(filesystem);
}

/*
 * One for each mount of the type, as on Linux: it shows the numbers of the PID namespace of whoever
 * mounts it, for as long as it is there.
 */
struct filesystem *proc_filesystem_create(void)
{
    const struct proc_key key = {
        .entry = &proc_root_entry,
        .fd = -1,
        .namespace = current->process ? pid_namespace_own() /* no process: the first /proc */
                                      : &initial_pid_namespace};
    struct filesystem *filesystem = kzalloc(sizeof(*filesystem));

    if (!filesystem)
        return NULL;
    filesystem->type = "proc";
    filesystem->magic = PROC_MAGIC;
    filesystem->device = filesystem_new_device();
    filesystem->volatile_names = true;
    filesystem->holders = 1;
    namespace_get(&key.namespace->head);
    filesystem->private_data = key.namespace;
    filesystem->release = release;
    filesystem_mounts_init(filesystem);
    struct inode *root = make_inode(filesystem, &key);
    if (root) {
        filesystem->root = dentry_create(NULL, "/", 1, root);
        inode_put(root);
    }
    if (filesystem->root)
        return filesystem;
    filesystem_drop(filesystem);
    return NULL;
}
