/* vmm/profile/profile.c - see profile.h: one look, and what is kept of it. */
#include "vmm/profile/profile.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/clock.h"
#include "vmm/inspect/contexts.h"
#include "vmm/profile/folded.h"
#include "vmm/profile/unwind.h"

/* A stack of the look under way: addresses while the machine is held, names afterwards. */
struct seen {
    struct vt_task task;
    struct unwound frames;
};

struct profile {
    struct vt_guest *guest;
    struct profile_settings settings;
    struct profile_figures figures;
    struct modules *modules;
    struct folded folded;
    struct seen *seen;
    size_t seen_count, seen_room;
    char line[FOLDED_LINE_MAX];
};

struct vt_error *profile_create(struct vt_guest *guest, const struct profile_settings *settings,
                                struct profile **ret)
{
    struct profile *profile = calloc(1, sizeof(*profile));

    if (!profile)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for a profile");
    profile->guest = guest;
    profile->settings = *settings;
    struct vt_error *error = modules_create(guest, &profile->modules);
    if (error) {
        free(profile);
        return error;
    }
    *ret = profile;
    return NULL;
}

void profile_destroy(struct profile *profile)
{
    if (!profile)
        return;
    modules_destroy(profile->modules);
    folded_deinit(&profile->folded);
    free(profile->seen);
    free(profile);
}

struct profile_figures profile_figures(const struct profile *profile)
{
    return profile->figures;
}

/* ---- while the machine is held ---- */

/* Where a program's system call came from that could not leave user mode (docs/hosts.md): it stands
 * in the kernel's page for them, and RCX has its return address as behind `syscall`. */
static void leave_call_page(struct guest_registers *registers)
{
    if (registers->rip >= GUEST_KERNEL_HALF)
        registers->rip = registers->general[2];
}

/*
 * The program's registers while its task is in the kernel: in the trap frame at the top of the
 * kernel's stack, or, in the few instructions that build it and take it down, still or already in
 * the CPU: what lies below the stack pointer is not there yet, or not any more. False: the task has
 * not come from a program.
 */
static bool program_registers(struct profile *profile, const struct guest_context *context,
                              const struct guest_registers *kernel, struct guest_registers *ret)
{
    /* Numbers in guest_registers.general of what the frame begins with. */
    static const uint8_t order[15] = {15, 14, 13, 12, 6, 1, 11, 10, 9, 8, 0, 2, 3, 4, 5};
    const uint64_t at = context->stack_top - sizeof(struct guest_trap_frame);
    struct guest_trap_frame frame;
    uint64_t saved[15];
    size_t got = 0;

    if (!context->stack_top || context->task.kernel_thread || context->task.idle)
        return false;
    vt_error_destroy(guest_read_virtual(profile->guest, 0, at, &frame, sizeof(frame), &got));
    if (got != sizeof(frame) || (frame.cs & 3) != 3)
        return false;
    memcpy(saved, &frame, sizeof(saved));
    *ret = *kernel;
    for (unsigned i = 0; i < 15; i++)
        if (at + i * sizeof(saved[0]) >= kernel->general[7])
            ret->general[order[i]] = saved[i];
    ret->general[7] = frame.rsp;
    ret->rip = frame.rip;
    ret->user = true;
    leave_call_page(ret);
    return true;
}

/* Takes off what is no code of the kernel: a way out of it that leads nowhere. */
static void trim(const struct vt_guest *guest, struct unwound *frames)
{
    while (frames->count > 1) {
        uint64_t last = frames->addresses[frames->count - 1];

        if (last < GUEST_KERNEL_HALF || last - guest->image_virtual < guest->image_bytes)
            return;
        frames->count--;
    }
}

