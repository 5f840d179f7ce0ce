/*
 * tests/inspect/test_trace_export.c - trace files of histories that no healthy kernel writes: can
 * trace-cmd and protoc read them all the same?
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/inspect/synthetic.h"
#include "vmm/export/sched_report.h"
#include "vmm/export/summary.h"
#include "vmm/export/trace_file.h"
#include "vmm/strace/strace.h"

#define RECORDS 1024

static struct synthetic s;
static char path[64];

static void setup(void)
{
    synthetic_init(&s, 2, RECORDS);
    snprintf(path, sizeof path, "/tmp/vitrine-export-XXXXXX");
    close(mkstemp(path));
}

static void teardown(void)
{
    unlink(path);
    synthetic_deinit(&s);
}

TestSuite(trace_export, .init = setup, .fini = teardown, .timeout = 60);

static void export(enum vt_export format)
{
    struct vt_trace *trace;
    FILE *file = fopen(path, "w");

    cr_assert_null(vt_trace_open(&s.guest, false, &trace));
    cr_assert_null(vt_trace_export(trace, format, fileno(file)));
    vt_trace_close(trace);
    fclose(file);
}

/* Runs a shell command on the file ($FILE); it must end well and complain of nothing. */
static FILE *read_with(const char *command)
{
    char whole[256];

    snprintf(whole, sizeof whole, "FILE=%s; exec 2>&1; %s", path, command);
    FILE *output = popen(whole, "r");
    cr_assert_not_null(output);
    return output;
}

/* Equal times, a short and two long whiles, and times that go back: is each shown as it was? On
 * many pages, too. */
Test(trace_export, trace_cmd_shows_any_times)
{
    static const uint64_t steps[] = {
        0, 1, (1u << 27) - 1, 1u << 27, 1ull << 40, (uint64_t)-5, (uint64_t) - (1ll << 40), 999};
    uint64_t expected[RECORDS], now = 1ull << 41;
    char line[512];
    size_t count = 0;

    for (unsigned i = 0; i < RECORDS; i++) {
        now += steps[i % 8];
        expected[i] = now;
        synthetic_record(
            &s, 0,
            (struct trace_record){
                .type = TRACE_MARK, .tsc = BOOT_TSC + now, .tid = 1, .tgid = 1, .arg = {i}});
    }
    s.glass->state = GLASS_DONE; /* no record was cut off: all of the ring counts */
    guest_note_end(&s.guest);
    export(VT_EXPORT_TRACE_CMD);
    FILE *output = read_with("trace-cmd report -N -t $FILE");
    while (fgets(line, sizeof line, output)) {
        uint64_t seconds, ns, word;

        if (strncmp(line, "cpus=", 5) == 0)
            continue;
        cr_assert(sscanf(strchr(line, ']') ? strchr(line, ']') : "",
                         "] %" SCNu64 ".%" SCNu64 ": vitrine_mark: %" SCNx64, &seconds, &ns,
                         &word) == 3,
                  "%s", line);
        cr_assert(count < RECORDS && word == count, "record %zu: %s", count, line);
        cr_assert_eq(seconds * 1000000000u + ns, expected[count], "record %zu, not %" PRIu64 ": %s",
                     count, expected[count], line);
        count++;
    }
    cr_assert_eq(count, RECORDS);
    cr_assert_eq(pclose(output), 0);
}

