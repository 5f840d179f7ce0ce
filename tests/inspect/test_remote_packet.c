/*
 * tests/inspect/test_remote_packet.c - the framing of gdb's remote protocol against what anybody
 * may send: pieces, noise, wrong sums, packets without an end.
 */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/base/remote_packet.h"

static int ends[2];
static struct remote_stream stream;
static char packet[REMOTE_PACKET_MAX + 1];
static size_t bytes;

static void open_stream(void)
{
    cr_assert(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    remote_stream_init(&stream, ends[0]);
}

static void arrive(const char *text)
{
    cr_assert(write(ends[1], text, strlen(text)) == (ssize_t)strlen(text));
}

static enum remote_result next(void)
{
    return remote_receive(&stream, 0, packet, &bytes);
}

static void expect_answers(const char *text)
{
    char got[64] = "";
    ssize_t length = recv(ends[1], got, sizeof got - 1, MSG_DONTWAIT);

    cr_assert_str_eq(length > 0 ? got : "", text);
}

TestSuite(remote_packet, .init = open_stream);

/* Do packets come out whole, in order and acknowledged, whatever stands between and however they
 * arrive? */
Test(remote_packet, order)
{
    arrive("++-noise$OK#9a$#00\003$m1,2");
    cr_assert(next() == REMOTE_PACKET && strcmp(packet, "OK") == 0 && bytes == 2);
    cr_assert(next() == REMOTE_PACKET && bytes == 0);
    cr_assert(next() == REMOTE_INTERRUPT);
    cr_assert(next() == REMOTE_NOTHING);
    arrive("#");
    cr_assert(next() == REMOTE_NOTHING);
    arrive("fc");
    cr_assert(next() == REMOTE_PACKET && strcmp(packet, "m1,2") == 0);
    expect_answers("+++");
    stream.no_acks = true;
    arrive("$g#67");
    cr_assert(next() == REMOTE_PACKET);
    expect_answers("");
}

/* Is a packet with a wrong sum refused, and the next one taken? */
Test(remote_packet, sums)
{
    arrive("$g#68$?#3f");
    cr_assert(next() == REMOTE_PACKET, "the broken ones are passed over");
    cr_assert_str_eq(packet, "?");
    arrive("$c#zz$c#63");
    cr_assert(next() == REMOTE_PACKET && strcmp(packet, "c") == 0);
}

/* Does a packet that never ends cost no more than its buffer, and the end of the stream end it? */
Test(remote_packet, endless)
{
    char block[1024];
    enum remote_result result = REMOTE_NOTHING;

    memset(block, 'a', sizeof block);
    arrive("$");
    for (unsigned i = 0; i < 64 && result == REMOTE_NOTHING; i++) {
        cr_assert(write(ends[1], block, sizeof block) == sizeof block);
        result = next();
    }
    cr_assert(result == REMOTE_GONE);
    open_stream();
    arrive("$half");
    close(ends[1]);
    cr_assert(next() == REMOTE_GONE);
}

/* Is what is sent what the other side takes? Every byte but the frame's own comes back. */
Test(remote_packet, round_trip)
{
    struct remote_stream other;
    char data[256], hex[2 * sizeof data + 1];
    uint8_t back[sizeof data];
    size_t count = 0;

    remote_stream_init(&other, ends[1]);
    for (unsigned c = 0; c < 256; c++)
        if (!strchr("#$}*", (int)c) || c == 0)
            data[count++] = (char)c;
    cr_assert(remote_send(&stream, data, count));
    cr_assert(remote_receive(&other, 1000, packet, &bytes) == REMOTE_PACKET);
    cr_assert(bytes == count && memcmp(packet, data, count) == 0);
    cr_assert(remote_to_hex(hex, data, count) == hex + 2 * count);
    cr_assert(remote_from_hex(hex, back, sizeof back) == count && memcmp(back, data, count) == 0);
    cr_assert(remote_from_hex("12g4", back, sizeof back) == 1 && back[0] == 0x12);
}
