/*
 * vmm/inspect/guest.h - the inside of struct vt_guest: one guest's memory and what its glass says
 * of it.
 *
 * Lifetime: a guest is made by its session (own machine, writable memory) or by an attaching client
 * (read-only memory); it stays valid until guest_deinit(). Threads: the facts parsed from the glass
 * never change after `ready` is set, so any thread may read; `lock` guards the change counter,
 * `mailbox_lock` one command at a time, `trace_lock` the list of trace readers.
 */
#ifndef VITRINE_INSPECT_GUEST_H
#define VITRINE_INSPECT_GUEST_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/include/vitrine.h"

/* A value that the guest may change at any moment: read once, never twice. */
#define GUEST_LOAD(pointer)         __atomic_load_n((pointer), __ATOMIC_ACQUIRE)
#define GUEST_STORE(pointer, value) __atomic_store_n((pointer), (value), __ATOMIC_RELEASE)

struct guest_memory {
    uint8_t *base; /* mapping of the whole memfd; read-only for an attached guest */
    uint64_t bytes;
    struct boot_range
        ram[BOOT_RAM_RANGES_MAX]; /* guest-physical ranges in the order of the mapping */
};

/* The host address of guest-physical memory; NULL if any byte is not RAM. */
void *guest_memory_at(const struct guest_memory *memory, uint64_t phys, uint64_t bytes);

/* One command for the kernel's mailbox. */
struct guest_command {
    enum mailbox_command command;
    uint64_t arguments[4];
    const void *data; /* for glass_control.mailbox_data */
    size_t bytes;
};

/* Where a CPU is that stands still. */
struct guest_registers {
    uint64_t general[16]; /* rax rbx rcx rdx rsi rdi rbp rsp r8..r15 */
    uint64_t rip;
    bool user; /* it runs a program, not the kernel */
};

/* What a guest needs of the machine that runs it, or of the connection to its owner. */
struct guest_owner {
    /* own guests only */
    void (*kick)(void *context);    /* interrupt the guest */
    void (*release)(void *context); /* let CPUs go on that are held in a stop's doorbell */
    /* attached guests only: has the owner carry the command out */
    struct vt_error *(*forward)(void *context, const struct guest_command *command,
                                int64_t *ret_result);
    /* Both: all CPUs stand still, each where it is, until let_go. `ret` has BOOT_CPUS_MAX entries,
     * *ret_count are CPUs of the machine. VT_ERROR_BUSY: somebody else holds them. */
    struct vt_error *(*hold)(void *context, struct guest_registers *ret, unsigned *ret_count);
    struct vt_error *(*let_go)(void *context);
    void *context;
};

struct guest_tables;

struct vt_guest {
    struct guest_memory memory;
    uint64_t glass_phys;
    bool own;      /* the memory is writable and control may be used */
    bool lossless; /* the kernel waits for trace_tail */
    struct guest_owner owner;
    int connection; /* attached: socket that hangs up when the machine ends; -1 otherwise */
    int memory_fd;  /* attached: our descriptor of the memory; -1 otherwise */

    char name[64];
    char kernel_path[256]; /* its ELF file, for symbols; "" = unknown */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t changes;  /* doorbells so far */
    bool ended;        /* atomic: no CPU runs any more */
    bool frozen;       /* atomic: a debugger holds all CPUs */
    bool announced;    /* atomic: HYPERCALL_READY was seen */
    uint64_t ready_ns; /* atomic: CLOCK_MONOTONIC of the host when it was seen; 0 = unknown, or the
                          guest's time is not real time (--icount) */
    bool ready;        /* atomic: everything below is filled in */

    pthread_mutex_t mailbox_lock;
    pthread_mutex_t trace_lock;
    struct vt_trace *traces;   /* open readers, for lossless tails */
    int64_t patience_limit_us; /* GUEST_PATIENCE_US; less in tests of what is hopeless */
    int64_t patience_us; /* atomic: how long the call under way may still wait for objects that
                            are being changed */
    uint64_t stop_seen;  /* epoch of the last stop that vt_guest_wait_stop() returned */

