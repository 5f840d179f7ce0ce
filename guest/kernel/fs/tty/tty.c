/*
 * kernel/fs/tty/tty.c - terminals as files: read, write, poll. The line discipline is in line.c
 * (input) and output.c, settings in ioctl.c, sessions in job_control.c.
 */
#include "kernel/fs/tty/tty.h"

#include "kernel/fs/poll.h"
#include "kernel/lib/errno.h"
#include "kernel/sched/task.h"
#include "kernel/time/clock.h"

#define COPY_PIECE       256u         /* bytes moved per turn of the lock */
#define ROOM_TO_WAKE_FOR 256u         /* a sleeping writer waits for so much */
#define TENTH_NS         100000000ull /* VTIME counts tenths of seconds */

#define CELL(tty, index) ((tty)->input[(index) & (TTY_INPUT_CELLS - 1)])

static const struct linux_termios default_termios = {
    .iflag = ICRNL | IXON | IUTF8,
    .oflag = OPOST | ONLCR,
    .cflag = B38400 | CS8 | CREAD,
    .lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
    .cc = {[VINTR] = 3,
           [VQUIT] = 28,
           [VERASE] = 127,
           [VKILL] = 21,
           [VEOF] = 4,
           [VMIN] = 1,
           [VSTART] = 17,
           [VSTOP] = 19,
           [VSUSP] = 26,
           [VREPRINT] = 18,
           [VDISCARD] = 15,
           [VWERASE] = 23,
           [VLNEXT] = 22},
};

void tty_init(struct tty *tty, const struct tty_driver *driver, uint32_t device)
{
    tty->driver = driver;
    tty->device = device;
    spin_init(&tty->lock, RANK_TERMINAL);
    mutex_init(&tty->read_lock, RANK_TTY);
    mutex_init(&tty->write_lock, RANK_TTY);
    tty->termios = default_termios;
    wait_queue_init(&tty->read_waiters);
    wait_queue_init(&tty->write_waiters);
}

int tty_attach(struct tty *tty, struct file *file)
{
    if (tty->driver->hold && !tty->driver->hold(tty))
        return -EIO;
    file->operations = &tty_file_operations;
    file->private_data = tty;
    return 0;
}

int tty_open(struct tty *tty, struct file *file)
{
    int error = tty_attach(tty, file);
    if (!error)
        tty_adopt(tty, file);
    return error;
}

static void tty_release(struct file *file)
{
    struct tty *tty = file->private_data;

    if (tty->driver->drop)
        tty->driver->drop(tty);
}

/* ---- reading ---- */

static inline bool canonical(const struct tty *tty)
{
    return READ_ONCE(tty->termios.lflag) & ICANON;
}

/* How many cells there are for a read; in canonical mode only those of complete lines count. */
static inline uint32_t readable_cells(const struct tty *tty)
{
    return READ_ONCE(tty->committed) - READ_ONCE(tty->read);
}

enum line_state { LINE_OPEN, LINE_ENDED };

/* Takes up to `limit` bytes, at most one line in canonical mode. */
static size_t take(struct tty *tty, uint8_t *bytes, size_t limit, enum line_state *state)
{
    size_t count = 0;

    *state = LINE_OPEN;
    spin_lock(&tty->lock);
    bool lines = canonical(tty);
    while (tty->read != tty->committed) {
        uint16_t cell = CELL(tty, tty->read);
        if (lines && cell & TTY_CELL_EOF) {
            tty->read++; /* also when the buffer is just full: it must not end the next read */
            *state = LINE_ENDED;
            break;
        }
        if (count == limit)
            break;
        tty->read++;
        bytes[count++] = (uint8_t)cell;
        if (lines && cell & TTY_CELL_DELIMITER) {
            *state = LINE_ENDED;
            break;
        }
    }
    spin_unlock(&tty->lock);
    return count;
}

/* One line, or what there is in raw mode. *ret_ended: a line, perhaps an empty one (end of file),
 * was read. */
static ssize_t copy_out(struct tty *tty, struct io_buffer *buffer, bool *ret_ended)
{
    uint8_t bytes[COPY_PIECE];
    enum line_state state = LINE_OPEN;
    ssize_t done = 0;

    *ret_ended = false;
    mutex_lock(&tty->read_lock);
    while (buffer->remaining && state == LINE_OPEN) {
        size_t count = take(tty, bytes, min(buffer->remaining, (uint64_t)COPY_PIECE), &state);
        if (state == LINE_ENDED)
            *ret_ended = true;
        if (!count)
            break;
        size_t copied = io_copy_to(buffer, bytes, count);
        done += (ssize_t)copied;
        if (copied < count) {
            if (!done)
                done = -EFAULT;
            break;
        }
    }
    mutex_unlock(&tty->read_lock);
    tty->driver->pump(tty); /* there may be room for what waits in the driver */
    return done;
}

/* Sleeps until there are `wanted` cells; 0, -ERESTARTSYS or -ETIMEDOUT. */
static int wait_for_input(struct tty *tty, uint32_t wanted, uint64_t deadline_ns)
{
    return wait_event(&tty->read_waiters, WAIT_CONSOLE_INPUT, (uint64_t)tty, WAIT_INTERRUPTIBLE,
                      deadline_ns, readable_cells(tty) >= wanted || tty->driver->input_ended(tty));
}

