/*
 * kernel/fs/dentry.c - names in the tree, cached under their directory so that walking a known path
 * asks no file system and takes no sleeping lock. Names known not to exist are cached too.
 *
 * A directory's cached children are a list, and a hash table beside it once there are more than a
 * few. A child without holders stays (references == 0) until the directory has more than
 * CHILDREN_MAX; then the oldest of those go. Counting up from 0 happens only under the parent's
 * lock, so whoever holds that lock and sees 0 may free the child. A dentry that left the cache
 * carries DENTRY_UNHASHED in its count and ends with its last holder, in one atomic step, so nobody
 * looks at it after its own decrement.
 *
 * Changes of the cache are made with the directory inode's mutex held (see inode.h); eviction needs
 * only the spinlock, since what it drops can be looked up again.
 */
#include "kernel/fs/inode.h"
#include "kernel/fs/notify/notify.h"

#include "kernel/lib/panic.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/observe/mutant.h"

#define CHILDREN_MAX  512 /* cached per directory before unused ones are dropped */
#define EVICTION_SCAN 16  /* how many of the oldest are looked at per insertion */
#define LIST_ONLY_MAX 8   /* up to here the list alone is searched */
#define FIRST_BUCKETS 32

static struct object_cache dentry_cache = OBJECT_CACHE_INIT("dentry", struct dentry);
static uint32_t last_prune_epoch; /* atomic */

uint32_t name_hash(const char *name, size_t length)
{
    uint32_t hash = 0;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)name[i]) * 0x01000193u;
    return hash;
}

/* ---- counting ---- */

void dentry_get(struct dentry *dentry)
{
    __atomic_fetch_add(&dentry->references, 1, __ATOMIC_RELAXED);
}

/* The dentry is in no cache and nobody holds it. Returns its parent, whose reference the caller now
 * owns. */
static struct dentry *dentry_destroy(struct dentry *dentry)
{
    struct dentry *parent = dentry->parent;
    kernel_assert(list_empty(&dentry->children) && !dentry->mounts);
    if (dentry->inode) {
        notify_name_gone(dentry->inode);
        inode_put(dentry->inode);
    }
    if (dentry->name != dentry->short_name)
        kfree(dentry->name);
    kfree(dentry->buckets);
    object_cache_free(&dentry_cache, dentry);
    return parent == dentry ? NULL : parent;
}

void dentry_put(struct dentry *dentry)
{
    while (dentry) {
        uint32_t left = __atomic_sub_fetch(&dentry->references, 1, __ATOMIC_ACQ_REL);
        kernel_assert((left & ~DENTRY_UNHASHED) != ~DENTRY_UNHASHED);
        if (likely(left != DENTRY_UNHASHED))
            return;
        dentry = dentry_destroy(dentry);
    }
}

struct dentry *dentry_parent(struct dentry *dentry)
{
    spin_lock(&dentry->lock);
    struct dentry *parent = dentry->parent;
    dentry_get(parent);
    spin_unlock(&dentry->lock);
    return parent;
}

bool dentry_is_below(struct dentry *dentry, const struct dentry *top)
{
    struct dentry *at = dentry;
    dentry_get(at);
    while (at != top) {
        struct dentry *parent = dentry_parent(at);
        dentry_put(at);
        if (parent == at) {
            dentry_put(parent);
            return false;
        }
        at = parent;
    }
    dentry_put(at);
    return true;
}

/* ---- the cache of one directory; parent->lock held in all of these ---- */

static void bucket_insert(struct dentry *parent, struct dentry *child)
{
    struct dentry **bucket = &parent->buckets[child->name_hash & (parent->bucket_count - 1)];
    child->hash_next = *bucket;
    *bucket = child;
}

static void bucket_remove(struct dentry *parent, struct dentry *child)
{
    struct dentry **link = &parent->buckets[child->name_hash & (parent->bucket_count - 1)];
    while (*link != child)
        link = &(*link)->hash_next;
    *link = child->hash_next;
}

/* A larger table, if there is memory; otherwise the chains just grow. */
static void buckets_grow(struct dentry *parent)
{
    uint32_t count = parent->bucket_count ? parent->bucket_count * 4 : FIRST_BUCKETS;
    struct dentry **buckets = kzalloc(count * sizeof(*buckets));
    if (!buckets)
        return;
    kfree(parent->buckets);
    parent->buckets = buckets;
    parent->bucket_count = count;
    struct dentry *child;
    list_for_each(child, &parent->children, sibling_link) bucket_insert(parent, child);
}

static void cache_insert(struct dentry *parent, struct dentry *child)
{
    list_push_front(&parent->children, &child->sibling_link);
    parent->child_count += MUTANT(NAME_COUNTED_TWICE) ? 2 : 1;
    if (parent->buckets)
        bucket_insert(parent, child);
    if (unlikely(parent->child_count > LIST_ONLY_MAX &&
                 parent->child_count > parent->bucket_count * 2))
        buckets_grow(parent);
}

