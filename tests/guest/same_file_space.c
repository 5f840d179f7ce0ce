/*
 * tests/guest/same_file_space.c - what files in memory hold and may be told: fallocate in all its
 * modes, holes, the largest sizes, extended attributes, files without names, statx, exchanging and
 * whiteouts, handles, as a list of lines that must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same_files.h"

#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define KEEP     1
#define PUNCH    2
#define NO_HIDE  4
#define COLLAPSE 8
#define ZERO     16
#define INSERT   32
#define UNSHARE  64
#define PAGE     4096

static char *volatile bad_address = (char *)8;

static void show_size(const char *what, int fd)
{
    struct stat status;

    fstat(fd, &status);
    say("%s: %ld bytes, %ld blocks", what, (long)status.st_size, (long)status.st_blocks);
}

static void fill(int fd, int pages)
{
    static char page[PAGE];

    memset(page, 'x', sizeof page);
    ftruncate(fd, 0);
    for (int i = 0; i < pages; i++)
        pwrite(fd, page, PAGE, (off_t)i * PAGE);
}

/* Which bytes at these places are not zero. */
static void show_bytes(const char *what, int fd)
{
    char line[64] = "", byte;

    for (off_t at = 0; at < 4 * PAGE; at += PAGE / 2) {
        ssize_t got = pread(fd, &byte, 1, at);
        strcat(line, got < 1 ? "-" : byte ? "x" : "0");
    }
    say("%s: %s", what, line);
}

static void space(void)
{
    static const int modes[] = {0,
                                KEEP,
                                PUNCH,
                                PUNCH | KEEP,
                                NO_HIDE,
                                COLLAPSE,
                                INSERT,
                                UNSHARE,
                                UNSHARE | KEEP,
                                PUNCH | ZERO,
                                PUNCH | ZERO | KEEP,
                                COLLAPSE | KEEP,
                                128,
                                -1};
    int fd = open("space", O_CREAT | O_RDWR, 0644);
    char what[64];

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        fill(fd, 3);
        snprintf(what, sizeof what, "mode %d", modes[i]);
        show(what, fallocate(fd, modes[i], PAGE, 4 * PAGE));
        show_size(what, fd);
        show_bytes(what, fd);
        snprintf(what, sizeof what, "mode %d, parts of pages", modes[i]);
        fill(fd, 2);
        show(what, fallocate(fd, modes[i], 100, PAGE));
        show_size(what, fd);
        show_bytes(what, fd);
    }
    fill(fd, 1);
    show("no bytes", fallocate(fd, 0, 0, 0));
    show("negative bytes", fallocate(fd, 0, 0, -1));
    show("negative place", fallocate(fd, 0, -1, 1));
    show("too far", fallocate(fd, 0, 0x7fffffffffffffff, 1));
    show("at the far end", fallocate(fd, KEEP | PUNCH, 0x7ffffffffffff000, 0xfff));
    show("beyond the end", fallocate(fd, KEEP, 10 * PAGE, PAGE));
    show_size("beyond the end", fd);
    show("punch beyond the end", fallocate(fd, KEEP | PUNCH, 10 * PAGE, PAGE));
    show_size("punch beyond the end", fd);
    int reader = open("space", O_RDONLY), directory = open("dir", O_RDONLY), ends[2];
    pipe(ends);
    show("not open to write", fallocate(reader, 0, 0, 1));
    show("a directory", fallocate(directory, 0, 0, 1));
    show("a pipe", fallocate(ends[1], 0, 0, 1));
    show("no descriptor", fallocate(99, 0, 0, 1));
    close(reader);
    close(directory);
    close(ends[0]);
    close(ends[1]);
    close(fd);
}