/* Waits as VMIN and VTIME ask for (termios(3), "noncanonical mode"). 0: read what there is. */
static int wait_raw(struct tty *tty, uint64_t asked)
{
    uint32_t minimum = READ_ONCE(tty->termios.cc[VMIN]);
    uint64_t pause_ns = READ_ONCE(tty->termios.cc[VTIME]) * TENTH_NS;

    if (!minimum) {
        if (!pause_ns || readable_cells(tty))
            return 0;
        int error = wait_for_input(tty, 1, clock_monotonic_ns() + pause_ns);
        return error == -ETIMEDOUT ? 0 : error;
    }
    if (minimum > asked)
        minimum = (uint32_t)asked;
    if (!pause_ns)
        return wait_for_input(tty, minimum, 0);
    int error = wait_for_input(tty, 1, 0); /* the time between bytes runs from the first one */
    while (!error && !tty->driver->input_ended(tty)) {
        uint32_t have = readable_cells(tty);
        if (have >= minimum)
            break;
        error = wait_for_input(tty, have + 1, clock_monotonic_ns() + pause_ns);
        if (error == -ETIMEDOUT)
            return 0;
    }
    return error;
}

static ssize_t tty_read(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    struct tty *tty = file->private_data;

    (void)position;
    if (!buffer->remaining)
        return 0;
    for (;;) {
        bool ended;
        int error = tty_check_background_read(tty);
        if (error)
            return error;
        tty->driver->pump(tty);
        bool lines = canonical(tty);
        bool may_wait = !(file->flags & O_NONBLOCK);
        if (!lines && may_wait) {
            error = wait_raw(tty, buffer->remaining);
            if (error)
                return error;
        }
        ssize_t done = copy_out(tty, buffer, &ended);
        if (done || ended || tty->driver->input_ended(tty))
            return done;
        if (!may_wait)
            return -EAGAIN;
        if (!lines) {
            if (!READ_ONCE(tty->termios.cc[VMIN]))
                return 0;
            continue; /* another reader was faster */
        }
        error = wait_for_input(tty, 1, 0);
        if (error)
            return error;
    }
}

/* ---- writing ---- */

/* True if a sleeping writer may go on; asks the driver for a wake-up if not. */
static bool may_write(struct tty *tty)
{
    if (tty->driver->output_ended(tty))
        return true;
    if (READ_ONCE(tty->output_stopped))
        return false;
    if (tty->driver->room(tty) >= ROOM_TO_WAKE_FOR)
        return true;
    tty->driver->want_room(tty);
    return tty->driver->room(tty) >= ROOM_TO_WAKE_FOR;
}

static ssize_t tty_write(struct file *file, struct io_buffer *buffer, uint64_t *position)
{
    struct tty *tty = file->private_data;
    uint8_t bytes[COPY_PIECE];
    ssize_t done = 0;

    (void)position;
    int error = tty_check_change(tty, true);
    if (error)
        return error;
    while (buffer->remaining) {
        if (tty->driver->output_ended(tty))
            return done ? done : -EIO;
        size_t count = io_copy_from(buffer, bytes, min(buffer->remaining, (uint64_t)COPY_PIECE));
        if (!count)
            return done ? done : -EFAULT;
        size_t out = 0;
        for (;;) {
            mutex_lock(&tty->write_lock);
            spin_lock(&tty->lock);
            if (!tty->output_stopped)
                out += tty_output(tty, bytes + out, count - out);
            spin_unlock(&tty->lock);
            mutex_unlock(&tty->write_lock);
            if (out == count || tty->driver->output_ended(tty))
                break;
            error = -EAGAIN;
            if (!(file->flags & O_NONBLOCK))
                error = wait_event(&tty->write_waiters, WAIT_CONSOLE_OUTPUT, (uint64_t)tty,
                                   WAIT_INTERRUPTIBLE, 0, may_write(tty));
            if (error) {
                done += (ssize_t)out;
                return done ? done : error;
            }
        }
        done += (ssize_t)out;
        preemption_point();
    }
    return done;
}

static uint32_t tty_poll(struct file *file, struct poll_table *table)
{
    struct tty *tty = file->private_data;
    uint32_t mask = 0, wanted = 1;

    poll_wait(table, &tty->read_waiters);
    poll_wait(table, &tty->write_waiters);
    tty->driver->pump(tty);
    if (!canonical(tty) && !READ_ONCE(tty->termios.cc[VTIME]) && READ_ONCE(tty->termios.cc[VMIN]))
        wanted = READ_ONCE(tty->termios.cc[VMIN]);
    if (readable_cells(tty) >= wanted)
        mask |= POLLIN | POLLRDNORM;
    if (tty->driver->input_ended(tty))
        mask |= POLLIN | POLLRDNORM | POLLHUP;
    if (tty->driver->hold && tty->driver->output_ended(tty))
        mask |= POLLERR; /* hung up */
    if (may_write(tty))
        mask |= POLLOUT | POLLWRNORM;
    return mask;
}

const struct file_operations tty_file_operations = {
    .read = tty_read,
    .write = tty_write,
    .poll = tty_poll,
    .ioctl = tty_ioctl,
    .release = tty_release,
};
