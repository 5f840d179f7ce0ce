/*
 * tests/guest/same_cpu_time.c - what happens when a process or a thread has used so much CPU time:
 * RLIMIT_CPU, ITIMER_VIRTUAL and ITIMER_PROF, timers and sleeping on CPU-time clocks; as a list of
 * lines that must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>

#define MS 1000000l

static volatile sig_atomic_t rang, last_code;
static volatile bool stop_spinning;

static void ring(int signal, siginfo_t *info, void *context)
{
    (void)context;
    rang++;
    last_code = info->si_code;
    (void)signal;
}

static void listen_to(int signal)
{
    struct sigaction action = {.sa_sigaction = ring, .sa_flags = SA_SIGINFO};

    rang = 0;
    sigaction(signal, &action, NULL);
}

static long clock_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * 1000 + now.tv_nsec / MS;
}

/* Uses the CPU until a signal came, or for that long at most. */
static bool spin_until_rung(long times, long limit_ms)
{
    long end = clock_ms(CLOCK_MONOTONIC) + limit_ms;

    while (rang < times && clock_ms(CLOCK_MONOTONIC) < end)
        for (volatile int i = 0; i < 20000; i++)
            ;
    return rang >= times;
}

static void interval_timers(void)
{
    static const struct {
        int which, signal;
        const char *name;
    } kinds[] = {{ITIMER_VIRTUAL, SIGVTALRM, "virtual"}, {ITIMER_PROF, SIGPROF, "prof"}};

    for (int i = 0; i < 2; i++) {
        struct itimerval setting = {.it_value = {0, 10000}}, old;

        say("%s", kinds[i].name);
        listen_to(kinds[i].signal);
        setting.it_value.tv_usec = 1000000;
        show("bad value", setitimer(kinds[i].which, &setting, NULL));
        setting.it_value.tv_usec = 10000;
        show("set", setitimer(kinds[i].which, &setting, NULL));
        show("get", getitimer(kinds[i].which, &old));
        say("left: %d, interval %ld", old.it_value.tv_usec > 0 && old.it_value.tv_usec <= 14000,
            old.it_interval.tv_usec);
        say("rang: %d", spin_until_rung(1, 20000));
        say("code %d", last_code);
        getitimer(kinds[i].which, &old);
        say("once: %ld", old.it_value.tv_sec + old.it_value.tv_usec);

        rang = 0;
        setting.it_interval.tv_usec = 10000;
        setitimer(kinds[i].which, &setting, NULL);
        say("rang three times: %d", spin_until_rung(3, 20000));
        getitimer(kinds[i].which, &old);
        say("interval %ld, armed %d", old.it_interval.tv_usec, old.it_value.tv_usec > 0);
        setting = (struct itimerval){{0, 0}, {0, 0}};
        show("off", setitimer(kinds[i].which, &setting, &old));
        say("was %ld", old.it_interval.tv_usec);
        getitimer(kinds[i].which, &old);
        say("now %ld", old.it_interval.tv_usec + old.it_value.tv_usec);

        /* Sleeping uses nothing up. */
        setting.it_value.tv_usec = 200000;
        setitimer(kinds[i].which, &setting, NULL);
        rang = 0;
        usleep(50000);
        getitimer(kinds[i].which, &old);
        say("asleep: rang %d, left most: %d", (int)rang, old.it_value.tv_usec > 100000);
        setting.it_value.tv_usec = 0;
        setitimer(kinds[i].which, &setting, NULL);
    }
}

/* The child has no timers; a new program keeps them (not looked at here). */
static int in_child(void)
{
    struct itimerval value;

    getitimer(ITIMER_PROF, &value);
    return value.it_value.tv_sec || value.it_value.tv_usec;
}

static void inherited(void)
{
    struct itimerval setting = {.it_value = {100, 0}};

    setitimer(ITIMER_PROF, &setting, NULL);
    show_end("timer in the child", spawn(in_child));
    setting.it_value.tv_sec = 0;
    setitimer(ITIMER_PROF, &setting, NULL);
}

/* ---- RLIMIT_CPU ---- */

