/*
 * tests/guest/same_time_namespaces.c - time namespaces (time_namespaces(7)): who enters one and when,
 * /proc/PID/timens_offsets and what it refuses, and what clocks, sleeps, timers and waits show and take
 * inside. A list of lines that must be the same on Linux (as root).
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define SECOND 1000000000ll
#define DAY    86400ll

static int64_t now_on(clockid_t clock)
{
    struct timespec time;

    if (clock_gettime(clock, &time))
        fail("clock_gettime");
    return time.tv_sec * SECOND + time.tv_nsec;
}

/* Whole days between two clocks, half a day off at most. */
static int days(int64_t ns)
{
    return (int)((ns + (ns < 0 ? -1 : 1) * DAY * SECOND / 2) / (DAY * SECOND));
}

static ino_t number_of(const char *name)
{
    struct stat status = {0};
    char path[64];

    snprintf(path, sizeof path, "/proc/thread-self/ns/%s", name);
    if (stat(path, &status))
        fail("stat");
    return status.st_ino;
}

static int inside(void)
{
    return number_of("time") == number_of("time_for_children");
}

static void show_offsets(const char *what)
{
    char text[200];
    int fd = open("/proc/self/timens_offsets", O_RDONLY);
    ssize_t got = read(fd, text, sizeof text - 1);

    close(fd);
    text[got < 0 ? 0 : got] = '\0';
    say("%s:\n%s", what, text);
}

static void set(const char *text)
{
    int fd = open("/proc/self/timens_offsets", O_WRONLY);
    char what[80];

    snprintf(what, sizeof what, "write \"%.60s\"", text);
    for (char *c = what; *c; c++)
        if (*c == '\n' || *c == '\t')
            *c = '|';
    show(what, write(fd, text, strlen(text)));
    close(fd);
}

/* ---- who is in which, and when ---- */

static int is_inside(void)
{
    return inside();
}

static int enters(void)
{
    ino_t first = number_of("time");

    say("one for both: %d", inside());
    show("unshare", unshare(CLONE_NEWTIME));
    say("still in the first %d, children in another %d", number_of("time") == first, !inside());
    ino_t second = number_of("time_for_children");
    show("unshare again", unshare(CLONE_NEWTIME));
    say("again another %d", number_of("time_for_children") != second);
    show_end("a child is inside", spawn(is_inside));
    say("the parent is not: %d", !inside());
    /* NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork): what this asks about */
    pid_t child = vfork();
    if (child == 0)
        _exit(inside()); /* NOLINT(clang-analyzer-unix.Vfork) */
    show_end("vfork's child is inside", child);
    int fd = open("/proc/self/ns/time", O_RDONLY),
        other = open("/proc/self/ns/time_for_children", O_RDONLY);
    show("setns wrong kind", setns(other, CLONE_NEWUTS));
    show("setns", setns(other, CLONE_NEWTIME));
    say("inside %d, in the first %d", inside(), number_of("time") == first);
    show("setns back", setns(fd, 0));
    say("inside %d, in the first %d", inside(), number_of("time") == first);
    return 0;
}

static int clone3_with(uint64_t flags, uint64_t signal)
{
    struct clone_args arguments = {.flags = flags, .exit_signal = signal};

    return (int)syscall(SYS_clone3, &arguments, sizeof arguments);
}

static int clones(void)
{
    ino_t first = number_of("time");
    int child = clone3_with(CLONE_NEWTIME, SIGCHLD);

    if (child == 0)
        _exit(inside() && number_of("time") != first);
    show_end("clone3 inside", child);
    say("the parent as before: %d", inside() && number_of("time") == first);
    child = (int)syscall(SYS_clone, CLONE_NEWTIME | CLONE_NEWUTS, 0, 0, 0, 0);
    if (child == 0)
        _exit(number_of("time") == first);
    show_end("clone takes it for a signal", child);
    return 0;
}

/* A program that begins is inside, though its process was not. */
static int executes(void)
{
    show("unshare", unshare(CLONE_NEWTIME));
    set("monotonic 864000 0");
    /* NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork): what this asks about */
    pid_t child = vfork();
    if (child == 0) {
        execl("/proc/self/exe", "same_time_namespaces", "look", NULL);
        _exit(99);
    }
    show_end("vfork and exec", child);
    execl("/proc/self/exe", "same_time_namespaces", "look", NULL);
    return 99;
}

static void *thread_enters(void *context)
{
    int *fd = context;

    show("unshare in a thread", unshare(CLONE_NEWTIME));
    say("thread: children in another %d", !inside());
    show("setns in a thread", setns(*fd, CLONE_NEWTIME));
    return NULL;
}

