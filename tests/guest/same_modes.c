/*
 * tests/guest/same_modes.c - owners, modes and times of files, and who may change them: chmod, chown,
 * utimensat, access, umask, extended attributes, as root and as somebody else, as a list of lines that
 * must be the same on Linux (its tmpfs). A line's name is the call itself.
 */
#define _GNU_SOURCE
#include "tests/guest/same_files.h"

#include <grp.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <utime.h>

/* Sizes that are wrong on purpose are what this asks about. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#endif

#define T(call) show(#call, (long)(call))
#define BAD     ((void *)-4096l)
#define USER    1234

static int rw, ro, path_only, dir;

static void show_all(const char *what, const char *name)
{
    struct stat status;

    if (stat(name, &status))
        show(what, -1);
    else
        say("%s: mode %o owner %d:%d", what, status.st_mode, (int)status.st_uid,
            (int)status.st_gid);
}

static void modes(void)
{
    T(chmod("nothing", 0644));
    T(chmod("", 0644));
    T(chmod("file/x", 0644));
    T(chmod("loop_a", 0644));
    T(chmod(long_name, 0644));
    T(chmod(long_path, 0644));
    T(chmod(BAD, 0644));
    T(chmod("to_nothing", 0644));
    T(fchmod(-1, 0644));
    T(fchmod(path_only, 0644));
    T(fchmod(ro, 0600));
    T(fchmodat(AT_FDCWD, "file", 0644, 0));
    T(syscall(SYS_fchmodat, -1, "file", 0644));
    T(syscall(SYS_fchmodat, rw, "file", 0644));
    T(syscall(452, AT_FDCWD, "file", 0644, 1));
    T(syscall(452, AT_FDCWD, "to_file", 0600, AT_SYMLINK_NOFOLLOW));
    T(syscall(452, rw, "", 0640, AT_EMPTY_PATH));
    T(syscall(452, path_only, "", 0641, AT_EMPTY_PATH));
    T(syscall(452, AT_FDCWD, "", 0640, 0));
    show_all("file", "file");
    T(chmod("file", 0177777));
    show_all("all bits", "file");
    T(chmod("file", 0));
    show_all("none", "file");
    T(chmod("file", 0644));
    T(chmod("dir", 03777));
    show_all("dir", "dir");
    T(chmod("dir", 0755));
}

static void owners(void)
{
    T(chown("nothing", 1, 1));
    T(chown("file/x", 1, 1));
    T(chown("loop_a", 1, 1));
    T(lchown("loop_a", 1, 1));
    T(chown(BAD, 1, 1));
    T(chown(long_name, 1, 1));
    T(fchown(-1, 1, 1));
    T(fchown(path_only, 1, 1));
    T(fchownat(path_only, "", 1, 1, 0));
    T(fchownat(path_only, "", 1, 2, AT_EMPTY_PATH));
    show_all("by descriptor", "file");
    T(fchownat(AT_FDCWD, "file", 1, 1, 1));
    T(chmod("file", 06755));
    T(chown("file", 3, -1));
    show_all("owner alone", "file");
    T(chmod("file", 06755));
    T(chown("file", -1, 4));
    show_all("group alone", "file");
    T(chmod("file", 06755));
    T(chown("file", -1, -1));
    show_all("neither", "file");
    T(chmod("file", 06745));
    T(chown("file", 5, 5));
    show_all("group without x", "file");
    T(chmod("dir", 06775));
    T(chown("dir", 5, 5));
    show_all("directory", "dir");
    T(chown("dir", 0, 0));
    T(chmod("dir", 0755));
    /* Writing takes the bits away, but not from root. */
    T(chown("file", USER, USER));
    T(chmod("file", 06755));
    T(pwrite(rw, "x", 1, 0));
    show_all("written by root", "file");
    T(chmod("file", 06755));
    T(ftruncate(rw, 5));
    show_all("cut by root", "file");
    T(chmod("file", 0644));
}

