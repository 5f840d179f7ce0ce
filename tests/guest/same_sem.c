/*
 * tests/guest/same_sem.c - System V semaphores (semget(2), semop(2), semctl(2)): sets, arrays of
 * operations that succeed together or not at all, waiting, undoing, rights, removal, as a list of
 * lines that must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/sem.h>

#define KEY ((key_t)0x56495402)

static int id; /* of the set that children work on */

static long control(int set, int number, int command, long argument)
{
    return syscall(SYS_semctl, set, number, command, argument);
}

static long one(int set, unsigned number, int operation, int flags)
{
    struct sembuf buffer = {(unsigned short)number, (short)operation, (short)flags};

    return semop(set, &buffer, 1);
}

static struct semid_ds status(int set)
{
    struct semid_ds status;

    memset(&status, 0, sizeof status);
    if (control(set, 0, IPC_STAT, (long)&status))
        show("IPC_STAT", -1);
    return status;
}

static const char *who(long pid)
{
    return pid == getpid() ? "me" : pid == 0 ? "nobody" : "another";
}

static void tell(const char *what, int set)
{
    char text[256] = "";
    size_t used = 0;
    unsigned long count = status(set).sem_nsems;

    for (unsigned i = 0; i < count && i < 4; i++)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, " %ld/%s/%ld/%ld",
                             control(set, (int)i, GETVAL, 0), who(control(set, (int)i, GETPID, 0)),
                             control(set, (int)i, GETNCNT, 0), control(set, (int)i, GETZCNT, 0));
    say("%s:%s", what, text);
}

static void making(void)
{
    int set = semget(KEY, 3, IPC_CREAT | IPC_EXCL | 0640), other;

    show_good("make", set);
    show("again", semget(KEY, 3, IPC_CREAT | IPC_EXCL));
    say("found: %d", semget(KEY, 3, 0) == set && semget(KEY, 0, 0) == set);
    show("too many", semget(KEY, 4, 0));
    show("no such key", semget(KEY + 1, 1, 0));
    show("none", semget(IPC_PRIVATE, 0, 0600));
    show("-1", semget(IPC_PRIVATE, -1, 0600));
    show("32001", semget(IPC_PRIVATE, 32001, 0600));
    show_good("32000", other = semget(IPC_PRIVATE, 32000, 0600));
    show("add to the last", one(other, 31999, 7, 0));
    show("the last", control(other, 31999, GETVAL, 0));
    show("behind it", one(other, 32000, 7, 0));
    show("remove", control(other, 0, IPC_RMID, 0));
    tell("new", set);
    struct semid_ds now = status(set);
    say("mode %o count %lu key %d operated %d changed %d", now.sem_perm.mode,
        (unsigned long)now.sem_nsems, now.sem_perm.__key == KEY, now.sem_otime != 0,
        now.sem_ctime != 0);
    show("remove", control(set, 0, IPC_RMID, 0));
    show("removed again", control(set, 0, IPC_RMID, 0));
}

static void misuse(void)
{
    struct sembuf many[501];
    struct semid_ds wanted;
    unsigned short values[3] = {1, 2, 32768};
    struct timespec bad = {0, 1000000000}, negative = {-1, 0};
    int set = semget(IPC_PRIVATE, 3, 0600);

    memset(many, 0, sizeof many);
    show("no operations", semop(set, many, 0));
    show("500", semop(set, many, 500));
    show("501", semop(set, many, 501));
    show("no operations, bad id", semop(-1, many, 0));
    show("501, bad id", semop(-1, many, 501));
    show("bad id", semop(-1, many, 1));
    show("another id", semop(set + 32768, many, 1));
    show("nowhere", semop(set, (void *)16, 1));
    show("nowhere, bad id", semop(set + 32768, (void *)16, 1));
    show("number 3", one(set, 3, 1, 0));
    show("bad time", semtimedop(set, many, 1, &bad));
    show("negative time", semtimedop(set, many, 1, &negative));
    show("time nowhere", semtimedop(set, many, 1, (void *)16));
    show("bad time, no operations", semtimedop(set, many, 0, &bad));
    show("unknown command", control(set, 0, 77, 0));
    show("negative command", control(set, 0, -1, 0));
    show("negative id", control(-1, 0, GETVAL, 0));
    show("GETVAL 3", control(set, 3, GETVAL, 0));
    show("GETVAL -1", control(set, -1, GETVAL, 0));
    show("GETNCNT 3", control(set, 3, GETNCNT, 0));
    show("SETVAL 3", control(set, 3, SETVAL, 0));
    show("SETVAL -1", control(set, 0, SETVAL, -1));
    show("SETVAL 32768", control(set, 0, SETVAL, 32768));
    show("SETVAL 32768 of 3", control(set, 3, SETVAL, 32768));
    show("SETVAL 32767", control(set, 0, SETVAL, 32767));
    show("beyond", one(set, 0, 1, 0));
    show("SETALL with one too large", control(set, 0, SETALL, (long)values));
    tell("unchanged", set);
    show("GETALL nowhere", control(set, 0, GETALL, 16));
    show("SETALL nowhere", control(set, 0, SETALL, 16));
    show("IPC_STAT nowhere", control(set, 0, IPC_STAT, 16));
    show("IPC_SET nowhere", control(set, 0, IPC_SET, 16));
    memset(&wanted, 0xff, sizeof wanted);
    show("IPC_SET nobody", control(set, 0, IPC_SET, (long)&wanted));
    control(set, 0, IPC_RMID, 0);
}

