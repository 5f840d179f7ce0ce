/*
 * tests/integration/test_programs.c - real programs as judges: shells, the process tools of
 * util-linux, procps and psmisc, Python's processes and threads, Lua, SQLite, tini, hackbench and
 * stress-ng, unmodified, from this host's packages.
 *
 * Every command runs twice in one guest; what exists after the first time (names, caches, numbers of
 * processes) is what exists after the second, counted from outside, and the guest is audited.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/harness.h"
#include "tests/integration/pty.h"
#include "tests/integration/shell_guest.h"

#define PROGRAMS                                                                                   \
    "bash dash sh cat chrt cp cut dd env find flock grep head id kill ls mkdir mkfifo nice "       \
    "mount umount findmnt mountpoint lsns nsenter "                                                \
    "prlimit readlink rm sed seq setpriv setsid sleep sort taskset timeout tr true false uniq "    \
    "unshare wc "                                                                                  \
    "xargs ps pgrep pkill pidof uptime free pstree killall lua5.4 sqlite3 tini hackbench "         \
    "stress-ng python3.11"

/* Seconds until a line counts as hung: ten times what it takes on a host that others use, too. */
enum { QUICK_SECONDS = 120, STRESSOR_SECONDS = 180, PYTHON_SECONDS = 900 };

/* Shell; no single quotes in it: shell_guest_run() puts it between them. */
struct command_line {
    const char *name, *text;
};

static const struct command_line quick[] = {
    {"bash", "bash -c \"set -m; sleep 50 & kill -STOP %1; jobs | grep -q Stopped; kill %1; kill "
             "-CONT %1; wait %1; test \\$? = 143\" 2>/dev/null"},
    {"dash", "dash -c \"trap : USR1; kill -USR1 \\$\\$; seq 1000 | wc -l | grep -qx 1000\""},
    {"coreutils", "test $(seq 3000 | sort -rn | head -3 | tr -d \"\\n\") = 300029992998"},
    {"flock", "flock lock sh -c \"! flock -n lock true\""},
    {"prlimit", "test $(prlimit --nofile=77:77 sh -c \"ulimit -n\") = 77"},
    {"setsid", "setsid -w sh -c \"test \\$(cut -d \\\" \\\" -f6 /proc/self/stat) = \\$\\$\""},
    {"taskset", "taskset -c 0 sh -c \"taskset -p \\$\\$\" | grep -q \"mask: 1\""},
    {"chrt", "chrt -b 0 sh -c \"chrt -p \\$\\$\" | grep -q SCHED_BATCH"},
    {"kill", "sleep 50 & kill -TERM $!; wait $!; test $? = 143"},
    {"unshare", "unshare -u sh -c \"readlink /proc/self/ns/uts\" | grep -vqF "
                "$(readlink /proc/self/ns/uts)"},
    {"nsenter", "nsenter -t $$ -u true"},
    {"mount",
     "mkdir -p m n; mount -t tmpfs -o size=1m,nosuid one m && mountpoint -q m && "
     "findmnt -n -o SOURCE,FSTYPE,OPTIONS m | grep -q "
     "\"one *tmpfs *rw,nosuid,relatime,size=1024k\" && mount --bind m n && "
     "mount -o remount,bind,ro n && ! sh -c \": >n/x\" 2>/dev/null && : >m/x && umount n && "
     "umount m && ! mountpoint -q m"},
    {"lsns", "lsns -n -o TYPE | sort -u | tr \"\\n\" , | grep -q \"mnt,.*pid,.*uts,\""},
    {"unshare -mpf", "unshare --mount --pid --fork --mount-proc sh -c \"test \\$\\$ = 1 && "
                     "findmnt /proc >/dev/null && ! ps -e | grep -q unshare\""},
    {"nsenter -m", "mkdir -p m; unshare -m sh -c \"mount -t tmpfs inner m; echo >in; exec sleep "
                   "50\" & until test -e in; do sleep 0.01; done; nsenter -t $! -m mountpoint -q "
                   "/work/m && ! mountpoint -q m; r=$?; kill $!; wait $!; rm in; test $r = 0"},
    {"procps", "ps -ef | grep -q \"[p]s -ef\" && pgrep -x sh >/dev/null && uptime >/dev/null && "
               "free | grep -q Mem"},
    {"pkill", "sleep 77 & pkill -x sleep; wait $!; test $? = 143"},
    {"psmisc", "sleep 78 & pstree | grep -q sleep && killall sleep; wait $!; test $? = 143"},
    {"lua", "test $(lua5.4 -e \"local t={} for i=1,1000 do t[i]=i*i end print(#t, t[1000])\" | tr "
            "\"\\t\" ,) = 1000,1000000"},
    {"sqlite",
     "rm -f db; sqlite3 db \"create table t(a); with recursive n(i) as (select 1 union all "
     "select i+1 from n where i<500) insert into t select i from n; select sum(a) from t; "
     "pragma integrity_check\" | tr \"\\n\" , | grep -qx 125250,ok,"},
    {"tini", "tini -s -- sh -c \"(sleep 0.05 &) ; exit 7\"; test $? = 7"},
    {"hackbench",
     "hackbench -g 1 -f 5 -l 20 >/dev/null && hackbench -T -g 1 -f 5 -l 20 >/dev/null"},
    {"python", "python3.11 -B -S -c \"import os, threading, subprocess\n"
               "n = []\n"
               "l = threading.Lock()\n"
               "def f():\n"
               "    for i in range(200):\n"
               "        with l: n.append(i)\n"
               "t = [threading.Thread(target=f) for i in range(4)]\n"
               "[x.start() for x in t]; [x.join() for x in t]\n"
               "assert len(n) == 800\n"
               "p = subprocess.run([\\\"cat\\\"], input=b\\\"x\\\" * 100000, capture_output=True)\n"
               "assert p.returncode == 0 and len(p.stdout) == 100000\n"
               "\""},
    {"stress-ng",
     "stress-ng --quiet --verify --oom-avoid -t 30 --temp-path /tmp --fork 1 --fork-ops 50 --vfork "
     "1 "
     "--vfork-ops 50 --clone 1 --clone-ops 20 --pthread 1 --pthread-ops 20 --futex 1 --futex-ops "
     "200 "
     "--pipe 1 --pipe-ops 500 --sigq 1 --sigq-ops 200 --timer 1 --timer-ops 50 --zombie 1 "
     "--zombie-ops 50 --dup 1 --dup-ops 20 --poll 1 --poll-ops 50 --switch 1 --switch-ops 500 "
     "--tee 1 --tee-ops 20 --splice 1 --splice-ops 50"},
};

