/*
 * vmm/strace/flags.c - see flags.h. The numbers are Linux's, from its headers for programs: what
 * this host was built with is the same interface that the guest's kernel speaks.
 */
#include <asm/prctl.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "shared/token.h"
#include "vmm/strace/flag_sets.h"
#include "vmm/strace/flags.h"

#ifndef O_LARGEFILE_KERNEL
#define O_LARGEFILE_KERNEL 0100000 /* glibc's O_LARGEFILE is 0 here */
#endif

static const struct flag open_flags[] = {F(O_RDONLY),
                                         F(O_WRONLY),
                                         F(O_RDWR),
                                         F(O_CREAT),
                                         F(O_EXCL),
                                         F(O_NOCTTY),
                                         F(O_TRUNC),
                                         F(O_APPEND),
                                         F(O_NONBLOCK),
                                         F(O_SYNC),
                                         F(O_DSYNC),
                                         F(O_ASYNC),
                                         F(O_DIRECT),
                                         {O_LARGEFILE_KERNEL, "O_LARGEFILE"},
                                         F(O_TMPFILE),
                                         F(O_NOFOLLOW),
                                         F(O_NOATIME),
                                         F(O_CLOEXEC),
                                         F(O_PATH),
                                         F(O_DIRECTORY),
                                         {0}};
static const struct flag protections[] = {
    F(PROT_READ), F(PROT_WRITE), F(PROT_EXEC), F(PROT_GROWSDOWN), {0}};
static const struct flag map_flags[] = {
    F(MAP_SHARED),    F(MAP_PRIVATE),         {MAP_SHARED_VALIDATE, "MAP_SHARED_VALIDATE"},
    F(MAP_FIXED),     F(MAP_ANONYMOUS),       F(MAP_GROWSDOWN),
    F(MAP_DENYWRITE), F(MAP_LOCKED),          F(MAP_NORESERVE),
    F(MAP_POPULATE),  F(MAP_NONBLOCK),        F(MAP_STACK),
    F(MAP_HUGETLB),   F(MAP_FIXED_NOREPLACE), {0}};
static const struct flag remap_flags[] = {F(MREMAP_MAYMOVE), F(MREMAP_FIXED), {0}};
static const struct flag advices[] = {F(MADV_NORMAL),   F(MADV_RANDOM),     F(MADV_SEQUENTIAL),
                                      F(MADV_WILLNEED), F(MADV_DONTNEED),   F(MADV_FREE),
                                      F(MADV_HUGEPAGE), F(MADV_NOHUGEPAGE), {0}};
static const struct flag seeks[] = {F(SEEK_SET),  F(SEEK_CUR),  F(SEEK_END),
                                    F(SEEK_DATA), F(SEEK_HOLE), {0}};
static const struct flag accesses[] = {F(R_OK), F(W_OK), F(X_OK), {0}};
static const struct flag mask_changes[] = {F(SIG_BLOCK), F(SIG_UNBLOCK), F(SIG_SETMASK), {0}};
static const struct flag wait_options[] = {F(WNOHANG),
                                           F(WUNTRACED),
                                           F(WEXITED),
                                           F(WCONTINUED),
                                           F(WNOWAIT),
                                           {0x40000000, "__WALL"},
                                           {0x80000000, "__WCLONE"},
                                           {0}};
static const struct flag at_flags[] = {F(AT_SYMLINK_NOFOLLOW), F(AT_REMOVEDIR),
                                       F(AT_SYMLINK_FOLLOW),   F(AT_NO_AUTOMOUNT),
                                       F(AT_EMPTY_PATH),       {0}};
static const struct flag fcntl_commands[] = {F(F_DUPFD),
                                             F(F_GETFD),
                                             F(F_SETFD),
                                             F(F_GETFL),
                                             F(F_SETFL),
                                             {5, "F_GETLK"},
                                             {6, "F_SETLK"},
                                             {7, "F_SETLKW"},
                                             F(F_SETOWN),
                                             F(F_GETOWN),
                                             F(F_OFD_GETLK),
                                             F(F_OFD_SETLK),
                                             F(F_OFD_SETLKW),
                                             F(F_DUPFD_CLOEXEC),
                                             F(F_SETPIPE_SZ),
                                             F(F_GETPIPE_SZ),
                                             F(F_ADD_SEALS),
                                             F(F_GET_SEALS),
                                             {0}};
