/*
 * vmm/image/cache.c - $XDG_CACHE_HOME/vitrine/images or ~/.cache/vitrine/images.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/image/cache.h"

#define TEMPORARY_PREFIX      ".build-"
#define TEMPORARY_AGE_SECONDS 3600 /* older ones were left by a builder that died */

/* The cache directory, made if missing; NULL if it cannot be had. free(). */
static char *cache_directory(void)
{
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char *path = NULL;

    if (base && base[0] == '/') {
        if (asprintf(&path, "%s/vitrine/images", base) < 0)
            return NULL;
    } else if (home && home[0] == '/') {
        if (asprintf(&path, "%s/.cache/vitrine/images", home) < 0)
            return NULL;
    } else {
        return NULL;
    }
    if (access(path, W_OK | X_OK) == 0)
        return path;
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    mkdir(path, 0700);
    if (access(path, W_OK | X_OK) == 0)
        return path;
    free(path);
    return NULL;
}

int image_cache_find(const char *key)
{
    CLEANUP_FREE char *directory = cache_directory();
    CLEANUP_FREE char *path = NULL;

    if (!directory || asprintf(&path, "%s/%s.erofs", directory, key) < 0)
        return -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        futimens(fd, NULL); /* the time of last use; a read-only cache simply does not age */
    return fd;
}

struct vt_error *image_cache_begin(int *ret_fd, char **ret_temporary)
{
    CLEANUP_FREE char *directory = cache_directory();
    char *path = NULL;

    if (directory && asprintf(&path, "%s/" TEMPORARY_PREFIX "XXXXXX", directory) >= 0) {
        *ret_fd = mkostemp(path, O_CLOEXEC);
        if (*ret_fd >= 0) {
            *ret_temporary = path;
            return NULL;
        }
        free(path);
    }
    *ret_temporary = NULL;
    *ret_fd = memfd_create("vitrine-image", MFD_CLOEXEC);
    return *ret_fd >= 0 ? NULL : vt_error_system(errno, "cannot make a file for the root image");
}

struct cached {
    char name[64];
    uint64_t bytes;
    time_t used;
};

static int oldest_first(const void *a, const void *b)
{
    const struct cached *left = a, *right = b;

    return left->used < right->used ? -1 : left->used > right->used;
}

static void prune(const char *directory)
{
    DIR *stream = opendir(directory);
    struct cached *list = NULL;
    size_t count = 0, room = 0;
    uint64_t total = 0;

    if (!stream)
        return;
    for (struct dirent *entry; (entry = readdir(stream));) {
        struct stat status;

        if (strlen(entry->d_name) >= sizeof(list->name) ||
            fstatat(dirfd(stream), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(status.st_mode))
            continue;
        if (strncmp(entry->d_name, TEMPORARY_PREFIX, strlen(TEMPORARY_PREFIX)) == 0) {
            if (time(NULL) - status.st_mtime > TEMPORARY_AGE_SECONDS)
                unlinkat(dirfd(stream), entry->d_name, 0);
            continue;
        }
        if (count == room) {
            room = room ? room * 2 : 64;
            struct cached *larger = realloc(list, room * sizeof(*list));
            if (!larger)
                break;
            list = larger;
        }
        memcpy(list[count].name, entry->d_name, strlen(entry->d_name) + 1);
        list[count].bytes = (uint64_t)status.st_blocks * 512;
        list[count].used = status.st_mtime;
        total += list[count++].bytes;
    }
    if (count)
        qsort(list, count, sizeof(*list), oldest_first);
    for (size_t i = 0; i + 1 < count && total > IMAGE_CACHE_BYTES_MAX; i++)
        if (unlinkat(dirfd(stream), list[i].name, 0) == 0)
            total -= list[i].bytes;
    free(list);
    closedir(stream);
}

void image_cache_commit(const char *temporary, const char *key)
{
    CLEANUP_FREE char *directory = strdup(temporary);
    CLEANUP_FREE char *path = NULL;

    if (!directory)
        return;
    *strrchr(directory, '/') = '\0';
    if (asprintf(&path, "%s/%s.erofs", directory, key) < 0 || rename(temporary, path) != 0) {
        unlink(temporary); /* NOLINT(clang-analyzer-unix.Malloc): directory is CLEANUP_FREE */
        return;
    }
    prune(directory);
}

void image_cache_abandon(const char *temporary)
{
    if (temporary)
        unlink(temporary);
}
