/*
 * tests/guest/same_splice.c - bytes between pipes, files and memory without a copy in the program:
 * splice, tee, vmsplice, sendfile, copy_file_range, as a list of lines that must be the same on Linux
 * (its tmpfs).
 */
#define _GNU_SOURCE
#include "tests/guest/same_files.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

static int file, one[2], two[2];

/* What lies in the pipe, which is empty then. */
static void drain(const char *what, int fd)
{
    char bytes[200];
    int flags = fcntl(fd, F_GETFL);

    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    ssize_t got = read(fd, bytes, sizeof bytes);
    fcntl(fd, F_SETFL, flags);
    if (got < 0)
        show(what, got);
    else
        say("%s: %zd \"%.*s\"", what, got, (int)got, bytes);
}

static void put(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) < 0)
        fail("write");
}

static void splicing(void)
{
    loff_t at = 2;

    show("nothing", splice(-1, NULL, -1, NULL, 0, 0));
    show("bad flags", splice(file, NULL, one[1], NULL, 5, 0x100));
    show("bad in", splice(-1, NULL, one[1], NULL, 5, 0));
    show("bad out", splice(file, NULL, -1, NULL, 5, 0));
    show("no pipe", splice(file, NULL, file, NULL, 5, 0));
    show("pipe with position", splice(one[0], &at, file, NULL, 5, 0));
    show("out pipe with position", splice(file, NULL, one[1], &at, 5, 0));
    show("wrong end", splice(one[1], NULL, file, NULL, 5, 0));
    show("wrong out end", splice(file, NULL, one[0], NULL, 5, 0));
    show("same pipe", splice(one[0], NULL, one[1], NULL, 5, SPLICE_F_NONBLOCK));
    show("empty", splice(one[0], NULL, file, NULL, 5, SPLICE_F_NONBLOCK));
    show("bad position", splice(file, (loff_t *)8, one[1], NULL, 5, 0));

    lseek(file, 0, SEEK_SET);
    show("from file", splice(file, NULL, one[1], NULL, 4, 0));
    show("moved on", lseek(file, 0, SEEK_CUR));
    show("at position", splice(file, &at, one[1], NULL, 3, 0));
    say("position %ld", (long)at);
    show("not moved", lseek(file, 0, SEEK_CUR));
    drain("pipe", one[0]);
    at = -1;
    show("negative", splice(file, &at, one[1], NULL, 3, 0));
    at = 10;
    show("at the end", splice(file, &at, one[1], NULL, 3, 0));
    at = 8;
    show("over the end", splice(file, &at, one[1], NULL, 30, 0));
    drain("pipe", one[0]);

    int out = open("out", O_RDWR | O_CREAT | O_TRUNC, 0644);
    put(one[1], "hello world");
    show("to file", splice(one[0], NULL, out, NULL, 5, 0));
    show("moved on", lseek(out, 0, SEEK_CUR));
    at = 20;
    show("to position", splice(one[0], NULL, out, &at, 100, 0));
    say("position %ld size %ld", (long)at, (long)lseek(out, 0, SEEK_END));
    drain("left", one[0]);
    int append = open("out", O_WRONLY | O_APPEND);
    put(one[1], "x");
    show("append", splice(one[0], NULL, append, NULL, 1, 0));
    int reading = open("out", O_RDONLY);
    show("read only", splice(one[0], NULL, reading, NULL, 1, 0));
    drain("still there", one[0]);
    close(append);
    close(reading);
    close(out);

    put(one[1], "abcdef");
    show("pipe to pipe", splice(one[0], NULL, two[1], NULL, 4, 0));
    drain("one", one[0]);
    drain("two", two[0]);
    int zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY);
    show("from zero", splice(zero, NULL, one[1], NULL, 10, 0));
    show("to null", splice(one[0], NULL, null, NULL, 100, 0));
    close(zero);
    close(null);
    int directory = open(".", O_RDONLY);
    show("directory", splice(directory, NULL, one[1], NULL, 10, 0));
    close(directory);

    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    put(pair[0], "through a socket");
    show("from socket", splice(pair[1], NULL, one[1], NULL, 100, 0));
    show("to socket", splice(one[0], NULL, pair[0], NULL, 100, 0));
    drain("socket", pair[1]);
    at = 0;
    show("socket with position", splice(pair[1], &at, one[1], NULL, 10, 0));
    close(pair[0]);
    close(pair[1]);
}

