/*
 * tests/guest/same_leases.c - leases of files (fcntl F_SETLEASE, F_GETLEASE): who gets which, who is
 * told, who waits; as a list of lines that must be the same on Linux (as root).
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <fcntl.h>
#include <sys/stat.h>

static char name[] = "/tmp/same_leases.XXXXXX";
static volatile sig_atomic_t heard, code, heard_fd, band;

static void hear(int signal, siginfo_t *info, void *context)
{
    (void)context;
    heard = signal;
    code = info->si_code;
    heard_fd = info->si_fd;
    band = (int)info->si_band;
}

static int lease(int fd, int type)
{
    return fcntl(fd, F_SETLEASE, type);
}

static int lease_of(int fd)
{
    return fcntl(fd, F_GETLEASE);
}

static void refused(void)
{
    int ends[2], fd = open(name, O_RDONLY);

    show("none yet", lease_of(fd));
    show("unlock without", lease(fd, F_UNLCK));
    show("unknown type", lease(fd, 77));
    show("bad descriptor", lease(-1, F_RDLCK));
    show("get of bad descriptor", lease_of(-1));
    pipe(ends);
    show("pipe", lease(ends[0], F_RDLCK));
    show("pipe's", lease_of(ends[0]));
    close(ends[0]);
    close(ends[1]);
    int directory = open("/tmp", O_RDONLY), path = open(name, O_PATH);
    show("directory", lease(directory, F_RDLCK));
    show("path", lease(path, F_RDLCK));
    show("path's", lease_of(path));
    close(directory);
    close(path);
    close(fd);
}

static int unprivileged(void)
{
    int fd = open(name, O_RDONLY);

    if (setresuid(1000, 1000, 1000))
        fail("setresuid");
    show("another's file", lease(fd, F_RDLCK));
    show("unlock another's", lease(fd, F_UNLCK));
    return 0;
}

static void types(void)
{
    int reader = open(name, O_RDONLY);

    show("read", lease(reader, F_RDLCK));
    show("is", lease_of(reader));
    show("again", lease(reader, F_RDLCK));
    show("write, alone", lease(reader, F_WRLCK));
    show("is", lease_of(reader));
    show("back to read", lease(reader, F_RDLCK));
    int second = open(name, O_RDONLY);
    show("second read", lease(second, F_RDLCK));
    show("write, not alone", lease(second, F_WRLCK));
    show("second is", lease_of(second));
    show("unlock", lease(second, F_UNLCK));
    show("is", lease_of(second));
    close(second);
    int copy = dup(reader);
    show("by a copy", lease_of(copy));
    close(copy);
    show("unlock", lease(reader, F_UNLCK));
    int writer = open(name, O_RDWR);
    show("read while written", lease(reader, F_RDLCK));
    close(reader);
    show("read on a writer", lease(writer, F_RDLCK));
    show("write on a writer", lease(writer, F_WRLCK));
    show("is", lease_of(writer));
    show("owner", fcntl(writer, F_GETOWN) == getpid());
    close(writer);
    writer = open(name, O_RDWR | O_NONBLOCK);
    show("open after close", writer >= 0);
    close(writer);
}

static long try_open(int flags)
{
    int fd = open(name, flags);

    if (fd >= 0)
        close(fd);
    return fd < 0 ? fd : 0;
}

static void nonblocking(void)
{
    int fd = open(name, O_RDONLY);

    lease(fd, F_RDLCK);
    heard = 0;
    show("read beside read", try_open(O_RDONLY | O_NONBLOCK));
    show("nothing heard", heard);
    show("write", try_open(O_WRONLY | O_NONBLOCK));
    show("heard", heard == SIGIO);
    say("now %d", lease_of(fd));
    heard = 0;
    show("write again", try_open(O_WRONLY | O_NONBLOCK));
    show("heard once", heard);
    show("taken back", lease(fd, F_RDLCK));
    say("now %d", lease_of(fd));
    show("unlock", lease(fd, F_UNLCK));
    show("write then", try_open(O_WRONLY | O_NONBLOCK));

    fcntl(fd, F_SETSIG, SIGRTMIN);
    lease(fd, F_WRLCK);
    heard = 0;
    show("read beside write", try_open(O_RDONLY | O_NONBLOCK));
    say("heard %d, code %d, right file %d", heard == SIGRTMIN, code, heard_fd == fd);
    say("now %d", lease_of(fd));
    heard = 0;
    show("then to write", try_open(O_WRONLY | O_NONBLOCK));
    say("heard %d, now %d", heard == SIGRTMIN, lease_of(fd));
    show("path", try_open(O_PATH));
    close(fd);
}

static int opens_to_write(void)
{
    return open(name, O_WRONLY) < 0;
}

static int opens_to_read(void)
{
    return open(name, O_RDONLY) < 0;
}

static int truncates(void)
{
    return truncate(name, 3) != 0;
}

/* A child that waits until the lease has become `type`. */
static void waited_for(const char *what, int (*child)(void), int had, int type)
{
    int fd = open(name, O_RDONLY);
    sigset_t set, before;

    fcntl(fd, F_SETSIG, SIGRTMIN);
    show(what, lease(fd, had));
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, &before);
    pid_t pid = spawn(child);
    siginfo_t info = {0};
    show("signal", sigwaitinfo(&set, &info) == SIGRTMIN);
    say("code %d, right file %d", info.si_code, info.si_fd == fd);
    show("it waits", waitpid(pid, NULL, WNOHANG));
    show("give way", lease(fd, type));
    show_end("it", pid);
    show("left", lease_of(fd));
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(fd);
}

/* The holder ends with its lease. */
static void ends(void)
{
    int fd = open(name, O_RDONLY);
    sigset_t set, before;

    fcntl(fd, F_SETSIG, SIGRTMIN);
    lease(fd, F_RDLCK);
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, &before);
    /* The child has the same open file, which must not keep the lease. */
    pid_t pid = fork();
    if (pid == 0) {
        close(fd);
        _exit(opens_to_write());
    }
    siginfo_t info;
    sigwaitinfo(&set, &info);
    close(fd);
    show_end("it", pid);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = hear, .sa_flags = SA_SIGINFO};
    int fd = mkstemp(name);

    sigaction(SIGIO, &action, NULL);
    sigaction(SIGRTMIN, &action, NULL);
    if (fd < 0 || write(fd, "some text", 9) != 9)
        fail("mkstemp");
    close(fd);
    chmod(name, 0666);
    refused();
    show_end("unprivileged", spawn(unprivileged));
    types();
    nonblocking();
    waited_for("write beside read", opens_to_write, F_RDLCK, F_UNLCK);
    waited_for("read beside write", opens_to_read, F_WRLCK, F_RDLCK);
    waited_for("truncate", truncates, F_RDLCK, F_UNLCK);
    struct stat state;
    stat(name, &state);
    show("size", state.st_size);
    ends();
    unlink(name);
    say("done");
    return 0;
}