static void cache_remove(struct dentry *parent, struct dentry *child)
{
    list_remove(&child->sibling_link);
    parent->child_count--;
    if (parent->buckets)
        bucket_remove(parent, child);
}

static bool dentry_is(const struct dentry *dentry, const char *name, size_t length, uint32_t hash)
{
    return dentry->name_hash == hash && dentry->name_length == length &&
           !memcmp(dentry->name, name, length);
}

/* Counted, or NULL. Takes the lock. */
static struct dentry *cache_find(struct dentry *parent, const char *name, size_t length,
                                 uint32_t hash)
{
    struct dentry *found = NULL, *child;
    spin_lock(&parent->lock);
    if (parent->buckets) {
        for (child = parent->buckets[hash & (parent->bucket_count - 1)]; child;
             child = child->hash_next) {
            if (dentry_is(child, name, length, hash)) {
                found = child;
                break;
            }
        }
    } else {
        list_for_each(child, &parent->children, sibling_link)
        {
            if (dentry_is(child, name, length, hash)) {
                found = child;
                break;
            }
        }
    }
    if (found)
        dentry_get(found);
    spin_unlock(&parent->lock);
    return found;
}

/* Moves unheld children among the `scan` oldest from the cache to `victims`; held ones become the
 * youngest. */
static void cache_evict(struct dentry *parent, unsigned scan, struct list *victims)
{
    while (scan-- && !list_empty(&parent->children)) {
        struct dentry *child = list_entry(parent->children.previous, struct dentry, sibling_link);
        if (__atomic_load_n(&child->references, __ATOMIC_ACQUIRE) == 0) {
            cache_remove(parent, child);
            list_push_back(victims, &child->sibling_link);
        } else {
            list_remove(&child->sibling_link);
            list_push_front(&parent->children, &child->sibling_link);
        }
    }
}

/* Without locks: inodes that end here may have much to free. The parent has other holders. */
static void destroy_victims(struct list *victims)
{
    while (!list_empty(victims)) {
        struct dentry *victim = list_first(victims, struct dentry, sibling_link);
        list_remove(&victim->sibling_link);
        victim->references = DENTRY_UNHASHED;
        dentry_put(dentry_destroy(victim));
    }
}

/* ---- making and looking up ---- */

/* Names that are not kept: the file system's come and go, or the directory itself was removed. */
static bool names_volatile(const struct dentry *directory)
{
    const struct inode *inode = directory->inode;
    return inode && (inode->filesystem->volatile_names || !inode->links);
}

struct dentry *dentry_create(struct dentry *parent, const char *name, size_t length,
                             struct inode *inode)
{
    struct dentry *dentry = object_cache_allocate(&dentry_cache);
    if (!dentry)
        return NULL;
    dentry->name = dentry->short_name;
    if (length >= DENTRY_SHORT_NAME) {
        dentry->name = kmalloc(length + 1);
        if (!dentry->name) {
            object_cache_free(&dentry_cache, dentry);
            return NULL;
        }
    }
    memcpy(dentry->name, name, length);
    dentry->name[length] = 0;
    dentry->name_length = (uint16_t)length;
    dentry->name_hash = name_hash(name, length);
    dentry->parent = parent ? parent : dentry;
    dentry->inode = inode;
    dentry->references = 1;
    dentry->hash_next = NULL;
    dentry->mounts = 0;
    spin_init(&dentry->lock, RANK_DENTRY);
    dentry->child_count = 0;
    list_init(&dentry->children);
    list_init(&dentry->sibling_link);
    dentry->buckets = NULL;
    dentry->bucket_count = 0;
    dentry->prune_epoch = 0;
    dentry->deleted = false;
    if (inode)
        inode_get(inode);
    if (!parent || names_volatile(parent)) {
        dentry->references |= DENTRY_UNHASHED;
        if (parent)
            dentry_get(parent);
        return dentry;
    }

    dentry_get(parent);
    struct list victims = LIST_INIT(victims);
    spin_lock(&parent->lock);
    if (unlikely(parent->child_count >= CHILDREN_MAX))
        cache_evict(parent, EVICTION_SCAN, &victims);
    cache_insert(parent, dentry);
    spin_unlock(&parent->lock);
    destroy_victims(&victims);
    return dentry;
}

static void dentry_unhash(struct dentry *dentry)
{
    struct dentry *parent = dentry->parent; /* stable: the directory's mutex is held */
    spin_lock(&parent->lock);
    if (!(dentry->references & DENTRY_UNHASHED)) {
        cache_remove(parent, dentry);
        __atomic_fetch_or(&dentry->references, DENTRY_UNHASHED, __ATOMIC_ACQ_REL);
    }
    spin_unlock(&parent->lock);
}