static void full_and_ended(void)
{
    char block[65536];
    int ends[2];

    memset(block, 'z', sizeof block);
    show("fill", write(one[1], block, sizeof block));
    lseek(file, 0, SEEK_SET);
    show("full", splice(file, NULL, one[1], NULL, 5, SPLICE_F_NONBLOCK));
    show("full tee", tee(one[0], two[1], 10, 0));
    drain("two", two[0]);
    show("into full", tee(two[0], one[1], 10, SPLICE_F_NONBLOCK));
    show("empty it", read(one[0], block, sizeof block));

    signal(SIGPIPE, SIG_IGN);
    pipe(ends);
    close(ends[0]);
    show("no reader", splice(file, NULL, ends[1], NULL, 5, 0));
    put(one[1], "kept");
    show("no reader, from pipe", splice(one[0], NULL, ends[1], NULL, 5, 0));
    show("no reader, tee", tee(one[0], ends[1], 5, 0));
    show("no reader, memory", vmsplice(ends[1], &(struct iovec){block, 5}, 1, 0));
    drain("kept", one[0]);
    close(ends[1]);
    pipe(ends);
    put(ends[1], "last");
    close(ends[1]);
    show("the rest", splice(ends[0], NULL, two[1], NULL, 50, 0));
    show("no writer", splice(ends[0], NULL, two[1], NULL, 50, 0));
    show("no writer, tee", tee(ends[0], two[1], 50, 0));
    drain("two", two[0]);
    close(ends[0]);
}

static void teeing(void)
{
    show("bad flags", tee(one[0], two[1], 5, 0x100));
    show("nothing", tee(one[0], two[1], 0, 0));
    show("bad", tee(-1, two[1], 5, 0));
    show("file", tee(file, two[1], 5, 0));
    show("same", tee(one[0], one[1], 5, SPLICE_F_NONBLOCK));
    show("empty", tee(one[0], two[1], 5, SPLICE_F_NONBLOCK));
    put(one[1], "doubled");
    show("tee", tee(one[0], two[1], 100, 0));
    show("tee more", tee(one[0], two[1], 3, 0));
    drain("two", two[0]);
    drain("one", one[0]);
}

static void memory(void)
{
    char first[] = "first", second[] = "second", into[20] = "", more[20] = "";
    struct iovec out[] = {{first, 5}, {NULL, 0}, {second, 6}}, in[] = {{into, 3}, {more, 20}};

    show("bad flags", vmsplice(one[1], out, 3, 0x100));
    show("bad", vmsplice(-1, out, 3, 0));
    show("file", vmsplice(file, out, 3, 0));
    show("none", vmsplice(one[1], out, 0, 0));
    show("too many", vmsplice(one[1], out, 1025, 0));
    show("bad vector", vmsplice(one[1], (struct iovec *)8, 2, 0));
    show("to pipe", vmsplice(one[1], out, 3, 0));
    show("from pipe", vmsplice(one[0], in, 2, 0));
    say("\"%.3s\" \"%s\"", into, more);
    show("empty", vmsplice(one[0], in, 2, SPLICE_F_NONBLOCK));
}

static void sending(void)
{
    off_t at = 3;
    int out = open("sent", O_RDWR | O_CREAT | O_TRUNC, 0644);
    int append = open("sent", O_WRONLY | O_APPEND);
    int writing = open("sent", O_WRONLY);

    lseek(file, 0, SEEK_SET);
    show("send", sendfile(out, file, NULL, 4));
    show("moved", lseek(file, 0, SEEK_CUR));
    show("send at", sendfile(out, file, &at, 100));
    say("at %ld", (long)at);
    show("not moved", lseek(file, 0, SEEK_CUR));
    show("size", lseek(out, 0, SEEK_END));
    show("at end", sendfile(out, file, &at, 100));
    at = -1;
    show("negative", sendfile(out, file, &at, 100));
    at = 0;
    show("bad position", sendfile(out, file, (off_t *)8, 100));
    show("append", sendfile(append, file, &at, 5));
    show("not readable", sendfile(out, writing, &at, 5));
    show("not writable", sendfile(open("sent", O_RDONLY), file, &at, 5));
    show("bad in", sendfile(out, -1, &at, 5));
    show("bad out", sendfile(-1, file, &at, 5));
    show("to pipe", sendfile(one[1], file, &at, 5));
    drain("pipe", one[0]);
    show("nothing", sendfile(out, file, &at, 0));
    show("huge", sendfile(out, file, &at, (size_t)-1));
    close(out);
    close(append);
    close(writing);
}

