/*
 * vmm/audit/audit.h - the inside of struct vt_audit: what invariants are, and the picture of a
 * stopped world that they judge.
 *
 * Nothing here believes a counter of the kernel: what can be found by walking is found by walking,
 * and the counter is one of the things that are judged. Guest memory is hostile all the same: every
 * address is translated and bounded before it is followed, every loop has a limit.
 *
 * One thread at a time may check, another may feed records; `lock` guards what both write: the
 * violations and the per-invariant numbers.
 */
#ifndef VITRINE_AUDIT_AUDIT_H
#define VITRINE_AUDIT_AUDIT_H

#include "vmm/audit/layout.h"
#include "vmm/inspect/walk.h"

/* ---- the picture ---- */

struct audit_task {
    uint64_t address; /* first, as in the next two: they are sorted by it */
    uint64_t id;
    const uint8_t *raw; /* in guest memory */
    uint64_t process, space, files, stack_top, kernel_rsp;
    uint32_t references, cpu;
    int32_t tid, tgid;
    enum task_state state;
    uint8_t wait_kind, sleep_intent, held;
    bool idle, kernel_thread;
    bool published;    /* others can find it: its version is even */
    bool inside;       /* preempted in the middle of work in the kernel */
    bool in_pid_table; /* found there under its tid */
    bool futex_queued; /* found in a futex bucket */
    uint32_t queues;   /* run queues it was found on */
    uint32_t timers;   /* timer trees its sleep timer was found in */
    uint32_t families; /* lists of threads it was found on */
};

struct audit_process {
    uint64_t address, id, parent, leader;
    const uint8_t *raw;
    uint32_t references, task_count;
    int32_t pid;
    bool zombie;
    bool in_pid_table;
    uint32_t tasks;    /* task slots that point here */
    uint32_t children; /* lists of children it was found on */
};

struct audit_vma {
    uint64_t start, end, file;
    uint32_t flags, max_protection;
};

struct audit_space {
    uint64_t address, id, root;
    const uint8_t *raw;
    uint32_t references;
    bool locked;    /* its mutex is held: tables and mappings may disagree */
    uint32_t tasks; /* tasks that use it */
    struct audit_vma *vmas;
    size_t vma_count;
    bool vmas_whole;                        /* false: the tree could not be walked to its end */
    uint64_t tables, anonymous, file_pages; /* found by the walk of its page tables */
};

struct audit_cpu {
    struct glass_cpu glass;
    const uint8_t *raw;   /* struct cpu */
    const uint8_t *queue; /* struct run_queue */
    uint64_t queue_address;
    bool online;
    bool queue_locked;
    bool at_rest; /* it was in user mode or idle when it was stopped: nothing is half done on it */
    bool parked;  /* its registers in `glass` are those of this stop, or of this end */
};

/* A leaf of a page table in use. Bits as the processor reads them, rights of all levels combined.
 */
struct audit_leaf {
    const struct audit_space *space; /* NULL: the kernel's own half */
    const struct audit_vma *vma;     /* NULL: none covers it */
    uint64_t address, phys, bytes, entry;
    bool present, writable, executable, user;
};

/* Bits that the kernel keeps in leaves (guest/arch/x86_64/include/arch/page_table.h). */
#define LEAF_WRITABLE  (1ull << 1) /* the processor's: what this leaf alone says */
#define LEAF_SOFT_COW  (1ull << 9)
#define LEAF_HELD      (1ull << 10)
#define LEAF_ANONYMOUS (1ull << 11)

enum audit_vma_flags {
    AUDIT_VMA_READ = 1u << 0,
    AUDIT_VMA_WRITE = 1u << 1,
    AUDIT_VMA_EXECUTE = 1u << 2,
    AUDIT_VMA_SHARED = 1u << 3,
    AUDIT_VMA_PROTECTION = 7u,
};

enum audit_frame_kind {
    AUDIT_FRAME_FREE = 0,
    AUDIT_FRAME_KERNEL = 1,
    AUDIT_FRAME_PAGE_TABLE = 2,
    AUDIT_FRAME_ANONYMOUS = 3,
    AUDIT_FRAME_FILE = 4,
    AUDIT_FRAME_IMAGE = 5,
    AUDIT_FRAME_RESERVED = 6,
};

/* What was found of each frame, and what the kernel says of it. */
struct audit_frame {
    uint32_t references; /* the kernel's count, 0 if it never touched the entry */
    uint32_t found;      /* leaves that show it, one per table, however many spaces share that */
    uint32_t writer;     /* index + 1 of a space with a writable leaf of it */
    uint16_t tables;     /* times it was reached as a page table */
    uint8_t kind;        /* by the rules of frame.h, fixed ranges included */
    uint8_t fixed;       /* it lies in a fixed range */
    bool writer_shared;  /* ... and that leaf's mapping is shared */
    bool table_writable; /* page tables: an entry that leads to it gives the right to write */
    bool table_inner;    /* page tables: it was reached as one above the leaf tables */
    bool head;           /* it heads a block or is one frame; false inside a larger block */
    uint32_t table_used; /* page tables: entries in use, as the kernel counts them */
};