/* The directory is leaving the tree: its cached children must not keep it alive. */
static void forget_children(struct dentry *dentry)
{
    struct list victims = LIST_INIT(victims);
    spin_lock(&dentry->lock);
    while (!list_empty(&dentry->children)) {
        struct dentry *child = list_first(&dentry->children, struct dentry, sibling_link);
        cache_remove(dentry, child);
        if (__atomic_fetch_or(&child->references, DENTRY_UNHASHED, __ATOMIC_ACQ_REL) == 0)
            list_push_back(&victims, &child->sibling_link);
    }
    spin_unlock(&dentry->lock);
    destroy_victims(&victims);
}

static int lookup_locked_hashed(struct dentry *directory, const char *name, size_t length,
                                uint32_t hash, struct dentry **ret)
{
    struct inode *inode = directory->inode, *found = NULL;
    int error;
    *ret = cache_find(directory, name, length, hash);
    if (*ret)
        return 0;
    if (inode->links && inode->operations->lookup) {
        error = inode->operations->lookup(inode, name, length, &found);
        if (error)
            return error;
    }
    *ret = dentry_create(directory, name, length, found);
    if (found)
        inode_put(found);
    return *ret ? 0 : -ENOMEM;
}

int dentry_lookup_locked(struct dentry *directory, const char *name, size_t length,
                         struct dentry **ret)
{
    return lookup_locked_hashed(directory, name, length, name_hash(name, length), ret);
}

int dentry_lookup_hashed(struct dentry *directory, const char *name, size_t length, uint32_t hash,
                         struct dentry **ret)
{
    struct dentry *found = cache_find(directory, name, length, hash);
    if (likely(found)) {
        *ret = found;
        return 0;
    }
    mutex_lock(&directory->inode->lock);
    int error = lookup_locked_hashed(directory, name, length, hash, ret);
    mutex_unlock(&directory->inode->lock);
    return error;
}

int dentry_lookup(struct dentry *directory, const char *name, size_t length, struct dentry **ret)
{
    return dentry_lookup_hashed(directory, name, length, name_hash(name, length), ret);
}

/* ---- changes ---- */

void dentry_instantiate(struct dentry *dentry, struct inode *inode)
{
    inode_get(inode);
    store_release(&dentry->inode, inode);
}

void dentry_delete(struct dentry *dentry)
{
    dentry->deleted = true;
    dentry_unhash(dentry);
    if (unlikely(dentry->child_count))
        forget_children(dentry); /* it is empty: they are names that do not exist */
}

void dentry_move(struct dentry *dentry, struct dentry *new_parent, const char *name, size_t length,
                 char *spare_name)
{
    struct dentry *old_parent = dentry->parent;
    char *old_name = NULL;
    dentry_unhash(dentry);
    dentry_get(new_parent);
    spin_lock(&dentry->lock);
    if (dentry->name != dentry->short_name)
        old_name = dentry->name;
    dentry->name = length >= DENTRY_SHORT_NAME ? spare_name : dentry->short_name;
    memcpy(dentry->name, name, length);
    dentry->name[length] = 0;
    dentry->name_length = (uint16_t)length;
    dentry->name_hash = name_hash(name, length);
    dentry->parent = new_parent;
    spin_unlock(&dentry->lock);

    spin_lock(&new_parent->lock);
    __atomic_fetch_and(&dentry->references, ~DENTRY_UNHASHED, __ATOMIC_ACQ_REL);
    cache_insert(new_parent, dentry);
    spin_unlock(&new_parent->lock);
    dentry_put(old_parent);
    kfree(old_name);
}

/*
 * Depth first without recursion (the tree is as deep as a program likes): a child that has children
 * of its own is visited once per call, which its epoch remembers; on the way back up it may have
 * become unheld.
 */
void dentry_prune_tree(struct dentry *top)
{
    uint32_t epoch = __atomic_add_fetch(&last_prune_epoch, 1, __ATOMIC_RELAXED);
    struct dentry *at = top;
    dentry_get(at);
    for (;;) {
        struct list victims = LIST_INIT(victims);
        struct dentry *child, *next = NULL;
        spin_lock(&at->lock);
        cache_evict(at, at->child_count, &victims);
        list_for_each(child, &at->children, sibling_link)
        {
            if (child->prune_epoch != epoch && READ_ONCE(child->child_count)) {
                child->prune_epoch = epoch;
                dentry_get(child);
                next = child;
                break;
            }
        }
        spin_unlock(&at->lock);
        destroy_victims(&victims);
        if (!next && at == top)
            break;
        if (!next)
            next = dentry_parent(at);
        dentry_put(at);
        at = next;
    }
    dentry_put(at);
}
