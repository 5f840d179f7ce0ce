/*
 * tests/guest/same_mount_handles.c - mounts held by descriptors: open_tree, move_mount, fsopen,
 * fsconfig, fsmount, fspick, mount_setattr, as a list of lines that must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/mounts.h"

#include <sys/statvfs.h>

#define MISSING_FD 77

static long tree(int fd, const char *path, unsigned flags)
{
    return syscall(SYS_open_tree, fd, path, flags);
}

static long hang(int from, const char *from_path, int to, const char *to_path, unsigned flags)
{
    return syscall(SYS_move_mount, from, from_path, to, to_path, flags);
}

static long config(int fd, unsigned command, const void *key, const void *value, int extra)
{
    return syscall(SYS_fsconfig, fd, command, key, value, extra);
}

static long attributes(int fd, const char *path, unsigned flags, uint64_t set, uint64_t clear,
                       uint64_t propagation)
{
    uint64_t value[4] = {set, clear, propagation, 0};

    return syscall(SYS_mount_setattr, fd, path, flags, value, sizeof value);
}

#define EMPTY  0x1000u /* AT_EMPTY_PATH */
#define DEEP   0x8000u /* AT_RECURSIVE */
#define CLONE  1u      /* OPEN_TREE_CLONE */
#define F_SELF 4u      /* MOVE_MOUNT_F_EMPTY_PATH */
#define T_SELF 0x40u   /* MOVE_MOUNT_T_EMPTY_PATH */

