/*
 * tests/guest/same_inotify.c - inotify(7): which events a watch of a file, and one of its directory,
 * get of what happens, how they are read, and what is refused, as a list of lines that must be the
 * same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same_files.h"

#include <poll.h>
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/xattr.h>

static int queue;
static char *volatile bad_address = (char *)8;

static const char *mask_text(uint32_t mask)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } names[] = {{IN_ACCESS, "access"},         {IN_MODIFY, "modify"},
                 {IN_ATTRIB, "attrib"},         {IN_CLOSE_WRITE, "close_write"},
                 {IN_CLOSE_NOWRITE, "close"},   {IN_OPEN, "open"},
                 {IN_MOVED_FROM, "moved_from"}, {IN_MOVED_TO, "moved_to"},
                 {IN_CREATE, "create"},         {IN_DELETE, "delete"},
                 {IN_DELETE_SELF, "gone"},      {IN_MOVE_SELF, "moved"},
                 {IN_UNMOUNT, "unmount"},       {IN_Q_OVERFLOW, "overflow"},
                 {IN_IGNORED, "ignored"},       {IN_ISDIR, "dir"}};
    static char text[200];

    text[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (mask & names[i].bit)
            snprintf(text + strlen(text), sizeof text - strlen(text), " %s", names[i].name);
        mask &= ~names[i].bit;
    }
    if (mask)
        snprintf(text + strlen(text), sizeof text - strlen(text), " %#x", mask);
    return text;
}

/* All that wait in the queue. Cookies are told as whether they are those of the one before. */
static void show_events(const char *what)
{
    static char bytes[65536] __attribute__((aligned(8)));
    uint32_t cookie = 0;
    ssize_t got = read(queue, bytes, sizeof bytes);

    if (got < 0) {
        show(what, -1);
        return;
    }
    say("%s:", what);
    for (char *at = bytes; at < bytes + got;) {
        const struct inotify_event *event = (void *)at;

        say("  %d%s%s%s%s (%u)", event->wd, mask_text(event->mask), event->len ? " " : "",
            event->len ? event->name : "",
            !event->cookie            ? ""
            : event->cookie == cookie ? ", the same"
                                      : ", together",
            event->len);
        cookie = event->cookie;
        at += sizeof *event + event->len;
    }
}

static int watch(const char *name, uint32_t mask)
{
    int number = inotify_add_watch(queue, name, mask);

    if (number < 0)
        fail(name);
    return number;
}

static void begin(void)
{
    queue = inotify_init1(IN_NONBLOCK);
    if (queue < 0)
        fail("inotify_init1");
}

static void end(void)
{
    close(queue);
}

/* ---- misuse ---- */

static int as_nobody(void)
{
    if (setresuid(1, 1, 1))
        fail("setresuid");
    show("nobody watches what it cannot read", inotify_add_watch(queue, "unreadable", IN_OPEN));
    show("nobody watches in a closed directory",
         inotify_add_watch(queue, "closed/secret", IN_OPEN));
    show_good("nobody watches a file", inotify_add_watch(queue, "file", IN_OPEN));
    return 0;
}