static int threads(void)
{
    int fd = open("/proc/self/ns/time", O_RDONLY);
    pthread_t thread;

    pthread_create(&thread, NULL, thread_enters, &fd);
    pthread_join(thread, NULL);
    say("the first thread's children as before: %d", inside());
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    pid_t child = fork();
    if (child == 0) {
        show("unshare", unshare(CLONE_NEWTIME));
        show("setns by pidfd", setns(pidfd, CLONE_NEWTIME));
        _exit(inside());
    }
    show_end("child", child);
    return 0;
}

/* ---- offsets ---- */

static int refuses(void)
{
    static const char *const texts[] = {
        "",
        "\n",
        "monotonic",
        "monotonic 1",
        "monotonic x 1",
        "monotonic 1 x",
        "monotonic 1 -1",
        "monotonic - 1 1",
        "monotonic +1 1",
        "monotonic 1 1000000000",
        "monotonic 0 999999999",
        "Monotonic 1 1",
        "realtime 1 1",
        "0 1 1",
        "2 1 1",
        "1 5 6",
        "7 8 9",
        " \tmonotonic\t3   4",
        "monotonic5 6",
        "boottime 7 8 and more",
        "monotonic 1 2\n",
        "monotonic 1 2\n\n",
        "monotonic 3 4\nboottime 5 6",
        "monotonic 3 4\nboottime 5 6\n",
        "monotonic 3 4\nboottime x 6\n",
        "monotonic 30 40\nboottime 50 60\nboottime 70 80\n",
        "monotonic 10 0\nmonotonic 20 0\n",
        "monotonic 9223372036 0",
        "monotonic 9223372037 0",
        "monotonic 4611686019 0",
        "monotonic 4611000000 0",
        "monotonic -9223372036 0",
        "monotonic -9223372038 0",
        "monotonic -100000000 0",
        "boottime 9223372036 0",
        "monotonic 11 22\nboottime 9223372036 0",
        "monotonic 0 0",
        "boottime -1 999999999",
    };

    show_offsets("before");
    set("monotonic 1 1");
    set("monotonic 9223372037 0");
    set("nonsense");
    show("unshare", unshare(CLONE_NEWTIME));
    show_offsets("new");
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
        set(texts[i]);
        show_offsets("then");
    }
    show("unshare", unshare(CLONE_NEWTIME));
    show_offsets("a next one begins with these");

    int fd = open("/proc/self/timens_offsets", O_RDWR);
    show("write", write(fd, "monotonic 6 0", 13));
    show("and again", write(fd, "monotonic 7 0", 13));
    show("lseek", lseek(fd, 1, SEEK_SET));
    show("write behind the start", write(fd, "monotonic 5 0", 13));
    show("lseek", lseek(fd, 0, SEEK_SET));
    char large[4200];
    memset(large, ' ', sizeof large);
    snprintf(large, sizeof large, "monotonic 8 0");
    large[13] = ' ';
    show("write 4096", write(fd, large, 4096));
    show("write 4095", write(fd, large, 4095));
    show("write bad address", syscall(SYS_write, fd, 1, 10));
    show_offsets("now");
    close(fd);

    pid_t child = fork();
    if (child == 0) {
        set("monotonic 1 1");
        set("monotonic 9223372037 0");
        show_offsets("inside");
        _exit(0);
    }
    show_end("a child inside", child);
    set("monotonic 9 9");
    show_offsets("nobody is left");
    struct stat status;
    show("stat", stat("/proc/self/timens_offsets", &status));
    say("mode %o", status.st_mode);
    show("in a thread's directory", open("/proc/thread-self/timens_offsets", O_RDONLY));
    return 0;
}

static int unprivileged(void)
{
    show("unshare", unshare(CLONE_NEWTIME));
    if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
        fail("setresuid");
    show("unshare", unshare(CLONE_NEWTIME));
    show("clone3", clone3_with(CLONE_NEWTIME, SIGCHLD));
    prctl(PR_SET_DUMPABLE, 1); /* its files in /proc are its own again */
    set("monotonic 1 1");
    show_offsets("read");
    return 0;
}

