/*
 * tests/integration/test_linux.c - does the kernel answer as Linux does? Programs that print what
 * their system calls returned (tests/guest/same_*.c) run on this host and in the machine; their
 * outputs must be the same, line by line.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/harness.h"

#define HOST_SECONDS 60
#define LINE_MAX     512

/* What the program prints on this host, where it leads a session of its own as in the machine. */
static char *host_output(const char *program)
{
    const char *path = guest_program(program);
    size_t bytes = 0, room = 65536;
    char *output = malloc(room);
    int ends[2], status;
    ssize_t got;

    cr_assert(output && pipe2(ends, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
    pid_t child = fork();
    cr_assert(child >= 0, "fork: %s", strerror(errno));
    if (child == 0) {
        int nothing = open("/dev/null", O_RDONLY);

        setsid();
        for (int signal = 1; signal < NSIG; signal++)
            sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        dup2(nothing, 0);
        dup2(ends[1], 1);
        for (int fd = 3; fd < 1024; fd++)
            close(fd);
        alarm(HOST_SECONDS);
        execl(path, path, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    while ((got = read(ends[0], output + bytes, room - bytes - 1)) > 0) {
        bytes += (size_t)got;
        cr_assert(bytes + 1 < room, "%s prints too much", program);
    }
    output[bytes] = '\0';
    close(ends[0]);
    cr_assert(waitpid(child, &status, 0) == child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0,
              "%s ended with wait status %#x on this host after:\n%s", program, status, output);
    return output;
}

/* Cuts the next line off *rest; NULL at the end. */
static const char *next_line(const char **rest, char line[LINE_MAX])
{
    if (!**rest)
        return NULL;
    size_t length = strcspn(*rest, "\n");
    snprintf(line, LINE_MAX, "%.*s", (int)length, *rest);
    *rest += length;
    if (**rest)
        (*rest)++;
    return line;
}

static void compare(const struct variant *variant, const char *program)
{
    char expected_line[LINE_MAX], line[LINE_MAX], differences[4096] = "";
    size_t used = 0;

    variant_require(variant);
    if (harness_is_slow(variant) && variant->cpus > 1)
        cr_skip_test("kernel code is interpreted here: compared with one CPU only");
    char *expected = host_output(program);
    struct session *session = session_start_program(variant, program, NULL);
    struct vt_outcome outcome = session_wait(session);
    const char *left = expected, *right = session_stdout(session, NULL);

    for (unsigned number = 1;; number++) {
        const char *want = next_line(&left, expected_line), *have = next_line(&right, line);
        if (!want && !have)
            break;
        if (want && have && !strcmp(want, have))
            continue;
        if (used < sizeof differences - 1)
            used += (size_t)snprintf(differences + used, sizeof differences - used,
                                     "\n%u: Linux \"%s\"\n%u: here  \"%s\"", number,
                                     want ? want : "(ended)", number, have ? have : "(ended)");
        if (!want || !have)
            break;
    }
    cr_assert(!*differences, "%s:%s", program, differences);
    cr_assert(outcome.kind == VT_OUTCOME_EXITED && outcome.status == 0,
              "%s ended with kind %d status %d", program, outcome.kind, outcome.status);
    session_destroy(session);
    free(expected);
}

/* Making tasks: which flags go together, what they share, tids, exit signals, pidfds, unshare. */
VARIANT_TEST(like_linux, clone)
{
    compare(variant, "same_clone");
}

/* Namespaces: making, entering, their files, who may. */
VARIANT_TEST(like_linux, namespaces)
{
    compare(variant, "same_namespaces");
}

/* PID namespaces: numbers inside and outside, process 1, signals across, chosen numbers. */
VARIANT_TEST(like_linux, pid_namespaces)
{
    compare(variant, "same_pid_namespaces");
}

/* A tracer in a PID namespace: the numbers that it is told are those that it sees. */
VARIANT_TEST(like_linux, traced_namespaces)
{
    compare(variant, "same_traced_namespaces");
}

/* Network namespaces: abstract socket names of their own, paths in common. */
VARIANT_TEST(like_linux, net_namespaces)
{
    compare(variant, "same_net_namespaces");
}

/* Leases: who gets which, who is told, who waits for whom. */
VARIANT_TEST(like_linux, leases)
{
    compare(variant, "same_leases");
}

/* Time namespaces: who enters and when, offsets and what they refuse, clocks and waits inside. */
VARIANT_TEST(like_linux, time_namespaces)
{
    compare(variant, "same_time_namespaces");
}

/* Ends: exit and exit_group, exec in a thread, wait in all forms, orphans, robust mutexes. */
VARIANT_TEST(like_linux, ends)
{
    compare(variant, "same_ends");
}

/* Programs that change owners and users have to begin as root on the host, too. */
static void compare_as_root(const struct variant *variant, const char *program)
{
    if (geteuid() != 0)
        cr_skip_test("the tests are not run by root on this host: nothing to compare with");
    compare(variant, program);
}

/* read, write, lseek, truncate, fallocate, sendfile, dup, fcntl, stat: what is refused, and how. */
VARIANT_TEST(like_linux, read_write)
{
    compare(variant, "same_read_write");
}

/* chmod, chown, utimensat, access, umask, extended attributes, as root and as somebody else. */
VARIANT_TEST(like_linux, modes)
{
    compare_as_root(variant, "same_modes");
}

/* mmap, mprotect, mremap, msync, madvise, mincore, mlock, brk, memfd_create, process_vm_readv. */
VARIANT_TEST(like_linux, mappings)
{
    compare_as_root(variant, "same_mappings");
}

/* Users, groups, capabilities, process groups, priorities, prctl, personality, names. */
VARIANT_TEST(like_linux, identity)
{
    compare_as_root(variant, "same_identity");
}

/* Clocks, sleeps and timers: what is refused, and what becomes of them when the clock is set. */
VARIANT_TEST(like_linux, clock_set)
{
    compare_as_root(variant, "same_clock_set");
}

/* Scheduling policies: what may be asked for, by whom, what children get. */
VARIANT_TEST(like_linux, sched)
{
    compare_as_root(variant, "same_sched");
}

/* Mounts are compared in a namespace of their own: not every host lets its tests make one. */
static void compare_mounts(const struct variant *variant, const char *program)
{
    pid_t child = fork();
    int status;

    cr_assert(child >= 0, "fork: %s", strerror(errno));
    if (child == 0)
        _exit(unshare(CLONE_NEWNS) ? 1 : 0);
    cr_assert(waitpid(child, &status, 0) == child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        cr_skip_test("unshare(CLONE_NEWNS) is not allowed on this host: nothing to compare with");
    compare(variant, program);
}

/* mount and umount2: options, binding, remounting, moving, what flags forbid, walking. */
VARIANT_TEST(like_linux, mounts)
{
    compare_mounts(variant, "same_mounts");
}

/* Shared, slave and unbindable mounts, mount namespaces, pivot_root and chroot. */
VARIANT_TEST(like_linux, propagation)
{
    compare_mounts(variant, "same_propagation");
}

/* A /proc mounted inside a PID namespace: its numbers and links, from inside, above and below, and
 * after the namespace's end. */
VARIANT_TEST(like_linux, pid_namespace_proc)
{
    compare_mounts(variant, "same_pid_proc");
}

/* Signals: sending, queues, flags, what becomes of interrupted calls, stopped and continued. */
VARIANT_TEST(like_linux, signals)
{
    compare(variant, "same_signals");
}

/* Signals as records, to threads, and job control's stops. */
VARIANT_TEST(like_linux, signalfd)
{
    compare(variant, "same_signalfd");
}

/* Groups, sessions, pseudo-terminals: who reads and writes what, which signals follow. */
VARIANT_TEST(like_linux, terminal)
{
    compare(variant, "same_terminal");
}

/* Futexes: what is refused, who is woken and moved, waiting for several, locks with owners. */
VARIANT_TEST(like_linux, futex)
{
    compare(variant, "same_futex");
}

/* Event counters and timers, as files and with signals. */
VARIANT_TEST(like_linux, events)
{
    compare(variant, "same_events");
}

/* Opening by name, in all forms. */
VARIANT_TEST(like_linux, open)
{
    compare(variant, "same_open");
}

/* Names: making, linking, moving, removing, as root and as somebody else. */
VARIANT_TEST(like_linux, names)
{
    compare(variant, "same_names");
}

/* Bytes between pipes, files and memory: splice, tee, vmsplice, sendfile, copy_file_range. */
VARIANT_TEST(like_linux, splice)
{
    compare(variant, "same_splice");
}

/* Sockets: making, naming, connecting, options. */
VARIANT_TEST(like_linux, sockets)
{
    compare(variant, "same_sockets");
}

/* What sockets carry: streams, datagrams, full queues, how they end, polling, timeouts. */
VARIANT_TEST(like_linux, conversations)
{
    compare(variant, "same_conversations");
}

/* Messages: descriptors and credentials in them, several at once, descriptors that nobody takes. */
VARIANT_TEST(like_linux, messages)
{
    compare(variant, "same_messages");
}

/* Pairs of connected sockets, and what is no socket. */
VARIANT_TEST(like_linux, socket_pairs)
{
    compare(variant, "same_socket_pairs");
}

/* CPU time: limits, interval timers, timers and sleeping on its clocks. */
VARIANT_TEST(like_linux, cpu_time)
{
    compare(variant, "same_cpu_time");
}

/* Limits of a user without privileges, over all of its processes, and what was used. */
VARIANT_TEST(like_linux, limits)
{
    compare(variant, "same_limits");
}

/* Files that only grow or never change, and directories like that. */
VARIANT_TEST(like_linux, file_flags)
{
    compare(variant, "same_file_flags");
}

/* /proc about a process in a known state: its memory page by page, what it waits in, its family. */
VARIANT_TEST(like_linux, proc)
{
    compare(variant, "same_proc");
}

/* System V shared memory: segments, rights, attachments over fork, exec and exit, removal. */
VARIANT_TEST(like_linux, shared_memory)
{
    compare(variant, "same_shm");
}

/* System V semaphores: arrays of operations, waiting, undoing, rights, removal. */
VARIANT_TEST(like_linux, semaphores)
{
    compare(variant, "same_sem");
}

/* System V message queues: types, room, waiting, rights, removal. */
VARIANT_TEST(like_linux, message_queues)
{
    compare(variant, "same_msg");
}

/* IPC namespaces: whose objects are seen where, and what becomes of them. */
VARIANT_TEST(like_linux, ipc_namespaces)
{
    compare(variant, "same_ipc_namespaces");
}

/* POSIX message queues: names, priorities, waiting, being told, polling, rights, limits. */
VARIANT_TEST(like_linux, posix_message_queues)
{
    compare(variant, "same_mqueue");
}

/* Programs that steer others: signals, system calls, steps, events, attaching, memory. */
VARIANT_TEST(like_linux, ptrace)
{
    compare(variant, "same_ptrace");
}

/* inotify: which events come of what, for files and their directories, and how they are read. */
VARIANT_TEST(like_linux, inotify)
{
    compare(variant, "same_inotify");
}

/* Mounts held by descriptors: making, copying and hanging them in, their options and flags. */
VARIANT_TEST(like_linux, mount_handles)
{
    compare(variant, "same_mount_handles");
}

/* Signals about open files: owners, the chosen signal, O_ASYNC. */
VARIANT_TEST(like_linux, async)
{
    compare(variant, "same_async");
}

/* What files hold and may be told: space, holes, sizes, attributes, whiteouts. */
VARIANT_TEST(like_linux, file_space)
{
    compare(variant, "same_file_space");
}