static void errors(void)
{
    int fd = open("file", O_RDONLY), closed = dup(fd);

    close(closed);
    begin();
    show("no descriptor", inotify_add_watch(closed, "file", IN_OPEN));
    show("not an instance", inotify_add_watch(fd, "file", IN_OPEN));
    show("no events", inotify_add_watch(queue, "file", 0));
    show("unknown events", inotify_add_watch(queue, "file", 0x00100000));
    show("add and create",
         inotify_add_watch(queue, "file", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE));
    show("unknown events, no descriptor", inotify_add_watch(closed, "file", 0));
    show("nothing there", inotify_add_watch(queue, "missing", IN_OPEN));
    show("a bad address", inotify_add_watch(queue, (char *)8, IN_OPEN));
    show("empty", inotify_add_watch(queue, "", IN_OPEN));
    show("too long", inotify_add_watch(queue, long_name, IN_OPEN));
    show("only directories", inotify_add_watch(queue, "file", IN_OPEN | IN_ONLYDIR));
    show("a loop", inotify_add_watch(queue, "loop_a", IN_OPEN));
    show("a link to nothing", inotify_add_watch(queue, "to_nothing", IN_OPEN));
    show("that link itself", inotify_add_watch(queue, "to_nothing", IN_OPEN | IN_DONT_FOLLOW));
    show("through a link", inotify_add_watch(queue, "to_dir", IN_OPEN | IN_ONLYDIR));
    show("the same one", inotify_add_watch(queue, "dir", IN_OPEN));
    show("the same one, new only", inotify_add_watch(queue, "dir", IN_OPEN | IN_MASK_CREATE));
    show("flags alone", inotify_add_watch(queue, "fifo", IN_ONESHOT));
    show("init with flags", inotify_init1(1));
    show("init with flags", inotify_init1(O_APPEND));
    show("remove no descriptor", inotify_rm_watch(closed, 1));
    show("remove of no instance", inotify_rm_watch(fd, 1));
    show("remove what is not there", inotify_rm_watch(queue, 77));
    show("remove minus one", inotify_rm_watch(queue, -1));
    show("remove", inotify_rm_watch(queue, 1));
    show("remove again", inotify_rm_watch(queue, 1));
    show_events("what was told");
    show("write", write(queue, "x", 1));
    show("flags", fcntl(queue, F_GETFL) & (O_ACCMODE | O_NONBLOCK));
    show("close on exec", fcntl(queue, F_GETFD));
    show_end("nobody", spawn(as_nobody));
    end();
    queue = inotify_init1(IN_CLOEXEC);
    show("close on exec", fcntl(queue, F_GETFD));
    show("flags", fcntl(queue, F_GETFL) & (O_ACCMODE | O_NONBLOCK));
    end();
    close(fd);
}

/* ---- what happens ---- */