/* Stressors of the long run: what, and how many operations. */
static const char *const stressors[] = {
    "fork 500",      "vfork 500",    "clone 300",      "pthread 300",    "futex 2000",
    "pipe 20000",    "sigq 20000",   "timer 2000",     "mmap 30",        "wait 200",
    "zombie 1000",   "dup 500",      "poll 500",       "switch 20000",   "vm 300",
    "daemon 50",     "epoll 200",    "eventfd 2000",   "exit-group 50",  "fault 500",
    "fcntl 500",     "fifo 2000",    "flock 2000",     "forkheavy 20",   "kill 5000",
    "membarrier 50", "mprotect 200", "munmap 20",      "mutex 2000",     "nanosleep 200",
    "open 500",      "pidfd 200",    "pipeherd 500",   "procfs 20",      "pty 20",
    "readahead 50",  "rename 500",   "resched 50",     "rlimit 50",      "schedpolicy 200",
    "seal 50",       "seek 200",     "session 100",    "sigabrt 100",    "sigchld 200",
    "sigfd 2000",    "sigfpe 200",   "signest 50",     "sigpending 500", "sigpipe 500",
    "sigrt 500",     "sigsegv 500",  "sigsuspend 500", "sleep 50",       "sockfd 200",
    "sockpair 200",  "spawn 50",     "splice 2000",    "symlink 200",    "tee 500",
    "timerfd 500",   "utime 500",    "vm-splice 500",  "xattr 50",       "yield 5000",
};

/*
 * Of Python's own tests, where they are installed: what, and which of it is left out. That is what
 * needs AF_INET, which this kernel has not (all of test_epoll does), or F_NOTIFY. It is no small thing to run those and look away: a child
 * of test_pickling waits for its parent on a socket whose other end it has itself, and holds open
 * what the end of the whole test waits for. So it is on Linux without AF_INET, too.
 */
static const struct command_line python_tests[] = {
    {"test_subprocess", ""},
    {"test_threading", ""},
    {"test_multiprocessing_fork",
     "-i test_closefd -i *.TestTimeouts.test_timeout -i test_wait_socket -i test_wait_socket_slow "
     "-i test_rapid_restart -i test_multiple_bind -i test_issue16955 -i test_listener_client "
     "-i test_pickling -i test_remote"},
    {"test_signal", "-i test_invalid_socket -i test_set_wakeup_fd_socket_result"},
    {"test_posix", ""},
    {"test_select", ""},
    {"test_pty", ""},
    {"test_fcntl", "-i test_fcntl_64_bit"},
    {"test_mmap", ""},
};