static void times(void)
{
    struct timespec now_omit[] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
    struct timespec both_omit[] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
    struct timespec bad[] = {{0, 1000000000}, {0, 0}}, negative[] = {{0, -5}, {0, 0}};
    struct timespec old[] = {{-5, 500}, {5234567890, 999999999}};
    struct timeval tv_bad[] = {{0, 1000000}, {0, 0}}, tv[] = {{100, 1}, {200, 2}};
    struct utimbuf second = {7, 8};
    struct stat status;

    T(utimensat(AT_FDCWD, "nothing", NULL, 0));
    T(utimensat(AT_FDCWD, "nothing", both_omit, 0));
    T(utimensat(AT_FDCWD, "", NULL, 0));
    T(utimensat(AT_FDCWD, "file", bad, 0));
    T(utimensat(AT_FDCWD, "file", negative, 0));
    T(utimensat(AT_FDCWD, "file", NULL, 1));
    T(utimensat(AT_FDCWD, BAD, NULL, 0));
    T(utimensat(AT_FDCWD, "file", BAD, 0));
    T(syscall(SYS_utimensat, AT_FDCWD, NULL, NULL, 0));
    T(syscall(SYS_utimensat, -1, NULL, NULL, 0));
    T(syscall(SYS_utimensat, rw, NULL, old, 0));
    T(syscall(SYS_utimensat, rw, NULL, old, AT_SYMLINK_NOFOLLOW));
    T(syscall(SYS_utimensat, path_only, NULL, old, 0));
    T(stat("file", &status));
    say("times %ld.%ld %ld.%ld", (long)status.st_atim.tv_sec, status.st_atim.tv_nsec,
        (long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    T(utimensat(AT_FDCWD, "file", now_omit, 0));
    T(stat("file", &status));
    say("now %d, kept %ld.%ld", status.st_atime > 1000000000, (long)status.st_mtim.tv_sec,
        status.st_mtim.tv_nsec);
    T(utimensat(AT_FDCWD, "loop_a", old, 0));
    T(utimensat(AT_FDCWD, "loop_a", old, AT_SYMLINK_NOFOLLOW));
    T(lstat("loop_a", &status));
    say("link %ld", (long)status.st_mtim.tv_sec);
    T(utimes("file", tv_bad));
    T(utimes("file", tv));
    T(stat("file", &status));
    say("times %ld.%ld %ld.%ld", (long)status.st_atim.tv_sec, status.st_atim.tv_nsec,
        (long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    T(utime("file", &second));
    T(utime("nothing", &second));
    T(syscall(SYS_utime, "file", BAD));
    T(syscall(SYS_utime, BAD, NULL));
    T(stat("file", &status));
    say("times %ld %ld", (long)status.st_atime, (long)status.st_mtime);
    T(syscall(SYS_futimesat, AT_FDCWD, "file", tv));
    T(syscall(SYS_futimesat, rw, NULL, tv));
    T(utime("file", NULL));
}

static void asking(void)
{
    T(access("file", -1));
    T(access("file", 8));
    T(access("nothing", F_OK));
    T(access("", F_OK));
    T(access("file/x", F_OK));
    T(access("loop_a", F_OK));
    T(access(BAD, F_OK));
    T(access(long_name, F_OK));
    T(access("to_nothing", F_OK));
    T(access("file", R_OK | W_OK));
    T(access("file", X_OK));
    T(access("dir", X_OK));
    T(access("unreadable", R_OK | W_OK));
    T(access("unreadable", X_OK));
    T(access("fifo", X_OK));
    T(syscall(SYS_faccessat, -1, "file", 0));
    T(syscall(SYS_faccessat, rw, "file", 0));
    T(syscall(439, AT_FDCWD, "file", 0, 1));
    T(syscall(439, AT_FDCWD, "to_nothing", 0, AT_SYMLINK_NOFOLLOW));
    T(syscall(439, rw, "", 0, AT_EMPTY_PATH));
    T(syscall(439, rw, "", X_OK, AT_EMPTY_PATH | AT_EACCESS));
    T(umask(0777));
    T(umask(0177777));
    T(umask(022));
}

static char value[70000];

static void attributes(void)
{
    T(setxattr("file", "user.a", "12345", 5, XATTR_REPLACE));
    T(setxattr("file", "user.a", "12345", 5, XATTR_CREATE));
    T(setxattr("file", "user.a", "12345", 5, XATTR_CREATE));
    T(setxattr("file", "user.a", "123", 3, XATTR_REPLACE));
    T(setxattr("file", "user.a", "123", 3, 4));
    T(setxattr("file", "user.a", "123", 3, 3));
    T(setxattr("file", "", "1", 1, 0));
    T(setxattr("file", "user.", "1", 1, 0));
    T(setxattr("file", "nospace", "1", 1, 0));
    T(setxattr("file", "other.a", "1", 1, 0));
    T(setxattr("file", "user.empty", NULL, 0, 0));
    T(setxattr("file", "user.big", value, 65537, 0));
    T(setxattr("file", "user.bad", BAD, 10, 0));
    T(setxattr("file", BAD, "1", 1, 0));
    T(setxattr("file", long_name, "1", 1, 0));
    T(setxattr("nothing", "user.a", "1", 1, 0));
    T(setxattr("fifo", "user.a", "1", 1, 0));
    T(setxattr("dir", "user.a", "1", 1, 0));
    T(setxattr("dir", "trusted.a", "1", 1, 0));
    T(lsetxattr("to_file", "user.a", "1", 1, 0));
    T(lsetxattr("to_file", "trusted.a", "1", 1, 0));
    T(fsetxattr(path_only, "user.a", "1", 1, 0));
    T(fsetxattr(-1, "user.a", "1", 1, 0));
    T(fsetxattr(ro, "user.ro", "1", 1, 0));
    T(getxattr("file", "user.a", value, sizeof value));
    T(getxattr("file", "user.a", value, 2));
    T(getxattr("file", "user.a", NULL, 0));
    T(getxattr("file", "user.a", BAD, 10));
    T(getxattr("file", "user.none", value, 10));
    T(getxattr("file", "none", value, 10));
    T(getxattr("file", "user.empty", value, 10));
    T(getxattr("fifo", "user.a", value, 10));
    T(getxattr("nothing", "user.a", value, 10));
    T(lgetxattr("to_file", "user.a", value, 10));
    T(lgetxattr("to_file", "trusted.a", value, 10));
    T(fgetxattr(path_only, "user.a", value, 10));
    T(listxattr("file", value, sizeof value));
    T(listxattr("file", NULL, 0));
    T(listxattr("file", value, 3));
    T(listxattr("file", BAD, 100));
    T(listxattr("nothing", value, 100));
    T(llistxattr("to_file", value, 100));
    T(flistxattr(rw, value, 100));
    T(flistxattr(path_only, value, 100));
    T(removexattr("file", "user.none"));
    T(removexattr("file", "user.a"));
    T(removexattr("file", "user.a"));
    T(removexattr("nothing", "user.a"));
    T(lremovexattr("to_file", "user.a"));
    T(fremovexattr(rw, "user.empty"));
    T(fremovexattr(-1, "user.empty"));
}

/* What somebody may who owns "file" and is in group USER and 55. */
static int somebody(void)
{
    gid_t groups[] = {55};
    struct timespec old[] = {{5, 0}, {5, 0}}, now[] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
    struct timespec mixed[] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};

    if (setgroups(1, groups) || setresgid(USER, USER, USER) || setresuid(USER, USER, USER))
        fail("another user");
    T(chmod("file", 0640));
    T(chmod("other", 0640));
    T(fchmod(ro, 0644));
    T(chmod("file", 02755));
    show_all("setgid, own group", "file");
    T(chown("file", USER, 55));
    show_all("given to a group of ours", "file");
    T(chmod("file", 02755));
    T(chown("file", USER, 56));
    T(chown("file", 0, -1));
    T(chown("file", USER, -1));
    T(chown("file", -1, -1));
    T(chown("other", -1, -1));
    T(chown("other", 0, 0));
    T(chown("other", USER, USER));
    T(chown("strange", USER, USER));
    T(chmod("strange", 02755));
    show_all("setgid, a group that is not ours", "strange");
    T(chmod("file", 06755));
    T(pwrite(rw, "x", 1, 0));
    show_all("written by its owner", "file");
    T(chmod("file", 06745));
    T(truncate("file", 3));
    show_all("cut by its owner", "file");
    T(utimensat(AT_FDCWD, "file", old, 0));
    T(utimensat(AT_FDCWD, "other", old, 0));
    T(utimensat(AT_FDCWD, "other", NULL, 0));
    T(utimensat(AT_FDCWD, "writable", old, 0));
    T(utimensat(AT_FDCWD, "writable", NULL, 0));
    T(utimensat(AT_FDCWD, "writable", now, 0));
    T(utimensat(AT_FDCWD, "writable", mixed, 0));
    T(utime("other", NULL));
    T(access("other", W_OK));
    T(access("other", R_OK));
    T(access("unreadable", R_OK));
    T(access("closed/secret", F_OK));
    T(access("closed", X_OK));
    T(setxattr("file", "user.mine", "1", 1, 0));
    T(setxattr("other", "user.mine", "1", 1, 0));
    T(getxattr("other", "user.mine", value, 10));
    T(getxattr("unreadable", "user.mine", value, 10));
    T(setxattr("file", "trusted.mine", "1", 1, 0));
    T(getxattr("file", "trusted.mine", value, 10));
    T(setxattr("sticky", "user.mine", "1", 1, 0));
    T(mkdir("grouped/inner", 0755));
    show_all("in a directory of a group", "grouped/inner");
    T(close(open("grouped/exec", O_CREAT | O_RDWR, 02755)));
    show_all("setgid file in a directory of a group", "grouped/exec");
    T(mknod("grouped/zero", S_IFCHR | 0644, 0x105));
    T(mkfifo("grouped/fifo", 0644));
    T(open("file", O_RDONLY | O_NOATIME) >= 0);
    T(open("other", O_RDONLY | O_NOATIME));
    T(chroot("."));
    T(truncate("other", 0));
    T(truncate("unreadable", 0));
    T(rename("closed/secret", "x"));
    T(rmdir("sticky"));
    return 0;
}

/* The effective identity asks for files, the real one for access(). */
static int split(void)
{
    if (setgroups(0, NULL) || setresgid(USER, 0, 0) || setresuid(USER, 0, 0))
        fail("two users");
    T(access("unreadable", R_OK));
    T(syscall(439, AT_FDCWD, "unreadable", R_OK, AT_EACCESS));
    T(open("unreadable", O_RDONLY) >= 0);
    T(setfsuid(USER));
    T(setfsuid(-1));
    T(open("unreadable", O_RDONLY));
    T(access("unreadable", R_OK));
    T(setfsuid(0));
    T(open("unreadable", O_RDONLY) >= 0);
    return 0;
}

int main(void)
{
    own_directory();
    make_names();
    make_file("other", "not theirs");
    make_file("strange", "x");
    make_file("writable", "w");
    chmod("writable", 0666);
    chown("strange", USER, 99);
    mkdir("grouped", 0777);
    chown("grouped", 0, 77);
    chmod("grouped", 02777);
    rw = open("file", O_RDWR);
    ro = open("file", O_RDONLY);
    path_only = open("file", O_PATH);
    dir = open("dir", O_RDONLY);
    modes();
    owners();
    times();
    asking();
    attributes();
    show_end("somebody", spawn(somebody));
    show_end("split", spawn(split));
    leave_directory();
    return 0;
}
