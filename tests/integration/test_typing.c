/*
 * tests/integration/test_typing.c - what a person does at a terminal with a guest behind it: keys
 * that send signals, line editing, job control, another window size, a paste, full-screen programs.
 *
 * Where the right answer is Linux's, the same keys go to the same busybox on a terminal of the
 * host, and what both showed must be equal byte by byte.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/pty.h"

#define ROWS    30
#define COLUMNS 120

#define CTRL_C         "\x03"
#define CTRL_D         "\x04"
#define CTRL_Z         "\x1a"
#define CTRL_BACKSLASH "\x1c"
#define ESCAPE         "\x1b"
#define PROMPT         "/ # "

static void start_shell(struct pty *pty, const struct variant *variant)
{
    pty_open(pty, ROWS, COLUMNS);
    PTY_RUN(pty, variant, "--", "/bin/busybox", "ash", "-i");
    pty_expect(pty, PROMPT);
}

/* Types a command at the prompt that was just shown. Marks that are waited for are written with an
 * empty pair of quotes in them, so that the echo of the command is not taken for its output. */
static void command(struct pty *pty, const char *line)
{
    pty_type(pty, line);
    pty_type(pty, "\r");
}

static void expect_status(struct pty *pty, int status)
{
    char text[32];

    pty_expect(pty, PROMPT);
    command(pty, "echo rc''=$?,");
    snprintf(text, sizeof text, "rc=%d,", status);
    pty_expect(pty, text);
    pty_expect(pty, PROMPT);
}

static void exit_shell(struct pty *pty)
{
    command(pty, "exit 3");
    cr_assert(pty_wait(pty) == 3, "%s", pty->output);
    pty_check_restored(pty, "the guest's shell");
    pty_close(pty);
}

/* Its shell gives a job the terminal before it continues it: then it says so. */
#define WRITE_JOB                                                                                  \
    "echo 'trap \"echo going on\" CONT; echo waiting; while :; do sleep 1000 & wait $!; done' "    \
    ">/tmp/job"
#define JOB     "sh /tmp/job"
#define WAITING "sh -c 'echo wait\"\"ing; exec sleep 1000'"

/* ---- signals ---- */

/* Do ^C, ^\ and ^D reach the program in the foreground, and only that? */
VARIANT_TEST(typing, signals)
{
    struct pty pty;

    variant_require(variant);
    start_shell(&pty, variant);
    command(&pty, WAITING);
    pty_expect(&pty, "waiting");
    pty_type(&pty, CTRL_C);
    expect_status(&pty, 130);
    /* A shell ignores SIGQUIT until it has executed something. */
    command(&pty, "echo cat''ching; cat");
    pty_expect(&pty, "catching");
    pty_type(&pty, "here\r");
    pty_expect(&pty, "here\r\nhere\r\n");
    pty_type(&pty, CTRL_BACKSLASH);
    expect_status(&pty, 131);
    /* A pipeline is one foreground group. What comes out of it says that all of it is there. */
    command(&pty, "sh -c 'echo wait\"\"ing; exec sleep 1000' | cat | cat");
    pty_expect(&pty, "waiting");
    pty_type(&pty, CTRL_C);
    expect_status(&pty, 130);
    /* ^C at the prompt drops the line, not the shell. */
    pty_type(&pty, "nonsense" CTRL_C);
    expect_status(&pty, 130);
    command(&pty, "echo cat''ching; cat");
    pty_expect(&pty, "catching");
    pty_type(&pty, CTRL_D);
    expect_status(&pty, 0);
    pty_type(&pty, CTRL_D);
    cr_assert(pty_wait(&pty) == 0);
    pty_check_restored(&pty, "^D");
    pty_close(&pty);
}