/* $1: where the root is made; $2: what of Python's library is left out. */
static const char make_root[] =
    "set -e; cd \"$1\"; mkdir -p usr/bin usr/lib usr/lib64 proc dev tmp work etc run\n"
    "ln -s usr/bin bin; ln -s usr/lib lib; ln -s usr/lib64 lib64; PATH=/usr/bin:/bin:/usr/sbin\n"
    "[ -e /etc/debian_version ] || { echo 'this host is no Debian'; exit 3; }\n"
    "for p in " PROGRAMS "; do\n"
    "  f=$(command -v /usr/bin/$p || command -v /bin/$p) || { echo \"no $p here\"; exit 3; }\n"
    "  cp -L $f usr/bin/$p; ldd $f 2>/dev/null | grep -o '/[^ ]*' >>libraries || :\n"
    "done\n"
    "echo $(ldconfig -p | grep -o -m1 '/[^ ]*libgcc_s.so.1') >>libraries\n" /* pthread_exit()'s */
    "for f in /usr/lib/python3.11/lib-dynload/*.so; do ldd $f | grep -o '/[^ ]*' >>libraries || :\n"
    "done\n"
    "tar -C / $2 --exclude=__pycache__ --exclude='config-*' --exclude=idlelib --exclude=lib2to3 "
    "--exclude=ensurepip --exclude=pydoc_data -cf - usr/lib/python3.11 | tar -xf -\n"
    "sort -u libraries | while read -r l; do mkdir -p ./${l%/*}; cp -L $l ./$l; done; rm "
    "libraries\n"
    "echo root:x:0:0:root:/tmp:/bin/sh >etc/passwd; echo root:x:0: >etc/group\n";

static char directory[64], root[96];

static void setup(void)
{
    strcpy(directory, "/tmp/vitrine-programs-XXXXXX");
    cr_assert(mkdtemp(directory) != NULL);
    snprintf(root, sizeof root, "%s/root", directory);
    setenv("XDG_CACHE_HOME", directory, 1);
    command_free((struct command_result[]){TOOL("mkdir", "-p", root)});
}

static void teardown(void)
{
    command_free((struct command_result[]){TOOL("rm", "-rf", directory)});
}

TestSuite(programs, .init = setup, .fini = teardown, .timeout = 3600);

static void require_root(bool with_tests)
{
    struct command_result made =
        TOOL("sh", "-c", make_root, "make_root", root, with_tests ? "" : "--exclude=test");

    if (made.status == 3)
        cr_skip_test("the programs are not there: %s", made.out);
    cr_assert(made.status == 0, "status %d: %s", made.status, made.err);
    command_free(&made);
}

static const char *const environment[] = {"PATH=/usr/bin:/bin", "HOME=/tmp", "LC_ALL=C.UTF-8",
                                          "PYTHONDONTWRITEBYTECODE=1", NULL};

static void compare_counts(struct shell_guest *guest, struct vt_counters *before,
                           uint64_t *frames_before, bool first, const char *after)
{
    /* A ready-made object or a name that is kept may take a frame; a leak takes one per process. */
    enum { KEPT_FRAMES = 256 };
    struct vt_counters now;

    require_ok(vt_guest_counters(session_guest(guest->session), &now), "vt_guest_counters");
    uint64_t frames = frames_in_use(session_guest(guest->session));
    if (!first) {
        cr_assert(now.tasks == before->tasks && now.processes == before->processes &&
                      now.address_spaces == before->address_spaces,
                  "%u tasks, %u processes, %u address spaces; after %s %u, %u, %u", before->tasks,
                  before->processes, before->address_spaces, after, now.tasks, now.processes,
                  now.address_spaces);
        cr_assert(frames <= *frames_before + KEPT_FRAMES, "%llu frames in use, %llu after %s",
                  (unsigned long long)*frames_before, (unsigned long long)frames, after);
    }
    *before = now;
    *frames_before = frames;
}

