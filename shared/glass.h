/*
 * shared/glass.h - what the kernel shows, and the little that it listens to.
 *
 * struct glass lies in the kernel's data at the physical address that the ELF note gives
 * (shared/boot.h). Everything else is reached from it. All addresses in it are the kernel's virtual
 * addresses; a host translates them with the two linear windows that the glass describes (kernel
 * image, direct map) and nothing else: no page-table walk is needed to find an object.
 *
 * Rules for a reader: copy, then validate; never follow an address without translating it through
 * the windows; an index or count beyond its published limit means "corrupt", not "try".
 *
 * The host writes only into struct glass_control and into the channels' host-side fields.
 */
#ifndef VITRINE_SHARED_GLASS_H
#define VITRINE_SHARED_GLASS_H

#include <stdint.h>

/* By their names alone: these headers are also installed, in a folder of another name. */
#include "boot.h"
#include "trace.h"

#define GLASS_MAGIC        "VITRINE"
#define GLASS_VERSION      2
#define GLASS_NAME_MAX     32
#define GLASS_PANIC_FRAMES 24

enum glass_state {
    GLASS_BOOTING = 0,
    GLASS_RUNNING = 1,
    GLASS_DONE = 2,
    GLASS_PANICKED = 3,
};

/* ---- description of the kernel's structures ---- */

enum glass_kind {
    GLASS_UNSIGNED = 1, /* size says 1, 2, 4 or 8 bytes */
    GLASS_SIGNED = 2,
    GLASS_ADDRESS = 3, /* kernel virtual address of an object of type `target`, or 0 */
    GLASS_STRING = 4,  /* char array, NUL-terminated unless full */
    GLASS_STRUCT = 5,  /* embedded struct of type `target` */
    GLASS_BYTES = 6,
};

struct glass_field {
    char name[GLASS_NAME_MAX];
    char target[GLASS_NAME_MAX]; /* type name for ADDRESS and STRUCT, else "" */
    uint32_t offset;             /* bytes from the start of the struct */
    uint32_t size;               /* bytes */
    uint32_t kind;               /* enum glass_kind */
    uint32_t reserved;
};

struct glass_type {
    char name[GLASS_NAME_MAX];
    uint32_t size;
    uint32_t first_field; /* index into the field table */
    uint32_t field_count;
    uint32_t reserved;
};

/*
 * Where objects are found that no slot table holds: `count` objects of type `target`, `stride`
 * bytes apart, from `address` on. Fixed at build time. An array's unused elements are all zero.
 */
struct glass_root {
    char name[GLASS_NAME_MAX];
    char target[GLASS_NAME_MAX]; /* type name */
    uint64_t address;
    uint32_t count;
    uint32_t stride;
};

/*
 * Observable objects live in slot tables: chunks of equal slots that, once made, never hold
 * anything but that type. So a stale address always points at an object of the right type, and its
 * header tells whether it is still the same one.
 */
#define SLOT_CHUNKS_MAX 2048

struct glass_object {
    uint32_t version; /* odd while a compound change is under way; even values differ per change */
    uint32_t references; /* holders */
    uint64_t id;         /* unique for the life of the machine; 0 = the slot is free */
};

struct glass_slots {
    char type[GLASS_NAME_MAX];
    uint32_t stride; /* bytes from slot to slot */
    uint32_t slots_per_chunk;
    uint32_t high_water;              /* slots 0..high_water-1 may be in use */
    uint32_t live;                    /* in use now */
    uint64_t chunks[SLOT_CHUNKS_MAX]; /* kernel virtual addresses (direct map) */
};

/*
 * A hold from outside takes effect where the task holds no lock of the kernel: on its way to user
 * mode. A system call under way is finished first, so nobody can wait for what a held task owns.
 */
enum task_held {
    HELD_NO = 0,
    HELD_WANTED = 1, /* it parks at the edge of user mode */
    HELD_PARKED = 2, /* ready, but in no queue: not picked until released, or killed */
};

/* ---- per CPU ---- */

enum glass_park {
    PARK_RUNNING = 0,
    PARK_STOPPED = 1, /* it is the CPU whose event stopped the world */
    PARK_PARKED = 2,
    PARK_ENDED = 3, /* the machine ends, and nothing is half done here: in user mode or idle */
};

/* One cache line and more per CPU, written by that CPU only. */
struct glass_cpu {
    uint32_t index;
    uint32_t online;
    uint64_t running;    /* address of the running struct task */
    uint64_t run_queue;  /* address of struct run_queue */
    uint64_t trace_ring; /* address of struct trace_record[trace_records] */
    uint32_t trace_records;
    uint32_t park;         /* enum glass_park */
    uint64_t trace_head;   /* records written so far; stored after the record (release) */
    uint64_t trace_lost;   /* records that a reader was known to have missed (lossless off) */
    uint64_t parked_epoch; /* the stop epoch for which it parked */
    uint64_t switches;
    uint64_t interrupts;
    uint64_t system_calls;
    uint64_t faults;
    uint64_t idle_tsc; /* cycles spent in the idle task up to the last switch away from it */
    uint64_t boot_tsc; /* TSC when it came up */
    uint64_t lock_contentions;
    uint64_t lock_spins;
    uint64_t shootdowns;
    uint64_t first_user_tsc; /* TSC just before the first return to user mode, 0 = never */
    uint64_t fpu_area;       /* IN  guest-physical address for HYPERCALL_FPU_*, a multiple of 64 */
    uint64_t fpu_result;     /* OUT of HYPERCALL_FPU_*: 0 = done */
    uint64_t parked_cr3;     /* the register itself, read when the CPU stopped or parked last */
    uint64_t parked_rsp;
    uint64_t reserved[2];
};

