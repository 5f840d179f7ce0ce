/*
 * kernel/fs/tty/output.c - the output side of the line discipline: OPOST processing, echo, and the
 * column of the cursor (which erasing needs). Everything here runs under tty->lock.
 */
#include "kernel/fs/tty/tty.h"

static bool put(struct tty *tty, const uint8_t *bytes, size_t count)
{
    return tty->driver->put(tty, bytes, count);
}

/* Printable ASCII: goes out as it is, one column each. */
static inline bool is_plain(const struct tty *tty, uint8_t character)
{
    return character >= 32 && character < 127 && !(tty->termios.oflag & OLCUC);
}

/* One character that needs a look. False: no room. */
static bool output_special(struct tty *tty, uint8_t character)
{
    uint32_t oflag = tty->termios.oflag;

    switch (character) {
    case '\n':
        if (oflag & ONLCR) {
            if (!put(tty, (const uint8_t *)"\r\n", 2))
                return false;
            tty->column = 0;
            return true;
        }
        if (oflag & ONLRET)
            tty->column = 0;
        break;
    case '\r':
        if (oflag & ONOCR && !tty->column)
            return true;
        if (oflag & OCRNL) {
            character = '\n';
            if (oflag & ONLRET)
                tty->column = 0;
            break;
        }
        tty->column = 0;
        break;
    case '\t': {
        uint32_t spaces = 8 - tty->column % 8;
        if ((oflag & TABDLY) == XTABS) {
            if (!put(tty, (const uint8_t *)"        ", spaces))
                return false;
            tty->column += spaces;
            return true;
        }
        if (!put(tty, &character, 1))
            return false;
        tty->column += spaces;
        return true;
    }
    case '\b':
        if (!put(tty, &character, 1))
            return false;
        if (tty->column)
            tty->column--;
        return true;
    default:
        if (oflag & OLCUC && character >= 'a' && character <= 'z')
            character -= 'a' - 'A';
        if (!put(tty, &character, 1))
            return false;
        if (character >= 32 && character != 127 &&
            !(tty->termios.iflag & IUTF8 && (character & 0xc0) == 0x80))
            tty->column++;
        return true;
    }
    return put(tty, &character, 1);
}

size_t tty_output(struct tty *tty, const uint8_t *bytes, size_t count)
{
    size_t done = 0;

    if (!(tty->termios.oflag & OPOST)) {
        size_t piece = tty->driver->room(tty);
        if (piece > count)
            piece = count;
        return piece && put(tty, bytes, piece) ? piece : 0;
    }
    while (done < count) {
        size_t run = done;
        while (run < count && is_plain(tty, bytes[run]))
            run++;
        size_t piece = run - done;
        if (piece) {
            size_t room = tty->driver->room(tty);
            if (piece > room)
                piece = room;
            if (!piece || !put(tty, bytes + done, piece))
                break;
            tty->column += (uint32_t)piece;
            done += piece;
        } else if (!output_special(tty, bytes[done])) {
            break;
        } else {
            done++;
        }
    }
    return done;
}

void tty_echo_raw(struct tty *tty, const char *text, size_t count)
{
    if (!put(tty, (const uint8_t *)text, count))
        return; /* echo is not worth waiting for */
    for (size_t i = 0; i < count; i++) {
        if (text[i] == '\b' && tty->column)
            tty->column--;
        else if ((uint8_t)text[i] >= 32)
            tty->column++;
    }
}

void tty_echo_character(struct tty *tty, uint8_t character)
{
    if ((character < 32 || character == 127) && character != '\t' && character != '\n' &&
        tty->termios.lflag & ECHOCTL) {
        char text[2] = {'^', (char)(character ^ 0x40)};
        tty_echo_raw(tty, text, 2);
        return;
    }
    tty_output(tty, &character, 1);
}
