/*
 * kernel/fs/mount/mount.c - one mount: making, counting, ending; the table of covered places, and
 * crossing from a place to what covers it. See mount.h.
 */
#include "kernel/fs/mount/mount.h"

#include "kernel/fs/notify/notify.h"

#include "kernel/fs/path.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/observe/mutant.h"

#define TABLE_BUCKETS 256u

struct mutex mount_lock; /* initialised by mount_initialise() */
struct spinlock mount_table_lock = SPINLOCK_INIT(RANK_MOUNT_TABLE);
struct path initial_root;

static struct object_cache mount_cache = OBJECT_CACHE_INIT("mount", struct mount);
static struct mount *table[TABLE_BUCKETS]; /* by covered dentry; mount_table_lock */
static uint32_t last_id;                   /* mount_lock */

static struct mount **bucket_of(const struct dentry *dentry)
{
    uint64_t hash = (uint64_t)dentry * 0x9e3779b97f4a7c15ull;
    return &table[hash >> 32 & (TABLE_BUCKETS - 1)];
}

/* ---- a file system's mounts ---- */

void filesystem_mounts_init(struct filesystem *filesystem)
{
    list_init(&filesystem->mounts);
    filesystem->mount_count = 1;
}

void filesystem_mounts_get(struct filesystem *filesystem)
{
    reference_get(&filesystem->mount_count);
}

void filesystem_mounts_put(struct filesystem *filesystem)
{
    if (!reference_put(&filesystem->mount_count))
        return;
    notify_unmounted(filesystem);
    dentry_prune_tree(filesystem->root);
    dentry_put(filesystem->root);
    filesystem_drop(filesystem);
}

/* ---- making and ending ---- */

struct mount *mount_create(struct filesystem *filesystem, struct dentry *root, const char *source)
{
    size_t bytes = strlen(source) + 1;
    char *text = kmalloc(bytes);
    struct mount *mount = text ? object_cache_allocate(&mount_cache) : NULL;
    if (!mount) {
        kfree(text);
        return NULL;
    }
    memcpy(text, source, bytes);
    memset(mount, 0, sizeof(*mount));
    mount->references = 1;
    mount->id = ++last_id;
    mount->parent = mount;
    mount->root = root;
    mount->filesystem = filesystem;
    mount->source = text;
    mount->flags = MOUNT_RELATIVE_ACCESS_TIME;
    list_init(&mount->children);
    list_init(&mount->child_link);
    list_init(&mount->peers);
    list_init(&mount->slaves);
    list_init(&mount->slave_link);
    list_init(&mount->work_link);
    list_init(&mount->grave_link);
    list_init(&mount->namespace_link);
    dentry_get(root);
    spin_lock(&mount_table_lock);
    list_push_back(&filesystem->mounts, &mount->filesystem_link);
    spin_unlock(&mount_table_lock);
    return mount;
}

void mount_destroy(struct mount *mount)
{
    kernel_assert(!mount->namespace && mount->parent == mount && list_empty(&mount->children));
    spin_lock(&mount_table_lock);
    list_remove(&mount->filesystem_link);
    spin_unlock(&mount_table_lock);
    dentry_put(mount->root);
    filesystem_mounts_put(mount->filesystem);
    kfree(mount->source);
    object_cache_free(&mount_cache, mount);
}

/* ---- what a mount allows ---- */

int mount_want_write(struct mount *mount, const struct inode *inode)
{
    if (!mount)
        return mount_read_only(NULL, inode);
    /* Counted first: a remount sets the flag and then looks at the count. */
    __atomic_fetch_add(&mount->writers, 1, __ATOMIC_SEQ_CST);
    int error = mount_read_only(mount, inode);
    if (error)
        mount_drop_write(mount);
    return error;
}

void mount_drop_write(struct mount *mount)
{
    if (mount)
        __atomic_fetch_sub(&mount->writers, 1, __ATOMIC_RELEASE);
}

bool mount_keeps_access_time(const struct mount *mount, const struct inode *inode)
{
    uint32_t flags = mount ? READ_ONCE(mount->flags) : 0;
    return mount_read_only(mount, inode) || flags & MOUNT_NO_ACCESS_TIME ||
           (flags & MOUNT_NO_DIRECTORY_ACCESS_TIME && inode_is(inode, S_IFDIR));
}

/* ---- the table ---- */

struct mount *mount_find(const struct mount *mount, const struct dentry *dentry)
{
    struct mount *found = *bucket_of(dentry);
    while (found && (found->mountpoint != dentry || found->parent != mount))
        found = found->hash_next;
    return found;
}

