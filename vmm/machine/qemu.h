/*
 * vmm/machine/qemu.h - the QEMU backend's own types; private to qemu_*.c.
 *
 * QEMU is a child process that maps the same memory file. Five descriptors lead to it: the doorbell
 * (debug console), the kick (serial port), QMP (control), its debugging stub, and its standard
 * error. Two threads serve them: the bell thread reads doorbell bytes, the monitor thread owns QMP,
 * standard error and the process itself.
 */
#ifndef VITRINE_MACHINE_QEMU_H
#define VITRINE_MACHINE_QEMU_H

#include <jansson.h>
#include <pthread.h>
#include <sys/types.h>

#include "vmm/base/remote_packet.h"
#include "vmm/machine/backend.h"

/* ---- qemu_process.c: the child ---- */

#define QEMU_COMPLAINT_BYTES 2048

struct qemu_process {
    pid_t pid;                                      /* 0 = none, or reaped */
    int bell_fd, kick_fd, qmp_fd, error_fd, gdb_fd; /* our ends; -1 = closed */
};

/* Starts QEMU, its CPUs not running. The calling thread must live as long as QEMU shall: see the
 * .c. */
struct vt_error *qemu_process_start(struct qemu_process *process, const struct machine *machine,
                                    const char *program);
/* Ends QEMU if it lives, and reaps it; the wait status. Closes nothing. */
int qemu_process_end(struct qemu_process *process);
/* Waits up to `milliseconds` for QEMU to end by itself; true and its wait status when it did. */
bool qemu_process_reap(struct qemu_process *process, unsigned milliseconds, int *ret_status);
void qemu_process_close(struct qemu_process *process);

/* ---- qemu_qmp.c: the control channel ---- */

struct qmp_call;

struct qmp {
    int fd;           /* borrowed from the process */
    pthread_t reader; /* the only thread that reads */
    char *input;      /* bytes of a message not yet whole */
    size_t input_used, input_room;
    void (*event)(void *context, const char *name, const json_t *data); /* reader thread */
    void *context;

    pthread_mutex_t lock; /* protects what follows, and orders writes */
    pthread_cond_t answered;
    struct qmp_call *calls; /* waiting for their answer */
    uint64_t next_id;
    bool greeted, closed;
};

void qmp_init(struct qmp *qmp, int fd, void (*event)(void *, const char *, const json_t *),
              void *context);
void qmp_deinit(struct qmp *qmp);
/* Reads and dispatches what has come; false at the end of the stream. Reader thread only. */
bool qmp_read(struct qmp *qmp);
/* No answer will come any more: all waiting calls fail. */
void qmp_close(struct qmp *qmp);
/*
 * Executes a command and waits for the answer. `arguments` is taken over, may be NULL. ret_answer:
 * a new reference to "return", may be NULL. In the reader thread it reads by itself; elsewhere the
 * reader must run.
 */
struct vt_error *qmp_execute(struct qmp *qmp, const char *command, json_t *arguments,
                             json_t **ret_answer);
/* The same, and QEMU gets a copy of the descriptor: what `getfd` gives a name to. */
struct vt_error *qmp_execute_with_fd(struct qmp *qmp, const char *command, json_t *arguments,
                                     int fd);

/* ---- qemu_debug.c: a client of QEMU's own debugging stub ---- */

struct qemu_debug {
    struct qmp *qmp;
    int fd;                       /* borrowed from the process */
    struct remote_stream *stream; /* NULL = the stub was never asked for */
    bool running;                 /* the stub has been told to go and has not said why it stopped */
    unsigned selected;            /* CPU that the stub's registers are of; CPUs + 1 = unknown */
};

extern const struct machine_debugger qemu_debugger;
struct qemu_debug *qemu_debug_of(struct machine *base);
void qemu_debug_deinit(struct qemu_debug *debug);

/* ---- qemu_state.c: QEMU's own migration, through a memory file and without the RAM ---- */

/* QEMU's CPUs are paused. */
struct vt_error *qemu_save_state(struct qmp *qmp, struct machine_state *ret);
/* QEMU was started to wait for a state (-incoming defer), and is ready for commands. */
struct vt_error *qemu_load_state(struct qmp *qmp, const struct machine_state *state);

/* ---- qemu_registers.c ---- */

/* The registers of one CPU, from the monitor's text. */
struct vt_error *qemu_read_registers(struct qmp *qmp, unsigned cpu, struct machine_registers *ret);
bool qemu_parse_registers(const char *text, struct machine_registers *ret);

#endif
