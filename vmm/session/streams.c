/*
 * vmm/session/streams.c - moving bytes between host descriptors and the channels in guest memory.
 *
 * Sleeping without losing a wake-up, on either side: say "I wait" in the ring, fence, look once
 * more, sleep. The other side moves its index, fences, and rings or kicks if somebody waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/session/streams.h"

/* A pipe that polls writable takes this much without blocking (pipe(7): PIPE_BUF). */
#define SAFE_WRITE       4096u
#define ESCAPE_BYTE      0x1d /* Ctrl-] */
#define ESCAPE_PRESSES   3
#define ESCAPE_WINDOW_US 1000000

static void kick(struct streams *streams)
{
    streams->guest->owner.kick(streams->guest->owner.context);
}

/*
 * A blocking descriptor must not stop the pump, but O_NONBLOCK on the caller's descriptor would
 * change it for every process that shares it. Opening it anew gives a description of our own.
 * Sockets cannot be opened so.
 */
static void open_output(struct stream *stream, int fd)
{
    struct stat status;
    char path[40];

    stream->fd = fd;
    if (fd < 0 || fstat(fd, &status) != 0)
        return;
    if (S_ISREG(status.st_mode))
        return; /* a new description would have a file position of its own */
    stream->limited = true;
    if (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode))
        return;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own >= 0) {
        stream->fd = own;
        stream->own_fd = true;
        stream->limited = false;
    }
}

void streams_init(struct streams *streams, struct vt_guest *guest, const int fds[CHANNEL_COUNT])
{
    memset(streams, 0, sizeof(*streams));
    streams->guest = guest;
    streams->stream[CHANNEL_STDIN].fd = fds[CHANNEL_STDIN];
    open_output(&streams->stream[CHANNEL_STDOUT], fds[CHANNEL_STDOUT]);
    open_output(&streams->stream[CHANNEL_STDERR], fds[CHANNEL_STDERR]);
}

void streams_deinit(struct streams *streams)
{
    for (unsigned i = 0; i < CHANNEL_COUNT; i++)
        if (streams->stream[i].own_fd)
            close(streams->stream[i].fd);
    memset(streams, 0, sizeof(*streams));
}

static bool find_channels(struct streams *streams)
{
    if (streams->stream[0].channel)
        return true;
    struct vt_error *error = guest_require_ready(streams->guest);
    if (error) {
        vt_error_destroy(error);
        return false;
    }
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        streams->stream[i].channel = guest_channel(streams->guest, i);
        if (!streams->stream[i].channel) {
            streams->stream[0].channel = NULL;
            return false;
        }
    }
    return true;
}

struct vt_error *streams_adopt(struct streams *streams)
{
    if (!find_channels(streams))
        return vt_error_create(VT_ERROR_CORRUPT, "the guest's standard streams lie nowhere");
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        struct stream *stream = &streams->stream[i];
        const struct glass_channel *channel = stream->channel;

        stream->position =
            i == CHANNEL_STDIN ? GUEST_LOAD(&channel->head) : GUEST_LOAD(&channel->tail);
        stream->finished =
            i == CHANNEL_STDIN ? GUEST_LOAD(&channel->closed) : GUEST_LOAD(&channel->consumer_gone);
    }
    return NULL;
}

/* Bytes in the ring as its two indexes say; marks a stream whose guest side lies. */
static uint64_t fill_of(struct stream *stream, bool input)
{
    uint64_t theirs =
        input ? GUEST_LOAD(&stream->channel->tail) : GUEST_LOAD(&stream->channel->head);
    uint64_t fill = input ? stream->position - theirs : theirs - stream->position;

    if (stream->corrupt || fill > CHANNEL_BYTES) {
        stream->corrupt = true;
        return input ? CHANNEL_BYTES : 0;
    }
    return fill;
}

/* ---- output: guest to host ---- */

/* Publishes our tail and wakes a guest that waits for room. */
static void took(struct streams *streams, struct stream *stream, uint64_t bytes)
{
    stream->position += bytes;
    __atomic_store_n(&stream->channel->tail, stream->position, __ATOMIC_SEQ_CST);
    if (GUEST_LOAD(&stream->channel->producer_waits))
        kick(streams);
}

static void reader_gone(struct streams *streams, struct stream *stream)
{
    stream->finished = true;
    __atomic_store_n(&stream->channel->consumer_gone, 1, __ATOMIC_SEQ_CST);
    kick(streams);
}

/* False when the descriptor takes nothing more now. */
static bool move_output(struct streams *streams, struct stream *stream)
{
    uint64_t fill = fill_of(stream, false);

    while (fill > 0) {
        uint64_t start = stream->position & (CHANNEL_BYTES - 1);
        uint64_t part = CHANNEL_BYTES - start < fill ? CHANNEL_BYTES - start : fill;

        if (stream->fd < 0 || stream->finished) {
            took(streams, stream, part);
        } else {
            if (stream->limited && part > SAFE_WRITE)
                part = SAFE_WRITE;
            ssize_t done = write(stream->fd, stream->channel->data + start, part);
            if (done < 0 && errno == EINTR)
                continue;
            if (done < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
                return false;
            if (done < 0) {
                reader_gone(streams, stream);
                continue;
            }
            took(streams, stream, (uint64_t)done);
            if (stream->limited)
                return fill_of(stream, false) == 0;
        }
        fill = fill_of(stream, false);
    }
    return true;
}

/* ---- input: host to guest ---- */

static void end_input(struct streams *streams, struct stream *stream)
{
    stream->finished = true;
    __atomic_store_n(&stream->channel->closed, 1, __ATOMIC_SEQ_CST);
    if (GUEST_LOAD(&stream->channel->consumer_waits))
        kick(streams);
}

static void watch_for_escape(struct streams *streams, const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        int64_t now = guest_clock_us();

        if (data[i] != ESCAPE_BYTE) {
            streams->escape_count = 0;
            continue;
        }
        if (streams->escape_count == 0 || now - streams->escape_since_us > ESCAPE_WINDOW_US) {
            streams->escape_count = 0;
            streams->escape_since_us = now;
        }
        if (++streams->escape_count >= ESCAPE_PRESSES)
            streams->escaped = true;
    }
}

