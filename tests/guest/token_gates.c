/*
 * tests/guest/token_gates.c - what the token gate lets one do to other processes, to the machine and to files, and
 * the attacks on that. Anna and Bodo have the same Linux user id, so that only their tokens tell them apart.
 */
#define _GNU_SOURCE
#include "tests/guest/token_check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#define BIT(number)               (1ull << (number))
#define SE_SYSTEMTIME             12
#define SE_INCREASE_BASE_PRIORITY 14
#define SE_INCREASE_QUOTA         5
#define SE_SHUTDOWN               19

struct other {
    pid_t pid;
    int ready, end; /* pipes' ends; closing the latter ends it */
};

/* A process that is `who` (NULL: as the caller) and waits; runs `first` before. */
static struct other start(const struct somebody *who, void (*first)(void))
{
    int ready[2], end[2];
    char byte;
    CHECK(pipe(ready) == 0 && pipe(end) == 0);
    struct other other = {fork(), ready[0], end[1]};
    if (other.pid == 0) {
        signal(SIGTERM, SIG_DFL);
        close(end[1]);
        if (who)
            become(*who);
        if (first)
            first();
        CHECK(write(ready[1], "x", 1) == 1);
        (void)!read(end[0], &byte, 1);
        _exit(0);
    }
    close(ready[1]);
    close(end[0]);
    CHECK(read(ready[0], &byte, 1) == 1);
    return other;
}

static int end_of(struct other *other)
{
    int status;
    close(other->end);
    close(other->ready);
    CHECK(waitpid(other->pid, &status, 0) == other->pid);
    return status;
}

static const struct somebody anna = {.user = USER_ANNA}, bodo = {.user = USER_BODO};

/* Whose ids changed is not looked into, as on Linux, unless it says so. */
static void be_dumpable(void)
{
    CHECK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
}

/* What may one user do to another's process? To look from afar, and no more. */
static void other_users(void)
{
    struct other other = start(&bodo, be_dumpable);
    become(anna);
    char word[8], path[64];
    struct iovec here = {word, 8}, there = {(void *)&bodo, 8};
    struct rlimit limit;
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(0, &cpus);

    CHECK(getuid() == 1000 && kill(other.pid, 0) == 0);
    CHECK_ERROR(kill(other.pid, SIGTERM), EPERM);
    CHECK_ERROR(kill(other.pid, SIGKILL), EPERM);
    CHECK_ERROR(kill(other.pid, SIGRTMIN), EPERM);
    CHECK_ERROR(kill(other.pid, SIGSTOP), EPERM);
    CHECK_ERROR(kill(other.pid, SIGCONT), EPERM);
    CHECK_ERROR(kill(other.pid, SIGWINCH), EPERM);
    CHECK_ERROR(syscall(SYS_tgkill, other.pid, other.pid, SIGTERM), EPERM);
    int pidfd = (int)syscall(SYS_pidfd_open, other.pid, 0);
    CHECK(pidfd >= 0);
    CHECK_ERROR(syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0), EPERM);
    CHECK_ERROR(syscall(SYS_pidfd_getfd, pidfd, 0, 0), EPERM);
    CHECK_ERROR(token_open_process(pidfd, TOKEN_QUERY), EACCES);
    CHECK_ERROR(process_vm_readv(other.pid, &here, 1, &there, 1, 0), EPERM);
    CHECK_ERROR(process_vm_writev(other.pid, &here, 1, &there, 1, 0), EPERM);
    CHECK_ERROR(ptrace(PTRACE_ATTACH, other.pid, 0, 0), EPERM);
    CHECK_ERROR(setpriority(PRIO_PROCESS, (id_t)other.pid, 5), EPERM);
    CHECK_ERROR(sched_setaffinity(other.pid, sizeof cpus, &cpus), EPERM);
    CHECK_ERROR(prlimit(other.pid, RLIMIT_CPU, NULL, &limit), EPERM);
    snprintf(path, sizeof path, "/proc/%d/environ", other.pid);
    CHECK_ERROR(open(path, O_RDONLY) < 0 ? -1 : read(open(path, O_RDONLY), word, 1), EACCES);
    snprintf(path, sizeof path, "/proc/%d/token", other.pid);
    CHECK_ERROR(open(path, O_RDONLY) < 0 ? -1 : read(open(path, O_RDONLY), word, 1), EACCES);

    struct other own = start(NULL, be_dumpable);
    CHECK(kill(own.pid, SIGSTOP) == 0 && kill(own.pid, SIGCONT) == 0);
    CHECK(setpriority(PRIO_PROCESS, (id_t)own.pid, 5) == 0);
    CHECK(prlimit(own.pid, RLIMIT_CPU, NULL, &limit) == 0);
    CHECK(process_vm_readv(own.pid, &here, 1, &there, 1, 0) == 8);
    CHECK(kill(own.pid, SIGTERM) == 0 && end_of(&own) == SIGTERM);
    CHECK(end_of(&other) == 0);
}