static void contents(void)
{
    char bytes[64];
    struct iovec piece = {bytes, 5};

    begin();
    watch(".", IN_ALL_EVENTS);
    watch("file", IN_ALL_EVENTS);
    int fd = open("file", O_RDWR);
    show_events("open");
    show("read", read(fd, bytes, 4));
    show_events("read");
    show("read", read(fd, bytes, sizeof bytes));
    show("read nothing", read(fd, bytes, sizeof bytes));
    show("read a bad address", read(fd, bad_address, 1));
    show_events("read");
    show("read nothing", read(fd, bytes, sizeof bytes));
    show("pread nothing", pread(fd, bytes, 1, 1000));
    show_events("nothing was read");
    show("write", write(fd, "abc", 3));
    show_events("write");
    show("write nothing", write(fd, "abc", 0));
    show_events("nothing was written");
    show("pread", pread(fd, bytes, 2, 0));
    show("pwrite", pwrite(fd, "x", 1, 0));
    show("preadv", preadv(fd, &piece, 1, 0));
    show("pwritev", pwritev(fd, &piece, 1, 0));
    show_events("in places");
    show("ftruncate", ftruncate(fd, 5));
    show_events("ftruncate");
    show("the same size", ftruncate(fd, 5));
    show("truncate", truncate("file", 3));
    show_events("truncate");
    show("allocate", fallocate(fd, 0, 0, 100));
    show("punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 50));
    show_events("space");
    int second = dup(fd);
    close(fd);
    show_events("close one of two");
    close(second);
    show_events("close");
    fd = open("file", O_RDONLY);
    close(fd);
    show_events("open to read");
    fd = open("file", O_RDONLY | O_TRUNC);
    close(fd);
    show_events("open and empty");
    fd = open("file", O_WRONLY | O_TRUNC);
    close(fd);
    show_events("open and empty again");
    fd = open("file", O_PATH);
    close(fd);
    show_events("open for its path");
    make_file("file", "0123456789");
    show_events("fill");
    int in = open("file", O_RDONLY), out = open("copy", O_CREAT | O_WRONLY, 0644), ends[2];
    show("pipe", pipe(ends));
    show_events("two files");
    show("sendfile", sendfile(out, in, NULL, 3));
    show_events("sendfile");
    show("copy_file_range", copy_file_range(in, NULL, out, NULL, 3, 0));
    show_events("copy_file_range");
    show("splice", splice(in, NULL, ends[1], NULL, 3, 0));
    show_events("splice from");
    show("splice", splice(ends[0], NULL, out, NULL, 3, 0));
    show_events("splice to");
    close(in);
    close(out);
    close(ends[0]);
    close(ends[1]);
    show_events("close all");
    end();
    unlink("copy");
}

static void attributes(void)
{
    struct timespec times[2] = {{1, 0}, {2, 0}};
    long flags = 0;

    begin();
    watch(".", IN_ALL_EVENTS & ~(IN_OPEN | IN_CLOSE));
    watch("file", IN_ALL_EVENTS & ~(IN_OPEN | IN_CLOSE));
    watch("dir", IN_ALL_EVENTS & ~(IN_OPEN | IN_CLOSE));
    show("chmod", chmod("file", 0640));
    show_events("chmod");
    show("the same mode", chmod("file", 0640));
    show_events("the same mode");
    show("chown", chown("file", 0, 1));
    show_events("chown");
    show("chown to nothing else", chown("file", (uid_t)-1, (gid_t)-1));
    show_events("chown to nothing else");
    show("both times", utimensat(AT_FDCWD, "file", times, 0));
    show_events("both times");
    times[0].tv_nsec = UTIME_OMIT;
    show("time of change", utimensat(AT_FDCWD, "file", times, 0));
    show_events("time of change");
    times[0].tv_nsec = 0;
    times[1].tv_nsec = UTIME_OMIT;
    show("time of access", utimensat(AT_FDCWD, "file", times, 0));
    show_events("time of access");
    show("of a directory", chmod("dir", 0750));
    show_events("of a directory");
    show("of a link", lchown("to_file", 0, 0));
    show_events("of a link");
    int fd = open("file", O_RDONLY);
    show("fchmod", fchmod(fd, 0644));
    show("fchown", fchown(fd, 0, 0));
    show("futimens", futimens(fd, NULL));
    show_events("by descriptor");
    show("get flags", ioctl(fd, 0x80086601, &flags));
    show("set flags", ioctl(fd, 0x40086602, &flags));
    show_events("flags");
    flags = 0x40;
    show("set other flags", ioctl(fd, 0x40086602, &flags));
    show_events("other flags");
    close(fd);
    show("set an attribute", setxattr("file", "trusted.x", "1", 1, 0));
    show_events("set an attribute");
    show("remove it", removexattr("file", "trusted.x"));
    show("remove it again", removexattr("file", "trusted.x"));
    show_events("remove it");
    show("no such file", chmod("missing", 0));
    show_events("no such file");
    end();
}

static void names(void)
{
    int fd;

    begin();
    watch(".", IN_ALL_EVENTS);
    mkdir("sub", 0755);
    show_events("mkdir");
    watch("sub", IN_ALL_EVENTS);
    fd = open("sub/new", O_CREAT | O_WRONLY, 0644);
    show_events("create");
    watch("sub/new", IN_ALL_EVENTS);
    close(fd);
    fd = open("sub/new", O_CREAT | O_RDONLY, 0644);
    close(fd);
    show("create again", open("sub/new", O_CREAT | O_EXCL | O_RDONLY, 0644));
    show_events("create again");
    symlink("nothing", "sub/symlink");
    mkfifo("sub/pipe", 0644);
    mknod("sub/node", S_IFREG | 0644, 0);
    show_events("of other kinds");
    link("sub/new", "sub/hard");
    show_events("link");
    link("sub/new", "sub/hard");
    show_events("link that is there");
    fd = open("sub/hard", O_RDONLY);
    show_events("by the other name");
    close(fd);
    unlink("sub/hard");
    show_events("unlink one of two");
    unlink("sub/missing");
    show_events("unlink nothing");
    rename("sub/new", "sub/renamed");
    show_events("rename");
    rename("sub/renamed", "moved");
    show_events("rename across");
    rename("moved", "sub/back");
    show_events("rename back");
    rename("sub", "sub2");
    show_events("rename the directory");
    rename("sub2", "sub");
    show_events("and back");
    rename("sub/pipe", "sub/node");
    show_events("rename over another");
    make_file("sub/over", "x");
    show_events("another");
    rename("sub/over", "sub/back");
    show_events("rename over the watched one");
    watch("sub/back", IN_ALL_EVENTS);
    show("exchange", renameat2(AT_FDCWD, "sub/back", AT_FDCWD, "sub/node", RENAME_EXCHANGE));
    show_events("exchange");
    rename("sub/node", "sub/node");
    show_events("rename to itself");
    unlink("sub/node");
    show_events("unlink");
    unlink("sub/back");
    unlink("sub/symlink");
    show_events("the others");
    rmdir("sub");
    show_events("rmdir");
    end();
}

static void directories(void)
{
    char bytes[1024];

    begin();
    watch(".", IN_ALL_EVENTS);
    watch("full", IN_ALL_EVENTS);
    int fd = open("full", O_RDONLY | O_DIRECTORY);
    show_events("open");
    show_good("list", syscall(SYS_getdents64, fd, bytes, sizeof bytes));
    show_events("list");
    show("list on", syscall(SYS_getdents64, fd, bytes, sizeof bytes));
    show_events("list on");
    close(fd);
    show_events("close");
    chdir("full");
    chdir("..");
    show_events("going there");
    fd = open("full/inside", O_RDONLY);
    unlink("full/inside");
    show_events("unlink what is open");
    read(fd, bytes, 1);
    show_events("read without a name");
    close(fd);
    show_events("close without a name");
    make_file("full/inside", "x");
    show_events("another");
    end();
}

/* A watch of what is open and has no name any more; and one that does not want that. */
static void unlinked(void)
{
    char byte;

    begin();
    make_file("open", "x");
    watch("open", IN_ALL_EVENTS);
    int fd = open("open", O_RDWR);
    show_events("open");
    unlink("open");
    show_events("unlink");
    write(fd, "x", 1);
    fchmod(fd, 0600);
    show_events("write");
    close(fd);
    show_events("close");
    end();
    begin();
    make_file("open", "x");
    watch(".", IN_ALL_EVENTS | IN_EXCL_UNLINK);
    watch("open", IN_ALL_EVENTS | IN_EXCL_UNLINK);
    fd = open("open", O_RDWR);
    read(fd, &byte, 1);
    unlink("open");
    show_events("not wanted: unlink");
    write(fd, "x", 1);
    fchmod(fd, 0600);
    show_events("not wanted: write");
    close(fd);
    show_events("not wanted: close");
    end();
    begin();
    make_file("open", "x");
    link("open", "second");
    watch("open", IN_ALL_EVENTS);
    unlink("open");
    show_events("one of two names");
    rename("second", "third");
    show_events("the other moved");
    unlink("third");
    show_events("the other");
    end();
}

/* ---- masks and lives of watches ---- */

static void masks(void)
{
    begin();
    int number = watch("file", IN_OPEN);
    close(open("file", O_RDONLY));
    show_events("only open");
    show("another mask", watch("file", IN_CLOSE) == number);
    close(open("file", O_RDONLY));
    show_events("only close");
    show("more", watch("file", IN_OPEN | IN_MASK_ADD) == number);
    close(open("file", O_RDONLY));
    show_events("both");
    show("once", watch("file", IN_OPEN | IN_ONESHOT) == number);
    close(open("file", O_RDONLY));
    close(open("file", O_RDONLY));
    show_events("once");
    show("remove it", inotify_rm_watch(queue, number));
    show("a new number", watch("file", IN_OPEN) - number);
    watch(".", IN_OPEN | IN_ONESHOT);
    close(open("to_file", O_RDONLY));
    close(open("file", O_RDONLY));
    show_events("by its directory, once");
    int twice = watch("dir", IN_CREATE | IN_ONESHOT);
    show("once stays", watch("dir", IN_DELETE | IN_MASK_ADD) == twice);
    make_file("dir/a", "");
    unlink("dir/a");
    show_events("once stays");
    watch("dir", IN_CREATE | IN_ONESHOT);
    watch("dir", IN_CREATE | IN_DELETE);
    make_file("dir/a", "");
    unlink("dir/a");
    show_events("no longer once");
    number = watch("dir", IN_CREATE);
    make_file("dir/b", "");
    inotify_rm_watch(queue, number);
    unlink("dir/b");
    show_events("removed with events");
    end();
}

static void equal_neighbours(void)
{
    char byte;
    int fd;

    begin();
    watch("file", IN_MODIFY | IN_ACCESS);
    watch("dir", IN_ALL_EVENTS);
    fd = open("file", O_RDWR);
    for (int i = 0; i < 5; i++)
        write(fd, "x", 1);
    show_events("the same five times");
    for (int i = 0; i < 2; i++) {
        pwrite(fd, "x", 1, 0);
        pread(fd, &byte, 1, 0);
    }
    show_events("in turns");
    make_file("dir/a", "");
    make_file("dir/b", "");
    chmod("dir/a", 0600);
    chmod("dir/a", 0600);
    chmod("dir/b", 0600);
    chmod("dir/a", 0600);
    rename("dir/a", "dir/c");
    rename("dir/c", "dir/a");
    show_events("with names");
    unlink("dir/a");
    unlink("dir/b");
    close(fd);
    end();
}

/* ---- reading ---- */

static void *open_later(void *unused)
{
    (void)unused;
    usleep(2000);
    close(open("file", O_RDONLY));
    return NULL;
}

static void reading(void)
{
    char bytes[4096];
    int left;
    pthread_t thread;
    struct pollfd look = {.events = POLLIN | POLLOUT | POLLRDNORM};

    begin();
    look.fd = queue;
    show("nothing to read", read(queue, bytes, sizeof bytes));
    show("nothing, no room", read(queue, bytes, 0));
    show("FIONREAD", ioctl(queue, FIONREAD, &left));
    say("%d bytes", left);
    show("poll", poll(&look, 1, 0));
    watch("file", IN_OPEN | IN_CLOSE);
    watch("dir", IN_CREATE);
    close(open("file", O_RDONLY));
    show("poll", poll(&look, 1, 0));
    say("state %#x", look.revents);
    show("FIONREAD", ioctl(queue, FIONREAD, &left));
    say("%d bytes", left);
    show("no room", read(queue, bytes, 0));
    show("too little room", read(queue, bytes, 15));
    show("room for one", read(queue, bytes, 31));
    show("a bad address", read(queue, bad_address, 16));
    show("that was the other", read(queue, bytes, sizeof bytes));
    make_file("dir/a", "");
    make_file("dir/sixteen_letters_", "");
    make_file("dir/fifteen_letters", "");
    show("FIONREAD", ioctl(queue, FIONREAD, &left));
    say("%d bytes", left);
    show("too little room", read(queue, bytes, 31));
    show("room for two", read(queue, bytes, 32 + 48 + 31));
    show_events("the third");
    show("another request", ioctl(queue, TCGETS, bytes));
    show("a bad address", ioctl(queue, FIONREAD, (char *)8));
    unlink("dir/a");
    unlink("dir/sixteen_letters_");
    unlink("dir/fifteen_letters");
    close(open("file", O_RDONLY));
    struct iovec pieces[2] = {{bytes, 20}, {bytes + 20, 12}};
    show("in pieces", readv(queue, pieces, 2));
    int other = dup(queue);
    show("closed one of two", close(queue));
    queue = other;
    close(open("file", O_RDONLY));
    show_events("still there");
    fcntl(queue, F_SETFL, 0);
    pthread_create(&thread, NULL, open_later, NULL);
    show("wait for it", read(queue, bytes, sizeof bytes) >= 16);
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, open_later, NULL);
    show("poll for it", poll(&look, 1, 10000));
    pthread_join(thread, NULL);
    end();
}