static void errors(void)
{
    make("d");
    touch("file");
    symlink("d", "to_d");
    int fd = open("d", O_RDONLY), path = open("d", O_PATH);

    show("open_tree: bad flag", tree(AT_FDCWD, "d", 2));
    show("open_tree: whole tree without a copy", tree(AT_FDCWD, "d", DEEP));
    show("open_tree: nothing there", tree(AT_FDCWD, "missing", CLONE));
    show("open_tree: bad address", tree(AT_FDCWD, (char *)8, CLONE));
    show("open_tree: bad descriptor", tree(MISSING_FD, "d", CLONE));
    show("open_tree: empty", tree(fd, "", CLONE));
    show_good("open_tree: no copy", tree(AT_FDCWD, "d", 0));
    show_good("open_tree: of a descriptor", tree(path, "", EMPTY | O_CLOEXEC));
    show("move_mount: bad flag", hang(AT_FDCWD, "d", AT_FDCWD, "d", 0x800));
    show("move_mount: nothing there", hang(AT_FDCWD, "missing", AT_FDCWD, "d", 0));
    show("move_mount: nowhere", hang(AT_FDCWD, "d", AT_FDCWD, "missing", 0));
    show("move_mount: no mount", hang(AT_FDCWD, "d", AT_FDCWD, "d", 0));
    show("move_mount: bad descriptor", hang(MISSING_FD, "", AT_FDCWD, "d", F_SELF));
    show("move_mount: onto a bad descriptor", hang(AT_FDCWD, "d", MISSING_FD, "", T_SELF));
    show("move_mount: empty", hang(fd, "", AT_FDCWD, "d", 0));
    show("move_mount: a descriptor of no mount", hang(path, "", AT_FDCWD, "d", F_SELF));
    show("fsopen: bad flag", syscall(SYS_fsopen, "tmpfs", 2));
    show("fsopen: no such type", syscall(SYS_fsopen, "nosuchfs", 0));
    show("fsopen: bad address", syscall(SYS_fsopen, 8, 0));
    show("fsmount: bad flag", syscall(SYS_fsmount, fd, 2, 0));
    show("fsmount: bad attributes", syscall(SYS_fsmount, fd, 0, 0x400));
    show("fsmount: two kinds of access times", syscall(SYS_fsmount, fd, 0, 0x30));
    show("fsmount: bad descriptor", syscall(SYS_fsmount, MISSING_FD, 0, 0));
    show("fsmount: not a context", syscall(SYS_fsmount, fd, 0, 0));
    show("fspick: bad flag", syscall(SYS_fspick, AT_FDCWD, "d", 16));
    show("fspick: no mount", syscall(SYS_fspick, AT_FDCWD, "d", 0));
    show("fspick: nothing there", syscall(SYS_fspick, AT_FDCWD, "missing", 0));
    show("fsconfig: no descriptor", config(-1, 6, NULL, NULL, 0));
    show("fsconfig: bad descriptor", config(MISSING_FD, 6, NULL, NULL, 0));
    show("fsconfig: not a context", config(fd, 6, NULL, NULL, 0));
    show("fsconfig: bad command", config(fd, 77, NULL, NULL, 0));
    show("fsconfig: bad command, bad descriptor", config(MISSING_FD, 77, NULL, NULL, 0));
    show("fsconfig: create with a key", config(fd, 6, "x", NULL, 0));
    show("fsconfig: flag with a value", config(fd, 0, "x", "y", 0));
    show("fsconfig: string without one", config(fd, 1, "x", NULL, 0));
    show("fsconfig: string with a number", config(fd, 1, "x", "y", 1));
    show("fsconfig: no bytes", config(fd, 2, "x", "y", 0));
    show("fsconfig: too many bytes", config(fd, 2, "x", "y", 2000000));
    show("fsconfig: descriptor with a value", config(fd, 5, "x", "y", 1));
    show("mount_setattr: bad flag", attributes(AT_FDCWD, ".", 1, 1, 0, 0));
    show("mount_setattr: bad attribute", attributes(AT_FDCWD, ".", 0, 0x400, 0, 0));
    show("mount_setattr: two propagations", attributes(AT_FDCWD, ".", 0, 0, 0, 3 << 18));
    show("mount_setattr: no propagation", attributes(AT_FDCWD, ".", 0, 0, 0, 1));
    show("mount_setattr: access time not cleared", attributes(AT_FDCWD, ".", 0, 0x10, 0, 0));
    show("mount_setattr: access time half cleared", attributes(AT_FDCWD, ".", 0, 0x10, 0x10, 0));
    show("mount_setattr: two access times", attributes(AT_FDCWD, ".", 0, 0x30, 0x70, 0));
    show("mount_setattr: no mount", attributes(AT_FDCWD, "d", 0, 1, 0, 0));
    show("mount_setattr: nothing to do", attributes(AT_FDCWD, "missing", 0, 0, 0, 0));
    show("mount_setattr: nothing there", attributes(AT_FDCWD, "missing", 0, 1, 0, 0));
    show("mount_setattr: too small", syscall(SYS_mount_setattr, AT_FDCWD, ".", 0, base, 16));
    show("mount_setattr: too large", syscall(SYS_mount_setattr, AT_FDCWD, ".", 0, base, 5000));
    show("mount_setattr: bad address", syscall(SYS_mount_setattr, AT_FDCWD, ".", 0, 8, 32));
    uint64_t longer[6] = {1, 0, 0, 0, 0, 0};
    show("mount_setattr: longer", syscall(SYS_mount_setattr, AT_FDCWD, "d", 0, longer, 48));
    longer[5] = 1;
    show("mount_setattr: more", syscall(SYS_mount_setattr, AT_FDCWD, "d", 0, longer, 48));
    close(fd);
    close(path);
}

