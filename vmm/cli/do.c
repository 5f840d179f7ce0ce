/*
 * vmm/cli/do.c - `vitrine do NAME VERB ...`: acting on the tasks of a running machine from outside.
 *
 * One table of verbs; each gets the words after it. The machine's owner has its kernel do the work
 * and says what it answered.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "vmm/cli/cli.h"
#include "vmm/export/event_text.h"

#define HELD_WAIT_MS    2000
#define ENVIRONMENT_MAX 128

static struct vt_error *bad_usage(const char *verb)
{
    return vt_error_create(VT_ERROR_ARGUMENT,
                           "that is not how '%s' is used: `vitrine do NAME %s --help` tells", verb,
                           verb);
}

static struct vt_error *parse_number(const char *text, const char *what, long first, long last,
                                     long *ret)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (end == text || *end || value < first || value > last)
        return vt_error_create(VT_ERROR_ARGUMENT, "'%s' is not %s (%ld to %ld)", text, what, first,
                               last);
    *ret = value;
    return NULL;
}

static struct vt_error *parse_id(const char *text, const char *what, long first, int32_t *ret)
{
    long value = 0;
    struct vt_error *error = parse_number(text, what, first, INT32_MAX, &value);

    *ret = (int32_t)value;
    return error;
}

/* "all" or a number. */
static struct vt_error *parse_process(const char *text, int32_t *ret)
{
    *ret = 0;
    return strcmp(text, "all") == 0 ? NULL : parse_id(text, "a process number or 'all'", 1, ret);
}

struct vt_error *cli_parse_signal(const char *text, int *ret)
{
    long value = 0;
    const char *plain = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;

    for (int signal = 1; signal <= 64; signal++)
        if (strcasecmp(plain, event_signal_name(signal)) == 0) {
            *ret = signal;
            return NULL;
        }
    struct vt_error *error =
        parse_number(text, "a signal: a name like TERM, or a number", 1, 64, &value);
    *ret = (int)value;
    return error;
}

static struct vt_error *parse_cpus(const char *text, uint64_t *ret)
{
    uint64_t mask = 0;
    const char *from = text;

    do {
        char *end;
        unsigned long first = strtoul(from, &end, 10), last = first;

        if (end != from && *end == '-') {
            from = end + 1;
            last = strtoul(from, &end, 10);
        }
        if (end == from || (*end && *end != ',') || last < first || last > 63)
            return vt_error_create(VT_ERROR_ARGUMENT,
                                   "'%s' is not a list of CPUs like 0,2-3 (0 to 63)", text);
        for (; first <= last; first++)
            mask |= 1ull << first;
        from = *end ? end + 1 : end;
    } while (*from);
    *ret = mask;
    return NULL;
}

/* ---- the verbs ---- */

static struct vt_error *do_signal(struct vt_guest *guest, int count, char **words)
{
    int signal = 15;
    int32_t id;
    bool thread = strncmp(words[0], "tid:", 4) == 0;
    struct vt_error *error =
        parse_id(thread ? words[0] + 4 : words[0], "a process number, or tid:THREAD", 1, &id);

    if (!error && count > 1)
        error = cli_parse_signal(words[1], &signal);
    if (error)
        return error;
    return thread ? vt_guest_signal_thread(guest, id, signal) : vt_guest_signal(guest, id, signal);
}

static struct vt_error *on_thread(struct vt_guest *guest, int count, char **words,
                                  struct vt_error *(*act)(struct vt_guest *guest, int32_t tid))
{
    for (int i = 0; i < count; i++) {
        int32_t tid;
        struct vt_error *error = parse_id(words[i], "a thread number", 1, &tid);

        if (!error)
            error = act(guest, tid);
        if (error)
            return error;
    }
    return NULL;
}

static struct vt_error *do_hold(struct vt_guest *guest, int count, char **words)
{
    return on_thread(guest, count, words, vt_guest_hold);
}

static struct vt_error *do_release(struct vt_guest *guest, int count, char **words)
{
    return on_thread(guest, count, words, vt_guest_release);
}

static struct vt_error *do_freeze(struct vt_guest *guest, int count, char **words)
{
    int32_t pid;
    unsigned threads;
    struct vt_error *error = parse_process(words[0], &pid);

    (void)count;
    if (!error)
        error = vt_guest_freeze(guest, pid, &threads);
    if (!error)
        error = vt_guest_wait_held(guest, pid, HELD_WAIT_MS);
    if (!error)
        printf("%u thread%s frozen\n", threads, threads == 1 ? "" : "s");
    return error;
}

static struct vt_error *do_thaw(struct vt_guest *guest, int count, char **words)
{
    int32_t pid;
    unsigned threads;
    struct vt_error *error = parse_process(words[0], &pid);