static const struct flag ioctls[] = {F(TCGETS),
                                     F(TCSETS),
                                     F(TCSETSW),
                                     F(TCSETSF),
                                     F(TCSBRK),
                                     F(TCFLSH),
                                     F(TIOCSCTTY),
                                     F(TIOCGPGRP),
                                     F(TIOCSPGRP),
                                     F(TIOCGWINSZ),
                                     F(TIOCSWINSZ),
                                     F(FIONREAD),
                                     F(TIOCNOTTY),
                                     F(TIOCGSID),
                                     F(FIONBIO),
                                     F(FIONCLEX),
                                     F(FIOCLEX),
                                     F(TIOCGPTN),
                                     F(TIOCSPTLCK),
                                     F(TOKEN_IOC_QUERY),
                                     F(TOKEN_IOC_ADJUST_PRIVILEGES),
                                     F(TOKEN_IOC_DUPLICATE),
                                     F(TOKEN_IOC_INSTALL),
                                     F(TOKEN_IOC_RESTRICT),
                                     F(TOKEN_IOC_LINK),
                                     F(TOKEN_IOC_GET_LINKED),
                                     F(TOKEN_IOC_ADJUST_GROUPS),
                                     F(TOKEN_IOC_IMPERSONATE),
                                     F(TOKEN_IOC_ADJUST_DEFAULT),
                                     F(TOKEN_IOC_ADJUST_SESSION),
                                     {0}};
static const struct flag clone_flags[] = {F(CLONE_VM),
                                          F(CLONE_FS),
                                          F(CLONE_FILES),
                                          F(CLONE_SIGHAND),
                                          F(CLONE_PIDFD),
                                          F(CLONE_PTRACE),
                                          F(CLONE_VFORK),
                                          F(CLONE_PARENT),
                                          F(CLONE_THREAD),
                                          F(CLONE_NEWNS),
                                          F(CLONE_SYSVSEM),
                                          F(CLONE_SETTLS),
                                          F(CLONE_PARENT_SETTID),
                                          F(CLONE_CHILD_CLEARTID),
                                          F(CLONE_DETACHED),
                                          F(CLONE_UNTRACED),
                                          F(CLONE_CHILD_SETTID),
                                          F(CLONE_NEWCGROUP),
                                          F(CLONE_NEWUTS),
                                          F(CLONE_NEWIPC),
                                          F(CLONE_NEWUSER),
                                          F(CLONE_NEWPID),
                                          F(CLONE_NEWNET),
                                          F(CLONE_IO),
                                          {0}};
static const struct flag locks[] = {F(LOCK_SH), F(LOCK_EX), F(LOCK_NB), F(LOCK_UN), {0}};
static const struct flag limits[] = {F(RLIMIT_CPU),
                                     F(RLIMIT_FSIZE),
                                     F(RLIMIT_DATA),
                                     F(RLIMIT_STACK),
                                     F(RLIMIT_CORE),
                                     F(RLIMIT_RSS),
                                     F(RLIMIT_NPROC),
                                     F(RLIMIT_NOFILE),
                                     F(RLIMIT_MEMLOCK),
                                     F(RLIMIT_AS),
                                     F(RLIMIT_LOCKS),
                                     F(RLIMIT_SIGPENDING),
                                     F(RLIMIT_MSGQUEUE),
                                     F(RLIMIT_NICE),
                                     F(RLIMIT_RTPRIO),
                                     F(RLIMIT_RTTIME),
                                     {0}};
static const struct flag futex_operations[] = {F(FUTEX_WAIT),
                                               F(FUTEX_WAKE),
                                               F(FUTEX_REQUEUE),
                                               F(FUTEX_CMP_REQUEUE),
                                               F(FUTEX_WAKE_OP),
                                               F(FUTEX_LOCK_PI),
                                               F(FUTEX_UNLOCK_PI),
                                               F(FUTEX_TRYLOCK_PI),
                                               F(FUTEX_WAIT_BITSET),
                                               F(FUTEX_WAKE_BITSET),
                                               F(FUTEX_WAIT_REQUEUE_PI),
                                               F(FUTEX_CMP_REQUEUE_PI),
                                               F(FUTEX_PRIVATE_FLAG),
                                               F(FUTEX_CLOCK_REALTIME),
                                               {0}};
static const struct flag clocks[] = {
    F(CLOCK_REALTIME),          F(CLOCK_MONOTONIC),     F(CLOCK_PROCESS_CPUTIME_ID),
    F(CLOCK_THREAD_CPUTIME_ID), F(CLOCK_MONOTONIC_RAW), F(CLOCK_REALTIME_COARSE),
    F(CLOCK_MONOTONIC_COARSE),  F(CLOCK_BOOTTIME),      {0}};
static const struct flag epoll_operations[] = {
    F(EPOLL_CTL_ADD), F(EPOLL_CTL_DEL), F(EPOLL_CTL_MOD), {0}};