/* Does SeDebug open it, and only while it is enabled? */
static void debug_privilege(void)
{
    struct other other = start(&bodo, NULL);
    become((struct somebody){.user = USER_ANNA, .privileges = BIT(SE_DEBUG)});
    int own = token_open_self(0, TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY);
    CHECK(!(privileges_of(own).used & BIT(SE_DEBUG)));
    CHECK(kill(other.pid, SIGSTOP) == 0 && kill(other.pid, SIGCONT) == 0);
    CHECK(privileges_of(own).used & BIT(SE_DEBUG));
    CHECK(token_adjust_privilege(own, SE_DEBUG, TOKEN_PRIVILEGE_DISABLE, NULL) == 0);
    CHECK_ERROR(kill(other.pid, SIGSTOP), EPERM); /* what was granted is not remembered */
    CHECK(token_adjust_privilege(own, SE_DEBUG, TOKEN_PRIVILEGE_ENABLE, NULL) == 0);
    CHECK(kill(other.pid, SIGTERM) == 0 && end_of(&other) == SIGTERM);
}

/* The confused deputy: is what a thread may do what its client may, and not what its process may? */
static void deputy(void)
{
    struct other other = start(&bodo, NULL);
    int acts = token_of((struct somebody){USER_ANNA, TOKEN_IMPERSONATION, 2, 0, 0, 0});
    int looks = token_of((struct somebody){USER_ANNA, TOKEN_IMPERSONATION, 1, 0, 0, 0});
    CHECK(kill(other.pid, SIGSTOP) == 0 && kill(other.pid, SIGCONT) == 0);
    CHECK(token_impersonate(acts) == 0);
    CHECK_ERROR(kill(other.pid, SIGTERM), EPERM);
    CHECK(kill(other.pid, 0) == 0);
    CHECK(token_impersonate(looks) == 0);
    CHECK_ERROR(kill(other.pid, 0), EPERM);
    CHECK_ERROR(syscall(SYS_pidfd_open, other.pid, 0), EACCES);
    CHECK(token_revert() == 0 && kill(other.pid, SIGTERM) == 0 && end_of(&other) == SIGTERM);
}

/* ---- descriptors of processes ---- */

static int own_pidfd(void)
{
    return (int)syscall(SYS_pidfd_open, getpid(), 0);
}

static int set_text(int fd, unsigned parts, const char *text)
{
    uint8_t bytes[1024];
    int length = sddl_parse(text, bytes, sizeof bytes, NULL);
    CHECK(length > 0);
    return sd_set(fd, parts, bytes, (uint32_t)length);
}

static void let_everyone_end_me(void)
{
    CHECK(set_text(own_pidfd(), SD_DACL, "D:(A;;0x1;;;WD)") == 0);
}

static void let_nobody_near_me(void)
{
    CHECK(set_text(own_pidfd(), SD_DACL, "D:") == 0);
}