static void limit_cpu(rlim_t soft, rlim_t hard)
{
    struct rlimit limit = {soft, hard};

    if (setrlimit(RLIMIT_CPU, &limit))
        fail("setrlimit");
}

static _Noreturn void spin_for_ever(void)
{
    for (;;)
        for (volatile int i = 0; i < 1000000; i++)
            ;
}

static int heard_then_killed(void)
{
    struct rlimit limit;

    listen_to(SIGXCPU);
    limit_cpu(0, 1);
    if (!spin_until_rung(1, 20000))
        return 1;
    say("SIGXCPU: code %d", last_code);
    getrlimit(RLIMIT_CPU, &limit);
    say("soft now %lu, hard %lu", limit.rlim_cur, limit.rlim_max);
    spin_for_ever();
}

static int over_hard(void)
{
    signal(SIGXCPU, SIG_IGN);
    limit_cpu(0, 0);
    spin_for_ever();
}

static int over_in_child(void)
{
    sigset_t set;
    struct rusage usage;

    sigemptyset(&set);
    sigaddset(&set, SIGXCPU);
    sigprocmask(SIG_BLOCK, &set, NULL);
    limit_cpu(0, 5);
    pid_t child = fork();
    if (child == 0) {
        sigprocmask(SIG_UNBLOCK, &set, NULL);
        spin_for_ever();
    }
    show_end("grandchild", child);
    getrusage(RUSAGE_CHILDREN, &usage);
    say("at its time: %d", usage.ru_utime.tv_sec <= 1);
    return 0;
}

static void cpu_limits(void)
{
    show_end("hard limit", spawn(over_hard));
    show_end("inherited", spawn(over_in_child));
    show_end("both", spawn(heard_then_killed));
}

/* ---- clocks of others, timers, sleeping ---- */

static clockid_t process_clock(pid_t pid, int kind)
{
    return (clockid_t)(~(unsigned)pid << 3 | (unsigned)kind);
}

static void clocks(pid_t sleeper)
{
    struct timespec now;

    show("of a child", clock_gettime(process_clock(sleeper, 2), &now));
    show("user time", clock_gettime(process_clock(sleeper, 1), &now));
    show("both times", clock_gettime(process_clock(sleeper, 0), &now));
    show("of nobody", clock_gettime(process_clock(99999, 2), &now));
    show("thread of a child", clock_gettime(process_clock(sleeper, 6), &now));
    show("own thread", clock_gettime(process_clock(getpid(), 6), &now));
    show("own, by zero", clock_gettime(process_clock(0, 2), &now));
    show("descriptor", clock_gettime(process_clock(0, 3), &now));
    show("resolution", clock_getres(process_clock(getpid(), 2), &now));
    say("%ld ns", now.tv_nsec);
    show("resolution of nobody", clock_getres(process_clock(99999, 2), &now));
    show("set it", clock_settime(CLOCK_PROCESS_CPUTIME_ID, &now));
    show("set thread", clock_settime(CLOCK_THREAD_CPUTIME_ID, &now));
    show("set of nobody", clock_settime(process_clock(99999, 2), &now));
    long before = clock_ms(process_clock(0, 1)), end = clock_ms(CLOCK_MONOTONIC) + 10000;
    while (clock_ms(process_clock(0, 2)) <= before && clock_ms(CLOCK_MONOTONIC) < end)
        ; /* however little of a loaded machine we get */
    say("goes on: %d", clock_ms(process_clock(0, 2)) > before);
}

static void *spin_thread(void *unused)
{
    (void)unused;
    while (!stop_spinning)
        ;
    return NULL;
}

