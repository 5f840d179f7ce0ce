/*
 * kernel/fs/tty/channel.h - the three byte rings towards the host (struct glass_channel in
 * shared/glass.h): moving bytes, and the doorbell protocol.
 *
 * Who sleeps says so, and looks again: a consumer sets consumer_waits, then reads head once more,
 * then sleeps; a producer stores head, then reads consumer_waits. With a full fence between the two
 * steps on both sides, one of them sees the other. The same with producer_waits and tail. The
 * sleeper clears its own word when it is awake.
 *
 *   output  guest -> host: HYPERCALL_OUTPUT is rung when bytes were added and the host has
 *           consumer_waits set, but only once as long as its tail does not move: it is awake then,
 *           or about to be. It is also rung when a writer sets producer_waits because the ring is
 *           full.
 *   input   host -> guest: the host kicks the guest when it added bytes or set `closed` and
 *           consumer_waits is set (always so while the input is a terminal: ^C must arrive though
 *           nobody reads). The guest rings HYPERCALL_INPUT when the host has producer_waits set and
 *           half of the ring is free.
 *   The host also kicks when it made room in an output ring whose producer_waits is set, and when
 *   it sets consumer_gone.
 *
 * The guest keeps its own copy of the index that it owns, and takes an index of the host that
 * cannot be (more than a ring's size away) as "no bytes" or "no room": nothing that the host writes
 * leads outside the ring.
 *
 * Locks: one producer or consumer at a time, which the callers see to (stream.c: a mutex;
 * console.c: the lock of the tty). The wait queues are woken by channel_host_notified(), from
 * interrupts.
 */
#ifndef KERNEL_FS_TTY_CHANNEL_H
#define KERNEL_FS_TTY_CHANNEL_H

#include "kernel/lib/types.h"
#include "kernel/sync/wait_queue.h"
#include "shared/glass.h"

struct io_buffer;

extern struct glass_channel channels[CHANNEL_COUNT]; /* what glass.channels points at */

/* Sleepers for bytes (input) or for room (output). */
struct wait_queue *channel_waiters(enum glass_channel_index index);

/* ---- output ---- */
size_t channel_room(enum glass_channel_index index);
bool channel_reader_gone(enum glass_channel_index index);
/* Adds as many bytes as there is room for; rings if need be. */
size_t channel_put(enum glass_channel_index index, const void *bytes, size_t count);
/* The same from a buffer: bytes, or -EFAULT if not one could be read. 0 = no room. */
ssize_t channel_put_from(enum glass_channel_index index, struct io_buffer *buffer);
/* Asks to be woken when there is room; true if there is room (or nobody reads any more) already. */
bool channel_want_room(enum glass_channel_index index, size_t bytes);
size_t channel_pending(enum glass_channel_index index); /* bytes that the host has not taken yet */

/* ---- input ---- */
size_t channel_available(void);
bool channel_ended(void); /* no bytes are left and none will come */
/* The next bytes, in place: how many lie there in one piece (0: none). */
size_t channel_peek(const uint8_t **ret);
void channel_took(size_t count);
/* Asks to be woken when bytes come; true if there are some, or the end, already. */
bool channel_want_bytes(void);

/* The host changed something: wakes whoever may go on. Any context. */
void channel_host_notified(void);

#endif
