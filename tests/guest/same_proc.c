/*
 * tests/guest/same_proc.c - what /proc says about a process that is in a known state; lines that must
 * be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define PAGES   64
#define TOUCHED 10

static char content[65536];

/* The file's content, "" if it cannot be read; what cannot be opened is told. */
static const char *content_of(const char *format, int pid)
{
    char path[64];

    snprintf(path, sizeof path, format, pid);
    int fd = open(path, O_RDONLY);
    size_t length = 0;
    ssize_t got;
    if (fd < 0)
        show(path[6] >= '0' && path[6] <= '9' ? strrchr(path, '/') : path, -1);
    while (fd >= 0 && length < sizeof content - 1 &&
           (got = read(fd, content + length, sizeof content - 1 - length)) > 0)
        length += (size_t)got;
    if (fd >= 0)
        close(fd);
    content[length] = 0;
    return content;
}

static int words_of(const char *text)
{
    int words = 0;

    for (bool inside = false; *text; text++) {
        bool blank = *text == ' ' || *text == '\n' || *text == '\t';
        words += !blank && !inside;
        inside = !blank;
    }
    return words;
}

/* The number after `name:`, in the text from `from` on; -1 if there is none. */
static long number_after(const char *from, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = from; (at = strstr(at, name)); at += length)
        if ((at == from || at[-1] == '\n') && at[length] == ':')
            return strtol(at + length + 1, NULL, 10);
    return -1;
}

static bool sleeps(pid_t pid)
{
    const char *state = strstr(content_of("/proc/%d/stat", pid), ") ");

    return state && state[2] == 'S';
}

static void numbers(pid_t child)
{
    say("stat: %d words", words_of(content_of("/proc/%d/stat", child)));
    say("statm: %d words", words_of(content_of("/proc/%d/statm", child)));
    say("schedstat: %d words", words_of(content_of("/proc/%d/schedstat", child)));
    content_of("/proc/%d/schedstat", child);
    say("ran: %d", strtoul(content, NULL, 10) > 0);
    say("wchan: %d", strcmp(content_of("/proc/%d/wchan", child), "0") != 0);
    content_of("/proc/%d/syscall", child);
    say("syscall: %.3s, %d words", content, words_of(content));
    say("own syscall: %.5s", content_of("/proc/self/syscall", 0));
    content_of("/proc/%d/sched", child);
    say("sched: %d %d", strstr(content, "nr_switches") != NULL,
        strstr(content, "#threads: 1)") != NULL);
    say("slack: %s", content_of("/proc/self/timerslack_ns", 0));
    say("personality: %s", content_of("/proc/%d/personality", child));
    say("loadavg: %d words", words_of(content_of("/proc/loadavg", 0)));
    say("interrupts: %d", strstr(content_of("/proc/interrupts", 0), "CPU0") != NULL);
    say("stat: %d", !strncmp(content_of("/proc/stat", 0), "cpu  ", 5));
    say("uptime: %d words", words_of(content_of("/proc/uptime", 0)));
    content_of("/proc/meminfo", 0);
    say("meminfo: %d", number_after(content, "MemTotal") >= number_after(content, "MemFree"));
}

static void family(pid_t child)
{
    char path[64], expected[16];

    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    snprintf(expected, sizeof expected, "%d ", child);
    say("children: %d", strcmp(content_of(path, 0), expected) == 0);
    say("of the child: '%s'", content_of("/proc/%1$d/task/%1$d/children", child));
    content_of("/proc/%d/status", child);
    say("parent %d, tracer %ld, threads %ld, umask %ld", number_after(content, "PPid") == getpid(),
        number_after(content, "TracerPid"), number_after(content, "Threads"),
        number_after(content, "Umask"));
}

/* The part of smaps that is about the mapping at `start`. */
static const char *smaps_of(const void *start)
{
    char head[32];

    snprintf(head, sizeof head, "%lx-", (unsigned long)start);
    const char *at = strstr(content_of("/proc/self/smaps", 0), head);
    return at ? at : "";
}

static void show_smaps(const char *what, const void *start)
{
    static const char *const names[] = {"Size",          "Rss",           "Pss",
                                        "Shared_Clean",  "Private_Clean", "Shared_Dirty",
                                        "Private_Dirty", "Anonymous",     "Swap"};
    const char *part = smaps_of(start);
    char line[256] = "";

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        sprintf(line + strlen(line), " %s %ld", names[i], number_after(part, names[i]));
    say("%s:%s", what, line);
}

static void memory(void)
{
    volatile char *start =
        mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t entries[TOUCHED + 2];

    madvise((void *)start, PAGES * 4096, MADV_NOHUGEPAGE);
    mprotect((void *)start, 4096, PROT_READ); /* its own line, whatever lies beside it */
    mprotect((char *)start + (PAGES - 1) * 4096, 4096, PROT_READ);
    start += 4096;
    show_smaps("untouched", (void *)start);
    for (int i = 0; i < TOUCHED; i++)
        start[i * 4096] = 1;
    show_smaps("touched", (void *)start);
    pid_t child = spawn(sleep_for_ever);
    show_smaps("after fork", (void *)start);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    show_smaps("alone again", (void *)start);

    int fd = open("/proc/self/pagemap", O_RDONLY);
    off_t place = (off_t)((uintptr_t)start / 4096 * 8);
    show("pagemap", pread(fd, entries, sizeof entries, place));
    int present = 0, file = 0;
    for (size_t i = 0; i < TOUCHED + 2; i++) {
        present += entries[i] >> 63 & 1;
        file += entries[i] >> 61 & 1;
    }
    say("present %d, of files %d", present, file);
    show("not a whole entry", pread(fd, entries, 4, place));
    show("between two", pread(fd, entries, 8, place + 4));
    close(fd);

    long rss = number_after(strchr(content_of("/proc/self/smaps_rollup", 0), '\n') + 1, "Rss");
    long status = number_after(content_of("/proc/self/status", 0), "VmRSS");
    say("rollup: %d", rss > 0 && rss <= status + 400 && status <= rss + 400);
}

static void directories_as_pidfds(pid_t child)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d", child);
    int fd = open(path, O_RDONLY | O_DIRECTORY), stat = open("/proc/self/stat", O_RDONLY);

    show("signal through /proc", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
    show("through a file", syscall(SYS_pidfd_send_signal, stat, 0, NULL, 0));
    show("wait through it", waitid(P_PIDFD, (id_t)fd, NULL, WEXITED | WNOHANG));
    show("end it", syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
    show_end("ended", child);
    show("gone", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
    close(fd);
    close(stat);
}

int main(void)
{
    umask(022);
    prctl(PR_SET_TIMERSLACK, 50000);
    pid_t child = spawn(sleep_for_ever);

    UNTIL(sleeps(child));
    numbers(child);
    family(child);
    directories_as_pidfds(child);
    memory();
    return 0;
}