/* Records full of garbage: do the files stay readable, event by event? */
Test(trace_export, garbage_stays_in_its_place)
{
    uint64_t seed = 1;
    char line[4096];
    size_t count = 0;

    for (unsigned i = 0; i < RECORDS * 2; i++) {
        struct trace_record record;
        uint64_t words[sizeof record / 8];

        for (unsigned j = 0; j < sizeof record / 8; j++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            words[j] = seed ^ seed >> 29;
        }
        memcpy(&record, words, sizeof record);
        record.type = (uint16_t)(1 + i % (TRACE_TYPES - 1));
        if (i % 3 == 0)
            record.tid = (int32_t)(i % 7);
        synthetic_record(&s, i % 2, record);
    }
    s.glass->state = GLASS_DONE; /* no record was cut off: all of the ring counts */
    guest_note_end(&s.guest);

    export(VT_EXPORT_TRACE_CMD);
    FILE *output = read_with("trace-cmd report -N -t $FILE");
    while (fgets(line, sizeof line, output)) {
        if (strncmp(line, "cpus=", 5) == 0)
            continue;
        cr_assert(strstr(line, "]") && !strstr(line, "[FAILED"), "%s", line);
        count++;
    }
    cr_assert_eq(pclose(output), 0, "%s", line);
    cr_assert_eq(count, RECORDS * 2, "%zu events", count);

    export(VT_EXPORT_PERFETTO);
    output = read_with("protoc --decode=perfetto.protos.Trace vmm/export/perfetto.proto <$FILE");
    for (count = 0; fgets(line, sizeof line, output);)
        count += strcmp(line, "    event {\n") == 0;
    cr_assert_eq(pclose(output), 0, "%s", line);
    cr_assert_gt(count, RECORDS * 2 - 100, "%zu events", count);
}

/* A machine may end before there is anything to read: is an empty file a whole one? */
Test(trace_export, files_without_a_trace_are_whole)
{
    static const struct {
        enum vt_export format;
        const char *command;
    } tools[] = {
        {VT_EXPORT_FTRACE, "grep -q '^# tracer: nop' $FILE"},
        {VT_EXPORT_CHROME_JSON, "python3 -m json.tool $FILE | grep -q '\"lost_events\": 0'"},
        {VT_EXPORT_TRACE_CMD, "trace-cmd report $FILE | grep -q cpus=1"},
        {VT_EXPORT_PERFETTO, "protoc --decode=perfetto.protos.Trace vmm/export/perfetto.proto "
                             "<$FILE | grep -q 'phase: END_OF_TRACE'"},
        {VT_EXPORT_HTML, "grep -q '\"records\":0,.*\"lost\":0' $FILE && tail -1 $FILE | "
                         "grep -q '^</html>$'"},
    };

    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        FILE *file = fopen(path, "w");
        struct trace_sink *sink;

        cr_assert_null(trace_file_sink(&s.guest, tools[i].format, fileno(file), &sink));
        cr_assert_null(trace_finish(NULL, &sink, 1));
        sink->destroy(sink);
        fclose(file);
        cr_assert_eq(pclose(read_with(tools[i].command)), 0, "%s", tools[i].command);
    }
}

/* ... and are the reports for people, and for programs, which say so? */
Test(trace_export, reports_without_a_trace_are_whole)
{
    static const char *const commands[2] = {
        "grep -q '^0 switches, 0 wake-ups, 0 tasks in .*; no events were lost$' $FILE",
        "python3 -m json.tool $FILE | grep -q '\"lost\": 0'"};
    static const struct strace_settings all = {0};
    struct trace_sink *sinks[2];

    for (int i = 0; i < 6; i++) {
        FILE *file = fopen(path, "w");

        cr_assert_null(
            sched_report_create(&s.guest, (enum sched_report)(1 + i / 2), i % 2, file, &sinks[0]));
        cr_assert_null(trace_finish(NULL, sinks, 1));
        sinks[0]->destroy(sinks[0]);
        fclose(file);
        cr_assert_eq(pclose(read_with(commands[i % 2])), 0, "report %d", i);
    }
    FILE *file = fopen(path, "w");
    cr_assert_null(strace_sink_create(&s.guest, file, &all, &sinks[0]));
    cr_assert_null(summary_sink_create(&s.guest, &sinks[1]));
    cr_assert_null(trace_finish(NULL, sinks, 2));
    summary_print(sinks[1], file, (struct summary_style){.width = 80});
    for (int i = 0; i < 2; i++)
        sinks[i]->destroy(sinks[i]);
    fclose(file);
    cr_assert_eq(pclose(read_with("grep -q '0 processes, 0 context switches' $FILE")), 0);
}
