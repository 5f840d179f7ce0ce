/*
 * tests/guest/same_file_flags.c - what chattr sets on a file of a tmpfs and what that forbids; lines
 * that must be the same on Linux (6.6 or later, where tmpfs has such flags).
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static char directory[64], path[96], other[96];

static long flags_of(int fd)
{
    long flags = 0;

    return ioctl(fd, FS_IOC_GETFLAGS, &flags) ? -1 : (int)flags;
}

static long set_flags(int fd, long flags)
{
    return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static void show_open(const char *what, int flags)
{
    int fd = open(path, flags, 0600);

    show_good(what, fd);
    if (fd >= 0)
        close(fd);
}

static void show_attributes(int fd)
{
    struct statx status;

    statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &status);
    say("statx: %#llx", (unsigned long long)status.stx_attributes &
                            (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP));
}

/* Everything that changes a file or its names. */
static void changes(int fd)
{
    struct timespec times[2] = {{1, 0}, {2, 0}};
    char name[128];

    show_open("read", O_RDONLY);
    show_open("write", O_WRONLY);
    show_open("append", O_WRONLY | O_APPEND);
    show_open("cut", O_WRONLY | O_APPEND | O_TRUNC);
    show_open("create", O_WRONLY | O_CREAT);
    show("truncate", truncate(path, 1));
    show("ftruncate", ftruncate(fd, 5));
    show("fallocate", fallocate(fd, 0, 0, 10));
    show("punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1));
    show("chmod", chmod(path, 0640));
    show("chown", chown(path, getuid(), getgid()));
    show("touch", utimensat(AT_FDCWD, path, NULL, 0));
    show("times", utimensat(AT_FDCWD, path, times, 0));
    show("xattr", setxattr(path, "user.x", "1", 1, 0));
    show("access", access(path, W_OK));
    show("link", link(path, other));
    unlink(other);
    show("rename", rename(path, other));
    rename(other, path);
    snprintf(name, sizeof name, "%s/victim", directory);
    close(open(name, O_WRONLY | O_CREAT, 0600));
    show("rename over", rename(name, path));
    close(open(path, O_WRONLY | O_CREAT, 0600));
    show("unlink", unlink(path));
    unlink(name);
}

static int open_fresh(void)
{
    unlink(path);
    int fd = open(path, O_RDWR | O_CREAT, 0600);

    if (fd < 0 || write(fd, "text", 4) != 4)
        fail("open");
    return fd;
}

static void files(void)
{
    int fd = open_fresh(), end, none[2];
    void *memory;

    show("flags", flags_of(fd));
    show("nowhere", ioctl(fd, FS_IOC_GETFLAGS, NULL));
    show("set from nowhere", ioctl(fd, FS_IOC_SETFLAGS, NULL));
    show("unknown", set_flags(fd, FS_EXTENT_FL));
    show("no dump", set_flags(fd, FS_NODUMP_FL | FS_NOATIME_FL));
    show("flags", flags_of(fd));
    show_attributes(fd);

    say("immutable");
    show("set", set_flags(fd, FS_IMMUTABLE_FL));
    show_attributes(fd);
    changes(fd);
    show("off", set_flags(fd, 0));
    close(fd);

    say("append only");
    fd = open_fresh();
    show("set", set_flags(fd, FS_APPEND_FL));
    show_attributes(fd);
    changes(fd);
    end = open(path, O_RDWR | O_APPEND);
    show("append", write(end, "more", 4));
    show("no longer at the end", fcntl(end, F_SETFL, 0));
    show("other flags", fcntl(end, F_SETFL, O_APPEND | O_NONBLOCK));
    memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, end, 0);
    show("map", memory == MAP_FAILED ? -1 : 0);
    memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, end, 0);
    show("map private", memory == MAP_FAILED ? -1 : 0);
    say("bytes %ld", lseek(end, 0, SEEK_END));
    close(end);
    show("off", set_flags(fd, 0));
    show("truncate", truncate(path, 1));
    close(fd);

    if (pipe(none))
        fail("pipe");
    show("of a pipe", flags_of(none[0]));
    fd = open("/proc/self/stat", O_RDONLY);
    show("of /proc", flags_of(fd));
    close(fd);
}

static void directories(void)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY), file;

    say("directory");
    file = open_fresh();
    show("append only", set_flags(fd, FS_APPEND_FL | FS_NODUMP_FL));
    show("unlink", unlink(path));
    show("rename", rename(path, other));
    show("link", link(path, other));
    file = open(other, O_RDWR);
    show("linked: flags", flags_of(file));
    close(file);
    show("immutable", set_flags(fd, FS_IMMUTABLE_FL));
    show("unlink", unlink(path));
    show("create", open(other, O_WRONLY | O_CREAT | O_EXCL, 0600));
    char name[128];
    snprintf(name, sizeof name, "%s/new", directory);
    show("create new", open(name, O_WRONLY | O_CREAT, 0600));
    show("mkdir", mkdir(name, 0700));
    show_open("write inside", O_WRONLY);
    show("inherit", set_flags(fd, FS_NODUMP_FL));
    file = open(name, O_WRONLY | O_CREAT, 0600);
    show("new: flags", flags_of(file));
    close(file);
    show("off", set_flags(fd, 0));
    unlink(name);
    unlink(path);
    unlink(other);
    close(fd);
    show("rmdir", rmdir(directory));
}

int main(void)
{
    snprintf(directory, sizeof directory, "/dev/shm/same.%d", getpid());
    if (mkdir(directory, 0700))
        fail("mkdir");
    snprintf(path, sizeof path, "%s/file", directory);
    snprintf(other, sizeof other, "%s/other", directory);
    files();
    directories();
    return 0;
}
