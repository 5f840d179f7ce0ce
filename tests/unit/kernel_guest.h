/*
 * tests/unit/kernel_guest.h - a guest that never ran, made of the kernel's own structures and
 * described by the kernel's own tables (observe/describe.c, compiled for the host).
 *
 * Its memory is one mapping, and its direct map begins at that mapping's own address: so a pointer
 * of the test is a kernel address of the guest, and the kernel's lists and trees are built with the
 * kernel's own functions. Objects are bump-allocated and never freed.
 */
#ifndef TESTS_INSPECT_KERNEL_GUEST_H
#define TESTS_INSPECT_KERNEL_GUEST_H

#include "kernel/fs/file_lock_state.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/fs_context.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/pipe_state.h"
#include "kernel/ipc/futex/futex_queue.h"
#include "kernel/mm/address_space.h"
#include "kernel/mm/fixed_range.h"
#include "kernel/observe/audit_roots.h"
#include "kernel/process/process.h"
#include "kernel/sched/run_queue.h"
#include "kernel/time/timer_queue.h"
#include "vmm/inspect/guest.h"

#define KERNEL_GUEST_BYTES (4ul << 20)
#define KERNEL_GUEST_CPUS  2u
/* From CPU to CPU, of struct cpu and of struct timer_queue. */
#define KERNEL_GUEST_CPU_BYTES 256u

struct socket; /* its header and the host's own do not go together */
struct kernel_guest {
    struct guest_memory memory;
    struct vt_guest guest;
    struct glass *glass;
    struct glass_cpu *cpus;
    struct glass_slots *tasks, *processes, *spaces, *tokens;
    struct frame *frames;
    struct fixed_range *ranges;
    struct run_queue *run_queues;
    struct timer_queue *timer_queues; /* KERNEL_GUEST_CPU_BYTES apart */
    struct futex_bucket *futex_buckets;
    struct file_lock_bucket *file_lock_buckets;
    struct spinlock *family_lock;
    struct audit_roots *audit_roots;
    struct file_operations *pipe_operations, *plain_operations, *eventfd_operations,
        *socket_operations;
    struct filesystem *filesystem;
    struct dentry *root;
    uint64_t next; /* physical */
};

void kernel_guest_init(struct kernel_guest *kg);
void kernel_guest_deinit(struct kernel_guest *kg);
/* A new struct vt_guest on the same memory. */
void kernel_guest_reopen(struct kernel_guest *kg);

void *kernel_guest_allocate(struct kernel_guest *kg, uint64_t bytes); /* zeroed, 64-aligned */
void *kernel_guest_page(struct kernel_guest *kg);
const char *kernel_guest_string(struct kernel_guest *kg, const char *text);
void *kernel_guest_object(struct kernel_guest *kg, struct glass_slots *slots);
struct inode *kernel_guest_inode(struct kernel_guest *kg, uint32_t mode);
uint64_t kernel_guest_phys(const struct kernel_guest *kg, const void *pointer);

struct process *kernel_guest_process(struct kernel_guest *kg, int32_t pid, struct process *parent);
struct address_space *kernel_guest_space(struct kernel_guest *kg);
/* In state ready, with its own fs context; the others may be NULL. */
struct task *kernel_guest_task(struct kernel_guest *kg, struct process *process, int32_t tid,
                               const char *comm, struct address_space *space,
                               struct file_table *files);
/* A token of user S-1-5-18 in group S-1-5-32-544, the process's. */
struct token_object *kernel_guest_token(struct kernel_guest *kg, struct process *process);
void kernel_guest_block(struct task *task, enum wait_kind kind, const void *object);

struct dentry *kernel_guest_dentry(struct kernel_guest *kg, struct dentry *parent, const char *name,
                                   uint32_t mode);
struct file *kernel_guest_file(struct kernel_guest *kg, struct dentry *dentry, uint32_t flags);
struct file_table *kernel_guest_files(struct kernel_guest *kg);
void kernel_guest_open(struct file_table *table, int fd, struct file *file);
/* Both ends of a new pipe. */
struct pipe *kernel_guest_pipe(struct kernel_guest *kg, struct file **ret_read,
                               struct file **ret_write);
/* A socket that nothing is known of yet, and its file. */
struct socket *kernel_guest_socket(struct kernel_guest *kg, uint32_t type, struct file **ret_file);
/* `bytes` of a name: a path, or 0 and more. */
void kernel_guest_bind(struct kernel_guest *kg, struct socket *socket, const char *name,
                       uint32_t bytes);
/* The task waits in a queue of the socket. */
void kernel_guest_wait_at(struct kernel_guest *kg, struct task *task, struct socket *socket,
                          struct wait_queue *queue);
struct vma *kernel_guest_vma(struct kernel_guest *kg, struct address_space *space, uint64_t start,
                             uint64_t end, uint32_t flags, struct file *file);
/* A page of user memory; its bytes. */
uint8_t *kernel_guest_user_page(struct kernel_guest *kg, struct address_space *space,
                                uint64_t address);
/* A page behind the tables at a physical address: that of a kernel stack, for example. */
uint8_t *kernel_guest_map_page(struct kernel_guest *kg, uint64_t root, uint64_t address);
void kernel_guest_futex_wait(struct kernel_guest *kg, struct task *task, uint64_t address);
void kernel_guest_flock(struct kernel_guest *kg, struct file *owner);
void kernel_guest_sleep(struct kernel_guest *kg, struct task *task, unsigned cpu,
                        uint64_t deadline_ns);

/* Some of everything: for tests that break it. */
void kernel_guest_populate(struct kernel_guest *kg);
/* ... and what an audit and a reader of events want: CPUs, PIDs, kernel stacks, rings of records.
 * After the former. */
void kernel_guest_populate_cpus(struct kernel_guest *kg);

#endif
