/*
 * kernel/namespace/containers.c - namespaces that are a name and nothing else: whoever is in one is
 * told apart by it (/proc/PID/ns, lsns(8)). What cgroup namespaces would separate does not exist here;
 * network namespaces separate abstract socket names, which go by the namespace's number (net/names.c).
 * The user namespace is always the first one: making another is refused (EPERM).
 */
#include "kernel/lib/errno.h"
#include "kernel/mm/object_cache.h"
#include "kernel/namespace/namespace.h"
#include "kernel/process/clone_flags.h"

static int create_bare(struct namespace *from, struct fs_context *fs, struct namespace **ret)
{
    struct namespace *fresh = kzalloc(sizeof(*fresh));
    if (!fresh)
        return -ENOMEM;
    namespace_publish(fresh, from->type);
    *ret = fresh;
    return 0;
}

static void release_bare(struct namespace *namespace)
{
    kfree(namespace);
}

const struct namespace_type cgroup_namespace_type = {
    .kind = NAMESPACE_CGROUP,
    .name = "cgroup",
    .clone_flag = CLONE_NEWCGROUP,
    .create = create_bare,
    .release = release_bare,
};
const struct namespace_type net_namespace_type = {
    .kind = NAMESPACE_NET,
    .name = "net",
    .clone_flag = CLONE_NEWNET,
    .create = create_bare,
    .release = release_bare,
};
const struct namespace_type user_namespace_type = {
    .kind = NAMESPACE_USER, .name = "user", .clone_flag = CLONE_NEWUSER};

struct namespace initial_cgroup_namespace =
    NAMESPACE_INIT(&cgroup_namespace_type, NAMESPACE_FIRST_CGROUP);
struct namespace initial_net_namespace = NAMESPACE_INIT(&net_namespace_type, NAMESPACE_FIRST_NET);
struct namespace initial_user_namespace =
    NAMESPACE_INIT(&user_namespace_type, NAMESPACE_FIRST_USER);
