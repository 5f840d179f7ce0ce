/*
 * tests/guest/memory_hog.c - more memory than there is. The parent, who holds little, starts a
 * child that takes all, waits for its end, and then does what needs memory: so it is known to be
 * well. `memory_hog spared`: the child is smaller than another one that must not be chosen.
 */
#include "tests/guest/guest.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define CHUNK  (1ul << 20)
#define ROUNDS 3

static void write_file(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        fail(name);
    close(fd);
}

static void take(size_t bytes)
{
    for (size_t taken = 0; taken < bytes; taken += CHUNK) {
        char *chunk = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (chunk == MAP_FAILED)
            _exit(1); /* not what is asked for: memory must run out in a page fault */
        memset(chunk, 1, CHUNK);
    }
}

static pid_t start_hog(size_t bytes, const char *adjustment)
{
    int ready[2];
    char byte;
    pid_t child;

    if (pipe(ready) != 0)
        fail("pipe");
    child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0) {
        if (adjustment != NULL)
            write_file("/proc/self/oom_score_adj", adjustment);
        close(ready[0]);
        take(bytes);
        (void)!write(ready[1], "r", 1);
        for (;;)
            pause();
    }
    close(ready[1]);
    (void)!read(ready[0], &byte, 1); /* it has taken all, or is dead */
    close(ready[0]);
    return child;
}

static int score_of(pid_t pid)
{
    char name[64], text[32] = "";
    int fd;

    snprintf(name, sizeof name, "/proc/%d/oom_score", pid);
    fd = open(name, O_RDONLY);
    if (fd < 0 || read(fd, text, sizeof text - 1) < 1)
        fail(name);
    close(fd);
    return atoi(text);
}

int main(int argument_count, char **arguments)
{
    bool spared = argument_count > 1 && strcmp(arguments[1], "spared") == 0;
    pid_t large = 0;
    int status;

    if (spared) {
        large = start_hog(24 * CHUNK, "-1000");
        say("scores %d %d", score_of(large), score_of(getpid()) > 0);
    }
    for (int round = 0; round < ROUNDS; round++) {
        pid_t hog = start_hog(1024 * CHUNK, NULL);

        if (waitpid(hog, &status, 0) != hog)
            fail("waitpid");
        say("hog %d ended: signal %d", hog, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    }
    if (spared) {
        if (waitpid(large, &status, WNOHANG) != 0)
            fail("the spared one is gone");
        kill(large, SIGKILL);
        waitpid(large, &status, 0);
    }
    take(16 * CHUNK);
    say("well");
    return 0;
}
