/* tests/integration/acted_on.c - see acted_on.h. */
#include "tests/integration/acted_on.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

struct acted_on acted_on_start(const struct variant *variant, const char *name)
{
    const char *arguments[] = {guest_program("acted_on"), NULL};
    struct session_settings settings = {
        .arguments = arguments, .keep_input_open = true, .name = name, .unstopped = true};
    struct acted_on program = {.session = session_start(variant, &settings)};
    unsigned long address;

    program.guest = session_guest(program.session);
    cr_assert(sscanf(session_expect(program.session, "ready "), "%d %lx", &program.pid, &address) ==
              2);
    program.counts = address;
    return program;
}

struct vt_task acted_on_task(struct acted_on *program, int32_t tid)
{
    struct vt_task task;

    require_ok(vt_guest_task(program->guest, tid, &task), "vt_guest_task");
    return task;
}

uint64_t acted_on_count(struct acted_on *program, unsigned index)
{
    struct vt_task task = acted_on_task(program, program->pid);
    uint64_t count;

    require_ok(vt_guest_read_user(program->guest, &task, program->counts + 8ull * index, &count,
                                  sizeof(count)),
               "vt_guest_read_user");
    return count;
}

void acted_on_await_progress(struct acted_on *program, unsigned index, uint64_t before)
{
    time_t deadline = time(NULL) + session_timeout_ms(program->session) / 1000;

    while (acted_on_count(program, index) <= before) {
        cr_assert(time(NULL) < deadline, "counter %u stands at %lu", index, (unsigned long)before);
        usleep(200);
    }
}
