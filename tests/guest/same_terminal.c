/*
 * tests/guest/same_terminal.c - process groups, sessions, pseudo-terminals and job control, as a
 * list of lines that must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>

static volatile int *shared;
static int master;
static char slave_name[64];

/* ---- groups and sessions ---- */

static int exec_later(void)
{
    execl("/proc/self/exe", "same_terminal", "sleep", (char *)NULL);
    return 98;
}

static int own_session(void)
{
    show("setsid", setsid() == getpid() ? 0 : -1);
    show("setsid again", setsid());
    show("leader joins a group", setpgid(0, 0));
    shared[0] = 1;
    return sleep_for_ever();
}

static void groups(void)
{
    show("setpgid group -1", setpgid(0, -1));
    show("setpgid nobody", setpgid(0x3ffffff, 0));
    show("setpgid parent", setpgid(getppid(), 0));
    show("session leader", setpgid(0, 0));
    show("getpgid nobody", getpgid(0x3ffffff));
    show("getsid nobody", getsid(0x3ffffff));
    show("getpgid -1", getpgid(-1));
    say("own: %d %d", getpgid(0) == getpid(), getsid(0) == getpid());
    show("setsid of a leader", setsid());

    pid_t child = spawn(sleep_for_ever), other = spawn(own_session);
    UNTIL(shared[0] == 1);
    say("inherited: %d %d", getpgid(child) == getpid(), getsid(child) == getpid());
    show("child's own group", setpgid(child, child));
    say("it is: %d", getpgid(child) == child);
    show("group of nobody", setpgid(child, child + 1000));
    show("group of another session", setpgid(child, other));
    show("child in another session", setpgid(other, other));
    show("back to ours", setpgid(child, getpid()));
    kill(other, SIGKILL);
    show_end("other", other);
    kill(child, SIGKILL);
    show_end("child", child);
    shared[0] = 0;
    child = spawn(exec_later);
    UNTIL(shared[0] || waitpid(child, NULL, WNOHANG) || setpgid(child, 0) < 0);
    show("after exec", setpgid(child, 0));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* ---- a pair ---- */

static void say_bytes(const char *what, int fd)
{
    char bytes[400], text[900] = "";
    ssize_t got = read(fd, bytes, sizeof bytes);

    if (got < 0) {
        show(what, -1);
        return;
    }
    for (ssize_t i = 0; i < got; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 bytes[i] < 32 || bytes[i] == 127 ? "\\%o" : "%c", (unsigned char)bytes[i]);
    say("%s: \"%s\"", what, text);
}

static void type(const char *text)
{
    if (write(master, text, strlen(text)) != (ssize_t)strlen(text))
        fail("write to the master");
}

static void raw_mode(int fd, int minimum, int tenths)
{
    struct termios settings;

    tcgetattr(fd, &settings);
    settings.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
    settings.c_cc[VMIN] = (cc_t)minimum;
    settings.c_cc[VTIME] = (cc_t)tenths;
    show("raw", tcsetattr(fd, TCSANOW, &settings));
}

static void make_pair(void)
{
    master = (int)show_good("ptmx", posix_openpt(O_RDWR | O_NOCTTY));
    int number = -1, value = -1;
    show("TIOCGPTN", ioctl(master, TIOCGPTN, &number));
    snprintf(slave_name, sizeof slave_name, "/dev/pts/%d", number);
    char *name = ptsname(master);
    say("ptsname: %d", name && !strcmp(name, slave_name));
    show("TIOCGPTLCK", ioctl(master, TIOCGPTLCK, &value));
    say("locked: %d", value);
    show("slave while locked", open(slave_name, O_RDWR | O_NOCTTY));
    show("grantpt", grantpt(master));
    show("unlockpt", unlockpt(master));
}

static void pairs(void)
{
    struct stat status;
    struct termios settings;
    struct winsize window = {.ws_row = 7, .ws_col = 33};
    int value;

    make_pair();
    int slave = (int)show_good("slave", open(slave_name, O_RDWR | O_NOCTTY));
    fstat(slave, &status);
    say("device: %s major %u", S_ISCHR(status.st_mode) ? "character" : "other",
        (unsigned)(status.st_rdev >> 8 & 0xfff));
    char *name = ttyname(slave);
    say("isatty %d %d, ttyname %d", isatty(slave), isatty(master),
        name && !strcmp(name, slave_name));
    tcgetattr(slave, &settings);
    say("settings: %o %o %o %o, eof %o intr %o min %d", settings.c_iflag, settings.c_oflag,
        settings.c_cflag, settings.c_lflag, settings.c_cc[VEOF], settings.c_cc[VINTR],
        settings.c_cc[VMIN]);
    show("window", ioctl(master, TIOCSWINSZ, &window));
    memset(&window, 0, sizeof window);
    show("seen by the slave", ioctl(slave, TIOCGWINSZ, &window));
    say("size: %d %d", window.ws_row, window.ws_col);
    show("TIOCGPGRP without a session", ioctl(slave, TIOCGPGRP, &value));
    show("TIOCGSID without a session", ioctl(slave, TIOCGSID, &value));
    show("TIOCSPGRP without a session", tcsetpgrp(slave, getpgrp()));
    show("FIONREAD", ioctl(slave, FIONREAD, &value));
    say("nothing: %d", value);

    type("hello\n");
    say_bytes("line", slave);
    say_bytes("its echo", master);
    if (write(slave, "a\nb\n", 4) != 4)
        fail("write to the slave");
    say_bytes("output", master);
    type("ab\177c\n");
    say_bytes("edited", slave);
    say_bytes("echo", master);
    type("one two\027three\n");
    say_bytes("word erased", slave);
    say_bytes("echo", master);
    type("gone\025kept\n");
    say_bytes("line killed", slave);
    say_bytes("echo", master);
    type("x\026\003y\n");
    say_bytes("literal", slave);
    say_bytes("echo", master);
    type("\004");
    say_bytes("end of file", slave);
    type("part\004");
    say_bytes("part of a line", slave);
    say_bytes("echo", master);
    type("two\nlines\n");
    say_bytes("one of two", slave);
    say_bytes("the other", slave);
    say_bytes("echo", master);

    struct pollfd entries[2] = {{.fd = slave, .events = POLLIN | POLLOUT},
                                {.fd = master, .events = POLLIN | POLLOUT}};
    poll(entries, 2, 0);
    say("poll: %#x %#x", entries[0].revents, entries[1].revents);
    type("half");
    poll(entries, 2, 0);
    say("poll with half a line: %#x %#x", entries[0].revents, entries[1].revents);
    raw_mode(slave, 1, 0);
    poll(entries, 2, 0);
    say("and then in raw mode: %#x %#x", entries[0].revents, entries[1].revents);
    say_bytes("half", slave);
    say_bytes("echo", master);
    raw_mode(slave, 0, 0);
    say_bytes("VMIN 0: nothing", slave);
    raw_mode(slave, 0, 1);
    say_bytes("VTIME: nothing", slave);
    raw_mode(slave, 3, 1);
    type("ab");
    say_bytes("VMIN 3 VTIME 1", slave);
    fcntl(slave, F_SETFL, O_NONBLOCK);
    say_bytes("O_NONBLOCK", slave);
    fcntl(master, F_SETFL, O_NONBLOCK);
    say_bytes("master O_NONBLOCK", master);
    fcntl(master, F_SETFL, 0);

    value = 1;
    show("TIOCPKT", ioctl(master, TIOCPKT, &value));
    if (write(slave, "p", 1) != 1)
        fail("write");
    say_bytes("packet", master);
    value = 0;
    ioctl(master, TIOCPKT, &value);

    close(slave);
    say_bytes("no slave", master);
    entries[1].revents = 0;
    poll(entries + 1, 1, 0);
    say("poll: %#x", entries[1].revents);
    slave = open(slave_name, O_RDWR | O_NOCTTY);
    poll(entries + 1, 1, 0);
    say("poll with a new slave: %#x", entries[1].revents);
    int peer = (int)show_good("TIOCGPTPEER", ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY));
    name = ttyname(peer);
    say("its name: %d", name && !strcmp(name, slave_name));
    close(peer);
    close(master);
    say_bytes("read after hang-up", slave);
    show("write after hang-up", write(slave, "x", 1));
    show("ioctl after hang-up", tcgetattr(slave, &settings));
    poll(entries, 1, 0);
    entries[0].fd = slave;
    entries[0].revents = 0;
    poll(entries, 1, 0);
    say("poll after hang-up: %#x", entries[0].revents);
    close(slave);
    show("the name is gone", access(slave_name, F_OK));
}