/* Does a descriptor that somebody gave a process decide alone, at once, over all who ask? */
static void given(void)
{
    struct other open = start(&bodo, let_everyone_end_me);
    struct other closed = start(NULL, let_nobody_near_me);
    int pidfd = (int)syscall(SYS_pidfd_open, closed.pid, 0);
    CHECK(pidfd >= 0); /* SYSTEM has SeDebug */
    int own = token_open_self(0, TOKEN_ADJUST_PRIVILEGES);
    CHECK(token_adjust_privilege(own, SE_DEBUG, TOKEN_PRIVILEGE_DISABLE, NULL) == 0);
    CHECK_ERROR(kill(closed.pid, 0), EPERM);
    CHECK_ERROR(kill(closed.pid, SIGTERM), EPERM);
    CHECK_ERROR(kill(open.pid, SIGSTOP), EPERM);
    become((struct somebody){.user = USER_ANNA});
    CHECK(setuid(1000) == 0);
    CHECK_ERROR(kill(open.pid, SIGSTOP), EPERM);
    CHECK_ERROR(kill(open.pid, 0), EPERM);
    CHECK(kill(open.pid, SIGTERM) == 0 && end_of(&open) == SIGTERM);
    CHECK(end_of(&closed) == 0);
}

/* Is a change seen by the next question, also after the answer was remembered? And has a child the usual one? */
static void changed_between(void)
{
    become(anna);
    struct other other = start(NULL, NULL);
    int pidfd = (int)syscall(SYS_pidfd_open, other.pid, 0);
    for (int i = 0; i < 20; i++) {
        CHECK(kill(other.pid, SIGWINCH) == 0);
        CHECK(set_text(pidfd, SD_DACL, "D:(D;;0x2;;;WD)(A;;0xe1e73;;;WD)") == 0);
        CHECK_ERROR(kill(other.pid, SIGWINCH), EPERM);
        CHECK(set_text(pidfd, SD_DACL, "D:(A;;0xe1e73;;;WD)") == 0);
    }
    CHECK(set_text(own_pidfd(), SD_DACL, "D:(A;;0xe0000;;;WD)") == 0);
    struct other child = start(NULL, NULL);
    CHECK(kill(child.pid, SIGSTOP) == 0 && kill(child.pid, SIGCONT) == 0);
    CHECK(end_of(&child) == 0 && end_of(&other) == 0);
}

/* Can descriptors be read and written by parts, by whom they let, and nothing malformed? */
static void descriptors(void)
{
    uint8_t bytes[1024];
    char text[1024];
    int own = own_pidfd();
    int length = sd_get(own, SD_OWNER | SD_DACL, NULL, 0);
    CHECK(length > 20 && sd_get(own, SD_OWNER | SD_DACL, bytes, sizeof bytes) == length);
    CHECK(sddl_format(bytes, (size_t)length, text, sizeof text) > 0);
    CHECK(strstr(text, "O:SY") && strstr(text, ";;;WD)") && strstr(text, ";;;BA)"));
    CHECK(sd_get(own, SD_OWNER, bytes, 4) > 4); /* too little room: only the length */
    CHECK_ERROR(sd_get(own, 0, NULL, 0), EINVAL);
    CHECK_ERROR(sd_get(own, 0x20, NULL, 0), EINVAL);
    CHECK_ERROR(sd_get(own, SD_SACL | SD_LABEL, NULL, 0), EINVAL);
    CHECK_ERROR(sd_get(-1, SD_OWNER, NULL, 0), EBADF);
    CHECK_ERROR(sd_get(0, SD_OWNER, NULL, 0), EBADF);
    CHECK_ERROR(sd_get(own, SD_OWNER, (void *)8, 1024), EFAULT);
    CHECK_ERROR(sd_set(own, SD_DACL, "x", 1), EINVAL);
    CHECK_ERROR(sd_set(own, SD_DACL, bytes, 65536), EINVAL);
    CHECK_ERROR(sd_set(own, SD_DACL, (void *)8, 100), EFAULT);
    CHECK_ERROR(sd_set(own, SD_DACL, bytes, 0), EINVAL);
    for (int at = 0; at < length; at++) { /* hostile bytes: any answer, and the kernel lives */
        CHECK(sd_get(own, SD_OWNER | SD_DACL, bytes, sizeof bytes) > 0);
        bytes[at] ^= 0x11;
        (void)!sd_set(own, SD_GROUP, bytes, (uint32_t)length);
    }
    struct other other = start(&bodo, NULL);
    int theirs = (int)syscall(SYS_pidfd_open, other.pid, 0);
    become(anna);
    CHECK_ERROR(sd_get(theirs, SD_DACL, NULL, 0), EACCES);
    CHECK_ERROR(set_text(theirs, SD_DACL, "D:(A;;0xe1e73;;;WD)"), EACCES);
    own = own_pidfd();
    CHECK(set_text(own, SD_OWNER, "O:" USER_ANNA) == 0);
    CHECK_ERROR(set_text(own, SD_OWNER, "O:SY"), EPERM);
    CHECK_ERROR(set_text(own, SD_LABEL, "S:(ML;;0x1;;;SI)"), EPERM);
    CHECK_ERROR(set_text(own, SD_SACL, "S:(AU;SA;0x1;;;WD)"), EACCES);
    CHECK(end_of(&other) == 0);
}