static void see(struct profile *profile, const struct guest_context *context,
                const struct guest_registers *found)
{
    const struct vt_task *task = &context->task;
    struct guest_registers registers = *found, program;

    if (profile->settings.pid && task->pid != profile->settings.pid)
        return;
    if (profile->seen_count == profile->seen_room) {
        size_t room = profile->seen_room ? 2 * profile->seen_room : 16;
        struct seen *larger = realloc(profile->seen, room * sizeof(*larger));

        if (!larger)
            return;
        profile->seen = larger;
        profile->seen_room = room;
    }
    struct seen *seen = &profile->seen[profile->seen_count++];
    struct unwound *frames = &seen->frames;
    seen->task = *task;
    *frames = (struct unwound){.count = 0};
    struct space *space = modules_of(profile->modules, task);
    if (registers.user)
        leave_call_page(&registers);
    /* Where the frame is built or taken down, the tables do not say how far that has come. */
    const uint64_t frame = context->stack_top - sizeof(struct guest_trap_frame);
    if (!registers.user && registers.general[7] > frame &&
        registers.general[7] <= context->stack_top)
        frames->addresses[frames->count++] = registers.rip;
    else
        unwind(profile->guest, space, task->page_table, &registers, frames);
    if (registers.user)
        return;
    trim(profile->guest, frames);
    if (frames->addresses[frames->count - 1] >= GUEST_KERNEL_HALF &&
        program_registers(profile, context, &registers, &program))
        unwind(profile->guest, space, task->page_table, &program, frames);
}

/*
 * A CPU in the kernel works for the task on whose kernel stack it is: in the middle of a switch the
 * kernel's note of who runs is already, or still, another. In user mode the note is right.
 */
static const struct guest_context *whose(struct profile *profile,
                                         const struct guest_context *contexts, size_t count,
                                         unsigned cpu, const struct guest_registers *registers)
{
    const struct glass_cpu *block = guest_cpu(profile->guest, cpu);
    const uint64_t running = block ? GUEST_LOAD(&block->running) : 0;
    const struct guest_context *noted = NULL;

    for (size_t i = 0; i < count; i++) {
        const uint64_t top = contexts[i].stack_top, rsp = registers->general[7];

        if (!registers->user && top && rsp <= top && top - rsp <= GUEST_KERNEL_STACK_BYTES)
            return &contexts[i];
        if (running && contexts[i].address == running)
            noted = &contexts[i];
    }
    return noted;
}

static void see_running(struct profile *profile, const struct guest_context *contexts, size_t count,
                        const struct guest_registers *registers, unsigned cpus)
{
    static const struct guest_context nobody = {.task = {.comm = "idle", .idle = true}};

    for (unsigned cpu = 0; cpu < cpus; cpu++) {
        const struct glass_cpu *block = guest_cpu(profile->guest, cpu);
        if (!block || !GUEST_LOAD(&block->online))
            continue;
        const struct guest_context *context = whose(profile, contexts, count, cpu, &registers[cpu]);
        if (context && !context->task.idle)
            see(profile, context, &registers[cpu]);
        else
            profile->figures.idle++;
        if ((!context || context->task.idle) && profile->settings.idle)
            see(profile, &nobody, &registers[cpu]);
    }
}

/* A task that sleeps is where it called for another one. */
static void see_sleeping(struct profile *profile, const struct guest_context *contexts,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct guest_context *context = &contexts[i];
        const enum task_state state = context->task.state;
        struct guest_switch_frame frame;
        size_t got = 0;

        if ((state != TASK_BLOCKED && state != TASK_BLOCKED_HARD && state != TASK_STOPPED) ||
            context->task.kernel_thread || context->task.idle)
            continue;
        vt_error_destroy(guest_read_virtual(profile->guest, 0, context->kernel_rsp, &frame,
                                            sizeof(frame), &got));
        if (got != sizeof(frame))
            continue;
        const struct guest_registers registers = {
            .general = {[1] = frame.rbx,
                        [6] = frame.rbp,
                        [7] = context->kernel_rsp + sizeof(frame),
                        [12] = frame.r12,
                        [13] = frame.r13,
                        [14] = frame.r14,
                        [15] = frame.r15},
            .rip = frame.return_address};
        see(profile, context, &registers);
    }
}

