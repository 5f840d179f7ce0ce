/*
 * kernel/fs/root/directory.c - directories of the in-memory file systems. What a directory of the
 * image holds is searched in the image; an entry here adds a name, replaces one, or hides one (a
 * whiteout: no inode).
 *
 * Locks: the directory's mutex in all operations; that of a child (parent before child) to change
 * its link count or to see that it is empty.
 */
#include "kernel/fs/root/directory.h"

#include "kernel/lib/panic.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/sched/task.h"

void directory_init(struct node *directory)
{
    directory->directory.names = (struct rb_tree){0};
    directory->directory.order = (struct rb_tree){0};
    directory->directory.next_position = POSITION_MADE;
    directory->directory.image_parent = NULL;
    directory->directory.image_position = 0;
}

/* ---- entries ---- */

static int entry_order(const char *name, size_t length, uint32_t hash, const struct entry *entry)
{
    if (hash != entry->hash)
        return hash < entry->hash ? -1 : 1;
    if (length != entry->length)
        return length < entry->length ? -1 : 1;
    return memcmp(name, entry->name, length);
}

struct entry *entry_find(const struct node *directory, const char *name, size_t length)
{
    struct rb_node *at = directory->directory.names.root;
    if (!at)
        return NULL;
    uint32_t hash = name_hash(name, length);
    while (at) {
        struct entry *entry = rb_entry(at, struct entry, by_name);
        int order = entry_order(name, length, hash, entry);
        if (!order)
            return entry;
        at = order < 0 ? at->left : at->right;
    }
    return NULL;
}

/* A whiteout for now. The name is not in the tree yet. */
static struct entry *entry_insert(struct node *directory, const char *name, size_t length,
                                  bool hides_image)
{
    struct entry *entry = kmalloc(sizeof(*entry) + length);
    if (!entry)
        return NULL;
    entry->inode = NULL;
    entry->position = 0;
    entry->hash = name_hash(name, length);
    entry->length = (uint8_t)length;
    entry->hides_image = hides_image;
    memcpy(entry->name, name, length);
    struct rb_node **link = &directory->directory.names.root, *parent = NULL;
    while (*link) {
        parent = *link;
        int order = entry_order(name, length, entry->hash, rb_entry(parent, struct entry, by_name));
        link = order < 0 ? &parent->left : &parent->right;
    }
    rb_insert(&directory->directory.names, &entry->by_name, parent, link);
    return entry;
}

/* The whiteout stands for the inode from now on; takes over the caller's reference. */
static void entry_set(struct node *directory, struct entry *entry, struct inode *inode)
{
    entry->inode = inode;
    entry->position = directory->directory.next_position++;
    /* The largest position so far: the rightmost place. */
    struct rb_node **link = &directory->directory.order.root, *parent = NULL;
    while (*link) {
        parent = *link;
        link = &parent->right;
    }
    rb_insert(&directory->directory.order, &entry->by_position, parent, link);
}

/* Back to a whiteout, or away if nothing needs hiding. The entry's reference goes to the caller. */
static struct inode *entry_unset(struct node *directory, struct entry *entry)
{
    struct inode *inode = entry->inode;
    if (inode)
        rb_remove(&directory->directory.order, &entry->by_position);
    entry->inode = NULL;
    if (!entry->hides_image) {
        rb_remove(&directory->directory.names, &entry->by_name);
        kfree(entry);
    }
    return inode;
}

static void directory_touch(struct inode *directory)
{
    directory->modify_ns = directory->change_ns = clock_realtime_ns();
}

void directory_clear(struct node *directory, void (*drop)(void *context, struct inode *inode),
                     void *context)
{
    struct rb_node *at;
    unsigned count = 0;
    while ((at = directory->directory.names.root)) {
        struct entry *entry = rb_entry(at, struct entry, by_name);
        entry->hides_image = false;
        struct inode *inode = entry_unset(directory, entry);
        if (inode)
            drop(context, inode);
        if ((++count & 63) == 0)
            preemption_point();
    }
}

/* ---- looking up ---- */

static int directory_lookup(struct inode *inode, const char *name, size_t length,
                            struct inode **ret)
{
    struct node *directory = node_of(inode);
    struct image_entry found;
    struct entry *entry = entry_find(directory, name, length);
    *ret = NULL;
    if (entry) {
        *ret = entry->inode;
        if (*ret)
            inode_get(*ret);
        return 0;
    }
    if (!has_image(directory))
        return 0;
    int error = image_find(&directory->data, name, length, &found);
    if (error)
        return error == -ENOENT ? 0 : error;
    return node_from_image(directory, &found, ret);
}