static void copying(void)
{
    loff_t in = 2, at = 100;
    int out = open("copy", O_RDWR | O_CREAT | O_TRUNC, 0644);
    int append = open("copy", O_WRONLY | O_APPEND);
    int directory = open(".", O_RDONLY);

    lseek(file, 0, SEEK_SET);
    show("copy", copy_file_range(file, NULL, out, NULL, 4, 0));
    show("copy at", copy_file_range(file, &in, out, &at, 50, 0));
    say("in %ld out %ld size %ld", (long)in, (long)at, (long)lseek(out, 0, SEEK_END));
    show("at end", copy_file_range(file, &in, out, NULL, 50, 0));
    show("nothing", copy_file_range(file, NULL, out, NULL, 0, 0));
    show("flags", copy_file_range(file, NULL, out, NULL, 4, 1));
    show("append", copy_file_range(file, NULL, append, NULL, 4, 0));
    show("from directory", copy_file_range(directory, NULL, out, NULL, 4, 0));
    show("to directory", copy_file_range(file, NULL, directory, NULL, 4, 0));
    show("from pipe", copy_file_range(one[0], NULL, out, NULL, 4, 0));
    show("to pipe", copy_file_range(file, NULL, one[1], NULL, 4, 0));
    show("bad in", copy_file_range(-1, NULL, out, NULL, 4, 0));
    show("bad out", copy_file_range(file, NULL, -1, NULL, 4, 0));
    show("not writable", copy_file_range(out, NULL, open("copy", O_RDONLY), NULL, 4, 0));
    in = 0;
    at = 2;
    show("overlap", copy_file_range(out, &in, out, &at, 10, 0));
    at = 200;
    show("same file", copy_file_range(out, &in, out, &at, 10, 0));
    in = -1;
    show("negative", copy_file_range(file, &in, out, &at, 10, 0));
    show("bad position", copy_file_range(file, (loff_t *)8, out, NULL, 10, 0));
    in = 0;
    show("huge", copy_file_range(file, &in, out, NULL, (size_t)-1, 0));
    close(out);
    close(append);
    close(directory);
}

/* Does a large file come whole through a pipe that is smaller, with a waiter on either side? */
static void much(void)
{
    enum { BYTES = 300000 };
    static unsigned char data[BYTES], back[BYTES];
    int ends[2], from = open("much", O_RDWR | O_CREAT | O_TRUNC, 0644);

    for (int i = 0; i < BYTES; i++)
        data[i] = (unsigned char)(i * 7 + i / 1000);
    if (write(from, data, BYTES) != BYTES || lseek(from, 0, SEEK_SET) || pipe(ends))
        fail("much");
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        ssize_t moved;
        while ((moved = splice(from, NULL, ends[1], NULL, BYTES, 0)) > 0)
            ;
        _exit(moved != 0);
    }
    close(ends[1]);
    int to = open("back", O_RDWR | O_CREAT | O_TRUNC, 0644);
    long total = 0, moved;
    while ((moved = splice(ends[0], NULL, to, NULL, BYTES, 0)) > 0)
        total += moved;
    show_end("sender", child);
    show("came", total);
    show("same", pread(to, back, BYTES, 0) == BYTES && !memcmp(data, back, BYTES));
    close(ends[0]);
    close(from);
    close(to);
}

int main(void)
{
    own_directory();
    make_file("file", "0123456789");
    file = open("file", O_RDWR);
    pipe(one);
    pipe(two);
    splicing();
    teeing();
    memory();
    full_and_ended();
    sending();
    copying();
    much();
    leave_directory();
    return 0;
}
