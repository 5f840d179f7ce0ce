/*
 * guest/user/supervise.c - starts programs, and always notices when one ends: the worked example of
 * docs/spawn.md. Programs are started with <vitrine/spawn.h>, watched through their pidfds, started
 * again as their policy says, with a growing delay, and stopped in order.
 *
 * One line per event on standard output. Orphans of its programs become its children (subreaper)
 * and are noticed too.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <vitrine/spawn.h>

#define SERVICES_MAX 64

enum policy { POLICY_NEVER, POLICY_ON_FAILURE, POLICY_ALWAYS };

static const char *const policy_names[] = {"never", "on-failure", "always"};

struct service {
    char *name;
    enum policy policy;
    struct spawn_builder *builder;
    struct spawn_child child; /* pid 0: it does not run */
    uint64_t started_ms;
    uint64_t due_ms;   /* when it is to be started again; 0: it is not */
    unsigned failures; /* one after the other, without a good run between */
};

static struct service services[SERVICES_MAX];
static unsigned service_count;
static unsigned first_delay_ms = 100, longest_delay_ms = 10000, settled_ms = 10000;
static unsigned grace_ms = 2000, restarts_max;
static bool given_up; /* some program did not do what it should */
static sigset_t watched;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    putchar('\n');
    fflush(stdout);
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "supervise: %s: %s\n", what, strerror(errno));
    exit(2);
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- what to run: "NAME POLICY PROGRAM [ARGUMENT...]" ---- */

/* Cuts the next word off: up to a blank, or all between two quotation marks. NULL: no more. */
static char *next_word(char **rest)
{
    char *word = *rest + strspn(*rest, " \t");
    char quote = *word;

    if (!*word)
        return NULL;
    if (quote != '"' && quote != '\'')
        quote = '\0';
    if (quote)
        word++;
    char *end = quote ? strchrnul(word, quote) : word + strcspn(word, " \t");
    *rest = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

static void add_service(char *line)
{
    char *rest = line, *name = next_word(&rest), *policy, *program;
    struct service *service = &services[service_count];

    if (!name || *name == '#')
        return;
    policy = next_word(&rest);
    program = next_word(&rest);
    while (policy && service->policy <= POLICY_ALWAYS &&
           strcmp(policy, policy_names[service->policy]) != 0)
        service->policy++;
    if (!program || service->policy > POLICY_ALWAYS || service_count == SERVICES_MAX - 1) {
        fprintf(stderr, "supervise: %s: want NAME never|on-failure|always PROGRAM [ARGUMENT...]\n",
                name);
        exit(2);
    }
    service->name = strdup(name);
    service->builder = spawn_create(program);
    if (!service->name || !service->builder)
        fail(name);
    for (char *word = program; word; word = next_word(&rest))
        spawn_add_argument(service->builder, word);
    spawn_inherit_environment(service->builder);
    spawn_map_standard_fds(service->builder);
    spawn_set_group(service->builder, 0); /* so that all of it can be ended at once */
    spawn_reset_signals(service->builder);
    service_count++;
}

static void read_file(const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;

    if (!file)
        fail(path);
    while (getline(&line, &room, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        add_service(line);
    }
    free(line);
    fclose(file);
}

/* ---- starting, and starting again ---- */

/* It has failed, or ended though it never should: when is it tried again? */
static void plan_restart(struct service *service)
{
    uint64_t delay = first_delay_ms;

    if (now_ms() - service->started_ms > settled_ms)
        service->failures = 0; /* it had run well until now */
    if (restarts_max && service->failures >= restarts_max) {
        say("give up %s after %u restarts", service->name, service->failures);
        given_up = true;
        return;
    }
    for (unsigned i = 0; i < service->failures && delay < longest_delay_ms; i++)
        delay *= 2;
    if (delay > longest_delay_ms)
        delay = longest_delay_ms;
    service->failures++;
    service->due_ms = now_ms() + delay;
    say("restart %s in %lu ms", service->name, (unsigned long)delay);
}

static void start(struct service *service)
{
    struct spawn_failure failure;
    char text[200];

    service->due_ms = 0;
    service->started_ms = now_ms();
    if (spawn_start(service->builder, &service->child, &failure) == 0) {
        say("start %s pid %d", service->name, service->child.pid);
        return;
    }
    service->child.pid = 0;
    spawn_failure_text(&failure, text, sizeof(text));
    say("cannot start %s: %s", service->name, text);
    if (service->policy == POLICY_NEVER)
        given_up = true;
    else
        plan_restart(service);
}

static struct service *service_of(pid_t pid)
{
    for (unsigned i = 0; i < service_count; i++)
        if (services[i].child.pid == pid)
            return &services[i];
    return NULL;
}

/* Takes leave of everybody who has ended. */
static void notice(bool stopping)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct service *service = service_of(pid);
        const char *how = WIFSIGNALED(status) ? "signal" : "exit";
        int code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);

        if (!service) {
            say("orphan pid %d %s %d", pid, how, code);
            continue;
        }
        close(service->child.pidfd);
        service->child.pid = 0;
        say("end %s pid %d %s %d", service->name, pid, how, code);
        if (stopping)
            continue;
        if (service->policy == POLICY_ALWAYS || (service->policy == POLICY_ON_FAILURE && status))
            plan_restart(service);
    }
}