static void holes(void)
{
    int fd = open("holes", O_CREAT | O_RDWR | O_TRUNC, 0644);

    show("empty: data", lseek(fd, 0, SEEK_DATA));
    show("empty: hole", lseek(fd, 0, SEEK_HOLE));
    ftruncate(fd, 10 * PAGE);
    show("hole: data", lseek(fd, 0, SEEK_DATA));
    show("hole: hole", lseek(fd, 5, SEEK_HOLE));
    pwrite(fd, "x", 1, 3 * PAGE + 10);
    pwrite(fd, "x", 1, 4 * PAGE);
    pwrite(fd, "x", 1, 8 * PAGE);
    for (long at = 0; at <= 10; at++) {
        char what[32];
        snprintf(what, sizeof what, "page %ld: data", at);
        show(what, lseek(fd, at * PAGE + 5, SEEK_DATA));
        snprintf(what, sizeof what, "page %ld: hole", at);
        show(what, lseek(fd, at * PAGE + 5, SEEK_HOLE));
    }
    show("the end", lseek(fd, 10 * PAGE, SEEK_HOLE));
    show("before the start", lseek(fd, -1, SEEK_DATA));
    show("where it is", lseek(fd, 0, SEEK_CUR));
    fallocate(fd, KEEP | PUNCH, 3 * PAGE, PAGE);
    show("punched: data", lseek(fd, 0, SEEK_DATA));
    ftruncate(fd, 8 * PAGE + 10);
    show("last page: hole", lseek(fd, 8 * PAGE, SEEK_HOLE));
    show("5", lseek(fd, 0, 5));
    int pipe_ends[2];
    pipe(pipe_ends);
    show("a pipe", lseek(pipe_ends[0], 0, SEEK_DATA));
    int directory = open("dir", O_RDONLY);
    show("a directory: data", lseek(directory, 0, SEEK_DATA));
    show("a directory: hole", lseek(directory, 0, SEEK_HOLE));
    close(fd);
    close(directory);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

static void largest(void)
{
    static const long places[] = {0x7fffffffffffffff, 0x7ffffffffffffffe, 0x7ffffffffffff000,
                                  0x7fffffffffffefff, 0x7fffffffffffe000, 0x3fffffffffffffff};
    int fd = open("large", O_CREAT | O_RDWR | O_TRUNC, 0644);
    char what[64], bytes[2 * PAGE] = {1};

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(what, sizeof what, "%#lx: truncate", places[i]);
        show(what, ftruncate(fd, places[i]));
        snprintf(what, sizeof what, "%#lx: seek", places[i]);
        say("%s: %s", what, lseek(fd, places[i], SEEK_SET) == places[i] ? "there" : "not there");
        snprintf(what, sizeof what, "%#lx: write", places[i]);
        show(what, pwrite(fd, bytes, 1, places[i]));
        show(what, pwrite(fd, bytes, sizeof bytes, places[i]));
        snprintf(what, sizeof what, "%#lx: read", places[i]);
        show(what, pread(fd, bytes, sizeof bytes, places[i]));
        show_size(what, fd);
        show("cut", ftruncate(fd, 0));
    }
    show("seek from the end", lseek(fd, 0x7fffffffffffffff, SEEK_END) == 0x7fffffffffffffff);
    show("and on", lseek(fd, 1, SEEK_CUR));
    close(fd);
}

static void attribute(const char *name, const char *on)
{
    char value[64], what[100];

    snprintf(what, sizeof what, "%s of %s", name, on);
    show(what, lsetxattr(on, name, "value", 5, 0));
    show(what, lgetxattr(on, name, value, sizeof value));
    show(what, lremovexattr(on, name));
}

static void attributes(void)
{
    static const char *const names[] = {"user.a",   "trusted.a", "security.a", "system.a",
                                        "user.",    "user",      "a",          "",
                                        "trusted.", "unknown.a"};
    static const char *const files[] = {"file", "dir", "to_file", "fifo"};
    char *large = calloc(1, 70000), list[1024], name[300] = "user.";

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (size_t j = 0; j < sizeof files / sizeof *files; j++)
            attribute(names[i], files[j]);
    }
    show("create", setxattr("file", "user.x", "1", 1, XATTR_CREATE));
    show("create again", setxattr("file", "user.x", "1", 1, XATTR_CREATE));
    show("replace", setxattr("file", "user.x", "22", 2, XATTR_REPLACE));
    show("replace nothing", setxattr("file", "user.y", "22", 2, XATTR_REPLACE));
    show("both", setxattr("file", "user.x", "22", 2, XATTR_REPLACE | XATTR_CREATE));
    show("a bad flag", setxattr("file", "user.x", "22", 2, 4));
    show("size", getxattr("file", "user.x", NULL, 0));
    show("too little room", getxattr("file", "user.x", list, 1));
    show("nothing there", getxattr("file", "user.z", list, 1));
    show("empty value", setxattr("file", "user.empty", "", 0, 0));
    show("its size", getxattr("file", "user.empty", list, sizeof list));
    show("list: size", listxattr("file", NULL, 0));
    show("list: too little room", listxattr("file", list, 3));
    show("list", listxattr("file", list, sizeof list));
    show("too large", setxattr("file", "user.large", large, 65537, 0));
    show("largest", setxattr("file", "user.large", large, 65536, 0) == 0 || errno == ENOSPC);
    removexattr("file", "user.large");
    memset(name + 5, 'n', 251);
    show("a long name", setxattr("file", name, "1", 1, 0));
    memset(name + 5, 0, sizeof name - 5);
    memset(name + 5, 'n', 250);
    show("the longest name", setxattr("file", name, "1", 1, 0));
    show("bad address of a value", setxattr("file", "user.x", bad_address, 4, 0));
    show("bad address of a name", setxattr("file", (char *)8, "x", 1, 0));
    show("bad address to get", getxattr("file", "user.x", bad_address, 4));
    show("missing", setxattr("missing", "user.x", "1", 1, 0));
    int path = open("file", O_PATH);
    show("of a path", fgetxattr(path, "user.x", list, sizeof list));
    close(path);
    free(large);
}

