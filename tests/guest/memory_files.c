/*
 * tests/guest/memory_files.c - files that are mapped while they are read, written, cut and sealed.
 * What it prints is the same on Linux: the test compares the two.
 */
#define _GNU_SOURCE
#include "tests/guest/guest.h"
#include "tests/guest/probe.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define RW (PROT_READ | PROT_WRITE)

static int memory_file(unsigned pages)
{
    int fd = memfd_create("f", MFD_ALLOW_SEALING);

    if (fd < 0 || ftruncate(fd, (off_t)pages * PAGE_BYTES) != 0)
        fail("memfd");
    return fd;
}

static char *map(int fd, unsigned pages, int protection, int flags)
{
    char *area = mmap(NULL, pages * PAGE_BYTES, protection, flags, fd, 0);

    if (area == MAP_FAILED)
        fail("mmap");
    return area;
}

static char byte_of(int fd, off_t at)
{
    char byte;

    if (pread(fd, &byte, 1, at) != 1)
        byte = '-';
    return byte;
}

static void put(int fd, off_t at, const char *text)
{
    if (pwrite(fd, text, strlen(text), at) != (ssize_t)strlen(text))
        fail("pwrite");
}

static void reading_and_writing(int fd)
{
    char *shared = map(fd, 4, RW, MAP_SHARED), *private = map(fd, 4, RW, MAP_PRIVATE);
    char *watching = map(fd, 4, PROT_READ, MAP_SHARED);

    shared[0] = 'a';
    say("a mapped write is read: %c", byte_of(fd, 0));
    put(fd, 1, "b");
    say("a write is mapped: %c %c %c", shared[1], private[1], watching[1]);
    /* Looked at first, then written: holes and pages alike. */
    say("zeros: %d %d", private[PAGE_BYTES], watching[2 * PAGE_BYTES]);
    put(fd, PAGE_BYTES, "c");
    put(fd, 2 * PAGE_BYTES, "d");
    say("seen later: %c %c %c", private[PAGE_BYTES], watching[2 * PAGE_BYTES],
        watching[PAGE_BYTES]);
    private[PAGE_BYTES] = 'p';
    put(fd, PAGE_BYTES, "e");
    say("a copy stays: %c %c %c", private[PAGE_BYTES], shared[PAGE_BYTES], byte_of(fd, PAGE_BYTES));
    report("msync", msync(shared, 4 * PAGE_BYTES, MS_SYNC));
    report("msync async", msync(shared, PAGE_BYTES, MS_ASYNC | MS_INVALIDATE));
    report("msync both", msync(shared, PAGE_BYTES, MS_ASYNC | MS_SYNC));
    report("msync unaligned", msync(shared + 1, PAGE_BYTES, MS_SYNC));
    munmap(shared + 3 * PAGE_BYTES, PAGE_BYTES);
    report("msync over a hole", msync(shared, 4 * PAGE_BYTES, MS_SYNC));
    munmap(shared, 4 * PAGE_BYTES);
    munmap(private, 4 * PAGE_BYTES);
    munmap(watching, 4 * PAGE_BYTES);
    close(fd);
}

static void cutting(int fd)
{
    char *shared = map(fd, 4, RW, MAP_SHARED), *private = map(fd, 4, RW, MAP_PRIVATE);
    int ends[2];

    memset(shared, 's', 4 * PAGE_BYTES);
    private[3 * PAGE_BYTES] = 'p'; /* a copy */
    report("cut", ftruncate(fd, PAGE_BYTES + 100));
    say("before the end: %s %s", probe_read(shared), probe_read(private + PAGE_BYTES));
    say("in the last page: %c %d", shared[PAGE_BYTES + 99], shared[PAGE_BYTES + 100]);
    say("behind it: %s %s %s", probe_read(shared + 2 * PAGE_BYTES),
        probe_write(shared + 3 * PAGE_BYTES), probe_read(private + 3 * PAGE_BYTES));
    if (pipe(ends) != 0 || write(ends[1], "x", 1) != 1)
        fail("pipe");
    report("read into it", read(ends[0], shared + 2 * PAGE_BYTES, 1));
    report("write from it", write(ends[1], private + 3 * PAGE_BYTES, 1));
    shared[PAGE_BYTES + 200] = 'x'; /* behind the end, in its page: goes with the next cut */
    report("longer again", ftruncate(fd, 4 * PAGE_BYTES));
    say("what came back: %d %d %d", shared[2 * PAGE_BYTES], private[3 * PAGE_BYTES],
        byte_of(fd, 3 * PAGE_BYTES));
    shared[2 * PAGE_BYTES] = 'n';
    say("and is the file's: %c %c", byte_of(fd, 2 * PAGE_BYTES), private[2 * PAGE_BYTES]);

    /* After a fork both sides' mappings lose the page. */
    fflush(stdout);
    in_child({
        report("cut by a child", ftruncate(fd, PAGE_BYTES));
        say("child: %s", probe_read(shared + 2 * PAGE_BYTES));
    });
    say("parent: %s %s", probe_read(shared), probe_read(shared + 2 * PAGE_BYTES));
    munmap(shared, 4 * PAGE_BYTES);
    munmap(private, 4 * PAGE_BYTES);
    close(fd);
}

