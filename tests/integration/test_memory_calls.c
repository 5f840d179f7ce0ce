/*
 * tests/integration/test_memory_calls.c - does memory behave as on Linux? The same static programs
 * run on this host and in the guest, and say the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/harness.h"

/* The first line in which the two differ fails the test. */
static void compare(const char *here, const char *there)
{
    for (unsigned line = 1; *here || *there; line++) {
        size_t mine = strcspn(here, "\n"), other = strcspn(there, "\n");

        cr_assert(mine == other && strncmp(here, there, mine) == 0,
                  "line %u: this host says '%.*s', the guest '%.*s'", line, (int)mine, here,
                  (int)other, there);
        here += mine + (here[mine] != '\0');
        there += other + (there[other] != '\0');
    }
}

/* `here`, `there`: an argument for each side. */
static void check_same(const struct variant *variant, const char *name, const char *here,
                       const char *there)
{
    const char *program = guest_program(name);
    const char *arguments[] = {program, there, NULL};
    struct session_settings settings = {.arguments = arguments};
    size_t bytes;

    struct command_result host = TOOL(program, here);
    cr_assert(host.status == 0 && host.out_bytes > 100, "on this host: status %d", host.status);
    struct session *session = session_start(variant, &settings);
    session_wait_exit(session, 0);
    compare(host.out, session_stdout(session, &bytes));
    session_destroy(session);
    command_free(&host);
}

/* mmap, mremap, madvise, mincore, mlock, limits, stacks, rights, randomness. */
VARIANT_TEST(memory_calls, as_on_linux)
{
    variant_require(variant);
    if (geteuid() != 0)
        cr_skip("on this host the program must start as root, as it does in the guest");
    check_same(variant, "memory_calls", NULL, NULL);
}

/* Files that are mapped, read, written, cut, punched and sealed; the last one is the image's. */
VARIANT_TEST(memory_calls, files_as_on_linux)
{
    char name[] = "/tmp/vitrine-old-file-XXXXXX";
    static const char text[] = "these words were here before";

    variant_require(variant);
    int fd = mkstemp(name);
    cr_assert(fd >= 0 && write(fd, text, sizeof text) == sizeof text);
    close(fd);
    check_same(variant, "memory_files", name, "/etc/passwd");
    unlink(name);
}