static void together(void)
{
    struct sembuf operations[4] = {{0, 3, 0}, {1, -1, IPC_NOWAIT}, {0, -1, 0}};
    unsigned short values[3] = {0};
    int set = semget(IPC_PRIVATE, 3, 0600);

    show("all or nothing", semop(set, operations, 2));
    tell("nothing", set);
    one(set, 1, 1, 0);
    show("all", semop(set, operations, 3));
    tell("all", set);
    show("wait for zero that is", one(set, 1, 0, 0));
    show("that is not", one(set, 0, 0, IPC_NOWAIT));
    struct sembuf down[3] = {{0, -2, 0}, {0, 0, IPC_NOWAIT}, {0, 5, 0}};
    show("down, zero, up", semop(set, down, 3));
    tell("so", set);
    struct sembuf large[2] = {{0, 32767, 0}, {0, -32767, 0}};
    show("too large on the way", semop(set, large, 2));
    struct sembuf twice[2] = {{0, -3, IPC_NOWAIT}, {0, -3, IPC_NOWAIT}};
    show("twice", semop(set, twice, 2));
    struct timespec soon = {0, 1000000}, now = {0, 0};
    show("no time", semtimedop(set, &(struct sembuf){1, -1, 0}, 1, &now));
    show("a millisecond", semtimedop(set, &(struct sembuf){1, -1, 0}, 1, &soon));
    values[0] = 4;
    values[2] = 9;
    show("SETALL", control(set, 0, SETALL, (long)values));
    tell("set", set);
    show("GETALL", control(set, 0, GETALL, (long)values));
    say("%d %d %d", values[0], values[1], values[2]);
    say("operated %d", status(set).sem_otime != 0);
    control(set, 0, IPC_RMID, 0);
}

/* ---- waiting ---- */

static int take_two(void)
{
    struct sembuf operations[2] = {{0, -1, 0}, {1, -1, 0}};

    show("took both", semop(id, operations, 2));
    return 0;
}

static int wait_for_zero(void)
{
    show("is zero", one(id, 2, 0, 0));
    return 0;
}

static int wait_forever(void)
{
    show("the set", one(id, 0, -1000, 0));
    return 0;
}

static void nothing(int signal)
{
    (void)signal;
}

static int interrupted(void)
{
    struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART};

    sigaction(SIGUSR1, &action, NULL);
    show("interrupted", one(id, 0, -1000, 0));
    return 0;
}

static void waiting(void)
{
    id = semget(IPC_PRIVATE, 3, 0600);
    pid_t child = spawn(take_two);
    UNTIL(control(id, 0, GETNCNT, 0) == 1);
    tell("waits for the first", id);
    one(id, 0, 1, 0);
    UNTIL(control(id, 1, GETNCNT, 0) == 1);
    tell("for the second", id);
    struct sembuf away[2] = {{0, -1, 0}, {1, 1, 0}};
    semop(id, away, 2);
    tell("for the first again", id);
    one(id, 0, 1, 0);
    show_end("child", child);
    say("left: %ld %ld by %s", control(id, 0, GETVAL, 0), control(id, 1, GETVAL, 0),
        control(id, 0, GETPID, 0) == child ? "the child" : "another");

    control(id, 2, SETVAL, 2);
    child = spawn(wait_for_zero);
    UNTIL(control(id, 2, GETZCNT, 0) == 1);
    one(id, 2, -1, 0);
    tell("one left", id);
    one(id, 2, -1, 0);
    show_end("child", child);

    control(id, 2, SETVAL, 1);
    child = spawn(wait_for_zero);
    UNTIL(control(id, 2, GETZCNT, 0) == 1);
    control(id, 2, SETVAL, 0);
    show_end("child, after SETVAL", child);

    child = spawn(interrupted);
    UNTIL(control(id, 0, GETNCNT, 0) == 1);
    kill(child, SIGUSR1);
    show_end("child", child);
    tell("nobody waits", id);
    child = spawn(wait_forever);
    UNTIL(control(id, 0, GETNCNT, 0) == 1);
    kill(child, SIGKILL);
    show_end("child", child);
    tell("nobody waits", id);
    child = spawn(wait_forever);
    UNTIL(control(id, 0, GETNCNT, 0) == 1);
    control(id, 0, IPC_RMID, 0);
    show_end("child, after removal", child);
}

