/*
 * tests/guest/same_identity.c - who a process is and what it may: user and group ids, capabilities,
 * groups and sessions, priorities, prctl, personality, names of the machine, as a list of lines that
 * must be the same on Linux. A line's name is the call itself.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>

/* Sizes that are wrong on purpose are what this asks about. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#endif

#define T(call) show(#call, (long)(call))
#define BAD     ((void *)-4096l)

/* ---- users and groups ---- */

static void who(const char *what)
{
    uid_t uid, euid, suid;
    gid_t gid, egid, sgid;

    if (getresuid(&uid, &euid, &suid) || getresgid(&gid, &egid, &sgid))
        fail("getresuid");
    say("%s: uid %d %d %d %d gid %d %d %d %d", what, (int)uid, (int)euid, (int)suid,
        (int)syscall(SYS_setfsuid, -1), (int)gid, (int)egid, (int)sgid,
        (int)syscall(SYS_setfsgid, -1));
}

/* The raw calls: the C library's change all threads. */
#define SETUID(u)          syscall(SYS_setuid, u)
#define SETREUID(r, e)     syscall(SYS_setreuid, r, e)
#define SETRESUID(r, e, s) syscall(SYS_setresuid, r, e, s)
#define SETGID(u)          syscall(SYS_setgid, u)
#define SETREGID(r, e)     syscall(SYS_setregid, r, e)
#define SETRESGID(r, e, s) syscall(SYS_setresgid, r, e, s)

static int as_root(void)
{
    T(SETUID(-1));
    T(SETGID(-1));
    T(SETREUID(-1, -1));
    T(SETRESUID(-1, -1, -1));
    who("unchanged");
    T(SETREUID(5, -1));
    who("real");
    T(SETREUID(-1, 6));
    who("effective");
    T(SETREUID(-1, 5));
    who("effective is real");
    T(SETREUID(0, 0));
    who("not back");
    return 0;
}

static int saved(void)
{
    T(SETRESGID(10, 11, 12));
    T(SETRESUID(10, 11, 12));
    who("three");
    T(SETUID(13));
    T(SETUID(12));
    who("saved");
    T(SETRESUID(-1, 10, -1));
    T(SETRESUID(11, -1, -1));
    who("rotated");
    T(SETREUID(10, 12));
    who("setreuid keeps the effective one");
    T(SETREUID(-1, 11));
    T(SETGID(13));
    T(SETGID(10));
    who("group");
    T(SETREGID(12, -1));
    T(SETREGID(11, 10));
    T(SETRESGID(99, -1, -1));
    T(SETRESGID(12, 12, 12));
    T(SETREGID(11, -1));
    who("group settled");
    T(setfsuid(99));
    T(setfsuid(10));
    who("file system user");
    T(getresuid(BAD, BAD, BAD));
    T(getresgid(BAD, BAD, BAD));
    T(syscall(SYS_setgroups, 0, NULL));
    T(syscall(SYS_sethostname, "x", 1));
    T(setdomainname("x", 1));
    T(chroot("/"));
    T(nice(-1));
    T(setpriority(PRIO_PROCESS, 0, -5));
    T(setpriority(PRIO_PROCESS, 0, 5));
    T(setpriority(PRIO_PROCESS, 0, 4));
    T(getpriority(PRIO_PROCESS, 0));
    T(setpriority(PRIO_PROCESS, 1, 10));
    T(kill(1, 0));
    T(kill(1, SIGCONT));
    T(getpgid(1) >= 0);
    T(getsid(1) >= 0);
    T(sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0}));
    T(mount("none", "/tmp", "tmpfs", 0, NULL));
    T(umount2("/tmp", 0));
    T(mknod("/tmp/device", S_IFCHR | 0600, 0x103));
    T(syscall(SYS_reboot, 0, 0, 0, 0));
    T(syscall(SYS_settimeofday, &(struct timeval){1, 0}, NULL));
    T(clock_settime(CLOCK_REALTIME, &(struct timespec){1, 0}));
    T(unshare(CLONE_NEWUTS));
    T(prctl(PR_CAPBSET_DROP, 1, 0, 0, 0));
    return 0;
}