    (void)count;
    if (!error)
        error = vt_guest_thaw(guest, pid, &threads);
    if (!error)
        printf("%u thread%s thawed\n", threads, threads == 1 ? "" : "s");
    return error;
}

static struct vt_error *do_nice(struct vt_guest *guest, int count, char **words)
{
    int32_t tid;
    long nice;
    struct vt_error *error = parse_id(words[0], "a thread number", 1, &tid);

    (void)count;
    if (!error)
        error = parse_number(words[1], "a nice value", -20, 19, &nice);
    return error ? error : vt_guest_set_nice(guest, tid, (int)nice);
}

static struct vt_error *do_policy(struct vt_guest *guest, int count, char **words)
{
    static const struct {
        const char *name;
        uint32_t policy;
        bool realtime; /* its number is a priority, and must be given */
    } policies[] = {{"other", SCHED_POLICY_OTHER, false},
                    {"batch", SCHED_POLICY_BATCH, false},
                    {"idle", SCHED_POLICY_IDLE, false},
                    {"fifo", SCHED_POLICY_FIFO, true},
                    {"rr", SCHED_POLICY_RR, true}};
    int32_t tid;
    long number = 0;
    struct vt_error *error = parse_id(words[0], "a thread number", 1, &tid);

    for (size_t i = 0; !error && i < sizeof(policies) / sizeof(policies[0]); i++) {
        if (strcmp(words[1], policies[i].name) != 0)
            continue;
        if (policies[i].realtime && count < 3)
            return vt_error_create(VT_ERROR_ARGUMENT, "policy %s needs a priority from 1 to 99",
                                   words[1]);
        if (policies[i].realtime)
            error = parse_number(words[2], "a priority", 1, 99, &number);
        else if (count > 2)
            error = parse_number(words[2], "a nice value", -20, 19, &number);
        return error ? error : vt_guest_set_policy(guest, tid, policies[i].policy, (int)number);
    }
    return error ? error
                 : vt_error_create(VT_ERROR_ARGUMENT,
                                   "there is no policy '%s' here: other, batch, idle, fifo or rr",
                                   words[1]);
}

static struct vt_error *do_affinity(struct vt_guest *guest, int count, char **words)
{
    int32_t tid;
    uint64_t cpus = 0;
    struct vt_error *error = parse_id(words[0], "a thread number", 1, &tid);

    (void)count;
    if (!error)
        error = parse_cpus(words[1], &cpus);
    return error ? error : vt_guest_set_affinity(guest, tid, cpus);
}

static struct vt_error *do_spawn(struct vt_guest *guest, int count, char **words)
{
    const char *environment[ENVIRONMENT_MAX + 4] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
        "TERM=linux"};
    size_t variables = 3;
    struct vt_spawn spawn = {.envp = environment};
    int32_t pid;
    int at = 0;

    while (at < count && words[at][0] == '-') {
        const char *option = words[at++];

        if (strcmp(option, "--") == 0)
            break;
        if (at == count)
            return bad_usage("spawn");
        if (strcmp(option, "-C") == 0 || strcmp(option, "--cwd") == 0)
            spawn.cwd = words[at++];
        else if ((strcmp(option, "-e") == 0 || strcmp(option, "--env") == 0) &&
                 strchr(words[at], '=') && variables < ENVIRONMENT_MAX + 3)
            environment[variables++] = words[at++];
        else
            return bad_usage("spawn");
    }
    if (at == count)
        return bad_usage("spawn");
    spawn.argv = (const char *const *)words + at;
    struct vt_error *error = vt_guest_spawn(guest, &spawn, &pid);
    if (!error)
        printf("%d\n", pid);
    return error;
}

static struct vt_error *parse_kinds(const char *text, uint32_t *ret)
{
    static const struct {
        const char *name;
        uint32_t kinds;
    } kinds[] = {{"frames", GLASS_FAIL_FRAMES},
                 {"kmalloc", GLASS_FAIL_KMALLOC},
                 {"objects", GLASS_FAIL_OBJECTS},
                 {"descriptors", GLASS_FAIL_DESCRIPTORS},
                 {"all", GLASS_FAIL_ALL}};

    *ret = 0;
    for (const char *from = text; *from;) {
        size_t length = strcspn(from, ","), i = 0;

        while (i < sizeof(kinds) / sizeof(kinds[0]) &&
               (strlen(kinds[i].name) != length || strncmp(from, kinds[i].name, length) != 0))
            i++;
        if (i == sizeof(kinds) / sizeof(kinds[0]))
            return vt_error_create(VT_ERROR_ARGUMENT,
                                   "'%s' does not name allocations: frames, kmalloc, objects, "
                                   "descriptors (with commas between), or all",
                                   text);
        *ret |= kinds[i].kinds;
        from += length + (from[length] == ',');
    }
    return *ret ? NULL : bad_usage("fail");
}

