/*
 * tests/guest/same_pid_proc.c - what a /proc that was mounted in a PID namespace shows: from inside,
 * from a namespace below, from outside, and when the namespace has ended; as a list of lines that
 * must be the same on Linux (as root, in a mount namespace of its own).
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

static char place[] = "/tmp/pid_proc_XXXXXX";
static int to_child[2];

static pid_t clone_into(unsigned long flags, int (*function)(void))
{
    long child = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

    if (child == 0)
        _exit(function());
    if (child < 0)
        fail("clone");
    return (pid_t)child;
}

static const char *inside(const char *name)
{
    static char path[100];

    snprintf(path, sizeof path, "%s/%s", place, name);
    return path;
}

static int compare_numbers(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* The directories that are numbers. */
static void list(const char *what, const char *name)
{
    int numbers[64], count = 0;
    char text[300] = "";
    DIR *directory = opendir(inside(name));
    const struct dirent *entry;

    if (!directory) {
        show(what, -1);
        return;
    }
    while ((entry = readdir(directory)))
        if (atoi(entry->d_name) > 0 && count < 64)
            numbers[count++] = atoi(entry->d_name);
    closedir(directory);
    qsort(numbers, (size_t)count, sizeof *numbers, compare_numbers);
    for (int i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), " %d", numbers[i]);
    say("%s:%s", what, text);
}

static void link_of(const char *what, const char *name)
{
    char text[100];
    ssize_t length = readlink(inside(name), text, sizeof text - 1);

    if (length < 0) {
        show(what, -1);
        return;
    }
    text[length] = 0;
    say("%s: %s", what, text);
}

/* The lines of a status file that hold numbers. */
static void status_of(const char *name)
{
    static const char *const fields[] = {"Tgid:", "Pid:", "PPid:", "NSpid:", "NSpgid:", "NSsid:"};
    char line[200];
    FILE *file = fopen(inside(name), "r");

    if (!file) {
        show(name, -1);
        return;
    }
    while (fgets(line, sizeof line, file))
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
            if (strncmp(line, fields[i], strlen(fields[i])) == 0) {
                line[strcspn(line, "\n")] = 0;
                say("%s %s", name, line);
            }
    fclose(file);
}

static int waits(void)
{
    char byte;

    return read(to_child[0], &byte, 1) != 1;
}

/* One level further down: its own number up there, and a mount of its own. */
static int below(void)
{
    say("below, pid %d", getpid());
    list("the mount above", "");
    link_of("self of the mount above", "self");
    show("mount below", mount("proc", place, "proc", 0, NULL));
    list("the mount below", "");
    link_of("self below", "self");
    status_of("1/status");
    show("umount below", umount(place));
    return 0;
}

static int process_one(void)
{
    show("mount", mount("proc", place, "proc", 0, NULL));
    pid_t child = clone_into(0, waits);
    list("numbers", "");
    link_of("self", "self");
    link_of("thread-self", "thread-self");
    list("threads", "2/task");
    status_of("1/status");
    status_of("2/status");
    show("nobody", access(inside("3"), F_OK));
    char text[20];
    ssize_t length = readlink("/proc/self", text, sizeof text);
    say("the first mount has another number: %d", length > 0 && !(length == 1 && text[0] == '1'));
    show_end("below", clone_into(CLONE_NEWPID, below));
    if (write(to_child[1], "x", 1) != 1)
        fail("write");
    show_end("child", child);
    list("numbers after that", "");
    return 0;
}

int main(void)
{
    char own[20];

    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
        fail("mount namespace");
    if (!mkdtemp(place) || pipe2(to_child, O_CLOEXEC))
        fail("place");
    show_end("process 1", clone_into(CLONE_NEWPID, process_one));
    list("numbers after the end", "");
    link_of("self after the end", "self");
    link_of("self of 1", "1/exe");
    show("version", access(inside("version"), R_OK));
    show("umount", umount(place));
    show("mount outside", mount("proc", place, "proc", 0, NULL));
    ssize_t length = readlink(inside("self"), own, sizeof own - 1);
    own[length > 0 ? length : 0] = 0;
    say("self outside is own: %d", atoi(own) == getpid());
    show("umount outside", umount(place));
    rmdir(place);
    say("done");
    return 0;
}
