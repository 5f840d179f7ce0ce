/*
 * vmm/gdb/threads.c - the guest's tasks as a debugger's threads, copied anew after every stop, and
 * which CPU's registers belong to which of them.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/gdb/client.h"

/*
 * A CPU in the kernel works for the task on whose kernel stack it is: in the middle of a switch the
 * kernel's own note of who runs is already, or still, another. In user mode the note is right.
 */
static struct gdb_thread *owner_of(struct gdb_client *client, unsigned cpu)
{
    const struct machine_registers *core = &client->states[cpu].core;
    const struct glass_cpu *block = guest_cpu(client->target->guest, cpu);
    const uint64_t running = block ? GUEST_LOAD(&block->running) : 0;
    const uint64_t rsp = core->general[7];
    struct gdb_thread *found = NULL, *idle = NULL;

    for (size_t i = 0; i < client->thread_count; i++) {
        struct gdb_thread *thread = &client->threads[i];
        const uint64_t top = thread->context.stack_top;

        if (!(core->cs & 3) && top && rsp <= top && top - rsp <= GUEST_KERNEL_STACK_BYTES)
            return thread;
        if (running && thread->context.address == running)
            found = thread;
        if (thread->id == GDB_IDLE_THREAD + (int64_t)cpu)
            idle = thread;
    }
    return found ? found : idle;
}

/* Before the kernel is up there are no tasks: each CPU is shown as its idle task to be. */
static struct vt_error *without_tasks(struct gdb_client *client)
{
    client->threads = calloc(BOOT_CPUS_MAX, sizeof(*client->threads));
    if (!client->threads)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the list of threads");
    client->thread_count = client->target->cpus;
    for (unsigned cpu = 0; cpu < client->target->cpus; cpu++) {
        struct gdb_thread *thread = &client->threads[cpu];

        thread->id = GDB_IDLE_THREAD + (int64_t)cpu;
        thread->cpu = (int)cpu;
        thread->context.task.state = TASK_RUNNING;
        thread->context.task.idle = true;
        snprintf(thread->context.task.comm, sizeof(thread->context.task.comm), "cpu/%u", cpu);
    }
    return NULL;
}

static struct vt_error *with_tasks(struct gdb_client *client)
{
    struct guest_context *contexts;
    struct vt_error *error =
        guest_contexts(client->target->guest, &contexts, &client->thread_count);

    if (error)
        return error;
    client->threads = calloc(client->thread_count + 1, sizeof(*client->threads));
    for (size_t i = 0; client->threads && i < client->thread_count; i++) {
        const struct vt_task *task = &contexts[i].task;

        client->threads[i].context = contexts[i];
        client->threads[i].cpu = -1;
        client->threads[i].id = task->idle ? GDB_IDLE_THREAD + (int64_t)task->cpu : task->tid;
    }
    free(contexts);
    return client->threads
               ? NULL
               : vt_error_create(VT_ERROR_MEMORY, "out of memory for the list of threads");
}

struct vt_error *gdb_threads_refresh(struct gdb_client *client)
{
    struct vt_guest *guest = client->target->guest;
    struct vt_error *error = NULL;

    if (client->fresh)
        return NULL;
    free(client->threads);
    client->threads = NULL;
    client->thread_count = 0;
    struct vt_error *not_ready = guest_require_ready(guest);
    const bool ready = !not_ready;
    vt_error_destroy(not_ready);
    for (unsigned cpu = 0; cpu < client->target->cpus && !error; cpu++) {
        const struct glass_cpu *block = ready ? guest_cpu(guest, cpu) : NULL;

        client->online[cpu] = block ? GUEST_LOAD(&block->online) != 0 : cpu == 0;
        if (client->given)
            client->states[cpu] = (struct machine_cpu_state){.core = client->given[cpu]};
        else
            error = machine_debug_state(client->target->machine, cpu, &client->states[cpu]);
    }
    if (!error)
        error = ready ? with_tasks(client) : without_tasks(client);
    if (error)
        return error;
    for (unsigned cpu = 0; ready && cpu < client->target->cpus; cpu++) {
        struct gdb_thread *owner = client->online[cpu] ? owner_of(client, cpu) : NULL;

        if (owner)
            owner->cpu = (int)cpu;
    }
    client->fresh = true;
    return NULL;
}

