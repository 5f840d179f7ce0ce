/*
 * vmm/machine/probe_cache.c - keeps the probe's result for this boot of the host.
 *
 * One small binary file: header, struct vt_host, checksum. It counts only if everything that the
 * result depends on is unchanged: this build's struct, the boot of the host, the QEMU program, and
 * whether we may open /dev/kvm. Anything else wrong with it - short, long, foreign, damaged - means
 * "no cache".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/file.h"
#include "vmm/machine/host.h"

#define CACHE_MAGIC "vitrine host 3"
#define CACHE_FILE  "host-probe"

struct cache_key {
    char magic[16];
    uint64_t host_bytes; /* sizeof(struct vt_host) */
    char boot_id[40];
    char qemu_path[128];
    int64_t qemu_mtime, qemu_size;
    int32_t kvm_access; /* 0 = ours to open, else errno */
    uint32_t reserved;
};

struct cache {
    struct cache_key key;
    struct vt_host host;
    uint64_t checksum; /* FNV-1a of all before */
};

static uint64_t checksum(const struct cache *cache)
{
    const uint8_t *bytes = (const uint8_t *)cache;
    uint64_t sum = 0xcbf29ce484222325;

    for (size_t i = 0; i < offsetof(struct cache, checksum); i++)
        sum = (sum ^ bytes[i]) * 0x100000001b3;
    return sum;
}

static bool fill_key(struct cache_key *key)
{
    CLEANUP_CLOSE int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    struct stat status;

    memset(key, 0, sizeof(*key));
    if (fd < 0 || file_read_all(fd, key->boot_id, sizeof(key->boot_id) - 1) < 32)
        return false;
    memcpy(key->magic, CACHE_MAGIC, sizeof(CACHE_MAGIC));
    key->host_bytes = sizeof(struct vt_host);
    if (host_find_qemu(key->qemu_path, sizeof(key->qemu_path)) &&
        stat(key->qemu_path, &status) == 0) {
        key->qemu_mtime = status.st_mtim.tv_sec;
        key->qemu_size = status.st_size;
    } else {
        memset(key->qemu_path, 0, sizeof(key->qemu_path));
    }
    key->kvm_access = access("/dev/kvm", R_OK | W_OK) == 0 ? 0 : errno;
    return true;
}

/* The directory of our cache, made if need be. In /tmp it must be ours, or others could feed us
 * results. */
static bool cache_directory(char *path, size_t bytes)
{
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    struct stat status;

    if (cache && cache[0] == '/') {
        mkdir(cache, 0700);
        snprintf(path, bytes, "%s/vitrine", cache);
        if (mkdir(path, 0700) == 0 || errno == EEXIST)
            goto found;
    }
    if (home && home[0] == '/') {
        snprintf(path, bytes, "%s/.cache", home);
        mkdir(path, 0700);
        snprintf(path, bytes, "%s/.cache/vitrine", home);
        if (mkdir(path, 0700) == 0 || errno == EEXIST)
            goto found;
    }
    snprintf(path, bytes, "/tmp/vitrine-%u", (unsigned)geteuid());
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return false;
found:
    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
           !(status.st_mode & 022);
}

static bool cache_path(char *path, size_t bytes)
{
    char directory[3800];

    return cache_directory(directory, sizeof(directory)) &&
           snprintf(path, bytes, "%s/%s", directory, CACHE_FILE) < (int)bytes;
}

/* A string of the file may lack its NUL; a bool that is neither 0 nor 1 is not even safe to read.
 */
static bool sane(const struct vt_host *host)
{
    return memchr(host->reason, 0, sizeof(host->reason)) &&
           memchr(host->kvm_problem, 0, sizeof(host->kvm_problem)) &&
           memchr(host->qemu_path, 0, sizeof(host->qemu_path)) &&
           memchr(host->qemu_version, 0, sizeof(host->qemu_version)) &&
           memchr(host->cpu_model, 0, sizeof(host->cpu_model)) && host->tsc_khz != 0;
}

bool host_cache_read(struct vt_host *host)
{
    CLEANUP_CLOSE int fd = -1;
    char path[4096];
    struct cache_key key;
    struct cache cache;
    char extra;

    if (!fill_key(&key) || !cache_path(path, sizeof(path)))
        return false;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || file_read_all(fd, &cache, sizeof(cache)) != sizeof(cache) ||
        read(fd, &extra, 1) != 0)
        return false;
    if (memcmp(&cache.key, &key, sizeof(key)) != 0 || cache.checksum != checksum(&cache) ||
        !sane(&cache.host))
        return false;
    *host = cache.host;
    return true;
}

void host_cache_write(const struct vt_host *host)
{
    char path[4096], temporary[4128];
    struct cache cache;
    int fd;
    bool whole;

    memset(&cache, 0, sizeof(cache));
    if (!fill_key(&cache.key) || !cache_path(path, sizeof(path)))
        return;
    cache.host = *host;
    cache.checksum = checksum(&cache);
    /* Written beside it and renamed: another process sees the old file or the new one, nothing
     * between. */
    snprintf(temporary, sizeof(temporary), "%s.%ld", path, (long)getpid());
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    whole = file_write_all(fd, &cache, sizeof(cache));
    close(fd);
    if (!whole || rename(temporary, path) < 0)
        unlink(temporary);
}
