/*
 * vmm/base/remote_packet.c - see remote_packet.h. Bytes outside of packets ('+', '-' and noise)
 * are dropped: on a stream socket nothing is ever lost, so nothing is ever sent again.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "vmm/base/clock.h"
#include "vmm/base/remote_packet.h"

#define INTERRUPT_BYTE 0x03

void remote_stream_init(struct remote_stream *stream, int fd)
{
    stream->fd = fd;
    stream->no_acks = false;
    stream->used = 0;
}

static int digit(int c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

char *remote_to_hex(char *to, const void *data, size_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *from = data;

    for (size_t i = 0; i < bytes; i++) {
        *to++ = digits[from[i] >> 4];
        *to++ = digits[from[i] & 15];
    }
    *to = '\0';
    return to;
}

size_t remote_from_hex(const char *text, void *to, size_t room)
{
    uint8_t *out = to;
    size_t done = 0;

    while (done < room && digit(text[0]) >= 0 && digit(text[1]) >= 0) {
        out[done++] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
        text += 2;
    }
    return done;
}

static bool send_all(int fd, const char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t done = send(fd, data, bytes, MSG_NOSIGNAL);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        data += done;
        bytes -= (size_t)done;
    }
    return true;
}

bool remote_send_byte(struct remote_stream *stream, char byte)
{
    return send_all(stream->fd, &byte, 1);
}

bool remote_send(struct remote_stream *stream, const char *data, size_t bytes)
{
    char frame[REMOTE_PACKET_MAX + 4];
    uint8_t sum = 0;

    if (bytes > REMOTE_PACKET_MAX)
        bytes = REMOTE_PACKET_MAX;
    frame[0] = '$';
    memcpy(frame + 1, data, bytes);
    for (size_t i = 0; i < bytes; i++)
        sum = (uint8_t)(sum + (uint8_t)data[i]);
    frame[bytes + 1] = '#';
    frame[bytes + 2] = "0123456789abcdef"[sum >> 4];
    frame[bytes + 3] = "0123456789abcdef"[sum & 15];
    return send_all(stream->fd, frame, bytes + 4);
}

static void drop(struct remote_stream *stream, size_t bytes)
{
    stream->used -= bytes;
    memmove(stream->input, stream->input + bytes, stream->used);
}

/* What stands at the start of the input. REMOTE_NOTHING: more bytes are needed. */
static enum remote_result take(struct remote_stream *stream, char *packet, size_t *ret_bytes)
{
    const uint8_t *input = stream->input;
    size_t at = 0;

    while (at < stream->used && input[at] != '$' && input[at] != INTERRUPT_BYTE)
        at++;
    drop(stream, at);
    if (stream->used == 0)
        return REMOTE_NOTHING;
    if (input[0] == INTERRUPT_BYTE) {
        drop(stream, 1);
        return REMOTE_INTERRUPT;
    }
    const uint8_t *end = memchr(input + 1, '#', stream->used - 1);
    size_t bytes = end ? (size_t)(end - (input + 1)) : 0;
    if (!end || stream->used < bytes + 4)
        return stream->used == sizeof(stream->input) ? REMOTE_GONE : REMOTE_NOTHING;
    if (bytes > REMOTE_PACKET_MAX)
        return REMOTE_GONE;
    uint8_t sum = 0, said = 0;
    for (size_t i = 0; i < bytes; i++)
        sum = (uint8_t)(sum + input[1 + i]);
    bool good = remote_from_hex((const char *)end + 1, &said, 1) == 1 && said == sum;
    memcpy(packet, input + 1, bytes);
    packet[bytes] = '\0';
    *ret_bytes = bytes;
    drop(stream, bytes + 4);
    if (stream->no_acks)
        return REMOTE_PACKET;
    if (!remote_send_byte(stream, good ? '+' : '-'))
        return REMOTE_GONE;
    return good ? REMOTE_PACKET : take(stream, packet, ret_bytes);
}

enum remote_result remote_receive(struct remote_stream *stream, int timeout_ms, char *packet,
                                  size_t *ret_bytes)
{
    uint64_t end = clock_monotonic_ns() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000u;

    for (;;) {
        enum remote_result result = take(stream, packet, ret_bytes);
        struct pollfd ready = {.fd = stream->fd, .events = POLLIN};
        uint64_t now = clock_monotonic_ns();
        int left = timeout_ms < 0 ? -1 : now < end ? (int)((end - now + 999999) / 1000000) : 0;

        if (result != REMOTE_NOTHING)
            return result;
        int events = poll(&ready, 1, left);
        if (events < 0 && errno == EINTR)
            continue;
        if (events <= 0)
            return events < 0 ? REMOTE_GONE : REMOTE_NOTHING;
        ssize_t got = recv(stream->fd, stream->input + stream->used,
                           sizeof(stream->input) - stream->used, MSG_DONTWAIT);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got <= 0)
            return REMOTE_GONE;
        stream->used += (size_t)got;
    }
}
