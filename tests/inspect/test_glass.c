/*
 * tests/inspect/test_glass.c - does the library find what stands in the glass, and refuse what
 * cannot be true?
 */
#include <criterion/criterion.h>
#include <pthread.h>
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

TestSuite(glass, .init = setup, .fini = teardown, .timeout = 30);

static void expect_code(struct vt_error *error, enum vt_error_code code)
{
    cr_assert_not_null(error);
    cr_expect_eq(vt_error_code(error), code, "%s", vt_error_message(error));
    vt_error_destroy(error);
}

Test(glass, sane_one_is_ready)
{
    cr_assert_null(vt_guest_ready(&s.guest, 0));
    struct glass_field field;
    cr_assert_null(vt_guest_field(&s.guest, "task", "nice", &field));
    cr_expect_eq(field.offset, offsetof(struct fake_task, nice));
    expect_code(vt_guest_field(&s.guest, "task", "nonsense", &field), VT_ERROR_NOT_FOUND);
}

Test(glass, booting_one_is_waited_for)
{
    s.glass->state = GLASS_BOOTING;
    expect_code(vt_guest_ready(&s.guest, 20), VT_ERROR_TIMEOUT);
    guest_note_end(&s.guest);
    expect_code(vt_guest_ready(&s.guest, 1000), VT_ERROR_GONE);
}

Test(glass, wrong_version_and_size_are_named)
{
    s.glass->version++;
    expect_code(vt_guest_ready(&s.guest, 0), VT_ERROR_FORMAT);
    s.glass->version--;
    s.glass->size -= 8;
    expect_code(vt_guest_ready(&s.guest, 0), VT_ERROR_FORMAT);
}

Test(glass, tables_outside_memory_are_corrupt)
{
    s.glass->types = DIRECT + SYNTHETIC_BYTES - 8;
    expect_code(vt_guest_ready(&s.guest, 0), VT_ERROR_CORRUPT);
    s.glass->types = 0;
    expect_code(vt_guest_ready(&s.guest, 0), VT_ERROR_CORRUPT);
}

Test(glass, absurd_counts_are_corrupt)
{
    s.glass->type_count = 0xffffffff;
    expect_code(vt_guest_ready(&s.guest, 0), VT_ERROR_CORRUPT);
}

Test(glass, field_beyond_its_type_is_corrupt)
{
    s.fields[3].offset = 0xfffffff0;
    expect_code(vt_guest_ready(&s.guest, 0), VT_ERROR_CORRUPT);
}

Test(glass, windows_that_wrap_are_corrupt)
{
    s.glass->direct_bytes = UINT64_MAX;
    expect_code(vt_guest_ready(&s.guest, 0), VT_ERROR_CORRUPT);
}

Test(glass, tasks_come_with_their_process)
{
    struct vt_task *tasks;
    size_t count;
    struct fake_process *parent = synthetic_process(&s, 1, NULL),
                        *child = synthetic_process(&s, 7, parent);
    struct fake_task *task = synthetic_task(&s, 7, 7, "cat", child);
    synthetic_task(&s, 1, 1, "sh", parent);
    struct fake_space *space = synthetic_object(&s, s.spaces);

    space->root = 0x5000;
    task->address_space = synthetic_address(&s, space);
    task->state = TASK_BLOCKED;
    task->wait_kind = WAIT_PIPE_READ;
    task->nice = -5;
    task->utime_tsc = 1234;
    task->start_tsc = BOOT_TSC + 77;
    cr_assert_null(vt_guest_tasks(&s.guest, &tasks, &count));
    cr_assert_eq(count, 2);
    cr_expect_eq(tasks[0].tid, 1);
    cr_expect_eq(tasks[1].tid, 7);
    cr_expect_eq(tasks[1].ppid, 1);
    cr_expect_eq(tasks[1].nice, -5);
    cr_expect_eq(tasks[1].utime_ns, 1234);
    cr_expect_eq(tasks[1].start_ns, 77);
    cr_expect_eq(tasks[1].page_table, 0x5000);
    cr_expect_eq(tasks[1].wait_kind, WAIT_PIPE_READ);
    cr_expect_str_eq(tasks[1].comm, "cat");
    free(tasks);
}

Test(glass, bytes_of_a_name_cannot_drive_a_terminal)
{
    struct vt_task task;
    struct fake_task *fake = synthetic_task(&s, 3, 3, "", NULL);

    memcpy(fake->comm, "\033[2Jevil-and-long", 16);
    cr_assert_null(vt_guest_task(&s.guest, 3, &task));
    cr_expect_str_eq(task.comm, "?[2Jevil-and-lo");
}

Test(glass, task_under_construction_is_not_listed)
{
    struct vt_task *tasks;
    size_t count;

    synthetic_task(&s, 1, 1, "sh", NULL);
    synthetic_task(&s, 2, 2, "new", NULL)->object.version = 3;
    cr_assert_null(vt_guest_tasks(&s.guest, &tasks, &count));
    cr_expect_eq(count, 1);
    free(tasks);
}

