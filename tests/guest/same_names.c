/*
 * tests/guest/same_names.c - making, moving and removing names: mkdir, mknod, link, symlink, rename,
 * unlink, rmdir, as root and as somebody else, as a list of lines that must be the same on Linux
 * (its tmpfs).
 */
#define _GNU_SOURCE
#include "tests/guest/same_files.h"

#include <sys/sysmacros.h>

/* ---- making and removing ---- */

static void making(void)
{
    static const char *const names[] = {
        "dir",         "file",   "made",     "made/",     "made/a/b", "file/x", "",
        ".",           "..",     "/",        "dir/.",     "dir/..",   "to_dir", "to_nothing",
        "to_nothing/", "loop_a", "loop_a/x", "nothing/x", "fifo/x"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char what[64];
        snprintf(what, sizeof what, "mkdir %s", names[i]);
        show(what, mkdir(names[i], 0755));
        snprintf(what, sizeof what, "rmdir %s", names[i]);
        if (strcmp(names[i], "dir") && strcmp(names[i], "/") && strcmp(names[i], "to_dir"))
            show(what, rmdir(names[i]));
        snprintf(what, sizeof what, "mknod %s", names[i]);
        long done = mknod(names[i], S_IFREG | 0644, 0);
        show(what, done);
        if (done == 0)
            unlink(names[i]);
        snprintf(what, sizeof what, "symlink %s", names[i]);
        done = symlink("target", names[i]);
        show(what, done);
        if (done == 0)
            unlink(names[i]);
    }
    show("rmdir full", rmdir("full"));
    show("rmdir full/.", rmdir("full/."));
    show("rmdir full/..", rmdir("full/.."));
    show("rmdir to_dir", rmdir("to_dir"));
    show("rmdir to_dir/", rmdir("to_dir/"));
    show("rmdir /proc", rmdir("/proc"));
    show("unlink dir", unlink("dir"));
    show("unlink dir/", unlink("dir/"));
    show("unlink file/", unlink("file/"));
    show("unlink .", unlink("."));
    show("unlink ..", unlink(".."));
    show("unlink /", unlink("/"));
    show("unlink nothing", unlink("nothing"));
    show("unlink empty", unlink(""));
    show("unlink to_dir/", unlink("to_dir/"));
    show("unlink long", unlink(long_path));
    show("unlinkat flags", unlinkat(AT_FDCWD, "file", 0x1000));
    show("unlinkat rmdir a file", unlinkat(AT_FDCWD, "file", AT_REMOVEDIR));
    show("mkdir setgid mode", mkdir("modes", 07777));
    show_mode("modes", "modes");
    chmod("modes", 02755);
    chown("modes", 0, 77);
    mkdir("modes/inner", 0755);
    show_mode("inherited", "modes/inner");
    make_file("modes/f", "");
    struct stat status;
    stat("modes/f", &status);
    say("group %d mode %o", status.st_gid, status.st_mode);
    show("mknod directory", mknod("node", S_IFDIR | 0755, 0));
    show("mknod symlink", mknod("node", S_IFLNK | 0755, 0));
    show("mknod nonsense", mknod("node", 0150000, 0));
    show("mknod 0", mknod("node", 0600, 0));
    show_mode("node", "node");
    show("mknod again", mknod("node", 0600, 0));
    unlink("node");
    show("mknod socket", mknod("node", S_IFSOCK | 0644, 0));
    show("open socket", open("node", O_RDWR));
    unlink("node");
    show("mknod char", mknod("node", S_IFCHR | 0666, makedev(1, 3)));
    show("written to", write(open("node", O_WRONLY), "x", 1));
    unlink("node");
    show("mknod unknown char", mknod("node", S_IFCHR | 0666, makedev(300, 400000)));
    stat("node", &status);
    say("device %u %u", major(status.st_rdev), minor(status.st_rdev));
    show("open unknown char", open("node", O_RDWR));
    unlink("node");
    show("symlink empty", symlink("", "link"));
    show("symlink long", symlink(long_path, "link"));
    char text[10] = "";
    show("readlink", readlink("link", text, 3));
    say("cut: %.3s", text);
    show("readlink size 0", readlink("link", text, 0));
    show("readlink size -1", syscall(SYS_readlink, "link", text, -1));
    show("readlink a file", readlink("file", text, 3));
    show("readlink a directory", readlink(".", text, 3));
    show("readlink slash", readlink("to_dir/", text, 3));
    show("readlink nothing", readlink("nothing", text, 3));
    show("readlink bad", syscall(SYS_readlink, "link", 1, 3));
    int link = open("to_file", O_PATH | O_NOFOLLOW);
    show("readlinkat empty", readlinkat(link, "", text, 10));
    show("readlinkat empty at cwd", readlinkat(AT_FDCWD, "", text, 10));
    close(link);
    unlink("link");
}