/* The offsets of a namespace before it is used, by the number of its process. */
static int by_pid(void)
{
    char path[64];
    int ready[2];
    char byte;

    if (pipe(ready))
        fail("pipe");
    pid_t child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWTIME) || write(ready[1], "x", 1) != 1)
            fail("unshare");
        sleep_for_ever();
    }
    if (read(ready[0], &byte, 1) != 1)
        fail("read");
    snprintf(path, sizeof path, "/proc/%d/timens_offsets", child);
    int fd = open(path, O_RDWR), other = open(path, O_RDWR);
    show("write", write(fd, "boottime 77 0", 13));
    char text[100] = "";
    show("read", read(other, text, sizeof text - 1));
    say("%s", text);
    snprintf(path, sizeof path, "/proc/%d/ns/time_for_children", child);
    int namespace = open(path, O_RDONLY);
    show("setns", setns(namespace, 0));
    show("write", write(fd, "boottime 78 0", 13));
    show_offsets("mine");
    kill(child, SIGKILL);
    siginfo_t info;
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
    show("write to a zombie's", write(fd, "boottime 79 0", 13));
    show_end("child", child);
    show("write to nobody's", write(fd, "boottime 79 0", 13));
    return 0;
}

/* ---- the clocks ---- */

static struct timespec start[12];

static const struct {
    const char *name;
    clockid_t clock;
} clocks[] = {
    {"realtime", CLOCK_REALTIME},
    {"monotonic", CLOCK_MONOTONIC},
    {"monotonic raw", CLOCK_MONOTONIC_RAW},
    {"realtime coarse", CLOCK_REALTIME_COARSE},
    {"monotonic coarse", CLOCK_MONOTONIC_COARSE},
    {"boottime", CLOCK_BOOTTIME},
    {"TAI", CLOCK_TAI},
};
#define CLOCKS (sizeof clocks / sizeof *clocks)

static long uptime_now(void)
{
    FILE *file = fopen("/proc/uptime", "r");
    double up = 0;

    if (!file || fscanf(file, "%lf", &up) != 1)
        fail("/proc/uptime");
    fclose(file);
    return (long)up;
}

static long boot_time_now(void)
{
    FILE *file = fopen("/proc/stat", "r");
    char line[4096];
    long time = -1;

    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "btime %ld", &time) == 1)
            break;
    if (file)
        fclose(file);
    return time;
}

/* When the process began, by its own clock, in seconds after the boot. */
static long begun_at(void)
{
    char text[1000] = "", *at;
    FILE *file = fopen("/proc/self/stat", "r");

    if (!file || !fgets(text, sizeof text, file))
        fail("/proc/self/stat");
    fclose(file);
    at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? atol(at) / sysconf(_SC_CLK_TCK) : -1;
}

static long outside_uptime, outside_boot, outside_begun, outside_sysinfo;

static void look_outside(void)
{
    struct sysinfo info;

    for (unsigned i = 0; i < CLOCKS; i++)
        clock_gettime(clocks[i].clock, &start[i]);
    outside_uptime = uptime_now();
    outside_boot = boot_time_now();
    outside_begun = begun_at();
    sysinfo(&info);
    outside_sysinfo = info.uptime;
}

static int clocks_inside(void)
{
    struct sysinfo info;

    for (unsigned i = 0; i < CLOCKS; i++)
        say("%s: %d days", clocks[i].name,
            days(now_on(clocks[i].clock) - start[i].tv_sec * SECOND - start[i].tv_nsec));
    say("/proc/uptime: %d days", days((uptime_now() - outside_uptime) * SECOND));
    say("btime: %d days", days((boot_time_now() - outside_boot) * SECOND));
    say("start time: %d days", days((begun_at() - outside_begun) * SECOND));
    sysinfo(&info);
    say("sysinfo: %d days", days((info.uptime - outside_sysinfo) * SECOND));
    return 0;
}

static int in_offsets(const char *offsets, int (*function)(void))
{
    look_outside();
    if (unshare(CLONE_NEWTIME))
        fail("unshare");
    set(offsets);
    show_end("inside", spawn(function));
    return 0;
}

/* Does it take at least 10 ms, and not hours? The test has a deadline. */
static void timed(const char *what, int64_t since, int result)
{
    say("%s: %d, waited %d", what, result, now_on(CLOCK_MONOTONIC) - since >= 9000000);
}

static struct timespec later(clockid_t clock, int64_t ns)
{
    int64_t at = now_on(clock) + ns;

    return (struct timespec){at / SECOND, at % SECOND};
}

