/*
 * vmm/export/trace_file.h - which trace format a file has: the end of its name decides.
 */
#ifndef VITRINE_EXPORT_TRACE_FILE_H
#define VITRINE_EXPORT_TRACE_FILE_H

#include "vmm/export/sink.h"

/* For error messages and help: the endings and what they stand for. */
#define TRACE_FILE_ENDINGS                                                                         \
    ".html (a page that draws the run), .txt (ftrace text), .json (Chrome's timeline), .dat "      \
    "(trace-cmd, KernelShark), .pftrace or "                                                       \
    ".perfetto-trace (Perfetto)"

/* false: no known ending, or nothing in front of it. */
bool trace_file_format(const char *path, enum vt_export *ret);

/* VT_ERROR_ARGUMENT for a format that does not exist. fd: borrowed. */
struct vt_error *trace_file_sink(struct vt_guest *guest, enum vt_export format, int fd,
                                 struct trace_sink **ret);

/* Creates (or empties) the file and a sink that writes it. VT_ERROR_ARGUMENT for an unknown ending.
 */
struct vt_error *trace_file_create(struct vt_guest *guest, const char *path,
                                   struct trace_sink **ret);

#endif
