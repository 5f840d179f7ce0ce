/*
 * tests/integration/test_gdb.c - a debugger on a machine. The real gdb asks, and what it prints is
 * judged. Some questions have another answer where KVM interprets the kernel (soft hosts): there
 * the refusal and its reason are what is asked for.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/gdb_client.h"

/* gdb's command that makes the program the selected thread. */
#define SELECT_DEBUGGED                                                                            \
    "python gdb.execute('thread %d' % [t.num for t in gdb.selected_inferior().threads() if "       \
    "t.name == 'debugged'][0])"

static struct debugged start(const struct variant *variant, bool at_start)
{
    variant_require(variant);
    return debugged_start(variant, at_start, "debugged");
}

/* For tests that stop the program's own code, or watch its data. */
static struct debugged start_to_stop_program(const struct variant *variant, bool at_start)
{
    variant_require(variant);
    if (harness_is_slow(variant))
        cr_skip_test("user code and data cannot be debugged on this KVM: gdb/refusals asserts it");
    return debugged_start(variant, at_start, "debugged");
}

static void expect_finish(struct debugged *debugged)
{
    char *output;
    int status = debugged_wait(debugged, &output);

    cr_assert(status == 6 && strstr(output, "total 6 steps 3 child 0"), "status %d:\n%s", status,
              output);
    free(output);
}

/* Are all tasks there by name, is a sleeping one's backtrace right from the kernel's wait to the
 * program's main, and does the program go on as if nothing had been after a detach? */
VARIANT_TEST(gdb, threads_and_backtraces)
{
    struct debugged debugged = start(variant, false);
    char *text =
        GDB(debugged.socket, "debugged", "info threads", "thread find debugged", "thread 3", "bt",
            "monitor user", "maintenance flush register-cache", "info registers rip", "detach");

    GDB_EXPECT(text, "\"idle/0\"", "\"init\" (blocked-hard (kernel work))",
               "\"debugged\" (blocked (console input))");
    cr_assert(gdb_count(text, "\"idle/") >= variant->cpus, "%s", text);
    free(text);
    text = GDB(debugged.socket, "debugged", SELECT_DEBUGGED, "bt", "monitor user",
               "maintenance flush register-cache", "info symbol $pc", "p (long)$orig_rax",
               "monitor kernel", "detach");
    /* System call 0 is read. */
    GDB_EXPECT(text, "wait_block", "stream_read", "sys_read", "await_host", "main ()",
               "left user mode", "read ", "= 0", "detached");
    free(text);
    debugged_send(&debugged);
    expect_finish(&debugged);
}

/* Does a breakpoint in a program's function stop the process it was set for, each time, and never
 * the child that calls the same function in the same pages? Do steps go line by line, and is a
 * watched variable's change noticed? */
VARIANT_TEST(gdb, program_breakpoints)
{
    struct debugged debugged = start_to_stop_program(variant, false);

    char *text =
        GDB(debugged.socket, "debugged", SELECT_DEBUGGED, "break add", debugged.send, "continue",
            "bt", "continue", "continue", "delete", "break three_steps", "continue", "next", "next",
            "p steps", "stepi", "next", "p steps", "delete", "continue");

    /* All three calls lie ahead, and the child's. */
    GDB_EXPECT(text, "hit Breakpoint 1, add (value=", "1)", "in main ()", "hit Breakpoint 1, add",
               "2)", "hit Breakpoint 1, add", "3)", "hit Breakpoint 2, three_steps",
               "= {1, 2, 0, 0}", "= {1, 2, 3, 0}", "exited with code 06");
    cr_assert(gdb_count(text, "hit Breakpoint 1") == 3, "%s", text);
    free(text);
    expect_finish(&debugged);
}

VARIANT_TEST(gdb, watchpoint)
{
    struct debugged debugged = start_to_stop_program(variant, false);

    char *text =
        GDB(debugged.socket, "debugged", SELECT_DEBUGGED, "break three_steps", debugged.send,
            "continue", "delete", "watch steps[2]", "continue", "bt", "delete", "continue");

    GDB_EXPECT(text, "Hardware watchpoint 2: steps[2]", "Old value = 0", "New value = 3",
               "three_steps ()", "main ()", "exited with code 06");
    free(text);
    expect_finish(&debugged);
}

/* Before the first instruction of a program: does --gdb wait, does a breakpoint in main come, do
 * instruction steps lead over a system call, and does ^C reach a program that sleeps? */
