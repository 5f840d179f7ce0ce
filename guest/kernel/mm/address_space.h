/*
 * kernel/mm/address_space.h - what a process believes is its memory: an ordered set of mappings
 * (VMAs) and the page tables that show the part of it that was touched.
 *
 * Lifetime: counted by object.references (tasks that use it, and temporary holders); the last put
 * tears down mappings and tables. Lock: `lock` (RANK_ADDRESS_SPACE) guards the VMA tree and all
 * user page tables, for faults too. Page-table entries are changed only under it.
 */
#ifndef KERNEL_MM_ADDRESS_SPACE_H
#define KERNEL_MM_ADDRESS_SPACE_H

#include "kernel/lib/rbtree.h"
#include "kernel/mm/slot_table.h"
#include "kernel/sync/mutex.h"
#include "shared/objects.h"

struct file;
struct task;

/*
 * One mapping. An ELF segment whose memory is larger than its part of the file is ONE vma with
 * file_bytes set: pages wholly within file_bytes come from the file, pages wholly beyond it are
 * anonymous, and the page in which it ends is made at its first touch as a private page: the file's
 * bytes, then zeros. So exec neither copies nor clears a bss tail, and maps no separate bss (unless
 * it is in no page of the segment). The structs come from a cache of their own and are never reused
 * for another type.
 */
struct vma {
    struct rb_node node;
    uint64_t start, end;     /* page aligned, [start, end) */
    uint32_t flags;          /* enum vma_flags */
    uint32_t max_protection; /* VMA_READ|WRITE|EXECUTE that mprotect may give */
    struct file *file;       /* NULL = anonymous; one reference held */
    uint64_t file_offset;    /* of `start`, page aligned */
    uint64_t file_bytes; /* bytes from `start` that come from the file; the rest of an ELF segment's
                            pages reads as zero (UINT64_MAX = all) */
    uint64_t gap;        /* bytes below `start` where another mapping may be placed (vma.c) */
    uint64_t subtree_gap; /* the largest gap in the subtree (augmentation) */
};

struct address_space {
    struct glass_object object;
    struct mutex lock;
    phys_t root;         /* CR3 */
    struct rb_tree vmas; /* by start */
    struct vma *last_found;
    uint64_t cpu_mask; /* CPUs that may hold translations; atomic; arch code writes it */
    /* layout, set by exec */
    uint64_t mmap_top; /* mappings without an address are placed below it, downwards */
    uint64_t brk_start, brk_end;
    uint64_t stack_top, stack_limit_bytes; /* of exec: what is free below the stack */
    uint64_t code_start, code_end, data_start, data_end;
    uint64_t argument_start, argument_end, environment_start, environment_end;
    uint64_t auxv[48]; /* as given to the program; for /proc/PID/auxv */
    /* counters (the auditor compares them with what it counts) */
    uint64_t mapped_pages;    /* sum of the VMAs' sizes */
    uint64_t data_pages;      /* of them private, writable and no stack: what RLIMIT_DATA limits */
    uint64_t anonymous_pages; /* leaves (PRESENT or PTE_HELD) with FRAME_ANONYMOUS */
    uint64_t file_pages;      /* leaves with FRAME_FILE or FRAME_IMAGE */
    uint64_t table_pages;     /* page-table frames, the root and shared ones included */
    uint64_t shared_tables;   /* of them leaf tables that other spaces may show, too */
    uint64_t max_resident;    /* highest anonymous + file seen */
    uint64_t locked_pages;    /* sum of the VMAs with VMA_LOCKED */
    uint32_t vma_count;
    uint32_t barriers;       /* membarrier(2): registered commands; atomic */
    bool complete;           /* it may be locked and searched by others (file_mappings.c) */
    bool counted;            /* there are, or were, mappings with VMA_COUNTED */
    bool lock_future;        /* mlockall(MCL_FUTURE): new mappings get VMA_LOCKED */
    struct file *executable; /* for /proc/PID/exe; one reference, which exec hands over */
    struct address_space *release_next; /* of whoever releases it later */
};

extern struct slot_table address_space_slots;

/* An empty one, one reference; NULL when out of memory. */
struct address_space *address_space_create(void);
/*
 * fork: the same mappings; private writable pages become shared copy-on-write. The source is the
 * current task's. 0 or -ENOMEM (then nothing is left behind).
 */
int address_space_duplicate(struct address_space *source, struct address_space **ret);
void address_space_get(struct address_space *space);
/* By how much the sum of all spaces' table_pages is more than there are page tables: fork makes
 * them share some. */
uint64_t page_tables_shared(void);
void address_space_put(struct address_space *space);
/*
 * Registered by the process floor: somebody releases a space of which the last reference went, and that
 * has much to be given back, later. False: release it now. NULL: always now.
 */
extern bool (*address_space_release_later)(struct address_space *space);
/* Gives everything back. Nobody has the space any more, and no CPU uses it. May sleep; no lock held. */
void address_space_release(struct address_space *space);

/* What a user-mode or user_access fault wants. */
enum fault_access { FAULT_READ = 0, FAULT_WRITE = 1, FAULT_EXECUTE = 2 };

struct fault_signal {
    int signal; /* SIGSEGV or SIGBUS */
    int code;   /* SEGV_MAPERR, SEGV_ACCERR, BUS_ADRERR */
};

/*
 * Makes `address` of the current address space accessible, or says which signal the access
 * deserves. 0 = try again; -EFAULT = *ret is set; -ENOMEM = out of memory. Emits TRACE_FAULT. May
 * sleep.
 */
int address_space_fault(struct address_space *space, uint64_t address, enum fault_access access,
                        uint64_t rip, struct fault_signal *ret);

/* ---- mapping. All take the lock themselves; lengths are rounded up to pages. ---- */

struct map_request {
    uint64_t address; /* hint, or exact with `fixed` */
    uint64_t bytes;
    uint32_t flags;       /* enum vma_flags */
    bool fixed;           /* replaces what is there */
    bool fixed_noreplace; /* -EEXIST if something is there */
    bool populate;
    struct file *file; /* borrowed; a reference is taken */
    uint64_t file_offset;
    uint64_t file_bytes; /* see struct vma */
};

/* The chosen address, or -errno. */
int64_t address_space_map(struct address_space *space, const struct map_request *request);
int address_space_unmap(struct address_space *space, uint64_t address, uint64_t bytes);
/*
 * shmdt: takes out the mappings with VMA_COUNTED that show a file from its start at `address`. 0, or
 * -EINVAL if there is none.
 */
int address_space_detach(struct address_space *space, uint64_t address);
int address_space_protect(struct address_space *space, uint64_t address, uint64_t bytes,
                          uint32_t flags);

/*
 * Calls visit for each VMA in order, under the lock; nonzero ends the walk and is returned. For
 * /proc/PID/maps.
 */
int address_space_for_each(struct address_space *space,
                           int (*visit)(void *context, const struct vma *vma), void *context);

/*
 * Reads or writes another task's memory (process_vm_*, /proc/PID/cmdline, ptrace). Bytes copied, or
 * -EFAULT if none. Takes the lock.
 */
ssize_t address_space_access(struct address_space *space, uint64_t address, void *buffer,
                             size_t bytes, bool write);
/* The same for a tracer: private mappings also where they forbid it (ptrace, /proc/PID/mem). */
ssize_t address_space_access_forced(struct address_space *space, uint64_t address, void *buffer,
                                    size_t bytes, bool write);

#endif