static void sleeps_on(const char *name, clockid_t clock)
{
    char what[64];

    say("%s", name);
    int64_t since = now_on(CLOCK_MONOTONIC);
    struct timespec at = {0, 10000000};
    timed("nanosleep", since, clock_nanosleep(clock, 0, &at, NULL));
    since = now_on(CLOCK_MONOTONIC);
    at = later(clock, 10000000);
    timed("until", since, clock_nanosleep(clock, TIMER_ABSTIME, &at, NULL));
    at = later(clock, -SECOND);
    show("in the past", clock_nanosleep(clock, TIMER_ABSTIME, &at, NULL));
    at = (struct timespec){1, 0};
    show("near the start", clock_nanosleep(clock, TIMER_ABSTIME, &at, NULL));

    int fd = timerfd_create(clock, TFD_CLOEXEC);
    struct itimerspec setting = {.it_value = later(clock, 10000000)}, left;
    since = now_on(CLOCK_MONOTONIC);
    snprintf(what, sizeof what, "timerfd of %s", name);
    show(what, timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, NULL));
    uint64_t count;
    timed("read", since, (int)read(fd, &count, sizeof count));
    setting.it_value = later(clock, 100 * SECOND);
    timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, NULL);
    timerfd_gettime(fd, &left);
    say("about 100 s are left: %d", left.it_value.tv_sec >= 90 && left.it_value.tv_sec <= 100);
    setting.it_value = (struct timespec){1, 0};
    timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, NULL);
    show("read what is over", read(fd, &count, sizeof count));
    close(fd);

    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    show("timer_create", timer_create(clock, &event, &timer));
    since = now_on(CLOCK_MONOTONIC);
    setting.it_value = later(clock, 10000000);
    show("timer_settime", timer_settime(timer, TIMER_ABSTIME, &setting, NULL));
    timed("signal", since, sigwaitinfo(&set, NULL));
    setting.it_value = later(clock, 100 * SECOND);
    timer_settime(timer, TIMER_ABSTIME, &setting, NULL);
    timer_gettime(timer, &left);
    say("about 100 s are left: %d", left.it_value.tv_sec >= 90 && left.it_value.tv_sec <= 100);
    timer_delete(timer);
}

static int sleeps_inside(void)
{
    uint32_t word = 0;

    sleeps_on("realtime", CLOCK_REALTIME);
    sleeps_on("monotonic", CLOCK_MONOTONIC);
    sleeps_on("boottime", CLOCK_BOOTTIME);
    int64_t since = now_on(CLOCK_MONOTONIC);
    struct timespec at = later(CLOCK_MONOTONIC, 10000000);
    long result = syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &at, NULL, 1);
    timed("futex until", since, result ? errno : 0);
    since = now_on(CLOCK_MONOTONIC);
    at = (struct timespec){0, 10000000};
    result = syscall(SYS_futex, &word, FUTEX_WAIT, 0, &at, NULL, 0);
    timed("futex for", since, result ? errno : 0);
    since = now_on(CLOCK_MONOTONIC);
    at = later(CLOCK_REALTIME, 10000000);
    result = syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &at, NULL, 1);
    timed("futex until, realtime", since, result ? errno : 0);
    at = (struct timespec){1, 0};
    result = syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &at, NULL, 1);
    say("futex in the past: %d", result ? errno : 0);
    struct timespec past = {1, 0};
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mutex);
    say("mutex: %d", pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &past));
    return 0;
}

static int ahead(void)
{
    return in_offsets("monotonic 864000 0\nboottime 1728000 0\n", clocks_inside);
}

/* The machine here has been up for a moment only, so little can be taken away. */
static int waits_ahead(void)
{
    return in_offsets("monotonic 864000 0\nboottime 1728000 0\n", sleeps_inside);
}

/* What is set inside goes on in time outside: a timer knows the machine's time. */
static int across(void)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec left;

    if (unshare(CLONE_NEWTIME))
        fail("unshare");
    set("monotonic 864000 0");
    pid_t child = fork();
    if (child == 0) {
        struct itimerspec setting = {.it_value = later(CLOCK_MONOTONIC, 100 * SECOND)};
        _exit(timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, NULL));
    }
    show_end("child", child);
    timerfd_gettime(fd, &left);
    say("outside: about 100 s are left: %d",
        left.it_value.tv_sec >= 90 && left.it_value.tv_sec <= 100);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "look")) {
        say("a new program is inside: %d, late %d", inside(),
            now_on(CLOCK_MONOTONIC) - now_on(CLOCK_BOOTTIME) > 800000 * SECOND);
        return 0;
    }
    show_end("enters", spawn(enters));
    show_end("clones", spawn(clones));
    show_end("executes", spawn(executes));
    show_end("threads", spawn(threads));
    show_end("refuses", spawn(refuses));
    show_end("unprivileged", spawn(unprivileged));
    show_end("by pid", spawn(by_pid));
    show_end("ahead", spawn(ahead));
    show_end("waits ahead", spawn(waits_ahead));
    show_end("across", spawn(across));
    say("done");
    return 0;
}
