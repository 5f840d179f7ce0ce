/*
 * tests/integration/test_kernel_threads.c - threads of the kernel's own: mm_release, which gives back the
 * memory of large programs, and what can be seen of it.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/integration/harness.h"

#define MIB    (1ull << 20)
#define MEMORY (512 * MIB)

static struct session *start(const struct variant *variant, const char *mib, const char *rounds)
{
    const char *arguments[] = {guest_program("large_exit"), mib, rounds, NULL};
    struct session_settings settings = {
        .arguments = arguments, .keep_input_open = true, .memory_bytes = MEMORY};

    return session_start(variant, &settings);
}

/* The task of that name, if there is one. */
static bool find(struct vt_guest *guest, const char *name, struct vt_task *ret)
{
    struct vt_task *tasks;
    size_t count;
    bool found = false;

    require_ok(vt_guest_tasks(guest, &tasks, &count), "vt_guest_tasks");
    for (size_t i = 0; i < count && !found; i++) {
        found = strcmp(tasks[i].comm, name) == 0;
        if (found)
            *ret = tasks[i];
    }
    free(tasks);
    return found;
}

/* Lets the guest get on while something is looked for that nobody reports. */
static void nap_a_moment(void)
{
    nanosleep(&(struct timespec){0, 5000000}, NULL);
}

/* Is the memory of programs that ended given back by a thread that has none itself, that looks like a
 * thread of the kernel from inside and outside, and that no signal ends? */
VARIANT_TEST(kernel_threads, memory_of_large_programs)
{
    struct vt_task task = {.tid = 0};

    variant_require(variant);
    if (harness_is_slow(variant))
        cr_skip_test("kernel code is interpreted here: so much memory takes too long");
    struct session *session = start(variant, "160", "4");
    struct vt_guest *guest = session_guest(session);

    cr_assert_str_eq(session_expect(session, "before "), "0");
    cr_assert(!find(guest, "mm_release", &task), "the thread is there before it is needed");
    uint64_t before = frames_in_use(guest);
    session_send(session, "go\n");
    cr_assert_str_eq(session_expect(session, "thread "), "1");
    cr_assert_str_eq(session_expect(session, "parent "), "1, kernel's own 1");
    cr_assert_str_eq(session_expect(session, "command line "), "\"\"");
    cr_assert_str_eq(session_expect(session, "mappings "), "\"\"");
    cr_assert_str_eq(session_expect(session, "program "), "ENOENT");
    cr_assert_str_eq(session_expect(session, "kill "), "0");
    cr_assert_str_eq(session_expect(session, "still there "), "1");
    session_expect(session, "over");
    for (int tries = 0; frames_in_use(guest) > before + 64 && tries < 2000; tries++)
        nap_a_moment();
    uint64_t after = frames_in_use(guest);
    cr_assert(after <= before + 64, "%llu frames before, %llu when all had ended",
              (unsigned long long)before, (unsigned long long)after);
    cr_assert(find(guest, "mm_release", &task), "the thread is gone");
    cr_assert(
        task.kernel_thread && task.ppid == 1 && task.pid == task.tid && task.address_space_id == 0,
        "kernel thread %d, parent %d, pid %d of tid %d, address space %llu", task.kernel_thread,
        task.ppid, task.pid, task.tid, (unsigned long long)task.address_space_id);
    session_send(session, "end\n");
    session_wait_exit(session, 0);
    session_destroy(session);
}

/* A small program's memory is given back at once, and nobody is made for it. */
VARIANT_TEST(kernel_threads, small_programs_need_none)
{
    struct vt_task task;

    variant_require(variant);
    struct session *session = start(variant, "4", harness_is_slow(variant) ? "1" : "4");

    session_expect(session, "before ");
    session_send(session, "go\n");
    cr_assert_str_eq(session_expect(session, "thread "), "0");
    session_expect(session, "over");
    cr_assert(!find(session_guest(session), "mm_release", &task), "there is a thread");
    session_send(session, "end\n");
    session_wait_exit(session, 0);
    session_destroy(session);
}