struct mount *mount_cross(const struct mount *mount, struct dentry **dentry)
{
    struct mount *top = NULL, *next;
    while (READ_ONCE((*dentry)->mounts)) {
        spin_lock(&mount_table_lock);
        next = mount_find(top ? top : mount, *dentry);
        mount_get(next);
        spin_unlock(&mount_table_lock);
        if (!next)
            break;
        dentry_get(next->root);
        dentry_put(*dentry);
        *dentry = next->root;
        mount_put(top);
        top = next;
        WRITE_ONCE(top->expiring, false);
    }
    return top;
}

void path_cross(struct path *path)
{
    struct mount *top = mount_cross(path->mount, &path->dentry);
    if (!top)
        return;
    mount_put(path->mount);
    path->mount = top;
}

bool mount_covered_get(const struct mount *mount, struct path *ret)
{
    spin_lock(&mount_table_lock);
    bool covers = mount->parent != mount;
    if (covers) {
        *ret = (struct path){mount->parent, mount->mountpoint};
        path_get(ret);
    }
    spin_unlock(&mount_table_lock);
    return covers;
}

void mount_connect(struct mount *mount, struct mount *parent, struct dentry *mountpoint)
{
    struct mount **bucket = bucket_of(mountpoint);
    mount_get(parent);
    dentry_get(mountpoint);
    spin_lock(&mount_table_lock);
    mount->parent = parent;
    mount->mountpoint = mountpoint;
    mount->hash_next = *bucket;
    *bucket = mount;
    mountpoint->mounts += MUTANT(COVER_COUNTED_TWICE) ? 2 : 1;
    spin_unlock(&mount_table_lock);
    list_push_back(&parent->children, &mount->child_link);
}

void mount_disconnect(struct mount *mount, struct path *ret)
{
    struct mount **link = bucket_of(mount->mountpoint);
    *ret = (struct path){mount->parent, mount->mountpoint};
    spin_lock(&mount_table_lock);
    while (*link != mount)
        link = &(*link)->hash_next;
    *link = mount->hash_next;
    mount->mountpoint->mounts--;
    mount->parent = mount;
    mount->mountpoint = NULL;
    spin_unlock(&mount_table_lock);
    list_remove(&mount->child_link);
    list_init(&mount->child_link);
}

bool mount_covers_here(const struct dentry *dentry)
{
    const struct mount_namespace *namespace = mount_namespace_current();
    bool here = false;
    spin_lock(&mount_table_lock);
    for (struct mount *mount = *bucket_of(dentry); mount && !here; mount = mount->hash_next)
        here = mount->mountpoint == dentry && mount->namespace == namespace;
    spin_unlock(&mount_table_lock);
    return here;
}

void mount_detach_from(struct dentry *dentry)
{
    struct mount_graveyard graveyard = MOUNT_GRAVEYARD_INIT(graveyard);
    mutex_lock(&mount_lock);
    for (;;) {
        struct mount *mount;
        spin_lock(&mount_table_lock);
        for (mount = *bucket_of(dentry); mount; mount = mount->hash_next) {
            if (mount->mountpoint == dentry)
                break;
        }
        spin_unlock(&mount_table_lock);
        if (!mount)
            break;
        mount_remove_tree(mount, false, &graveyard);
    }
    mutex_unlock(&mount_lock);
    mount_graveyard_bury(&graveyard);
}

/* ---- start ---- */

int mount_initialise(struct filesystem *filesystem)
{
    struct filesystem *below = ramfs_create();
    struct mount *bottom, *top;
    mutex_init(&mount_lock, RANK_RENAME);
    if (!below || !filesystem)
        return -ENOMEM;
    below->type = "rootfs";
    mutex_lock(&mount_lock);
    bottom = mount_create(below, below->root, "rootfs");
    top = mount_create(filesystem, filesystem->root, "tmpfs");
    if (!bottom || !top) {
        mutex_unlock(&mount_lock);
        return -ENOMEM;
    }
    initial_mount_namespace.root = bottom;
    mount_connect(top, bottom, below->root);
    mount_tree_enter(bottom, &initial_mount_namespace);
    mutex_unlock(&mount_lock);
    initial_root = (struct path){top, filesystem->root};
    path_get(&initial_root);
    return 0;
}

int mount_filesystem(struct filesystem *filesystem, const char *source, const char *path)
{
    struct mount_graveyard graveyard = MOUNT_GRAVEYARD_INIT(graveyard);
    struct path place;
    if (!filesystem)
        return -ENOMEM;
    int error = path_lookup(AT_FDCWD, path, PATH_FOLLOW | PATH_DIRECTORY, &place);
    if (error)
        return error;
    mutex_lock(&mount_lock);
    struct mount *mount = mount_create(filesystem, filesystem->root, source);
    error = mount ? mount_attach_tree(mount, &place, &graveyard) : -ENOMEM;
    mutex_unlock(&mount_lock);
    path_put(&place);
    return error;
}
