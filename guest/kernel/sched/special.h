/*
 * kernel/sched/special.h - the classes above the normal one: stop, deadline (earliest deadline first
 * under a constant bandwidth server; Abeni and Buttazzo, "Integrating Multimedia Applications in Hard
 * Real-Time Systems", 1998) and real time (FIFO and RR, priorities 1..99). Pure logic: no clock, no
 * CPU, no lock of its own; the run queue's lock guards it.
 *
 * All that wait are in one tree, ordered by (major, minor): major is the class and, in the class of
 * real time, the priority; minor is the absolute deadline, or the place in the line of a priority.
 * So the first of the tree is who runs, and what a class is to another is written down once.
 *
 * A deadline task may use `runtime` in each `period`; when that is gone it is throttled, in a tree of
 * its own by the time at which it gets more. Real-time tasks together may use 95 % of each second
 * while a normal task waits. Time is in TSC cycles, absolute or a span.
 */
#ifndef KERNEL_SCHED_SPECIAL_H
#define KERNEL_SCHED_SPECIAL_H

#include "kernel/lib/rbtree.h"
#include "kernel/lib/types.h"
#include "shared/objects.h"

#define SPECIAL_MAJOR_STOP           0u
#define SPECIAL_MAJOR_DEADLINE       1u
#define SPECIAL_MAJOR_REALTIME(prio) (101u - (uint32_t)(prio)) /* 1..99: 100..2 */
#define SPECIAL_MAJOR_NONE           101u                      /* normal tasks: behind all */

#define REALTIME_PRIORITY_MAX 99

/* How an entity comes to wait. */
enum sched_join {
    JOIN_NEW = 0,       /* it never ran */
    JOIN_WOKEN = 1,     /* from sleep, or from another CPU */
    JOIN_OVER = 2,      /* it had its turn, or gave it up */
    JOIN_PREEMPTED = 3, /* its turn is not over */
};

struct special_entity {
    struct rb_node node; /* of the waiting or the throttled */
    uint32_t major;      /* SPECIAL_MAJOR_*: as it is scheduled, inheritance included */
    uint8_t class;       /* enum sched_class, follows from major */
    bool queued;         /* waits */
    bool throttled;      /* its time is used up until `replenish` */
    bool round_robin;
    bool inherited;      /* major is another's: a deadline task's own budget does not count then */
    int64_t minor;       /* see above; while throttled, when it gets more */
    uint64_t slice_left; /* RR */
    /* A deadline task's own parameters and state. */
    uint64_t runtime, relative_deadline, period;
    int64_t budget;
    uint64_t deadline;
    uint64_t ran; /* since it last slept, in the class of real time: RLIMIT_RTTIME */
};

/* What somebody who waits for a lock lends to the owner. */
struct sched_claim {
    uint32_t major;
    uint32_t weight; /* of a normal task */
    int64_t minor;
};
#define SCHED_CLAIM_NONE ((struct sched_claim){.major = SPECIAL_MAJOR_NONE})

struct special_queue {
    struct rb_tree waiting_tree, throttled_tree;
    struct special_entity *running; /* in neither tree; or NULL */
    uint32_t waiting, throttled;
    int64_t head, tail;     /* places given out at either end of a line */
    uint64_t window_start;  /* the second that is being counted ... */
    uint64_t window_used;   /* ... and what real-time tasks used of it */
    uint64_t window, quota; /* a second, and how much of it they may use while others wait */
    uint64_t round_robin;   /* a slice of RR */
};

void special_init(struct special_queue *queue, uint64_t cycles_per_second);

/* Linux's length of a slice of RR. */
#define ROUND_ROBIN_MS 100u

/* May `one` take the CPU from `other`? Between equals nobody may. */
static inline bool special_before(const struct special_entity *one,
                                  const struct special_entity *other)
{
    if (one->major != other->major)
        return one->major < other->major;
    return one->major == SPECIAL_MAJOR_DEADLINE && one->minor < other->minor;
}

/* Joins those that wait. False: it has used up its time, and is among the throttled instead. */
bool special_enqueue(struct special_queue *queue, struct special_entity *entity,
                     enum sched_join how, uint64_t now);
/* Leaves: waiting, throttled or running. */
void special_dequeue(struct special_queue *queue, struct special_entity *entity);
/* Who would run: the first that waits, unless (normal_waits) it is real time's turn to let others
 * run. NULL: nobody. */
struct special_entity *special_first(const struct special_queue *queue, bool normal_waits);
/* One that waits runs. */
void special_take(struct special_queue *queue, struct special_entity *entity);
/* The running one waits again; false as special_enqueue(). */
bool special_put(struct special_queue *queue, enum sched_join how, uint64_t now);
/* The running one ran for so long, until now. True: its turn is over. */
bool special_account(struct special_queue *queue, uint64_t ran, uint64_t now);
/* The running one gives up its turn: RR and FIFO the place, a deadline task the rest of its time. */
void special_yield(struct special_queue *queue);
/* When, as a time, its turn is over; UINT64_MAX: not by itself. */
uint64_t special_turn_end(const struct special_queue *queue, bool normal_waits, uint64_t now);
/* Who gets time again by `now`, one by one (out of the throttled, in no tree); NULL: nobody. */
struct special_entity *special_replenish(struct special_queue *queue, uint64_t now);
/* When the next one does; UINT64_MAX: nobody is throttled. */
uint64_t special_next_replenish(const struct special_queue *queue);
/* When the second that is being counted ends. */
static inline uint64_t special_window_end(const struct special_queue *queue)
{
    return queue->window_start + queue->window;
}

#endif
