/*
 * tests/integration/trace_files.h - one run's trace in every format, and what other people's tools
 * say of each: trace-cmd, protoc, a strict JSON reader. Our own ftrace text is the measure.
 *
 * trace-cmd is told to use the files' own event descriptions (-N): its plugin for sched_switch
 * knows the state bits of older kernels only.
 */
#ifndef TESTS_INTEGRATION_TRACE_FILES_H
#define TESTS_INTEGRATION_TRACE_FILES_H

#include "tests/integration/perfetto_wire.h"
#include "tests/integration/trace_lines.h"

enum trace_file_kind { FILE_TEXT, FILE_DAT, FILE_PERFETTO, FILE_JSON, FILE_KINDS };

#define TRACE_PATH 256
extern const char *const trace_endings[FILE_KINDS];
extern char trace_paths[FILE_KINDS][TRACE_PATH]; /* set by trace_files_name() */

void trace_files_name(void);
void trace_files_remove(void);
/* All of it and a NUL; free(). */
char *trace_file_read(const char *path, size_t *ret_bytes);

/* `trace-cmd report` with these arguments (NULL-terminated) on the .dat file; it must have nothing
 * to complain of. free(). */
char *trace_cmd_report(const char *const *arguments);
#define TRACE_CMD_REPORT(...) trace_cmd_report((const char *const[]){__VA_ARGS__, NULL})

/* Do the files hold the text's events? */
void trace_cmd_check(const struct trace_lines *text, unsigned cpus);
void perfetto_check(const struct trace_lines *text, unsigned cpus);
void perfetto_check_protoc(void); /* it knows every field */
struct wire_trace perfetto_read(void);
void chrome_json_check(size_t least_slices, size_t lost);

#endif