static const struct flag watch_masks[] = {F(IN_ACCESS),      F(IN_MODIFY),        F(IN_ATTRIB),
                                          F(IN_CLOSE_WRITE), F(IN_CLOSE_NOWRITE), F(IN_OPEN),
                                          F(IN_MOVED_FROM),  F(IN_MOVED_TO),      F(IN_CREATE),
                                          F(IN_DELETE),      F(IN_DELETE_SELF),   F(IN_MOVE_SELF),
                                          F(IN_UNMOUNT),     F(IN_ONLYDIR),       F(IN_DONT_FOLLOW),
                                          F(IN_EXCL_UNLINK), F(IN_MASK_CREATE),   F(IN_MASK_ADD),
                                          F(IN_ISDIR),       F(IN_ONESHOT),       {0}};
static const struct flag mount_flags[] = {F(MS_RDONLY),
                                          F(MS_NOSUID),
                                          F(MS_NODEV),
                                          F(MS_NOEXEC),
                                          F(MS_SYNCHRONOUS),
                                          F(MS_REMOUNT),
                                          F(MS_MANDLOCK),
                                          F(MS_DIRSYNC),
                                          F(MS_NOSYMFOLLOW),
                                          F(MS_NOATIME),
                                          F(MS_NODIRATIME),
                                          F(MS_BIND),
                                          F(MS_MOVE),
                                          F(MS_REC),
                                          F(MS_SILENT),
                                          F(MS_UNBINDABLE),
                                          F(MS_PRIVATE),
                                          F(MS_SLAVE),
                                          F(MS_SHARED),
                                          F(MS_RELATIME),
                                          F(MS_STRICTATIME),
                                          F(MS_LAZYTIME),
                                          {0}};
static const struct flag unmount_flags[] = {
    F(MNT_FORCE), F(MNT_DETACH), F(MNT_EXPIRE), F(UMOUNT_NOFOLLOW), {0}};
static const struct flag tree_flags[] = {F(OPEN_TREE_CLONE),
                                         F(OPEN_TREE_CLOEXEC),
                                         F(AT_SYMLINK_NOFOLLOW),
                                         F(AT_NO_AUTOMOUNT),
                                         F(AT_EMPTY_PATH),
                                         {0x8000, "AT_RECURSIVE"},
                                         {0}};
static const struct flag move_flags[] = {
    F(MOVE_MOUNT_F_SYMLINKS),        F(MOVE_MOUNT_F_AUTOMOUNTS),
    F(MOVE_MOUNT_F_EMPTY_PATH),      F(MOVE_MOUNT_T_SYMLINKS),
    F(MOVE_MOUNT_T_AUTOMOUNTS),      F(MOVE_MOUNT_T_EMPTY_PATH),
    {0x100, "MOVE_MOUNT_SET_GROUP"}, {0}};
static const struct flag configurations[] = {F(FSCONFIG_SET_FLAG),
                                             F(FSCONFIG_SET_STRING),
                                             F(FSCONFIG_SET_BINARY),
                                             F(FSCONFIG_SET_PATH),
                                             F(FSCONFIG_SET_PATH_EMPTY),
                                             F(FSCONFIG_SET_FD),
                                             F(FSCONFIG_CMD_CREATE),
                                             F(FSCONFIG_CMD_RECONFIGURE),
                                             {8, "FSCONFIG_CMD_CREATE_EXCL"},
                                             {0}};
static const struct flag mount_attributes[] = {F(MOUNT_ATTR_RDONLY),
                                               F(MOUNT_ATTR_NOSUID),
                                               F(MOUNT_ATTR_NODEV),
                                               F(MOUNT_ATTR_NOEXEC),
                                               F(MOUNT_ATTR_NOATIME),
                                               F(MOUNT_ATTR_STRICTATIME),
                                               F(MOUNT_ATTR_NODIRATIME),
                                               {0x200000, "MOUNT_ATTR_NOSYMFOLLOW"},
                                               {0}};
static const struct flag prctls[] = {F(PR_SET_PDEATHSIG),
                                     F(PR_GET_PDEATHSIG),
                                     F(PR_GET_DUMPABLE),
                                     F(PR_SET_DUMPABLE),
                                     F(PR_GET_KEEPCAPS),
                                     F(PR_SET_KEEPCAPS),
                                     F(PR_SET_NAME),
                                     F(PR_GET_NAME),
                                     F(PR_GET_SECCOMP),
                                     F(PR_SET_SECCOMP),
                                     F(PR_CAPBSET_READ),
                                     F(PR_CAPBSET_DROP),
                                     F(PR_GET_SECUREBITS),
                                     F(PR_SET_SECUREBITS),
                                     F(PR_SET_TIMERSLACK),
                                     F(PR_GET_TIMERSLACK),
                                     F(PR_SET_CHILD_SUBREAPER),
                                     F(PR_GET_CHILD_SUBREAPER),
                                     F(PR_SET_NO_NEW_PRIVS),
                                     F(PR_GET_NO_NEW_PRIVS),
                                     F(PR_CAP_AMBIENT),
                                     F(PR_SET_VMA),
                                     {0}};
