/*
 * kernel/fs/tty/line.c - the input side of the line discipline (termios(3)): what typed bytes
 * become. Canonical mode edits a line until it is ended; raw mode hands bytes through. Runs in
 * interrupts as well as in tasks.
 *
 * Cells [read, committed) are complete lines, [committed, head) is the line being edited. A cell's
 * high bits say that it ends a line, or that it is an end-of-file mark.
 */
#include "kernel/fs/tty/tty.h"
#include "kernel/lib/string.h"
#include "kernel/process/signal.h"

#define CELL(tty, index) ((tty)->input[(index) & (TTY_INPUT_CELLS - 1)])

static inline bool is_character(const struct tty *tty, unsigned index, uint8_t character)
{
    return tty->termios.cc[index] == character && character; /* 0 = disabled */
}

static inline bool flag(uint32_t flags, uint32_t wanted)
{
    return flags & wanted;
}

static inline uint32_t used(const struct tty *tty)
{
    return tty->head - tty->read;
}

static void push(struct tty *tty, uint16_t cell)
{
    CELL(tty, tty->head) = cell;
    tty->head++;
}

static bool is_continuation(const struct tty *tty, uint8_t character)
{
    return flag(tty->termios.iflag, IUTF8) && (character & 0xc0) == 0x80;
}

/* How many columns the echo of a character took, at the given column. */
static uint32_t echo_width(const struct tty *tty, uint8_t character, uint32_t column)
{
    if (character == '\t')
        return 8 - column % 8;
    if (character < 32 || character == 127)
        return flag(tty->termios.lflag, ECHOCTL) ? 2 : 0;
    return is_continuation(tty, character) ? 0 : 1;
}

/* The column where the character in cell `index` of the line being edited was echoed. */
static uint32_t column_of(const struct tty *tty, uint32_t index)
{
    uint32_t column = tty->line_column;

    for (uint32_t i = tty->committed; i != index; i++)
        column += echo_width(tty, (uint8_t)CELL(tty, i), column);
    return column;
}

/* Takes the last character back (all bytes of it) without showing so; returns its first byte. */
static uint8_t drop_one(struct tty *tty)
{
    uint8_t character;

    do {
        tty->head--;
        character = (uint8_t)CELL(tty, tty->head);
    } while (is_continuation(tty, character) && tty->head != tty->committed);
    return character;
}

/* The same, and it disappears from the screen. */
static void erase_one(struct tty *tty)
{
    uint8_t character = drop_one(tty);

    if (!flag(tty->termios.lflag, ECHO))
        return;
    uint32_t width = echo_width(tty, character, column_of(tty, tty->head));
    for (; width; width--)
        tty_echo_raw(tty, character == '\t' ? "\b" : "\b \b", character == '\t' ? 1 : 3);
}

static void kill_line(struct tty *tty)
{
    if (!flag(tty->termios.lflag, ECHO)) {
        tty->head = tty->committed;
        return;
    }
    if (flag(tty->termios.lflag, ECHOKE) && flag(tty->termios.lflag, ECHOE)) {
        while (tty->head != tty->committed)
            erase_one(tty);
        return;
    }
    tty->head = tty->committed;
    tty_echo_character(tty, tty->termios.cc[VKILL]);
    if (flag(tty->termios.lflag, ECHOK))
        tty_output(tty, (const uint8_t *)"\n", 1);
}

static bool is_word(uint8_t character)
{
    return (character >= '0' && character <= '9') || (character >= 'a' && character <= 'z') ||
           (character >= 'A' && character <= 'Z') || character == '_' || character >= 0x80;
}

static void erase_word(struct tty *tty)
{
    bool in_word = false;

    while (tty->head != tty->committed) {
        bool word = is_word((uint8_t)CELL(tty, tty->head - 1));
        if (in_word && !word)
            break;
        in_word |= word;
        erase_one(tty);
    }
}

static void reprint(struct tty *tty)
{
    tty_echo_character(tty, tty->termios.cc[VREPRINT]);
    tty_output(tty, (const uint8_t *)"\n", 1);
    tty->line_column = tty->column;
    for (uint32_t i = tty->committed; i != tty->head; i++)
        tty_echo_character(tty, (uint8_t)CELL(tty, i));
}

static void end_line(struct tty *tty, uint16_t cell)
{
    push(tty, cell);
    tty->committed = tty->head;
    tty->line_column = tty->column;
}

/* The signal that the character asks for, or 0. */
static int signal_of(const struct tty *tty, uint8_t character)
{
    if (is_character(tty, VINTR, character))
        return SIGINT;
    if (is_character(tty, VQUIT, character))
        return SIGQUIT;
    if (is_character(tty, VSUSP, character))
        return SIGTSTP;
    return 0;
}

/* Stores a plain character with its echo; false = the buffer is full and the byte is dropped. */
static bool store(struct tty *tty, uint8_t character)
{
    /* A full line still has room for its end. */
    if (used(tty) >= TTY_INPUT_CELLS - 1) {
        if (flag(tty->termios.iflag, IMAXBEL))
            tty_echo_raw(tty, "\a", 1);
        return false;
    }
    if (flag(tty->termios.lflag, ECHO)) {
        if (tty->head == tty->committed)
            tty->line_column = tty->column;
        tty_echo_character(tty, character);
    }
    push(tty, character);
    return true;
}

