/*
 * vmm/cli/run_options.c - parsing and checking the command line of `vitrine run`.
 */
#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/run_options.h"
#include "vmm/export/trace_file.h"
#include "vmm/session/boot_page.h"

enum option_key {
    OPTION_ACCEL = 256,
    OPTION_CPUS,
    OPTION_MEM,
    OPTION_ROOTFS,
    OPTION_ENV,
    OPTION_CWD,
    OPTION_TRACE,
    OPTION_NAME,
    OPTION_TIMEOUT,
    OPTION_STATS,
    OPTION_JSON,
    OPTION_ICOUNT,
    OPTION_SCHED,
    OPTION_QUIET,
    OPTION_SUMMARY,
    OPTION_AUDIT,
    OPTION_GDB,
    OPTION_CORE,
    OPTION_TOKEN,
    OPTION_PLANNED_FIRST, /* the hidden ones: refused */
    OPTION_INIT = OPTION_PLANNED_FIRST,
    OPTION_POLICY
};

static const struct argp_option option_list[] = {
    {"accel", OPTION_ACCEL, "BACKEND", 0, "auto (default), kvm or qemu", 0},
    {"cpus", OPTION_CPUS, "N", 0, "Processors of the machine, 1 to 64 (default 1)", 0},
    {"mem", OPTION_MEM, "SIZE", 0, "Memory, with K, M or G (default 128M)", 0},
    {"rootfs", OPTION_ROOTFS, "PATH", 0,
     "Root of the guest: a directory, a .cpio or a .tar, also compressed (default: busybox and our "
     "own programs)",
     0},
    {"env", OPTION_ENV, "KEY=VALUE", 0, "Add to the environment; may be given several times", 0},
    {"cwd", OPTION_CWD, "DIR", 0, "Working directory in the guest (default /)", 0},
    {"token", OPTION_TOKEN, "SPEC|FILE", 0,
     "Who the program is, instead of SYSTEM: user=SID[,group=SID][,privilege=NAME]"
     "[,integrity=LEVEL] ..., or the path of a file with such items",
     0},
    {"trace", OPTION_TRACE, "FILE", 0,
     "Write every event, in the format that the name ends in: " TRACE_FILE_ENDINGS
     "; may be given several times",
     0},
    {"name", OPTION_NAME, "NAME", 0,
     "Name for ps, tree and trace (default: the program's and a number)", 0},
    {"timeout", OPTION_TIMEOUT, "SECONDS", 0, "Kill the machine after this time; status 124", 0},
    {"stats", OPTION_STATS, NULL, 0, "Show exits, doorbells and the kernel's counters", 0},
    {"json", OPTION_JSON, "FILE", 0, "Write outcome, processes and counters as JSON", 0},
    {"icount", OPTION_ICOUNT, NULL, 0,
     "QEMU, one CPU: time advances 1 ns per instruction, so every run repeats", 0},
    {"sched", OPTION_SCHED, "POLICY", 0,
     "Who of the normal tasks runs: fair (default: earliest eligible virtual deadline first), rr "
     "(round robin) or aging (by nice value, with aging)",
     0},
    {"audit", OPTION_AUDIT, "WHEN", OPTION_ARG_OPTIONAL,
     "Prove the kernel's promises on every event it records, and on its memory: at-end, "
     "every-event, or every-N events (default every-1000). A broken one is reported, and the exit "
     "status 125",
     0},
    {"summary", OPTION_SUMMARY, "REPORT", 0,
     "Report on scheduling at the end instead: " SCHED_REPORT_NAMES, 0},
    {"quiet", OPTION_QUIET, NULL, 0, "Print nothing of our own", 0},
    {"gdb", OPTION_GDB, "PORT", 0,
     "Wait for gdb before the program starts, on this port of this host (0 = any free one) or on "
     "the path of a socket; `vitrine gdb` is for machines that run already",
     0},
    {"core", OPTION_CORE, "FILE", 0,
     "Write a core file if the machine fails, for gdb and for ps, files, wait ... --core", 0},
    {"init", OPTION_INIT, NULL, OPTION_HIDDEN, NULL, 0},
    {"policy", OPTION_POLICY, "FILE", OPTION_HIDDEN, NULL, 0},
    {0}};

static void __attribute__((noreturn, format(printf, 1, 2))) refuse(const char *format, ...)
{
    va_list arguments;

    fputs("vitrine: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(STATUS_FAILED);
}

static enum vt_accel parse_accel(const char *text)
{
    for (enum vt_accel accel = VT_ACCEL_AUTO; accel <= VT_ACCEL_QEMU; accel++)
        if (strcmp(text, vt_accel_name(accel)) == 0)
            return accel;
    refuse("--accel '%s' is unknown: auto, kvm or qemu", text);
}

/* As the kernel's boot option. */
static const char *parse_sched(const char *text)
{
    static const char *const names[] = {"fair", "rr", "aging"};
    static const char *const options[] = {NULL, "sched=rr", "sched=aging"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(text, names[i]) == 0)
            return options[i];
    refuse("--sched '%s' is unknown: fair, rr or aging", text);
}

static unsigned parse_cpus(const char *text)
{
    char *end;

    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno || end == text || *end || !isdigit((unsigned char)text[0]) || value < 1 ||
        value > BOOT_CPUS_MAX)
        refuse("--cpus '%s' cannot be: a number from 1 to %u", text, BOOT_CPUS_MAX);
    return (unsigned)value;
}

