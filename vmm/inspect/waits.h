/*
 * vmm/inspect/waits.h - one picture of everything that decides who can wake whom; gathered by
 * waits_gather.c, led back to wakers by waits_wakers.c and waits_sockets.c, judged by waits.c.
 *
 * Wakers are told by groups: all tasks that share a table of descriptors, an address space or a
 * process, or a single task. So a pipe's end that a thousand threads hold is one group.
 */
#ifndef VITRINE_INSPECT_WAITS_H
#define VITRINE_INSPECT_WAITS_H

#include "vmm/inspect/files.h"
#include "vmm/inspect/objects.h"
#include "vmm/inspect/sockets.h"

enum group_kind { GROUP_TASK = 0, GROUP_TABLE, GROUP_SPACE, GROUP_PROCESS, GROUP_KINDS };

struct wait_task {
    uint64_t address, id;
    int32_t tid, pid;
    char comm[16];
    uint8_t state;
    enum wait_kind kind;
    uint64_t wait_object;
    uint64_t member_of[GROUP_KINDS]; /* addresses; GROUP_TASK: its own */
    uint64_t switches;
    uint64_t deadline_ns; /* of its sleep timer; 0 = not running */
    uint64_t clear_child_tid;
    bool blocked;
    bool alive;                       /* can go on, or can be made to by somebody who can */
    bool open;                        /* its wait can end by other things than its wakers */
    const char *who;                  /* role of the wakers; static text */
    size_t first_group, group_count;  /* in waits.groups */
    char what[192];                   /* raw bytes */
    uint64_t named_file;              /* whose name `what` is, 0 = none */
    uint64_t futex_space, futex_word; /* the kernel's key */
    uint32_t futex_value;
};

struct wait_process {
    uint64_t address, parent;
    int32_t pid;
    bool alarm; /* SIGALRM will come: ends most waits */
};

struct wait_file {
    uint64_t table, file, object, inode;
    enum vt_file_kind kind;
    bool readable, writable;
};

struct wait_futex {
    uint64_t task, space, word;
};

struct wait_lock {
    uint64_t inode, owner;
    uint8_t space; /* enum file_lock_space */
};

struct wait_space {
    uint64_t address, id, root;
};

struct wait_group {
    enum group_kind kind;
    uint64_t key;
    bool quiet; /* it could end the wait in an unusual way: not named among the wakers */
};

struct waits {
    struct vt_guest *guest;
    struct guest_files files;
    struct guest_sockets sockets; /* its types are NULL if this kernel does not publish them */
    struct guest_list tasks, processes, open_files, futexes, locks, spaces; /* of the above */
    struct guest_list groups; /* of struct wait_group; every task's in a row */
};

#define WAITS_OF(list, type) ((struct type *)(list).items)

/* Empties all lists and fills all but `groups`. */
struct vt_error *waits_gather(struct waits *waits);
/* Fills in who can wake each blocked task. */
struct vt_error *waits_find_wakers(struct waits *waits);
void waits_deinit(struct waits *waits);

/* The address space at a kernel address, or NULL. */
const struct wait_space *waits_space(const struct waits *waits, uint64_t address);

#endif
