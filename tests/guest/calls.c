/*
 * tests/guest/calls.c - system calls whose arguments and results are the same on every kernel, for
 * comparing two tracers. They begin after close(-100).
 */
#define _GNU_SOURCE
#include "tests/guest/guest.h"

#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define FILE_NAME "/tmp/vitrine-calls"

int main(void)
{
    char buffer[100] = "";
    struct stat status;
    int ends[2], wait_status, fd;

    for (fd = 3; fd < 64; fd++) /* whoever started this may have left some open */
        close(fd);
    (void)!close(-100);
    (void)!open("/no/such/file", O_RDONLY);
    (void)!open(FILE_NAME " with \"quotes\"\n\x01"
                          "2",
                O_WRONLY | O_DIRECTORY | O_CLOEXEC);
    fd = open(FILE_NAME, O_RDWR | O_CREAT | O_TRUNC, 0640);
    (void)!write(fd, "the first words of a file that is longer than what is shown", 59);
    (void)!lseek(fd, 4, SEEK_SET);
    (void)!read(fd, buffer, 5);
    (void)!read(fd, buffer, sizeof buffer);
    (void)!read(fd, buffer, sizeof buffer);
    (void)!pread(fd, buffer, 3, 1);
    (void)!fstat(fd, &status);
    (void)!ftruncate(fd, 7);
    (void)!fcntl(fd, F_GETFD);
    (void)!fcntl(fd, F_SETFD, FD_CLOEXEC);
    (void)!fcntl(fd, F_GETFL);
    (void)!fcntl(fd, F_DUPFD_CLOEXEC, 30);
    (void)!dup2(fd, 40);
    (void)!close(fd);
    (void)!access(FILE_NAME, R_OK | W_OK);
    (void)!unlink(FILE_NAME);
    (void)!access(FILE_NAME, F_OK);
    (void)!mkdir("/tmp/vitrine-calls.d", 0700);
    (void)!mkdir("/tmp/vitrine-calls.d", 0700);
    (void)!rmdir("/tmp/vitrine-calls.d");
    (void)!pipe2(ends, O_NONBLOCK | O_CLOEXEC);
    (void)!read(ends[0], buffer, 1);
    (void)!write(ends[1], "\0\x7f\xff\t\"\\", 6);
    (void)!read(ends[0], buffer, 10);
    (void)!lseek(ends[0], 0, SEEK_END);
    (void)!mount("none", "/no/such", "tmpfs", MS_RDONLY | MS_NOSUID, NULL);
    (void)!umount2("/no/such", MNT_DETACH | UMOUNT_NOFOLLOW);
    (void)!unshare(CLONE_NEWUTS | 0x1000);
    (void)!setns(-1, CLONE_NEWUTS | CLONE_NEWIPC);
    (void)!shmget(IPC_PRIVATE, 0, IPC_CREAT | IPC_EXCL | 0640);
    (void)!shmat(-1, NULL, SHM_RDONLY);
    (void)!shmctl(-1, IPC_RMID, NULL);
    (void)!semget(0x1234567, -1, IPC_CREAT | 0600);
    (void)!msgget(0x1234567, IPC_EXCL);
    (void)!msgctl(-1, IPC_RMID, NULL);
    (void)!mq_unlink("/no such");
    (void)!splice(-1, NULL, -1, NULL, 100, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    (void)!tee(-1, -1, 100, 0);
    void *area = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)!mprotect(area, 4096, PROT_NONE);
    (void)!madvise(area, 4096, MADV_DONTNEED);
    (void)!munmap(area, 8192);
    (void)!mmap(NULL, 0, PROT_READ, MAP_SHARED, -1, 0);
    (void)!kill(0x7ffffff0, SIGUSR1);
    (void)!chdir("/tmp");
    (void)!syscall(SYS_getcwd, buffer, sizeof buffer);
    (void)!umask(022);
    pid_t child = fork();
    if (child == 0)
        _exit(5);
    (void)!waitpid(-1, &wait_status, 0);
    (void)!waitpid(-1, &wait_status, WNOHANG);
    _exit(7);
}