/* Do ^Z, bg, fg and jobs work, and is a reader in the background stopped? */
VARIANT_TEST(typing, job_control)
{
    struct pty pty;

    variant_require(variant);
    start_shell(&pty, variant);
    command(&pty, WRITE_JOB);
    pty_expect(&pty, PROMPT);
    command(&pty, JOB);
    pty_expect(&pty, "waiting");
    pty_type(&pty, CTRL_Z);
    pty_expect(&pty, "[1]+  Stopped");
    expect_status(&pty, 148);
    command(&pty, "jobs");
    pty_expect(&pty, "[1]+  Stopped");
    pty_expect(&pty, PROMPT);
    command(&pty, "bg; read line; jobs");
    pty_expect(&pty, "[1] " JOB);
    pty_expect(&pty, "going on");
    pty_type(&pty, "\r");
    pty_expect(&pty, "[1]+  Running");
    pty_expect(&pty, PROMPT);
    command(&pty, "fg");
    pty_expect(&pty, "going on");
    pty_type(&pty, CTRL_Z);
    pty_expect(&pty, "[1]+  Stopped");
    pty_expect(&pty, PROMPT);
    /* A stopped process does not end before it goes on. */
    command(&pty, "kill %1; jobs; fg");
    pty_expect(&pty, "[1]+  Stopped");
    pty_expect(&pty, "Terminated");
    expect_status(&pty, 143);
    command(&pty, "cat & wait; jobs");
    pty_expect(&pty, "Stopped (tty input)");
    pty_expect(&pty, PROMPT);
    command(&pty, "fg");
    pty_expect(&pty, "cat\r\n");
    pty_type(&pty, "hello\r");
    pty_expect(&pty, "hello\r\nhello\r\n");
    pty_type(&pty, CTRL_D);
    expect_status(&pty, 0);
    command(&pty, "stty tostop; (echo from''behind) & wait; jobs");
    pty_expect(&pty, "Stopped (tty output)");
    pty_expect(&pty, PROMPT);
    command(&pty, "fg");
    pty_expect(&pty, "frombehind\r\n");
    expect_status(&pty, 0);
    exit_shell(&pty);
}

/* ---- line editing ---- */

struct key_step {
    const char *keys, *shown; /* type, then wait for this */
};

/* What was shown, with every control character to be seen; never freed, for a failing test. */
static const char *visible(const struct pty *pty)
{
    char *text = malloc(4 * pty->bytes + 1);
    size_t used = 0;

    cr_assert(text != NULL);
    text[0] = '\0';
    for (size_t i = 0; i < pty->bytes; i++) {
        unsigned char byte = (unsigned char)pty->output[i];

        used += (size_t)sprintf(text + used, byte >= 32 && byte < 127 ? "%c" : "<%02x>", byte);
    }
    return text;
}

/* The same keys, here and on the host: is the same shown? */
static void compare_with_host(const struct variant *variant, const char *script,
                              const struct key_step *steps)
{
    struct pty guest, host;
    struct pty *each[] = {&host, &guest};

    pty_open(&host, ROWS, COLUMNS);
    pty_open(&guest, ROWS, COLUMNS);
    pty_start(&host, (const char *const[]){"busybox", "sh", "-c", script, NULL}, NULL);
    PTY_RUN(&guest, variant, "--", "/bin/busybox", "sh", "-c", script);
    for (int i = 0; i < 2; i++) {
        pty_expect(each[i], "ready");
        for (const struct key_step *step = steps; step->keys != NULL; step++) {
            pty_type(each[i], step->keys);
            pty_expect(each[i], step->shown);
        }
    }
    int on_host = pty_wait(&host), in_guest = pty_wait(&guest);
    cr_assert(on_host == in_guest, "status %d on the host, %d in the guest", on_host, in_guest);
    cr_assert(host.bytes == guest.bytes && memcmp(host.output, guest.output, host.bytes) == 0,
              "\"%s\"\nthe host showed:  %s\nthe guest showed: %s", script, visible(&host),
              visible(&guest));
    pty_close(&host);
    pty_close(&guest);
}

#define READER "cat -vet; echo end=$?"