static void show_fdinfo(void)
{
    char path[64], text[4096], *line;
    struct stat status;

    begin();
    stat("file", &status);
    watch("file", IN_OPEN | IN_ONESHOT);
    watch("dir", IN_CREATE | IN_EXCL_UNLINK | IN_ONLYDIR);
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", queue);
    int fd = open(path, O_RDONLY);
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    unsigned found = 0;
    for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned number, device, mask;
        unsigned long inode;

        if (sscanf(line, "inotify wd:%x ino:%lx sdev:%x mask:%x", &number, &inode, &device,
                   &mask) == 4) {
            found += number;
            if (number == 1)
                say("its inode: %d, mask %#x", inode == status.st_ino, mask);
        }
    }
    say("numbers add up to %u", found);
    snprintf(path, sizeof path, "/proc/self/fd/%d", queue);
    got = readlink(path, text, sizeof text - 1);
    text[got > 0 ? got : 0] = '\0';
    say("it is %s", text);
    end();
}

static int in_namespace(void)
{
    begin();
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("x", "dir", "tmpfs", 0, NULL))
        fail("a mount");
    make_file("dir/there", "x");
    watch("dir", IN_OPEN);
    watch("dir/there", IN_OPEN);
    watch("file", IN_OPEN);
    show("umount", umount("dir"));
    show_events("umount");
    if (mount("x", "dir", "tmpfs", 0, NULL))
        fail("a mount");
    watch("dir", IN_ALL_EVENTS);
    int fd = open("dir", O_RDONLY);
    show("detach", umount2("dir", MNT_DETACH));
    show_events("detach");
    close(fd);
    show_events("close");
    end();
    return 0;
}

int main(void)
{
    own_directory();
    make_names();
    errors();
    contents();
    attributes();
    names();
    directories();
    unlinked();
    masks();
    equal_neighbours();
    reading();
    show_fdinfo();
    show_end("unmounting", spawn(in_namespace));
    leave_directory();
    return 0;
}
