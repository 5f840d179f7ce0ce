/*
 * vmm/machine/qemu_state.c - CPUs and devices of a QEMU machine as bytes, and back.
 *
 * QEMU's own migration does it, with the capability x-ignore-shared: RAM that is a shared memory
 * file stays out of the stream. The stream goes through a memory file of ours, which QEMU gets by
 * QMP (getfd). What comes back from a file is read by QEMU, which was not written to withstand a
 * malicious stream: see docs/snapshot.md.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/clock.h"
#include "vmm/base/file.h"
#include "vmm/machine/qemu.h"

#define MIGRATION_LIMIT_MS 30000
#define STREAM_NAME        "state"

static struct vt_error *leave_ram_out(struct qmp *qmp)
{
    return qmp_execute(
        qmp, "migrate-set-capabilities",
        json_pack("{s:[{s:s,s:b}]}", "capabilities", "capability", "x-ignore-shared", "state", 1),
        NULL);
}

/* Both directions end the same way; half a millisecond is a small part of what they take. */
static struct vt_error *wait_until_done(struct qmp *qmp, const char *what)
{
    const struct timespec pause = {.tv_nsec = 500000};
    const uint64_t end = clock_monotonic_ns() + MIGRATION_LIMIT_MS * 1000000ull;

    for (;;) {
        json_t *answer = NULL;
        struct vt_error *error = qmp_execute(qmp, "query-migrate", NULL, &answer);

        if (error)
            return error;
        const char *status = json_string_value(json_object_get(answer, "status"));
        const char *why = json_string_value(json_object_get(answer, "error-desc"));
        bool done = status && strcmp(status, "completed") == 0;
        if (status && !done && (strcmp(status, "failed") == 0 || strcmp(status, "cancelled") == 0))
            error = vt_error_create(VT_ERROR_BACKEND, "QEMU cannot %s its state: %s", what,
                                    why ? why : "no reason given");
        else if (!done && clock_monotonic_ns() > end)
            error = vt_error_create(VT_ERROR_TIMEOUT, "QEMU does not %s its state in %d s", what,
                                    MIGRATION_LIMIT_MS / 1000);
        json_decref(answer);
        if (done || error)
            return error;
        nanosleep(&pause, NULL);
    }
}

static struct vt_error *stream_through(struct qmp *qmp, int fd, const char *command,
                                       const char *what)
{
    struct vt_error *error = leave_ram_out(qmp);

    if (!error)
        error = qmp_execute_with_fd(qmp, "getfd", json_pack("{s:s}", "fdname", STREAM_NAME), fd);
    if (!error)
        error = qmp_execute(qmp, command, json_pack("{s:s}", "uri", "fd:" STREAM_NAME), NULL);
    return error ? error : wait_until_done(qmp, what);
}

struct vt_error *qemu_save_state(struct qmp *qmp, struct machine_state *ret)
{
    CLEANUP_CLOSE int fd = memfd_create("vitrine-state", MFD_CLOEXEC);
    struct stat status;

    if (fd < 0)
        return vt_error_system(errno, "cannot make a memory file for QEMU's state");
    struct vt_error *error = stream_through(qmp, fd, "migrate", "save");
    if (error)
        return error;
    if (fstat(fd, &status) != 0 || status.st_size <= 0 || status.st_size > MACHINE_STATE_MOST)
        return vt_error_create(VT_ERROR_BACKEND, "QEMU saved %lld bytes of state: that cannot be",
                               (long long)status.st_size);
    struct machine_state state = {.bytes = malloc((size_t)status.st_size),
                                  .size = (size_t)status.st_size};
    if (!state.bytes)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for QEMU's state");
    if (pread(fd, state.bytes, state.size, 0) != (ssize_t)state.size) {
        free(state.bytes);
        return vt_error_system(errno, "cannot read QEMU's state");
    }
    *ret = state;
    return NULL;
}

struct vt_error *qemu_load_state(struct qmp *qmp, const struct machine_state *state)
{
    CLEANUP_CLOSE int fd = memfd_create("vitrine-state", MFD_CLOEXEC);

    if (fd < 0 || !file_write_all(fd, state->bytes, state->size) || lseek(fd, 0, SEEK_SET) != 0)
        return vt_error_system(errno, "cannot make a memory file for QEMU's state");
    return stream_through(qmp, fd, "migrate-incoming", "load");
}