/* Of tokens: can a user close his own, and open it to others, only as far as it lets him? */
static void token_descriptors(void)
{
    become(anna);
    int token = token_open_self(0, TOKEN_QUERY);
    CHECK(sd_get(token, SD_OWNER | SD_DACL, NULL, 0) < 0 && errno == EACCES);
    CHECK_ERROR(set_text(token, SD_DACL, "D:(A;;0xf01ff;;;WD)"), EACCES);
    CHECK(is_user(token, USER_ANNA));
}

/* A maker may: and what was opened before stays. */
static void token_descriptors_of_maker(void)
{
    int token = token_of((struct somebody){USER_ANNA, TOKEN_IMPERSONATION, 2, 0, 0, 0});
    CHECK(set_text(token, SD_DACL, "D:(A;;0x4;;;SY)") == 0);
    CHECK(token_impersonate(token) == 0);
    CHECK_ERROR(token_open_self(0, TOKEN_QUERY), EACCES);
    CHECK(is_user(token, USER_ANNA)); /* the handle keeps what it may */
}

/* ---- groups ---- */

/* Is each member of a process group asked, and one enough? */
static void group_signals(void)
{
    int status;
    pid_t leader = fork();
    if (leader == 0) {
        setpgid(0, 0);
        struct other other = start(&bodo, NULL);
        become(anna);
        struct other own = start(NULL, NULL);
        signal(SIGTERM, SIG_IGN);
        CHECK(kill(0, SIGTERM) == 0);
        CHECK(end_of(&own) == SIGTERM && end_of(&other) == 0);
        _exit(0);
    }
    CHECK(waitpid(leader, &status, 0) == leader && status == 0);
}

/* ---- privileges ---- */

static void drop(unsigned privilege)
{
    int own = token_open_self(0, TOKEN_ADJUST_PRIVILEGES);
    CHECK(token_adjust_privilege(own, privilege, TOKEN_PRIVILEGE_REMOVE, NULL) == 0);
    close(own);
}

/* Is user 0 without a privilege kept from what the privilege is for? */
static void privileges(void)
{
    struct sched_param param = {.sched_priority = 1};
    struct timespec now;
    struct rlimit limit;
    int own = token_open_self(0, TOKEN_QUERY);

    CHECK(getuid() == 0 && mkdir("/tmp/token_gates", 0700) == 0);
    CHECK(mount("none", "/tmp/token_gates", "tmpfs", 0, NULL) == 0);
    CHECK(umount("/tmp/token_gates") == 0 && privileges_of(own).used & BIT(SE_TCB));
    drop(SE_TCB);
    CHECK_ERROR(mount("none", "/tmp/token_gates", "tmpfs", 0, NULL), EPERM);
    CHECK_ERROR(sethostname("x", 1), EPERM);
    CHECK_ERROR(unshare(CLONE_NEWNS), EPERM);
    CHECK(setpriority(PRIO_PROCESS, 0, -5) == 0);
    drop(SE_INCREASE_BASE_PRIORITY);
    CHECK_ERROR(setpriority(PRIO_PROCESS, 0, -6), EACCES);
    (void)param;
    CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0 && clock_settime(CLOCK_REALTIME, &now) == 0);
    drop(SE_SYSTEMTIME);
    CHECK_ERROR(clock_settime(CLOCK_REALTIME, &now), EPERM);
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max = limit.rlim_max / 2;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_max *= 2;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    drop(SE_INCREASE_QUOTA);
    limit.rlim_max += 1;
    CHECK_ERROR(setrlimit(RLIMIT_NOFILE, &limit), EPERM);
    drop(SE_SHUTDOWN);
    CHECK_ERROR(reboot(RB_AUTOBOOT), EPERM);
    rmdir("/tmp/token_gates");
}

