/*
 * tests/guest/same_read_write.c - what reading, writing, seeking, cutting and allocating say when they
 * are asked for something odd, as a list of lines that must be the same on Linux (its tmpfs). A line's
 * name is the call itself.
 */
#define _GNU_SOURCE
#include "tests/guest/same_files.h"

#include <limits.h>
#include <linux/falloc.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/vfs.h>

/* Sizes that are wrong on purpose are what this asks about. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#endif

#define T(call) show(#call, (long)(call))
#define BAD     ((void *)-4096l)

static char buffer[3 * PAGE_BYTES];
static int rw, ro, wo, ap, dir, path_only, in, out, sock[2];

static void open_them(void)
{
    int ends[2];

    rw = open("file", O_RDWR);
    ro = open("file", O_RDONLY);
    wo = open("file", O_WRONLY);
    ap = open("appended", O_RDWR | O_CREAT | O_APPEND, 0644);
    dir = open("dir", O_RDONLY | O_DIRECTORY);
    path_only = open("file", O_PATH);
    if (pipe2(ends, O_NONBLOCK) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sock))
        fail("ends");
    in = ends[0];
    out = ends[1];
}

static void reading(void)
{
    struct iovec two[] = {{buffer, 3}, {buffer + 10, 4}};
    struct iovec bad[] = {{buffer, 3}, {BAD, 4}};
    struct iovec negative[] = {{buffer, 3}, {buffer, (size_t)-1}};
    struct iovec huge[] = {{buffer, SSIZE_MAX}, {buffer, 1}};
    static struct iovec many[IOV_MAX + 1];

    T(read(-1, buffer, 1));
    T(read(wo, buffer, 1));
    T(read(dir, buffer, 1));
    T(read(path_only, buffer, 1));
    T(read(rw, BAD, 1));
    T(read(rw, BAD, 0));
    T(read(wo, BAD, 0));
    T(read(rw, buffer, 0));
    T(read(rw, buffer, 4));
    T(read(rw, buffer, SSIZE_MAX));
    T(read(rw, buffer, 4));
    T(read(rw, BAD, 4));
    T(read(in, buffer, 1));
    T(read(out, buffer, 1));
    T(write(in, buffer, 1));
    T(pread(rw, buffer, 4, 8));
    T(pread(rw, buffer, 4, -1));
    T(pread(rw, buffer, 4, LLONG_MAX));
    T(pread(rw, buffer, 4, 100));
    T(pread(in, buffer, 4, 0));
    T(pread(sock[0], buffer, 4, 0));
    T(pread(dir, buffer, 4, 0));
    T(pread(wo, buffer, 4, 0));
    T(lseek(rw, 0, SEEK_SET));
    T(readv(rw, two, 2));
    T(readv(rw, two, 0));
    T(readv(rw, two, -1));
    T(readv(rw, BAD, 1));
    T(readv(rw, many, IOV_MAX));
    T(readv(rw, many, IOV_MAX + 1));
    T(readv(rw, negative, 2));
    T(lseek(rw, 0, SEEK_SET));
    T(readv(rw, bad, 2));
    T(lseek(rw, 0, SEEK_CUR));
    T(readv(dir, two, 2));
    T(readv(wo, two, 2));
    T(writev(ro, two, 2));
    T(writev(rw, negative, 2));
    T(writev(-1, two, 2));
    T(lseek(rw, 0, SEEK_SET));
    T(writev(rw, bad, 2));
    T(lseek(rw, 0, SEEK_CUR));
    T(readv(rw, huge, 2));
    T(preadv(rw, two, 2, -1));
    T(preadv(rw, two, 2, 2));
    T(preadv(in, two, 2, 2));
    T(preadv(rw, two, -1, 2));
    T(preadv2(rw, two, 2, 1, 0));
    T(preadv2(rw, two, 2, -1, 0));
    T(preadv2(rw, two, 2, -2, 0));
    T(preadv2(rw, two, 2, 1, RWF_HIPRI));
    T(preadv2(rw, two, 2, 1, RWF_DSYNC));
    T(preadv2(rw, two, 2, 1, RWF_APPEND));
    T(preadv2(rw, two, 2, 1, 0x40000000));
    T(preadv2(in, two, 2, -1, 0));
    T(preadv2(in, two, 2, -1, RWF_NOWAIT));
    T(preadv2(in, two, 2, 1, 0));
    T(pwritev2(rw, two, 2, 0, RWF_SYNC));
    T(pwritev2(rw, two, 2, 0, RWF_APPEND));
    T(pwritev2(ro, two, 2, 0, 0));
    T(pwritev2(rw, two, 2, -1, 0));
    T(pwritev2(rw, two, 2, 0, 0x40000000));
    T(ftruncate(rw, 10));
}

static void writing(void)
{
    int full = open("/dev/full", O_RDWR), zero = open("/dev/zero", O_RDWR), null;
    null = open("/dev/null", O_RDWR);

    T(write(-1, buffer, 1));
    T(write(ro, buffer, 1));
    T(write(path_only, buffer, 1));
    T(write(dir, buffer, 1));
    T(write(rw, BAD, 1));
    T(write(rw, BAD, 0));
    T(write(ro, BAD, 0));
    T(write(rw, NULL, 0));
    T(write(full, buffer, 1));
    T(write(full, buffer, 0));
    T(read(full, buffer, 8));
    T(write(null, buffer, 9));
    T(write(null, BAD, 9));
    T(read(null, buffer, 9));
    T(write(zero, BAD, 9));
    T(read(zero, buffer, 9));
    T(lseek(zero, 100, SEEK_SET));
    T(lseek(zero, 0, SEEK_CUR));
    T(lseek(null, 100, SEEK_SET));
    T(pread(zero, buffer, 9, 5));
    T(pwrite(null, buffer, 9, 5));
    T(ftruncate(null, 0));
    T(pwrite(rw, buffer, 4, -1));
    T(pwrite(rw, buffer, 4, LLONG_MAX));
    T(pwrite(ro, buffer, 4, 0));
    T(pwrite(in, buffer, 4, 0));
    T(pwrite(out, buffer, 4, 0));
    T(write(ap, "abc", 3));
    T(lseek(ap, 0, SEEK_SET));
    T(write(ap, "def", 3));
    T(lseek(ap, 0, SEEK_CUR));
    T(pwrite(ap, "ghi", 3, 0));
    T(lseek(ap, 0, SEEK_END));
    T(lseek(ap, 0, SEEK_CUR));
    T(pread(ap, buffer, 20, 0));
    say("appended: %.9s", buffer);
    /* A hole. */
    T(pwrite(rw, "x", 1, 20000));
    T(pread(rw, buffer, 2, 15000));
    say("hole: %d %d", buffer[0], buffer[1]);
    struct stat status;
    T(fstat(rw, &status));
    say("size %ld blocks %ld block size %ld", (long)status.st_size, (long)status.st_blocks,
        (long)status.st_blksize);
    close(full);
    close(zero);
    close(null);
}

