/*
 * kernel/namespace/namespace.h - what all namespaces (namespaces(7)) have in common: a kind, a
 * number that ls(1) and lsns(8) know them by, counted holders, a place in the list of all. A
 * namespace of a kind is a struct that starts with (or contains) this head.
 *
 * Lifetime: counted. Holders are nsproxies, files of /proc/PID/ns, child namespaces and, of PID
 * namespaces, numbers in use. The first namespace of each kind has one reference more, its own, and
 * never goes. Lock: namespace_list_lock for the list; the rest of the head is fixed.
 */
#ifndef KERNEL_NAMESPACE_NAMESPACE_H
#define KERNEL_NAMESPACE_NAMESPACE_H

#include "kernel/lib/list.h"
#include "kernel/lib/types.h"
#include "kernel/sync/refcount.h"
#include "kernel/sync/spinlock.h"

struct fs_context;
struct namespace;
struct nsproxy;

/* In the order of their names. The first numbers are Linux's (include/linux/proc_ns.h). */
enum namespace_kind {
    NAMESPACE_CGROUP,
    NAMESPACE_IPC,
    NAMESPACE_MOUNT,
    NAMESPACE_NET,
    NAMESPACE_PID,
    NAMESPACE_TIME,
    NAMESPACE_USER,
    NAMESPACE_UTS,
    NAMESPACE_KINDS
};

#define NAMESPACE_FIRST_MOUNT  4026531832ull
#define NAMESPACE_FIRST_NET    4026531833ull
#define NAMESPACE_FIRST_TIME   4026531834ull
#define NAMESPACE_FIRST_CGROUP 4026531835ull
#define NAMESPACE_FIRST_PID    4026531836ull
#define NAMESPACE_FIRST_USER   4026531837ull
#define NAMESPACE_FIRST_UTS    4026531838ull
#define NAMESPACE_FIRST_IPC    4026531839ull

/* What a kind can do; one constant each. */
struct namespace_type {
    enum namespace_kind kind;
    const char *name;    /* in /proc/PID/ns */
    uint64_t clone_flag; /* CLONE_NEW... */
    /*
     * A new one for who has `from` now: with one reference, for the caller. `fs` is the new task's
     * own (or, of unshare, the caller's) root and working directory. 0 or -errno. NULL: this kind
     * cannot be made (EINVAL). May sleep; no lock held.
     */
    int (*create)(struct namespace *from, struct fs_context *fs, struct namespace **ret);
    /* The last reference went; frees. No spinlock held. */
    void (*release)(struct namespace *namespace);
    /*
     * setns(2): may the current task enter? 0 or -errno; changes nothing. NULL: always (the
     * capability has been checked). `proxy` is the future one.
     */
    int (*may_enter)(const struct nsproxy *proxy, struct namespace *namespace);
    /* setns(2), after the step: what else follows for the current task. NULL: nothing. */
    void (*entered)(struct namespace *namespace);
    /* The namespace around it, borrowed; NULL: none. The function is NULL for kinds without such. */
    struct namespace *(*parent)(struct namespace *namespace);
};

struct namespace
{
    uint32_t references; /* atomic */
    const struct namespace_type *type;
    uint64_t number;
    struct list link; /* all namespaces, in the order of their making */
};

#define NAMESPACE_INIT(namespace_type, first_number)                                               \
    {                                                                                              \
        .references = 1, .type = (namespace_type), .number = (first_number)                        \
    }

extern struct list namespace_list;
extern struct spinlock namespace_list_lock; /* RANK_NAMESPACE_LIST */

/* A new one, with its own number, one reference and a place in the list: call it when nothing can
 * fail any more. */
void namespace_publish(struct namespace *namespace, const struct namespace_type *type);
static inline void namespace_get(struct namespace *namespace)
{
    reference_get(&namespace->references);
}
/* NULL is fine. Not with a spinlock held. */
void namespace_put(struct namespace *namespace);

/* By its name in /proc/PID/ns without "_for_children"; NULL-terminated walk over kinds. */
const struct namespace_type *namespace_type_of(enum namespace_kind kind);

/* The types, and the first namespace of each; a kind's own header says more. */
extern const struct namespace_type cgroup_namespace_type, mount_namespace_type, net_namespace_type,
    user_namespace_type, uts_namespace_type;
extern struct namespace initial_cgroup_namespace, initial_net_namespace, initial_pid_namespace_head,
    initial_user_namespace;

#endif
