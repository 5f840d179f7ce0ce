/*
 * vmm/strace/ipc_flags.c - names of what programs pass to calls about namespaces, tracing, System V and POSIX
 * IPC, and splicing. Numbers are Linux's, as in flags.c.
 */
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ipc.h>
#include <sys/ptrace.h>
#include <sys/shm.h>

#include "vmm/strace/flag_sets.h"

/* Namespaces, and what a task may stop sharing. */
static const struct flag unshare_flags[] = {
    {0x80, "CLONE_NEWTIME"}, F(CLONE_VM),      F(CLONE_FS),
    F(CLONE_FILES),          F(CLONE_SIGHAND), F(CLONE_THREAD),
    F(CLONE_NEWNS),          F(CLONE_SYSVSEM), F(CLONE_NEWCGROUP),
    F(CLONE_NEWUTS),         F(CLONE_NEWIPC),  F(CLONE_NEWUSER),
    F(CLONE_NEWPID),         F(CLONE_NEWNET),  {0}};
static const struct flag ptrace_requests[] = {F(PTRACE_TRACEME),
                                              F(PTRACE_PEEKTEXT),
                                              F(PTRACE_PEEKDATA),
                                              F(PTRACE_PEEKUSER),
                                              F(PTRACE_POKETEXT),
                                              F(PTRACE_POKEDATA),
                                              F(PTRACE_POKEUSER),
                                              F(PTRACE_CONT),
                                              F(PTRACE_KILL),
                                              F(PTRACE_SINGLESTEP),
                                              F(PTRACE_GETREGS),
                                              F(PTRACE_SETREGS),
                                              F(PTRACE_GETFPREGS),
                                              F(PTRACE_SETFPREGS),
                                              F(PTRACE_ATTACH),
                                              F(PTRACE_DETACH),
                                              F(PTRACE_SYSCALL),
                                              F(PTRACE_SETOPTIONS),
                                              F(PTRACE_GETEVENTMSG),
                                              F(PTRACE_GETSIGINFO),
                                              F(PTRACE_SETSIGINFO),
                                              F(PTRACE_GETREGSET),
                                              F(PTRACE_SETREGSET),
                                              F(PTRACE_SEIZE),
                                              F(PTRACE_INTERRUPT),
                                              F(PTRACE_LISTEN),
                                              F(PTRACE_PEEKSIGINFO),
                                              F(PTRACE_GETSIGMASK),
                                              F(PTRACE_SETSIGMASK),
                                              {0x420e, "PTRACE_GET_SYSCALL_INFO"},
                                              {0}};
static const struct flag kcmp_types[] = {F(KCMP_FILE),    F(KCMP_VM),        F(KCMP_FILES),
                                         F(KCMP_FS),      F(KCMP_SIGHAND),   F(KCMP_IO),
                                         F(KCMP_SYSVSEM), F(KCMP_EPOLL_TFD), {0}};
static const struct flag no_flags[] = {{0}};
static const struct flag ipc_get_flags[] = {F(IPC_CREAT), F(IPC_EXCL), F(IPC_NOWAIT), {0}};
static const struct flag shm_flags[] = {F(SHM_RDONLY), F(SHM_RND), F(SHM_REMAP), F(SHM_EXEC), {0}};
static const struct flag shm_commands[] = {
    F(IPC_RMID),        F(IPC_SET),       F(IPC_STAT),      F(IPC_INFO),          {11, "SHM_LOCK"},
    {12, "SHM_UNLOCK"}, {13, "SHM_STAT"}, {14, "SHM_INFO"}, {15, "SHM_STAT_ANY"}, {0}};
static const struct flag msg_commands[] = {
    F(IPC_RMID),      F(IPC_SET),       F(IPC_STAT),          F(IPC_INFO),
    {11, "MSG_STAT"}, {12, "MSG_INFO"}, {13, "MSG_STAT_ANY"}, {0}};
static const struct flag sem_commands[] = {
    F(IPC_RMID),    F(IPC_SET),       F(IPC_STAT),      F(IPC_INFO),          {11, "GETPID"},
    {12, "GETVAL"}, {13, "GETALL"},   {14, "GETNCNT"},  {15, "GETZCNT"},      {16, "SETVAL"},
    {17, "SETALL"}, {18, "SEM_STAT"}, {19, "SEM_INFO"}, {20, "SEM_STAT_ANY"}, {0}};
static const struct flag message_flags[] = {
    F(IPC_NOWAIT), {010000, "MSG_NOERROR"}, {020000, "MSG_EXCEPT"}, {040000, "MSG_COPY"}, {0}};
static const struct flag splice_flags[] = {
    F(SPLICE_F_MOVE), F(SPLICE_F_NONBLOCK), F(SPLICE_F_MORE), F(SPLICE_F_GIFT), {0}};

const struct set ipc_sets[] = {
    {'2', true, 0, unshare_flags, NULL, false}, {'3', false, 0, ptrace_requests, NULL, false},
    {'4', false, 0, kcmp_types, NULL, false},   {'j', true, 0, no_flags, "IPC_PRIVATE", false},
    {'5', true, 0, ipc_get_flags, NULL, true},  {'e', true, 0, shm_flags, NULL, false},
    {'g', false, 0, shm_commands, NULL, false}, {'1', false, 0, msg_commands, NULL, false},
    {'i', false, 0, sem_commands, NULL, false}, {'w', true, 0, message_flags, NULL, false},
    {'z', true, 0, splice_flags, NULL, false},  {.kind = 0},
};