static void seeking(void)
{
    T(ftruncate(rw, 10));
    T(lseek(-1, 0, SEEK_SET));
    T(lseek(rw, -1, SEEK_SET));
    T(lseek(rw, 0, 5));
    T(lseek(rw, 0, -1));
    T(lseek(rw, 100, SEEK_SET));
    T(read(rw, buffer, 5));
    T(lseek(rw, -101, SEEK_CUR));
    T(lseek(rw, -100, SEEK_CUR));
    T(lseek(rw, -10, SEEK_END));
    T(lseek(rw, -11, SEEK_END));
    T(lseek(rw, LLONG_MAX, SEEK_SET));
    T(lseek(rw, LLONG_MAX, SEEK_CUR));
    T(lseek(rw, 0, SEEK_SET));
    T(lseek(in, 0, SEEK_CUR));
    T(lseek(sock[0], 0, SEEK_CUR));
    T(lseek(path_only, 0, SEEK_CUR));
    T(lseek(dir, 0, SEEK_SET));
    T(lseek(dir, -1, SEEK_SET));
    T(lseek(rw, 0, SEEK_DATA));
    T(lseek(rw, 0, SEEK_HOLE));
    T(lseek(rw, 10, SEEK_DATA));
    T(lseek(rw, 10, SEEK_HOLE));
    T(lseek(rw, -1, SEEK_DATA));
    T(lseek(rw, -1, SEEK_HOLE));
    T(ftruncate(rw, 40960));
    T(pwrite(rw, "x", 1, 20480));
    T(lseek(rw, 0, SEEK_DATA));
    T(lseek(rw, 4096, SEEK_DATA));
    T(lseek(rw, 20481, SEEK_HOLE));
    T(lseek(rw, 24576, SEEK_DATA));
    T(lseek(rw, 24576, SEEK_HOLE));
    T(lseek(in, 0, SEEK_DATA));
    T(ftruncate(rw, 10));
}

