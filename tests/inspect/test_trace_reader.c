/*
 * tests/inspect/test_trace_reader.c - is every event seen once, in order, and every loss counted?
 */
#include <criterion/criterion.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/inspect/synthetic.h"

static struct synthetic s;

static void setup(void)
{
    synthetic_init(&s, 2, 64);
}

static void teardown(void)
{
    synthetic_deinit(&s);
}

TestSuite(trace_reader, .init = setup, .fini = teardown, .timeout = 30);

static struct trace_record mark(uint64_t tsc, uint64_t value)
{
    return (struct trace_record){
        .tsc = tsc, .type = TRACE_MARK, .tid = 1, .tgid = 1, .arg = {value}};
}

Test(trace_reader, two_cpus_merge_by_time)
{
    struct vt_trace *trace;
    struct trace_record record;

    cr_assert_null(vt_trace_open(&s.guest, false, &trace));
    for (unsigned i = 0; i < 40; i++)
        synthetic_record(&s, i % 3 == 0, mark(BOOT_TSC + i, i));
    for (unsigned i = 0; i < 40; i++) {
        cr_assert_null(vt_trace_next(trace, 0, &record));
        cr_assert_eq(record.arg[0], i);
        cr_assert_eq(record.cpu, i % 3 == 0);
    }
    struct vt_error *error = vt_trace_next(trace, 5, &record);
    cr_expect_eq(vt_error_code(error), VT_ERROR_TIMEOUT);
    vt_error_destroy(error);
    cr_expect_eq(vt_trace_lost(trace), 0);
    vt_trace_close(trace);
}

Test(trace_reader, loss_is_counted)
{
    struct vt_trace *trace;
    struct trace_record record;
    uint64_t seen = 0, last = 0;

    cr_assert_null(vt_trace_open(&s.guest, false, &trace));
    for (unsigned i = 1; i <= 200; i++)
        synthetic_record(&s, 0, mark(BOOT_TSC + i, i));
    guest_note_end(&s.guest);
    for (struct vt_error *error;
         !(error = vt_trace_next(trace, 0, &record)) || (vt_error_destroy(error), 0);) {
        cr_assert_gt(record.arg[0], last);
        last = record.arg[0];
        seen++;
    }
    cr_expect_eq(last, 200);
    cr_expect_eq(seen + vt_trace_lost(trace), 200);
    /* A machine that was killed may have been at work on the slot behind the newest record. */
    cr_expect_eq(seen, 63);
    vt_trace_close(trace);
}

/* Is a record whose slot was overwritten while it was copied left out, though nothing in it says
 * so?
 */
Test(trace_reader, the_slot_behind_the_newest_is_nobodys)
{
    struct vt_trace *trace;
    struct trace_record record;

    cr_assert_null(vt_trace_open(&s.guest, false, &trace));
    for (unsigned i = 1; i <= 64; i++)
        synthetic_record(&s, 0, mark(BOOT_TSC + i, i));
    cr_assert_null(vt_trace_next(trace, 0, &record));
    cr_expect_eq(record.arg[0], 2);
    cr_expect_eq(record.sequence, 2);
    cr_expect_eq(vt_trace_lost(trace), 1);
    /* A clean end leaves nothing half written: what is there is whole. */
    vt_trace_close(trace);
    s.glass->state = GLASS_DONE;
    guest_note_end(&s.guest);
    cr_assert_null(vt_trace_open(&s.guest, false, &trace));
    cr_assert_null(vt_trace_next(trace, 0, &record));
    cr_expect_eq(record.arg[0], 1);
    vt_trace_close(trace);
}

Test(trace_reader, from_now_skips_the_past)
{
    struct vt_trace *trace;
    struct trace_record record;

    synthetic_record(&s, 0, mark(BOOT_TSC, 1));
    cr_assert_null(vt_trace_open(&s.guest, true, &trace));
    synthetic_record(&s, 0, mark(BOOT_TSC + 1, 2));
    cr_assert_null(vt_trace_next(trace, 0, &record));
    cr_expect_eq(record.arg[0], 2);
    vt_trace_close(trace);
}