static bool directory_empty(const struct node *directory)
{
    struct image_entry entry;
    uint64_t position = 0;
    if (directory->directory.order.root)
        return false;
    if (!has_image(directory))
        return true;
    while (image_next(&directory->data, &position, &entry)) {
        if (!entry_find(directory, entry.name, entry.length))
            return false;
    }
    return true;
}

/* ---- changes ---- */

/* Adds a name that stands for the inode; takes over a reference of it on success. */
static int directory_add(struct inode *directory, const char *name, size_t length,
                         struct inode *inode)
{
    struct node *node = node_of(directory);
    struct entry *entry = entry_find(node, name, length);
    if (!entry)
        entry = entry_insert(node, name, length, false);
    if (!entry)
        return -ENOMEM;
    entry_set(node, entry, inode);
    if (inode_is(inode, S_IFDIR))
        directory->links++;
    directory_touch(directory);
    return 0;
}

/* Makes a fresh node known under a name. On success *ret is a second, counted reference. */
static int directory_add_new(struct inode *directory, const char *name, size_t length,
                             struct node *node, struct inode **ret)
{
    int error = directory_add(directory, name, length, &node->inode);
    if (error) {
        inode_put(&node->inode);
        return error;
    }
    inode_get(&node->inode);
    *ret = &node->inode;
    return 0;
}

static int directory_create(struct inode *directory, const char *name, size_t length, uint32_t mode,
                            uint32_t device, struct inode **ret)
{
    struct node *node;
    int error = node_create(memory_of(directory), mode, &node);
    if (error)
        return error;
    node->inode.device = device;
    return directory_add_new(directory, name, length, node, ret);
}

static int directory_create_unnamed(struct inode *directory, uint32_t mode, struct inode **ret)
{
    struct node *node;
    int error = node_create(memory_of(directory), mode, &node);
    if (error)
        return error;
    node->inode.links = 0;
    *ret = &node->inode;
    return 0;
}

static int directory_symlink(struct inode *directory, const char *name, size_t length,
                             const char *target, struct inode **ret)
{
    struct node *node;
    int error = node_create(memory_of(directory), S_IFLNK | 0777, &node);
    if (error)
        return error;
    node->target = kstrdup(target);
    if (!node->target) {
        inode_put(&node->inode);
        return -ENOMEM;
    }
    node->inode.bytes = strlen(target);
    return directory_add_new(directory, name, length, node, ret);
}

static int directory_link(struct inode *directory, const char *name, size_t length,
                          struct inode *inode)
{
    inode_get(inode);
    int error = directory_add(directory, name, length, inode);
    if (error) {
        inode_put(inode);
        return error;
    }
    mutex_lock(&inode->lock);
    inode->links++;
    inode->change_ns = clock_realtime_ns();
    mutex_unlock(&inode->lock);
    return 0;
}

/* One name of the inode goes: its link count falls. -ENOTEMPTY for a directory that has entries. */
static int victim_unlink(struct inode *directory, struct inode *victim)
{
    int error = 0;
    mutex_lock(&victim->lock);
    if (!inode_is(victim, S_IFDIR)) {
        if (victim->links)
            victim->links--;
    } else if (directory_empty(node_of(victim))) {
        victim->links = 0;
        directory->links--;
    } else {
        error = -ENOTEMPTY;
    }
    if (!error)
        victim->change_ns = clock_realtime_ns();
    mutex_unlock(&victim->lock);
    if (!error && !victim->links)
        node_forget(node_of(victim));
    return error;
}

/* The entry of an existing name, made if only the image has it (*ret_made; then still a whiteout).
 */
static struct entry *entry_of(struct node *directory, const char *name, size_t length,
                              bool *ret_made)
{
    struct entry *entry = entry_find(directory, name, length);
    *ret_made = !entry;
    return entry ? entry : entry_insert(directory, name, length, true);
}

/* Takes back what entry_of() made. */
static void entry_unmake(struct node *directory, struct entry *entry, bool made)
{
    if (made) {
        entry->hides_image = false;
        entry_unset(directory, entry);
    }
}