static int lists(void)
{
    gid_t groups[8] = {3, 1, 2, 2};
    static gid_t many[65537];

    T(setgroups(4, groups));
    memset(groups, 0, sizeof groups);
    T(getgroups(0, NULL));
    T(getgroups(3, groups));
    T(getgroups(8, groups));
    say("%d %d %d %d", (int)groups[0], (int)groups[1], (int)groups[2], (int)groups[3]);
    T(getgroups(-1, groups));
    T(getgroups(8, BAD));
    T(syscall(SYS_setgroups, -1, groups));
    T(syscall(SYS_setgroups, 65537, many));
    T(syscall(SYS_setgroups, 2, BAD));
    T(setgroups(0, NULL));
    T(getgroups(0, NULL));
    return 0;
}

/* ---- capabilities ---- */

static struct __user_cap_header_struct header;
static struct __user_cap_data_struct data[2];

static long capget_as(unsigned version, int pid)
{
    header.version = version;
    header.pid = pid;
    memset(data, 0, sizeof data);
    return syscall(SYS_capget, &header, data);
}

static long capset_as(unsigned effective, unsigned permitted, unsigned inheritable)
{
    header.version = _LINUX_CAPABILITY_VERSION_3;
    header.pid = 0;
    memset(data, 0, sizeof data);
    data[0].effective = effective;
    data[0].permitted = permitted;
    data[0].inheritable = inheritable;
    return syscall(SYS_capset, &header, data);
}

static int capabilities(void)
{
    T(capget_as(0, 0));
    say("version %x", header.version);
    header.version = 0;
    T(syscall(SYS_capget, &header, NULL));
    T(capget_as(_LINUX_CAPABILITY_VERSION_1, 0));
    T(capget_as(_LINUX_CAPABILITY_VERSION_2, 0));
    T(capget_as(_LINUX_CAPABILITY_VERSION_3, 0));
    T(capget_as(_LINUX_CAPABILITY_VERSION_3, -1));
    T(capget_as(_LINUX_CAPABILITY_VERSION_3, 99999999));
    T(capget_as(_LINUX_CAPABILITY_VERSION_3, getpid()));
    T(syscall(SYS_capget, BAD, data));
    T(syscall(SYS_capget, &header, BAD));
    T(syscall(SYS_capset, BAD, data));
    T(syscall(SYS_capset, &header, BAD));
    header.version = 0;
    T(syscall(SYS_capset, &header, data));
    header.version = _LINUX_CAPABILITY_VERSION_3;
    header.pid = getppid();
    T(syscall(SYS_capset, &header, data));
    T(capset_as(0xff, 0xfe, 0));
    T(prctl(PR_CAPBSET_READ, 0, 0, 0, 0));
    T(prctl(PR_CAPBSET_READ, 200, 0, 0, 0));
    T(prctl(PR_CAPBSET_DROP, 200, 0, 0, 0));
    T(prctl(PR_CAPBSET_DROP, 5, 0, 0, 0));
    T(prctl(PR_CAPBSET_READ, 5, 0, 0, 0));
    T(capset_as(0xdf, 0xdf, 0xdf));
    T(capset_as(0xdf, 0xdf, 0xff));
    T(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 1, 0, 0));
    T(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 1, 0, 0));
    T(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 8, 0, 0));
    T(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 200, 0, 0));
    T(prctl(PR_CAP_AMBIENT, 9, 1, 0, 0));
    T(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, 1, 0, 0));
    T(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 1, 0, 0));
    T(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0));
    T(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
    T(capset_as(0, 0xc0, 0));
    T(SETUID(7));
    T(capset_as(0xc0, 0xc0, 0));
    T(SETUID(7));
    T(capset_as(0xff, 0xff, 0));
    T(prctl(PR_CAPBSET_DROP, 6, 0, 0, 0));
    T(capset_as(0, 0, 0));
    T(SETUID(8));
    return 0;
}