Test(trace_reader, corrupt_rings_neither_crash_nor_spin)
{
    static const uint64_t heads[] = {UINT64_MAX, 1ull << 63, 1000000, 63, 0};
    static const uint32_t sizes[] = {0, 1, 3, 1u << 31, 0xffffffff, 64};
    struct vt_trace *trace;
    struct trace_record record;

    cr_assert_null(vt_trace_open(&s.guest, false, &trace));
    for (unsigned i = 0; i < 5; i++)
        for (unsigned j = 0; j < 6; j++) {
            s.cpus[0].trace_head = heads[i];
            s.cpus[0].trace_records = sizes[j];
            for (unsigned k = 0; k < 100; k++)
                vt_error_destroy(vt_trace_next(trace, 0, &record));
        }
    s.cpus[0].trace_ring = 0x123;
    vt_error_destroy(vt_trace_next(trace, 0, &record));
    vt_trace_close(trace);
}

Test(trace_reader, lossless_tail_follows_the_slowest_reader)
{
    struct vt_trace *fast, *slow;
    struct trace_record record;

    s.guest.lossless = true;
    cr_assert_null(vt_trace_open(&s.guest, false, &fast));
    cr_assert_null(vt_trace_open(&s.guest, false, &slow));
    for (unsigned i = 1; i <= 60; i++)
        synthetic_record(&s, 0, mark(BOOT_TSC + i, i));
    for (unsigned i = 0; i < 60; i++)
        cr_assert_null(vt_trace_next(fast, 0, &record));
    vt_error_destroy(vt_trace_next(fast, 0, &record));
    cr_expect_eq(s.glass->control.trace_tail[0], 0);
    for (unsigned i = 0; i < 30; i++)
        cr_assert_null(vt_trace_next(slow, 0, &record));
    cr_expect_geq(s.glass->control.trace_tail[0], 16);
    cr_expect_leq(s.glass->control.trace_tail[0], 31);
    vt_trace_close(slow);
    cr_expect_eq(s.glass->control.trace_tail[0], 60);
    vt_trace_close(fast);
}

/* What was read stays for a later reader only once the guest has ended: before, it may be
 * overwritten. */
Test(trace_reader, lossless_past_can_be_read_again_after_the_end)
{
    struct vt_trace *first, *again;
    struct trace_record record;
    struct vt_error *error;

    s.guest.lossless = true;
    cr_assert_null(vt_trace_open(&s.guest, false, &first));
    for (unsigned i = 1; i <= 60; i++)
        synthetic_record(&s, 0, mark(BOOT_TSC + i, i));
    for (unsigned i = 1; i <= 60; i++)
        cr_assert_null(vt_trace_next(first, 0, &record));
    vt_error_destroy(vt_trace_next(first, 0, &record));
    cr_assert_eq(s.glass->control.trace_tail[0], 60);

    cr_assert_null(vt_trace_open(&s.guest, false, &again));
    error = vt_trace_next(again, 0, &record);
    cr_assert_eq(vt_error_code(error), VT_ERROR_TIMEOUT);
    vt_error_destroy(error);
    vt_trace_close(again);

    guest_note_end(&s.guest);
    cr_assert_null(vt_trace_open(&s.guest, false, &again));
    for (unsigned i = 1; i <= 60; i++) {
        cr_assert_null(vt_trace_next(again, 0, &record));
        cr_expect_eq(record.arg[0], i);
    }
    error = vt_trace_next(again, 0, &record);
    cr_assert_eq(vt_error_code(error), VT_ERROR_GONE);
    vt_error_destroy(error);
    cr_expect_eq(vt_trace_lost(again), 0);
    vt_trace_close(again);
    vt_trace_close(first);
}

#define PRODUCED 200000u

static void *produce(void *argument)
{
    (void)argument;
    for (unsigned i = 1; i <= PRODUCED; i++) {
        /* The lossless kernel's rule: never overwrite what was not taken. */
        while (i - GUEST_LOAD(&s.glass->control.trace_tail[0]) > 64)
            usleep(10);
        synthetic_record(&s, 0, mark(BOOT_TSC + i, i));
    }
    guest_note_end(&s.guest);
    return NULL;
}

Test(trace_reader, lossless_run_loses_nothing)
{
    struct vt_trace *trace;
    struct trace_record record;
    pthread_t producer;

    s.guest.lossless = true;
    cr_assert_null(vt_trace_open(&s.guest, false, &trace));
    pthread_create(&producer, NULL, produce, NULL);
    for (unsigned i = 1; i <= PRODUCED; i++) {
        struct vt_error *error = vt_trace_next(trace, 5000, &record);

        cr_assert_null(error, "%s", vt_error_message(error));
        cr_assert_eq(record.arg[0], i);
    }
    pthread_join(producer, NULL);
    cr_expect_eq(vt_trace_lost(trace), 0);
    vt_trace_close(trace);
}