Test(glass, odd_version_is_fine_in_a_stopped_world)
{
    struct vt_task task;

    synthetic_task(&s, 2, 2, "half", NULL)->object.version = 3;
    s.glass->stop.epoch = 1;
    cr_assert_null(vt_guest_task(&s.guest, 2, &task));
    cr_expect_str_eq(task.comm, "half");
}

Test(glass, slot_tables_that_cannot_be_are_corrupt)
{
    struct vt_task *tasks;
    size_t count;

    synthetic_task(&s, 1, 1, "sh", NULL);
    s.tasks->stride = 8;
    expect_code(vt_guest_tasks(&s.guest, &tasks, &count), VT_ERROR_CORRUPT);
    s.tasks->stride = 256;
    s.tasks->slots_per_chunk = 0;
    expect_code(vt_guest_tasks(&s.guest, &tasks, &count), VT_ERROR_CORRUPT);
    s.tasks->slots_per_chunk = 8;
    s.tasks->high_water = 0xffffffff;
    expect_code(vt_guest_tasks(&s.guest, &tasks, &count), VT_ERROR_CORRUPT);
    s.tasks->high_water = 1;
    s.tasks->chunks[0] = 0xdead000000000000ull;
    expect_code(vt_guest_tasks(&s.guest, &tasks, &count), VT_ERROR_CORRUPT);
}

static void *change_forever(void *argument)
{
    struct fake_task *task = argument;

    for (uint64_t i = 1; i < UINT64_MAX; i++) {
        pthread_testcancel();
        __atomic_fetch_add(&task->object.version, 1, __ATOMIC_SEQ_CST);
        GUEST_STORE(&task->utime_tsc, i);
        GUEST_STORE(&task->stime_tsc, i);
        __atomic_fetch_add(&task->object.version, 1, __ATOMIC_SEQ_CST);
        for (volatile int pause = 0; pause < 200; pause++)
            ;
    }
    return NULL;
}

/* Is a copy that was taken while a writer was at work still one moment's truth? */
Test(glass, copies_are_consistent_under_change)
{
    pthread_t writer;
    struct fake_task *task = synthetic_task(&s, 1, 1, "sh", NULL);

    pthread_create(&writer, NULL, change_forever, task);
    for (unsigned i = 0; i < 2000; i++) {
        struct vt_task copy;
        struct vt_error *error = vt_guest_task(&s.guest, 1, &copy);

        cr_assert_null(error, "%s", vt_error_message(error));
        cr_assert_eq(copy.utime_ns, copy.stime_ns);
    }
    pthread_cancel(writer);
    pthread_join(writer, NULL);
}

Test(glass, stop_is_over_when_every_cpu_has_parked)
{
    struct vt_stop stop;
    struct glass_filter filter = vt_filter(TRACE_FORK);
    int index;

    cr_assert_null(vt_guest_stop_on(&s.guest, &filter, &index));
    cr_expect_eq(s.glass->control.filters[index].types, 1ull << TRACE_FORK);
    cr_expect_geq(s.kicks, 1);
    s.glass->stop.epoch = 1;
    s.glass->stop.cpu = 1;
    s.glass->stop.filter = (uint32_t)index;
    s.cpus[1].park = PARK_STOPPED;
    s.cpus[1].parked_epoch = 1;
    expect_code(vt_guest_wait_stop(&s.guest, 10, &stop), VT_ERROR_TIMEOUT);
    s.cpus[0].park = PARK_PARKED;
    s.cpus[0].parked_epoch = 1;
    cr_assert_null(vt_guest_wait_stop(&s.guest, 100, &stop));
    cr_expect_eq(stop.cpu, 1);
    cr_expect_eq(stop.filter, index);
    cr_assert_null(vt_guest_resume(&s.guest));
    cr_expect_eq(s.releases, 1);
    expect_code(vt_guest_resume(&s.guest), VT_ERROR_ARGUMENT);
    cr_assert_null(vt_guest_stop_off(&s.guest, index));
}

Test(glass, attached_guest_may_not_be_changed)
{
    int index;
    struct glass_filter filter = vt_filter(TRACE_FORK);

    s.guest.own = false;
    expect_code(vt_guest_stop_on(&s.guest, &filter, &index), VT_ERROR_DENIED);
    expect_code(vt_guest_trace_types(&s.guest, 1), VT_ERROR_DENIED);
}

Test(glass, frames_and_counters)
{
    struct vt_frame frame;
    struct vt_counters counters;
    struct fake_frame *frames = synthetic_at(&s, s.glass->frames - DIRECT);

    frames[5] = (struct fake_frame){.references = 3, .kind = 4};
    cr_assert_null(vt_guest_frame(&s.guest, 5 * 4096 + 12, &frame));
    cr_expect_eq(frame.references, 3);
    cr_expect_eq(frame.phys, 5 * 4096);
    expect_code(vt_guest_frame(&s.guest, SYNTHETIC_BYTES, &frame), VT_ERROR_NOT_FOUND);
    s.cpus[0].switches = 4;
    s.cpus[1].switches = 5;
    cr_assert_null(vt_guest_counters(&s.guest, &counters));
    cr_expect_eq(counters.switches, 9);
    cr_expect_eq(counters.cpus, 2);
}