static void move_input(struct streams *streams, struct stream *stream)
{
    uint64_t room = CHANNEL_BYTES - fill_of(stream, true);
    uint64_t start = stream->position & (CHANNEL_BYTES - 1);

    if (room == 0)
        return;
    if (room > CHANNEL_BYTES - start)
        room = CHANNEL_BYTES - start;
    ssize_t got = read(stream->fd, stream->channel->data + start, room);
    if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (got <= 0) {
        /* A terminal that went away reads as EIO: for the guest that is the end of its input. */
        end_input(streams, stream);
        return;
    }
    if (streams->escape_enabled)
        watch_for_escape(streams, stream->channel->data + start, (size_t)got);
    stream->position += (uint64_t)got;
    __atomic_store_n(&stream->channel->head, stream->position, __ATOMIC_SEQ_CST);
    if (GUEST_LOAD(&stream->channel->consumer_waits))
        kick(streams);
}

/* ---- sleeping ---- */

bool streams_flushed(struct streams *streams)
{
    if (!find_channels(streams))
        return true;
    for (unsigned i = CHANNEL_STDOUT; i < CHANNEL_COUNT; i++)
        if (fill_of(&streams->stream[i], false) > 0)
            return false;
    return true;
}

/* Declares what we wait for; true if it came meanwhile. */
static bool announce_wait(struct streams *streams)
{
    struct stream *input = &streams->stream[CHANNEL_STDIN];
    bool came = false;

    for (unsigned i = CHANNEL_STDOUT; i < CHANNEL_COUNT; i++) {
        struct stream *stream = &streams->stream[i];

        if (fill_of(stream, false) > 0)
            continue; /* it is the descriptor that we wait for */
        __atomic_store_n(&stream->channel->consumer_waits, 1, __ATOMIC_SEQ_CST);
        came |= fill_of(stream, false) > 0;
    }
    if (!input->finished && fill_of(input, true) == CHANNEL_BYTES) {
        __atomic_store_n(&input->channel->producer_waits, 1, __ATOMIC_SEQ_CST);
        came |= fill_of(input, true) < CHANNEL_BYTES;
    }
    return came;
}

static void withdraw_wait(struct streams *streams)
{
    GUEST_STORE(&streams->stream[CHANNEL_STDIN].channel->producer_waits, 0);
    GUEST_STORE(&streams->stream[CHANNEL_STDOUT].channel->consumer_waits, 0);
    GUEST_STORE(&streams->stream[CHANNEL_STDERR].channel->consumer_waits, 0);
}

/* Descriptors for poll(): -1 for those that nothing is wanted from. */
static void choose_events(struct streams *streams, struct pollfd fds[CHANNEL_COUNT])
{
    struct stream *input = &streams->stream[CHANNEL_STDIN];

    fds[CHANNEL_STDIN] = (struct pollfd){.fd = -1, .events = POLLIN};
    if (!input->finished && !streams->input_held && input->fd >= 0 &&
        fill_of(input, true) < CHANNEL_BYTES)
        fds[CHANNEL_STDIN].fd = input->fd;
    for (unsigned i = CHANNEL_STDOUT; i < CHANNEL_COUNT; i++) {
        struct stream *stream = &streams->stream[i];

        /* Without events poll() still tells of a reader that has gone. */
        fds[i] = (struct pollfd){.fd = stream->finished ? -1 : stream->fd,
                                 .events = fill_of(stream, false) > 0 ? POLLOUT : 0};
    }
}

void streams_run(struct streams *streams, int wake_fd, int timeout_ms)
{
    struct pollfd fds[CHANNEL_COUNT + 1];
    bool connected = find_channels(streams);

    if (connected) {
        struct stream *input = &streams->stream[CHANNEL_STDIN];

        if (input->fd < 0 && !input->finished)
            end_input(streams, input);
        for (unsigned i = CHANNEL_STDOUT; i < CHANNEL_COUNT; i++)
            if (!streams->stream[i].limited)
                move_output(streams, &streams->stream[i]);
        if (announce_wait(streams))
            timeout_ms = 0;
        choose_events(streams, fds);
    } else {
        for (unsigned i = 0; i < CHANNEL_COUNT; i++)
            fds[i] = (struct pollfd){.fd = -1};
    }
    fds[CHANNEL_COUNT] = (struct pollfd){.fd = wake_fd, .events = POLLIN};
    int ready = poll(fds, CHANNEL_COUNT + 1, timeout_ms);

    if (ready > 0 && fds[CHANNEL_COUNT].revents) {
        uint64_t count;

        (void)!read(wake_fd, &count, sizeof(count));
    }
    if (!connected)
        return;
    withdraw_wait(streams);
    if (ready <= 0)
        return;
    if (fds[CHANNEL_STDIN].revents & POLLNVAL)
        end_input(streams, &streams->stream[CHANNEL_STDIN]);
    else if (fds[CHANNEL_STDIN].revents)
        move_input(streams, &streams->stream[CHANNEL_STDIN]);
    for (unsigned i = CHANNEL_STDOUT; i < CHANNEL_COUNT; i++) {
        if (fds[i].revents & (POLLERR | POLLNVAL | POLLHUP))
            reader_gone(streams, &streams->stream[i]);
        else if (fds[i].revents & POLLOUT)
            move_output(streams, &streams->stream[i]);
    }
}
