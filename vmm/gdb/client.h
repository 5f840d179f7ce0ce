/*
 * vmm/gdb/client.h - one conversation with a debugger; private to vmm/gdb.
 *
 * All of it belongs to the server's thread. "Held" means that all CPUs stand still by our doing:
 * only then are threads, registers and memory looked at.
 */
#ifndef VITRINE_GDB_CLIENT_H
#define VITRINE_GDB_CLIENT_H

#include <stdio.h>

#include "vmm/base/remote_packet.h"
#include "vmm/gdb/gdb.h"
#include "vmm/inspect/contexts.h"

/* Idle tasks have no number of their own (all are 0): here they get this plus their CPU. */
#define GDB_IDLE_THREAD 1000000000

#define GDB_POINTS_MAX    256u
#define GDB_PROCESSES_MAX 8u /* that one point may concern, unless it concerns all */

struct gdb_thread {
    int64_t id; /* tid, or GDB_IDLE_THREAD + CPU */
    struct guest_context context;
    int cpu; /* whose registers are this task's now; -1 = none, they are in memory */
};

/* A break- or watchpoint of the debugger, or one of our own that waits for a thread. */
struct gdb_point {
    bool used;      /* the entry means something: the debugger knows it or may set it again */
    bool set;       /* it is to be watched */
    bool temporary; /* ours */
    char type;      /* of the Z packet: '0' '1' execute, '2' write, '4' access */
    uint64_t address;
    unsigned bytes;
    bool everybody; /* it concerns all processes; else these (by object id): */
    unsigned process_count;
    uint64_t process_ids[GDB_PROCESSES_MAX];
    int64_t thread; /* temporary: the thread that is waited for */
};

struct gdb_client {
    const struct gdb_target *target;
    int stop_fd; /* readable: the server is to end */
    struct remote_stream stream;
    char packet[REMOTE_PACKET_MAX + 1];
    size_t packet_bytes;
    bool held;
    bool over;          /* the conversation is to be ended */
    bool wait_at_start; /* the first go must also release the guest's stop point */

    const struct machine_registers
        *given; /* of each CPU, for a core file; NULL = ask the machine */
    bool fresh; /* threads and states are those of now */
    struct gdb_thread *threads;
    size_t thread_count;
    struct machine_cpu_state states[BOOT_CPUS_MAX];
    bool online[BOOT_CPUS_MAX];
    int64_t current; /* thread of the last stop */
    int64_t general; /* thread that registers and memory are asked for; 0 = the current one */

    bool user_view;   /* `monitor user`: a task in the kernel is shown where it left user mode */
    bool step_kernel; /* `monitor step kernel`: steps follow a program into the kernel */
    enum { SCOPE_SELECTED, SCOPE_ALL, SCOPE_PROCESS } scope;
    uint64_t scope_process_id;
    int32_t scope_pid;
    struct gdb_point points[GDB_POINTS_MAX];

    char refusal[1024]; /* why the last request was refused */
    bool untold;        /* it was a point, and gdb itself would not show the reason */
    char *xfer;         /* document being read in parts */
    size_t xfer_bytes;
};