static struct vt_error *do_fail(struct vt_guest *guest, int count, char **words)
{
    struct vt_failing failing = {.count = 1};
    uint32_t seen, failed;

    if (strcmp(words[0], "off") == 0) {
        struct vt_error *error = vt_guest_fail_end(guest, &seen, &failed);
        if (!error)
            printf("%u of %u allocations failed\n", failed, seen);
        return error;
    }
    struct vt_error *error = parse_kinds(words[0], &failing.kinds);
    for (int at = 1; !error && at < count; at += 2) {
        long value = 0;

        if (at + 1 == count)
            return bad_usage("fail");
        error = parse_number(words[at + 1], "a count or thread number", 0, INT32_MAX, &value);
        if (strcmp(words[at], "--after") == 0)
            failing.skip = (uint32_t)value;
        else if (strcmp(words[at], "--count") == 0)
            failing.count = (uint32_t)value;
        else if (strcmp(words[at], "--thread") == 0)
            failing.tid = (int32_t)value;
        else if (!error)
            return bad_usage("fail");
    }
    return error ? error : vt_guest_fail_start(guest, &failing);
}

static const struct verb {
    const char *name, *usage, *what;
    int least, most; /* words after it */
    struct vt_error *(*run)(struct vt_guest *guest, int count, char **words);
} verbs[] = {
    {"signal", "PID|tid:TID [SIGNAL]", "send a signal, by name or number; TERM if none is named", 1,
     2, do_signal},
    {"hold", "TID...", "keep threads from running; a call under way is finished first", 1, INT_MAX,
     do_hold},
    {"release", "TID...", "let held threads run again", 1, INT_MAX, do_release},
    {"freeze", "PID|all", "hold every thread of a process, or of all, and wait until none runs", 1,
     1, do_freeze},
    {"thaw", "PID|all", "release them", 1, 1, do_thaw},
    {"nice", "TID VALUE", "set the nice value, -20 to 19", 2, 2, do_nice},
    {"policy", "TID other|batch|idle [NICE], TID fifo|rr PRIORITY", "set the scheduling policy", 2,
     3, do_policy},
    {"affinity", "TID CPUS", "the CPUs it may run on, like 0,2-3", 2, 2, do_affinity},
    {"spawn", "[-C DIR] [-e KEY=VALUE]... [--] PROGRAM [ARG]...",
     "start a program as a child of init; prints its pid", 1, INT_MAX, do_spawn},
    {"fail", "frames,kmalloc,objects,descriptors|all [--after N] [--count N] [--thread TID] | off",
     "make allocations in system calls fail: after N good ones (0), N of them (1); off tells how "
     "many did",
     1, 7, do_fail},
};

static void usage(FILE *out)
{
    fputs("Usage: vitrine do NAME VERB [WORD...]\n\nAct on the tasks of a running machine.\n\n",
          out);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        fprintf(out, "  %s %s\n      %s\n", verbs[i].name, verbs[i].usage, verbs[i].what);
    fputs("\n`vitrine ps NAME` shows the numbers of processes (PID) and threads (TID).\n", out);
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-?") == 0 || strcmp(word, "-h") == 0;
}

int cli_do(int argc, char **argv)
{
    const struct verb *verb = NULL;
    struct vt_guest *guest;

    if (argc > 1 && asks_for_help(argv[1])) {
        usage(stdout);
        return 0;
    }
    if (argc < 3) {
        usage(stderr);
        return STATUS_FAILED;
    }
    if (asks_for_help(argv[2])) {
        usage(stdout);
        return 0;
    }
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(argv[2], verbs[i].name) == 0)
            verb = &verbs[i];
    if (!verb)
        return cli_fail(vt_error_create(VT_ERROR_ARGUMENT,
                                        "'%s' cannot be done to a machine: `vitrine do --help` "
                                        "lists what can",
                                        argv[2]));
    if (argc > 3 && asks_for_help(argv[3])) {
        printf("Usage: vitrine do NAME %s %s\n  %s\n", verb->name, verb->usage, verb->what);
        return 0;
    }
    if (argc - 3 < verb->least || argc - 3 > verb->most)
        return cli_fail(bad_usage(verb->name));
    struct vt_error *error = cli_attach(argv[1], &guest);
    if (error)
        return cli_fail(error);
    error = verb->run(guest, argc - 3, argv + 3);
    vt_guest_detach(guest);
    return error ? cli_fail(error) : 0;
}
