/*
 * kernel/observe/audit_roots.h - where the things lie that no other published object leads to, for
 * a host that proves the kernel's promises (vmm/audit). Constants of the link: nothing of the
 * kernel reads them.
 */
#ifndef KERNEL_OBSERVE_AUDIT_ROOTS_H
#define KERNEL_OBSERVE_AUDIT_ROOTS_H

#include <stdint.h>

struct audit_roots {
    uint64_t cpus; /* struct cpu, one per CPU, per_cpu_bytes apart */
    uint64_t per_cpu_bytes;
    uint64_t pid_chunks;         /* struct pid_entry *[pid_chunk_count] */
    uint32_t pid_chunk_count;    /* ... of PAGE_SIZE each */
    uint32_t slice_ns;           /* how long one request of the fair class is */
    uint64_t rights;             /* list head: descriptors in messages */
    uint64_t pipe_operations;    /* struct file.operations of pipes and FIFOs */
    uint64_t socket_operations;  /* ... and of sockets */
    uint64_t text_end;           /* the image: code up to here ... */
    uint64_t rodata_end;         /* ... constants up to here, then data */
    uint64_t soft_syscall_page;  /* the one kernel address that users may read */
    uint64_t kernel_stacks;      /* where kernel stacks are mapped ... */
    uint64_t kernel_stack_bytes; /* ... and how large each is */
    uint64_t namespaces;         /* list head: struct namespace of all kinds */
    uint64_t nsfs_operations;    /* struct inode.operations of the files of /proc/PID/ns */
    uint64_t pid_globals;        /* struct pid_numbers **[], a page of places per chunk */
    uint64_t shm_operations;     /* struct file.operations of attached segments */
    uint64_t mqueue_operations;  /* ... and of POSIX message queues */
    uint64_t mqueues;            /* list head: struct mqueue, every one */
    uint64_t initial_root_mount; /* struct mount *: held once for where the first process starts */
    uint64_t initial_nsproxy;    /* of the kernel itself, which holds it once */
    uint64_t logon_sessions;     /* list head: struct logon_session, every one */
    uint64_t token_system;       /* struct token_object **: held once by the kernel itself ... */
    uint64_t token_anonymous;    /* ... and so is this */
    uint64_t token_operations;   /* struct file.operations of handles of tokens */
};

extern const struct audit_roots audit_roots;

#endif