/* Who came first is served first, unless only a later one can be. */
static int amount, turn_pipe[2];

static int take_amount(void)
{
    char letter = (char)('0' + amount);

    one(id, 0, -amount, 0);
    write(turn_pipe[1], &letter, 1);
    return 0;
}

static void in_turn(void)
{
    static const int amounts[] = {5, 1, 2, 1};
    char order[8] = "";
    pid_t children[4];

    id = semget(IPC_PRIVATE, 1, 0600);
    pipe(turn_pipe);
    for (int i = 0; i < 4; i++) {
        amount = amounts[i];
        children[i] = spawn(take_amount);
        UNTIL(control(id, 0, GETNCNT, 0) == i + 1);
    }
    one(id, 0, 2, 0);
    read(turn_pipe[0], order, 1);
    read(turn_pipe[0], order + 1, 1);
    say("of 2 first: %s, %ld wait", order, control(id, 0, GETNCNT, 0));
    one(id, 0, 7, 0);
    for (int i = 0; i < 4; i++)
        show_end("child", children[i]);
    tell("all served", id);
    control(id, 0, IPC_RMID, 0);
}

/* ---- undoing ---- */

static int with_undo(void)
{
    one(id, 0, -2, SEM_UNDO);
    one(id, 1, 3, SEM_UNDO);
    one(id, 1, -1, SEM_UNDO);
    one(id, 2, -1, SEM_UNDO);
    control(id, 2, SETVAL, 7); /* nothing is left to undo there */
    tell("in the child", id);
    if (fork() == 0) /* a child undoes nothing of its parent's */
        _exit(0);
    wait(NULL);
    tell("after its child", id);
    return 0;
}

static int undo_too_much(void)
{
    one(id, 0, 5, SEM_UNDO);
    control(id, 1, SETVAL, 0);
    while (!one(id, 1, 32767, SEM_UNDO | IPC_NOWAIT))
        one(id, 1, -32767, 0);
    show("adjustment", -1);
    return 0;
}

static int undo_by_signal(void)
{
    one(id, 0, -1, SEM_UNDO);
    kill(getpid(), SIGKILL);
    return 0;
}

static int undo_over_exec(void)
{
    char text[16];

    snprintf(text, sizeof text, "%d", id);
    one(id, 0, -1, SEM_UNDO);
    execl("/proc/self/exe", "same_sem", text, (char *)NULL);
    return 1;
}

static void *thread_takes(void *argument)
{
    (void)argument;
    one(id, 0, -1, SEM_UNDO);
    return NULL;
}

static int undo_of_threads(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, thread_takes, NULL);
    pthread_join(thread, NULL);
    tell("the thread has gone", id);
    show("unshare", unshare(CLONE_SYSVSEM));
    tell("unshared", id);
    return 0;
}

static int undo_shared(void)
{
    one(id, 0, -1, SEM_UNDO);
    pid_t child = (pid_t)syscall(SYS_clone, CLONE_SYSVSEM | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) {
        one(id, 0, -1, SEM_UNDO);
        _exit(0);
    }
    show_end("sharing child", child);
    tell("it shared", id);
    return 0;
}

static int wait_undone(void)
{
    return one(id, 0, -10, 0) != 0;
}

static int undo_wakes(void)
{
    one(id, 0, -5, SEM_UNDO);
    UNTIL(control(id, 0, GETNCNT, 0) == 1);
    return 0;
}

static void undoing(void)
{
    id = semget(IPC_PRIVATE, 3, 0600);
    control(id, 0, SETVAL, 10);
    control(id, 2, SETVAL, 10);
    show_end("child", spawn(with_undo));
    tell("undone", id);
    show_end("child", spawn(undo_by_signal));
    tell("killed", id);
    show_end("child", spawn(undo_over_exec));
    tell("another program", id);
    show_end("child", spawn(undo_of_threads));
    tell("threads", id);
    show_end("child", spawn(undo_shared));
    tell("shared", id);
    pid_t first = spawn(undo_wakes);
    UNTIL(control(id, 0, GETVAL, 0) == 5);
    pid_t second = spawn(wait_undone);
    show_end("who undoes", first);
    show_end("who waits", second);
    control(id, 0, SETVAL, 0);
    show_end("child", spawn(undo_too_much));
    tell("not below zero", id);
    control(id, 0, IPC_RMID, 0);
}