static const struct flag arch_prctls[] = {F(ARCH_SET_GS),
                                          F(ARCH_SET_FS),
                                          F(ARCH_GET_FS),
                                          F(ARCH_GET_GS),
                                          {0x3001, "ARCH_CET_STATUS"},
                                          {0}};

static const struct set sets[] = {
    {'O', true, O_ACCMODE, open_flags, NULL, false},
    {'q', true, 0, open_flags, NULL, false},
    {'P', true, 0, protections, "PROT_NONE", false},
    {'A', true, 3, map_flags, NULL, false},
    {'R', true, 0, remap_flags, NULL, false},
    {'V', false, 0, advices, NULL, false},
    {'L', false, 0, seeks, NULL, false},
    {'X', true, 0, accesses, "F_OK", false},
    {'H', false, 0, mask_changes, NULL, false},
    {'W', true, 0, wait_options, NULL, false},
    {'T', true, 0, at_flags, NULL, false},
    {'F', false, 0, fcntl_commands, NULL, false},
    {'I', false, 0, ioctls, NULL, false},
    {'C', true, 0, clone_flags, NULL, false},
    {'k', true, 0, locks, NULL, false},
    {'r', false, 0, limits, NULL, false},
    {'U', true, 0x7f, futex_operations, NULL, false},
    {'K', false, 0, clocks, NULL, false},
    {'E', false, 0, epoll_operations, NULL, false},
    {'N', true, 0, watch_masks, NULL, false},
    {'M', true, 0, mount_flags, NULL, false},
    {'Q', true, 0, unmount_flags, NULL, false},
    {'J', true, 0, tree_flags, NULL, false},
    {'Y', true, 0, move_flags, NULL, false},
    {'Z', false, 0, configurations, NULL, false},
    {'B', true, 0, mount_attributes, NULL, false},
    {'c', false, 0, prctls, NULL, false},
    {'a', false, 0, arch_prctls, NULL, false},
};

/* Some names stand for 0, so the name ends a list. */
static const char *name_of(const struct flag *flags, uint64_t value)
{
    for (; flags->name; flags++)
        if (flags->value == value)
            return flags->name;
    return NULL;
}

static void write_number(FILE *out, const struct set *set, uint64_t value)
{
    const char *name = name_of(set->flags, value);

    if (name)
        fputs(name, out);
    else
        fprintf(out, "%#llx /* not a known number */", (unsigned long long)value);
}

static void write_bits(FILE *out, const struct set *set, uint64_t value)
{
    const char *between = "";

    if (set->field) {
        const char *name = name_of(set->flags, value & set->field);

        if (name) {
            fputs(name, out);
            between = "|";
            value &= ~set->field;
        }
    } else if (!value && !set->permissions) {
        fputs(set->zero ? set->zero : "0", out);
        return;
    }
    for (const struct flag *flag = set->flags; flag->name; flag++) {
        if (!flag->value || (flag->value & set->field) || (value & flag->value) != flag->value)
            continue;
        fprintf(out, "%s%s", between, flag->name);
        between = "|";
        value &= ~flag->value;
    }
    if (set->permissions)
        fprintf(out, "%s%#03llo", between, (unsigned long long)value);
    else if (value || !*between)
        fprintf(out, "%s%#llx", between, (unsigned long long)value);
}

static const struct set *set_of(char kind)
{
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
        if (sets[i].kind == kind)
            return &sets[i];
    for (const struct set *set = ipc_sets; set->kind; set++)
        if (set->kind == kind)
            return set;
    return NULL;
}

bool flags_write(FILE *out, char kind, uint64_t value)
{
    const struct set *set = set_of(kind);

    if (!set)
        return false;
    /* These arguments are ints: what is above them is not looked at. */
    if (kind != 'C')
        value = (uint32_t)value;
    if (set->bits)
        write_bits(out, set, value);
    else
        write_number(out, set, value);
    return true;
}

const char *flags_errno_name(int number)
{
    static const char *const restarts[] = {"ERESTARTSYS", "ERESTARTNOINTR", "ERESTARTNOHAND", NULL,
                                           "ERESTART_RESTARTBLOCK"};

    if (number >= 512 && number < 517)
        return restarts[number - 512];
    return strerrorname_np(number);
}