struct gdb_thread *gdb_thread_find(struct gdb_client *client, int64_t id)
{
    vt_error_destroy(gdb_threads_refresh(client));
    for (size_t i = 0; i < client->thread_count; i++)
        if (client->threads[i].id == id)
            return &client->threads[i];
    return NULL;
}

struct gdb_thread *gdb_thread_on_cpu(struct gdb_client *client, unsigned cpu)
{
    vt_error_destroy(gdb_threads_refresh(client));
    for (size_t i = 0; i < client->thread_count; i++)
        if (client->threads[i].cpu == (int)cpu)
            return &client->threads[i];
    return NULL;
}

int64_t gdb_thread_interesting(struct gdb_client *client)
{
    struct gdb_thread *best = NULL;

    vt_error_destroy(gdb_threads_refresh(client));
    for (size_t i = 0; i < client->thread_count; i++) {
        struct gdb_thread *thread = &client->threads[i];

        if (thread->cpu >= 0 && !thread->context.task.idle)
            return thread->id;
    }
    if (gdb_thread_find(client, client->current))
        return client->current;
    /* Nobody runs: the oldest program, rather than the kernel's own tasks. */
    for (size_t i = 0; i < client->thread_count; i++) {
        struct gdb_thread *thread = &client->threads[i];

        if (!best || (!best->context.task.page_table && thread->context.task.page_table))
            best = thread;
    }
    return best ? best->id : GDB_IDLE_THREAD;
}

struct gdb_thread *gdb_thread_selected(struct gdb_client *client)
{
    struct gdb_thread *thread =
        gdb_thread_find(client, client->general > 0 ? client->general : client->current);

    return thread ? thread : gdb_thread_find(client, gdb_thread_interesting(client));
}

bool gdb_thread_in_user_mode(const struct gdb_client *client, const struct gdb_thread *thread)
{
    return thread->cpu >= 0 && (client->states[thread->cpu].core.cs & 3) == 3;
}

void gdb_thread_describe(const struct gdb_thread *thread, char *text, size_t room)
{
    const struct vt_task *task = &thread->context.task;
    int used = snprintf(text, room, "%s", vt_task_state_name(task->state));

    if ((task->state == TASK_BLOCKED || task->state == TASK_BLOCKED_HARD) && used > 0 &&
        (size_t)used < room)
        used +=
            snprintf(text + used, room - (size_t)used, " (%s)", vt_wait_kind_name(task->wait_kind));
    if (thread->cpu >= 0 && used > 0 && (size_t)used < room)
        snprintf(text + used, room - (size_t)used, " on CPU %d", thread->cpu);
}

static void write_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("<>&\"'", *text) || !isprint((unsigned char)*text))
            fprintf(out, "&#%u;", (unsigned char)*text < 32 ? (unsigned)'?' : (unsigned char)*text);
        else
            fputc(*text, out);
    }
}

char *gdb_threads_xml(struct gdb_client *client, size_t *ret_bytes)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_bytes);

    if (!out)
        return NULL;
    vt_error_destroy(gdb_threads_refresh(client));
    fputs("<?xml version=\"1.0\"?>\n<threads>\n", out);
    for (size_t i = 0; i < client->thread_count; i++) {
        const struct gdb_thread *thread = &client->threads[i];
        char description[96];

        gdb_thread_describe(thread, description, sizeof(description));
        fprintf(out, "<thread id=\"%llx\" core=\"%u\" name=\"", (unsigned long long)thread->id,
                thread->context.task.cpu);
        write_escaped(out, thread->context.task.comm);
        fputs("\">", out);
        write_escaped(out, description);
        fputs("</thread>\n", out);
    }
    fputs("</threads>\n", out);
    fclose(out);
    return text;
}
