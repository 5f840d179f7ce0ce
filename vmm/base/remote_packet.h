/*
 * vmm/base/remote_packet.h - the packets of gdb's remote protocol over a stream socket: framing,
 * checksums, acknowledgements. Used towards gdb (vmm/gdb) and towards QEMU's own stub
 * (vmm/machine), which speak the same.
 *
 * A packet is "$data#cc", cc = the sum of the data's bytes in hexadecimal. Without locks: one
 * thread per stream.
 */
#ifndef VITRINE_BASE_REMOTE_PACKET_H
#define VITRINE_BASE_REMOTE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REMOTE_PACKET_MAX 16384u /* bytes of data in one packet, either way */

struct remote_stream {
    int fd;       /* borrowed */
    bool no_acks; /* agreed on: neither side says '+' any more */
    size_t used;  /* of input */
    uint8_t input[2 * REMOTE_PACKET_MAX];
};

enum remote_result {
    REMOTE_NOTHING,   /* no whole packet within the time */
    REMOTE_PACKET,    /* one was copied */
    REMOTE_INTERRUPT, /* the byte 0x03 came outside of a packet: "stop what runs" */
    REMOTE_GONE,      /* the other side has closed, or never sends a sane packet */
};

void remote_stream_init(struct remote_stream *stream, int fd);

/*
 * The next packet's data, NUL-terminated, in `packet` (REMOTE_PACKET_MAX + 1 bytes); *ret_bytes
 * without the NUL. timeout_ms: 0 = only what is there already, -1 = for ever.
 */
enum remote_result remote_receive(struct remote_stream *stream, int timeout_ms, char *packet,
                                  size_t *ret_bytes);

/* Sends data (at most REMOTE_PACKET_MAX bytes, escaped by the caller if it must be). False: gone.
 */
bool remote_send(struct remote_stream *stream, const char *data, size_t bytes);
/* One byte outside of any packet. */
bool remote_send_byte(struct remote_stream *stream, char byte);

/* Hexadecimal: two digits per byte. `to` has room for 2 * bytes + 1. Returns the end of the text.
 */
char *remote_to_hex(char *to, const void *data, size_t bytes);
/* Decodes up to `room` bytes; stops at the first character that is no digit. The bytes decoded. */
size_t remote_from_hex(const char *text, void *to, size_t room);

#endif