    struct glass *glass; /* in guest memory */
    uint64_t image_virtual, image_phys, image_bytes;
    uint64_t direct_virtual, direct_phys, direct_bytes;
    uint32_t cpu_stride; /* bytes between the CPUs' blocks */
    uint64_t cpus, tasks, processes, address_spaces, frames, frame_count, channels, log,
        init_process;
    uint64_t kernel_page_table;
    uint64_t tsc_khz, boot_tsc;
    struct guest_tables *tables;
};

void guest_init(struct vt_guest *guest, const struct guest_memory *memory, uint64_t glass_phys);
void guest_deinit(struct vt_guest *guest);

/* The session's side: something may have changed; the machine has ended. Any thread. */
void guest_note_change(struct vt_guest *guest);
void guest_note_end(struct vt_guest *guest);

/*
 * Waiting for "something may have changed": take guest_changes(), look, and if what is wanted is
 * not there, wait with the number taken. Returns early at a change, at the end, or after about
 * timeout_us; attached guests have no doorbell and wait one millisecond at most.
 */
uint64_t guest_changes(struct vt_guest *guest);
void guest_wait_change(struct vt_guest *guest, uint64_t seen, int64_t timeout_us);
bool guest_has_ended(struct vt_guest *guest);

#define GUEST_PATIENCE_US 500000

/* Every call that reads begins with it. Parses the glass if it is complete. VT_ERROR_BUSY = not
 * yet. */
struct vt_error *guest_require_ready(struct vt_guest *guest);

/* Host address of kernel memory through the two windows; NULL when outside or not aligned to
 * `alignment`. */
void *guest_translate(const struct vt_guest *guest, uint64_t address, uint64_t bytes,
                      uint64_t alignment);

/*
 * Host address of memory that the kernel has mapped elsewhere: its stacks, where waiters lie. By
 * the kernel's own page tables; NULL if it is not there, or not within one page.
 */
void *guest_translate_mapped(const struct vt_guest *guest, uint64_t address, uint64_t bytes);
/* The same by any page table, whose root lies at a physical address. */
void *guest_translate_by(const struct vt_guest *guest, uint64_t root, uint64_t address,
                         uint64_t bytes);

/* No CPU changes anything: the machine has ended, panicked, is held, or stands in a stop point. */
bool guest_stands_still(struct vt_guest *guest);

/* Until guest_let_go() all of the guest stands still (guest_owner.hold). */
struct vt_error *guest_hold(struct vt_guest *guest, struct guest_registers ret[BOOT_CPUS_MAX],
                            unsigned *ret_count);
struct vt_error *guest_let_go(struct vt_guest *guest);

/* The block of one CPU in guest memory, NULL if the index or the glass is bad. */
struct glass_cpu *guest_cpu(const struct vt_guest *guest, unsigned cpu);
unsigned guest_cpu_count(const struct vt_guest *guest);

/* One channel in guest memory, NULL before the glass is complete or when the glass is bad. */
struct glass_channel *guest_channel(const struct vt_guest *guest, unsigned index);

/* VT_ERROR_DENIED unless this is a machine of one's own. */
struct vt_error *guest_require_own(const struct vt_guest *guest, const char *action);

/* Sends a command and waits for what the kernel answers: 0, a value, or -errno. */
struct vt_error *guest_send_command(struct vt_guest *guest, const struct guest_command *command,
                                    int64_t *ret_result);

/* Sends a command without waiting; false while an earlier one is unanswered or being sent. */
bool guest_mailbox_post(struct vt_guest *guest, enum mailbox_command command,
                        const uint64_t arguments[4]);

/*
 * After a change of the control page: waits until the kernel has seen it (it answers a ping), so
 * that what happens afterwards obeys it. Gives up quietly after a second, or when the world stops
 * meanwhile.
 */
void guest_settle_control(struct vt_guest *guest);

/* The session calls this at HYPERCALL_TRACE: without a reader a lossless kernel must not wait for
 * ever. */
void guest_trace_discard_unread(struct vt_guest *guest);

/* The text of the kernel's log, oldest line first; the caller frees it. Never NULL except out of
 * memory. */
char *guest_log_text(struct vt_guest *guest);

/* Microseconds of CLOCK_MONOTONIC, for deadlines. A timeout of -1 ms gives a deadline of INT64_MAX.
 */
int64_t guest_clock_us(void);
int64_t guest_deadline_us(int timeout_ms);

#endif
