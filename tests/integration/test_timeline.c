/*
 * tests/integration/test_timeline.c - the page of --trace FILE.html, in a real browser: what it
 * says that it has read and drawn, against the same trace read through the library.
 *
 * The page fills its element "self-check" once it has drawn; the browser prints the page as it is
 * then.
 */
#include <ftw.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/harness.h"

#define RING_RECORDS (1u << 16)

/* What any page must say of these records. */
struct expected {
    uint64_t records, switches, wakeups, forks, faults, signals, tasks;
    uint64_t cpus; /* bit mask */
    struct {       /* whether a number has been seen as that of a task */
        bool seen[1 << 16];
    } tids;
};

static void expect_task(struct expected *expected, int32_t tid)
{
    if (tid <= 0 || tid >= 1 << 16 || expected->tids.seen[tid])
        return;
    expected->tids.seen[tid] = true;
    expected->tasks++;
}

static void expect_record(struct expected *expected, const struct trace_record *record)
{
    int32_t low = (int32_t)(uint32_t)record->arg[0], high = (int32_t)(record->arg[0] >> 32);

    expected->records++;
    expected->cpus |= 1ull << record->cpu;
    expect_task(expected, record->tid);
    switch (record->type) {
    case TRACE_SWITCH:
        expected->switches++;
        expect_task(expected, high);
        break;
    case TRACE_WAKEUP:
        expected->wakeups++;
        expect_task(expected, low);
        break;
    case TRACE_FORK: /* always another task, even if its number was used before */
        expected->forks++;
        expected->tasks++;
        expected->tids.seen[low & 0xffff] = true;
        break;
    case TRACE_FAULT:
        expected->faults++;
        break;
    case TRACE_SIGNAL:
        expected->signals++;
        break;
    default:
        break;
    }
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    remove(path);
    return 0;
}

/* Lets the browser load the page and returns its self-check; json_decref() it. */
static json_t *self_check(const char *page)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    char directory[256], command[1024], *end, *text = NULL;
    size_t bytes = 0, room = 0;
    json_error_t problem;

    snprintf(directory, sizeof directory, "%s/browser-XXXXXX", base ? base : "/tmp");
    cr_assert(mkdtemp(directory) != NULL);
    snprintf(command, sizeof command,
             "HOME=%s timeout 90 chromium --headless --no-sandbox --disable-gpu --disable-quic "
             "--no-first-run --disable-background-networking --disable-component-update "
             "--disable-sync --user-data-dir=%s --virtual-time-budget=20000 --dump-dom 'file://%s' "
             "2>/dev/null",
             directory, directory, page);
    FILE *pipe = popen(command, "r");
    cr_assert(pipe != NULL);
    do {
        if (bytes + 65536 > room) {
            room = room * 2 + 131072;
            text = realloc(text, room);
            cr_assert(text != NULL);
        }
        bytes += fread(text + bytes, 1, room - bytes - 1, pipe);
    } while (!feof(pipe) && !ferror(pipe));
    text[bytes] = '\0';
    int status = pclose(pipe);
    nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    cr_assert(status == 0, "the browser ended with status %#x after %zu bytes", (unsigned)status,
              bytes);
    char *start = strstr(text, "id=\"self-check\">");
    cr_assert(start != NULL, "the page has no self-check: %.300s", text);
    start = strchr(start, '>') + 1;
    end = strstr(start, "</script>");
    cr_assert(end != NULL);
    *end = '\0';
    json_t *check = json_loads(start, 0, &problem);
    cr_assert(check != NULL, "%s in %s", problem.text, start);
    free(text);
    return check;
}

static void expect_number(const json_t *check, const char *name, uint64_t wanted)
{
    cr_expect((uint64_t)json_integer_value(json_object_get(check, name)) == wanted,
              "%s: the page has %lld, the trace %llu", name,
              (long long)json_integer_value(json_object_get(check, name)),
              (unsigned long long)wanted);
}

static void expect_no_errors(const json_t *check)
{
    const json_t *errors = json_object_get(check, "errors");

    cr_assert(json_is_array(errors) && json_array_size(errors) == 0, "the page's own errors: %s",
              json_string_value(json_array_get(errors, 0)));
    cr_assert(json_integer_value(json_object_get(check, "slicesDrawn")) > 0, "nothing was drawn");
}

static bool has_name(const json_t *check, const char *name)
{
    const json_t *names = json_object_get(check, "names");

    for (size_t i = 0; i < json_array_size(names); i++)
        if (strcmp(json_string_value(json_array_get(names, i)), name) == 0)
            return true;
    return false;
}

static void require_browser(void)
{
    if (system("command -v chromium >/dev/null 2>&1") != 0)
        cr_skip("there is no chromium to show the page");
}

/* Writes what the reader still has into a new file; returns its path, which the caller unlinks and
 * frees. */
static char *export_page(struct vt_trace *trace)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    char *path;

    cr_assert(asprintf(&path, "%s/timeline-XXXXXX.html", base ? base : "/tmp") > 0);
    int fd = mkstemps(path, 5);
    cr_assert(fd >= 0);
    require_ok(vt_trace_export(trace, VT_EXPORT_HTML, fd), "vt_trace_export");
    close(fd);
    return path;
}

