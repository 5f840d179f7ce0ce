/*
 * tests/guest/large_exit.c - programs with much memory end, one after the other, and what /proc says of the
 * kernel's own thread that gives it back: `large_exit MIB ROUNDS`.
 */
#define _GNU_SOURCE
#include "tests/guest/guest.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static void end_of_large(unsigned long mib)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        size_t bytes = mib << 20;
        char *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (size_t at = 0; at < bytes; at += PAGE_BYTES)
            pages[at] = 1;
        _exit(pages == MAP_FAILED);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status)
        fail("child");
}

static void read_text(const char *pid, const char *name, char text[512])
{
    char path[300];

    snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
    int fd = open(path, O_RDONLY);
    ssize_t got = read(fd, text, 511);
    text[got < 0 ? 0 : got] = '\0';
    close(fd);
}

/* The process of that name; 0 = none. */
static int find(const char *name)
{
    DIR *directory = opendir("/proc");
    struct dirent *entry;
    char text[512];
    int found = 0;

    while (directory && !found && (entry = readdir(directory)) != NULL) {
        read_text(entry->d_name, "comm", text);
        text[strcspn(text, "\n")] = '\0';
        if (!strcmp(text, name))
            found = atoi(entry->d_name);
    }
    if (directory)
        closedir(directory);
    return found;
}

static void show(int pid)
{
    char number[12], text[512], path[64];
    unsigned flags = 0, parent = 0;

    snprintf(number, sizeof number, "%d", pid);
    read_text(number, "stat", text);
    const char *rest = strrchr(text, ')');
    if (!rest || sscanf(rest, ") %*c %u %*d %*d %*d %*d %u", &parent, &flags) != 2)
        fail("stat");
    say("parent %u, kernel's own %d", parent, (flags & 0x200000) != 0);
    read_text(number, "cmdline", text);
    say("command line \"%s\"", text);
    read_text(number, "maps", text);
    say("mappings \"%s\"", text);
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    say("program %s", readlink(path, text, sizeof text) < 0 ? strerrorname_np(errno) : "there");
    say("kill %d", kill(pid, SIGKILL));
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 1;
    say("before %d", find("mm_release"));
    await_host();
    for (int i = 0; i < atoi(argv[2]); i++)
        end_of_large(strtoul(argv[1], NULL, 10));
    int pid = find("mm_release");
    say("thread %d", pid > 0);
    if (pid > 0) {
        show(pid);
        end_of_large(strtoul(argv[1], NULL, 10));
        say("still there %d", find("mm_release") == pid);
    }
    say("over");
    await_host();
    return 0;
}
