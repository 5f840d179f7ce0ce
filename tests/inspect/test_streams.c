/*
 * tests/inspect/test_streams.c - do the bytes of the standard streams arrive, all of them, and does
 * a lying guest stay harmless?
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/inspect/synthetic.h"
#include "vmm/session/streams.h"

static struct synthetic s;
static struct streams streams;
static int wake_fd, in[2], out[2];

static void setup(void)
{
    int fds[CHANNEL_COUNT];

    signal(SIGPIPE, SIG_IGN);
    synthetic_init(&s, 1, 64);
    wake_fd = eventfd(0, EFD_NONBLOCK);
    cr_assert_eq(pipe(in), 0);
    cr_assert_eq(pipe(out), 0);
    fds[CHANNEL_STDIN] = in[0];
    fds[CHANNEL_STDOUT] = out[1];
    fds[CHANNEL_STDERR] = -1;
    streams_init(&streams, &s.guest, fds);
}

static void teardown(void)
{
    streams_deinit(&streams);
    close(wake_fd);
    synthetic_deinit(&s);
}

TestSuite(streams, .init = setup, .fini = teardown, .timeout = 60);

static struct glass_channel *channel(unsigned index)
{
    return (struct glass_channel *)synthetic_at(&s, s.glass->channels - DIRECT) + index;
}

static void guest_writes(struct glass_channel *ring, const void *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ring->data[(ring->head + i) & (CHANNEL_BYTES - 1)] = ((const uint8_t *)data)[i];
    GUEST_STORE(&ring->head, ring->head + bytes);
}

Test(streams, output_arrives_and_room_is_given_back)
{
    char text[16] = "";

    guest_writes(channel(CHANNEL_STDOUT), "hello", 5);
    channel(CHANNEL_STDOUT)->producer_waits = 1;
    streams_run(&streams, wake_fd, 0);
    cr_assert_eq(read(out[0], text, sizeof(text)), 5);
    cr_expect_str_eq(text, "hello");
    cr_expect_eq(channel(CHANNEL_STDOUT)->tail, 5);
    cr_expect_eq(s.kicks, 1);
}

Test(streams, input_then_end_of_file)
{
    cr_assert_eq(write(in[1], "ab", 2), 2);
    close(in[1]);
    channel(CHANNEL_STDIN)->consumer_waits = 1;
    streams_run(&streams, wake_fd, 1000);
    cr_expect_eq(channel(CHANNEL_STDIN)->head, 2);
    cr_expect_eq(channel(CHANNEL_STDIN)->closed, 0);
    streams_run(&streams, wake_fd, 1000);
    cr_expect_eq(channel(CHANNEL_STDIN)->closed, 1);
    cr_expect_eq(s.kicks, 2);
    cr_expect(memcmp(channel(CHANNEL_STDIN)->data, "ab", 2) == 0);
}

Test(streams, reader_that_goes_away_is_told)
{
    close(out[0]);
    streams_run(&streams, wake_fd, 1000);
    cr_expect_eq(channel(CHANNEL_STDOUT)->consumer_gone, 1);
    guest_writes(channel(CHANNEL_STDOUT), "x", 1);
    streams_run(&streams, wake_fd, 0);
    cr_expect(streams_flushed(&streams));
}

Test(streams, closed_stderr_swallows)
{
    guest_writes(channel(CHANNEL_STDERR), "x", 1);
    streams_run(&streams, wake_fd, 0);
    cr_expect_eq(channel(CHANNEL_STDERR)->tail, 1);
}

Test(streams, lying_indexes_stop_a_stream_only)
{
    channel(CHANNEL_STDOUT)->head = UINT64_MAX;
    channel(CHANNEL_STDIN)->tail = 12345;
    guest_writes(channel(CHANNEL_STDERR), "x", 1);
    for (unsigned i = 0; i < 10; i++)
        streams_run(&streams, wake_fd, 0);
    cr_expect(streams.stream[CHANNEL_STDOUT].corrupt);
    cr_expect(streams.stream[CHANNEL_STDIN].corrupt);
    cr_expect(streams_flushed(&streams));
    cr_expect_eq(channel(CHANNEL_STDERR)->tail, 1);
}

#define TOTAL (3u << 20)

static void *slow_reader(void *argument)
{
    static uint8_t buffer[70000];
    uint64_t *sum = argument;
    uint64_t taken = 0;

    while (taken < TOTAL) {
        ssize_t got = read(out[0], buffer, sizeof(buffer));

        if (got <= 0)
            break;
        for (ssize_t i = 0; i < got; i++)
            *sum += buffer[i] != (uint8_t)((taken + (uint64_t)i) * 7 >> 3);
        taken += (uint64_t)got;
        usleep(100);
    }
    *sum += TOTAL - taken;
    return NULL;
}

/* More than ring and pipe hold together, with a reader that is slower than we are. */
Test(streams, back_pressure_keeps_every_byte)
{
    struct glass_channel *ring = channel(CHANNEL_STDOUT);
    uint64_t wrong = 0, written = 0;
    pthread_t reader;

    pthread_create(&reader, NULL, slow_reader, &wrong);
    while (written < TOTAL || !streams_flushed(&streams)) {
        uint64_t room = CHANNEL_BYTES - (ring->head - ring->tail);

        for (; room && written < TOTAL; room--, written++) {
            ring->data[written & (CHANNEL_BYTES - 1)] = (uint8_t)(written * 7 >> 3);
            GUEST_STORE(&ring->head, written + 1);
        }
        streams_run(&streams, wake_fd, 10);
    }
    pthread_join(reader, NULL);
    cr_expect_eq(wrong, 0);
}