static void sizes(void)
{
    T(truncate("file", -1));
    T(truncate("dir", 0));
    T(truncate("nothing", 0));
    T(truncate("", 0));
    T(truncate("file/x", 0));
    T(truncate("fifo", 0));
    T(truncate("to_nothing", 0));
    T(truncate("loop_a", 0));
    T(truncate(long_name, 0));
    T(truncate(long_path, 0));
    T(truncate(BAD, 0));
    T(truncate("to_file", 5));
    T(lseek(rw, 0, SEEK_END));
    T(ftruncate(ro, 0));
    T(ftruncate(rw, -1));
    T(ftruncate(-1, 0));
    T(ftruncate(dir, 0));
    T(ftruncate(in, 0));
    T(ftruncate(out, 0));
    T(ftruncate(sock[0], 0));
    T(ftruncate(path_only, 0));
    T(fallocate(rw, 0, 0, 0));
    T(fallocate(rw, 0, -1, 10));
    T(fallocate(rw, 0, 0, -1));
    T(fallocate(rw, 0, LLONG_MAX, 10));
    T(fallocate(ro, 0, 0, 10));
    T(fallocate(in, 0, 0, 10));
    T(fallocate(out, 0, 0, 10));
    T(fallocate(dir, 0, 0, 10));
    T(fallocate(-1, 0, 0, 10));
    T(fallocate(rw, 0, 0, 5000));
    T(lseek(rw, 0, SEEK_END));
    T(fallocate(rw, FALLOC_FL_KEEP_SIZE, 0, 50000));
    T(lseek(rw, 0, SEEK_END));
    T(fallocate(rw, FALLOC_FL_PUNCH_HOLE, 0, 4096));
    T(fallocate(rw, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
    T(fallocate(rw, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 4096));
    T(fallocate(rw, FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
    T(fallocate(rw, FALLOC_FL_ZERO_RANGE, 0, 4096));
    T(fallocate(rw, FALLOC_FL_INSERT_RANGE, 0, 4096));
    T(fallocate(rw, FALLOC_FL_UNSHARE_RANGE, 0, 4096));
    T(fallocate(rw, 0x8000, 0, 4096));
    T(fallocate(ap, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
    T(posix_fadvise(rw, 0, 0, POSIX_FADV_WILLNEED));
    T(posix_fadvise(rw, 0, 0, 77));
    T(posix_fadvise(in, 0, 0, POSIX_FADV_NORMAL));
    T(posix_fadvise(-1, 0, 0, POSIX_FADV_NORMAL));
    T(posix_fadvise(rw, 0, -1, POSIX_FADV_NORMAL));
    T(posix_fadvise(path_only, 0, 0, POSIX_FADV_NORMAL));
    T(readahead(rw, 0, 4096));
    T(readahead(wo, 0, 4096));
    T(readahead(in, 0, 4096));
    T(readahead(dir, 0, 4096));
    T(readahead(-1, 0, 4096));
    T(sync_file_range(rw, 0, 0, 7));
    T(sync_file_range(rw, 0, 0, 8));
    T(sync_file_range(rw, -1, 0, 0));
    T(sync_file_range(rw, 0, -1, 0));
    T(sync_file_range(in, 0, 0, 0));
    T(sync_file_range(-1, 0, 0, 0));
    T(fsync(rw));
    T(fsync(ro));
    T(fsync(dir));
    T(fsync(in));
    T(fsync(sock[0]));
    T(fsync(path_only));
    T(fsync(-1));
    T(fdatasync(in));
    T(fdatasync(rw));
    T(syncfs(rw));
    T(syncfs(-1));
    T(syncfs(in));
    T(syncfs(path_only));
}

static void moving(void)
{
    off_t offset = 2;
    int other = open("other", O_RDWR | O_CREAT | O_TRUNC, 0644), shut = open("file", O_RDONLY);
    close(shut);

    T(ftruncate(rw, 10));
    T(lseek(rw, 0, SEEK_SET));
    T(sendfile(other, rw, &offset, 5));
    say("offset %ld", (long)offset);
    T(sendfile(other, rw, NULL, 5));
    T(lseek(rw, 0, SEEK_CUR));
    offset = -1;
    T(sendfile(other, rw, &offset, 5));
    T(sendfile(other, rw, BAD, 5));
    T(sendfile(ro, rw, NULL, 5));
    T(sendfile(other, wo, NULL, 5));
    T(sendfile(other, -1, NULL, 5));
    T(sendfile(-1, rw, NULL, 5));
    T(sendfile(other, in, NULL, 5));
    T(sendfile(other, sock[0], NULL, 5));
    T(sendfile(other, dir, NULL, 5));
    T(sendfile(out, rw, NULL, 3));
    T(sendfile(ap, rw, NULL, 3));
    T(sendfile(other, rw, NULL, 0));
    T(read(in, buffer, 9));
    off_t from = 0, to = 0;
    T(copy_file_range(rw, &from, other, &to, 5, 0));
    say("from %ld to %ld", (long)from, (long)to);
    T(copy_file_range(rw, NULL, other, NULL, 5, 1));
    T(copy_file_range(rw, NULL, ro, NULL, 5, 0));
    T(copy_file_range(wo, NULL, other, NULL, 5, 0));
    T(copy_file_range(dir, NULL, other, NULL, 5, 0));
    T(copy_file_range(other, NULL, dir, NULL, 5, 0));
    T(copy_file_range(in, NULL, other, NULL, 5, 0));
    T(copy_file_range(rw, NULL, out, NULL, 5, 0));
    T(copy_file_range(rw, NULL, ap, NULL, 5, 0));
    T(copy_file_range(-1, NULL, other, NULL, 5, 0));
    from = 0, to = 2;
    T(copy_file_range(rw, &from, rw, &to, 5, 0));
    from = 0, to = 5;
    T(copy_file_range(rw, &from, rw, &to, 5, 0));
    from = 100;
    T(copy_file_range(rw, &from, other, NULL, 5, 0));
    from = -1;
    T(copy_file_range(rw, &from, other, NULL, 5, 0));
    from = 0;
    close(other);
}

static void descriptors(void)
{
    int ends[2];

    T(close(-1));
    T(close(500));
    T(dup(-1));
    T(dup(500));
    T(dup2(rw, -1));
    T(dup2(-1, 100));
    T(dup2(rw, rw) == rw);
    T(dup2(500, 500));
    T(dup2(rw, 1 << 30));
    T(dup3(rw, rw, 0));
    T(dup3(rw, 100, O_APPEND));
    T(dup3(rw, 100, O_CLOEXEC));
    T(fcntl(100, F_GETFD));
    T(dup2(rw, 101));
    T(fcntl(101, F_GETFD));
    T(fcntl(rw, F_DUPFD, 200));
    T(fcntl(rw, F_DUPFD, -1));
    T(fcntl(rw, F_DUPFD, 1 << 30));
    T(fcntl(rw, F_DUPFD_CLOEXEC, 200));
    T(fcntl(201, F_GETFD));
    T(fcntl(rw, F_SETFD, 2));
    T(fcntl(rw, F_GETFD));
    T(fcntl(rw, F_SETFD, 1));
    T(fcntl(rw, F_GETFD));
    T(fcntl(open(".", O_TMPFILE | O_RDWR, 0600), F_GETFL) & ~O_LARGEFILE);
    T(fcntl(dir, F_GETFL) & ~0100000);
    T(fcntl(-1, F_GETFD));
    T(fcntl(rw, 999, 0));
    T(fcntl(rw, F_GETLK, BAD));
    T(fcntl(rw, F_SETLK, BAD));
    struct flock lock = {.l_type = 7, .l_whence = SEEK_SET};
    T(fcntl(rw, F_SETLK, &lock));
    lock = (struct flock){.l_type = F_RDLCK, .l_whence = 9};
    T(fcntl(rw, F_SETLK, &lock));
    lock = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = -1};
    T(fcntl(rw, F_SETLK, &lock));
    lock = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = -3};
    T(fcntl(rw, F_SETLK, &lock));
    lock = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = -3};
    T(fcntl(rw, F_SETLK, &lock));
    lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
    T(fcntl(ro, F_SETLK, &lock));
    lock = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET};
    T(fcntl(wo, F_SETLK, &lock));
    lock = (struct flock){.l_type = F_UNLCK, .l_whence = SEEK_SET};
    T(fcntl(rw, F_GETLK, &lock));
    lock = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET};
    T(fcntl(in, F_SETLK, &lock));
    T(fcntl(path_only, F_SETLK, &lock));
    lock = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_pid = 1};
    T(fcntl(rw, F_OFD_SETLK, &lock));
    T(fcntl(rw, F_OFD_GETLK, &lock));
    T(flock(rw, 0));
    T(flock(rw, LOCK_SH | LOCK_EX));
    T(flock(-1, LOCK_SH));
    T(flock(rw, LOCK_NB));
    T(flock(in, LOCK_SH));
    T(flock(path_only, LOCK_SH));
    T(flock(rw, LOCK_EX | LOCK_NB));
    T(flock(ro, LOCK_SH | LOCK_NB));
    T(flock(rw, LOCK_UN));
    T(pipe2(ends, O_RDWR | O_APPEND));
    T(pipe(BAD));
    T(fcntl(in, F_GETPIPE_SZ));
    T(fcntl(in, F_SETPIPE_SZ, 5000));
    T(fcntl(in, F_SETPIPE_SZ, 0));
    T(fcntl(in, F_SETPIPE_SZ, -1));
    T(fcntl(rw, F_GETPIPE_SZ));
    T(fcntl(rw, F_SETPIPE_SZ, 4096));
    T(ioctl(in, FIONREAD, BAD));
    int bytes = -1;
    T(write(out, "abc", 3));
    T(ioctl(in, FIONREAD, &bytes));
    say("in the pipe: %d", bytes);
    T(ioctl(rw, FIONREAD, &bytes));
    say("in the file: %d", bytes);
    T(ioctl(rw, 0x5401, buffer));
    T(ioctl(in, 0x5401, buffer));
    T(ioctl(-1, FIONREAD, &bytes));
    T(ioctl(path_only, FIONREAD, &bytes));
    T(ioctl(rw, FIONBIO, BAD));
    int on = 1;
    T(ioctl(rw, FIONBIO, &on));
    T(ioctl(rw, FIOCLEX));
    T(ioctl(rw, FIONCLEX));
    T(syscall(SYS_close_range, 150u, 100u, 0));
    T(syscall(SYS_close_range, 100u, 250u, 16));
    T(syscall(SYS_close_range, 100u, 250u, 4));
    T(fcntl(101, F_GETFD));
    T(syscall(SYS_close_range, 100u, 250u, 0));
    T(fcntl(101, F_GETFD));
    T(fcntl(200, F_GETFD));
}

