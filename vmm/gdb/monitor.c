/*
 * vmm/gdb/monitor.c - `monitor COMMAND`: what gdb itself has no words for.
 */
#include <stdlib.h>
#include <string.h>

#include "vmm/gdb/client.h"

static void say_scope(struct gdb_client *client, FILE *out)
{
    if (client->scope == SCOPE_ALL)
        fputs("user addresses stop every process\n", out);
    else if (client->scope == SCOPE_PROCESS)
        fprintf(out, "user addresses stop process %d only\n", client->scope_pid);
    else
        fputs("a user address stops the processes that were selected when it was set\n", out);
    gdb_points_list(client, out);
}

static void scope(struct gdb_client *client, const char *argument, FILE *out)
{
    char *end;

    if (argument && strcmp(argument, "all") == 0) {
        client->scope = SCOPE_ALL;
    } else if (argument && strcmp(argument, "selected") == 0) {
        gdb_points_drop_unset(client); /* whose each is gets decided anew */
        client->scope = SCOPE_SELECTED;
    } else if (argument) {
        long pid = strtol(argument, &end, 10);
        const struct gdb_thread *thread = *end ? NULL : gdb_thread_find(client, pid);

        if (!thread || thread->context.task.pid != pid) {
            fprintf(out, "there is no process '%s': scope all, selected, or a PID\n", argument);
            return;
        }
        client->scope = SCOPE_PROCESS;
        client->scope_process_id = thread->context.task.process_id;
        client->scope_pid = thread->context.task.pid;
    }
    say_scope(client, out);
}

static void list_tasks(struct gdb_client *client, FILE *out)
{
    vt_error_destroy(gdb_threads_refresh(client));
    for (size_t i = 0; i < client->thread_count; i++) {
        const struct gdb_thread *thread = &client->threads[i];
        char description[96];

        gdb_thread_describe(thread, description, sizeof(description));
        fprintf(out, "%10lld  pid %-6d  %-16s  struct task %#lx  %s\n", (long long)thread->id,
                thread->context.task.pid, thread->context.task.comm,
                (unsigned long)thread->context.address, description);
    }
}

static void step(struct gdb_client *client, const char *argument, FILE *out)
{
    if (argument && strcmp(argument, "kernel") == 0)
        client->step_kernel = true;
    else if (argument && strcmp(argument, "user") == 0)
        client->step_kernel = false;
    fprintf(out, "a program's step %s\n",
            client->step_kernel ? "follows it into the kernel"
                                : "ends when the program is back from the kernel");
}

static void help(FILE *out)
{
    fputs("monitor ps             the tasks, with the addresses of their struct task\n"
          "monitor user           show tasks that are in the kernel where they left user mode\n"
          "monitor kernel         show them where they are (the default)\n"
          "monitor scope          whom breakpoints at user addresses stop; and: scope all, scope "
          "selected, scope PID\n"
          "monitor step kernel    steps follow a program into the kernel (step user: not)\n"
          "monitor why            why the last request was refused\n",
          out);
}

void gdb_monitor(struct gdb_client *client, char *command)
{
    char *text = NULL, *rest;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    const char *word = strtok_r(command, " \t\n", &rest);
    const char *argument = strtok_r(NULL, " \t\n", &rest);

    if (!out)
        return;
    if (!word || strcmp(word, "help") == 0) {
        help(out);
    } else if (strcmp(word, "ps") == 0) {
        list_tasks(client, out);
    } else if (strcmp(word, "user") == 0 || strcmp(word, "kernel") == 0) {
        client->user_view = word[0] == 'u';
        fprintf(out,
                "tasks in the kernel are shown where they %s; 'flushregs' makes gdb look anew\n",
                client->user_view ? "left user mode" : "are");
    } else if (strcmp(word, "scope") == 0) {
        scope(client, argument, out);
    } else if (strcmp(word, "step") == 0) {
        step(client, argument, out);
    } else if (strcmp(word, "why") == 0) {
        client->untold = false;
        fprintf(out, "%s\n", client->refusal[0] ? client->refusal : "nothing was refused");
    } else {
        fprintf(out, "there is no monitor command '%s'\n", word);
        help(out);
    }
    fclose(out);
    gdb_console(client, text);
    free(text);
}
