/*
 * kernel/net/names.c - addresses, and who is bound to them. See names.h.
 *
 * Locks: names_lock (spinlock, RANK_SOCKET_NAMES) guards the buckets; who is in one has a
 * reference, its file's. A path leads to an inode; two paths of one inode lead to one socket.
 */
#include "kernel/net/names.h"

#include "kernel/fs/mount/mount.h"
#include "kernel/fs/permission.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/observe/mutant.h"
#include "kernel/sync/refcount.h"

static struct spinlock names_lock = SPINLOCK_INIT(RANK_SOCKET_NAMES);
struct list socket_names[SOCKET_NAME_BUCKETS];

int socket_address_make(struct socket_address *ret, const void *sockaddr, uint32_t bytes)
{
    uint32_t path_bytes = bytes - (uint32_t)sizeof(ret->family);

    if (bytes <= sizeof(ret->family) || bytes > SOCKET_ADDRESS_MAX)
        return -EINVAL;
    memset(ret, 0, sizeof(*ret));
    memcpy(&ret->family, sockaddr, sizeof(ret->family));
    memcpy(ret->path, (const char *)sockaddr + sizeof(ret->family), path_bytes);
    if (ret->family != AF_UNIX)
        return -EINVAL;
    ret->bytes = bytes;
    if (ret->path[0]) /* a path ends at its NUL, which need not have been given */
        ret->bytes = (uint32_t)(sizeof(ret->family) + strlen(ret->path) + 1);
    return 0;
}

void socket_address_get(struct socket_address *address)
{
    reference_get(&address->references);
}

void socket_address_put(struct socket_address *address)
{
    if (address && reference_put(&address->references))
        kfree(address);
}

/* Lock held. */
static struct list *bucket_of(const struct socket_address *address, const struct inode *inode)
{
    uint64_t hash = (uint64_t)inode >> 6;

    for (uint32_t i = 0; !inode && i < address->bytes - sizeof(address->family); i++)
        hash = hash * 31 + (uint8_t)address->path[i];
    struct list *bucket = &socket_names[hash * 0x9e3779b97f4a7c15ull >> 58];
    if (!bucket->next)
        list_init(bucket);
    return bucket;
}

/* By `inode`, or who has the abstract name for sockets like `from`. Lock held. */
static struct socket *find_locked(struct list *bucket, const struct socket_address *address,
                                  const struct socket *from, const struct inode *inode)
{
    struct socket *socket;

    list_for_each(socket, bucket, name_link)
    {
        if (inode ? socket->bound_inode == inode
                  : !socket->bound_inode && socket->type == from->type &&
                        socket->net_number == from->net_number &&
                        socket->address->bytes == address->bytes &&
                        !memcmp(socket->address->path, address->path,
                                address->bytes - sizeof(address->family)))
            return socket;
    }
    return NULL;
}

int names_enter(struct socket *socket, struct socket_address *address, struct inode *inode)
{
    spin_lock(&names_lock);
    struct list *bucket = bucket_of(address, inode);
    bool taken = !inode && find_locked(bucket, address, socket, NULL);
    if (!taken) {
        if (inode)
            inode_get(inode);
        socket->bound_inode = inode;
        WRITE_ONCE(socket->address, address);
        if (!MUTANT(SOCKET_NAME_MISSING))
            list_push_back(bucket, &socket->name_link);
    }
    spin_unlock(&names_lock);
    return taken ? -EADDRINUSE : 0;
}

void names_leave(struct socket *socket)
{
    spin_lock(&names_lock);
    list_remove(&socket->name_link);
    spin_unlock(&names_lock);
}

static struct socket *find_get(const struct socket_address *address, const struct socket *from,
                               const struct inode *inode)
{
    spin_lock(&names_lock);
    struct socket *socket = find_locked(bucket_of(address, inode), address, from, inode);
    if (socket)
        socket_get(socket);
    spin_unlock(&names_lock);
    return socket;
}

int names_find(const struct socket_address *address, const struct socket *from, struct socket **ret)
{
    struct path place;

    if (!socket_address_is_path(address)) {
        *ret = find_get(address, from, NULL);
        return *ret ? 0 : -ECONNREFUSED;
    }
    int error = path_lookup(AT_FDCWD, address->path, PATH_FOLLOW, &place);
    if (error)
        return error;
    struct inode *inode = place.dentry->inode;
    error = inode_permission(inode, MAY_WRITE);
    if (!error) {
        *ret = inode_is(inode, S_IFSOCK) ? find_get(address, from, inode) : NULL;
        error = *ret ? 0 : -ECONNREFUSED;
    }
    path_put(&place);
    if (!error && (*ret)->type != from->type) {
        socket_put(*ret);
        error = -EPROTOTYPE;
    }
    return error;
}