VARIANT_TEST_ONE_CPU(typing, line_editing)
{
    static const struct key_step steps[] = {
        {"abx\x7f"
         "c\r",
         "abc$"},
        {"\x7f\x7fnothing before\r", "nothing before$"},
        {"junk\x15good\r", "good$"},
        {"one two\x17three\r", "one three$"},
        {"one  two, x \x17\x17\x17z\r", "z$"},
        {"tab\there\x7f\x7f\x7f\x7f\x7fx\r", "tabx$"},
        {"a\x16\x03"
         "b\r",
         "a^Cb$"},
        {"ctl\x01\x02\x7f\x7fz\r", "ctlz$"},
        {"\x16\x7fq\x15r\r", "r$"},
        {"again\x12\r", "again$"},
        {"gr\xc3\xbcn\xe2\x82\xac\x7f\x7fx\r", "x$"},
        {"gr\xc3\xbcn\xe2\x82\xac\x17y\r", "y$"},
        {"part\x04", "part"},
        {"\x16\x04ial\r", "^Dial$"},
        {"a\nb\r", "b$"},
        {"stop\x13\x11go\r", "stopgo$"},
        {"\x04", "end=0"},
        {NULL, NULL},
    };

    variant_require(variant);
    compare_with_host(variant, "stty iutf8; echo ready; " READER, steps);
}

/* The switches of termios that programs use: is each obeyed as on Linux? */
VARIANT_TEST_ONE_CPU(typing, settings)
{
    static const struct key_step quiet[] = {{"abx\x7f"
                                             "c\r",
                                             "abc$"},
                                            {"\x04", "end=0"},
                                            {NULL, NULL}};
    static const struct key_step mapped[] = {{"a\rb\n", "a^Mb$"}, {"\x04", "end=0"}, {NULL, NULL}};
    static const struct key_step plain[] = {{"ab\x7f"
                                             "c\x17"
                                             "d\x15"
                                             "e\r",
                                             "e$"},
                                            {"\x04", "end=0"},
                                            {NULL, NULL}};
    static const struct key_step raw[] = {{"ab\x04\x7f\r\n\x03\xff\xc3", "303"}, {NULL, NULL}};
    static const struct key_step timed[] = {{"xyz", "bytes=3"}, {NULL, NULL}};
    static const struct key_step typed_ahead[] = {
        {"first\rsecond\r", "b=second"}, {"x", "got=x"}, {NULL, NULL}};

    variant_require(variant);
    compare_with_host(variant, "stty -echo; echo ready; " READER, quiet);
    compare_with_host(variant, "stty -echo echonl; echo ready; " READER, quiet);
    compare_with_host(variant, "stty -icrnl; echo ready; " READER, mapped);
    compare_with_host(variant, "stty -echoe -echoke -echoctl; echo ready; " READER, plain);
    compare_with_host(variant, "stty -onlcr; echo ready; " READER, quiet);
    compare_with_host(variant, "stty -opost; echo ready; " READER, quiet);
    compare_with_host(variant,
                      "stty ocrnl; printf 'a\\rb\\n'; stty tab3; printf 'a\\tb\\tc\\n'; "
                      "stty olcuc; echo lower; stty -olcuc -ocrnl; echo ready; " READER,
                      quiet);
    compare_with_host(variant,
                      "stty raw -echo; echo ready; dd bs=1 count=9 2>/dev/null | od -An -b", raw);
    compare_with_host(variant,
                      "stty -icanon -echo min 3 time 0; echo ready; "
                      "dd bs=16 count=1 2>/dev/null | wc -c | sed s/^/bytes=/",
                      timed);
    compare_with_host(variant,
                      "stty -icanon -echo min 0 time 1; dd bs=16 count=1 2>/dev/null | wc -c; "
                      "stty sane; echo ready; read a; read b; echo b=$b; stty -icanon min 1; "
                      "c=$(dd bs=1 count=1 2>/dev/null); echo got=$c",
                      typed_ahead);
}

/* ---- the window ---- */