VARIANT_TEST(gdb, from_the_start)
{
    struct debugged debugged = start_to_stop_program(variant, true);
    char *text =
        GDB(debugged.socket, "debugged", "bt", "break main", "continue", "delete", "break write",
            "continue", "delete", "python\nfor i in range(12): gdb.execute('stepi')\nend",
            "info symbol $pc", debugged.interrupt, "continue", "info threads", "detach");

    GDB_EXPECT(text, "stop_here", "first_return_to_user", "_start", "hit Breakpoint 1, main",
               "hit Breakpoint 2", "write ", "SIGINT", "\"debugged\" (blocked (console input))",
               "detached");
    free(text);
    debugged_send(&debugged);
    expect_finish(&debugged);
}

/* Does a breakpoint in the kernel stop the task that comes by, and do steps work there? */
VARIANT_TEST(gdb, kernel)
{
    struct debugged debugged = start(variant, false);

    char *text = GDB(debugged.socket, "debugged", "hbreak process_clone", debugged.send, "continue",
                     "bt", "stepi", "stepi", "x/i $pc", "next", "delete", "continue");

    GDB_EXPECT(text, "hit ", "process_clone (", "<signal handler called>", "fork ()", "main ()",
               "exited with code 06");
    free(text);
    expect_finish(&debugged);
}

/* Is what a soft host cannot do refused, with the reason, and does the program go on? */
VARIANT_TEST_ONE_CPU(gdb, refusals)
{
    variant_require(variant);
    if (!harness_is_slow(variant))
        cr_skip_test("nothing is refused here");
    struct debugged debugged = debugged_start(variant, false, "debugged");
    char *text = GDB(debugged.socket, "debugged", "break add", "hbreak process_clone",
                     debugged.send, "continue", "delete", "monitor why",
                     /* gdb's script would end at an error: Python goes on. */
                     "python\ntry:\n gdb.execute('watch per_cpu_glass_cpu.switches')\n "
                     "gdb.execute('continue')\nexcept gdb.error as problem: print(problem)\nend",
                     "monitor why", "delete", "hbreak return_iretq", "continue",
                     "python\ntry: gdb.execute('stepi')\nexcept gdb.error as problem: "
                     "print(problem)\nend",
                     "monitor why", "delete", "continue");

    GDB_EXPECT(text, "KVM runs user code without telling the debugger", "process_clone (",
               "KVM runs user code without telling the debugger",
               "looks at the addresses of instructions only", "hit Breakpoint 4",
               "runs user code, or is about to: it cannot be stepped", "exited with code 06");
    free(text);
    expect_finish(&debugged);
}

/* When the kernel panics under a debugger: is it told, can it look, and is the end the panic's? */
VARIANT_TEST_ONE_CPU(gdb, panic)
{
    struct debugged debugged = start(variant, false);
    char *text = GDB(debugged.socket, "debugged", "hbreak process_clone", debugged.send, "continue",
                     "set $rip = 0", "continue", "bt", "printf \"said %s\\n\", glass.panic.message",
                     "detach");
    char *output;

    GDB_EXPECT(text, "process_clone (", "SIGINT", "panic", "said ", "detached");
    free(text);
    cr_assert(debugged_wait(&debugged, &output) == 125);
    free(output);
}

/* A process of the same program beside it: does `scope` decide whom a breakpoint stops? */
VARIANT_TEST_ONE_CPU(gdb, scope)
{
    struct debugged debugged = start_to_stop_program(variant, false);
    char *text = GDB(debugged.socket, "debugged", SELECT_DEBUGGED, "monitor scope all", "break add",
                     debugged.send, "continue", "p value", "monitor scope 2", "continue", "p value",
                     "monitor scope", "delete", "continue");

    /* The child's calls come first, with 100. */
    GDB_EXPECT(text, "every process", "hit Breakpoint 1, add", "= 100", "process 2 only",
               "hit Breakpoint 1, add", "= 1\n", "process 2\n", "exited with code 06");
    free(text);
    expect_finish(&debugged);
}

/* Does `kill` end the machine at once? And may somebody else connect after a lost debugger? */
VARIANT_TEST_ONE_CPU(gdb, kill)
{
    struct debugged debugged = start(variant, false);
    char *text, *output;

    free(GDB(debugged.socket, NULL, "info threads", "python import os; os._exit(0)"));
    text = GDB(debugged.socket, NULL, "info threads", "kill");
    GDB_EXPECT(text, "\"debugged\"", "killed");
    free(text);
    cr_assert(debugged_wait(&debugged, &output) == 128 + 9);
    free(output);
}

