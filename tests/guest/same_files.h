/*
 * tests/guest/same_files.h - for the programs of same.h that ask about files: a directory of their
 * own, in a file system that lives in memory on either side.
 */
#ifndef TESTS_GUEST_SAME_FILES_H
#define TESTS_GUEST_SAME_FILES_H

#include "tests/guest/same.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

static char own_directory_name[64];

/* Makes an empty directory, mode 0755, and goes there. The umask is 022. */
static inline void own_directory(void)
{
    umask(022);
    strcpy(own_directory_name, "/dev/shm/vitrine-XXXXXX");
    if (access("/dev/shm", W_OK) != 0)
        strcpy(own_directory_name, "/tmp/vitrine-XXXXXX");
    if (!mkdtemp(own_directory_name) || chmod(own_directory_name, 0755) ||
        chdir(own_directory_name))
        fail("a directory of our own");
}

static inline int remove_entry(const char *path, const struct stat *status, int type,
                               struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

/* Removes it with all that is in it. */
static inline void leave_directory(void)
{
    if (chdir("/") || nftw(own_directory_name, remove_entry, 8, FTW_DEPTH | FTW_PHYS))
        fail("removing our directory");
}

/* Type and permissions of what the name stands for, symbolic links not followed. */
static inline void show_mode(const char *what, const char *name)
{
    struct stat status;

    if (lstat(name, &status))
        show(what, -1);
    else
        say("%s: mode %o", what, status.st_mode);
}

/* The same for a descriptor that nobody needs. */
static inline void show_close(const char *what, long fd)
{
    if (show_good(what, fd) >= 0)
        close((int)fd);
}

/* ---- what the questions about names are asked of ---- */

/* A file with this content, mode 0644. */
static inline void make_file(const char *name, const char *content)
{
    int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0644);

    if (fd < 0 || write(fd, content, strlen(content)) < 0)
        fail(name);
    close(fd);
}

static char long_name[300], long_path[5000];

static inline void make_names(void)
{
    memset(long_name, 'n', sizeof long_name - 1);
    for (size_t at = 0; at + 2 < sizeof long_path; at += 2)
        long_path[at] = '.', long_path[at + 1] = '/';
    make_file("file", "0123456789");
    mkdir("dir", 0755);
    mkdir("full", 0755);
    make_file("full/inside", "x");
    symlink("file", "to_file");
    symlink("dir", "to_dir");
    symlink("nothing", "to_nothing");
    symlink("loop_b", "loop_a");
    symlink("loop_a", "loop_b");
    mkfifo("fifo", 0644);
    mkdir("closed", 0700);
    make_file("closed/secret", "s");
    make_file("unreadable", "u");
    chmod("unreadable", 0);
    mkdir("sticky", 0777);
    chmod("sticky", 01777);
    make_file("sticky/roots", "r");
}

#endif