VARIANT_TEST(typing, window_size)
{
    struct pty pty;

    variant_require(variant);
    pty_open(&pty, ROWS, COLUMNS);
    PTY_RUN(
        &pty, variant, "--", "/bin/busybox", "sh", "-c",
        "stty size; trap 'stty size' WINCH; echo ready; while :; do sleep 1000 & wait $!; done");
    pty_expect(&pty, "30 120\r\nready\r\n");
    pty_set_window(&pty, 50, 90);
    pty_expect(&pty, "50 90\r\n");
    /* Many changes: the last one counts. */
    for (unsigned short i = 1; i <= 100; i++)
        pty_set_window(&pty, (unsigned short)(100 + i), (unsigned short)(200 + i));
    pty_expect(&pty, "200 300\r\n");
    pty_close(&pty);
}

/* A size that is set at any moment of the start, is it known in the guest in the end? */
VARIANT_TEST_ONE_CPU(typing, window_size_at_start)
{
    variant_require(variant);
    for (int moment = 0; moment < 4; moment++) {
        struct pty pty;

        pty_open(&pty, 0, 0);
        PTY_RUN(
            &pty, variant, "--", "/bin/busybox", "sh", "-c",
            "until [ \"$(stty size 2>/dev/null)\" = '50 90' ]; do usleep 2000; done; echo known");
        if (moment == 1)
            pty_wait_raw(&pty, true);
        pty_set_window(&pty, 50, 90);
        pty_expect(&pty, "known");
        cr_assert(pty_wait(&pty) == 0);
        pty_close(&pty);
    }
}

/* Of a terminal without a size, does stty say what it says on the host? (It prints whatever errno
 * was left over: "No child processes" after a child.) */
VARIANT_TEST_ONE_CPU(typing, window_without_size)
{
    static const char script[] = "sleep 0; stty size";
    struct pty host, guest;

    variant_require(variant);
    pty_open(&host, 0, 0);
    pty_open(&guest, 0, 0);
    pty_start(&host, (const char *const[]){"busybox", "sh", "-c", script, NULL}, NULL);
    PTY_RUN(&guest, variant, "--", "/bin/busybox", "sh", "-c", script);
    int on_host = pty_wait(&host), in_guest = pty_wait(&guest);
    cr_assert(on_host == in_guest, "status %d on the host, %d in the guest", on_host, in_guest);
    cr_assert_str_eq(guest.output, host.output);
    pty_close(&host);
    pty_close(&guest);
}

/* ---- signals while a parent waits ---- */

/* Does every wait4() give the child and its status, though SIGINT and SIGWINCH hit it all the time?
 */
VARIANT_TEST(typing, signals_during_wait)
{
    unsigned rounds, keys = 0;
    char count[16];
    struct pty pty;

    variant_require(variant);
    rounds = harness_count(variant, 400, 16, true);
    snprintf(count, sizeof count, "%u", rounds);
    pty_open(&pty, ROWS, COLUMNS);
    PTY_RUN(&pty, variant, "--", guest_program("wait_storm"), count);
    pty_expect(&pty, "ready");
    /* A few for each child: they come while its parent waits, while it ends, and later. */
    while (pty_expect_or_end(&pty, ".")) {
        for (unsigned i = 0; i <= keys % 3; i++)
            pty_type(&pty, CTRL_C);
        pty_set_window(&pty, (unsigned short)(20 + keys++ % 50), COLUMNS);
        if (strstr(pty.output, "waited") != NULL)
            break;
    }
    cr_assert(strstr(pty.output, "waited") != NULL, "after %u rounds: %s", keys, pty.output);
    /* Not before: at the end of the machine the terminal is the host's, and ^C ours. */
    pty_type(&pty, "\r");
    cr_assert(pty_wait(&pty) == 0);
    pty_check_restored(&pty, "a storm of signals");
    pty_close(&pty);
}

/* ---- bytes ---- */

