/*
 * kernel/fs/tty/channel.c - the byte rings towards the host. Protocol and locks: channel.h.
 */
#include "kernel/fs/tty/channel.h"

#include "arch/doorbell.h"
#include "kernel/fs/file.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"

struct glass_channel channels[CHANNEL_COUNT] __attribute__((aligned(4096)));

/* What the guest itself knows of a channel. */
static struct channel_state {
    uint64_t index;     /* head of an output, tail of the input; the shared word is only a copy */
    uint64_t rung_tail; /* the host's tail when the doorbell was last rung ... */
    bool rung;          /* ... if it ever was */
    struct wait_queue waiters;
} states[CHANNEL_COUNT] = {
    [CHANNEL_STDIN] = {.waiters = WAIT_QUEUE_INIT(states[CHANNEL_STDIN].waiters)},
    [CHANNEL_STDOUT] = {.waiters = WAIT_QUEUE_INIT(states[CHANNEL_STDOUT].waiters)},
    [CHANNEL_STDERR] = {.waiters = WAIT_QUEUE_INIT(states[CHANNEL_STDERR].waiters)},
};

static inline void full_fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

struct wait_queue *channel_waiters(enum glass_channel_index index)
{
    return &states[index].waiters;
}

/* ---- output ---- */

size_t channel_pending(enum glass_channel_index index)
{
    uint64_t used = states[index].index - load_acquire(&channels[index].tail);
    return used > CHANNEL_BYTES ? CHANNEL_BYTES : used;
}

size_t channel_room(enum glass_channel_index index)
{
    return CHANNEL_BYTES - channel_pending(index);
}

bool channel_reader_gone(enum glass_channel_index index)
{
    return READ_ONCE(channels[index].consumer_gone) != 0;
}

/* Bytes were added: the host is told if it sleeps and has not been told yet. */
static void publish(enum glass_channel_index index)
{
    struct glass_channel *channel = &channels[index];
    struct channel_state *state = &states[index];

    store_release(&channel->head, state->index);
    full_fence();
    if (!READ_ONCE(channel->consumer_waits))
        return;
    uint64_t tail = READ_ONCE(channel->tail);
    if (state->rung && state->rung_tail == tail)
        return;
    state->rung = true;
    state->rung_tail = tail;
    doorbell(HYPERCALL_OUTPUT);
}

size_t channel_put(enum glass_channel_index index, const void *bytes, size_t count)
{
    struct channel_state *state = &states[index];
    size_t room = channel_room(index);

    if (count > room)
        count = room;
    if (!count)
        return 0;
    uint64_t offset = state->index % CHANNEL_BYTES;
    size_t first = min(count, CHANNEL_BYTES - offset);
    memcpy(channels[index].data + offset, bytes, first);
    memcpy(channels[index].data, (const uint8_t *)bytes + first, count - first);
    state->index += count;
    publish(index);
    return count;
}

ssize_t channel_put_from(enum glass_channel_index index, struct io_buffer *buffer)
{
    struct channel_state *state = &states[index];
    ssize_t done = 0;

    while (buffer->remaining) {
        uint64_t offset = state->index % CHANNEL_BYTES;
        size_t piece = min(min(channel_room(index), CHANNEL_BYTES - offset), buffer->remaining);
        if (!piece)
            break;
        size_t copied = io_copy_from(buffer, channels[index].data + offset, piece);
        state->index += copied;
        done += (ssize_t)copied;
        if (copied < piece) {
            if (!done)
                return -EFAULT;
            break;
        }
    }
    if (done)
        publish(index);
    return done;
}

bool channel_want_room(enum glass_channel_index index, size_t bytes)
{
    struct glass_channel *channel = &channels[index];
    bool asked = READ_ONCE(channel->producer_waits);

    if (channel_room(index) >= bytes || channel_reader_gone(index))
        return true;
    WRITE_ONCE(channel->producer_waits, 1);
    full_fence();
    if (channel_room(index) >= bytes || channel_reader_gone(index))
        return true;
    if (!asked)
        doorbell(HYPERCALL_OUTPUT);
    return false;
}

/* ---- input ---- */

size_t channel_available(void)
{
    uint64_t bytes = load_acquire(&channels[CHANNEL_STDIN].head) - states[CHANNEL_STDIN].index;
    return bytes > CHANNEL_BYTES ? 0 : bytes;
}

bool channel_ended(void)
{
    /* `closed` first: bytes that were added before it are then seen. */
    return load_acquire(&channels[CHANNEL_STDIN].closed) && !channel_available();
}

size_t channel_peek(const uint8_t **ret)
{
    uint64_t offset = states[CHANNEL_STDIN].index % CHANNEL_BYTES;

    *ret = channels[CHANNEL_STDIN].data + offset;
    return min(channel_available(), CHANNEL_BYTES - offset);
}

void channel_took(size_t count)
{
    struct glass_channel *channel = &channels[CHANNEL_STDIN];
    struct channel_state *state = &states[CHANNEL_STDIN];

    state->index += count;
    store_release(&channel->tail, state->index);
    full_fence();
    if (READ_ONCE(channel->producer_waits) && channel_available() <= CHANNEL_BYTES / 2)
        doorbell(HYPERCALL_INPUT);
}

bool channel_want_bytes(void)
{
    struct glass_channel *channel = &channels[CHANNEL_STDIN];

    if (!channel_available() && !channel_ended()) {
        WRITE_ONCE(channel->consumer_waits, 1);
        full_fence();
        if (!channel_available() && !channel_ended())
            return false;
    }
    return true;
}

void channel_host_notified(void)
{
    if (channel_available() || channel_ended())
        wake_up_all(&states[CHANNEL_STDIN].waiters);
    for (enum glass_channel_index index = CHANNEL_STDOUT; index < CHANNEL_COUNT; index++) {
        if (!READ_ONCE(channels[index].producer_waits) ||
            !(channel_room(index) || channel_reader_gone(index)))
            continue;
        WRITE_ONCE(channels[index].producer_waits, 0);
        wake_up_all(&states[index].waiters);
    }
}