/* ---- hard links ---- */

static void linking(void)
{
    struct stat status;

    show("link", link("file", "linked"));
    stat("linked", &status);
    say("links %ld", (long)status.st_nlink);
    show("link again", link("file", "linked"));
    show("link to itself", link("file", "file"));
    show("link a directory", link("dir", "linked_dir"));
    show("link nothing", link("nothing", "x"));
    show("link into nothing", link("file", "nothing/x"));
    show("link into a file", link("file", "file/x"));
    show("link slash", link("file", "x/"));
    show("link source slash", link("file/", "x"));
    show("link empty", link("", "x"));
    show("link to empty", link("file", ""));
    show("link a symlink", link("to_file", "linked_link"));
    lstat("linked_link", &status);
    say("is a link: %d", S_ISLNK(status.st_mode));
    show("follow", linkat(AT_FDCWD, "to_file", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
    lstat("followed", &status);
    say("is a file: %d links %ld", S_ISREG(status.st_mode), (long)status.st_nlink);
    show("follow nothing", linkat(AT_FDCWD, "to_nothing", AT_FDCWD, "x", AT_SYMLINK_FOLLOW));
    show("flags", linkat(AT_FDCWD, "file", AT_FDCWD, "x", 1));
    show("link a fifo", link("fifo", "linked_fifo"));
    show("link to .", link("file", "."));
    show("link /proc", link("/proc/version", "x"));
    unlink("linked");
    unlink("linked_link");
    unlink("followed");
    unlink("linked_fifo");
}

/* ---- rename ---- */

static void renaming(void)
{
    static const struct {
        const char *from, *to;
        unsigned flags;
    } cases[] = {
        {"nothing", "x", 0},
        {"file", "file", 0},
        {"file", "dir", 0},
        {"dir", "file", 0},
        {"dir", "full", 0},
        {"dir", "dir/inner", 0},
        {"full", "full/inside/x", 0},
        {"full", "full/x/y", 0},
        {"full/inside", "full", 0},
        {"file", "nothing/x", 0},
        {"file", "file/x", 0},
        {"file", "x/", 0},
        {"file/", "x", 0},
        {"dir/", "moved/", 0},
        {"moved", "dir", 0},
        {"dir/.", "x", 0},
        {"dir", "full/.", 0},
        {"dir", "full/..", 0},
        {"..", "x", 0},
        {".", "x", 0},
        {"/", "x", 0},
        {"dir", "/", 0},
        {"", "x", 0},
        {"file", "", 0},
        {"to_dir/", "x", 0},
        {"dir", "to_nothing/", 0},
        {"to_nothing", "still_to_nothing", 0},
        {"still_to_nothing", "to_nothing", 0},
        {"file", "/proc/x", 0},
        {"/proc/version", "x", 0},
        {"loop_a/x", "y", 0},
        {"file", "file", RENAME_NOREPLACE},
        {"file", "fifo", RENAME_NOREPLACE},
        {"file", "fresh", RENAME_NOREPLACE},
        {"fresh", "file", RENAME_NOREPLACE},
        {"nothing", "file", RENAME_NOREPLACE},
        {"file", "dir", RENAME_EXCHANGE},
        {"file", "dir", RENAME_EXCHANGE},
        {"file", "nothing", RENAME_EXCHANGE},
        {"nothing", "file", RENAME_EXCHANGE},
        {"file", "file", RENAME_EXCHANGE},
        {"full", "full/inside", RENAME_EXCHANGE},
        {"full/inside", "full", RENAME_EXCHANGE},
        {"file", "dir", RENAME_EXCHANGE | RENAME_NOREPLACE},
        {"file", "x", RENAME_WHITEOUT | RENAME_EXCHANGE},
        {"file", "x", 8},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char what[100];
        snprintf(what, sizeof what, "rename %s %s %u", cases[i].from, cases[i].to, cases[i].flags);
        show(what, renameat2(AT_FDCWD, cases[i].from, AT_FDCWD, cases[i].to, cases[i].flags));
    }
    show("rename long", rename("file", long_path));
    link("file", "same");
    show("rename same inode", rename("file", "same"));
    show("both there", access("file", F_OK) + access("same", F_OK));
    unlink("same");
    struct stat status;
    mkdir("a", 0755);
    mkdir("b", 0755);
    mkdir("a/sub", 0755);
    stat("a", &status);
    say("links of a %ld", (long)status.st_nlink);
    show("move", rename("a/sub", "b/sub"));
    stat("a", &status);
    say("links of a %ld", (long)status.st_nlink);
    stat("b", &status);
    say("links of b %ld", (long)status.st_nlink);
    ino_t number = status.st_ino;
    stat("b/sub/..", &status);
    say("dotdot follows: %d", status.st_ino == number);
    show("over an empty one", rename("b/sub", "a"));
    show("gone", rmdir("b"));
    rmdir("a");
    make_file("one", "1");
    make_file("two", "22");
    int fd = open("two", O_RDONLY);
    show("replace", rename("one", "two"));
    fstat(fd, &status);
    say("replaced one: links %ld size %ld", (long)status.st_nlink, (long)status.st_size);
    close(fd);
    unlink("two");
    show("at closed", renameat(999, "file", AT_FDCWD, "x"));
    show("at a file", renameat(open("file", O_RDONLY), "file", AT_FDCWD, "x"));
}

/* ---- as somebody else ---- */

static int as_user(void)
{
    if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
        fail("setresuid");
    show("open closed/secret", open("closed/secret", O_RDONLY));
    show("open closed", open("closed", O_RDONLY));
    show_close("path closed", open("closed", O_PATH));
    show("chdir closed", chdir("closed"));
    show("open unreadable", open("unreadable", O_RDONLY));
    show_close("path unreadable", open("unreadable", O_PATH));
    show("write file", open("file", O_WRONLY));
    show_close("read file", open("file", O_RDONLY));
    show("truncate on open", open("file", O_RDONLY | O_TRUNC));
    show("noatime", open("file", O_RDONLY | O_NOATIME));
    show("create", open("users", O_RDWR | O_CREAT, 0644));
    show("tmpfile", open(".", O_TMPFILE | O_RDWR, 0600));
    show("mkdir", mkdir("users", 0755));
    show("mkdir that exists", mkdir("dir", 0755));
    show("mknod", mknod("sticky/null", S_IFCHR | 0666, makedev(1, 3)));
    show("unlink", unlink("file"));
    show("unlink nothing", unlink("nothing"));
    show("rmdir", rmdir("dir"));
    show("rename", rename("file", "x"));
    show("sticky unlink", unlink("sticky/roots"));
    show("sticky rename", rename("sticky/roots", "sticky/mine"));
    show_close("sticky create", open("sticky/mine", O_RDWR | O_CREAT | O_EXCL, 0644));
    show("sticky replace", rename("sticky/mine", "sticky/roots"));
    show("sticky exchange",
         renameat2(AT_FDCWD, "sticky/mine", AT_FDCWD, "sticky/roots", RENAME_EXCHANGE));
    show("sticky own", unlink("sticky/mine"));
    show("chroot", chroot("."));
    show("unlink closed/secret", unlink("closed/secret"));
    show("rename into closed", rename("sticky/roots", "closed/x"));
    show("symlink", symlink("x", "y"));
    show("chmod", chmod("file", 0777));
    show("chown", chown("file", 1000, 1000));
    show("truncate", truncate("file", 1));
    return 0;
}

/* ---- directories that are gone ---- */

static void removed_directory(void)
{
    char text[100];

    mkdir("gone", 0755);
    int fd = open("gone", O_RDONLY);
    chdir("gone");
    rmdir("../gone");
    show("getcwd", getcwd(text, sizeof text) ? 0 : -1);
    show("create in it", open("x", O_RDWR | O_CREAT, 0644));
    show("mkdir in it", mkdir("x", 0755));
    show("link in it", symlink("x", "y"));
    show_close("open it", open(".", O_RDONLY));
    show("leave it", chdir(".."));
    show_close("through fd", openat(fd, "..", O_RDONLY));
    show("missing", openat(fd, "x", O_RDONLY));
    struct stat status;
    fstat(fd, &status);
    say("links %ld", (long)status.st_nlink);
    close(fd);
    show("chdir a file", chdir("file"));
    show("chdir nothing", chdir("nothing"));
    show("chdir empty", chdir(""));
    show("fchdir a file", fchdir(open("file", O_RDONLY)));
    show("fchdir closed", fchdir(999));
    show("getcwd too small", syscall(SYS_getcwd, text, 1));
    show("getcwd 0", syscall(SYS_getcwd, text, 0));
    show("getcwd bad", syscall(SYS_getcwd, 1, 100));
    show("chroot a file", chroot("file"));
    show("chroot nothing", chroot("nothing"));
}

int main(void)
{
    own_directory();
    make_names();
    making();
    linking();
    renaming();
    chmod(".", 0755);
    show_end("user", spawn(as_user));
    removed_directory();
    leave_directory();
    return 0;
}