static int as_nobody(void)
{
    uint64_t value[4] = {1, 0, 0, 0};

    if (setresuid(1, 1, 1))
        fail("setresuid");
    show("nobody: a copy", tree(AT_FDCWD, "d", CLONE));
    show_good("nobody: no copy", tree(AT_FDCWD, "d", 0));
    show("nobody: move", hang(AT_FDCWD, "missing", AT_FDCWD, "d", 0x800));
    show("nobody: fsopen", syscall(SYS_fsopen, "nosuchfs", 2));
    show("nobody: fsmount", syscall(SYS_fsmount, 0, 2, 0));
    show("nobody: fspick", syscall(SYS_fspick, AT_FDCWD, "missing", 16));
    show("nobody: flags", syscall(SYS_mount_setattr, AT_FDCWD, "missing", 0, value, 32));
    show("nobody: no flags", syscall(SYS_mount_setattr, AT_FDCWD, "missing", 1, value, 32));
    return 0;
}

/* A new tmpfs, option by option. */
static void new_filesystem(void)
{
    struct stat status;
    char bytes[64];
    int fd = (int)syscall(SYS_fsopen, "tmpfs", 1);

    show("close on exec", fcntl(fd, F_GETFD));
    show("flags", fcntl(fd, F_GETFL) & O_ACCMODE);
    show("messages", read(fd, bytes, sizeof bytes));
    show("unknown option", config(fd, 1, "nosuchoption", "1", 0));
    show("unknown flag", config(fd, 0, "nosuchoption", NULL, 0));
    show("bad value", config(fd, 1, "size", "many", 0));
    show("no value", config(fd, 0, "size", NULL, 0));
    show("bad address of a key", config(fd, 0, (char *)8, NULL, 0));
    show("bad address of a value", config(fd, 1, "size", (char *)8, 0));
    show("bytes", config(fd, 2, "size", "1", 1));
    show("a path", config(fd, 3, "size", "/", AT_FDCWD));
    show("an empty path", config(fd, 3, "size", "", AT_FDCWD));
    show("a descriptor", config(fd, 5, "size", NULL, MISSING_FD));
    show("mount it", syscall(SYS_fsmount, fd, 0, 0));
    show("size", config(fd, 1, "size", "1m", 0));
    show("mode", config(fd, 1, "mode", "750", 0));
    show("files", config(fd, 1, "nr_inodes", "10", 0));
    show("source", config(fd, 1, "source", "somewhere", 0));
    show("source again", config(fd, 1, "source", "elsewhere", 0));
    show("source as a flag", config(fd, 0, "source", NULL, 0));
    show("change", config(fd, 7, NULL, NULL, 0));
    show("create", config(fd, 6, NULL, NULL, 0));
    show("create again", config(fd, 6, NULL, NULL, 0));
    show("an option now", config(fd, 1, "size", "2m", 0));
    show("change", config(fd, 7, NULL, NULL, 0));
    int mount_fd = (int)syscall(SYS_fsmount, fd, 1, 0x2 | 0x8);
    show_good("mount it", mount_fd);
    show("close on exec", fcntl(mount_fd, F_GETFD));
    show("path only", (fcntl(mount_fd, F_GETFL) & O_PATH) != 0);
    show("mount it again", syscall(SYS_fsmount, fd, 0, 0));
    fstat(mount_fd, &status);
    say("mode %o", status.st_mode);
    int inside = openat(mount_fd, "file", O_CREAT | O_WRONLY, 0644);
    show_good("a file in it", inside);
    close(inside);
    make("new");
    show_tree("nothing is mounted yet");
    show("unmount it", umount2("/proc/self/fd/77", 0));
    show("onto a file", hang(mount_fd, "", AT_FDCWD, "file", F_SELF));
    show("not its root", hang(mount_fd, "file", AT_FDCWD, "file", 0));
    show("hang it in", hang(mount_fd, "", AT_FDCWD, "new", F_SELF));
    look("new/file");
    show_tree("mounted");
    show("hang it in again", hang(mount_fd, "", AT_FDCWD, "d", F_SELF));
    show_tree("moved");
    show("onto itself", hang(mount_fd, "", mount_fd, "", F_SELF | T_SELF));
    show("a new size", config(fd, 1, "size", "2m", 0));
    show("read-only", config(fd, 0, "ro", NULL, 0));
    show("create", config(fd, 6, NULL, NULL, 0));
    show("change", config(fd, 7, NULL, NULL, 0));
    show_tree("changed");
    close(fd);
    close(mount_fd);
    look("d/file");
    show("unmount", umount("d"));
    fd = (int)syscall(SYS_fsopen, "tmpfs", 0);
    show("create", config(fd, 6, NULL, NULL, 0));
    mount_fd = (int)syscall(SYS_fsmount, fd, 0, 0x10);
    close(fd);
    show("hang it in", hang(mount_fd, "", AT_FDCWD, "d", F_SELF));
    show_tree("without options");
    close(mount_fd);
    show("unmount", umount("d"));
    fd = (int)syscall(SYS_fsopen, "proc", 0);
    show("create proc", config(fd, 6, NULL, NULL, 0));
    mount_fd = (int)syscall(SYS_fsmount, fd, 0, 0);
    close(fd);
    show("in it", faccessat(mount_fd, "self/status", F_OK, 0));
    close(mount_fd);
    fd = (int)syscall(SYS_fsopen, "tmpfs", 0);
    close(fd);
}

