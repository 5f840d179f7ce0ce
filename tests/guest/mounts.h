/*
 * tests/guest/mounts.h - for the programs that compare mounts with Linux's: a mount namespace and a
 * tmpfs of their own, in which they work with relative names, and what mountinfo says about it.
 */
#ifndef TESTS_GUEST_MOUNTS_H
#define TESTS_GUEST_MOUNTS_H

#include "tests/guest/same.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

static char base[64];

/* A namespace whose changes nobody else sees, and in it an empty tmpfs as working directory. */
static inline void begin_mounts(void)
{
    snprintf(base, sizeof base, "/tmp/same-mounts-%d", (int)getpid());
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
        fail("a mount namespace");
    umask(022);
    if (mkdir(base, 0755) || mount("base", base, "tmpfs", 0, "mode=755") || chdir(base))
        fail(base);
}

static inline void end_mounts(void)
{
    if (chdir("/") || umount2(base, MNT_DETACH) || rmdir(base))
        fail("the end");
}

#define TREE_LINES 64
struct tree_line {
    char root[100], place[100], options[100], before[200], after[200];
    unsigned long shared, master; /* groups; 0: none */
};

static inline int compare_lines(const void *a, const void *b)
{
    const struct tree_line *one = a, *other = b;
    int order = strcmp(one->place, other->place);

    if (!order)
        order = strcmp(one->options, other->options);
    if (!order)
        order = !one->shared - !other->shared;
    if (!order)
        order = !one->master - !other->master;
    return order;
}

static inline int compare_texts(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Group numbers in the order of their first appearance. */
static inline int group_name(unsigned long group, unsigned long seen[2 * TREE_LINES])
{
    int i = 0;

    while (seen[i] && seen[i] != group)
        i++;
    seen[i] = group;
    return i + 1;
}

/* What mountinfo says about what lies below the working directory, sorted, without its numbers. */
static inline void show_tree(const char *what)
{
    static char text[65536], shown[TREE_LINES][600];
    static struct tree_line lines[TREE_LINES];
    unsigned long seen[2 * TREE_LINES] = {0};
    size_t bytes = 0, skip = strlen(base), count = 0;
    ssize_t got;
    int fd = open("/proc/self/mountinfo", O_RDONLY);

    while (fd >= 0 && (got = read(fd, text + bytes, sizeof text - 1 - bytes)) > 0)
        bytes += (size_t)got;
    text[bytes] = '\0';
    close(fd);
    for (char *line = strtok(text, "\n"); line && count < TREE_LINES; line = strtok(NULL, "\n")) {
        struct tree_line *to = &lines[count];
        char *tail = strstr(line, " - "), *group;

        memset(to, 0, sizeof *to);
        if (!tail ||
            sscanf(line, "%*d %*d %*s %99s %99s %99s", to->root, to->place, to->options) < 3 ||
            strncmp(to->place, base, skip) != 0)
            continue;
        snprintf(to->after, sizeof to->after, "%.199s", tail);
        *tail = '\0';
        if ((group = strstr(line, " shared:")))
            to->shared = strtoul(group + 8, NULL, 10);
        if ((group = strstr(line, " master:")))
            to->master = strtoul(group + 8, NULL, 10);
        if ((group = strstr(line, " unbindable")))
            snprintf(to->before, sizeof to->before, "%s", group);
        count++;
    }
    qsort(lines, count, sizeof lines[0], compare_lines);
    for (size_t i = 0; i < count; i++) {
        struct tree_line *from = &lines[i];
        char shared[32] = "", master[32] = "";

        if (from->shared)
            snprintf(shared, sizeof shared, " shared:%d", group_name(from->shared, seen));
        if (from->master)
            snprintf(master, sizeof master, " master:%d", group_name(from->master, seen));
        snprintf(shown[i], sizeof shown[i], ".%.90s shows %.90s %.90s%s%s%.50s%.150s",
                 from->place + skip, from->root, from->options, shared, master, from->before,
                 from->after);
    }
    qsort(shown, count, sizeof shown[0], compare_texts);
    say("%s:", what);
    for (size_t i = 0; i < count; i++)
        say("  %s", shown[i]);
}

static inline void make(const char *name)
{
    if (mkdir(name, 0755))
        fail(name);
}

static inline void touch(const char *name)
{
    int fd = open(name, O_CREAT | O_WRONLY, 0644);

    if (fd < 0)
        fail(name);
    close(fd);
}

/* Is there such a name? */
static inline void look(const char *name)
{
    say("%s is %s", name, access(name, F_OK) == 0 ? "there" : "not there");
}

static inline void try_mount(const char *what, const char *source, const char *target,
                             const char *type, unsigned long flags, const char *data)
{
    show(what, mount(source, target, type, flags, data));
}

#endif