/* True if the character was an editing command or a line's end. */
static bool canonical(struct tty *tty, uint8_t character)
{
    uint32_t lflag = tty->termios.lflag;

    if (is_character(tty, VERASE, character)) {
        if (tty->head == tty->committed)
            return true;
        if (flag(lflag, ECHO) && !flag(lflag, ECHOE)) {
            drop_one(tty);
            tty_echo_character(tty, character);
        } else {
            erase_one(tty);
        }
        return true;
    }
    if (is_character(tty, VKILL, character)) {
        kill_line(tty);
        return true;
    }
    if (flag(lflag, IEXTEN)) {
        if (is_character(tty, VWERASE, character)) {
            erase_word(tty);
            return true;
        }
        if (is_character(tty, VLNEXT, character)) {
            tty->literal_next = true;
            if (flag(lflag, ECHO) && flag(lflag, ECHOCTL))
                tty_echo_raw(tty, "^\b", 2);
            return true;
        }
        if (is_character(tty, VREPRINT, character) && flag(lflag, ECHO)) {
            reprint(tty);
            return true;
        }
    }
    if (character == '\n') {
        if (flag(lflag, ECHO) || flag(lflag, ECHONL))
            tty_output(tty, (const uint8_t *)"\n", 1);
        end_line(tty, '\n' | TTY_CELL_DELIMITER);
        return true;
    }
    if (is_character(tty, VEOF, character)) {
        end_line(tty, character | TTY_CELL_EOF);
        return true;
    }
    if (is_character(tty, VEOL, character) ||
        (is_character(tty, VEOL2, character) && flag(lflag, IEXTEN))) {
        if (flag(lflag, ECHO))
            tty_echo_character(tty, character);
        end_line(tty, character | TTY_CELL_DELIMITER);
        return true;
    }
    return false;
}

/* tty->lock held. Returns the signal that the character raises, or 0. */
static int receive(struct tty *tty, uint8_t character)
{
    uint32_t iflag = tty->termios.iflag, lflag = tty->termios.lflag;

    if (flag(iflag, ISTRIP))
        character &= 0x7f;
    if (tty->literal_next) {
        tty->literal_next = false;
        store(tty, character);
        return 0;
    }
    if (flag(iflag, IXON)) {
        bool start = is_character(tty, VSTART, character),
             stop = is_character(tty, VSTOP, character);
        if (start || stop) {
            tty->output_stopped = start && stop ? !tty->output_stopped : stop;
            return 0;
        }
    }
    if (flag(lflag, ISIG)) {
        int signal = signal_of(tty, character);
        if (signal) {
            tty->output_stopped = false;
            if (!flag(lflag, NOFLSH))
                tty->read = tty->committed = tty->head;
            if (flag(lflag, ECHO))
                tty_echo_character(tty, character);
            tty->line_column = tty->column;
            return signal;
        }
    }
    if (tty->output_stopped && flag(iflag, IXANY))
        tty->output_stopped = false;
    if (character == '\r') {
        if (flag(iflag, IGNCR))
            return 0;
        if (flag(iflag, ICRNL))
            character = '\n';
    } else if (character == '\n' && flag(iflag, INLCR)) {
        character = '\r';
    }
    if (flag(iflag, IUCLC) && flag(lflag, IEXTEN) && character >= 'A' && character <= 'Z')
        character += 'a' - 'A';
    if (flag(lflag, ICANON)) {
        if (!canonical(tty, character))
            store(tty, character);
        return 0;
    }
    if (character == '\n' && flag(lflag, ECHONL) && !flag(lflag, ECHO))
        tty_output(tty, (const uint8_t *)"\n", 1);
    store(tty, character);
    tty->committed = tty->head;
    return 0;
}

bool tty_may_receive(const struct tty *tty)
{
    uint32_t read = READ_ONCE(tty->read);
    return READ_ONCE(tty->head) - read < TTY_INPUT_CELLS - 1 ||
           (flag(READ_ONCE(tty->termios.lflag), ICANON) && READ_ONCE(tty->committed) == read);
}

size_t tty_receive(struct tty *tty, const uint8_t *bytes, size_t count)
{
    size_t taken = 0;

    while (taken < count) {
        int signal = 0;

        spin_lock(&tty->lock);
        bool was_stopped = tty->output_stopped;
        /*
         * In canonical mode a full buffer still takes bytes, so that ^C and line ends get through,
         * as long as one cell is left for a line's end. In raw mode the rest waits in the driver.
         */
        while (taken < count && !signal) {
            bool full = used(tty) >= TTY_INPUT_CELLS - 1;
            if (full && (!flag(tty->termios.lflag, ICANON) || tty->committed != tty->read))
                break;
            signal = receive(tty, bytes[taken++]);
            if (used(tty) >= TTY_INPUT_CELLS)
                break;
        }
        bool started = was_stopped && !tty->output_stopped;
        bool stuck = !signal && taken < count;
        spin_unlock(&tty->lock);
        wake_up_all(&tty->read_waiters);
        if (started)
            wake_up_all(&tty->write_waiters);
        if (signal)
            tty_signal_foreground(tty, signal);
        if (stuck)
            break;
    }
    return taken;
}

void tty_set_window(struct tty *tty, const struct linux_winsize *window)
{
    spin_lock(&tty->lock);
    bool changed = memcmp(&tty->window, window, sizeof(*window)) != 0;
    tty->window = *window;
    spin_unlock(&tty->lock);
    if (changed)
        tty_signal_foreground(tty, SIGWINCH);
}
