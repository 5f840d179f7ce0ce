/* kernel/observe/audit_roots.c - see audit_roots.h. */
#include "kernel/observe/audit_roots.h"

#include "arch/cpu.h"
#include "arch/layout.h"
#include "arch/machine.h"
#include "arch/per_cpu.h"
#include "kernel/fs/file.h"
#include "kernel/fs/mount/mount.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/proc/namespace.h"
#include "kernel/ipc/mqueue/mqueue.h"
#include "kernel/ipc/sysv/shm.h"
#include "kernel/namespace/nsproxy.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/net/message.h"
#include "kernel/process/pid_table.h"
#include "kernel/sched/fair.h"
#include "kernel/token/logon_session.h"
#include "kernel/token/thread_token.h"
#include "kernel/token/token_handle.h"

extern PER_CPU(struct cpu, cpu);

const struct audit_roots audit_roots = {
    .cpus = (uint64_t)&per_cpu_cpu,
    .per_cpu_bytes = PER_CPU_BYTES,
    .pid_chunks = (uint64_t)pid_chunks,
    .pid_chunk_count = PID_CHUNKS,
    .slice_ns = FAIR_SLICE_NS,
    .rights = (uint64_t)&rights_list,
    .pipe_operations = (uint64_t)&pipe_operations,
    .socket_operations = (uint64_t)&socket_operations,
    .text_end = (uint64_t)text_end,
    .rodata_end = (uint64_t)rodata_end,
    .soft_syscall_page = SOFT_SYSCALL_PAGE,
    .kernel_stacks = KERNEL_STACKS,
    .kernel_stack_bytes = KERNEL_STACK_BYTES,
    .namespaces = (uint64_t)&namespace_list,
    .nsfs_operations = (uint64_t)&proc_namespace_operations,
    .pid_globals = (uint64_t)pid_global_chunks,
    .shm_operations = (uint64_t)&shm_attachment_operations,
    .mqueue_operations = (uint64_t)&mqueue_operations,
    .mqueues = (uint64_t)&mqueues_all,
    .initial_root_mount = (uint64_t)&initial_root.mount,
    .initial_nsproxy = (uint64_t)&initial_nsproxy,
    .logon_sessions = (uint64_t)&logon_sessions,
    .token_system = (uint64_t)&token_system,
    .token_anonymous = (uint64_t)&token_anonymous,
    .token_operations = (uint64_t)&token_operations,
};
