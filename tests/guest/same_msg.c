/*
 * tests/guest/same_msg.c - System V message queues (msgget(2), msgop(2), msgctl(2)): types, room,
 * waiting, rights, removal, as a list of lines that must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#define KEY ((key_t)0x56495403)

struct letter {
    long type;
    char text[8200];
};

static int id;

static long put(int queue, long type, const char *text, int flags)
{
    struct letter letter = {.type = type};

    snprintf(letter.text, sizeof letter.text, "%s", text);
    return msgsnd(queue, &letter, strlen(text), flags);
}

static void get(const char *what, int queue, size_t room, long type, int flags)
{
    struct letter letter;

    memset(&letter, 0, sizeof letter);
    long got = msgrcv(queue, &letter, room, type, flags);
    if (got < 0)
        show(what, got);
    else
        say("%s: %ld bytes of type %ld: %s", what, got, letter.type, letter.text);
}

static struct msqid_ds status(int queue)
{
    struct msqid_ds status;

    memset(&status, 0, sizeof status);
    if (msgctl(queue, IPC_STAT, &status))
        show("IPC_STAT", -1);
    return status;
}

static const char *who(pid_t pid)
{
    return pid == getpid() ? "me" : pid == 0 ? "nobody" : "another";
}

static void tell(const char *what, int queue)
{
    struct msqid_ds now = status(queue);

    say("%s: %lu messages, %lu of %lu bytes, mode %o, sent by %s %d, received by %s %d", what,
        (unsigned long)now.msg_qnum, (unsigned long)now.__msg_cbytes, (unsigned long)now.msg_qbytes,
        now.msg_perm.mode, who(now.msg_lspid), now.msg_stime != 0, who(now.msg_lrpid),
        now.msg_rtime != 0);
}

static void making(void)
{
    int queue = msgget(KEY, IPC_CREAT | IPC_EXCL | 0640);

    show_good("make", queue);
    show("again", msgget(KEY, IPC_CREAT | IPC_EXCL));
    say("found: %d", msgget(KEY, 0) == queue && msgget(KEY, IPC_CREAT) == queue);
    show("no such key", msgget(KEY + 1, 0));
    tell("new", queue);
    show("remove", msgctl(queue, IPC_RMID, NULL));
    show("removed again", msgctl(queue, IPC_RMID, NULL));
    show("send to it", put(queue, 1, "x", 0));
    get("receive from it", queue, 8, 0, IPC_NOWAIT);
}

static void misuse(void)
{
    struct msqid_ds wanted;
    struct letter letter = {.type = 1};
    int queue = msgget(IPC_PRIVATE, 0600);

    show("type 0", put(queue, 0, "x", 0));
    show("type -1", put(queue, -1, "x", 0));
    show("size -1", msgsnd(queue, &letter, (size_t)-1, 0));
    show("size 8193", msgsnd(queue, &letter, 8193, 0));
    show("size 0", msgsnd(queue, &letter, 0, 0));
    get("size 0", queue, 0, 0, 0);
    show("size 8192", msgsnd(queue, &letter, 8192, 0));
    show("and again", msgsnd(queue, &letter, 8192, IPC_NOWAIT));
    show("and again", msgsnd(queue, &letter, 8192, IPC_NOWAIT));
    tell("full", queue);
    show("size 0 still", msgsnd(queue, &letter, 0, IPC_NOWAIT));
    show("receive", msgrcv(queue, &letter, 8200, 0, 0));
    letter.type = 1;
    show("negative id", msgsnd(-1, &letter, 1, 0));
    show("another id", msgsnd(queue + 32768, &letter, 1, 0));
    show("from nowhere", msgsnd(queue, (void *)16, 1, 0));
    show("receive, size -1", msgrcv(queue, &letter, (size_t)-1, 0, IPC_NOWAIT));
    show("receive, id -1", msgrcv(-1, &letter, 1, 0, IPC_NOWAIT));
    show("receive, another id", msgrcv(queue + 32768, &letter, 1, 0, IPC_NOWAIT));
    show("too small", msgrcv(queue, &letter, 10, 0, 0));
    show("cut", msgrcv(queue, &letter, 10, 0, MSG_NOERROR));
    put(queue, 1, "lost", 0);
    tell("before", queue);
    show("to nowhere", msgrcv(queue, (void *)16, 10, 1, 0));
    tell("it is lost", queue);
    show("COPY alone", msgrcv(queue, &letter, 10, 0, MSG_COPY));
    show("COPY and EXCEPT", msgrcv(queue, &letter, 10, 0, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT));
    show("unknown command", msgctl(queue, 77, &wanted));
    show("negative command", msgctl(queue, -1, &wanted));
    show("IPC_STAT nowhere", msgctl(queue, IPC_STAT, (void *)16));
    show("IPC_SET nowhere", msgctl(queue, IPC_SET, (void *)16));
    memset(&wanted, 0xff, sizeof wanted);
    wanted.msg_qbytes = 1;
    show("IPC_SET nobody", msgctl(queue, IPC_SET, &wanted));
    msgctl(queue, IPC_RMID, NULL);
}

static void types(void)
{
    static const struct {
        long type;
        const char *text;
    } all[] = {{3, "three"}, {1, "one"}, {2, "two"}, {1, "one more"}, {5, "five"}, {4, "four"}};
    int queue = msgget(IPC_PRIVATE, 0600);

    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
        put(queue, all[i].type, all[i].text, 0);
    tell("filled", queue);
    get("copy of 0", queue, 16, 0, MSG_COPY | IPC_NOWAIT);
    get("copy of 5", queue, 16, 5, MSG_COPY | IPC_NOWAIT);
    get("copy of 6", queue, 16, 6, MSG_COPY | IPC_NOWAIT);
    get("copy of -1", queue, 16, -1, MSG_COPY | IPC_NOWAIT);
    get("copy, too small", queue, 2, 0, MSG_COPY | IPC_NOWAIT);
    get("copy, cut", queue, 2, 0, MSG_COPY | IPC_NOWAIT | MSG_NOERROR);
    get("type 2", queue, 16, 2, 0);
    get("type 2 again", queue, 16, 2, IPC_NOWAIT);
    get("not 3", queue, 16, 3, MSG_EXCEPT);
    get("up to 2", queue, 16, -2, 0);
    get("up to 2", queue, 16, -2, IPC_NOWAIT);
    get("up to 9", queue, 16, -9, 0);
    get("up to all", queue, 16, LONG_MIN, 0);
    get("any, too small", queue, 2, 0, 0);
    get("any", queue, 16, 0, 0);
    get("empty", queue, 16, 0, IPC_NOWAIT);
    get("empty, not 1", queue, 16, 1, IPC_NOWAIT | MSG_EXCEPT);
    tell("empty", queue);
    msgctl(queue, IPC_RMID, NULL);
}

/* ---- waiting ---- */