/* Does a thread that acts as a user lend it nothing of its process's power over the machine? */
static void lends_nothing(void)
{
    CHECK(token_impersonate(
              token_of((struct somebody){USER_ANNA, TOKEN_IMPERSONATION, 2, 0, 0, 0})) == 0);
    CHECK_ERROR(mount("none", "/tmp", "tmpfs", 0, NULL), EPERM);
    CHECK_ERROR(sethostname("x", 1), EPERM);
    CHECK_ERROR(reboot(RB_AUTOBOOT), EPERM);
    CHECK_ERROR(setpriority(PRIO_PROCESS, 0, -5), EACCES);
    CHECK(token_revert() == 0 && setpriority(PRIO_PROCESS, 0, -5) == 0);
}

/* ---- files ---- */

/* Are files opened and made as who the thread acts as, and by a look not at all? */
static void files(void)
{
    struct stat status;
    int secret = open("/tmp/secret", O_CREAT | O_RDWR, 0600);
    int open_to_all = open("/tmp/open", O_CREAT | O_RDWR, 0644);
    CHECK(secret >= 0 && open_to_all >= 0 && chmod("/tmp", 01777) == 0);
    CHECK(token_impersonate(
              token_of((struct somebody){USER_ANNA, TOKEN_IMPERSONATION, 2, 0, 0, 0})) == 0);
    CHECK_ERROR(open("/tmp/secret", O_RDONLY), EACCES);
    CHECK_ERROR(open("/tmp/open", O_RDWR), EACCES);
    CHECK_ERROR(chmod("/tmp/open", 0666), EPERM);
    CHECK_ERROR(unlink("/tmp/secret"), EPERM); /* sticky */
    CHECK(open("/tmp/open", O_RDONLY) >= 0);
    CHECK(write(secret, "x", 1) == 1); /* opened before */
    int own = open("/tmp/annas", O_CREAT | O_RDWR, 0600);
    CHECK(own >= 0 && fstat(own, &status) == 0 && status.st_uid == 1000 && status.st_gid == 1000);
    CHECK(token_revert() == 0 && getuid() == 0 && geteuid() == 0);
    CHECK(open("/tmp/secret", O_RDONLY) >= 0);
    CHECK(token_impersonate(
              token_of((struct somebody){USER_ANNA, TOKEN_IMPERSONATION, 1, 0, 0, 0})) == 0);
    CHECK_ERROR(open("/tmp/open", O_RDONLY), EACCES);
    CHECK_ERROR(open("/tmp/annas", O_RDONLY), EACCES);
    CHECK(token_revert() == 0 && unlink("/tmp/secret") == 0 && unlink("/tmp/open") == 0);
    CHECK(unlink("/tmp/annas") == 0);
}

/* Are Linux's ids those of who was installed, and its powers with them? */
static void installed_ids(void)
{
    int system =
        token_duplicate(token_open_self(0, TOKEN_ALL_ACCESS), TOKEN_ALL_ACCESS, TOKEN_PRIMARY, 0);
    become((struct somebody){.user = USER_ANNA, .privileges = BIT(SE_ASSIGN_PRIMARY)});
    CHECK(getuid() == 1000 && geteuid() == 1000 && getgid() == 1000);
    CHECK_ERROR(setuid(0), EPERM);
    CHECK_ERROR(mount("none", "/tmp", "tmpfs", 0, NULL), EPERM);
    if (system < 0)
        return; /* SYSTEM may not copy its own token: nobody was left a way back */
    CHECK(token_install(system) == 0 && getuid() == 0 && being("S-1-5-18"));
}

