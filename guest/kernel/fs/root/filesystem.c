/*
 * kernel/fs/root/filesystem.c - the in-memory file systems as a whole: the root over the image,
 * tmpfs, and the files that the host adds at boot.
 *
 * Their limits are in limits.c.
 */
#include "arch/layout.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/fs/root/node.h"
#include "kernel/fs/root/root.h"
#include "kernel/lib/panic.h"
#include "kernel/lib/string.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/object_cache.h"
#include "shared/boot.h"

#define TMPFS_MAGIC 0x01021994u
#define RAMFS_MAGIC 0x858458f6u

static void memory_release(struct filesystem *filesystem)
{
    kfree(container_of(filesystem, struct memory_filesystem, filesystem));
}

struct memory_filesystem *memory_filesystem_create(const struct image *image)
{
    struct memory_filesystem *memory = kzalloc(sizeof(*memory));
    struct node *root = NULL;
    if (!memory)
        return NULL;
    memory->filesystem.type = "tmpfs";
    memory->filesystem.magic = TMPFS_MAGIC;
    memory->filesystem.device = filesystem_new_device();
    memory->filesystem.holders = 1; /* until it is unmounted */
    filesystem_mounts_init(&memory->filesystem);
    memory_limits_init(memory);
    spin_init(&memory->table_lock, RANK_DENTRY);
    if (image) {
        memory->image = *image;
        /* Numbers of inodes made later begin where those of the image end. */
        memory->filesystem.next_inode_number = image->bytes / 32 + 1;
        memory->inodes_max += image->bytes / 32;
        if (node_from_image_root(memory, &root))
            log_line("root image: its root directory is damaged; starting with an empty root");
    }
    if (!root && node_create(memory, S_IFDIR | 0755, &root)) {
        kfree(memory);
        return NULL;
    }
    memory->filesystem.root = dentry_create(NULL, "/", 1, &root->inode);
    inode_put(&root->inode);
    if (!memory->filesystem.root) {
        kfree(memory);
        return NULL;
    }
    memory->filesystem.release = memory_release;
    return memory;
}

struct filesystem *tmpfs_create(void)
{
    struct memory_filesystem *memory = memory_filesystem_create(NULL);
    if (!memory)
        return NULL;
    memory->filesystem.root->inode->mode = S_IFDIR | S_ISVTX | 0777;
    return &memory->filesystem;
}

struct filesystem *ramfs_create(void)
{
    struct memory_filesystem *memory = memory_filesystem_create(NULL);
    if (!memory)
        return NULL;
    memory->filesystem.type = "ramfs";
    memory->filesystem.magic = RAMFS_MAGIC;
    memory->filesystem.usage = NULL;
    memory->pages_max = memory->inodes_max = UINT64_MAX;
    return &memory->filesystem;
}

struct filesystem *root_filesystem_create(const struct boot_info *boot)
{
    struct image image;
    const struct image *use = NULL;
    if (boot->image.bytes) {
        if (image_open(&image, phys_to_virt(boot->image.phys), boot->image.bytes))
            log_line("root image at 0x%lx, %lu bytes: no EROFS image that can be read (needs 4 KiB "
                     "blocks, no "
                     "compression); starting with an empty root",
                     boot->image.phys, boot->image.bytes);
        else
            use = &image;
    }
    struct memory_filesystem *memory = memory_filesystem_create(use);
    if (!memory)
        panic("no memory for the root file system");
    return &memory->filesystem;
}

/* ---- files that the host adds ---- */

int root_make_directory(const char *path, uint32_t mode)
{
    char name[NAME_MAX + 1];
    struct path parent;
    struct dentry *dentry;
    bool special, slash;
    int error = path_lookup_parent(AT_FDCWD, path, &parent, name, &special, &slash);
    if (error || special) {
        if (!error)
            path_put(&parent);
        return error;
    }
    struct inode *directory = parent.dentry->inode, *inode;
    mutex_lock(&directory->lock);
    error = dentry_lookup_locked(parent.dentry, name, strlen(name), &dentry);
    if (!error) {
        if (!dentry->inode) {
            error = directory->operations->create(directory, name, strlen(name), S_IFDIR | mode, 0,
                                                  &inode);
            if (!error) {
                dentry_instantiate(dentry, inode);
                inode_put(inode);
            }
        }
        dentry_put(dentry);
    }
    mutex_unlock(&directory->lock);
    path_put(&parent);
    return error;
}

/* The directories above `path`, as far as they are missing. The text is changed for the time of the
 * call only. */
static int make_parents(char *path)
{
    for (char *at = path + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = 0;
        int error = root_make_directory(path, 0755);
        *at = '/';
        if (error)
            return error;
    }
    return 0;
}

static int add_file(char *path, const struct boot_file *file)
{
    char name[NAME_MAX + 1];
    struct path parent;
    struct dentry *dentry;
    struct node *node;
    bool special, slash;
    int error = make_parents(path);
    if (!error)
        error = path_lookup_parent(AT_FDCWD, path, &parent, name, &special, &slash);
    if (error)
        return error;
    struct inode *directory = parent.dentry->inode;
    if (special || slash || directory->operations != &node_directory_operations) {
        path_put(&parent);
        return -EINVAL;
    }
    size_t length = strlen(name);
    error = node_create(memory_of(directory), S_IFREG | (file->mode & 07777), &node);
    if (error) {
        path_put(&parent);
        return error;
    }
    node->inode.bytes = file->bytes;
    node->data.blocks = phys_to_virt(file->phys);
    node->data.block_bytes = file->bytes;
    node->file.in_place_bytes = file->bytes;

    mutex_lock(&directory->lock);
    error = dentry_lookup_locked(parent.dentry, name, length, &dentry);
    if (!error && dentry->inode) {
        error = inode_is(dentry->inode, S_IFDIR)
                    ? -EISDIR
                    : directory->operations->unlink(directory, name, length, dentry->inode);
        if (!error)
            dentry_delete(dentry);
        dentry_put(dentry);
        if (!error)
            error = dentry_lookup_locked(parent.dentry, name, length, &dentry);
    }
    if (!error) {
        node->inode.links = 0;
        error = directory->operations->link(directory, name, length, &node->inode);
        if (!error)
            dentry_instantiate(dentry, &node->inode);
        dentry_put(dentry);
    }
    mutex_unlock(&directory->lock);
    inode_put(&node->inode);
    path_put(&parent);
    return error;
}

void root_add_boot_files(const struct boot_info *boot)
{
    const char *strings = phys_to_virt(BOOT_STRINGS_PHYS);
    uint32_t strings_bytes = min((uint64_t)boot->strings_bytes, BOOT_STRINGS_MAX);
    for (uint32_t i = 0; i < min(boot->file_count, (uint32_t)BOOT_FILES_MAX); i++) {
        const struct boot_file *file = &boot->files[i];
        const char *path = file->path < strings_bytes ? strings + file->path : "";
        size_t length = strnlen(path, file->path < strings_bytes ? strings_bytes - file->path : 0);
        if (*path != '/' || length >= PATH_MAX || file->path + length >= strings_bytes) {
            log_line("boot file %u: its path is not an absolute path; left out", i);
            continue;
        }
        char *text = kstrdup(path);
        int error = text ? add_file(text, file) : -ENOMEM;
        kfree(text);
        if (error)
            log_line("boot file %s: cannot be added (error %d)", path, -error);
    }
}