static int nobody_and_attributes(void)
{
    char value[16];

    if (setresgid(1, 1, 1) || setresuid(1, 1, 1))
        fail("setresuid");
    show("nobody gets", getxattr("file", "user.x", value, sizeof value));
    show("nobody sets", setxattr("file", "user.x", "1", 1, 0));
    show("nobody gets trusted", getxattr("file", "trusted.x", value, sizeof value));
    show("nobody sets trusted", setxattr("file", "trusted.x", "1", 1, 0));
    show("nobody sets security", setxattr("file", "security.x", "1", 1, 0));
    show("nobody lists", listxattr("file", NULL, 0) > 0);
    show("nobody removes", removexattr("file", "user.x"));
    show("of the sticky directory", setxattr("sticky", "user.x", "1", 1, 0));
    return 0;
}

static void unnamed(void)
{
    char path[64];
    int fd = open(".", O_TMPFILE | O_RDWR, 0640);
    struct stat status;

    show_good("O_TMPFILE", fd);
    fstat(fd, &status);
    say("mode %o, %ld links", status.st_mode, (long)status.st_nlink);
    write(fd, "x", 1);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    show("name it", linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    fstat(fd, &status);
    say("%ld links", (long)status.st_nlink);
    show("again", linkat(fd, "", AT_FDCWD, "second", AT_EMPTY_PATH));
    show_mode("named", "named");
    close(fd);
    fd = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    show("never to be named", linkat(AT_FDCWD, path, AT_FDCWD, "never", AT_SYMLINK_FOLLOW));
    close(fd);
    show("to read", open(".", O_TMPFILE | O_RDONLY, 0600));
    show("in a file", open("file", O_TMPFILE | O_RDWR, 0600));
    show("in nothing", open("missing", O_TMPFILE | O_RDWR, 0600));
    show_close("with O_CREAT", open(".", O_TMPFILE | O_CREAT | O_RDWR, 0600));
}

static void show_statx(const char *what, const char *name, unsigned flags, unsigned mask)
{
    struct statx buffer;

    memset(&buffer, 0xff, sizeof buffer);
    if (statx(AT_FDCWD, name, (int)flags, mask, &buffer)) {
        show(what, -1);
        return;
    }
    say("%s: mask %#x, attributes %#llx of %#llx, links %u, mode %o, size %llu, blocks %llu, unit "
        "%u, "
        "born %d",
        what, buffer.stx_mask, buffer.stx_attributes, buffer.stx_attributes_mask, buffer.stx_nlink,
        buffer.stx_mode, S_ISREG(buffer.stx_mode) ? buffer.stx_size : 0, buffer.stx_blocks,
        buffer.stx_blksize, buffer.stx_btime.tv_sec > 0);
}

static void extended_status(void)
{
    show_statx("basic", "file", 0, STATX_BASIC_STATS);
    show_statx("all", "file", 0, STATX_ALL);
    show_statx("nothing", "file", 0, 0);
    show_statx("mount", "file", 0, STATX_MNT_ID);
    show_statx("directory", "dir", 0, STATX_ALL);
    show_statx("link", "to_file", AT_SYMLINK_NOFOLLOW, STATX_ALL);
    show_statx("fifo", "fifo", 0, STATX_ALL);
    show_statx("bad flag", "file", 1, STATX_ALL);
    show_statx("bad mask", "file", 0, 0x80000000);
    show_statx("both syncs", "file", 0x6000, STATX_ALL);
    show_statx("missing", "missing", 0, STATX_ALL);
}

static void renaming(void)
{
    make_file("a", "1");
    make_file("b", "22");
    show("whiteout", renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_WHITEOUT));
    struct stat status;
    show("the old name", lstat("a", &status));
    say("mode %o, device %u:%u", status.st_mode, major(status.st_rdev), minor(status.st_rdev));
    show("whiteout over another", renameat2(AT_FDCWD, "c", AT_FDCWD, "b", RENAME_WHITEOUT));
    show_mode("the old name", "c");
    show("whiteout and exchange",
         renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_WHITEOUT | RENAME_EXCHANGE));
    show("whiteout, not over another",
         renameat2(AT_FDCWD, "b", AT_FDCWD, "d", RENAME_WHITEOUT | RENAME_NOREPLACE));
    show_mode("moved", "d");
    show_mode("left behind", "b");
    show("to itself", renameat2(AT_FDCWD, "d", AT_FDCWD, "d", RENAME_WHITEOUT));
    show("exchange with a directory", renameat2(AT_FDCWD, "d", AT_FDCWD, "dir", RENAME_EXCHANGE));
    show_mode("d", "d");
    show("and back", renameat2(AT_FDCWD, "d", AT_FDCWD, "dir", RENAME_EXCHANGE));
    show("exchange with nothing", renameat2(AT_FDCWD, "d", AT_FDCWD, "missing", RENAME_EXCHANGE));
    show("a bad flag", renameat2(AT_FDCWD, "d", AT_FDCWD, "e", 8));
}

int main(void)
{
    own_directory();
    make_names();
    space();
    holes();
    largest();
    attributes();
    setxattr("file", "user.x", "1", 1, 0);
    setxattr("file", "trusted.x", "1", 1, 0);
    show_end("nobody", spawn(nobody_and_attributes));
    unnamed();
    extended_status();
    renaming();
    leave_directory();
    return 0;
}
