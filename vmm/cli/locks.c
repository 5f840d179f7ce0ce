/*
 * vmm/cli/locks.c - `vitrine locks`: the kernel's locks in their one order; without --json only
 * those that are taken, waited for, or were ever fought for.
 */
#include <stdio.h>
#include <stdlib.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/json.h"

static int by_rank(const void *a, const void *b)
{
    const struct vt_lock *left = a, *right = b;

    return left->rank != right->rank ? (left->rank < right->rank ? -1 : 1)
                                     : (left->address < right->address ? -1 : 1);
}

static void print(const struct vt_lock *lock)
{
    char owner[32] = "";

    if (lock->owner_tid >= 0)
        snprintf(owner, sizeof(owner), "task %d", lock->owner_tid);
    else if (lock->owner_cpu >= 0)
        snprintf(owner, sizeof(owner), "CPU %d", lock->owner_cpu);
    printf("%4u %-8s %-6s %-10s %7u %11u %s\n", lock->rank,
           lock->kind == VT_LOCK_MUTEX ? "mutex" : "spinlock", lock->taken ? "taken" : "free",
           owner, lock->waiters, lock->contentions, lock->name);
}

int cli_locks(int argc, char **argv)
{
    struct look_options options;
    struct vt_guest *guest;
    struct vt_lock *locks;
    size_t count;

    cli_parse_look(argc, argv,
                   "List the kernel's locks by rank, those that are taken, waited for, or were "
                   "fought for; with --json all of them. Owners are known in debug kernels only.",
                   &options);
    struct vt_error *error = cli_look_at(&options, &guest);
    if (error)
        return cli_fail(error);
    error = vt_guest_locks(guest, &locks, &count);
    vt_guest_detach(guest);
    if (error)
        return cli_fail(error);
    json_t *list = options.json ? json_array() : NULL;
    if (count)
        qsort(locks, count, sizeof(*locks), by_rank);
    if (!list)
        printf("RANK KIND     STATE  OWNER      WAITERS CONTENTIONS NAME\n");
    for (size_t i = 0; i < count; i++) {
        const struct vt_lock *lock = &locks[i];

        if (list)
            json_array_append_new(
                list, json_pack("{s:s,s:s,s:i,s:b,s:b,s:i,s:i,s:i,s:i,s:o}", "name", lock->name,
                                "kind", lock->kind == VT_LOCK_MUTEX ? "mutex" : "spinlock", "rank",
                                (int)lock->rank, "taken", lock->taken, "waited", lock->waited,
                                "waiters", (int)lock->waiters, "contentions",
                                (int)lock->contentions, "owner_cpu", lock->owner_cpu, "owner_tid",
                                lock->owner_tid, "address", json_address(lock->address)));
        else if (lock->taken || lock->waiters || lock->contentions)
            print(lock);
    }
    if (list)
        json_print(list);
    free(locks);
    return 0;
}
