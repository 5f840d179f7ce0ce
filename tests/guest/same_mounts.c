/*
 * tests/guest/same_mounts.c - mount(2) and umount2(2): new mounts and their options, binding,
 * remounting, moving, unmounting, and what flags forbid, as a list of lines that must be the same on
 * Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/mounts.h"

#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

static int as_nobody(void)
{
    if (setresuid(1, 1, 1))
        fail("setresuid");
    try_mount("nobody mounts", "x", "d", "tmpfs", 0, NULL);
    try_mount("nobody binds", "d", "e", NULL, MS_BIND, NULL);
    show("nobody unmounts", umount2("d", 0));
    show("nobody unmounts nothing", umount2("missing", 0));
    return 0;
}

static void errors(void)
{
    make("d");
    make("e");
    touch("file");
    try_mount("no such type", "x", "d", "nosuchfs", 0, NULL);
    try_mount("no type", "x", "d", NULL, 0, NULL);
    try_mount("no target", "x", "missing", "tmpfs", 0, NULL);
    try_mount("on a file", "x", "file", "tmpfs", 0, NULL);
    try_mount("bad target", "x", (char *)8, "tmpfs", 0, NULL);
    try_mount("bad type", "x", "d", (char *)8, 0, NULL);
    try_mount("bad source", (char *)8, "d", "tmpfs", 0, NULL);
    try_mount("bad data", "x", "d", "tmpfs", 0, (char *)8);
    try_mount("bind nothing", NULL, "d", NULL, MS_BIND, NULL);
    try_mount("bind empty", "", "d", NULL, MS_BIND, NULL);
    try_mount("bind missing", "missing", "d", NULL, MS_BIND, NULL);
    try_mount("bind file on directory", "file", "d", NULL, MS_BIND, NULL);
    try_mount("bind directory on file", "d", "file", NULL, MS_BIND, NULL);
    try_mount("bind pipe", "/proc/self/fd/1", "file", NULL, MS_BIND, NULL);
    try_mount("move nothing", NULL, "d", NULL, MS_MOVE, NULL);
    try_mount("move what is no mount", "e", "d", NULL, MS_MOVE, NULL);
    try_mount("remount what is no mount", NULL, "d", NULL, MS_REMOUNT, NULL);
    try_mount("private what is no mount", NULL, "d", NULL, MS_PRIVATE, NULL);
    try_mount("two propagation types", NULL, ".", NULL, MS_PRIVATE | MS_SLAVE, NULL);
    try_mount("propagation and more", NULL, ".", NULL, MS_PRIVATE | MS_NODEV, NULL);
    show("umount what is no mount", umount2("d", 0));
    show("umount nothing", umount2("missing", 0));
    show("umount with a bad flag", umount2("d", 0x100));
    show("umount bad address", umount2((char *)8, 0));
    show_end("nobody", spawn(as_nobody));
}

static void show_space(const char *what, const char *name)
{
    struct statfs fs;

    if (statfs(name, &fs))
        fail(name);
    say("%s: type %#lx, blocks of %ld, flags %#lx", what, (long)fs.f_type, (long)fs.f_bsize,
        (long)fs.f_flags);
    if (fs.f_blocks < 100) /* else it depends on the machine's memory */
        say("%s: %ld blocks, %ld free, %ld files, %ld free", what, (long)fs.f_blocks,
            (long)fs.f_bfree, (long)fs.f_files, (long)fs.f_ffree);
}

/* Opens it for a moment: is it good? */
static void open_shortly(const char *what, const char *name, int how)
{
    int fd = open(name, how, 0644);

    show_good(what, fd);
    if (fd >= 0)
        close(fd);
}

static void fill(const char *name)
{
    static char page[4096];
    int fd = open(name, O_CREAT | O_WRONLY, 0644);
    long pages = 0;

    while (fd >= 0 && pages < 1000 && write(fd, page, sizeof page) == (ssize_t)sizeof page)
        pages++;
    say("%s: %ld pages, then %s", name, pages, strerrorname_np(errno));
    close(fd);
}