static void statting(void)
{
    struct stat status;
    struct statfs fs;
    struct statx more;

    T(stat("nothing", &status));
    T(stat("", &status));
    T(stat("file/x", &status));
    T(stat("loop_a", &status));
    T(lstat("loop_a", &status));
    T(stat(long_name, &status));
    T(stat(long_path, &status));
    T(stat(BAD, &status));
    T(stat("file", BAD));
    T(fstat(-1, &status));
    T(fstat(rw, BAD));
    T(fstatat(dir, "", &status, 0));
    T(fstatat(dir, "", &status, AT_EMPTY_PATH));
    T(fstatat(rw, "x", &status, 0));
    T(fstatat(AT_FDCWD, "file", &status, 0x4000000));
    T(statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS, &more));
    T(statx(AT_FDCWD, "file", 0, 0x80000000u, &more));
    T(statx(AT_FDCWD, "file", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, 0, &more));
    T(statx(AT_FDCWD, "file", 0x40000000, 0, &more));
    T(statx(AT_FDCWD, "file", 0, 0, BAD));
    T(statx(AT_FDCWD, BAD, 0, 0, &more));
    T(statx(-1, "file", 0, 0, &more));
    T(statx(rw, "", AT_EMPTY_PATH, STATX_ALL, &more));
    say("mask has basic: %d, links %u, mode %o, size %llu", (more.stx_mask & 0x7ff) == 0x7ff,
        more.stx_nlink, more.stx_mode, more.stx_size);
    T(statfs("file", &fs));
    say("type %lx name length %ld", (long)fs.f_type, (long)fs.f_namelen);
    T(statfs("nothing", &fs));
    T(statfs("file/x", &fs));
    T(statfs("file", BAD));
    T(statfs(BAD, &fs));
    T(statfs("loop_a", &fs));
    T(statfs(long_path, &fs));
    T(fstatfs(-1, &fs));
    T(fstatfs(rw, BAD));
    T(fstatfs(path_only, &fs));
    T(fstatfs(in, &fs));
    say("pipe: type %lx", (long)fs.f_type);
    T(fstatfs(sock[0], &fs));
    say("socket: type %lx", (long)fs.f_type);
    T(statfs("/proc/self", &fs));
    say("proc: type %lx", (long)fs.f_type);
    T(fstat(in, &status));
    say("pipe: mode %o size %ld links %ld", status.st_mode, (long)status.st_size,
        (long)status.st_nlink);
    T(fstat(sock[0], &status));
    say("socket: mode %o links %ld", status.st_mode, (long)status.st_nlink);
    int event = eventfd(0, 0);
    T(fstat(event, &status));
    say("eventfd: mode %o links %ld", status.st_mode, (long)status.st_nlink);
    T(fstat(dir, &status));
    say("directory: links %ld", (long)status.st_nlink);
    T(mkdir("dir/inner", 0755));
    T(fstat(dir, &status));
    say("directory: links %ld", (long)status.st_nlink);
    T(syscall(SYS_getdents64, dir, buffer, 1));
    T(syscall(SYS_getdents64, dir, BAD, 100));
    T(syscall(SYS_getdents64, rw, buffer, 100));
    T(syscall(SYS_getdents64, -1, buffer, 100));
    T(syscall(SYS_getdents64, dir, buffer, sizeof buffer) > 0);
    T(syscall(SYS_getdents64, dir, buffer, sizeof buffer));
    T(syscall(SYS_getdents, dir, buffer, 100));
    T(rmdir("dir/inner"));
    T(rmdir("dir"));
    T(lseek(dir, 0, SEEK_SET));
    T(syscall(SYS_getdents64, dir, buffer, sizeof buffer));
    T(fstat(dir, &status));
    say("removed directory: links %ld", (long)status.st_nlink);
}

int main(void)
{
    own_directory();
    make_names();
    open_them();
    reading();
    writing();
    seeking();
    sizes();
    moving();
    descriptors();
    statting();
    leave_directory();
    return 0;
}