/* Does a big paste with all byte values come in, and out again, unharmed? */
VARIANT_TEST_ONE_CPU(typing, binary_paste)
{
    size_t bytes, start;
    unsigned char *data;
    char script[128];
    struct pty pty;

    variant_require(variant);
    bytes = harness_count(variant, 300000, 16, false);
    data = malloc(bytes);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (unsigned char)(i * 7 + i / 251);
    snprintf(script, sizeof script, "stty raw -echo; echo ready; head -c %zu", bytes);
    pty_open(&pty, ROWS, COLUMNS);
    PTY_RUN(&pty, variant, "--", "/bin/busybox", "sh", "-c", script);
    start = pty_expect(&pty, "ready\n") + 6;
    pty_type_bytes(&pty, data, bytes);
    cr_assert(pty_wait(&pty) == 0);
    pty_expect_count(&pty, start + bytes);
    cr_assert(pty.bytes == start + bytes && memcmp(pty.output + start, data, bytes) == 0,
              "the bytes that came back are not the same");
    pty_close(&pty);
    free(data);
}

/* Do many lines, pasted at once, come in whole; and what becomes of one longer than the terminal's
 * buffer? */
VARIANT_TEST_ONE_CPU(typing, pasted_lines)
{
    static const char script[] = "stty -echo; echo ready; head -n 1 | wc -c; cat > /tmp/paste.$$; "
                                 "md5sum < /tmp/paste.$$; wc < /tmp/paste.$$; rm /tmp/paste.$$";
    size_t lines, used = 0;
    char *text, *long_line;
    struct pty host, guest;
    struct pty *each[] = {&host, &guest};

    variant_require(variant);
    lines = harness_count(variant, 4000, 16, false);
    text = malloc(lines * 80);
    for (size_t i = 0; i < lines; i++)
        used += (size_t)sprintf(text + used, "line %zu: gr\xc3\xbc\xc3\x9f %*s\n", i, (int)(i % 40),
                                "x");
    long_line = malloc(6001);
    memset(long_line, 'l', 6000);
    long_line[5999] = '\n';
    pty_open(&host, ROWS, COLUMNS);
    pty_open(&guest, ROWS, COLUMNS);
    pty_start(&host, (const char *const[]){"busybox", "sh", "-c", script, NULL}, NULL);
    PTY_RUN(&guest, variant, "--", "/bin/busybox", "sh", "-c", script);
    for (int i = 0; i < 2; i++) {
        pty_expect(each[i], "ready");
        pty_type_bytes(each[i], long_line, 6000);
        pty_expect(each[i], "4096\r\n");
        pty_type_bytes(each[i], text, used);
        pty_type(each[i], CTRL_D);
        cr_assert(pty_wait(each[i]) == 0);
    }
    cr_assert_str_eq(guest.output, host.output);
    pty_close(&host);
    pty_close(&guest);
    free(text);
    free(long_line);
}

/* ---- full-screen programs ---- */

/* Can a text be written in vi, and read there and in less? */
VARIANT_TEST_ONE_CPU(typing, full_screen)
{
    struct pty pty;

    variant_require(variant);
    start_shell(&pty, variant);
    command(&pty, "vi /tmp/text");
    pty_expect(&pty, "- /tmp/text");
    /* vi waits a while for more of a key that begins like this one. */
    pty_type(&pty, "ifirst line\rsecnd" ESCAPE);
    pty_expect(&pty, "- /tmp/text [Modified]");
    pty_type(&pty, "4Xisecon" ESCAPE);
    pty_expect(&pty, "- /tmp/text [Modified]");
    pty_type(&pty, ":wq\r");
    expect_status(&pty, 0);
    command(&pty, "cat -e /tmp/text");
    pty_expect(&pty, "first line$\r\nsecond$\r\n");
    pty_expect(&pty, PROMPT);
    command(&pty, "seq 1001 1500 > /tmp/numbers; less /tmp/numbers");
    pty_expect(&pty, "1029");
    cr_assert(memmem(pty.output, pty.bytes, "1031", 4) == NULL);
    pty_expect(&pty, "/tmp/numbers");
    pty_type(&pty, " ");
    pty_expect(&pty, "1058");
    pty_expect(&pty, ":");
    pty_type(&pty, "/1400\r");
    pty_expect(&pty, "1428");
    pty_expect(&pty, ":");
    pty_type(&pty, "q");
    expect_status(&pty, 0);
    exit_shell(&pty);
}
