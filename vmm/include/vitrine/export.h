/*
 * vitrine/export.h - a trace written in the formats of other tools.
 */
#ifndef VITRINE_EXPORT_H
#define VITRINE_EXPORT_H

#include "error.h"
#include "trace.h"
#include "version.h"

VITRINE_BEGIN

enum vt_export {
    VT_EXPORT_FTRACE = 1,      /* ftrace's text */
    VT_EXPORT_CHROME_JSON = 2, /* Chrome's trace event JSON */
    VT_EXPORT_TRACE_CMD = 3,   /* trace-cmd's trace.dat, version 6 */
    VT_EXPORT_PERFETTO = 4,    /* Perfetto's protobuf */
    VT_EXPORT_HTML = 5,        /* a page that draws the run, with everything in it */
};
/* Writes everything the trace reader still has, until the machine ends. Losses are stated in the
 * format's own way. fd: borrowed; need not be seekable. */
struct vt_error *vt_trace_export(struct vt_trace *trace, enum vt_export format, int fd);

VITRINE_END

#endif