/* A bare number is MiB, as for other virtual machines. */
static uint64_t parse_memory(const char *text)
{
    char *end;
    unsigned shift = 20;

    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    bool good = !errno && end != text && isdigit((unsigned char)text[0]) && value > 0;
    switch (toupper((unsigned char)*end)) {
    case 'K':
        shift = 10;
        end++;
        break;
    case 'M':
        end++;
        break;
    case 'G':
        shift = 30;
        end++;
        break;
    default:
        break;
    }
    if (strcmp(end, "iB") == 0 || strcmp(end, "B") == 0)
        end += strlen(end);
    if (!good || *end || value > (1ull << 46) >> shift)
        refuse("--mem '%s' cannot be: a size like 128M or 2G", text);
    return value << shift;
}

static double parse_timeout(const char *text)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end || !isfinite(value) || value <= 0 || value > 1e7)
        refuse("--timeout '%s' cannot be: seconds, more than 0", text);
    return value;
}

static void add_environment(struct run_options *options, const char *text)
{
    const char *equals = strchr(text, '=');
    size_t count = 0;

    if (!equals || equals == text)
        refuse("--env '%s' cannot be: KEY=VALUE", text);
    for (; options->environment[count]; count++)
        if (strncmp(options->environment[count], text, (size_t)(equals + 1 - text)) == 0)
            break;
    options->environment_given = true;
    if (count == RUN_ENVIRONMENT_MAX)
        refuse("too many --env: at most %d variables", RUN_ENVIRONMENT_MAX);
    options->environment[count] = text;
}

/* A port, or the path of a socket. */
static const char *parse_gdb(const char *text)
{
    char *end;

    if (strchr(text, '/'))
        return text;
    errno = 0;
    unsigned long port = strtoul(text, &end, 10);
    if (errno || *end || !isdigit((unsigned char)text[0]) || port > 65535)
        refuse("--gdb '%s' cannot be: a port (0 = any free one), or a path with a '/'", text);
    return text;
}

static void add_trace(struct run_options *options, const char *path)
{
    enum vt_export format;
    size_t count = 0;

    if (!trace_file_format(path, &format))
        refuse("--trace '%s': the name must end in %s", path, TRACE_FILE_ENDINGS);
    while (options->trace_files[count])
        count++;
    if (count == COLLECTOR_FILES_MAX)
        refuse("too many --trace: at most %d files", COLLECTOR_FILES_MAX);
    options->trace_files[count] = path;
}

static uint32_t parse_audit(const char *text)
{
    char *end;

    if (!text)
        return 1000;
    if (strcmp(text, "at-end") == 0)
        return 0;
    if (strcmp(text, "every-event") == 0)
        return 1;
    if (strncmp(text, "every-", 6) == 0 && isdigit((unsigned char)text[6])) {
        unsigned long value = strtoul(text + 6, &end, 10);

        if (!*end && value > 0 && value <= INT32_MAX)
            return (uint32_t)value;
    }
    refuse("--audit '%s' cannot be: at-end, every-event, or every-N with a number N", text);
}

static bool last_look_wanted(void)
{
    const char *value = getenv("VITRINE_AUDIT");

    if (value && *value && strcmp(value, "at-end") != 0)
        refuse("VITRINE_AUDIT='%s' in the environment cannot be: only at-end", value);
    return value && *value;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct run_options *options = state->input;

    options->given |= key >= OPTION_ACCEL && key <= OPTION_GDB;
    switch (key) {
    case OPTION_ACCEL:
        options->machine.accel = parse_accel(argument);
        return 0;
    case OPTION_CPUS:
        options->machine.cpus = parse_cpus(argument);
        return 0;
    case OPTION_MEM:
        options->machine.memory_bytes = parse_memory(argument);
        return 0;
    case OPTION_ROOTFS:
        options->machine.rootfs = argument;
        return 0;
    case OPTION_ENV:
        add_environment(options, argument);
        return 0;
    case OPTION_CWD:
        options->machine.cwd = argument;
        return 0;
    case OPTION_TOKEN:
        options->machine.token = argument;
        return 0;
    case OPTION_TRACE:
        add_trace(options, argument);
        return 0;
    case OPTION_NAME:
        options->machine.name = argument;
        return 0;
    case OPTION_TIMEOUT:
        options->timeout_seconds = parse_timeout(argument);
        return 0;
    case OPTION_STATS:
        options->stats = true;
        return 0;
    case OPTION_JSON:
        options->json_file = argument;
        return 0;
    case OPTION_SCHED:
        options->machine.kernel_options = parse_sched(argument);
        options->sched_given = true;
        return 0;
    case OPTION_ICOUNT:
        options->machine.icount = true;
        return 0;
    case OPTION_AUDIT:
        options->audit = true;
        options->audit_every = parse_audit(argument);
        return 0;
    case OPTION_QUIET:
        options->quiet = true;
        return 0;
    case OPTION_SUMMARY:
        options->report = sched_report_named(argument);
        if (!options->report)
            refuse("--summary '%s' is unknown: " SCHED_REPORT_NAMES, argument);
        return 0;
    case OPTION_CORE:
        options->machine.core_file = argument;
        return 0;
    case OPTION_GDB:
        options->gdb = parse_gdb(argument);
        options->machine.hold_at_start = true;
        return 0;
    case ARGP_KEY_ARG:
        /* The program: everything from here on is its own. */
        options->machine.argv = (const char *const *)&state->argv[state->next - 1];
        state->next = state->argc;
        return 0;
    default:
        break;
    }
    if (key >= OPTION_PLANNED_FIRST && key <= OPTION_POLICY)
        for (size_t i = 0; option_list[i].name; i++)
            if (option_list[i].key == key)
                refuse("--%s is not available in this version", option_list[i].name);
    return ARGP_ERR_UNKNOWN;
}

