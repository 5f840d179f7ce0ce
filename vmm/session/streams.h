/*
 * vmm/session/streams.h - the guest's standard input, output and error on descriptors of the host.
 *
 * Byte exact both ways, with end of file, back-pressure (a slow host reader fills the ring and the
 * guest's writer waits) and broken pipes (our reader is gone: the guest's writers get EPIPE). One
 * thread, the pump, uses it.
 *
 * The ring's index that is ours is kept here and only copied to the guest; the guest's index is
 * checked against it, so a corrupt one can stop a stream but not make us read or write outside the
 * ring.
 */
#ifndef VITRINE_SESSION_STREAMS_H
#define VITRINE_SESSION_STREAMS_H

#include "vmm/inspect/guest.h"

struct stream {
    struct glass_channel *channel; /* NULL until the glass is complete */
    int fd;                        /* what we read or write; -1 = nothing */
    bool own_fd;                   /* fd is our own non-blocking description of the caller's file */
    bool limited;                  /* fd may block: write no more than a pipe surely takes */
    uint64_t position;             /* ours: head of the input ring, tail of an output ring */
    bool finished; /* input: EOF was passed on. output: nobody reads any more, bytes are dropped */
    bool corrupt;  /* the guest's index made no sense: the stream is dead */
};

struct streams {
    struct stream stream[CHANNEL_COUNT];
    struct vt_guest *guest;
    bool input_held;     /* the terminal's input is another's now: it is not read */
    bool escape_enabled; /* three Ctrl-] within a second end the machine */
    bool escaped;
    unsigned escape_count;
    int64_t escape_since_us;
};

/* fds: stdin, stdout, stderr of the guest; -1 = EOF, or drop. They stay the caller's. */
void streams_init(struct streams *streams, struct vt_guest *guest, const int fds[CHANNEL_COUNT]);
/* The rings of a restored guest: goes on where its last host stopped. VT_ERROR_BUSY = no glass. */
struct vt_error *streams_adopt(struct streams *streams);
void streams_deinit(struct streams *streams);

/* Moves what can be moved, then sleeps until a descriptor or wake_fd (drained here) is ready, or
 * the time is over. */
void streams_run(struct streams *streams, int wake_fd, int timeout_ms);

/* All output that the guest produced has left, or never will. */
bool streams_flushed(struct streams *streams);

#endif