static void options(void)
{
    struct stat is;

    static const char *const bad[] = {"size=x",   "size=1mm", "size",         "mode=9",
                                      "nonsense", "uid=-1",   "nr_inodes=1x", "mode"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        try_mount(bad[i], "x", "d", "tmpfs", 0, bad[i]);
    try_mount("an empty option", "x", "d", "tmpfs", 0, ",,");
    show("umount", umount2("d", 0));
    try_mount("with options", "a name", "d", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOATIME,
              "size=40k,nr_inodes=6,mode=1750,uid=7,gid=8");
    stat("d", &is);
    say("its root: %o %d %d", is.st_mode, is.st_uid, is.st_gid);
    show_space("space", "d");
    fill("d/big");
    touch("d/1");
    touch("d/2");
    touch("d/3");
    touch("d/4");
    show("one inode too many", open("d/5", O_CREAT | O_WRONLY, 0644));
    try_mount("smaller than used", NULL, "d", NULL, MS_REMOUNT, "size=8k");
    try_mount("fewer than used", NULL, "d", NULL, MS_REMOUNT, "nr_inodes=3");
    try_mount("larger", NULL, "d", NULL, MS_REMOUNT | MS_NODEV, "size=80k,mode=700");
    show_tree("after the remount");
    stat("d", &is);
    say("its root: %o", is.st_mode);
    show("umount", umount2("d", 0));
    try_mount("defaults", "x", "d", "tmpfs", 0, NULL);
    stat("d", &is);
    say("its root: %o %d", is.st_mode, (int)is.st_nlink);
    show("umount", umount2("d", 0));
    try_mount("no limit", NULL, "d", "tmpfs", MS_STRICTATIME, "size=0,nr_inodes=0");
    show_space("no limit", "d");
    show_tree("no limit");
    try_mount("a limit for what has none", NULL, "d", NULL, MS_REMOUNT, "size=1m");
    show("umount", umount2("d", 0));
    try_mount("ramfs", "r", "d", "ramfs", MS_NODIRATIME, "mode=700,anything=1");
    show_space("ramfs", "d");
    show("umount", umount2("d", 0));
    try_mount("proc", "p", "d", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
    show_space("proc", "d");
    look("d/self/status");
    try_mount("proc with nonsense", "p", "e", "proc", 0, "nonsense=1");
    show_tree("proc");
    show("umount", umount2("d", 0));
}

static void binds(void)
{
    char text[16] = "";

    make("from");
    make("from/sub");
    touch("from/file");
    make("to");
    try_mount("mount below", "below", "from/sub", "tmpfs", 0, "size=4k");
    touch("from/sub/deep");
    try_mount("bind", "from", "to", "ignored", MS_BIND | MS_RDONLY | MS_NOEXEC, "ignored");
    look("to/file");
    look("to/sub/deep");
    touch("to/new");
    look("from/new");
    show("unlink by the other name", unlink("from/new"));
    look("to/new");
    show("rename across", rename("from/file", "to/file2"));
    show("link across", link("from/file", "to/file2"));
    show("rename within", rename("to/file", "to/file2"));
    look("from/file2");
    show_tree("bound");
    show("umount", umount2("to", 0));
    try_mount("bind all", "from", "to", NULL, MS_BIND | MS_REC, NULL);
    look("to/sub/deep");
    show_tree("bound with all");
    show("umount a full one", umount2("to", 0));
    show("umount the inner one", umount2("to/sub", 0));
    show("umount", umount2("to", 0));
    try_mount("bind over itself", "from", "from", NULL, MS_BIND, NULL);
    look("from/sub/deep");
    show("umount", umount2("from", 0));
    look("from/sub/deep");
    try_mount("bind below", "from/sub", "to", NULL, MS_BIND, NULL);
    show_tree("bound below");
    look("to/deep");
    show("umount the first", umount2("from/sub", 0));
    look("to/deep");
    show("umount the second", umount2("to", 0));
    touch("one");
    int fd = open("one", O_WRONLY);
    if (write(fd, "content", 7) != 7)
        fail("write");
    close(fd);
    touch("two");
    try_mount("bind a file", "one", "two", NULL, MS_BIND, NULL);
    fd = open("two", O_RDONLY);
    show("read", read(fd, text, sizeof text));
    close(fd);
    show("remove a mount point", unlink("two"));
    show("rename a mount point", rename("two", "three"));
    show("rename onto a mount point", rename("one", "two"));
    show("unlink the original", unlink("one"));
    show_tree("file");
    show("umount", umount2("two", 0));
    show("rmdir", unlink("two"));
    show("rmdir of a mount point", rmdir("."));
}

static int change_of_mode(void)
{
    return chmod("to/file2", 0600);
}

static void flags(void)
{
    struct stat is;
    int fd;

    try_mount("bind", "from", "to", NULL, MS_BIND, NULL);
    fd = open("to/file2", O_WRONLY);
    try_mount("read-only while written", NULL, "to", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL);
    close(fd);
    try_mount("read-only", NULL, "to", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL);
    show("open to write", open("to/file2", O_WRONLY));
    show("make", open("to/fresh", O_CREAT | O_WRONLY, 0644));
    open_shortly("open with O_CREAT", "to/file2", O_CREAT | O_RDONLY);
    show("mkdir", mkdir("to/directory", 0755));
    show("mkdir of what exists", mkdir("to/sub", 0755));
    show("unlink", unlink("to/file2"));
    show("rmdir", rmdir("to/sub"));
    show("rename", rename("to/file2", "to/file3"));
    show("symlink", symlink("x", "to/link"));
    show("chmod", change_of_mode());
    show("chown", chown("to/file2", 1, 1));
    show("utimensat", utimensat(AT_FDCWD, "to/file2", NULL, 0));
    show("truncate", truncate("to/file2", 0));
    show("access", access("to/file2", W_OK));
    show("setxattr", (long)syscall(SYS_setxattr, "to/file2", "user.x", "v", 1L, 0));
    show("by the other name", chmod("from/file2", 0644));
    show_space("read-only", "to");
    try_mount("writable again", NULL, "to", NULL,
              MS_BIND | MS_REMOUNT | MS_NOEXEC | MS_NOSUID | MS_NODEV | MS_NOATIME, NULL);
    show_space("flags", "to");
    show_tree("flags");
    try_mount("access times stay", NULL, "to", NULL, MS_BIND | MS_REMOUNT | MS_NOEXEC | MS_NODEV,
              NULL);
    show_tree("kept");
    chmod("from/file2", 0755);
    show("execute by access", access("to/file2", X_OK));
    show("execute", execl("to/file2", "x", (char *)NULL));
    fd = open("to/file2", O_RDWR);
    show("map to execute",
         mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
    void *mapped = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    show("make a mapping executable", mprotect(mapped, 4096, PROT_READ | PROT_EXEC));
    munmap(mapped, 4096);
    close(fd);
    show("mknod", mknod("to/null", S_IFCHR | 0666, makedev(1, 3)));
    show("open a device", open("to/null", O_RDONLY));
    open_shortly("device by the other name", "from/null", O_RDONLY);
    try_mount("read-only file system", NULL, "from/sub", NULL, MS_REMOUNT | MS_RDONLY, NULL);
    show("umount", umount2("to", 0));
    try_mount("new", "x", "to", "tmpfs", MS_RDONLY, NULL);
    show("mkdir", mkdir("to/x", 0755));
    show_tree("read-only file system");
    try_mount("bind of it", "to", "from", NULL, MS_BIND, NULL);
    try_mount("the file system writable", NULL, "to", NULL, MS_REMOUNT, NULL);
    show("mkdir", mkdir("to/x", 0755));
    fd = open("to/held", O_CREAT | O_WRONLY, 0644);
    try_mount("read-only while written", NULL, "from", NULL, MS_REMOUNT | MS_RDONLY, NULL);
    close(fd);
    show_tree("writable");
    show("umount", umount2("from", 0));
    show("umount", umount2("to", 0));
    stat("from", &is);
    touch("from/symlink-target");
    symlink("file2", "from/link");
    try_mount("bind", "from", "to", NULL, MS_BIND, NULL);
    try_mount("nosymfollow", NULL, "to", NULL, MS_BIND | MS_REMOUNT | 256, NULL);
    show("follow a link", open("to/link", O_RDONLY));
    open_shortly("follow by the other name", "from/link", O_RDONLY);
    show("umount", umount2("to", 0));
}

static void moves(void)
{
    make("a");
    make("a/b");
    make("c");
    try_mount("a", "a", "a", "tmpfs", 0, "size=4k");
    make("a/b");
    make("a/away");
    try_mount("a/b", "b", "a/b", "tmpfs", 0, "size=4k");
    touch("a/b/x");
    try_mount("into itself", "a", "a/b", NULL, MS_MOVE, NULL);
    try_mount("into its own directory", "a", "a/away", NULL, MS_MOVE, NULL);
    try_mount("a directory of a mount", "a/b/x", "c", NULL, MS_MOVE, NULL);
    try_mount("move", "a", "c", NULL, MS_MOVE, NULL);
    show_tree("moved");
    look("c/b/x");
    try_mount("over another", "c/b", "c", NULL, MS_MOVE, NULL);
    show_tree("over it");
    look("c/x");
    try_mount("the root", "/", "a", NULL, MS_MOVE, NULL);
    show("umount the upper", umount2("c", 0));
    show("umount the lower", umount2("c", 0));
    show("umount nothing", umount2("c", 0));
    try_mount("same over itself", "s", "c", "tmpfs", 0, NULL);
    try_mount("another one over it", "s", "c", "tmpfs", 0, NULL);
    show_tree("two");
    show("umount", umount2("c", 0));
    show("umount", umount2("c", 0));
}

static int hold_directory(void)
{
    return sleep_for_ever();
}

static void unmounting(void)
{
    char text[256];

    try_mount("a", "a", "a", "tmpfs", 0, "size=4k");
    int fd = open("a/file", O_CREAT | O_RDWR, 0644);
    show("busy by a file", umount2("a", 0));
    show("by force", umount2("a", MNT_FORCE));
    show("expire a busy one", umount2("a", MNT_EXPIRE));
    close(fd);
    chdir("a");
    show("busy by a directory", umount2(".", 0));
    pid_t child = spawn(hold_directory);
    chdir("..");
    show("busy by a child", umount2("a", 0));
    kill(child, SIGKILL);
    show_end("child", child);
    show("expire", umount2("a", MNT_EXPIRE));
    show("stat uses it", access("a/file", F_OK));
    show("expire", umount2("a", MNT_EXPIRE));
    show("expire again", umount2("a", MNT_EXPIRE));
    show("expire what is gone", umount2("a", MNT_EXPIRE));
    show("expire and detach", umount2("a", MNT_EXPIRE | MNT_DETACH));
    symlink("a", "to-a");
    try_mount("a", "a", "a", "tmpfs", 0, "size=64k");
    show("not by a link", umount2("to-a", UMOUNT_NOFOLLOW));
    show("by a link", umount2("to-a", 0));

    try_mount("a", "a", "a", "tmpfs", 0, "size=64k");
    make("a/in");
    try_mount("in", "in", "a/in", "tmpfs", 0, "size=64k");
    touch("a/in/x");
    fd = open("a", O_RDONLY | O_DIRECTORY);
    show("detach", umount2("a", MNT_DETACH));
    look("a/in");
    show("still there by descriptor", faccessat(fd, "in", F_OK, 0));
    show("the inner mount is not", faccessat(fd, "in/x", F_OK, 0));
    show("make in it", mkdirat(fd, "more", 0755));
    show("up from it", faccessat(fd, "../a", F_OK, 0));
    fchdir(fd);
    close(fd);
    say("where: %s", getcwd(text, sizeof text) ? text : strerrorname_np(errno));
    say("up: %d", chdir(".."));
    say("where: %s", getcwd(text, sizeof text) ? text : strerrorname_np(errno));
    try_mount("mount there", "x", "more", "tmpfs", 0, NULL);
    try_mount("bind there", base, "more", NULL, MS_BIND, NULL);
    try_mount("change there", NULL, ".", NULL, MS_SHARED, NULL);
    show("unmount there", umount2(".", 0));
    chdir(base);
}

static void walking(void)
{
    char text[256];
    struct stat is, other;

    make("w");
    make("w/d");
    make("w/d/e");
    make("target");
    try_mount("bind", "w/d", "target", NULL, MS_BIND, NULL);
    chdir("target/e");
    say("where: %s", getcwd(text, sizeof text) ? text + strlen(base) : strerrorname_np(errno));
    chdir("..");
    say("where: %s", getcwd(text, sizeof text) ? text + strlen(base) : strerrorname_np(errno));
    chdir("..");
    say("where: %s", getcwd(text, sizeof text) ? text + strlen(base) : strerrorname_np(errno));
    stat("target/..", &is);
    stat(".", &other);
    say("the same: %d", is.st_ino == other.st_ino && is.st_dev == other.st_dev);
    chdir("target/e");
    show("move it out of the bind", rename("../../w/d/e", "../../w/e"));
    look("..");
    say("up: %d", chdir(".."));
    chdir(base);
    int fd = open("target", O_RDONLY | O_DIRECTORY);
    snprintf(text, sizeof text, "/proc/self/fd/%d", fd);
    char link[256] = "";
    if (readlink(text, link, sizeof link - 1) < 0)
        fail("readlink");
    say("descriptor: %s", link + strlen(base));
    struct statx extended;
    show("statx", statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &extended));
    say("mount root: %d", !!(extended.stx_attributes & STATX_ATTR_MOUNT_ROOT));
    show("statx", statx(AT_FDCWD, "w/d", 0, STATX_BASIC_STATS, &extended));
    say("mount root: %d", !!(extended.stx_attributes & STATX_ATTR_MOUNT_ROOT));
    close(fd);
    show("umount", umount2("target", 0));
    make("odd name\t#");
    try_mount("odd", "odd source#\\", "odd name\t#", "tmpfs", 0, "size=4k");
    show_tree("odd");
    show("umount", umount2("odd name\t#", 0));
}

int main(void)
{
    begin_mounts();
    errors();
    options();
    binds();
    flags();
    moves();
    unmounting();
    walking();
    end_mounts();
    return 0;
}
