/*
 * vmm/strace/table.c - see table.h.
 */
#include <stddef.h>
#include <string.h>

#include "vmm/strace/table.h"

#include "guest/kernel/syscall/native.h"

/* Beyond this number there is no call in table.def (checked below); those of native.def have the
 * places that follow. */
#define NUMBER_END 512u
#define PLACES     (NUMBER_END + NATIVE_CALL_COUNT)

static const struct {
    const char *name, *letters;
} calls[PLACES] = {
#define SYSCALL(number, name, arguments, part) [number] = {#name, arguments},
#include "guest/kernel/syscall/table.def"
#undef SYSCALL
#define SYSCALL(number, name, arguments, part)                                                     \
    [(number)-NATIVE_CALL_FIRST + NUMBER_END] = {#name, arguments},
#include "guest/kernel/syscall/native.def"
#undef SYSCALL
};
#define SYSCALL(number, name, arguments, part)                                                     \
    _Static_assert((number) < NUMBER_END && sizeof(arguments) - 1 <= SYSCALL_ARGUMENTS_MAX, #name);
#include "guest/kernel/syscall/table.def"
#undef SYSCALL

/* Calls of which more can be said than the letters of table.def do. */
static const struct syscall_info known[] = {
    {"read", "fou"},
    {"write", "fbu"},
    {"open", "sOm"},
    {"stat", "st"},
    {"fstat", "ft"},
    {"lstat", "st"},
    {"poll", "xud"},
    {"lseek", "flL"},
    {"mmap", "xuPAfh"},
    {"mprotect", "xuP"},
    {"munmap", "xu"},
    {"brk", "x"},
    {"rt_sigaction", "Gxxu"},
    {"rt_sigprocmask", "Hxxu"},
    {"ioctl", "fIx"},
    {"pread64", "foul"},
    {"pwrite64", "fbul"},
    {"readv", "fxu"},
    {"writev", "fxu"},
    {"access", "sX"},
    {"pipe", "p"},
    {"mremap", "xuuRx"},
    {"madvise", "xuV"},
    {"alarm", "u"},
    {"sendfile", "ffxu"},
    {"clone", "Cxxxx"},
    {"execve", "svx"},
    {"exit", "d"},
    {"wait4", "dSWx"},
    {"kill", "dG"},
    {"fcntl", "fFy"},
    {"flock", "fk"},
    {"truncate", "sl"},
    {"ftruncate", "fl"},
    {"getdents", "fxu"},
    {"getcwd", "ou"},
    {"mkdir", "sm"},
    {"creat", "sm"},
    {"readlink", "sou"},
    {"chmod", "sm"},
    {"fchmod", "fm"},
    {"chown", "sdd"},
    {"umask", "m"},
    {"getrlimit", "rx"},
    {"setrlimit", "rx"},
    {"tkill", "dG"},
    {"tgkill", "ddG"},
    {"futex", "xUuxxu"},
    {"getdents64", "fxu"},
    {"clock_gettime", "Kx"},
    {"clock_getres", "Kx"},
    {"clock_nanosleep", "Kdxx"},
    {"exit_group", "d"},
    {"epoll_ctl", "fEfx"},
    {"epoll_wait", "fxdd"},
    {"mount", "sssMs"},
    {"umount2", "sQ"},
    {"open_tree", "DsJ"},
    {"move_mount", "DsDsY"},
    {"fsopen", "sx"},
    {"fsconfig", "fZssd"},
    {"fsmount", "fxB"},
    {"fspick", "Dsx"},
    {"mount_setattr", "DsTxu"},
    {"inotify_add_watch", "fsN"},
    {"inotify_rm_watch", "fd"},
    {"inotify_init1", "q"},
    {"openat", "DsOm"},
    {"mkdirat", "Dsm"},
    {"fchownat", "DsddT"},
    {"newfstatat", "DstT"},
    {"unlinkat", "DsT"},
    {"renameat", "DsDs"},
    {"renameat2", "DsDsx"},
    {"linkat", "DsDsT"},
    {"symlinkat", "sDs"},
    {"readlinkat", "Dsou"},
    {"fchmodat", "Dsm"},
    {"faccessat", "DsX"},
    {"faccessat2", "DsXT"},
    {"utimensat", "DsxT"},
    {"pipe2", "pq"},
    {"dup3", "ffq"},
    {"epoll_create1", "q"},
    {"prlimit64", "drxx"},
    {"getrandom", "xux"},
    {"prctl", "cxxxx"},
    {"arch_prctl", "ax"},
    {"statx", "DsTxx"},
    {"rseq", "xuxx"},
    {"set_robust_list", "xu"},
    {"clone3", "xu"},
    {"spawn", "xu"},
    {"open_self_token", "xx"},
    {"set_psb", "fx"},
    {"open_process_token", "fx"},
    {"open_thread_token", "fdx"},
    {"create_token", "xu"},
    {"create_session", "xu"},
    {"destroy_empty_session", "u"},
    {"set_impersonation_level", "fu"},
    {"get_sd", "fsxxuT"},
    {"set_sd", "fsxxuT"},
    {"template_ready", "xuf"},
    {"waitid", "ddxWx"},
    {"setpgid", "dd"},
    {"getpgid", "d"},
    {"getsid", "d"},
    {"rt_sigsuspend", "xu"},
    {"rt_sigpending", "xu"},
    {"membarrier", "dud"},
    {"unshare", "2"},
    {"setns", "f2"},
    {"ptrace", "3dxx"},
    {"process_vm_readv", "dxuxuu"},
    {"process_vm_writev", "dxuxuu"},
    {"kcmp", "dd4nn"},
    {"shmget", "ju5"},
    {"shmat", "dxe"},
    {"shmctl", "dgx"},
    {"semget", "jd5"},
    {"semop", "dxu"},
    {"semtimedop", "dxux"},
    {"semctl", "ddix"},
    {"msgget", "j5"},
    {"msgsnd", "dxuw"},
    {"msgrcv", "dxulw"},
    {"msgctl", "d1x"},
    {"mq_open", "sOmx"},
    {"mq_timedsend", "fbuux"},
    {"mq_timedreceive", "fouxx"},
    {"splice", "fxfxuz"},
    {"tee", "ffuz"},
    {"vmsplice", "fxuz"},
};

/* From the letters of table.def: what they say is enough to print something true. */
static char kind_of(char letter)
{
    switch (letter) {
    case 'f':
        return KIND_DESCRIPTOR;
    case 'p':
    case 's':
        return KIND_STRING;
    case 'i':
        return KIND_NUMBER;
    default:
        return KIND_HEX;
    }
}

static struct syscall_info infos[PLACES];
static char default_kinds[PLACES][SYSCALL_ARGUMENTS_MAX + 1];

static void __attribute__((constructor)) fill(void)
{
    for (unsigned number = 0; number < PLACES; number++) {
        infos[number].name = calls[number].name;
        if (!calls[number].name)
            continue;
        for (unsigned i = 0; calls[number].letters[i]; i++)
            default_kinds[number][i] = kind_of(calls[number].letters[i]);
        infos[number].kinds = default_kinds[number];
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            if (strcmp(known[i].name, calls[number].name) == 0)
                infos[number].kinds = known[i].kinds;
    }
}

const struct syscall_info *syscall_info(uint64_t number)
{
    static const struct syscall_info unknown = {NULL, "xxxxxx"};

    if (number - NATIVE_CALL_FIRST < NATIVE_CALL_COUNT)
        number = number - NATIVE_CALL_FIRST + NUMBER_END;
    else if (number >= NUMBER_END)
        return &unknown;
    return infos[number].name ? &infos[number] : &unknown;
}