static int directory_unlink(struct inode *directory, const char *name, size_t length,
                            struct inode *inode)
{
    struct node *node = node_of(directory);
    bool made;
    struct entry *entry = entry_of(node, name, length, &made);
    if (!entry)
        return -ENOMEM;
    int error = victim_unlink(directory, inode);
    if (error) {
        entry_unmake(node, entry, made);
        return error;
    }
    struct inode *held = entry_unset(node, entry);
    directory_touch(directory);
    if (held)
        inode_put(held);
    return 0;
}

static int directory_rename(struct inode *old_directory, const char *old_name, size_t old_length,
                            struct inode *new_directory, const char *new_name, size_t new_length,
                            struct inode *inode, struct inode *replaced)
{
    struct node *from = node_of(old_directory), *to = node_of(new_directory);
    bool from_made, to_made = false;
    struct entry *old_entry = entry_of(from, old_name, old_length, &from_made);
    if (!old_entry)
        return -ENOMEM;
    /* Not `replaced`: then the name is not in the image, unless a whiteout is there already. */
    struct entry *new_entry = entry_find(to, new_name, new_length);
    if (!new_entry) {
        to_made = true;
        new_entry = entry_insert(to, new_name, new_length, replaced != NULL);
    }
    int error = !new_entry ? -ENOMEM : replaced ? victim_unlink(new_directory, replaced) : 0;
    if (error) {
        if (new_entry)
            entry_unmake(to, new_entry, to_made);
        entry_unmake(from, old_entry, from_made);
        return error;
    }

    inode_get(inode);
    struct inode *old_held = entry_unset(from, old_entry);
    struct inode *replaced_held = new_entry->inode;
    if (replaced_held)
        rb_remove(&to->directory.order, &new_entry->by_position);
    entry_set(to, new_entry, inode);
    if (inode_is(inode, S_IFDIR) && old_directory != new_directory) {
        old_directory->links--;
        new_directory->links++;
    }
    directory_touch(old_directory);
    if (new_directory != old_directory)
        directory_touch(new_directory);
    inode->change_ns = clock_realtime_ns();
    if (old_held)
        inode_put(old_held);
    if (replaced_held)
        inode_put(replaced_held);
    return 0;
}

static int directory_exchange(struct inode *old_directory, const char *old_name, size_t old_length,
                              struct inode *new_directory, const char *new_name, size_t new_length)
{
    struct inode *directories[2] = {old_directory, new_directory}, *inodes[2] = {NULL, NULL};
    const char *names[2] = {old_name, new_name};
    size_t lengths[2] = {old_length, new_length};
    struct entry *entries[2] = {NULL, NULL};
    int error = 0;
    for (int i = 0; i < 2 && !error; i++) {
        error = directory_lookup(directories[i], names[i], lengths[i], &inodes[i]);
        if (!error && !inodes[i])
            error = -ENOENT;
    }
    for (int i = 0; i < 2 && !error; i++) {
        struct node *node = node_of(directories[i]);
        bool made;
        entries[i] = entry_of(node, names[i], lengths[i], &made);
        if (!entries[i]) {
            error = -ENOMEM;
        } else if (made) {
            /* An entry that says what the image says changes nothing, whatever happens next. */
            inode_get(inodes[i]);
            entry_set(node, entries[i], inodes[i]);
        }
    }
    if (!error) {
        struct inode *swap = entries[0]->inode;
        entries[0]->inode = entries[1]->inode;
        entries[1]->inode = swap;
        int difference = (int)inode_is(inodes[1], S_IFDIR) - (int)inode_is(inodes[0], S_IFDIR);
        old_directory->links += (uint32_t)difference;
        new_directory->links -= (uint32_t)difference;
        inodes[0]->change_ns = inodes[1]->change_ns = clock_realtime_ns();
        directory_touch(old_directory);
        directory_touch(new_directory);
    }
    for (int i = 0; i < 2; i++) {
        if (inodes[i])
            inode_put(inodes[i]);
    }
    return error;
}

const struct inode_operations node_directory_operations = {
    .lookup = directory_lookup,
    .create = directory_create,
    .create_unnamed = directory_create_unnamed,
    .symlink = directory_symlink,
    .link = directory_link,
    .unlink = directory_unlink,
    .rename = directory_rename,
    .exchange = directory_exchange,
    .attributes = node_attributes,
    .destroy = node_destroy,
};
