/*
 * kernel/fs/root/memory_file.c - files of an in-memory file system that have no name:
 * memfd_create(), the memory of shared anonymous mappings, and seals (fcntl(2)).
 *
 * They live on a file system that is never mounted, made when the first one is.
 */
#include "kernel/fs/permission.h"
#include "kernel/fs/root/node.h"
#include "kernel/lib/string.h"
#include "kernel/mm/file_mappings.h"
#include "kernel/syscall/syscall.h"

#define MFD_CLOEXEC       0x1u
#define MFD_ALLOW_SEALING 0x2u
#define MFD_NOEXEC_SEAL   0x8u
#define MFD_EXEC          0x10u
#define MEMFD_NAME_MAX    249 /* NAME_MAX less the prefix */
#define MEMFD_PREFIX      "/memfd:"

static struct memory_filesystem *nameless; /* set once, by whoever comes first */

static struct memory_filesystem *nameless_filesystem(void)
{
    struct memory_filesystem *memory = load_acquire(&nameless), *none = NULL;
    if (memory)
        return memory;
    memory = memory_filesystem_create(NULL);
    if (!memory)
        return NULL;
    memory->pages_max = UINT64_MAX; /* only memory itself is the limit */
    if (__atomic_compare_exchange_n(&nameless, &none, memory, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return memory;
    dentry_put(memory->filesystem.root);
    filesystem_drop(&memory->filesystem);
    return none;
}

/* One reference; 0 or -errno. */
static int nameless_dentry(const char *name, uint32_t mode, uint64_t bytes, uint32_t seals,
                           struct dentry **ret)
{
    struct memory_filesystem *memory = nameless_filesystem();
    struct node *node;
    int error = memory ? node_create(memory, S_IFREG | mode, &node) : -ENOMEM;
    if (error)
        return error;
    struct inode *inode = &node->inode;
    inode->links = 0;
    inode->bytes = bytes;
    inode_set_owner(inode, NULL);
    node->file.seals = seals;
    *ret = dentry_create(NULL, name, strlen(name), inode);
    inode_put(inode);
    if (!*ret)
        return -ENOMEM;
    (*ret)->deleted = true;
    return 0;
}

static int nameless_file(const char *name, uint32_t mode, uint64_t bytes, uint32_t seals,
                         struct file **ret)
{
    struct dentry *dentry;
    int error = nameless_dentry(name, mode, bytes, seals, &dentry);
    if (error)
        return error;
    struct inode *inode = dentry->inode;
    const struct path place = {NULL, dentry};
    struct file *file = file_create(&place, inode, O_RDWR, inode->file_operations, NULL);
    *ret = file;
    if (file) {
        file->held = FILE_HOLDS_WRITER;
        __atomic_fetch_add(&inode->writers, 1, __ATOMIC_RELAXED);
    }
    dentry_put(dentry);
    return file ? 0 : -ENOMEM;
}

struct dentry *shared_memory_create(const char *name, uint32_t mode, uint64_t bytes)
{
    struct dentry *dentry;
    return nameless_dentry(name, mode, bytes, F_SEAL_SEAL, &dentry) ? NULL : dentry;
}

struct file *shared_memory_file_create(uint64_t bytes)
{
    struct file *file;
    return nameless_file("/dev/zero", 0777, bytes, F_SEAL_SEAL, &file) ? NULL : file;
}

SYSCALL2(memfd_create, uint64_t, user_name, uint32_t, flags)
{
    char name[sizeof(MEMFD_PREFIX) + MEMFD_NAME_MAX] = MEMFD_PREFIX;
    const size_t prefix = sizeof(MEMFD_PREFIX) - 1;
    struct file *file;
    uint32_t seals = flags & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL, mode = 0777;
    if (flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC) ||
        (flags & (MFD_NOEXEC_SEAL | MFD_EXEC)) == (MFD_NOEXEC_SEAL | MFD_EXEC))
        return -EINVAL;
    if (flags & MFD_NOEXEC_SEAL) {
        seals = F_SEAL_EXEC;
        mode = 0666;
    }
    ssize_t length = string_from_user(name + prefix, user_name, MEMFD_NAME_MAX + 1);
    if (length < 0)
        return length == -ENAMETOOLONG ? -EINVAL : length;
    int error = nameless_file(name, mode, 0, seals, &file);
    if (error)
        return error;
    file->flags |= O_LARGEFILE;
    int fd = file_table_install(file, 0, flags & MFD_CLOEXEC);
    if (fd < 0)
        file_put(file);
    return fd;
}

static struct node *sealable(struct file *file)
{
    return file->inode->operations == &node_regular_operations ? node_of(file->inode) : NULL;
}

bool file_seals_forbid_writing(struct file *file)
{
    struct node *node = sealable(file);
    return node && READ_ONCE(node->file.seals) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
}

bool inode_seals_forbid_mode(const struct inode *inode, uint32_t mode)
{
    return inode->operations == &node_regular_operations && (inode->mode ^ mode) & 0111 &&
           node_of((struct inode *)inode)->file.seals & F_SEAL_EXEC;
}

int64_t file_seals_get(struct file *file)
{
    struct node *node = sealable(file);
    return node ? (int64_t)READ_ONCE(node->file.seals) : -EINVAL;
}

int64_t file_seals_add(struct file *file, uint32_t seals)
{
    struct node *node = sealable(file);
    int64_t result = 0;
    if (!file_writable(file))
        return -EPERM;
    if (seals & ~(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE |
                  F_SEAL_EXEC) ||
        !node)
        return -EINVAL;
    mutex_lock(&file->inode->lock);
    uint32_t before = node->file.seals;
    /* A program that can run and cannot change. */
    if (seals & F_SEAL_EXEC && file->inode->mode & 0111)
        seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
    if (before & F_SEAL_SEAL) {
        result = -EPERM;
    } else {
        /* Set first: whoever maps it from now on sees the seal, and the others are found. */
        WRITE_ONCE(node->file.seals, before | seals);
        if (seals & ~before & F_SEAL_WRITE && file_mappings_writable(file->inode)) {
            WRITE_ONCE(node->file.seals, before);
            result = -EBUSY;
        }
    }
    mutex_unlock(&file->inode->lock);
    return result;
}