/* Does the page have every event that the library has, and survive the names that tasks chose? */
VARIANT_TEST_TWO_CPUS(timeline, page_has_the_whole_trace)
{
    const char *arguments[] = {guest_program("renames"), NULL};
    struct session_settings settings = {
        .arguments = arguments, .trace = true, .trace_ring_records = RING_RECORDS};
    struct expected *expected = calloc(1, sizeof *expected);
    struct trace_record record;
    struct vt_trace *trace;

    variant_require(variant);
    require_browser();
    struct session *session = session_start(variant, &settings);
    session_wait_exit(session, 0);
    /* The rings are large enough for all: two readers, one after the other, see the same. */
    require_ok(vt_trace_open(session_guest(session), false, &trace), "vt_trace_open");
    for (;;) {
        struct vt_error *error = vt_trace_next(trace, 1000, &record);

        if (error) {
            cr_assert(vt_error_code(error) == VT_ERROR_GONE);
            vt_error_destroy(error);
            break;
        }
        cr_assert(record.sequence != 1 || record.cpu < BOOT_CPUS_MAX);
        expect_record(expected, &record);
    }
    cr_assert(vt_trace_lost(trace) == 0 && expected->records < RING_RECORDS);
    vt_trace_close(trace);
    require_ok(vt_trace_open(session_guest(session), false, &trace), "vt_trace_open");
    char *page = export_page(trace);
    vt_trace_close(trace);
    json_t *check = self_check(page);

    expect_no_errors(check);
    expect_number(check, "records", expected->records);
    expect_number(check, "switches", expected->switches);
    expect_number(check, "wakeups", expected->wakeups);
    expect_number(check, "forks", expected->forks);
    expect_number(check, "faults", expected->faults);
    expect_number(check, "signals", expected->signals);
    expect_number(check, "tasks", expected->tasks);
    expect_number(check, "lanes", expected->tasks);
    expect_number(check, "cpus", (uint64_t)__builtin_popcountll(expected->cpus));
    expect_number(check, "lost", 0);
    cr_expect(expected->switches > 20 && expected->forks >= 14, "there was too little to compare");
    static const char *const names[] = {
        "</script><b>x", "<!--<script>", "\"'\\]}{&amp;", "?????????", "????[31m", "@trace@", " ",
        "renames"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_expect(has_name(check, names[i]), "no task is called '%s'", names[i]);
    json_decref(check);
    unlink(page);
    free(page);
    free(expected);
    session_destroy(session);
}

/* Does the page say that events are missing, and how many? */
VARIANT_TEST_ONE_CPU(timeline, page_states_the_loss)
{
    const char *arguments[] = {guest_program("many_forks"), "20", NULL};
    struct session_settings settings = {
        .arguments = arguments, .trace = true, .trace_ring_records = 256, .hold_at_start = true};
    struct vt_trace *trace;
    struct vt_stop stop;

    variant_require(variant);
    require_browser();
    struct session *session = session_start(variant, &settings);
    require_ok(vt_guest_wait_stop(session_guest(session), session_timeout_ms(session), &stop),
               "the start");
    require_ok(vt_trace_open(session_guest(session), false, &trace), "vt_trace_open");
    require_ok(vt_guest_resume(session_guest(session)), "vt_guest_resume");
    session_wait(session);
    char *page = export_page(trace);
    uint64_t lost = vt_trace_lost(trace);
    vt_trace_close(trace);
    json_t *check = self_check(page);

    cr_assert(lost > 0, "the ring was not too small");
    expect_no_errors(check);
    expect_number(check, "lost", lost);
    json_decref(check);
    unlink(page);
    free(page);
    session_destroy(session);
}

/* Does the command write the page, in one file that names no other, and say so when it cannot? */
VARIANT_TEST_ONE_CPU(timeline, command_writes_the_page)
{
    const char *base = getenv("XDG_RUNTIME_DIR"), *accel = vt_accel_name(variant->accel);
    char path[256], *text;
    long bytes = 0;

    variant_require(variant);
    snprintf(path, sizeof path, "%s/%d-page.html", base ? base : "/tmp", (int)getpid());
    struct command_result result =
        COMMAND("run", "--quiet", "--accel", accel, "--trace", path, "--", "/bin/true");
    cr_assert(result.status == 0, "status %d: %s", result.status, result.err);
    command_free(&result);
    FILE *file = fopen(path, "r");
    cr_assert(file != NULL && fseek(file, 0, SEEK_END) == 0 && (bytes = ftell(file)) > 10000);
    rewind(file);
    text = calloc(1, (size_t)bytes + 1);
    cr_assert(text != NULL && fread(text, 1, (size_t)bytes, file) == (size_t)bytes);
    fclose(file);
    unlink(path);
    cr_expect(strncmp(text, "<!doctype html>", 15) == 0 && strstr(text, "</html>") != NULL);
    cr_expect(strstr(text, "http:") == NULL && strstr(text, "https:") == NULL,
              "it names a network");
    cr_expect(strstr(text, " src=") == NULL && strstr(text, "<link") == NULL &&
                  strstr(text, "@import") == NULL,
              "it needs another file");
    free(text);

    result = COMMAND("run", "--quiet", "--accel", accel, "--trace", "/nowhere/page.html", "--",
                     "/bin/true");
    cr_expect(result.status == 125, "status %d", result.status);
    cr_expect(strstr(result.err, "/nowhere/page.html") != NULL, "%s", result.err);
    command_free(&result);
}
