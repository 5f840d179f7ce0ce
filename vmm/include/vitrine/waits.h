/*
 * vitrine/waits.h - who waits for what, who could end it, and who is deadlocked.
 * guest.h says how such readings behave.
 */
#ifndef VITRINE_WAITS_H
#define VITRINE_WAITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "guest.h"
#include "shared/trace.h"
#include "version.h"

VITRINE_BEGIN

/*
 * A task that waits: for what, and who could end it.
 *
 * Who could wake it is what the kernel's objects say: of a pipe or socket the tasks that hold the
 * other end, of a child the child, of a file lock its holders, of a futex the thread that its word
 * names as owner (the word of robust and PI mutexes; glibc's ordinary mutex; pthread_join), else
 * every task that shares its memory. The word of a futex is the program's own claim.
 *
 * `dead`: nobody is left who could wake it. Each that could waits itself, for others of the dead,
 * without a deadline. Only signals from outside end that. Waits that other things can end (time, a
 * terminal, a signal that is waited for, a FIFO that anybody may open, several files at once) are
 * never called dead. While the guest runs, the dead are proven by two readings in which they are
 * the same and did not run in between; the other waits are one moment's each.
 */
#define VT_WAKERS_MAX 64
struct vt_wait {
    uint64_t id; /* of the task */
    int32_t tid, pid;
    char comm[16];
    enum wait_kind kind;
    uint64_t object;      /* as in vt_task.wait_object */
    const char *what;     /* "pipe:[17]", "futex 0x4c5010 of address space 3", "/tmp/lock" ... */
    uint64_t deadline_ns; /* CLOCK_MONOTONIC at which it ends by itself; 0 = never */
    /* futexes: the address space (its id) and address of the word, or for memory that several
     * address spaces share: space 0, and the position in the file; and the word's value */
    uint64_t futex_space_id, futex_word;
    uint32_t futex_value;
    const char *who;  /* what its wakers are: "writes to it", "owns the mutex" ...; "" = unknown */
    bool open;        /* others than the wakers can end it, too */
    bool more_wakers; /* than VT_WAKERS_MAX */
    const int32_t *wakers; /* tids, ascending, itself not among them */
    size_t waker_count;
    bool dead;
    const int32_t
        *cycle;         /* of the dead: tids that wait in a circle, each for the next, the last for
                           the first; the smallest first. It leads there, or is one of them. */
    size_t cycle_count; /* 0: it waits for nobody who still exists */
};
/* Every blocked task, by tid. */
struct vt_error *vt_guest_waits(struct vt_guest *guest, struct vt_wait **ret_waits,
                                size_t *ret_count);

VITRINE_END

#endif