static void holes(int fd)
{
    char *shared = map(fd, 4, RW, MAP_SHARED), *private = map(fd, 4, RW, MAP_PRIVATE);
    struct stat status;

    memset(shared, 's', 4 * PAGE_BYTES);
    private[2 * PAGE_BYTES] = 'p';
    say("before: %c %c", private[PAGE_BYTES], private[3 * PAGE_BYTES]);
    report("punch",
           fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE_BYTES, 2 * PAGE_BYTES));
    say("shared: %d %d %c", shared[PAGE_BYTES], shared[2 * PAGE_BYTES], shared[3 * PAGE_BYTES]);
    say("private: %d %c %c", private[PAGE_BYTES], private[2 * PAGE_BYTES], private[3 * PAGE_BYTES]);
    put(fd, PAGE_BYTES, "f");
    say("filled: %c %c", shared[PAGE_BYTES], private[PAGE_BYTES]);
    report("punch a part",
           fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3 * PAGE_BYTES + 10, 20));
    say("part: %c %d %d %c", shared[3 * PAGE_BYTES + 9], shared[3 * PAGE_BYTES + 10],
        private[3 * PAGE_BYTES + 29], private[3 * PAGE_BYTES + 30]);
    report("punch without keeping the size", fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, PAGE_BYTES));
    report("grow", fallocate(fd, 0, 4 * PAGE_BYTES, 2 * PAGE_BYTES));
    fstat(fd, &status);
    say("size %ld", (long)status.st_size);
    report("nothing", fallocate(fd, 0, 0, 0));
    report("negative", fallocate(fd, 0, -1, 5));
    /* The same by advice. */
    memset(shared, 't', PAGE_BYTES);
    report("remove", madvise(shared, PAGE_BYTES, MADV_REMOVE));
    say("removed: %d %d", shared[0], byte_of(fd, 0));
    report("remove a private one", madvise(private, PAGE_BYTES, MADV_REMOVE));
    char *anonymous = mmap(NULL, PAGE_BYTES, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    report("remove anonymous", madvise(anonymous, PAGE_BYTES, MADV_REMOVE));
    munmap(anonymous, PAGE_BYTES);
    munmap(shared, 4 * PAGE_BYTES);
    munmap(private, 4 * PAGE_BYTES);
    close(fd);
}

static void report_map(const char *what, int fd, int protection, int flags)
{
    void *area = mmap(NULL, PAGE_BYTES, protection, flags, fd, 0);

    report(what, area == MAP_FAILED ? -1 : 0);
    if (area != MAP_FAILED)
        munmap(area, PAGE_BYTES);
}

static void seals(int fd)
{
    char *shared = map(fd, 4, RW, MAP_SHARED);

    report("seal size", fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
    report("shrink", ftruncate(fd, PAGE_BYTES));
    report("grow", ftruncate(fd, 5 * PAGE_BYTES));
    report("same size", ftruncate(fd, 4 * PAGE_BYTES));
    report("write past the end", pwrite(fd, "x", 1, 4 * PAGE_BYTES));
    report("seal writes while mapped", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    report("seals", fcntl(fd, F_GET_SEALS));
    report("future writes", fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    shared[0] = 'w';
    report("write", write(fd, "x", 1));
    report_map("map to write", fd, RW, MAP_SHARED);
    char *reading = map(fd, 4, PROT_READ, MAP_SHARED);
    report("protect to write", mprotect(reading, PAGE_BYTES, RW));
    say("read: %c", reading[0]);
    munmap(shared, 4 * PAGE_BYTES);
    report("seal writes", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    say("still: %c %d", reading[0], reading[2 * PAGE_BYTES]);
    report_map("map private", fd, RW, MAP_PRIVATE);
    report_map("map shared", fd, PROT_READ, MAP_SHARED);
    report("punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE_BYTES));
    report("seal seals", fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    report("seal again", fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    report("seals", fcntl(fd, F_GET_SEALS));
    munmap(reading, 4 * PAGE_BYTES);
    close(fd);
    fd = memfd_create("g", 0);
    report("not sealable", fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    close(fd);
    report("bad flags", memfd_create("h", 0x8000));
}

/* A named file: cut when it is opened, while it is mapped. */
static void opened_to_cut(void)
{
    static const char name[] = "/tmp/vitrine-memory-files";
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

    put(fd, 0, "first words");
    put(fd, PAGE_BYTES, "second");
    char *shared = map(fd, 2, PROT_READ, MAP_SHARED), *private = map(fd, 2, RW, MAP_PRIVATE);
    private[0] = 'F';
    say("%c %c", shared[0], private[0]);
    close(open(name, O_WRONLY | O_TRUNC));
    say("cut: %s %s", probe_read(shared), probe_read(private));
    put(fd, 0, "again");
    say("again: %.5s %.5s %s", shared, private, probe_read(shared + PAGE_BYTES));
    unlink(name);
    close(fd);
    say("no name: %.5s", shared);
    munmap(shared, 2 * PAGE_BYTES);
    munmap(private, 2 * PAGE_BYTES);
}

/* A file that was there before (of the image, in the guest): mapped first, written then. */
static void old_file(const char *name)
{
    int fd = open(name, O_RDWR);

    if (fd < 0)
        fail(name);
    char *private = map(fd, 1, PROT_READ, MAP_PRIVATE), *shared = map(fd, 1, PROT_READ, MAP_SHARED);
    say("old: %d %d", private[0] == shared[0], private[0] == byte_of(fd, 0));
    put(fd, 0, "new");
    say("written: %.3s %.3s", private, shared);
    report("cut", ftruncate(fd, 0));
    say("cut: %s %s", probe_read(private), probe_read(shared));
    put(fd, 1, "x");
    say("again: %d %c %c", private[0], private[1], shared[1]);
    munmap(private, PAGE_BYTES);
    munmap(shared, PAGE_BYTES);
    close(fd);
}

int main(int argument_count, char **arguments)
{
    probe_init();
    if (argument_count > 1)
        old_file(arguments[1]);
    reading_and_writing(memory_file(4));
    cutting(memory_file(4));
    holes(memory_file(4));
    seals(memory_file(4));
    opened_to_cut();
    return 0;
}