struct audit_world {
    struct vt_guest *guest;
    const struct audit_layout *layout;
    const uint8_t *roots;
    uint64_t now_tsc;          /* when it stopped */
    bool stopped;              /* it stands in a stop point; else it has ended, or is held */
    struct trace_record event; /* that stopped it; type 0 = a request */
    unsigned stopper;          /* its CPU */

    /* Is what is judged at rest? Each is false when something is half done. */
    bool memory_settled; /* no reference to a frame is in flight */
    bool family_settled; /* the tree, the PID table, the threads of processes */
    bool wakes_settled;  /* no wake-up is under way */

    unsigned cpu_count;
    struct audit_cpu cpus[BOOT_CPUS_MAX];
    struct audit_task *tasks; /* by address */
    size_t task_count;
    struct audit_process *processes; /* by address */
    size_t process_count;
    struct audit_space *spaces;
    size_t space_count;
    struct audit_frame *frames;
    uint64_t frame_count;
    uint64_t free_frames; /* counted */
};

/* Guest memory at a kernel address: the two windows, and what the kernel has mapped elsewhere (its
 * stacks); NULL when there is none, or the bytes cross a page there. */
const uint8_t *audit_at(const struct audit_world *world, uint64_t address, uint64_t bytes);
struct audit_task *audit_task_at(const struct audit_world *world, uint64_t address);
struct audit_process *audit_process_at(const struct audit_world *world, uint64_t address);
struct audit_space *audit_space_at(const struct audit_world *world, uint64_t address);
/* The task at whose event of this type the world stopped; NULL if it stopped at anything else. */
const struct audit_task *audit_event_task(const struct audit_world *world, uint16_t type);
/* The user's registers on top of a task's kernel stack; NULL without a stack. */
const uint8_t *audit_user_frame(const struct audit_world *world, const struct audit_task *task);
/* The task entered the kernel by an interrupt or exception of user mode, not by a system call. */
bool audit_left_user_mode(const struct audit_world *world, const struct audit_task *task);
static inline uint64_t audit_root(const struct audit_world *world, struct audit_field field)
{
    return audit_get(world->roots, field);
}
#define AUDIT_GET(world, object, name) audit_get(object, (world)->layout->name)
#define AUDIT_ROOT(world, name)        audit_get((world)->roots, (world)->layout->name)

/* What a walk (vmm/inspect/walk.h) says: did it come to its end? What it found wrong is for the
 * invariant to report, in its own words. */
static inline bool audit_walked(struct vt_error *error)
{
    vt_error_destroy(error);
    return !error;
}

/* ---- invariants ---- */

enum audit_needs {
    AUDIT_NEEDS_MEMORY = 1u << 0, /* only in a world whose memory is at rest */
    AUDIT_NEEDS_FAMILY = 1u << 1,
    AUDIT_NEEDS_WAKES = 1u << 2,
};

struct vt_audit;

/* A promise. Any function may be NULL. State functions see a stopped world; record() sees every
 * record in time order. */
struct audit_invariant {
    const char *name;   /* a word */
    const char *proves; /* a sentence for a person */
    unsigned needs;     /* enum audit_needs */
    void (*leaf)(struct vt_audit *audit, const struct audit_world *world,
                 const struct audit_leaf *leaf);
    void (*check)(struct vt_audit *audit, const struct audit_world *world);
    void (*record)(struct vt_audit *audit, const struct trace_record *record);
    void *(*state_create)(void); /* for record() */
    void (*state_destroy)(void *state);
};

/* What was found wrong, in the words of a person; the numbers may be 0. */
struct audit_finding {
    int32_t tid, pid;
    uint64_t object, address, phys;
};
void audit_report(struct vt_audit *audit, struct audit_finding finding, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The state that state_create() made for the invariant whose record() runs. */
void *audit_state(struct vt_audit *audit);
/* The world stood still for so many cycles in all, which running tasks were charged for. */
uint64_t audit_stopped_tsc(const struct vt_audit *audit);
/* ... and ran on past the ends of their slices for so many, because the host did not run the CPU
 * that should have noticed: as the stream saw it. */
uint64_t audit_overrun_tsc(const struct vt_audit *audit);
void audit_add_overrun(struct vt_audit *audit, uint64_t cycles);
uint64_t audit_tsc_khz(const struct vt_audit *audit);

/* Tasks as the stream knows them: tids are small. */
#define AUDIT_TIDS 32768

#define INVARIANT(name) extern const struct audit_invariant invariant_##name;
#include "vmm/audit/invariants.def"
#undef INVARIANT

/* ---- world.c, world_frames.c, walk.c ---- */

struct vt_error *audit_world_init(struct audit_world *world, struct vt_guest *guest,
                                  const struct audit_layout *layout);
void audit_world_deinit(struct audit_world *world);
struct vt_error *audit_read_frames(struct audit_world *world);
/* Page tables of every space and of the kernel, each leaf to `leaf`; fills in what the frames have
 * of their finding. */
struct vt_error *audit_walk(struct audit_world *world,
                            void (*leaf)(void *context, const struct audit_leaf *leaf),
                            void *context);

#endif
