/* kernel/lib/list.h - intrusive doubly linked list with a head; an unlinked node points at itself.
 */
#ifndef KERNEL_LIB_LIST_H
#define KERNEL_LIB_LIST_H

#include "kernel/lib/types.h"

struct list {
    struct list *next, *previous;
};

#define LIST_INIT(name)                                                                            \
    {                                                                                              \
        &(name), &(name)                                                                           \
    }

static inline void list_init(struct list *node)
{
    node->next = node->previous = node;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_insert_between(struct list *node, struct list *before, struct list *after)
{
    node->previous = before;
    node->next = after;
    before->next = node;
    after->previous = node;
}

static inline void list_push_front(struct list *head, struct list *node)
{
    list_insert_between(node, head, head->next);
}

static inline void list_push_back(struct list *head, struct list *node)
{
    list_insert_between(node, head->previous, head);
}

/* Unlinks and leaves the node empty, so that a second removal is harmless. */
static inline void list_remove(struct list *node)
{
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what is in a list is counted, and not freed */
    node->previous->next = node->next;
    node->next->previous = node->previous;
    list_init(node);
}

#define list_entry(node, type, member) container_of(node, type, member)
#define list_first(head, type, member) list_entry((head)->next, type, member)
#define list_for_each(entry, head, member)                                                         \
    for (entry = list_entry((head)->next, __typeof__(*entry), member); &entry->member != (head);   \
         entry = list_entry(entry->member.next, __typeof__(*entry), member))
/* The current entry may be removed and freed inside the loop. */
#define list_for_each_safe(entry, following, head, member)                                         \
    for (entry = list_entry((head)->next, __typeof__(*entry), member),                             \
        following = list_entry(entry->member.next, __typeof__(*entry), member);                    \
         &entry->member != (head); entry = following,                                              \
        following = list_entry(entry->member.next, __typeof__(*entry), member))

#endif
