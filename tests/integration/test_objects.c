/*
 * tests/integration/test_objects.c - does what is seen from outside agree with what a program knows
 * about itself: its mappings, files, relatives; with the kernel's own states?
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/role.h"

static struct vt_task task_of(struct vt_guest *guest, int32_t tid)
{
    struct vt_task task;

    require_ok(vt_guest_task(guest, tid, &task), "vt_guest_task");
    return task;
}

/* ---- mappings ---- */

/* Is `vitrine maps` what /proc/PID/maps says inside, byte for byte? */
VARIANT_TEST(objects, maps)
{
    char name[32], pid[16];
    struct session *session;
    size_t bytes;

    variant_require(variant);
    session = role_start(variant, "objects", "maps", NULL, name);
    snprintf(pid, sizeof pid, "%s", session_expect(session, "pid "));
    session_expect(session, "ready");
    char *told = strdup(session_stdout(session, &bytes)), *inside = calloc(1, bytes + 1), *rest;
    for (char *line = strtok_r(told, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        if (strncmp(line, "map ", 4) == 0)
            sprintf(inside + strlen(inside), "%s\n", line + 4);
    struct command_result result = COMMAND("maps", name, pid);
    cr_assert(result.status == 0, "%s", result.err);
    cr_expect_str_eq(result.out, inside);
    cr_expect(strstr(inside, "[heap]") && strstr(inside, "[stack]") && strstr(inside, " rw-s ") &&
              strstr(inside, "/tmp/a file\n") && strstr(inside, "/tmp/gone (deleted)"));
    command_free(&result);
    result = COMMAND("maps", name, pid, "--json");
    json_t *list = json_loads(result.out, 0, NULL);
    json_t *maps = json_object_get(json_array_get(list, 0), "maps");
    size_t lines = 0;
    for (const char *c = inside; *c; c++)
        lines += *c == '\n';
    cr_expect_eq(json_array_size(maps), lines);
    json_decref(list);
    command_free(&result);
    free(told);
    free(inside);
    role_end(session);
}

/* While a thread maps, protects, locks and reopens all the time: is every reading a state that was?
 * Its region never has a hole, its descriptor 50 is never closed. */
VARIANT_TEST(objects, readings_under_change)
{
    unsigned rounds = harness_count(variant, 1000, 3, true), readings = 0;
    char name[32];
    struct session *session;

    variant_require(variant);
    session = role_start(variant, "objects", "change", NULL, name);
    struct vt_guest *guest = session_guest(session);
    uint64_t region = strtoull(session_expect(session, "region "), NULL, 16);
    int32_t pid = atoi(session_expect(session, "pid "));
    session_expect(session, "ready");
    struct vt_task task = task_of(guest, pid);
    for (unsigned i = 0; i < rounds; i++) {
        struct vt_vma *vmas;
        struct vt_file *files;
        size_t count, found = 0;
        uint64_t covered = region;
        struct vt_error *error = vt_guest_vmas(guest, &task, &vmas, &count);

        /* A guest that never holds still is told apart from one that lies. */
        if (error != NULL && vt_error_code(error) == VT_ERROR_BUSY) {
            vt_error_destroy(error);
            continue;
        }
        require_ok(error, "vt_guest_vmas");
        for (size_t j = 0; j < count; j++)
            if (vmas[j].start == covered && vmas[j].start < region + 32 * 4096)
                covered = vmas[j].end;
        cr_assert(covered == region + 32 * 4096, "a hole at %#lx of %#lx", (unsigned long)covered,
                  (unsigned long)region);
        free(vmas);
        require_ok(vt_guest_files(guest, &task, &files, &count), "vt_guest_files");
        for (size_t j = 0; j < count; j++)
            if (files[j].fd == 50) {
                found++;
                cr_assert(strcmp(files[j].name, "/etc/passwd") == 0 ||
                              strcmp(files[j].name, "/tmp/other") == 0 ||
                              strncmp(files[j].name, "pipe:[", 6) == 0,
                          "%s", files[j].name);
            }
        cr_assert_eq(found, 1);
        free(files);
        readings++;
    }
    cr_expect(readings > rounds / 2, "only %u of %u readings succeeded", readings, rounds);
    role_end(session);
}

/* ---- files ---- */

/* Does each descriptor have the name, flags and position that the program itself is told? */
VARIANT_TEST(objects, files)
{
    char name[32];
    struct session *session;
    struct vt_file *files;
    size_t count, bytes, seen = 0;
    int reader, writer;

    variant_require(variant);
    session = role_start(variant, "objects", "files", NULL, name);
    int32_t pid = atoi(session_expect(session, "pid "));
    cr_assert_eq(sscanf(session_expect(session, "pipe "), "%d %d", &reader, &writer), 2);
    session_expect(session, "ready");
    struct vt_task task = task_of(session_guest(session), pid);
    require_ok(vt_guest_files(session_guest(session), &task, &files, &count), "vt_guest_files");
    char *told = strdup(session_stdout(session, &bytes)), *rest;
    for (char *line = strtok_r(told, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        int fd, descriptor_flags, name_at;
        unsigned flags;
        long long position;

        if (sscanf(line, "fd %d %o %d %lld %n", &fd, &flags, &descriptor_flags, &position,
                   &name_at) != 4)
            continue;
        cr_assert(seen < count);
        const struct vt_file *file = &files[seen++];
        cr_expect_eq(file->fd, fd);
        cr_expect_str_eq(file->name, line + name_at);
        cr_expect(file->flags == flags, "fd %d: flags %o, inside %o", fd, file->flags, flags);
        cr_expect_eq(file->close_on_exec, descriptor_flags);
        cr_expect(file->position == (uint64_t)position, "fd %d: at %lu, inside %lld", fd,
                  (unsigned long)file->position, position);
        if (fd == reader || fd == writer)
            cr_expect(file->kind == VT_FILE_PIPE && file->pipe_bytes == 7);
        if (strcmp(file->name, "anon_inode:[eventfd]") == 0)
            cr_expect_eq(file->kind, VT_FILE_EVENTFD);
        if (strcmp(file->name, "/etc/passwd") == 0)
            cr_expect(file->kind == VT_FILE_REGULAR && file->references == 2);
    }
    cr_expect_eq(seen, count);
    cr_expect_gt(count, 12);
    free(told);
    free(files);
    role_end(session);
}

/* ---- processes ---- */

static const struct vt_process *process_of(const struct vt_process *processes, size_t count,
                                           int32_t pid)
{
    for (size_t i = 0; i < count; i++)
        if (processes[i].pid == pid)
            return &processes[i];
    cr_assert_fail("no process %d", pid);
    return NULL;
}

/* Family, group, session, threads, limits and ends as the processes themselves know them. */
VARIANT_TEST(objects, processes)
{
    char name[32], what[16];
    struct session *session;
    struct vt_process *processes;
    size_t count, bytes;
    int32_t pid, ppid, group, sid, children[4], parent = 0;

    variant_require(variant);
    session = role_start(variant, "objects", "processes", NULL, name);
    int32_t zombie = atoi(session_expect(session, "zombie "));
    int32_t stopped = atoi(session_expect(session, "stopped "));
    cr_assert_eq(sscanf(session_expect(session, "children "), "%d %d %d %d", &children[0],
                        &children[1], &children[2], &children[3]),
                 4);
    session_expect(session, "ready");
    require_ok(vt_guest_processes(session_guest(session), &processes, &count), "processes");
    char *told = strdup(session_stdout(session, &bytes)), *rest;
    for (char *line = strtok_r(told, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (sscanf(line, "process %d %d %d %d %15s", &pid, &ppid, &group, &sid, what) != 5)
            continue;
        const struct vt_process *process = process_of(processes, count, pid);
        cr_expect(process->ppid == ppid && process->group == group && process->session == sid, "%s",
                  what);
        cr_expect(!process->zombie && !process->stopped);
        cr_expect_eq(process->is_subreaper, strcmp(what, "session") == 0);
        if (strcmp(what, "group") == 0) {
            cr_expect_eq(process->limits[7].soft, 77); /* RLIMIT_NOFILE */
            cr_expect_eq(process->limits[7].hard, 88);
        }
        if (strcmp(what, "parent") == 0)
            parent = pid;
    }
    const struct vt_process *family = process_of(processes, count, parent);
    cr_assert_eq(family->child_count, 4);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(family->children[i], children[i]);
    cr_assert_eq(family->thread_count, 4);
    cr_expect_eq(family->threads[0], parent);
    cr_expect_str_eq(family->comm, "objects");
    const struct vt_process *dead = process_of(processes, count, zombie);
    cr_expect(dead->zombie && dead->exit_status == 33 << 8);
    cr_expect_neq(memcmp(dead->guid, family->guid, 16), 0);
    cr_expect_eq(process_of(processes, count, stopped)->stopped, true);
    free(told);
    free(processes);
    role_end(session);
}

/* ---- queues, locks, frames: one stopped moment seen in several ways ---- */

static const struct vt_task *task_with_id(const struct vt_task *tasks, size_t count, uint64_t id)
{
    for (size_t i = 0; i < count; i++)
        if (tasks[i].id == id)
            return &tasks[i];
    return NULL;
}

/* Every ready task waits in the queue of its own CPU and nowhere else; who runs there, runs. */
static void check_queues(struct vt_guest *guest, unsigned cpus)
{
    struct vt_task *tasks;
    size_t count, queued = 0, ready = 0;

    require_ok(vt_guest_tasks(guest, &tasks, &count), "tasks");
    for (size_t i = 0; i < count; i++)
        ready += tasks[i].state == TASK_READY && !tasks[i].idle;
    for (unsigned cpu = 0; cpu < cpus; cpu++) {
        struct vt_run_queue *queue;
        int64_t lags = 0;

        require_ok(vt_guest_run_queue(guest, cpu, &queue), "run queue");
        cr_expect_eq(queue->queued_count, queue->length);
        queued += queue->queued_count;
        const struct vt_task *running = task_with_id(tasks, count, queue->running.id);
        cr_assert(running && running->state == TASK_RUNNING && running->cpu == cpu);
        uint64_t weight = queue->idle ? 0 : queue->running.weight;
        for (size_t i = 0; i < queue->queued_count; i++) {
            const struct vt_task *task = task_with_id(tasks, count, queue->queued[i].id);

            cr_assert(task && task->state == TASK_READY && task->cpu == cpu);
            cr_expect_eq(task->tid, queue->queued[i].tid);
            if (i > 0)
                cr_expect((int64_t)(queue->queued[i].deadline - queue->queued[i - 1].deadline) >=
                          0);
            weight += queue->queued[i].weight;
            lags += queue->queued[i].lag * queue->queued[i].weight;
        }
        cr_expect_eq(weight, queue->total_weight);
        /* V is the weighted average of all: their lags cancel out, but for rounding. */
        if (!queue->idle)
            lags += queue->running.lag * queue->running.weight;
        cr_expect(llabs(lags) <= (int64_t)weight, "lags add up to %ld", (long)lags);
        free(queue);
    }
    cr_expect_eq(queued, ready);
    free(tasks);
}

static void check_locks(struct vt_guest *guest)
{
    struct vt_lock *locks;
    size_t count, spaces = 0;
    bool family = false;

    require_ok(vt_guest_locks(guest, &locks, &count), "locks");
    for (size_t i = 0; i < count; i++) {
        cr_assert(locks[i].rank < 110, "%s has rank %u", locks[i].name, locks[i].rank);
        family = family || (strcmp(locks[i].name, "family_lock") == 0 && locks[i].rank == 60);
        spaces += strncmp(locks[i].name, "address_space ", 14) == 0;
    }
    cr_expect(family);
    cr_expect_geq(spaces, 3);
    free(locks);
}

static int count_reference(void *context, const struct vt_page *page)
{
    ((uint32_t *)context)[page->phys / 4096]++;
    return page->phys / 4096 >= (256u << 20) / 4096;
}

/* Frames of anonymous memory have exactly as many references as page tables have leaves. */
static void check_frames(struct vt_guest *guest)
{
    struct vt_frame *frames;
    struct vt_address_space *spaces;
    size_t frame_count, space_count;
    unsigned anonymous = 0;

    require_ok(vt_guest_frames(guest, &frames, &frame_count), "frames");
    require_ok(vt_guest_address_spaces(guest, &spaces, &space_count), "address spaces");
    uint32_t *leaves = calloc(frame_count + (1u << 20), sizeof *leaves);
    for (size_t i = 0; i < space_count; i++)
        require_ok(vt_guest_walk_pages(guest, spaces[i].page_table, 0, 1ull << 47, count_reference,
                                       leaves),
                   "walk");
    for (size_t i = 0; i < frame_count; i++) {
        struct vt_frame raw;

        if (frames[i].state == VT_FRAME_HEAD && i % 64 == 0) {
            require_ok(vt_guest_frame(guest, i * 4096, &raw), "frame");
            cr_assert(raw.references == frames[i].references && raw.kind == frames[i].kind);
        }
        if (strcmp(vt_frame_kind_name(frames[i].kind), "anonymous") == 0) {
            anonymous++;
            cr_assert(frames[i].references == leaves[i], "frame %zu: %u references, %u leaves", i,
                      frames[i].references, leaves[i]);
        } else if (leaves[i]) {
            cr_assert(strcmp(vt_frame_kind_name(frames[i].kind), "image") == 0 ||
                          strcmp(vt_frame_kind_name(frames[i].kind), "file") == 0 ||
                          strcmp(vt_frame_kind_name(frames[i].kind), "kernel") == 0,
                      "a user maps a frame of kind %s", vt_frame_kind_name(frames[i].kind));
        }
    }
    cr_expect_gt(anonymous, 10);
    free(leaves);
    free(spaces);
    free(frames);
}

VARIANT_TEST(objects, one_stopped_moment)
{
    static const char *const arguments[] = {
        "/bin/busybox", "sh", "-c",
        "for i in 1 2 3 4 5; do while :; do :; done & done; sleep 1000 & echo ready; read x; kill "
        "$(jobs -p)",
        NULL};
    struct session_settings settings = {.arguments = arguments,
                                        .keep_input_open = true,
                                        .memory_bytes = 256u << 20,
                                        .unstopped = true};
    struct session *session;
    unsigned sleepers = 0;

    variant_require(variant);
    session = session_start(variant, &settings);
    struct vt_guest *guest = session_guest(session);
    session_expect(session, "ready");
    for (unsigned round = 0; round < 5 && !sleepers; round++) {
        role_stop_world(session);
        check_queues(guest, variant->cpus);
        check_locks(guest);
        check_frames(guest);
        for (unsigned cpu = 0; cpu < variant->cpus; cpu++) {
            struct vt_timer *timers;
            size_t count;

            require_ok(vt_guest_timers(guest, cpu, &timers, &count), "timers");
            for (size_t i = 0; i < count; i++)
                sleepers += timers[i].use == VT_TIMER_SLEEP &&
                            task_of(guest, timers[i].tid).wait_kind == WAIT_SLEEP &&
                            timers[i].deadline_ns > 900000000000ull;
            free(timers);
        }
        require_ok(vt_guest_resume(guest), "resume");
        usleep(1000);
    }
    session_send(session, "end\n");
    session_wait(session);
    session_destroy(session);
}

/* ---- the commands' other words ---- */

VARIANT_TEST_ONE_CPU(objects, commands)
{
    static const char *const looks[] = {"processes", "queues", "locks", "frames",
                                        "wait",      "files",  "maps"};
    char name[32];
    struct session *session;

    variant_require(variant);
    session = role_start(variant, "objects", "processes", NULL, name);
    session_expect(session, "ready");
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
        struct command_result text = COMMAND(looks[i], name),
                              json = COMMAND(looks[i], name, "--json");
        json_t *list = json_loads(json.out, 0, NULL);

        cr_expect(text.status == 0 && text.out_bytes > 30, "%s: %s%s", looks[i], text.err,
                  text.out);
        cr_expect(json_is_array(list) && json_array_size(list) > 0, "%s: %s", looks[i], json.out);
        json_decref(list);
        command_free(&text);
        command_free(&json);
    }
    struct command_result result = COMMAND("maps", name, "9999");
    cr_expect(result.status == 125 && strstr(result.err, "no process or thread 9999"), "%s",
              result.err);
    command_free(&result);
    result = COMMAND("files", "no-such-machine", "1");
    cr_expect(result.status == 125 && strstr(result.err, "no-such-machine"), "%s", result.err);
    command_free(&result);
    result = COMMAND("maps", name, "1");
    cr_expect(result.status == 125 && strstr(result.err, "no address space"), "%s", result.err);
    command_free(&result);
    result = COMMAND("files", "--help");
    cr_expect(result.status == 0 && strstr(result.out, "[NAME] [PID]"), "%s", result.out);
    command_free(&result);
    role_end(session);
}

/* ---- how long it takes ---- */

static int by_value(const void *a, const void *b)
{
    return *(const double *)a < *(const double *)b ? -1 : 1;
}

#define MEASURE(what, count_of, call, release)                                                     \
    do {                                                                                           \
        double times[15];                                                                          \
        for (int i = 0; i < 15; i++) {                                                             \
            struct timespec from, to;                                                              \
            clock_gettime(CLOCK_MONOTONIC, &from);                                                 \
            require_ok(call, what);                                                                \
            clock_gettime(CLOCK_MONOTONIC, &to);                                                   \
            times[i] = (double)(to.tv_sec - from.tv_sec) * 1e3 +                                   \
                       (double)(to.tv_nsec - from.tv_nsec) / 1e6;                                  \
            release;                                                                               \
        }                                                                                          \
        qsort(times, 15, sizeof *times, by_value);                                                 \
        fprintf(stderr, "%-12s of %zu: median %.3f ms of 15\n", what, count_of, times[7]);         \
    } while (0)

/* Not judged by time: prints what 1,000 tasks and 64 K frames cost to read. */
VARIANT_TEST_ONE_CPU(objects, figures)
{
    char name[32];
    struct session *session;
    struct vt_task *tasks;
    struct vt_process *processes;
    struct vt_frame *frames;
    struct vt_wait *waits;
    size_t count;

    variant_require(variant);
    if (harness_is_slow(variant))
        cr_skip_test("a thousand forks take too long here");
    session = role_start(variant, "objects", "many", "1000", name);
    session_expect(session, "ready");
    MEASURE("tasks", count, vt_guest_tasks(session_guest(session), &tasks, &count), free(tasks));
    cr_expect_geq(count, 1000);
    MEASURE("processes", count, vt_guest_processes(session_guest(session), &processes, &count),
            free(processes));
    MEASURE("waits", count, vt_guest_waits(session_guest(session), &waits, &count), free(waits));
    MEASURE("frames", count, vt_guest_frames(session_guest(session), &frames, &count),
            free(frames));
    cr_expect_geq(count, 65536);
    role_end(session);
}