/* Sleeps until somebody ends, a signal comes or the time is there. The signal, or 0. */
static int await(int signals, uint64_t until_ms)
{
    struct pollfd fds[SERVICES_MAX + 1] = {{.fd = signals, .events = POLLIN}};
    unsigned count = 1;
    uint64_t now = now_ms();
    struct signalfd_siginfo info;

    for (unsigned i = 0; i < service_count; i++)
        if (services[i].child.pid)
            fds[count++] = (struct pollfd){.fd = services[i].child.pidfd, .events = POLLIN};
    int timeout = !until_ms ? -1 : until_ms <= now ? 0 : (int)(until_ms - now);
    if (poll(fds, count, timeout) < 0 && errno != EINTR)
        fail("poll");
    if (fds[0].revents && read(signals, &info, sizeof(info)) == sizeof(info))
        return (int)info.ssi_signo;
    return 0;
}

/* ---- stopping: in the opposite order, each one before the next ---- */

static void stop_all(int signals)
{
    for (unsigned i = service_count; i-- > 0;) {
        struct service *service = &services[i];
        uint64_t until = now_ms() + grace_ms;

        if (!service->child.pid)
            continue;
        say("stop %s pid %d", service->name, service->child.pid);
        kill(-service->child.pid, SIGTERM);
        while (service->child.pid) {
            if (until && now_ms() >= until) {
                say("kill %s pid %d", service->name, service->child.pid);
                kill(-service->child.pid, SIGKILL);
                until = 0;
            }
            await(signals, until);
            notice(true);
        }
    }
}

/* The next time at which something is to be started; 0: never. */
static uint64_t next_due(void)
{
    uint64_t next = 0;

    for (unsigned i = 0; i < service_count; i++)
        if (services[i].due_ms && (!next || services[i].due_ms < next))
            next = services[i].due_ms;
    return next;
}

static bool anything_left(void)
{
    for (unsigned i = 0; i < service_count; i++)
        if (services[i].child.pid || services[i].due_ms)
            return true;
    return false;
}

static void run(int signals)
{
    for (unsigned i = 0; i < service_count; i++)
        start(&services[i]);
    while (anything_left()) {
        int signal = await(signals, next_due());

        notice(false);
        if (signal == SIGTERM || signal == SIGINT) {
            say("stopping");
            stop_all(signals);
            break;
        }
        for (unsigned i = 0; i < service_count; i++)
            if (services[i].due_ms && services[i].due_ms <= now_ms())
                start(&services[i]);
    }
}

static unsigned number(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (!*text || *end || value > 1000000000) {
        fprintf(stderr, "supervise: %s: want a number\n", text);
        exit(2);
    }
    return (unsigned)value;
}

static void print_help(void)
{
    puts("Usage: supervise [OPTION...] [\"NAME POLICY PROGRAM [ARGUMENT...]\"...]\n"
         "Start programs and start them again when they end. POLICY is never, on-failure or\n"
         "always. SIGTERM or SIGINT stops them, the last one first.\n"
         "\n"
         "  -f, --file=FILE      Read programs from FILE, one per line\n"
         "  -d, --delay=MS       First delay before a restart (default 100), doubled each time\n"
         "  -l, --longest=MS     Longest delay (default 10000)\n"
         "  -s, --settled=MS     A program that ran longer starts with the first delay again\n"
         "                       (default 10000)\n"
         "  -r, --restarts=N     Give up a program after N restarts in a row (default: never)\n"
         "  -g, --grace=MS       Time between SIGTERM and SIGKILL (default 2000)\n"
         "  -h, --help           Give this help\n"
         "\n"
         "Exit status: 0; 1 if a program was given up or could not be started; 2: misused.");
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"file", required_argument, NULL, 'f'},    {"delay", required_argument, NULL, 'd'},
        {"longest", required_argument, NULL, 'l'}, {"settled", required_argument, NULL, 's'},
        {"grace", required_argument, NULL, 'g'},   {"restarts", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "f:d:l:s:g:r:h", options, NULL)) >= 0) {
        switch (option) {
        case 'f':
            read_file(optarg);
            break;
        case 'd':
            first_delay_ms = number(optarg);
            break;
        case 'l':
            longest_delay_ms = number(optarg);
            break;
        case 's':
            settled_ms = number(optarg);
            break;
        case 'g':
            grace_ms = number(optarg);
            break;
        case 'r':
            restarts_max = number(optarg);
            break;
        case 'h':
            print_help();
            return 0;
        default:
            return 2;
        }
    }
    for (; optind < argc; optind++)
        add_service(argv[optind]);
    if (!service_count) {
        fprintf(stderr, "supervise: nothing to supervise; see supervise --help\n");
        return 2;
    }
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD); /* for those that have no pidfd: orphans */
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGINT);
    sigprocmask(SIG_BLOCK, &watched, NULL);
    int signals = signalfd(-1, &watched, SFD_CLOEXEC);
    if (signals < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        fail("start");
    run(signals);
    notice(true); /* orphans that ended last */
    say("done");
    return given_up;
}