/* The state that /proc gives: S while it sleeps. */
static bool sleeps(pid_t pid)
{
    char path[64], text[256] = "";

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY);
    read(fd, text, sizeof text - 1);
    close(fd);
    char *at = strrchr(text, ')');
    return at && at[2] == 'S';
}

static int receive_type_7(void)
{
    get("received", id, 16, 7, 0);
    return 0;
}

static int receive_little(void)
{
    get("received little", id, 2, 0, 0);
    return 0;
}

static int receive_little_cut(void)
{
    get("received cut", id, 2, 0, MSG_NOERROR);
    return 0;
}

static int send_more(void)
{
    return put(id, 2, "more", 0) ? errno : 0;
}

static void nothing(int signal)
{
    (void)signal;
}

static int receive_interrupted(void)
{
    struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART};

    sigaction(SIGUSR1, &action, NULL);
    get("interrupted", id, 16, 0, 0);
    return 0;
}

static int send_interrupted(void)
{
    struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART};

    sigaction(SIGUSR1, &action, NULL);
    show("interrupted", put(id, 1, "more", 0));
    return 0;
}

static pid_t sleeper(int (*function)(void))
{
    pid_t child = spawn(function);

    UNTIL(sleeps(child));
    return child;
}

static void waiting(void)
{
    struct letter letter = {.type = 1};

    id = msgget(IPC_PRIVATE, 0600);
    pid_t child = sleeper(receive_type_7);
    put(id, 1, "not for it", 0);
    tell("still waits", id);
    put(id, 7, "for it", 0);
    show_end("child", child);
    tell("one left", id);
    get("that one", id, 16, 0, 0);

    child = sleeper(receive_little);
    put(id, 1, "long", 0);
    show_end("child", child);
    tell("not taken", id);
    get("taken", id, 16, 0, 0);
    child = sleeper(receive_little_cut);
    put(id, 1, "long", 0);
    show_end("child", child);
    child = sleeper(receive_interrupted);
    kill(child, SIGUSR1);
    show_end("child", child);
    child = sleeper(receive_type_7);
    kill(child, SIGKILL);
    show_end("child", child);
    child = sleeper(receive_type_7);
    msgctl(id, IPC_RMID, NULL);
    show_end("child", child);

    id = msgget(IPC_PRIVATE, 0600);
    msgsnd(id, &letter, 8192, 0);
    msgsnd(id, &letter, 8190, 0);
    child = sleeper(send_more);
    show("a little room", msgsnd(id, &letter, 2, IPC_NOWAIT));
    tell("full", id);
    show("take one", msgrcv(id, &letter, 8192, 0, 0));
    show_end("child", child);
    tell("it was sent", id);
    letter.type = 1;
    msgsnd(id, &letter, 8188, 0);
    child = sleeper(send_interrupted);
    kill(child, SIGUSR1);
    show_end("child", child);
    struct msqid_ds wanted = status(id);
    wanted.msg_qbytes = 16000;
    show("smaller", msgctl(id, IPC_SET, &wanted));
    child = sleeper(send_more);
    msgrcv(id, &letter, 8192, 0, MSG_NOERROR);
    show_end("child", child);
    letter.type = 1;
    msgsnd(id, &letter, 7800, 0);
    tell("nearly full", id);
    child = sleeper(send_more);
    wanted.msg_qbytes = 16384;
    show("larger", msgctl(id, IPC_SET, &wanted));
    show_end("child", child);
    tell("larger", id);
    wanted.msg_qbytes = 10;
    show("smaller", msgctl(id, IPC_SET, &wanted));
    child = sleeper(send_more);
    msgctl(id, IPC_RMID, NULL);
    show_end("child", child);
}

