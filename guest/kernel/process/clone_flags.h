/*
 * kernel/process/clone_flags.h - the flags of clone(2), unshare(2) and setns(2), of the Linux ABI.
 */
#ifndef KERNEL_PROCESS_CLONE_FLAGS_H
#define KERNEL_PROCESS_CLONE_FLAGS_H

#define CSIGNAL              0xffull
#define CLONE_NEWTIME        0x80ull
#define CLONE_VM             0x100ull
#define CLONE_FS             0x200ull
#define CLONE_FILES          0x400ull
#define CLONE_SIGHAND        0x800ull
#define CLONE_PIDFD          0x1000ull
#define CLONE_PTRACE         0x2000ull
#define CLONE_VFORK          0x4000ull
#define CLONE_PARENT         0x8000ull
#define CLONE_THREAD         0x10000ull
#define CLONE_NEWNS          0x20000ull
#define CLONE_SYSVSEM        0x40000ull
#define CLONE_SETTLS         0x80000ull
#define CLONE_PARENT_SETTID  0x100000ull
#define CLONE_CHILD_CLEARTID 0x200000ull
#define CLONE_DETACHED       0x400000ull
#define CLONE_UNTRACED       0x800000ull
#define CLONE_CHILD_SETTID   0x1000000ull
#define CLONE_NEWCGROUP      0x2000000ull
#define CLONE_NEWUTS         0x4000000ull
#define CLONE_NEWIPC         0x8000000ull
#define CLONE_NEWUSER        0x10000000ull
#define CLONE_NEWPID         0x20000000ull
#define CLONE_NEWNET         0x40000000ull
#define CLONE_IO             0x80000000ull
#define CLONE_CLEAR_SIGHAND  0x100000000ull
#define CLONE_INTO_CGROUP    0x200000000ull

/* Every flag that asks for a namespace. */
#define CLONE_NAMESPACES                                                                           \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET | CLONE_NEWTIME)

#endif