/* ---- mitigations ---- */

static void *nothing(void *unused)
{
    return unused;
}

/* Is a process that may have no children kept from them, and from nothing else, over its programs? */
static void no_children(void)
{
    pthread_t thread;
    CHECK_ERROR(process_keep_from(-1, 0x400), EINVAL);
    CHECK_ERROR(process_keep_from(-1, MITIGATION_NO_CHILD | 0x40), EOPNOTSUPP);
    int status;
    pid_t child = fork(); /* nothing was taken of that */
    if (child == 0)
        _exit(0);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(process_keep_from(-1, MITIGATION_NO_CHILD) == 0 && process_keep_from(-1, 0) == 0);
    CHECK_ERROR(fork(), EPERM);
    CHECK_ERROR(syscall(SYS_vfork), EPERM);
    CHECK(pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0);
    execl("/proc/self/exe", "token_gates", "no child", NULL);
    CHECK(!"exec");
}

/* Are programs with a fixed place refused, also to children; and whom may one keep from what? */
static void only_position_independent(void)
{
    struct other other = start(&bodo, NULL);
    int status, pidfd = (int)syscall(SYS_pidfd_open, other.pid, 0);
    CHECK(process_keep_from(-1, MITIGATION_PIE) == 0);
    pid_t child = fork();
    if (child == 0) {
        /* This very program is linked to a fixed place. */
        execl("/proc/self/exe", "token_gates", "no child", NULL);
        _exit(errno == EACCES ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    become(anna);
    CHECK_ERROR(process_keep_from(pidfd, MITIGATION_NO_CHILD), EACCES);
    CHECK(end_of(&other) == 0);
}

/* ---- the decision for others ---- */

/* Does the kernel decide for programs about their own objects? */
static void access_check(void)
{
    uint8_t bytes[512];
    uint32_t granted = 0;
    int length =
        sddl_parse("O:SYD:(A;;0x3;;;" USER_ANNA ")(A;;0x4;;;WD)", bytes, sizeof bytes, NULL);
    struct access_arguments asked = {.token_fd = -1,
                                     .descriptor = (uintptr_t)bytes,
                                     .descriptor_bytes = (uint32_t)length,
                                     .desired = 0x4,
                                     .all = 0x1f,
                                     .granted_at = (uintptr_t)&granted};
    CHECK(sd_access_check(&asked) == 4 && granted == 4);
    asked.desired = 0x1;
    CHECK_ERROR(sd_access_check(&asked), EACCES);
    asked.token_fd = token_of(anna);
    asked.desired = 0x2000000; /* all that there is */
    CHECK(sd_access_check(&asked) == 7 && granted == 7);
    asked.zero1 = 1;
    CHECK_ERROR(sd_access_check(&asked), EINVAL);
    asked.zero1 = 0;
    asked.descriptor_bytes = 19;
    CHECK_ERROR(sd_access_check(&asked), EINVAL);
    asked.token_fd = 0;
    CHECK_ERROR(sd_access_check(&asked), EINVAL);
    asked = (struct access_arguments){.size = 39};
    CHECK_ERROR(syscall(1023, &asked), EINVAL);
    CHECK_ERROR(syscall(1023, 8), EFAULT);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) /* started by a case: no child, still? */
        return !(fork() == -1 && errno == EPERM);
    static const struct test_case cases[] = {
        {"other_users", other_users},
        {"debug_privilege", debug_privilege},
        {"deputy", deputy},
        {"given", given},
        {"changed_between", changed_between},
        {"descriptors", descriptors},
        {"token_descriptors", token_descriptors},
        {"token_descriptors_of_maker", token_descriptors_of_maker},
        {"group_signals", group_signals},
        {"privileges", privileges},
        {"lends_nothing", lends_nothing},
        {"files", files},
        {"installed_ids", installed_ids},
        {"no_children", no_children},
        {"only_position_independent", only_position_independent},
        {"access_check", access_check},
    };
    run_cases(cases, sizeof cases / sizeof *cases);
    return 0;
}