/* ---- standard streams ---- */

#define CHANNEL_BYTES 65536u /* a power of two */

/*
 * A byte ring with one producer and one consumer, one of them on each side of the glass.
 *
 * Who sleeps says so and looks again: a consumer sets consumer_waits, then reads head once more; a
 * producer sets producer_waits, then reads tail once more - with a full fence between the two
 * steps. The other side moves its index (or sets closed, consumer_gone), then, after a full fence,
 * looks at that word: if it is set, the guest rings HYPERCALL_OUTPUT (bytes) or HYPERCALL_INPUT
 * (half of the ring is free), the host kicks. The guest does not ring again for bytes while the
 * tail stands still: a consumer that was rung takes bytes before it sleeps. Each side clears its
 * own word when it is awake. An index further away than CHANNEL_BYTES is not believed.
 */
struct glass_channel {
    /* written by the producer */
    uint64_t head;           /* bytes ever written */
    uint32_t closed;         /* no more bytes will come: after the last one the reader sees EOF */
    uint32_t producer_waits; /* the producer wants a doorbell or kick when there is room */
    uint64_t pad0[6];
    /* written by the consumer */
    uint64_t tail;           /* bytes ever taken */
    uint32_t consumer_gone;  /* nobody will read: writers get EPIPE */
    uint32_t consumer_waits; /* the consumer wants a doorbell or kick when bytes come */
    uint64_t pad1[6];
    uint8_t data[CHANNEL_BYTES];
};

enum glass_channel_index {
    CHANNEL_STDIN = 0,  /* host to guest */
    CHANNEL_STDOUT = 1, /* guest to host */
    CHANNEL_STDERR = 2,
    CHANNEL_COUNT = 3,
};

/* ---- stop points ---- */

/* A filter: an event of type t stops the world if bit t of types is set and every set condition
 * holds. */
struct glass_filter {
    uint64_t types;    /* bit mask over enum trace_type; 0 = filter unused */
    int32_t tid;       /* 0 = any; else record.tid */
    int32_t tgid;      /* 0 = any */
    uint32_t arg_mask; /* bit i: (record.arg[i] & arg_and[i]) must equal arg_value[i] */
    uint32_t skip;     /* so many matches are let through first (counted down by the guest) */
    uint64_t arg_and[4];
    uint64_t arg_value[4];
};

#define GLASS_FILTERS 8

/* ---- mailbox ---- */

enum mailbox_command {
    MAILBOX_NONE = 0,
    MAILBOX_PING = 1,   /* result = argument[0] */
    MAILBOX_SIGNAL = 2, /* argument: pid, signal (as by kill() of the kernel itself) */
    MAILBOX_HOLD = 3,   /* argument: tid; kept from running in user mode until released or killed */
    MAILBOX_RELEASE = 4,       /* argument: tid */
    MAILBOX_WINDOW = 5,        /* argument: rows, columns; SIGWINCH follows */
    MAILBOX_SET_NICE = 6,      /* argument: tid, nice */
    MAILBOX_SET_AFFINITY = 7,  /* argument: tid, CPU mask */
    MAILBOX_SHUTDOWN = 8,      /* end the machine: every process is killed */
    MAILBOX_SIGNAL_THREAD = 9, /* argument: tid, signal */
    MAILBOX_FREEZE = 10, /* argument: pid, 0 = every process; holds each thread; result: how many */
    MAILBOX_THAW = 11,   /* the reverse */
    MAILBOX_SET_POLICY = 12, /* argument: tid, policy (SCHED_* of Linux), nice */
    MAILBOX_SPAWN = 13,    /* argument: bytes of mailbox_data, strings of argv, strings of envp; the
                              data:    working directory, path, argv, envp, each ended by NUL; result:
                              the    pid    once the program is loaded, or why it could not be */
    MAILBOX_FAIL = 14,     /* argument: kinds (enum glass_allocation), tid (0 = any), skip, count */
    MAILBOX_FAIL_END = 15, /* result: allocations seen, and in bits 32.. how many of them failed */
};

/* What MAILBOX_FAIL can make fail: allocations in system calls of programs. */
enum glass_allocation {
    GLASS_FAIL_FRAMES = 1u << 0,      /* pages and blocks of them */
    GLASS_FAIL_KMALLOC = 1u << 1,     /* kernel memory of any size */
    GLASS_FAIL_OBJECTS = 1u << 2,     /* tasks, processes, files, mappings ... */
    GLASS_FAIL_DESCRIPTORS = 1u << 3, /* numbers of open files */
    GLASS_FAIL_ALL = 15u,
};