/* client.c */
void gdb_client_serve(struct gdb_client *client);
void gdb_reply(struct gdb_client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Keeps the reason for `monitor why`, answers "E.reason", frees the error. */
void gdb_refuse(struct gdb_client *client, struct vt_error *error);
void gdb_note_refusal(struct gdb_client *client, struct vt_error *error); /* frees it */
/* Text for the debugger's console. While it waits for a stop or for a monitor command. */
void gdb_console(struct gdb_client *client, const char *text);

/* threads.c */
struct vt_error *gdb_threads_refresh(struct gdb_client *client);
struct gdb_thread *gdb_thread_find(struct gdb_client *client, int64_t id);
struct gdb_thread *gdb_thread_on_cpu(struct gdb_client *client, unsigned cpu);
/* The thread that requests are about; NULL if the guest has none. */
struct gdb_thread *gdb_thread_selected(struct gdb_client *client);
/* The best thread to show after a stop that no thread caused. */
int64_t gdb_thread_interesting(struct gdb_client *client);
/* "blocked (pipe read)", one line. */
void gdb_thread_describe(const struct gdb_thread *thread, char *text, size_t room);
bool gdb_thread_in_user_mode(const struct gdb_client *client, const struct gdb_thread *thread);
char *gdb_threads_xml(struct gdb_client *client, size_t *ret_bytes); /* free() */

/* registers.c: in the order of target_xml.c */
struct gdb_registers {
    uint64_t general[16], rip;
    uint32_t eflags, segments[6]; /* cs ss ds es fs gs */
    uint8_t x87[8][10];
    uint32_t x87_control[8];
    uint8_t xmm[16][16];
    uint32_t mxcsr;
    uint64_t original_rax, fs_base, gs_base;
} __attribute__((packed));
#define GDB_REGISTERS 60u

/* False if the task has none any more (a zombie). */
bool gdb_registers_read(struct gdb_client *client, const struct gdb_thread *thread,
                        struct gdb_registers *ret);
struct vt_error *gdb_registers_write(struct gdb_client *client, const struct gdb_thread *thread,
                                     const struct gdb_registers *registers);
/* Where register `number` lies in struct gdb_registers; false if there is none. */
bool gdb_register_place(unsigned number, size_t *ret_offset, size_t *ret_bytes);
/* The registers are those of a CPU, not of a frame in memory. */
bool gdb_registers_live(const struct gdb_client *client, const struct gdb_thread *thread);

/* target_xml.c */
char *gdb_target_xml(size_t *ret_bytes); /* free() */

/* memory.c */
size_t gdb_memory_read(struct gdb_client *client, uint64_t address, void *buffer, size_t bytes);
struct vt_error *gdb_memory_write(struct gdb_client *client, uint64_t address, const void *data,
                                  size_t bytes);

/* points.c */
struct vt_error *gdb_point_set(struct gdb_client *client, char type, uint64_t address,
                               unsigned bytes);
struct vt_error *gdb_point_clear(struct gdb_client *client, char type, uint64_t address,
                                 unsigned bytes);
/* A point of our own that only `thread` meets. */
struct vt_error *gdb_point_temporary(struct gdb_client *client, uint64_t address, int64_t thread);
void gdb_points_drop_temporary(struct gdb_client *client);
/* The debugger lets all go: what it has not set again by now, it has given up. */
void gdb_points_drop_unset(struct gdb_client *client);
void gdb_points_forget(struct gdb_client *client); /* all; the backend drops its own by itself */
/* A point that `thread` meets when it is about to execute `address`; NULL = none concerns it. */
struct gdb_point *gdb_point_executed(struct gdb_client *client, uint64_t address,
                                     const struct gdb_thread *thread);
bool gdb_point_anyone(struct gdb_client *client, uint64_t address); /* ... or another thread */
struct gdb_point *gdb_point_watched(struct gdb_client *client, uint64_t address,
                                    const struct gdb_thread *thread);
/* Takes the execution points at `address` out of the backend, or puts them back. */
void gdb_points_suspend(struct gdb_client *client, uint64_t address, bool suspend);
void gdb_points_list(struct gdb_client *client, FILE *out);

/* run.c */
struct gdb_action {
    char kind;           /* 'c', 's' or 'r' */
    uint64_t start, end; /* r: steps while start <= rip < end */
    int64_t thread;      /* 0 = all that no earlier action names */
};
/* Lets the guest go as the actions say, until there is something to tell, and tells it. */
void gdb_run(struct gdb_client *client, const struct gdb_action *actions, size_t count);
void gdb_report_stop(struct gdb_client *client, unsigned signal, const char *reason);
/* Tells how the machine ended, if it has. */
bool gdb_report_end(struct gdb_client *client);
/* Takes hold of the machine; lets it go for good. */
struct vt_error *gdb_hold(struct gdb_client *client);
void gdb_let_go(struct gdb_client *client);

/* monitor.c */
void gdb_monitor(struct gdb_client *client, char *command);

#endif
