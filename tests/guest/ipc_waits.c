/*
 * tests/guest/ipc_waits.c - children that wait at System V semaphores and queues and at POSIX queues, until a
 * line comes.
 */
#define _GNU_SOURCE
#include "tests/guest/guest.h"

#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/wait.h>

static int set, empty, full;
static mqd_t queue;

static void semaphore(void)
{
    struct sembuf operation = {2, -1, 0};

    semop(set, &operation, 1);
}

static void receive(void)
{
    struct {
        long type;
        char text[8];
    } message;

    msgrcv(empty, &message, sizeof message.text, 0, 0);
}

static void send_message(void)
{
    struct {
        long type;
        char text[8];
    } message = {.type = 1};

    while (!msgsnd(full, &message, sizeof message.text, 0))
        ;
}

static void posix_receive(void)
{
    char text[64];

    mq_receive(queue, text, sizeof text, NULL);
}

int main(void)
{
    static void (*const parts[])(void) = {semaphore, receive, send_message, posix_receive};
    enum { PARTS = sizeof parts / sizeof *parts };
    pid_t children[PARTS];
    struct mq_attr attributes = {.mq_maxmsg = 2, .mq_msgsize = 64};
    struct msqid_ds limits;

    set = semget(IPC_PRIVATE, 3, 0600);
    empty = msgget(IPC_PRIVATE, 0600);
    full = msgget(IPC_PRIVATE, 0600);
    queue = mq_open("/waits", O_CREAT | O_RDWR, 0600, &attributes);
    if (set < 0 || empty < 0 || full < 0 || queue < 0 || msgctl(full, IPC_STAT, &limits))
        fail("make");
    limits.msg_qbytes = 64;
    if (msgctl(full, IPC_SET, &limits))
        fail("IPC_SET");
    for (int i = 0; i < PARTS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            parts[i]();
            _exit(0);
        }
    }
    say("set %d", set);
    say("empty %d", empty);
    say("full %d", full);
    await_host();
    for (int i = 0; i < PARTS; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
    return 0;
}