/* ---- rights, lists ---- */

static int as_another_user(void)
{
    struct semid_ds wanted;
    unsigned short values[2];
    struct seminfo info;

    if (setgid(1000) || setuid(1000))
        fail("setuid");
    show("add", one(id, 0, 1, 0));
    show("wait for zero", one(id, 1, 0, IPC_NOWAIT));
    show("number too large", one(id, 7, 1, 0));
    show("GETVAL", control(id, 0, GETVAL, 0));
    show("GETVAL 7", control(id, 7, GETVAL, 0));
    show("SETVAL", control(id, 1, SETVAL, 0));
    show("SETVAL 7", control(id, 7, SETVAL, 0));
    show("GETALL", control(id, 0, GETALL, (long)values));
    show("SETALL nowhere", control(id, 0, SETALL, 16));
    show("IPC_STAT", control(id, 0, IPC_STAT, (long)&wanted));
    show("SEM_STAT", control(id & 0x7fff, 0, SEM_STAT, (long)&wanted) < 0 ? -1 : 0);
    show("SEM_STAT_ANY", control(id & 0x7fff, 0, SEM_STAT_ANY, (long)&wanted) < 0 ? -1 : 0);
    show("IPC_SET", control(id, 0, IPC_SET, (long)&wanted));
    show("IPC_RMID", control(id, 0, IPC_RMID, 0));
    show("SEM_INFO", control(0, 0, SEM_INFO, (long)&info) < 0 ? -1 : 0);
    return 0;
}

static void rights(void)
{
    for (unsigned mode = 0; mode < 8; mode += 2) {
        id = semget(IPC_PRIVATE, 2, 0700 | (int)mode);
        say("others may %o", mode);
        show_end("child", spawn(as_another_user));
        control(id, 0, IPC_RMID, 0);
    }
    id = semget(IPC_PRIVATE, 2, 0);
    say("root may with no rights: %ld", one(id, 0, 1, 0));
    struct semid_ds wanted = status(id);
    wanted.sem_perm.uid = 1000;
    wanted.sem_perm.mode = 07600;
    show("IPC_SET", control(id, 0, IPC_SET, (long)&wanted));
    say("mode %o", status(id).sem_perm.mode);
    show_end("child", spawn(as_another_user));
    show("removed by it", control(id, 0, IPC_RMID, 0));
}

static void lists(void)
{
    struct seminfo info;
    char text[512] = "";
    int set = semget(IPC_PRIVATE, 5, 0600), fd = open("/proc/sysvipc/sem", O_RDONLY);

    show("IPC_INFO", control(0, 0, IPC_INFO, (long)&info) < 0 ? -1 : 0);
    say("map %d sets %d all %d undos %d per set %d operations %d value %d adjustment %d",
        info.semmap, info.semmni, info.semmns, info.semmnu, info.semmsl, info.semopm, info.semvmx,
        info.semaem);
    show("SEM_INFO", control(0, 0, SEM_INFO, (long)&info) < 0 ? -1 : 0);
    say("sets %d semaphores %d", info.semusz, info.semaem);
    show("SEM_INFO nowhere", control(0, 0, SEM_INFO, 16));
    read(fd, text, sizeof text - 1);
    close(fd);
    /* The times are cut off. */
    char *line = strchr(text, '\n');
    say("%.*s", (int)(line - text), text);
    say("%.*s", 70, line + 1);
    fd = open("/proc/sys/kernel/sem", O_RDONLY);
    text[read(fd, text, sizeof text - 1)] = '\0';
    close(fd);
    say("%.*s", (int)strcspn(text, "\n"), text);
    control(set, 0, IPC_RMID, 0);
}

/* Two processes in turns, by two semaphores. */
static int answer(void)
{
    for (int i = 0; i < 1000; i++) {
        one(id, 0, -1, 0);
        one(id, 1, 1, 0);
    }
    return 0;
}

static void turns(void)
{
    id = semget(IPC_PRIVATE, 2, 0600);
    pid_t child = spawn(answer);
    int wrong = 0;

    for (int i = 0; i < 1000; i++)
        wrong += one(id, 0, 1, 0) != 0 || one(id, 1, -1, 0) != 0;
    show_end("answers", child);
    show("wrong", wrong);
    tell("at the end", id);
    control(id, 0, IPC_RMID, 0);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        id = atoi(argv[1]);
        tell("in the new program", id);
        return 0;
    }
    unshare(CLONE_NEWIPC); /* nobody else's objects, where that is possible */
    making();
    misuse();
    together();
    waiting();
    in_turn();
    undoing();
    rights();
    lists();
    turns();
    return 0;
}
