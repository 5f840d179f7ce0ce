/*
 * tests/guest/same_open.c - opening by name: open, openat and openat2 in all their forms, and what an
 * O_PATH descriptor is good for, as a list of lines that must be the same on Linux (its tmpfs).
 */
#define _GNU_SOURCE
#include "tests/guest/same_files.h"

#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* ---- open ---- */

static void opening(void)
{
    static const struct {
        const char *name;
        int flags;
    } cases[] = {
        {"file", O_RDONLY},
        {"file", O_WRONLY | O_CREAT | O_EXCL},
        {"file", O_RDONLY | O_DIRECTORY},
        {"file/", O_RDONLY},
        {"file/x", O_RDONLY},
        {"file/.", O_RDONLY},
        {"file/..", O_RDONLY},
        {"file/", O_RDWR | O_CREAT},
        {"new/", O_RDWR | O_CREAT},
        {"nothing", O_RDONLY},
        {"nothing/x", O_RDWR | O_CREAT},
        {"", O_RDONLY},
        {"", O_RDWR | O_CREAT},
        {".", O_RDONLY},
        {".", O_RDWR},
        {".", O_RDONLY | O_CREAT},
        {"..", O_RDONLY | O_CREAT | O_EXCL},
        {"dir", O_RDONLY},
        {"dir/", O_RDONLY},
        {"dir", O_WRONLY},
        {"dir", O_RDONLY | O_TRUNC},
        {"dir", O_RDONLY | O_CREAT},
        {"dir", O_RDONLY | O_CREAT | O_EXCL},
        {"dir", O_RDONLY | O_CREAT | O_DIRECTORY},
        {"to_file", O_RDONLY | O_NOFOLLOW},
        {"to_file", O_PATH | O_NOFOLLOW},
        {"to_file", O_PATH | O_NOFOLLOW | O_DIRECTORY},
        {"to_file", O_RDWR | O_CREAT | O_EXCL},
        {"to_file", O_RDWR | O_CREAT | O_NOFOLLOW},
        {"to_file/", O_RDONLY},
        {"to_dir", O_RDONLY | O_NOFOLLOW},
        {"to_dir", O_RDONLY | O_NOFOLLOW | O_DIRECTORY},
        {"to_dir/", O_RDONLY | O_NOFOLLOW},
        {"to_dir/.", O_RDONLY | O_NOFOLLOW},
        {"to_nothing", O_RDONLY},
        {"to_nothing", O_RDWR | O_CREAT | O_EXCL},
        {"to_nothing/", O_RDWR | O_CREAT},
        {"loop_a", O_RDONLY},
        {"loop_a", O_PATH},
        {"loop_a/x", O_RDONLY},
        {"loop_a", O_PATH | O_NOFOLLOW},
        {"fifo", O_WRONLY | O_NONBLOCK},
        {"fifo", O_RDONLY | O_NONBLOCK},
        {"fifo", O_RDWR},
        {"fifo", O_RDONLY | O_NONBLOCK | O_DIRECTORY},
        {"file", O_ACCMODE},
        {"dir", O_ACCMODE},
        {".", O_TMPFILE | O_RDWR},
        {".", O_TMPFILE | O_RDONLY},
        {"file", O_TMPFILE | O_RDWR},
        {"nothing", O_TMPFILE | O_RDWR},
        {".", (O_TMPFILE & ~O_DIRECTORY) | O_RDWR},
        {".", O_TMPFILE | O_RDWR | O_CREAT},
        {".", O_TMPFILE | O_RDWR | O_EXCL},
        {"file", O_PATH | O_RDWR | O_CREAT},
        {"file", O_PATH | O_DIRECTORY},
        {"file", O_RDONLY | O_NOATIME},
        {"file", O_RDONLY | O_DIRECT},
        {"file", O_RDWR | O_SYNC | O_DSYNC},
        {"/dev/null", O_RDONLY | O_DIRECTORY},
        {"/dev/null", O_RDWR | O_TRUNC | O_CREAT},
        {"/dev/null", O_RDWR | O_CREAT | O_EXCL},
        {"/dev/null/x", O_RDONLY},
        {"/proc/self/fd/1000", O_RDONLY},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char what[100];
        snprintf(what, sizeof what, "open %s %#o", cases[i].name, cases[i].flags);
        show_close(what, open(cases[i].name, cases[i].flags, 0644));
    }
    show_close("long name", open(long_name, O_RDONLY));
    show_close("long name made", open(long_name, O_RDWR | O_CREAT, 0644));
    long_name[255] = 0;
    show_close("255 bytes made", open(long_name, O_RDWR | O_CREAT, 0644));
    show("255 bytes gone", unlink(long_name));
    show_close("long path", open(long_path, O_RDONLY));
    long_path[4095] = 0;
    show_close("4095 bytes", open(long_path, O_RDONLY));
    show_close("bad path", open((char *)1, O_RDONLY));
    show_close("bad mode bits", open("odd_mode", O_RDWR | O_CREAT, 0177777));
    show_mode("odd_mode", "odd_mode");
    unlink("odd_mode");

    static const int kept[] = {O_RDONLY,
                               O_RDWR | O_APPEND,
                               O_WRONLY | O_NONBLOCK | O_NOFOLLOW,
                               O_RDONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_TRUNC,
                               O_PATH,
                               O_RDWR | O_SYNC,
                               O_RDWR | O_DSYNC,
                               O_RDONLY | O_NOATIME,
                               O_ACCMODE,
                               O_RDWR | O_DIRECT,
                               O_RDONLY | O_ASYNC};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        int fd = open("file", kept[i], 0644);
        say("flags of %#o: %#o", kept[i], fcntl(fd, F_GETFL));
        close(fd);
    }
    int directory = open("dir", O_RDONLY | O_DIRECTORY);
    say("flags of a directory: %#o", fcntl(directory, F_GETFL));
    int path = open("dir", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    say("flags of a path: %#o", fcntl(path, F_GETFL));
    char byte;
    show("read a directory", read(directory, &byte, 1));
    show("write a directory", write(directory, "x", 1));
    show("read a path", read(path, &byte, 1));
    show("fstat a path", fstat(path, &(struct stat){0}));
    show("fchmod a path", fchmod(path, 0755));
    show("fchown a path", fchown(path, 0, 0));
    show("fchdir a path", fchdir(path));
    show("back", chdir(".."));
    show("getdents of a path", syscall(SYS_getdents64, path, &byte, 1));
    show("dup of a path", dup(path) > 0);
    show("mmap of a path",
         mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, path, 0) == MAP_FAILED ? -1 : 0);
    show("ioctl of a path", ioctl(path, FIONREAD, &(int){0}));
    show("lseek of a path", lseek(path, 0, SEEK_SET));
    show("fsync of a path", fsync(path));
    show("flock of a path", flock(path, LOCK_SH));
    show("setfl of a path", fcntl(path, F_SETFL, O_NONBLOCK));
    show_close("openat a path", openat(path, "../file", O_RDONLY));
    show("mkdirat a path", mkdirat(path, "made", 0755));
    show("unlinkat a path", unlinkat(path, "made", AT_REMOVEDIR));
    show("openat a file", openat(open("file", O_RDONLY), "x", O_RDONLY));
    show("openat -1", openat(-1, "file", O_RDONLY));
    show("openat -1 absolute", openat(-1, "/", O_RDONLY) > 0);
    show("openat closed", openat(999, "file", O_RDONLY));
    show("openat empty", openat(directory, "", O_RDONLY));
    close(directory);
    close(path);

    int unnamed = open(".", O_TMPFILE | O_RDWR, 0600);
    struct stat status;
    fstat(unnamed, &status);
    say("unnamed: links %ld mode %o", (long)status.st_nlink, status.st_mode);
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", unnamed);
    show("name it", linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    show("name it again", linkat(unnamed, "", AT_FDCWD, "named2", AT_EMPTY_PATH));
    fstat(unnamed, &status);
    say("named: links %ld", (long)status.st_nlink);
    unlink("named");
    unlink("named2");
    show("name it after all", linkat(unnamed, "", AT_FDCWD, "named3", AT_EMPTY_PATH));
    close(unnamed);
    unnamed = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
    snprintf(name, sizeof name, "/proc/self/fd/%d", unnamed);
    show("name an exclusive one", linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    close(unnamed);

    struct rlimit old, few = {6, 6};
    getrlimit(RLIMIT_NOFILE, &old);
    few.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_NOFILE, &few);
    int last = -1;
    for (int fd; (fd = open("file", O_RDONLY)) >= 0;)
        last = fd;
    show("too many", open("file", O_RDONLY));
    show("none made", open("not_made", O_RDWR | O_CREAT, 0644));
    show("not there", access("not_made", F_OK));
    say("last: %d", last);
    setrlimit(RLIMIT_NOFILE, &old);
    for (int fd = 3; fd < 20; fd++)
        close(fd);
}