static void timers(pid_t sleeper)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec setting = {.it_value = {0, 10 * MS}}, old;
    int id;

    listen_to(SIGUSR1);
    show("timer of nobody", syscall(SYS_timer_create, process_clock(99999, 2), &event, &id));
    show("timer of a child's thread",
         syscall(SYS_timer_create, process_clock(sleeper, 6), &event, &id));
    show("timer of a descriptor", syscall(SYS_timer_create, process_clock(0, 3), &event, &id));
    show("timer of a child", syscall(SYS_timer_create, process_clock(sleeper, 2), &event, &id));
    show("delete", syscall(SYS_timer_delete, id));
    for (int clock = CLOCK_PROCESS_CPUTIME_ID; clock <= CLOCK_THREAD_CPUTIME_ID; clock++) {
        say("clock %d", clock);
        show("create", syscall(SYS_timer_create, clock, &event, &id));
        show("gettime", syscall(SYS_timer_gettime, id, &old));
        say("unarmed %ld", old.it_value.tv_sec + old.it_value.tv_nsec);
        rang = 0;
        show("settime", syscall(SYS_timer_settime, id, 0, &setting, &old));
        syscall(SYS_timer_gettime, id, &old);
        say("left: %d", old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 10 * MS);
        say("rang: %d", spin_until_rung(1, 20000));
        say("code %d", last_code);
        syscall(SYS_timer_gettime, id, &old);
        say("once: %ld", old.it_value.tv_sec + old.it_value.tv_nsec);

        rang = 0;
        setting.it_interval.tv_nsec = 5 * MS;
        syscall(SYS_timer_settime, id, 0, &setting, NULL);
        say("three times: %d", spin_until_rung(3, 20000));
        syscall(SYS_timer_gettime, id, &old);
        say("interval %ld, armed %d", old.it_interval.tv_nsec, old.it_value.tv_nsec > 0);
        setting.it_interval.tv_nsec = 0;

        rang = 0;
        struct itimerspec past = {.it_value = {0, 1}};
        syscall(SYS_timer_settime, id, TIMER_ABSTIME, &past, NULL);
        say("long ago: %d", spin_until_rung(1, 20000));
        show("delete", syscall(SYS_timer_delete, id));
    }

    /* A silent one only shows its time. */
    event.sigev_notify = SIGEV_NONE;
    show("silent", syscall(SYS_timer_create, CLOCK_PROCESS_CPUTIME_ID, &event, &id));
    setting.it_value = (struct timespec){100, 0};
    syscall(SYS_timer_settime, id, 0, &setting, NULL);
    syscall(SYS_timer_gettime, id, &old);
    say("silent: %d", old.it_value.tv_sec == 99 || old.it_value.tv_sec == 100);
    syscall(SYS_timer_delete, id);
}

static void sleeping(pid_t sleeper)
{
    struct timespec time = {0, 20 * MS}, rest = {7, 7};
    pthread_t thread;

    show("thread clock", syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &time, NULL));
    show("own thread", syscall(SYS_clock_nanosleep, process_clock(getpid(), 6), 0, &time, NULL));
    show("of nobody", syscall(SYS_clock_nanosleep, process_clock(99999, 2), 0, &time, NULL));
    show("bad time", syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0,
                             &(struct timespec){0, 1000 * MS}, NULL));
    show("past", syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME,
                         &(struct timespec){0, 1}, NULL));
    stop_spinning = false;
    if (pthread_create(&thread, NULL, spin_thread, NULL))
        fail("pthread_create");
    long before = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    show("while another runs",
         syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &time, &rest));
    long used = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - before;
    say("so long: %d, rest untouched %d", used >= 20 && used < 2000, rest.tv_sec == 7);
    stop_spinning = true;
    pthread_join(thread, NULL);

    /* A clock that stands still ends no sleep; a signal does. */
    listen_to(SIGALRM);
    struct itimerval soon = {.it_value = {0, 20000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    show("interrupted", syscall(SYS_clock_nanosleep, process_clock(sleeper, 2), 0,
                                &(struct timespec){5, 0}, &rest));
    say("rest: %d", rest.tv_sec == 4 || rest.tv_sec == 5);
}

int main(void)
{
    pid_t sleeper = spawn(sleep_for_ever);

    interval_timers();
    inherited();
    clocks(sleeper);
    timers(sleeper);
    sleeping(sleeper);
    cpu_limits();
    kill(sleeper, SIGKILL);
    show_end("sleeper", sleeper);
    return 0;
}
