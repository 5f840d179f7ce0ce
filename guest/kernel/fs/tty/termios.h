/* kernel/fs/tty/termios.h - terminal settings of the Linux ABI (asm-generic/termbits.h, ioctls.h;
 * termios(3)). */
#ifndef KERNEL_FS_TTY_TERMIOS_H
#define KERNEL_FS_TTY_TERMIOS_H

#include "kernel/lib/types.h"

#define TERMIOS_CHARACTERS 19

/* What TCGETS and TCSETS carry: 36 bytes. */
struct linux_termios {
    uint32_t iflag, oflag, cflag, lflag;
    uint8_t line;
    uint8_t cc[TERMIOS_CHARACTERS];
};
_Static_assert(sizeof(struct linux_termios) == 36, "termios is part of the ABI");

/* What TCGETA and TCSETA carry: the lower halves, and the first characters. */
struct linux_termio {
    uint16_t iflag, oflag, cflag, lflag;
    uint8_t line;
    uint8_t cc[8];
};
_Static_assert(sizeof(struct linux_termio) == 18, "termio is part of the ABI");

/* What TCGETS2 and TCSETS2 carry. */
struct linux_termios2 {
    struct linux_termios base;
    uint32_t input_speed, output_speed;
};
_Static_assert(sizeof(struct linux_termios2) == 44, "termios2 is part of the ABI");

struct linux_winsize {
    uint16_t rows, columns, x_pixels, y_pixels;
};

/* indices of cc[] */
enum {
    VINTR = 0,
    VQUIT = 1,
    VERASE = 2,
    VKILL = 3,
    VEOF = 4,
    VTIME = 5,
    VMIN = 6,
    VSWTC = 7,
    VSTART = 8,
    VSTOP = 9,
    VSUSP = 10,
    VEOL = 11,
    VREPRINT = 12,
    VDISCARD = 13,
    VWERASE = 14,
    VLNEXT = 15,
    VEOL2 = 16
};

/* iflag */
#define IGNBRK  0000001u
#define BRKINT  0000002u
#define ISTRIP  0000040u
#define INLCR   0000100u
#define IGNCR   0000200u
#define ICRNL   0000400u
#define IUCLC   0001000u
#define IXON    0002000u
#define IXANY   0004000u
#define IMAXBEL 0020000u
#define IUTF8   0040000u
/* oflag */
#define OPOST  0000001u
#define OLCUC  0000002u
#define ONLCR  0000004u
#define OCRNL  0000010u
#define ONOCR  0000020u
#define ONLRET 0000040u
#define TABDLY 0014000u
#define XTABS  0014000u
/* cflag */
#define CBAUD  0010017u
#define B38400 0000017u
#define CS8    0000060u
#define CREAD  0000200u
/* lflag */
#define ISIG    0000001u
#define ICANON  0000002u
#define ECHO    0000010u
#define ECHOE   0000020u
#define ECHOK   0000040u
#define ECHONL  0000100u
#define NOFLSH  0000200u
#define TOSTOP  0000400u
#define ECHOCTL 0001000u
#define ECHOKE  0004000u
#define IEXTEN  0100000u

/* ioctls */
#define TCGETS         0x5401u
#define TCSETS         0x5402u
#define TCSETSW        0x5403u
#define TCSETSF        0x5404u
#define TCGETA         0x5405u
#define TCSETA         0x5406u
#define TCSETAW        0x5407u
#define TCSETAF        0x5408u
#define TCSBRK         0x5409u
#define TCXONC         0x540au
#define TCFLSH         0x540bu
#define TIOCEXCL       0x540cu
#define TIOCNXCL       0x540du
#define TIOCSCTTY      0x540eu
#define TIOCGPGRP      0x540fu
#define TIOCSPGRP      0x5410u
#define TIOCOUTQ       0x5411u
#define TIOCSTI        0x5412u
#define TIOCGWINSZ     0x5413u
#define TIOCSWINSZ     0x5414u
#define FIONREAD       0x541bu
#define FIONBIO        0x5421u
#define TIOCNOTTY      0x5422u
#define TIOCSETD       0x5423u
#define TIOCGETD       0x5424u
#define TCSBRKP        0x5425u
#define TIOCGSID       0x5429u
#define TCGETS2        0x802c542au
#define TCSETS2        0x402c542bu
#define TCSETSW2       0x402c542cu
#define TCSETSF2       0x402c542du
#define TIOCGDEV       0x80045432u
#define TIOCGEXCL      0x80045440u
#define FIONCLEX       0x5450u
#define FIOCLEX        0x5451u
#define FIOASYNC       0x5452u
#define TIOCGLCKTRMIOS 0x5456u
#define TIOCSLCKTRMIOS 0x5457u
#define FIOQSIZE       0x5460u

#endif
