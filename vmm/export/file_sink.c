/*
 * vmm/export/file_sink.c - what all sinks that write a trace file have in common.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "vmm/export/file_sink.h"

static FILE *open_copy(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    FILE *out = copy >= 0 ? fdopen(copy, "w") : NULL;

    if (!out && copy >= 0)
        close(copy);
    return out;
}

struct vt_error *file_sink_create(size_t bytes, const struct trace_sink *calls,
                                  struct vt_guest *guest, int fd, struct trace_sink **ret)
{
    struct file_sink *file = calloc(1, bytes);

    if (!file)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the trace file");
    file->out = open_copy(fd);
    if (!file->out) {
        struct vt_error *error = vt_error_system(errno, "cannot write a trace file");

        free(file);
        return error;
    }
    file->sink = *calls;
    file->guest = guest;
    *ret = &file->sink;
    return NULL;
}

void file_sink_destroy(struct trace_sink *sink)
{
    struct file_sink *file = (struct file_sink *)sink;

    fclose(file->out);
    free(file);
}

struct vt_error *file_sink_flush(struct file_sink *file)
{
    if (fflush(file->out) != 0 || ferror(file->out))
        return vt_error_system(errno, "cannot write the trace file");
    return NULL;
}
