/*
 * tests/integration/test_judges.c - other people's tests of Linux as judges, unmodified: the kernel's
 * own self-tests, from Debian's sources. ../judges says which, what is expected and why.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/harness.h"
#include "tests/integration/shell_guest.h"

#define LIST "tests/judges/kernel_selftests"

/* Seconds until a program counts as hung. */
enum { JUDGE_SECONDS = 120 };

static char directory[64], root[96], kept[PATH_MAX];

static void setup(void)
{
    const char *command = getenv("VITRINE_COMMAND");

    strcpy(directory, "/tmp/vitrine-judges-XXXXXX");
    cr_assert(mkdtemp(directory) != NULL);
    snprintf(root, sizeof root, "%s/root", directory);
    setenv("XDG_CACHE_HOME", directory, 1);
    /* Beside the command: in the build's folder. */
    cr_assert(command != NULL && strrchr(command, '/') != NULL);
    snprintf(kept, sizeof kept, "%.*s/tests/judges", (int)(strrchr(command, '/') - command),
             command);
    command_free((struct command_result[]){TOOL("mkdir", "-p", root)});
}

static void teardown(void)
{
    command_free((struct command_result[]){TOOL("rm", "-rf", directory)});
}

TestSuite(judges, .init = setup, .fini = teardown, .timeout = 3600);

static void require_root(void)
{
    struct command_result made = TOOL("sh", "tests/judges/fetch.sh", LIST, root, kept);

    if (made.status == 3)
        cr_skip_test("the judges are not there: %s", made.out);
    cr_assert(made.status == 0, "status %d: %s", made.status, made.err);
    command_free(&made);
}

static void judge(struct shell_guest *guest, const char *line)
{
    char name[64], why[160] = "", text[512];
    int expected[2], status;

    if (*line == '#' || *line == '\n')
        return;
    cr_assert(sscanf(line, "%63s %d %d %159[^\n]", name, &expected[0], &expected[1], why) >= 3,
              "no line of the list: %s", line);
    for (char *at = name; *at != '\0'; at++)
        if (*at == '/')
            *at = '-';
    snprintf(
        text, sizeof text,
        "cd /tmp; /judges/%s >said 2>&1; s=$?; n=$(grep -cE \"^(not ok|FAIL)\" said); "
        "test $s.$n = %d.%d || { grep -v \"^ok\" said | tail -n 40; echo \"status $s, $n lines "
        "begin with not ok\"; false; }",
        name, expected[0], expected[1]);
    status = shell_guest_run(guest, text, JUDGE_SECONDS);
    cr_expect(status == 0, "%s: %s; expected: status %d and %d \"not ok\" or \"FAIL\" (%s)\n%s",
              name, status == SHELL_HUNG ? "hangs" : "is not as expected", expected[0], expected[1],
              why, shell_guest_said(guest));
}

/* Does each program of the kernel's self-tests find what the list says? */
VARIANT_TEST(judges, kernel_selftests)
{
    static const char *const environment[] = {"PATH=/bin", "HOME=/tmp", NULL};
    struct shell_guest guest;
    char line[256];
    FILE *list;

    variant_require(variant);
    if (!harness_is_long() || harness_is_slow(variant))
        cr_skip_test("for the long run, where kernel code is not interpreted");
    require_root();
    list = fopen(LIST, "r");
    cr_assert(list != NULL, "no " LIST);
    shell_guest_start(&guest, variant, root, environment);
    cr_assert(shell_guest_run(&guest, "mount -t tmpfs tmp /tmp", JUDGE_SECONDS) == 0);
    while (fgets(line, sizeof line, list) != NULL)
        judge(&guest, line);
    fclose(list);
    shell_guest_finish(&guest);
}
