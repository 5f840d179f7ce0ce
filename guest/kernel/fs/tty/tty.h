/*
 * kernel/fs/tty/tty.h - terminals. A tty is a line discipline (canonical or raw input, echo,
 * signals, output processing), a window size and the job-control state of a session; where its
 * bytes come from and go to is its driver's affair: the console's driver is a pair of channels, a
 * pseudo-terminal's will be its master.
 *
 * Locks: tty->lock (RANK_TERMINAL, a spinlock: input arrives in interrupts) guards everything in it
 * except what says otherwise; read_lock (RANK_TTY) serialises readers, write_lock (RANK_TTY)
 * writers; session and foreground group are guarded by family_lock. A tty lives for ever (console)
 * or as long as its files (pty).
 */
#ifndef KERNEL_FS_TTY_TTY_H
#define KERNEL_FS_TTY_TTY_H

#include "kernel/fs/file.h"
#include "kernel/fs/tty/termios.h"
#include "kernel/sync/mutex.h"
#include "kernel/sync/spinlock.h"
#include "kernel/sync/wait_queue.h"

struct process;
struct tty;

#define TTY_INPUT_CELLS    4096u  /* a power of two */
#define TTY_CELL_DELIMITER 0x100u /* ends a line in canonical mode */
#define TTY_CELL_EOF       0x200u /* ends a line and is itself not read (VEOF) */

struct tty_driver {
    /* Appends to the output, all or nothing, without waiting: false if there is no room. tty->lock
     * held. */
    bool (*put)(struct tty *tty, const uint8_t *bytes, size_t count);
    size_t (*room)(struct tty *tty); /* how many bytes put() would take now */
    /* Asks the other side to wake tty->write_waiters when there is room. */
    void (*want_room)(struct tty *tty);
    /* Takes what arrived and feeds it to tty_receive(); called without tty->lock, also from
     * interrupts. */
    void (*pump)(struct tty *tty);
    bool (*input_ended)(
        struct tty *tty); /* no more bytes will come, and none are left in the driver */
    bool (*output_ended)(struct tty *tty); /* nobody reads what is written */
    size_t (*output_pending)(struct tty *tty);
    /* The rest may be NULL. */
    void (*flush_output)(struct tty *tty); /* drops what nobody has read; tty->lock held */
    /* One more open file; false: the other side is gone for good. Any spinlock of lower rank. */
    bool (*hold)(struct tty *tty);
    void (*drop)(struct tty *tty); /* one open file less; may free the tty */
};

struct tty {
    const struct tty_driver *driver;
    uint32_t device; /* major << 8 | minor */
    struct spinlock lock;
    struct mutex read_lock, write_lock;
    struct linux_termios termios;
    struct linux_termios locked; /* bits that no program changes (TIOCSLCKTRMIOS) */
    struct linux_winsize window;
    /* input: cells [read, committed) can be read in canonical mode, [read, head) in raw mode */
    uint32_t head, committed, read;
    uint16_t input[TTY_INPUT_CELLS];
    uint32_t column;      /* of the cursor, as far as the output tells */
    uint32_t line_column; /* column where the line being edited began */
    bool literal_next;    /* VLNEXT was typed */
    bool output_stopped;  /* VSTOP was typed, or TCOOFF */
    bool exclusive;       /* TIOCEXCL */
    bool bell_pending;
    struct wait_queue read_waiters, write_waiters;
    int32_t session;          /* 0 = no session's controlling terminal; family_lock */
    int32_t foreground_group; /* family_lock */
};

/* The operations of every file that is open on a tty; file->private_data is the tty. */
extern const struct file_operations tty_file_operations;

void tty_init(struct tty *tty, const struct tty_driver *driver, uint32_t device);
/* Makes `file`, just opened, one on the tty: 0, or -EIO if its other side is gone. */
int tty_attach(struct tty *tty, struct file *file);
/* The same; a session leader without a terminal gets it for its own, unless O_NOCTTY is in the
 * file's flags. */
int tty_open(struct tty *tty, struct file *file);

/* ---- input side (line.c); both callable from interrupts ---- */
/* Takes bytes from the driver; returns how many were taken (fewer: the buffer is full, come back
 * later). */
size_t tty_receive(struct tty *tty, const uint8_t *bytes, size_t count);
/* Would it take a byte now? Without the lock: for sleepers. */
bool tty_may_receive(const struct tty *tty);
void tty_set_window(struct tty *tty, const struct linux_winsize *window);

/* ---- output side (output.c), tty->lock held ---- */
/* Writes processed text (OPOST); how many of the source bytes went out. */
size_t tty_output(struct tty *tty, const uint8_t *bytes, size_t count);
void tty_echo_character(struct tty *tty, uint8_t character);
void tty_echo_raw(struct tty *tty, const char *text, size_t count);

/* ---- job control (job_control.c) ---- */
/*
 * Gives a session its controlling terminal with the session leader's group in the foreground.
 * Called for the first program by whoever makes its process (tty = console_tty(), which may be
 * NULL: then nothing happens).
 */
void tty_make_controlling(struct tty *tty, struct process *session_leader);
/* Could a new session take it for its own? 0, -EIO (hung up), -EPERM (another session has it); and
 * then let it. family_lock held. */
int tty_may_control_locked(struct tty *tty);
void tty_make_controlling_locked(struct tty *tty, struct process *session_leader);
/*
 * The session leader goes away (exit) or gives up its terminal (TIOCNOTTY): the foreground group
 * gets SIGHUP and SIGCONT, every process of the session loses the terminal. No lock may be held.
 */
void tty_disassociate(struct process *session_leader);
/* The other side is gone for good: the session loses its terminal, its leader hears SIGHUP. */
void tty_hang_up(struct tty *tty);
/* Opening: the terminal becomes the session's, if the current process may and needs it. */
void tty_adopt(struct tty *tty, const struct file *file);
/* May the current task read / write / change it now? 0, -EIO, or -ERESTARTSYS with a signal sent.
 */
int tty_check_background_read(struct tty *tty);
int tty_check_change(struct tty *tty, bool only_if_tostop);
/* To the foreground group; callable from interrupts, tty->lock not held. */
void tty_signal_foreground(struct tty *tty, int signal);
int64_t tty_job_ioctl(struct tty *tty, struct file *file, uint32_t command, uint64_t argument);

/* ---- ioctl.c ---- */
int64_t tty_ioctl(struct file *file, uint32_t command, uint64_t argument);
/* The same through a file that is not open on the tty itself (a pty's master). */
int64_t tty_ioctl_on(struct tty *tty, struct file *file, uint32_t command, uint64_t argument);

/* ---- console.c ---- */
/* The terminal on the host's streams, or NULL if none of them is one. */
struct tty *console_tty(void);
/* Opens for /dev/console and /dev/tty: set operations and private data of the file. 0 or -ENXIO. */
int console_open(struct file *file);
int controlling_tty_open(struct file *file);

#endif
