/*
 * vmm/base/file.h - reads and writes that are whole: short transfers and EINTR are handled here.
 */
#ifndef VITRINE_BASE_FILE_H
#define VITRINE_BASE_FILE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

/* Writes all bytes; false with errno set if that failed. */
static inline bool file_write_all(int fd, const void *data, size_t bytes)
{
    const char *at = data;

    while (bytes > 0) {
        ssize_t done = write(fd, at, bytes);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        at += done;
        bytes -= (size_t)done;
    }
    return true;
}

/* Writes all bytes at `offset`; false with errno set if that failed. */
static inline bool file_write_all_at(int fd, const void *data, size_t bytes, uint64_t offset)
{
    const char *at = data;

    while (bytes > 0) {
        ssize_t done = pwrite(fd, at, bytes, (off_t)offset);

        if (done < 0 && errno == EINTR)
            continue;
        if (done == 0)
            errno = ENOSPC;
        if (done <= 0)
            return false;
        at += done;
        offset += (uint64_t)done;
        bytes -= (size_t)done;
    }
    return true;
}

/* Reads until `bytes` or the end of the file; the number read, or -1 with errno set. */
static inline ssize_t file_read_all(int fd, void *data, size_t bytes)
{
    char *at = data;
    size_t total = 0;

    while (total < bytes) {
        ssize_t done = read(fd, at + total, bytes - total);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        if (done == 0)
            break;
        total += (size_t)done;
    }
    return (ssize_t)total;
}

#endif