#define GLASS_MAILBOX_DATA 8192u

struct glass_mailbox {
    uint32_t command; /* IN  host: enum mailbox_command */
    uint32_t reserved;
    uint64_t sequence;    /* IN  host: raised last, after command and arguments */
    uint64_t argument[4]; /* IN  */
};

struct glass_answer {
    uint64_t sequence; /* OUT guest: equal to mailbox.sequence when the command is done */
    int64_t result;    /* OUT 0, a value, or -errno */
};

/* Everything that the host may write (besides channels). The guest treats each field as hostile
 * input. */
struct glass_control {
    uint64_t trace_types;  /* which events are recorded (bit mask over enum trace_type) */
    uint64_t filter_epoch; /* raised by the host after it changed filters */
    struct glass_filter filters[GLASS_FILTERS];
    uint64_t stop_request; /* raised by the host: stop the world now, without an event */
    uint64_t resume_epoch; /* the stop epoch up to which the world may go on */
    uint64_t trace_tail[BOOT_CPUS_MAX]; /* lossless: records that the reader has taken, per CPU */
    struct glass_mailbox mailbox;
    char mailbox_data[GLASS_MAILBOX_DATA]; /* IN  host: before the sequence is raised */
};

/* A stop as the guest reports it. */
struct glass_stop {
    uint64_t epoch;             /* 1, 2, 3 ...; the current or last stop */
    uint32_t cpu;               /* the CPU that stopped the world */
    uint32_t filter;            /* index of the matching filter; GLASS_FILTERS = host request */
    struct trace_record record; /* the event, not yet in the ring if its type is not traced */
};

struct glass_panic {
    char message[256];
    uint32_t cpu;
    uint32_t frame_count;
    int32_t tid;
    uint32_t vector; /* exception vector, or 0xffff */
    uint64_t error_code;
    uint64_t registers[24]; /* rax rbx rcx rdx rsi rdi rbp rsp r8..r15 rip rflags cs ss cr0 cr2 cr3
                               cr4 */
    uint64_t frames[GLASS_PANIC_FRAMES]; /* return addresses, innermost first */
};

#define GLASS_LOG_BYTES 16384u

/* The kernel's log: text lines, a ring of the last GLASS_LOG_BYTES bytes. */
struct glass_log {
    uint64_t head; /* bytes ever written */
    char text[GLASS_LOG_BYTES];
};

struct glass {
    char magic[8];      /* GLASS_MAGIC */
    uint32_t version;   /* GLASS_VERSION */
    uint32_t size;      /* sizeof(struct glass) */
    uint32_t state;     /* enum glass_state */
    uint32_t cpu_count; /* CPUs online */

    /* the two linear windows */
    uint64_t image_virtual, image_phys, image_bytes;    /* kernel image */
    uint64_t direct_virtual, direct_phys, direct_bytes; /* direct map of RAM */

    /* descriptions */
    uint64_t types;  /* struct glass_type[type_count] */
    uint64_t fields; /* struct glass_field[field_count] */
    uint32_t type_count;
    uint32_t field_count;

    /* roots that every reader needs */
    uint64_t cpus;           /* the first of BOOT_CPUS_MAX struct glass_cpu, cpu_stride apart */
    uint64_t tasks;          /* struct glass_slots: struct task */
    uint64_t processes;      /* struct glass_slots: struct process */
    uint64_t address_spaces; /* struct glass_slots: struct address_space */
    uint64_t frames;         /* struct frame[frame_count]; index = physical address / 4096 */
    uint64_t frame_count;
    uint64_t channels;          /* struct glass_channel[CHANNEL_COUNT] */
    uint64_t log;               /* struct glass_log */
    uint64_t init_process;      /* struct process of PID 1 */
    uint64_t kernel_page_table; /* physical address of the kernel's own root page table */

    /* time */
    uint64_t tsc_khz;
    uint64_t boot_tsc;        /* TSC at kernel entry */
    uint64_t wall_ns_at_boot; /* CLOCK_REALTIME at boot_tsc */

    /* memory, for comparison with what an auditor counts itself */
    uint64_t frames_free;
    uint64_t frames_image;

    /* guest to host */
    uint32_t exit_status; /* wait status of the first program, valid when state is GLASS_DONE */
    uint32_t start_cpu;   /* argument of HYPERCALL_START_CPU */
    struct glass_stop stop;
    struct glass_answer answer;
    struct glass_panic panic;
    uint64_t unknown_system_calls;
    uint64_t
        ready_tsc; /* TSC just before HYPERCALL_READY: relates the guest's clock to the host's */
    uint64_t audit_roots; /* struct audit_roots, by the published type of that name */

    /* roots by name */
    uint64_t roots; /* struct glass_root[root_count] */
    uint32_t root_count;
    uint32_t cpu_stride; /* bytes from one struct glass_cpu to the next */

    /* host to guest */
    struct glass_control control __attribute__((aligned(4096)));
    uint8_t end_of_control[0] __attribute__((aligned(4096)));
};

#endif