/* ---- rights, lists ---- */

static int as_another_user(void)
{
    struct msqid_ds now, wanted;
    struct msginfo info;

    if (setgid(1000) || setuid(1000))
        fail("setuid");
    show("send", put(id, 1, "x", 0));
    get("receive", id, 16, 0, IPC_NOWAIT);
    show("IPC_STAT", msgctl(id, IPC_STAT, &now));
    show("MSG_STAT", msgctl(id & 0x7fff, MSG_STAT, &now) < 0 ? -1 : 0);
    show("MSG_STAT_ANY", msgctl(id & 0x7fff, 13, &now) < 0 ? -1 : 0);
    memset(&wanted, 0, sizeof wanted);
    show("IPC_SET", msgctl(id, IPC_SET, &wanted));
    wanted.msg_perm.uid = 1000;
    wanted.msg_perm.mode = 0600;
    wanted.msg_qbytes = 100000;
    show("IPC_SET, more bytes", msgctl(id, IPC_SET, &wanted));
    show("MSG_INFO", msgctl(0, MSG_INFO, (struct msqid_ds *)&info) < 0 ? -1 : 0);
    show("IPC_RMID", msgctl(id, IPC_RMID, NULL));
    return 0;
}

static void rights(void)
{
    for (unsigned mode = 0; mode < 8; mode += 2) {
        id = msgget(IPC_PRIVATE, 0700 | (int)mode);
        say("others may %o", mode);
        show_end("child", spawn(as_another_user));
        msgctl(id, IPC_RMID, NULL);
    }
    id = msgget(IPC_PRIVATE, 0);
    struct msqid_ds wanted = status(id);
    wanted.msg_perm.uid = 1000;
    wanted.msg_perm.mode = 07600;
    show("IPC_SET", msgctl(id, IPC_SET, &wanted));
    tell("set", id);
    show_end("child", spawn(as_another_user));
    show("gone or not", msgctl(id, IPC_RMID, NULL));
}

static void lists(void)
{
    struct msginfo info;
    char text[512] = "";
    int queue = msgget(IPC_PRIVATE, 0600), fd;

    put(queue, 1, "in it", 0);
    show("IPC_INFO", msgctl(0, IPC_INFO, (struct msqid_ds *)&info) < 0 ? -1 : 0);
    say("message %d queue %d queues %d map %d pool %d headers %d segments %d of %d", info.msgmax,
        info.msgmnb, info.msgmni, info.msgmap, info.msgpool, info.msgtql, info.msgseg, info.msgssz);
    show("MSG_INFO", msgctl(0, MSG_INFO, (struct msqid_ds *)&info) < 0 ? -1 : 0);
    say("queues %d messages %d bytes %d", info.msgpool, info.msgmap, info.msgtql);
    fd = open("/proc/sysvipc/msg", O_RDONLY);
    read(fd, text, sizeof text - 1);
    close(fd);
    char *line = strchr(text, '\n');
    say("%.*s", (int)(line - text), text);
    say("%.*s", 50, line + 1);
    msgctl(queue, IPC_RMID, NULL);
}

/* Two processes, one letter at a time each way. */
static int answer(void)
{
    struct letter letter;

    for (int i = 0; i < 1000; i++) {
        long got = msgrcv(id, &letter, 100, 1, 0);
        letter.type = 2;
        msgsnd(id, &letter, (size_t)got, 0);
    }
    return 0;
}

static void turns(void)
{
    struct letter letter;
    int wrong = 0;

    id = msgget(IPC_PRIVATE, 0600);
    pid_t child = spawn(answer);
    for (int i = 0; i < 1000; i++) {
        letter.type = 1;
        msgsnd(id, &letter, (size_t)(i % 100), 0);
        wrong += msgrcv(id, &letter, 100, 2, 0) != i % 100;
    }
    show_end("answers", child);
    show("wrong", wrong);
    msgctl(id, IPC_RMID, NULL);
}

int main(void)
{
    unshare(CLONE_NEWIPC); /* nobody else's objects, where that is possible */
    making();
    misuse();
    types();
    waiting();
    rights();
    lists();
    turns();
    return 0;
}