static int keeping(void)
{
    T(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0));
    T(prctl(PR_SET_KEEPCAPS, 2, 0, 0, 0));
    T(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
    T(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0));
    T(SETUID(7));
    T(capget_as(_LINUX_CAPABILITY_VERSION_3, 0));
    say("effective %d, permitted %d", data[0].effective != 0, data[0].permitted != 0);
    return 0;
}

static int bits(void)
{
    T(prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
    T(prctl(PR_SET_SECUREBITS, 1 << 20, 0, 0, 0));
    T(prctl(PR_SET_SECUREBITS, 0x0c, 0, 0, 0));
    T(prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
    T(prctl(PR_SET_SECUREBITS, 0x04, 0, 0, 0));
    T(prctl(PR_SET_SECUREBITS, 0x08, 0, 0, 0));
    T(SETUID(7));
    T(capget_as(_LINUX_CAPABILITY_VERSION_3, 0));
    say("effective %d, permitted %d", data[0].effective != 0, data[0].permitted != 0);
    T(prctl(PR_SET_SECUREBITS, 0x0c, 0, 0, 0));
    return 0;
}

/* ---- groups of processes, priorities ---- */

static int groups(void)
{
    T(setpgid(-1, 0));
    T(setpgid(0, -1));
    T(setpgid(99999999, 0));
    T(setpgid(0, 99999999));
    T(setpgid(getppid(), 0));
    T(getpgid(-1));
    T(getpgid(99999999));
    T(getsid(-1));
    T(getsid(99999999));
    T(setpgid(0, 0));
    T(getpgrp() == getpid());
    T(setsid());
    pid_t child = spawn(sleep_for_ever);
    T(setpgid(child, child));
    T(getpgid(child) == child);
    T(setpgid(child, getpid()));
    T(getpgid(child) == getpid());
    kill(child, SIGKILL);
    show_end("child", child);
    T(getpriority(PRIO_PROCESS, 0));
    T(getpriority(3, 0));
    T(getpriority(-1, 0));
    T(getpriority(PRIO_PROCESS, 99999999));
    T(getpriority(PRIO_PGRP, 99999999));
    T(getpriority(PRIO_USER, 99999));
    T(setpriority(3, 0, 0));
    T(setpriority(PRIO_PROCESS, 99999999, 0));
    T(setpriority(PRIO_PROCESS, 0, 100));
    T(getpriority(PRIO_PROCESS, 0));
    T(syscall(SYS_getpriority, PRIO_PROCESS, 0));
    T(setpriority(PRIO_PROCESS, 0, -100));
    T(getpriority(PRIO_PROCESS, 0));
    T(setpriority(PRIO_PGRP, 0, 3));
    T(getpriority(PRIO_PGRP, 0));
    T(nice(100));
    T(nice(-100));
    T(syscall(SYS_ioprio_get, 1, 0));
    T(syscall(SYS_ioprio_get, 9, 0));
    T(syscall(SYS_ioprio_get, 1, 99999999));
    T(syscall(SYS_ioprio_set, 1, 0, (2 << 13) | 3));
    T(syscall(SYS_ioprio_get, 1, 0));
    T(syscall(SYS_ioprio_set, 1, 0, (2 << 13) | 9));
    T(syscall(SYS_ioprio_set, 1, 0, 5 << 13));
    T(syscall(SYS_ioprio_set, 1, 0, 3 << 13));
    T(syscall(SYS_ioprio_set, 1, 0, (3 << 13) | 4));
    T(syscall(SYS_ioprio_set, 1, 0, 1));
    return 0;
}

/* ---- prctl, personality ---- */

static int wishes(void)
{
    char name[32] = "";
    int value = -1;

    T(prctl(999, 0, 0, 0, 0));
    T(prctl(PR_SET_PDEATHSIG, 65, 0, 0, 0));
    T(prctl(PR_SET_PDEATHSIG, -1, 0, 0, 0));
    T(prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0));
    T(prctl(PR_GET_PDEATHSIG, &value, 0, 0, 0));
    say("signal %d", value);
    T(prctl(PR_GET_PDEATHSIG, BAD, 0, 0, 0));
    T(prctl(PR_SET_NAME, "a name that is longer than it may be", 0, 0, 0));
    T(prctl(PR_GET_NAME, name, 0, 0, 0));
    say("name %s", name);
    T(prctl(PR_SET_NAME, BAD, 0, 0, 0));
    T(prctl(PR_GET_NAME, BAD, 0, 0, 0));
    T(prctl(PR_SET_DUMPABLE, 2, 0, 0, 0));
    T(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
    T(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
    T(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
    T(prctl(PR_GET_TIMING, 0, 0, 0, 0));
    T(prctl(PR_SET_TIMING, 0, 0, 0, 0));
    T(prctl(PR_SET_TIMING, 1, 0, 0, 0));
    T(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0));
    T(prctl(PR_SET_TIMERSLACK, 200000, 0, 0, 0));
    T(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0));
    T(prctl(PR_SET_TIMERSLACK, 0, 0, 0, 0));
    T(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0));
    T(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
    T(prctl(PR_GET_CHILD_SUBREAPER, &value, 0, 0, 0));
    say("subreaper %d", value);
    T(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0));
    T(prctl(PR_GET_CHILD_SUBREAPER, BAD, 0, 0, 0));
    T(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    T(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0));
    T(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0));
    T(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    T(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    T(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    T(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    T(prctl(PR_GET_THP_DISABLE, 1, 0, 0, 0));
    T(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
    T(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    T(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
    T(prctl(PR_GET_TSC, &value, 0, 0, 0));
    say("tsc %d", value);
    T(prctl(PR_SET_TSC, 9, 0, 0, 0));
    T(prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
    T(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
    T(prctl(PR_MCE_KILL_GET, 1, 0, 0, 0));
    T(prctl(PR_MCE_KILL, 9, 0, 0, 0));
    T(prctl(PR_TASK_PERF_EVENTS_DISABLE, 0, 0, 0, 0));
    T(prctl(PR_TASK_PERF_EVENTS_ENABLE, 0, 0, 0, 0));
    T(prctl(65, 0, 0, 0, 0)); /* PR_SET_MDWE */
    T(prctl(66, 0, 0, 0, 0));
    T(prctl(65, 8, 0, 0, 0));
    T(prctl(PR_GET_ENDIAN, &value, 0, 0, 0));
    T(prctl(PR_GET_UNALIGN, &value, 0, 0, 0));
    T(prctl(PR_GET_FPEMU, &value, 0, 0, 0));
    T(prctl(PR_GET_FPEXC, &value, 0, 0, 0));
    T(personality(0xffffffff));
    T(personality(PER_LINUX32));
    T(personality(0xffffffff));
    T(personality(PER_LINUX | ADDR_NO_RANDOMIZE));
    T(personality(0xffffffff));
    T(personality(PER_LINUX));
    return 0;
}

/* ---- the machine ---- */

static int names(void)
{
    struct utsname names;
    struct sysinfo info;
    struct tms times_now;
    char name[sizeof(struct rusage)];

    memset(name, 'h', sizeof name);
    if (unshare(CLONE_NEWUTS))
        fail("unshare");
    T(sethostname(name, -1));
    T(sethostname(name, 65));
    T(sethostname(BAD, 5));
    T(sethostname("short", 5));
    T(gethostname(name, 3));
    T(gethostname(name, 65));
    say("name %s", name);
    memset(name, 'h', sizeof name);
    T(sethostname(name, 64));
    T(uname(&names));
    say("length %zu, system %s, machine %s", strlen(names.nodename), names.sysname, names.machine);
    T(sethostname("", 0));
    T(setdomainname(name, 65));
    T(setdomainname(name, -1));
    T(setdomainname(BAD, 5));
    T(setdomainname("domain", 6));
    T(uname(&names));
    say("domain %s", names.domainname);
    T(uname(BAD));
    T(sysinfo(BAD));
    T(sysinfo(&info));
    say("sane %d", info.totalram >= info.freeram && info.procs > 0);
    T(times(BAD));
    T(times(&times_now) > 0);
    T(times(NULL) > 0);
    T(getrusage(5, (struct rusage *)name));
    T(getrusage(-3, (struct rusage *)name));
    T(getrusage(RUSAGE_SELF, BAD));
    T(syscall(SYS_getcpu, NULL, NULL, NULL));
    T(syscall(SYS_getcpu, BAD, NULL, NULL));
    T(syscall(SYS_getrandom, name, 10, 8));
    T(syscall(SYS_getrandom, name, 10, 6));
    T(syscall(SYS_getrandom, name, 10, 0));
    T(syscall(SYS_getrandom, name, 10, 2));
    T(syscall(SYS_getrandom, name, 10, 4));
    T(syscall(SYS_getrandom, BAD, 10, 0));
    T(syscall(SYS_getrandom, name, 0, 0));
    T(syscall(SYS_syslog, 99, NULL, 0));
    T(syscall(SYS_syslog, 3, NULL, 10));
    T(syscall(SYS_syslog, 3, name, -1));
    T(syscall(SYS_syslog, 8, NULL, 9));
    T(syscall(SYS_reboot, 0, 0, 0, 0));
    T(syscall(SYS_reboot, 0xfee1dead, 0, 0, 0));
    T(syscall(SYS_arch_prctl, 0x9999, 0));
    T(syscall(SYS_arch_prctl, 0x1002, -4096l));
    T(syscall(SYS_arch_prctl, 0x1003, BAD));
    T(syscall(SYS_arch_prctl, 0x1004, BAD));
    T(syscall(SYS_membarrier, 0, 0, 0) & 0x1ff);
    T(syscall(SYS_membarrier, 0, 1, 0));
    T(syscall(SYS_membarrier, -1, 0, 0));
    T(syscall(SYS_membarrier, 8, 0, 0));
    T(syscall(SYS_membarrier, 16, 1, 0));
    T(syscall(SYS_membarrier, 16, 0, 0));
    T(syscall(SYS_membarrier, 8, 0, 0));
    T(syscall(SYS_membarrier, 8, 1, 0));
    T(syscall(SYS_membarrier, 2, 0, 0));
    T(syscall(SYS_membarrier, 4, 0, 0));
    T(syscall(SYS_membarrier, 2, 0, 0));
    T(syscall(SYS_membarrier, 32, 0, 0));
    T(syscall(SYS_membarrier, 64, 0, 0));
    T(syscall(SYS_membarrier, 32, 0, 0));
    T(syscall(SYS_membarrier, 128, 0, 0));
    T(syscall(SYS_membarrier, 256, 0, 0));
    T(syscall(SYS_membarrier, 128, 0, 0));
    T(syscall(SYS_membarrier, 128, 1, 0));
    T(syscall(SYS_membarrier, 128, 1, 9999));
    T(syscall(SYS_membarrier, 512, 0, 0));
    T(syscall(SYS_membarrier, 1, 0, 0));
    return 0;
}

int main(void)
{
    show_end("root", spawn(as_root));
    show_end("saved", spawn(saved));
    show_end("lists", spawn(lists));
    show_end("capabilities", spawn(capabilities));
    show_end("keeping", spawn(keeping));
    show_end("bits", spawn(bits));
    show_end("groups", spawn(groups));
    show_end("wishes", spawn(wishes));
    show_end("names", spawn(names));
    return 0;
}