static void make_name(struct run_options *options)
{
    const char *program = options->program;
    const char *slash = strrchr(program, '/');
    size_t used = 0;

    for (const char *c = slash ? slash + 1 : program; *c && used < 24; c++)
        if (isalnum((unsigned char)*c) || (used && (*c == '_' || *c == '-')))
            options->name[used++] = *c;
    if (used == 0)
        used = (size_t)sprintf(options->name, "run");
    sprintf(options->name + used, "-%d", (int)getpid());
    options->machine.name = options->name;
}

static int usable(int fd)
{
    return fcntl(fd, F_GETFD) < 0 ? -1 : fd;
}

const struct argp run_options_argp = {
    .options = option_list,
    .parser = parse_option,
    .args_doc = "[--] PROGRAM [ARGUMENT...]",
    .doc =
        "Run PROGRAM in a kernel of its own, in a small virtual machine, and show what it did.\v"
        "PROGRAM is a path in the guest's root, or (with a '/') a file of this host that is copied "
        "in. Its standard "
        "streams are ours, its exit status too: 128+N for signal N, 124 after --timeout, 125 when "
        "vitrine itself failed or --audit found a broken promise, 126 and 127 as in a shell.\n\nAt "
        "a terminal, Ctrl-] three times within a second "
        "ends the machine. Other keys are the program's, Ctrl-Z too; SIGTSTP stops the machine as "
        "a job of the shell, and in the background it reads no input.",
};

void run_options_init(struct run_options *ret)
{
    const char *const *defaults = boot_default_environment();

    memset(ret, 0, sizeof(*ret));
    vt_options_init(&ret->machine);
    for (size_t i = 0; defaults[i]; i++)
        ret->environment[i] = defaults[i];
}

void run_options_parse(int argc, char **argv, struct run_options *ret)
{
    run_options_init(ret);
    argp_parse(&run_options_argp, argc, argv, ARGP_IN_ORDER, NULL, ret);
    run_options_finish(ret);
}

/* What is decided when a machine boots cannot be asked for when it goes on. */
static void finish_restored(struct run_options *ret)
{
    struct vt_error *error;

    if (ret->machine.cpus || ret->machine.memory_bytes || ret->machine.icount || ret->sched_given ||
        ret->machine.rootfs || ret->machine.cwd || ret->machine.token || ret->environment_given)
        refuse("--cpus, --mem, --icount, --sched, --rootfs, --cwd, --token and --env are in the "
               "snapshot: they cannot be changed");
    if (ret->gdb)
        refuse("--gdb waits for a boot: restore it with --name NAME, then 'vitrine gdb NAME'");
    error = vt_snapshot_describe(ret->restore, &ret->snapshot);
    if (error)
        exit(cli_fail(error));
    ret->program = ret->snapshot.program;
}

void run_options_finish(struct run_options *ret)
{
    if (ret->restore)
        finish_restored(ret);
    else if (!ret->machine.argv)
        refuse("no program to run was given (vitrine run -- PROGRAM ...)");
    else
        ret->program = ret->machine.argv[0];
    if (ret->strace && ret->report)
        refuse("--summary and strace at once: one of the two");
    ret->machine.envp = ret->restore ? NULL : ret->environment;
    if (!ret->machine.name)
        make_name(ret);
    ret->machine.stdin_fd = usable(STDIN_FILENO);
    ret->machine.stdout_fd = usable(STDOUT_FILENO);
    ret->machine.stderr_fd = usable(STDERR_FILENO);
    ret->machine.raw_terminal = true;
    ret->follow = !ret->quiet || ret->trace_files[0] || ret->json_file || ret->audit ||
                  ret->strace || ret->report;
    ret->last_look = !ret->audit && last_look_wanted();
    if (ret->restore)
        return;
    ret->machine.trace = ret->follow;
    ret->machine.trace_syscall_text = ret->strace;
    ret->machine.hold_at_start |= ret->audit; /* its audit sets the first stop points then */
    ret->machine.trace_lossless = ret->machine.trace;
}
