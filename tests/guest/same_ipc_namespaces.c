/*
 * tests/guest/same_ipc_namespaces.c - IPC namespaces (ipc_namespaces(7)): objects are seen in their
 * own namespace only, and go with it; what is attached stays; semaphores are undone on the way out;
 * as a list of lines that must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#define KEY ((key_t)0x56495404)

static int segment, set, queue;

static void look(const char *what)
{
    say("%s: %s %s %s", what, shmget(KEY, 0, 0) < 0 ? strerrorname_np(errno) : "shm",
        semget(KEY, 0, 0) < 0 ? strerrorname_np(errno) : "sem",
        msgget(KEY, 0) < 0 ? strerrorname_np(errno) : "msg");
}

static void make(void)
{
    segment = shmget(KEY, PAGE_BYTES, IPC_CREAT | 0600);
    set = semget(KEY, 2, IPC_CREAT | 0600);
    queue = msgget(KEY, IPC_CREAT | 0600);
    say("ids %d %d %d", segment, set, queue);
}

static int another_namespace(void)
{
    int old = open("/proc/self/ns/ipc", O_RDONLY);
    char *place = shmat(segment, NULL, 0);

    strcpy(place, "from the old one");
    semop(set, &(struct sembuf){0, 1, SEM_UNDO}, 1);
    show("unshare", unshare(CLONE_NEWIPC));
    look("in a new one");
    say("attached still: %s", place);
    make();
    look("made");
    char *other = shmat(segment, NULL, 0);
    other[0] = 'n';
    semop(set, &(struct sembuf){1, 3, SEM_UNDO}, 1);
    msgsnd(queue, &(struct {
               long type;
               char text[8];
           }){1, "left"},
           4, 0);
    show("back", setns(old, CLONE_NEWIPC));
    look("back in the old one");
    show("undone when it left", semctl(set, 0, GETVAL));
    say("attached still: %c", other[0]);
    show("detach", shmdt(other));
    show("detach", shmdt(place));
    return 0;
}

static int cloned(void)
{
    pid_t child = (pid_t)syscall(SYS_clone, CLONE_NEWIPC | SIGCHLD, 0, 0, 0, 0);

    if (child == 0) {
        look("cloned");
        make();
        char *place = shmat(segment, NULL, 0);
        shmctl(segment, IPC_RMID, NULL);
        place[0] = 'x';
        semop(set, &(struct sembuf){0, 2, SEM_UNDO}, 1);
        if (fork() == 0)
            _exit(0);
        wait(NULL);
        _exit(place[0] == 'x' ? 7 : 8);
    }
    show_end("child", child);
    show("with CLONE_SYSVSEM",
         syscall(SYS_clone, CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD, 0, 0, 0, 0));
    return 0;
}

static int no_privilege(void)
{
    if (setgid(1000) || setuid(1000))
        fail("setuid");
    show("unshare", unshare(CLONE_NEWIPC));
    return 0;
}

int main(void)
{
    struct shm_info usage;

    show("unshare", unshare(CLONE_NEWIPC));
    make();
    look("made");
    show_end("child", spawn(another_namespace));
    look("afterwards");
    show_end("child", spawn(cloned));
    show_end("child", spawn(no_privilege));
    shmctl(0, SHM_INFO, (struct shmid_ds *)&usage);
    say("%d segments, %lu pages", usage.used_ids, usage.shm_tot);
    for (int i = 0; i < 20; i++) {
        if (unshare(CLONE_NEWIPC))
            show("unshare", -1);
        segment = shmget(KEY, PAGE_BYTES, IPC_CREAT | 0600);
        set = semget(KEY, 100, IPC_CREAT | 0600);
        ((char *)shmat(segment, NULL, 0))[0] = 'y';
    }
    say("the last: %d %d", segment, set);
    return 0;
}