/* Copies of trees. */
static void copies(void)
{
    make("one");
    make("two");
    try_mount("first", "first", "one", "tmpfs", 0, "mode=755");
    make("one/below");
    touch("one/here");
    try_mount("second", "second", "one/below", "tmpfs", 0, "mode=755");
    touch("one/below/there");
    int fd = (int)tree(AT_FDCWD, "one", CLONE | O_CLOEXEC);
    show_good("a copy", fd);
    show("in it", faccessat(fd, "here", F_OK, 0));
    show("not in it", faccessat(fd, "below/there", F_OK, 0));
    show_tree("still nothing");
    close(fd);
    fd = (int)tree(AT_FDCWD, "one", CLONE | DEEP);
    show("below it", faccessat(fd, "below/there", F_OK, 0));
    show("unmount the origin", umount2("one", MNT_DETACH));
    show("still there", faccessat(fd, "below/there", F_OK, 0));
    show("go there", fchdir(fd));
    show("and up", chdir(".."));
    look("here");
    chdir(base);
    show("its flags", attributes(fd, "", EMPTY, 0x2, 0, 0));
    show("all its flags", attributes(fd, "", EMPTY | DEEP, 0x4, 0, 0));
    show("private", attributes(fd, "", EMPTY | DEEP, 0, 0, MS_PRIVATE));
    show("hang it in", hang(fd, "", AT_FDCWD, "two", F_SELF));
    show_tree("hung in");
    show("busy", umount("two/below"));
    show("it is", umount("two"));
    close(fd);
    show("not any more", umount("two"));
    fd = (int)tree(AT_FDCWD, "one", CLONE);
    show_good("a copy of a directory", fd);
    show("hang it in", hang(fd, "", AT_FDCWD, "two", F_SELF));
    close(fd);
    touch("one/seen");
    look("two/seen");
    show("unmount", umount("two"));
    fd = (int)tree(AT_FDCWD, "one/seen", CLONE);
    show("a file onto a directory", hang(fd, "", AT_FDCWD, "two", F_SELF));
    touch("cover");
    show("a file onto a file", hang(fd, "", AT_FDCWD, "cover", F_SELF));
    close(fd);
    show("unmount", umount("cover"));
    int end = open("one", O_PATH);
    fd = (int)tree(AT_FDCWD, "two", CLONE);
    show("onto a descriptor", hang(fd, "", end, "", F_SELF | T_SELF));
    close(end);
    close(fd);
    show("move by names", hang(AT_FDCWD, "one", AT_FDCWD, "two", 0));
    show_tree("moved");
    symlink("two", "to_two");
    show("move a link", hang(AT_FDCWD, "to_two", AT_FDCWD, "one", 0));
    show("move through a link", hang(AT_FDCWD, "to_two", AT_FDCWD, "one", 1));
    show("unmount", umount("one"));
}