/* ---- afterwards ---- */

static void count_seen(struct profile *profile, const struct seen *seen)
{
    struct space *space = modules_known(profile->modules, seen->task.address_space_id);
    char text[1024];

    profile->line[0] = '\0';
    if (profile->settings.threads)
        snprintf(text, sizeof(text), "%s/%d", seen->task.comm, seen->task.tid);
    else
        snprintf(text, sizeof(text), "%s", seen->task.comm);
    folded_append(profile->line, text, "");
    if (seen->frames.cut)
        profile->figures.cut++;
    for (unsigned i = seen->frames.count; i-- > 0;) {
        uint64_t address = seen->frames.addresses[i];

        folded_append(profile->line, modules_name(space, address, text, sizeof(text)),
                      address >= GUEST_KERNEL_HALF ? "_[k]" : "");
    }
    if (profile->settings.off_cpu && seen->task.state != TASK_STOPPED) {
        snprintf(text, sizeof(text), "[%s]", vt_wait_kind_name(seen->task.wait_kind));
        folded_append(profile->line, text, "");
    }
    if (folded_add(&profile->folded, profile->line))
        profile->figures.stacks++;
}

struct vt_error *profile_look(struct profile *profile)
{
    struct guest_registers registers[BOOT_CPUS_MAX];
    struct guest_context *contexts = NULL;
    size_t count = 0;
    unsigned cpus = 0;
    struct vt_error *error = guest_require_ready(profile->guest);

    profile->seen_count = 0;
    if (error)
        return error;
    uint64_t start = clock_monotonic_ns();
    error = guest_hold(profile->guest, registers, &cpus);
    if (error)
        return error;
    error = guest_contexts(profile->guest, &contexts, &count);
    if (!error && profile->settings.off_cpu)
        see_sleeping(profile, contexts, count);
    else if (!error)
        see_running(profile, contexts, count, registers, cpus);
    struct vt_error *stuck = guest_let_go(profile->guest);
    uint64_t held = clock_monotonic_ns() - start;
    free(contexts);
    for (size_t i = 0; i < profile->seen_count; i++)
        count_seen(profile, &profile->seen[i]);
    if (error || stuck) {
        vt_error_destroy(error ? stuck : NULL);
        return error ? error : stuck;
    }
    profile->figures.looks++;
    profile->figures.held_ns += held;
    if (held > profile->figures.longest_ns)
        profile->figures.longest_ns = held;
    return NULL;
}

void profile_write_folded(const struct profile *profile, FILE *out)
{
    size_t count;
    const struct folded_line **lines = folded_sorted(&profile->folded, &count);

    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s %lu\n", lines[i]->text, (unsigned long)lines[i]->count);
    free(lines);
}

static json_t *line_json(const struct folded_line *line)
{
    json_t *frames = json_array();
    char *copy = strdup(line->text), *rest = copy;

    for (char *frame; copy && (frame = strsep(&rest, ";")) != NULL;)
        json_array_append_new(frames, json_string(frame));
    free(copy);
    return json_pack("{s:o,s:I}", "frames", frames, "count", (json_int_t)line->count);
}

void profile_write_json(const struct profile *profile, FILE *out)
{
    const struct profile_figures *figures = &profile->figures;
    json_t *stacks = json_array();
    size_t count;
    const struct folded_line **lines = folded_sorted(&profile->folded, &count);

    for (size_t i = 0; i < count; i++)
        json_array_append_new(stacks, line_json(lines[i]));
    free(lines);
    json_t *object =
        json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "looks", (json_int_t)figures->looks, "samples",
                  (json_int_t)figures->stacks, "idle", (json_int_t)figures->idle, "cut",
                  (json_int_t)figures->cut, "held_ns", (json_int_t)figures->held_ns,
                  "longest_held_ns", (json_int_t)figures->longest_ns, "stacks", stacks);
    json_dumpf(object, out, JSON_INDENT(1) | JSON_ENSURE_ASCII);
    fputc('\n', out);
    json_decref(object);
}