Test(trace_reader, waits_for_what_a_filter_says)
{
    struct vt_trace *trace;
    struct trace_record record;
    struct glass_filter filter = vt_filter(TRACE_MARK);

    filter.arg_mask = 1;
    filter.arg_and[0] = 1;
    filter.arg_value[0] = 1;
    filter.skip = 1;
    cr_assert_null(vt_trace_open(&s.guest, false, &trace));
    for (unsigned i = 1; i <= 10; i++)
        synthetic_record(&s, 0, mark(BOOT_TSC + i, i));
    cr_assert_null(vt_trace_wait(trace, &filter, 0, &record));
    cr_expect_eq(record.arg[0], 3);
    vt_trace_close(trace);
}

static struct trace_record named(uint16_t type, uint64_t tsc, const char *comm)
{
    struct trace_record record = {.type = type, .tsc = tsc, .tid = 1, .tgid = 1};

    strncpy((char *)record.arg, comm, 15);
    return record;
}

/* A little history: PID 1 executes sh, forks 2, which executes ls and ends; a switch with its
 * reason. */
static void write_history(void)
{
    synthetic_record(&s, 0, named(TRACE_EXEC, BOOT_TSC + 1000, "sh"));
    synthetic_record(&s, 0,
                     (struct trace_record){.type = TRACE_FORK,
                                           .tsc = BOOT_TSC + 2000,
                                           .tid = 1,
                                           .tgid = 1,
                                           .arg = {2 | 2ull << 32, 17}});
    synthetic_record(&s, 0,
                     (struct trace_record){
                         .type = TRACE_SWITCH,
                         .tsc = BOOT_TSC + 3000,
                         .tid = 1,
                         .tgid = 1,
                         .arg = {1 | 2ull << 32,
                                 TASK_BLOCKED | SWITCH_BLOCKED << 8 | WAIT_CHILD << 16, 2, 2500}});
    struct trace_record exec = named(TRACE_EXEC, BOOT_TSC + 4000, "l\"s");
    exec.tid = exec.tgid = 2;
    synthetic_record(&s, 0, exec);
    synthetic_record(
        &s, 0,
        (struct trace_record){
            .type = TRACE_EXIT, .tsc = BOOT_TSC + 5000, .tid = 2, .tgid = 2, .arg = {3 << 8, 1}});
    synthetic_record(
        &s, 0,
        (struct trace_record){.type = TRACE_SWITCH,
                              .tsc = BOOT_TSC + 6000,
                              .tid = 2,
                              .tgid = 2,
                              .arg = {2 | 1ull << 32, TASK_ZOMBIE | SWITCH_EXIT << 8, 0, 3000}});
    guest_note_end(&s.guest);
}

static char *exported(enum vt_export format)
{
    struct vt_trace *trace;
    int fd = memfd_create("export", 0);

    cr_assert_null(vt_trace_open(&s.guest, false, &trace));
    cr_assert_null(vt_trace_export(trace, format, fd));
    vt_trace_close(trace);
    off_t bytes = lseek(fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)bytes + 1);
    cr_assert_eq(pread(fd, text, (size_t)bytes, 0), bytes);
    close(fd);
    return text;
}

Test(trace_reader, ftrace_text_has_the_lines_of_linux)
{
    write_history();
    char *text = exported(VT_EXPORT_FTRACE);

    cr_expect_not_null(strstr(text, "# tracer: nop"));
    cr_expect_not_null(strstr(
        text, "0.000003: sched_switch: prev_comm=sh prev_pid=1 prev_prio=120 prev_state=S ==> "
              "next_comm=sh next_pid=2 next_prio=120"));
    cr_expect_not_null(strstr(text, "sched_process_fork: comm=sh pid=1 child_comm=sh child_pid=2"));
    cr_expect_not_null(strstr(text, "sched_process_exit: comm=l\"s pid=2 prio=120"));
    free(text);
}

Test(trace_reader, chrome_json_is_json)
{
    json_error_t problem;

    write_history();
    char *text = exported(VT_EXPORT_CHROME_JSON);
    json_t *object = json_loads(text, 0, &problem);
    cr_assert_not_null(object, "%s at %d: %s", problem.text, problem.line, text);
    cr_expect_gt(json_array_size(json_object_get(object, "traceEvents")), 6);
    json_decref(object);
    free(text);
}