/* ---- openat2 ---- */

static void open2(const char *name, uint64_t flags, uint64_t mode, uint64_t resolve, size_t size)
{
    struct {
        struct open_how how;
        uint64_t more;
    } how = {{.flags = flags, .mode = mode, .resolve = resolve}, 0};
    char what[160];

    snprintf(what, sizeof what, "openat2 %s %#lo %#lo %#lx size %zu", name, (unsigned long)flags,
             (unsigned long)mode, (unsigned long)resolve, size);
    show_close(what, syscall(SYS_openat2, AT_FDCWD, name, &how, size));
}

static void opening_with_how(void)
{
    const size_t size = sizeof(struct open_how);

    open2("file", O_RDONLY, 0, 0, size);
    open2("file", O_RDONLY, 0, 0, size - 1);
    open2("file", O_RDONLY, 0, 0, 0);
    open2("file", O_RDONLY, 0, 0, size + 8);
    open2("file", O_RDONLY, 0, 0, 100000);
    open2("file", 1ull << 40, 0, 0, size);
    open2("file", O_RDONLY | 0x40000000, 0, 0, size);
    open2("file", O_RDONLY, 0644, 0, size);
    open2("file", O_RDWR | O_CREAT, 0644, 0, size);
    open2("file", O_RDWR | O_CREAT, 010644, 0, size);
    open2("file", O_PATH | O_RDWR, 0, 0, size);
    open2("file", O_PATH | O_CLOEXEC, 0, 0, size);
    open2("file", O_RDONLY, 0, 0x1000, size);
    int folder = open(".", O_RDONLY | O_DIRECTORY);
    open2("file", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT, size);
    open2("dir", O_CREAT | O_DIRECTORY, 0644, 0, size);
    open2(".", O_TMPFILE | O_RDWR, 0600, 0, size);
    open2("to_file", O_RDONLY, 0, RESOLVE_NO_SYMLINKS, size);
    open2("to_dir/x", O_RDONLY, 0, RESOLVE_NO_SYMLINKS, size);
    open2("to_file", O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS, size);
    open2("file", O_RDONLY, 0, RESOLVE_NO_SYMLINKS, size);
    open2("/proc/self/exe", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS, size);
    open2("/proc/self/exe", O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_MAGICLINKS, size);
    open2("/proc/self/stat", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS, size);
    open2("/proc/self/fd/1/", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS, size);
    open2("/", O_RDONLY, 0, RESOLVE_BENEATH, size);
    open2("..", O_RDONLY, 0, RESOLVE_BENEATH, size);
    open2("dir/..", O_RDONLY, 0, RESOLVE_BENEATH, size);
    open2("dir/../../x", O_RDONLY, 0, RESOLVE_BENEATH, size);
    open2("to_file", O_RDONLY, 0, RESOLVE_BENEATH, size);
    open2("/file", O_RDONLY, 0, RESOLVE_IN_ROOT, size);
    open2("../../file", O_RDONLY, 0, RESOLVE_IN_ROOT, size);
    open2("/proc/version", O_RDONLY, 0, RESOLVE_NO_XDEV, size);
    int proc = open("/proc", O_RDONLY | O_DIRECTORY);
    char link[64];
    chdir("/proc/self");
    open2("exe", O_PATH, 0, RESOLVE_NO_XDEV, size);
    snprintf(link, sizeof link, "fd/%d", proc);
    struct open_how place = {.flags = O_PATH, .resolve = RESOLVE_NO_XDEV};
    show_close("openat2 NO_XDEV, a magic link into its own mount",
               syscall(SYS_openat2, AT_FDCWD, link, &place, size));
    chdir("/dev/shm");
    snprintf(link, sizeof link, "same_open_%d", getpid());
    symlink("/", link);
    show_close("openat2 NO_XDEV, an absolute link in another mount than the root",
               syscall(SYS_openat2, AT_FDCWD, link, &place, size));
    unlink(link);
    fchdir(folder);
    close(folder);
    close(proc);
    open2("..", O_RDONLY | O_CREAT, 0644, RESOLVE_BENEATH, size);
    open2("dir/new", O_RDWR | O_CREAT, 0600, RESOLVE_BENEATH, size);
    unlink("dir/new");
    struct {
        struct open_how how;
        uint64_t more;
    } how = {{0}, 1};
    show("openat2 unknown field", syscall(SYS_openat2, AT_FDCWD, "file", &how, sizeof how));
    show("openat2 bad", syscall(SYS_openat2, AT_FDCWD, "file", 1, size));
}

int main(void)
{
    own_directory();
    make_names();
    opening();
    opening_with_how();
    leave_directory();
    return 0;
}
