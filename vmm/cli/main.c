/*
 * vmm/cli/main.c - `vitrine COMMAND ...`.
 */
#include <argp.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cli/cli.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    {"run", cli_run, "run a program in a kernel of its own and show what happened"},
    {"ps", cli_ps, "list the tasks of a running machine, seen from outside"},
    {"tree", cli_tree, "the same as a tree of processes and threads"},
    {"wait", cli_wait, "who waits for what, who could end it, and who is deadlocked"},
    {"maps", cli_maps, "what a process has mapped, as in /proc/PID/maps"},
    {"files", cli_files, "every open file of a process by name, as in /proc/PID/fd"},
    {"processes", cli_processes, "processes as objects: GUID, family, threads, limits"},
    {"tokens", cli_tokens, "who processes are and threads act as: tokens"},
    {"audit-log", cli_audit_log, "what happens to tokens, and who was denied what"},
    {"namespaces", cli_namespaces, "namespaces and who is in them, as lsns does inside"},
    {"queues", cli_queues, "each CPU's run queue and timers"},
    {"locks", cli_locks, "the kernel's locks: taken, waited for, fought for"},
    {"frames", cli_frames, "what memory is used for, counted frame by frame"},
    {"trace", cli_trace, "follow the events of a running machine"},
    {"strace", cli_strace, "the system calls of a program or of a running machine, in words"},
    {"audit", cli_audit, "prove the kernel's promises on a running machine"},
    {"do", cli_do, "act on the tasks of a running machine: signal, hold, nice, spawn ..."},
    {"top", cli_top, "the busiest tasks of a running machine, again and again"},
    {"profile", cli_profile, "what each process of a running machine used over time"},
    {"gdb", cli_gdb, "debug a running machine, its tasks as gdb's threads"},
    {"core", cli_core, "write a core file of a running machine"},
    {"snapshot", cli_snapshot, "save a running machine in a file, to go on from there later"},
    {"restore", cli_restore, "let a machine go on from a snapshot"},
    {"doctor", cli_doctor, "what this host can do, which backend is used, and why"},
};

/* Words of the command line's plan that have no meaning yet: refused, never ignored. */
static const char *const planned[] = {"caps", "screenshot", "bench", "explore"};

int cli_fail(struct vt_error *error)
{
    fprintf(stderr, "vitrine: %s\n", vt_error_message(error));
    vt_error_destroy(error);
    return STATUS_FAILED;
}

static void usage(FILE *out)
{
    fputs("Usage: vitrine COMMAND [OPTION...]\n\n", out);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].what);
    fputs(
        "\n`vitrine COMMAND --help` tells more, `man vitrine` everything; `vitrine --version` says "
        "which it is. A first try:\n"
        "  vitrine run -- /bin/sh -c 'ls / | wc -l'\n",
        out);
}

int main(int argc, char **argv)
{
    char name[64];

    setlocale(LC_CTYPE, "");
    argp_err_exit_status = STATUS_FAILED;
    if (argc < 2) {
        usage(stderr);
        return STATUS_FAILED;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("vitrine %s\n", vitrine_version());
        return 0;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].name) == 0) {
            snprintf(name, sizeof(name), "vitrine %s", argv[1]);
            argv[1] = name;
            return commands[i].run(argc - 1, argv + 1);
        }
    for (size_t i = 0; i < sizeof(planned) / sizeof(planned[0]); i++)
        if (strcmp(argv[1], planned[i]) == 0) {
            fprintf(stderr, "vitrine: '%s' is not available in this version\n", argv[1]);
            return STATUS_FAILED;
        }
    fprintf(stderr, "vitrine: there is no command '%s' (vitrine --help lists them)\n", argv[1]);
    return STATUS_FAILED;
}
