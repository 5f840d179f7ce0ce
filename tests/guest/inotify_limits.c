/*
 * tests/guest/inotify_limits.c - the limits in /proc/sys/fs/inotify, which a test must not change on
 * a host: instances and watches per user, and a queue that is full. Exits with 0 if all is as
 * expected.
 */
#define _GNU_SOURCE
#include "tests/guest/same_files.h"

#include <sys/inotify.h>

static void expect(const char *what, long got, long wanted, int error)
{
    if (got != wanted || (got < 0 && errno != error)) {
        say("%s: %ld, %s", what, got, strerrorname_np(errno));
        fail(what);
    }
}

static void set_limit(const char *name, const char *value)
{
    char path[100];
    int fd;

    snprintf(path, sizeof path, "/proc/sys/fs/inotify/%s", name);
    fd = open(path, O_WRONLY);
    if (fd < 0 || write(fd, value, strlen(value)) < 0)
        fail(path);
    close(fd);
}

/* A user's limits: 4 instances, 3 watches in all of them. */
static int by_limits(void)
{
    int queues[8], count = 0;

    if (setresuid(12345, 12345, 12345))
        fail("setresuid");
    while (count < 8 && (queues[count] = inotify_init1(IN_NONBLOCK)) >= 0)
        count++;
    expect("instances", count, 4, 0);
    expect("one more instance", inotify_init1(0), -1, EMFILE);
    expect("first", inotify_add_watch(queues[0], "file", IN_OPEN), 1, 0);
    expect("second", inotify_add_watch(queues[1], "file", IN_OPEN), 1, 0);
    expect("third", inotify_add_watch(queues[0], "dir", IN_OPEN), 2, 0);
    expect("fourth", inotify_add_watch(queues[0], ".", IN_OPEN), -1, ENOSPC);
    expect("no new one", inotify_add_watch(queues[0], "dir", IN_CLOSE), 2, 0);
    close(queues[1]);
    expect("fourth", inotify_add_watch(queues[0], ".", IN_OPEN) > 2, 1, 0);
    close(queues[0]);
    expect("an instance", inotify_init1(0) >= 0, 1, 0);
    expect("another", inotify_init1(0) >= 0, 1, 0);
    expect("too many", inotify_init1(0), -1, EMFILE);
    return 0;
}

/* Room for four events: then one that says that others are missing, once. */
static void full_queue(void)
{
    static char bytes[4096] __attribute__((aligned(8)));
    const struct inotify_event *event = (void *)bytes;
    int queue, count = 0, last = 0;

    set_limit("max_queued_events", "4");
    queue = inotify_init1(IN_NONBLOCK);
    set_limit("max_queued_events", "16384");
    expect("watch", inotify_add_watch(queue, "dir", IN_CREATE | IN_DELETE), 1, 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 6; i++) {
            make_file("dir/a", "");
            unlink("dir/a");
        }
        ssize_t got = read(queue, bytes, sizeof bytes);
        for (count = 0; (char *)event < bytes + got; count++) {
            last = (int)event->mask;
            if (last == IN_Q_OVERFLOW)
                expect("its watch", event->wd == -1, 1, 0);
            event = (const void *)((const char *)(event + 1) + event->len);
        }
        expect("events", count, 5, 0);
        expect("the last one", last, IN_Q_OVERFLOW, 0);
        expect("nothing more", read(queue, bytes, sizeof bytes), -1, EAGAIN);
        event = (const void *)bytes;
    }
    close(queue);
}

int main(void)
{
    own_directory();
    make_names();
    set_limit("max_user_instances", "4");
    set_limit("max_user_watches", "3");
    pid_t child = spawn(by_limits);
    int status;
    if (waitpid(child, &status, 0) != child || status)
        fail("the user");
    set_limit("max_user_instances", "128");
    set_limit("max_user_watches", "65536");
    full_queue();
    leave_directory();
    return 0;
}