/* ---- job control ---- */

static volatile sig_atomic_t signals_seen;

static void see(int signal)
{
    signals_seen |= 1 << signal;
    if (signal == SIGINT)
        shared[3] = 1;
}

static void expect(const char *what, int signal)
{
    UNTIL(signals_seen & 1 << signal);
    signals_seen = 0;
    say("%s: signal %d", what, signal);
}

static int background_reader(void)
{
    char byte;

    setpgid(0, 0);
    shared[1] = 1;
    return read(0, &byte, 1) == 1 ? byte : errno;
}

static int background_writer(void)
{
    setpgid(0, 0);
    shared[1] = 2;
    return write(0, "w", 1) == 1 ? 0 : errno;
}

static int background_ignorer(void)
{
    char byte;

    setpgid(0, 0);
    signal(SIGTTIN, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
    show("read with SIGTTIN ignored", read(0, &byte, 1));
    show("tcsetpgrp with SIGTTOU ignored", tcsetpgrp(0, getpgrp()));
    show("it is ours", tcgetpgrp(0) == getpgrp() ? 0 : 1);
    return 0;
}

static int foreground_waiter(void)
{
    setpgid(0, 0);
    signal(SIGINT, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(0, getpgrp());
    signal(SIGTTOU, SIG_DFL);
    shared[1] = 3;
    return sleep_for_ever();
}

static int orphan_reader(void)
{
    char byte;
    pid_t parent = getppid();

    setpgid(0, 0);
    shared[1] = 4;
    UNTIL(getppid() != parent);
    shared[5] = read(0, &byte, 1) == 1 ? 0 : errno;
    shared[1] = 5;
    return 0;
}

static int make_orphan(void)
{
    spawn(orphan_reader);
    UNTIL(shared[1] == 4);
    return 0;
}

static int stop_then_orphan(void)
{
    setpgid(0, 0);
    pid_t child = fork();
    if (!child) {
        signal(SIGHUP, see);
        signal(SIGCONT, see);
        shared[2] = getpid();
        raise(SIGSTOP);
        UNTIL(signals_seen & 1 << SIGHUP);
        shared[1] = 6;
        _exit(0);
    }
    waitpid(child, NULL, WUNTRACED);
    return 0;
}

/* Leads the session of the terminal. */
static int session(void)
{
    int status;

    close(master);
    setsid();
    show("/dev/tty without one", open("/dev/tty", O_RDWR));
    int slave = open(slave_name, O_RDWR);
    dup2(slave, 0);
    show_good("/dev/tty", open("/dev/tty", O_RDWR));
    say("foreground: %d, session %d", tcgetpgrp(0) == getpid(), tcgetsid(0) == getpid());
    show("TIOCSCTTY again", ioctl(0, TIOCSCTTY, 0));
    show("tcsetpgrp -1", tcsetpgrp(0, -1));
    show("tcsetpgrp nobody", tcsetpgrp(0, 0x3ffffff));
    show("tcsetpgrp of another session", tcsetpgrp(0, getppid()));

    signal(SIGINT, see);
    signal(SIGQUIT, see);
    signal(SIGTSTP, see);
    signal(SIGWINCH, see);
    shared[0] = 1;
    expect("^C", SIGINT);
    shared[0] = 2;
    expect("^\\", SIGQUIT);
    shared[0] = 3;
    expect("^Z", SIGTSTP);
    shared[0] = 4;
    expect("window", SIGWINCH);
    /* Another key, typed while a call sleeps that a signal just before it could not miss. */
    struct termios settings;
    sigset_t interrupt, before;
    tcgetattr(0, &settings);
    settings.c_cc[VINTR] = 'X' & 31;
    show("another interrupt key", tcsetattr(0, TCSANOW, &settings));
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, &before);
    shared[0] = 5;
    show("ppoll", ppoll(&(struct pollfd){.fd = 0, .events = POLLIN}, 1, NULL, &before));
    expect("^X", SIGINT);
    sigprocmask(SIG_SETMASK, &before, NULL);
    settings.c_cc[VINTR] = 3;
    tcsetattr(0, TCSANOW, &settings);

    pid_t child = spawn(background_reader);
    waitpid(child, &status, WUNTRACED);
    show_status("background read", status);
    show("to the foreground", tcsetpgrp(0, child));
    kill(child, SIGCONT);
    shared[0] = 6; /* a line is typed */
    show_end("read in the foreground", child);
    signal(SIGTTOU, SIG_IGN);
    show("taken back", tcsetpgrp(0, getpid()));
    signal(SIGTTOU, SIG_DFL);

    show_end("background write", spawn(background_writer));
    tcgetattr(0, &settings);
    settings.c_lflag |= TOSTOP;
    tcsetattr(0, TCSANOW, &settings);
    child = spawn(background_writer);
    waitpid(child, &status, WUNTRACED);
    show_status("with TOSTOP", status);
    kill(-child, SIGKILL);
    show_end("writer", child);
    show_end("ignorer", spawn(background_ignorer));
    signal(SIGTTOU, SIG_IGN);
    show("taken back", tcsetpgrp(0, getpid()));
    signal(SIGTTOU, SIG_DFL);
    show_end("maker of an orphan", spawn(make_orphan));
    UNTIL(shared[1] == 5);
    say("read in an orphaned group: %s", strerrorname_np(shared[5]));
    show_end("maker of a stopped orphan", spawn(stop_then_orphan));
    UNTIL(shared[1] == 6);
    say("a stopped orphaned group hears SIGHUP");

    child = spawn(foreground_waiter);
    UNTIL(shared[1] == 3);
    shared[0] = 7; /* ^C is typed, for the child alone */
    show_end("^C to the foreground", child);
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(0, getpid());
    signal(SIGHUP, see); /* giving up the terminal hangs up the foreground, ourselves */
    show("TIOCNOTTY", ioctl(0, TIOCNOTTY));
    expect("hung up", SIGHUP);
    show("/dev/tty after it", open("/dev/tty", O_RDWR));
    show("tcgetpgrp after it", tcgetpgrp(0));
    show("TIOCSCTTY", ioctl(0, TIOCSCTTY, 0));
    show("tcgetpgrp", tcgetpgrp(0) == getpid() ? 0 : -1);
    shared[1] = 0;
    child = spawn(foreground_waiter);
    UNTIL(shared[1] == 3);
    shared[0] = 8; /* the master is closed */
    expect("hang-up", SIGHUP);
    show("/dev/tty after it", open("/dev/tty", O_RDWR));
    show("the foreground lives", waitpid(child, &status, WNOHANG));
    shared[4] = child;
    return 9;
}

static void await(int stage)
{
    UNTIL(shared[0] == stage);
}

static void jobs(void)
{
    struct winsize window = {.ws_row = 9, .ws_col = 9};

    make_pair();
    int keep = open(slave_name, O_RDWR | O_NOCTTY);
    shared[0] = shared[1] = 0;
    pid_t child = spawn(session);
    await(1);
    type("\003");
    await(2);
    type("\034");
    await(3);
    type("\032");
    await(4);
    ioctl(master, TIOCSWINSZ, &window);
    await(5);
    type("\030");
    await(6);
    type("A\n");
    await(7);
    type("\003");
    await(8);
    close(keep);
    close(master);
    show_end("session", child);
    /* Its end hangs up what was in the foreground. */
    UNTIL(kill(shared[4], 0) < 0);
    say("the foreground group is gone");
}

int main(int count, char **arguments)
{
    (void)arguments;
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (count > 1)
        return sleep_for_ever();
    groups();
    pairs();
    jobs();
    say("done");
    return 0;
}
