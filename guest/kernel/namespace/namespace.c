/*
 * kernel/namespace/namespace.c - the head that all namespaces share: numbers, the list of all, the
 * last reference.
 */
#include "kernel/namespace/namespace.h"

#include "kernel/lib/panic.h"

#define NEXT_NUMBER 4026532200ull /* after those that Linux gives to /proc's own files */

struct list namespace_list = LIST_INIT(namespace_list);
struct spinlock namespace_list_lock = SPINLOCK_INIT(RANK_NAMESPACE_LIST);

void namespace_publish(struct namespace *namespace, const struct namespace_type *type)
{
    static uint64_t next_number = NEXT_NUMBER; /* namespace_list_lock */
    namespace->references = 1;
    namespace->type = type;
    spin_lock(&namespace_list_lock);
    namespace->number = next_number++;
    list_push_back(&namespace_list, &namespace->link);
    spin_unlock(&namespace_list_lock);
}

void namespace_put(struct namespace *namespace)
{
    if (!namespace || !reference_put(&namespace->references))
        return;
    kernel_assert(namespace->type->release);
    spin_lock(&namespace_list_lock);
    list_remove(&namespace->link);
    spin_unlock(&namespace_list_lock);
    namespace->type->release(namespace);
}
