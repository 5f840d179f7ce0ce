/*
 * vmm/export/trace_file.c - the one list of trace formats.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "vmm/export/trace_file.h"

static const struct {
    const char *ending;
    enum vt_export format;
} endings[] = {
    {".html", VT_EXPORT_HTML},        {".txt", VT_EXPORT_FTRACE},
    {".json", VT_EXPORT_CHROME_JSON}, {".dat", VT_EXPORT_TRACE_CMD},
    {".pftrace", VT_EXPORT_PERFETTO}, {".perfetto-trace", VT_EXPORT_PERFETTO},
};

bool trace_file_format(const char *path, enum vt_export *ret)
{
    size_t length = strlen(path);

    for (unsigned i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        size_t tail = strlen(endings[i].ending);

        if (length > tail && strcmp(path + length - tail, endings[i].ending) == 0) {
            *ret = endings[i].format;
            return true;
        }
    }
    return false;
}

struct vt_error *trace_file_sink(struct vt_guest *guest, enum vt_export format, int fd,
                                 struct trace_sink **ret)
{
    switch (format) {
    case VT_EXPORT_FTRACE:
        return ftrace_sink_create(guest, fd, ret);
    case VT_EXPORT_CHROME_JSON:
        return chrome_json_sink_create(guest, fd, ret);
    case VT_EXPORT_TRACE_CMD:
        return trace_cmd_sink_create(guest, fd, ret);
    case VT_EXPORT_PERFETTO:
        return perfetto_sink_create(guest, fd, ret);
    case VT_EXPORT_HTML:
        return timeline_sink_create(guest, fd, ret);
    }
    return vt_error_create(VT_ERROR_ARGUMENT, "there is no trace format %d", (int)format);
}

struct vt_error *trace_file_create(struct vt_guest *guest, const char *path,
                                   struct trace_sink **ret)
{
    enum vt_export format;

    if (!trace_file_format(path, &format))
        return vt_error_create(VT_ERROR_ARGUMENT, "'%s' is no trace file: its name must end in %s",
                               path, TRACE_FILE_ENDINGS);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return vt_error_system(errno, "cannot write the trace to '%s'", path);
    struct vt_error *error = trace_file_sink(guest, format, fd, ret);
    close(fd); /* the sink has its own */
    return error;
}