/* A line that fails or hangs is a failure of the test, which goes on. Whether it did neither. */
static bool run(struct shell_guest *guest, const char *name, const char *text, unsigned seconds)
{
    int status = shell_guest_run(guest, text, seconds);

    if (status == SHELL_HUNG)
        cr_expect(false, "%s: hangs; %s", name, shell_guest_said(guest));
    else
        cr_expect(status == 0, "%s: status %d; %s", name, status, shell_guest_said(guest));
    return status == 0;
}

/*
 * Does each of them say that it did what it should, and is nothing left of it, with one CPU and with
 * two?
 */
VARIANT_TEST(programs, quick)
{
    struct shell_guest guest;
    struct vt_counters counters;
    uint64_t frames;

    variant_require(variant);
    if (harness_is_slow(variant))
        cr_skip_test("kernel code is interpreted here: dynamic programs are run on QEMU");
    require_root(false);
    shell_guest_start(&guest, variant, root, environment);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof quick / sizeof *quick; i++)
            run(&guest, quick[i].name, quick[i].text, QUICK_SECONDS);
        compare_counts(&guest, &counters, &frames, round == 0, "all programs");
    }
    shell_guest_finish(&guest);
}

/* Is a line that hangs named with what it waits for, and does the next one run all the same? */
VARIANT_TEST_ONE_CPU(programs, a_hang_costs_one_line)
{
    enum { SECONDS = 5 };
    struct shell_guest guest;

    variant_require(variant);
    shell_guest_start(&guest, variant, NULL, NULL);
    int status = shell_guest_run(&guest, "sh -c \"sleep 1000; true\" & setsid sleep 2000", SECONDS);
    cr_expect(status == SHELL_HUNG && strstr(shell_guest_said(&guest), "(sleep) waits: ") != NULL &&
                  strstr(shell_guest_said(&guest), "(sh) waits: ") != NULL,
              "status %d; %s", status, shell_guest_said(&guest));
    status = shell_guest_run(&guest, "test $(ps | grep -c \"[s]leep\") = 0", SECONDS);
    cr_expect(status == 0, "after it status %d; %s", status, shell_guest_said(&guest));
    shell_guest_finish(&guest);
}

/* Does bash that needs no library do its own work, on every backend? */
VARIANT_TEST_ONE_CPU(programs, static_bash)
{
    static const char script[] =
        "set -m; a=(); for i in 1 2 3; do (exit $i) & a+=($!); done; s=0; for p in ${a[@]}; do "
        "wait "
        "$p; s=$((s+$?)); done; echo $s; trap 'echo caught' USR1; kill -USR1 $$; "
        "while read -r n; do t=$((t+n)); done < <(echo 1; echo 2); echo $t; "
        "echo x | { read -r y; echo y$y; }";

    variant_require(variant);
    if (access("/usr/bin/bash-static", X_OK) != 0)
        cr_skip_test("no bash-static here");
    struct command_result result =
        COMMAND("run", "--quiet", "--audit=at-end", "--accel", vt_accel_name(variant->accel), "--",
                "/usr/bin/bash-static", "-c", script);
    cr_assert(result.status == 0 && strcmp(result.out, "6\ncaught\n3\nyx\n") == 0,
              "status %d: %s%s", result.status, result.out, result.err);
    command_free(&result);
}

/* ---- bash at a terminal ---- */

#define PROMPT "at> "
#define CTRL_C "\x03"
#define CTRL_Z "\x1a"

static void command(struct pty *pty, const char *line)
{
    pty_type(pty, line);
    pty_type(pty, "\r");
}

/*
 * A person's session with an interactive bash: a pipeline, ^Z, jobs, bg, fg, ^C, wait, trap. Marks are
 * written with an empty pair of quotes, so that the echo of the command is not taken for them.
 */