/* Flags of mounts, and what hangs together. */
static void flags(void)
{
    make("flags");
    try_mount("mount", "flags", "flags", "tmpfs", MS_NOSUID, "mode=755");
    make("flags/below");
    try_mount("below", "below", "flags/below", "tmpfs", 0, "mode=755");
    show("add", attributes(AT_FDCWD, "flags", 0, 0x8 | 0x4, 0, 0));
    show_tree("noexec, nodev");
    show("clear and add", attributes(AT_FDCWD, "flags", 0, 0x80, 0x2 | 0x4, 0));
    show_tree("nodiratime, no nosuid");
    show("access time", attributes(AT_FDCWD, "flags", 0, 0x10, 0x70, 0));
    show_tree("noatime");
    show("strict access time", attributes(AT_FDCWD, "flags", 0, 0x20, 0x70, 0));
    show_tree("strictatime");
    show("relative access time", attributes(AT_FDCWD, "flags", 0, 0, 0x70, 0));
    show("all of them", attributes(AT_FDCWD, "flags", DEEP, 0x200000, 0x80, 0));
    show_tree("all");
    int fd = open("flags/below/file", O_CREAT | O_WRONLY, 0644);
    show("read-only while written", attributes(AT_FDCWD, "flags", DEEP, 0x1, 0, 0));
    show_tree("unchanged");
    show("one of them", attributes(AT_FDCWD, "flags", 0, 0x1, 0, 0));
    show("write", mkdir("flags/more", 0755));
    close(fd);
    show("all read-only", attributes(AT_FDCWD, "flags", DEEP, 0x1, 0, MS_SHARED));
    show_tree("shared and read-only");
    show("writable, slaves", attributes(AT_FDCWD, "flags", DEEP, 0, 0x1, MS_SLAVE));
    show("unbindable", attributes(AT_FDCWD, "flags", 0, 0, 0, MS_UNBINDABLE));
    show("a copy", tree(AT_FDCWD, "flags", CLONE));
    show_tree("unbindable");
    show("private", attributes(AT_FDCWD, "flags", DEEP, 0, 0, MS_PRIVATE));
    int picked = (int)syscall(SYS_fspick, AT_FDCWD, "flags", 1);
    show_good("pick", picked);
    show("an option", config(picked, 1, "size", "4m", 0));
    show("create", config(picked, 6, NULL, NULL, 0));
    show("mount it", syscall(SYS_fsmount, picked, 0, 0));
    show("change", config(picked, 7, NULL, NULL, 0));
    show_tree("changed");
    show("read-only", config(picked, 0, "ro", NULL, 0));
    show("change", config(picked, 7, NULL, NULL, 0));
    show("write", mkdir("flags/more", 0755));
    close(picked);
    make("peer");
    try_mount("the same elsewhere", "flags", "peer", NULL, MS_BIND, NULL);
    show("join no group", hang(AT_FDCWD, "flags", AT_FDCWD, "peer", 0x100));
    show("shared", attributes(AT_FDCWD, "flags", 0, 0, 0, MS_SHARED));
    show("join", hang(AT_FDCWD, "flags", AT_FDCWD, "peer", 0x100));
    show("join again", hang(AT_FDCWD, "flags", AT_FDCWD, "peer", 0x100));
    show("join another", hang(AT_FDCWD, "flags", AT_FDCWD, "flags/below", 0x100));
    show("join and more", hang(AT_FDCWD, "flags", AT_FDCWD, "peer", 0x300));
    show_tree("peers");
    show("unmount", umount2("peer", MNT_DETACH));
    show("unmount", umount2("flags", MNT_DETACH));
}

int main(void)
{
    begin_mounts();
    errors();
    show_end("nobody", spawn(as_nobody));
    new_filesystem();
    copies();
    flags();
    end_mounts();
    return 0;
}
