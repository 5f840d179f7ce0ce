/*
 * vmm/image/source_directory.c - a directory of the host as the guest's root.
 *
 * Owners and modes are taken as they are. Hard links stay hard links. Mount points below are part
 * of it, as they are for any other program that looks there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/image/source.h"

#define DEPTH_MAX 256

struct linked {
    dev_t device;
    ino_t inode;
    struct image_inode *made;
};

/* One walk serves both purposes: with a writer it builds, with a hash it only looks. */
struct walk {
    struct image_hash *hash;
    struct image_writer *writer;
    struct linked *linked;
    size_t linked_count, linked_room;
};

struct vt_error *source_append_file(struct image_writer *writer, int fd, const char *path)
{
    CLEANUP_FREE char *buffer = malloc(1 << 18);

    if (!buffer)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory while reading '%s'", path);
    for (;;) {
        ssize_t got = read(fd, buffer, 1 << 18);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return vt_error_system(errno, "cannot read '%s' for the root image", path);
        if (got == 0)
            return NULL;
        struct vt_error *error = image_writer_append(writer, buffer, (size_t)got);
        if (error)
            return error;
    }
}

static struct image_attributes attributes_of(const struct stat *status)
{
    return (struct image_attributes){
        .mode = status->st_mode,
        .uid = status->st_uid,
        .gid = status->st_gid,
        .rdev = status->st_rdev,
        .mtime = status->st_mtim.tv_sec,
        .mtime_nsec = (uint32_t)status->st_mtim.tv_nsec,
    };
}

static struct vt_error *remember(struct walk *walk, const struct stat *status,
                                 struct image_inode *made)
{
    if (walk->linked_count == walk->linked_room) {
        size_t room = walk->linked_room ? walk->linked_room * 2 : 64;
        struct linked *larger = realloc(walk->linked, room * sizeof(*larger));

        if (!larger)
            return vt_error_create(VT_ERROR_MEMORY,
                                   "out of memory for the hard links of the rootfs");
        walk->linked = larger;
        walk->linked_room = room;
    }
    walk->linked[walk->linked_count++] =
        (struct linked){.device = status->st_dev, .inode = status->st_ino, .made = made};
    return NULL;
}

static struct vt_error *add_entry(struct walk *walk, int directory, const char *name,
                                  const char *path, const char *inside, const struct stat *status)
{
    struct image_attributes attributes = attributes_of(status);
    bool several = !S_ISDIR(status->st_mode) && status->st_nlink > 1;
    CLEANUP_CLOSE int fd = -1;
    struct image_inode *made;
    char target[4096];

    for (size_t i = 0; several && i < walk->linked_count; i++)
        if (walk->linked[i].inode == status->st_ino && walk->linked[i].device == status->st_dev)
            return image_writer_link(walk->writer, inside, walk->linked[i].made);
    if (S_ISLNK(status->st_mode)) {
        ssize_t length = readlinkat(directory, name, target, sizeof(target) - 1);

        if (length < 0)
            return vt_error_system(errno, "cannot read the symbolic link '%s'", path);
        target[length] = '\0';
    }
    if (S_ISREG(status->st_mode)) {
        fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return vt_error_system(errno, "cannot open '%s' for the root image", path);
    }
    struct vt_error *error = image_writer_add(walk->writer, inside, &attributes,
                                              S_ISLNK(status->st_mode) ? target : NULL, &made);
    if (!error && fd >= 0)
        error = source_append_file(walk->writer, fd, path);
    if (!error && several)
        error = remember(walk, status, made);
    return error;
}

static void hash_entry(struct image_hash *hash, const char *inside, const struct stat *status)
{
    image_hash_add_string(hash, inside);
    image_hash_add_number(hash, status->st_mode);
    image_hash_add_number(hash, (uint64_t)status->st_uid << 32 | status->st_gid);
    image_hash_add_number(hash, (uint64_t)status->st_size);
    image_hash_add_number(hash, (uint64_t)status->st_mtim.tv_sec);
    image_hash_add_number(hash, (uint64_t)status->st_mtim.tv_nsec);
    /* A change that restores size and mtime still moves the ctime. */
    image_hash_add_number(hash, (uint64_t)status->st_ctim.tv_sec);
    image_hash_add_number(hash, (uint64_t)status->st_ctim.tv_nsec);
    image_hash_add_number(hash, status->st_ino);
    image_hash_add_number(hash, status->st_rdev);
}

static int by_name(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

static int not_dots(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static struct vt_error *walk_directory(struct walk *walk, const char *path, const char *inside,
                                       unsigned depth)
{
    struct dirent **entries = NULL;
    struct vt_error *error = NULL;
    CLEANUP_CLOSE int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (directory < 0)
        return vt_error_system(errno, "cannot read the rootfs directory '%s'", path);
    if (depth > DEPTH_MAX)
        return vt_error_create(VT_ERROR_FORMAT,
                               "the rootfs is more than %d directories deep at '%s'", DEPTH_MAX,
                               path);
    int count = scandirat(directory, ".", &entries, not_dots, by_name);
    if (count < 0)
        return vt_error_system(errno, "cannot list the rootfs directory '%s'", path);
    for (int i = 0; i < count && !error; i++) {
        const char *name = entries[i]->d_name;
        CLEANUP_FREE char *path_below = NULL;
        CLEANUP_FREE char *inside_below = NULL;
        struct stat status;

        if (asprintf(&path_below, "%s/%s", path, name) < 0)
            path_below = NULL;
        if (asprintf(&inside_below, "%s/%s", inside, name) < 0)
            inside_below = NULL;
        if (!path_below || !inside_below)
            error = vt_error_create(VT_ERROR_MEMORY, "out of memory below '%s'", path);
        else if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
            error = vt_error_system(errno, "cannot examine '%s' for the root image", path_below);
        if (!error && walk->hash)
            hash_entry(walk->hash, inside_below, &status);
        if (!error && walk->writer)
            error = add_entry(walk, directory, name, path_below, inside_below, &status);
        if (!error && S_ISDIR(status.st_mode))
            error = walk_directory(walk, path_below, inside_below, depth + 1);
    }
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    return error;
}

static struct vt_error *walk_root(struct walk *walk, const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return vt_error_system(errno, "cannot examine the rootfs '%s'", path);
    if (walk->hash)
        hash_entry(walk->hash, "", &status);
    if (walk->writer) {
        struct image_attributes attributes = attributes_of(&status);
        struct vt_error *error = image_writer_add(walk->writer, "/", &attributes, NULL, NULL);

        if (error)
            return error;
    }
    struct vt_error *error = walk_directory(walk, path, "", 0);
    free(walk->linked);
    return error;
}

struct vt_error *source_directory_hash(const char *path, struct image_hash *hash)
{
    struct walk walk = {.hash = hash};

    image_hash_add_string(hash, "directory");
    image_hash_add_string(hash, path);
    return walk_root(&walk, path);
}

struct vt_error *source_directory_write(const char *path, struct image_writer *writer)
{
    struct walk walk = {.writer = writer};

    return walk_root(&walk, path);
}