VARIANT_TEST(programs, bash_at_a_terminal)
{
    struct pty pty;

    variant_require(variant);
    if (harness_is_slow(variant))
        cr_skip_test("kernel code is interpreted here: the same is typed to a smaller shell there");
    if (access("/usr/bin/bash-static", X_OK) != 0)
        cr_skip_test("no bash-static here");
    pty_open(&pty, 30, 120);
    PTY_RUN(&pty, variant, "--audit=at-end", "--env", "PS1=" PROMPT, "--env", "TERM=dumb", "--",
            "/usr/bin/bash-static", "--norc", "--noediting", "-i");
    pty_expect(&pty, PROMPT);
    command(&pty, "seq 100 | sort -rn | head -1; echo rc''=${PIPESTATUS[@]},");
    pty_expect(&pty, "100\r\n");
    pty_expect(&pty, "rc=");
    pty_expect(&pty, PROMPT);
    /* What cat answers says that it has the terminal: only then does ^C or ^Z mean it. */
    command(&pty, "cat");
    pty_type(&pty, "one\r");
    pty_expect(&pty, "one\r\none\r\n");
    pty_type(&pty, CTRL_Z);
    pty_expect(&pty, "Stopped");
    pty_expect(&pty, PROMPT);
    command(&pty, "jobs | grep -q Stopp''ed; echo rc''=$?,");
    pty_expect(&pty, "rc=0,");
    pty_expect(&pty, PROMPT);
    command(&pty, "fg");
    pty_expect(&pty, "cat\r\n");
    pty_type(&pty, "two\r");
    pty_expect(&pty, "two\r\n"); /* the echo, which bash may see yet */
    pty_expect(&pty, "two\r\n");
    pty_type(&pty, CTRL_C);
    pty_expect(&pty, PROMPT);
    command(&pty, "echo rc''=$?,");
    pty_expect(&pty, "rc=130,");
    pty_expect(&pty, PROMPT);
    command(&pty, "sh -c 'echo wait\"\"ing; exec sleep 1000'");
    pty_expect(&pty, "waiting");
    pty_type(&pty, CTRL_Z);
    pty_expect(&pty, "Stopped");
    pty_expect(&pty, PROMPT);
    command(&pty, "bg; jobs -r | grep -q Runn''ing; echo rc''=$?,");
    pty_expect(&pty, "rc=0,");
    pty_expect(&pty, PROMPT);
    command(&pty, "kill %1; wait %1; echo rc''=$?,");
    pty_expect(&pty, "rc=143,");
    pty_expect(&pty, PROMPT);
    command(&pty, "(exit 9) & wait $!; echo rc''=$?,");
    pty_expect(&pty, "rc=9,");
    pty_expect(&pty, PROMPT);
    command(&pty, "trap 'echo caught''=it' INT; kill -INT $$; trap - INT");
    pty_expect(&pty, "caught=it");
    pty_expect(&pty, PROMPT);
    command(&pty, "sleep 1000 & kill %%; wait %%; echo rc''=$?,");
    pty_expect(&pty, "rc=143,");
    pty_expect(&pty, PROMPT);
    command(&pty, "exit 5");
    cr_assert(pty_wait(&pty) == 5, "%s", pty.output);
    pty_check_restored(&pty, "bash");
    pty_close(&pty);
}

/* ---- the long run ---- */

/* Does each stressor find that all its operations did what they should, and is nothing left of it? */
VARIANT_TEST(programs, stressors)
{
    struct shell_guest guest;
    struct vt_counters counters;
    uint64_t frames;
    char text[256], name[32];
    unsigned operations;

    variant_require(variant);
    if (!harness_is_long() || harness_is_slow(variant))
        cr_skip_test("for the long run, where kernel code is not interpreted");
    require_root(false);
    shell_guest_start(&guest, variant, root, environment);
    for (size_t i = 0; i < sizeof stressors / sizeof *stressors; i++) {
        cr_assert(sscanf(stressors[i], "%31s %u", name, &operations) == 2);
        snprintf(text, sizeof text,
                 "stress-ng --quiet --verify --oom-avoid -t 60 --temp-path /tmp --%s 2 --%s-ops %u",
                 name, name, operations);
        for (int round = 0; round < 2 && run(&guest, name, text, STRESSOR_SECONDS); round++)
            compare_counts(&guest, &counters, &frames, round == 0, name);
    }
    shell_guest_finish(&guest);
}

/* Are Python's own tests of processes, threads and descriptors content? */
VARIANT_TEST(programs, python_checks_itself)
{
    struct shell_guest guest;
    char text[512];

    variant_require(variant);
    if (!harness_is_long() || harness_is_slow(variant))
        cr_skip_test("for the long run, where kernel code is not interpreted");
    if (access("/usr/lib/python3.11/test/test_subprocess.py", R_OK) != 0)
        cr_skip_test("libpython3.11-testsuite is not installed");
    require_root(true);
    shell_guest_start(&guest, variant, root, environment);
    for (size_t i = 0; i < sizeof python_tests / sizeof *python_tests; i++) {
        snprintf(text, sizeof text, "set -f; python3.11 -m test %s %s", python_tests[i].name,
                 python_tests[i].text);
        run(&guest, python_tests[i].name, text, PYTHON_SECONDS);
    }
    shell_guest_finish(&guest);
}