/* With gdb's own words only: the names of all open files of a task, found from the kernel's symbols
 * (docs/gdb.md explains them). And the same by our command. */
VARIANT_TEST_ONE_CPU(gdb, open_files)
{
    struct debugged debugged = start(variant, false);
    char *text =
        GDB(debugged.socket, NULL, "set $chunk = (char *)task_slots.glass.chunks[0]", "set $i = 0",
            "while ((struct task *)($chunk + $i * task_slots.glass.stride))->tid != 2",
            "set $i = $i + 1", "end",
            "set $table = ((struct task *)($chunk + $i * task_slots.glass.stride))->files",
            "set $i = 0", "while ($i < 32)", "if ($table->open[0] >> $i & 1)",
            "if ($table->files[$i]->dentry != 0)",
            "printf \"file %d %s\\n\", $i, $table->files[$i]->dentry->name", "else",
            "printf \"kind %d %s\\n\", $i, $table->files[$i]->operations->kind", "end", "end",
            "set $i = $i + 1", "end", "vt-files 2", "vt-ps", "vt-current", "detach");

    GDB_EXPECT(text, "kind 0 ", "kind 1 ", "kind 2 ", "file 3 passwd", "   3  struct file 0x",
               "/etc/passwd", "NAME", "init", "debugged", "CPU 0: thread ");
    cr_assert(strstr(text, "file 4") == NULL && strstr(text, "kind 4") == NULL, "%s", text);
    free(text);
    debugged_send(&debugged);
    expect_finish(&debugged);
}

/* Does gdb read a core file: threads, backtraces, variables? Does every command that looks at a
 * machine look into the file as well, as text and as JSON, while the machine goes on? */
VARIANT_TEST(core, on_demand)
{
    static const struct {
        const char *command, *pid, *shows;
    } looks[] = {
        {"ps", NULL, "debugged"},    {"tree", NULL, "debugged"}, {"files", "2", "/etc/passwd"},
        {"maps", "2", "debugged"},   {"wait", NULL, "debugged"}, {"queues", NULL, "CPU"},
        {"processes", NULL, "init"}, {"frames", NULL, "kernel"}, {"locks", NULL, "RANK"}};

    struct debugged debugged = start(variant, false);
    char path[320], core_command[340], *text;
    struct command_result result;

    snprintf(path, sizeof path, "%s.core", debugged.socket);
    snprintf(core_command, sizeof core_command, "core-file %s", path);
    result = COMMAND("core", debugged.name, path);
    cr_assert(result.status == 0, "%s", result.err);
    command_free(&result);
    text = GDB(NULL, NULL, core_command, "info threads", "thread apply all bt", "p glass.cpu_count",
               "p init_process->pid", "vt-ps", "vt-files 2");
    GDB_EXPECT(text, "LWP 2", "sys_read", variant->cpus == 2 ? "$1 = 2" : "$1 = 1", "$2 = 1",
               "debugged", "/etc/passwd");
    free(text);
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        result = COMMAND(looks[i].command, "--core", path, looks[i].pid);
        cr_expect(result.status == 0 && strstr(result.out, looks[i].shows), "%s: %s%s",
                  looks[i].command, result.out, result.err);
        command_free(&result);
        result = COMMAND(looks[i].command, "--json", "--core", path, looks[i].pid);
        json_t *json = json_loads(result.out, JSON_DISABLE_EOF_CHECK, NULL);
        cr_expect(result.status == 0 && json, "%s: %s%s", looks[i].command, result.out, result.err);
        json_decref(json);
        command_free(&result);
    }
    result = COMMAND("trace", "--core", path); /* nothing was recorded, but the rings are there */
    cr_expect(result.status == 0, "%s", result.err);
    command_free(&result);
    /* Not a core file and a machine at once. */
    result = COMMAND("locks", "--core", path, debugged.name);
    cr_expect(result.status == 125 && strstr(result.err, "not both"), "%s", result.err);
    command_free(&result);
    result = COMMAND("audit", "--core", path);
    cr_assert(result.status == 0 && strstr(result.out, "0 violations in 1 stopped worlds"), "%s%s",
              result.out, result.err);
    command_free(&result);
    cr_assert(truncate(path, 100000) == 0);
    result = COMMAND("ps", "--core", path);
    cr_assert(result.status == 125 && strstr(result.err, "cut short"), "%s", result.err);
    command_free(&result);
    unlink(path);
    debugged_send(&debugged);
    expect_finish(&debugged);
}
