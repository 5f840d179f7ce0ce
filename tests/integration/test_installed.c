/*
 * tests/integration/test_installed.c - an installed copy (build/stage, see mk/test.mk), used as
 * somebody would who has nothing else: the command, the library's symbols, moving and removing it,
 * and the example that follows a process.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/harness.h"

/* A path below the build directory. */
static const char *built(const char *name)
{
    static char path[4][PATH_MAX];
    static unsigned next;
    const char *command = getenv("VITRINE_COMMAND");
    const char *slash = command ? strrchr(command, '/') : NULL;
    char *ret = path[next++ % 4];

    cr_assert(slash != NULL, "VITRINE_COMMAND is not the path of a built vitrine");
    snprintf(ret, PATH_MAX, "%.*s/%s", (int)(slash - command), command, name);
    return ret;
}

/* A copy of the installation at a place of its own; each test has one. */
static const char *move_stage(void)
{
    static char place[PATH_MAX];
    struct command_result result;

    snprintf(place, sizeof place, "%s/moved-%d", getenv("XDG_RUNTIME_DIR"), (int)getpid());
    result = TOOL("cp", "-a", built("stage"), place);
    cr_assert(result.status == 0, "%s", result.err);
    command_free(&result);
    return place;
}

static void remove_tree(const char *place)
{
    struct command_result result = TOOL("rm", "-rf", place);

    cr_assert(result.status == 0, "%s", result.err);
    command_free(&result);
}

/* Is the whole of it found when the tree is moved: the kernel, and our programs in the root? */
VARIANT_TEST_ONE_CPU(installed, may_be_moved)
{
    char command[PATH_MAX];
    const char *place;
    struct command_result result;

    variant_require(variant);
    place = move_stage();
    snprintf(command, sizeof command, "%s/bin/vitrine", place);
    result = TOOL(command, "run", "--quiet", "--accel", vt_accel_name(variant->accel), "--",
                  "/bin/sh", "-c", "test -x /bin/demo && echo here");
    cr_assert(result.status == 0, "status %d: %s", result.status, result.err);
    cr_expect_str_eq(result.out, "here\n");
    command_free(&result);
    remove_tree(place);
}

static void expect_missing(const char *part)
{
    const char *place = move_stage();
    char command[PATH_MAX], path[PATH_MAX];
    struct command_result result;

    if (access("/usr/local/lib/vitrine", F_OK) == 0 || access("/usr/lib/vitrine", F_OK) == 0)
        cr_skip_test("another vitrine is installed, whose parts would be found");
    snprintf(path, sizeof path, "%s/lib/vitrine/%s", place, part);
    remove_tree(path);
    snprintf(command, sizeof command, "%s/bin/vitrine", place);
    result = TOOL(command, "run", "--", "/bin/true");
    cr_expect(result.status == 125, "status %d", result.status);
    cr_expect(strstr(result.err, part) && strstr(result.err, "make install"),
              "what is missing, and what to do? %s", result.err);
    command_free(&result);
    remove_tree(place);
}

/* Is it said what is missing in half an installation? */
Test(installed, missing_kernel_is_named)
{
    expect_missing("vitrine-kernel");
}

Test(installed, missing_programs_are_named)
{
    expect_missing("guest/user");
}

/* Does the shared library show what the headers declare, and nothing else? */
Test(installed, exports_the_public_functions_only)
{
    struct command_result symbols =
        TOOL("nm", "-D", "--defined-only", "--format=posix", built("stage/lib/libvitrine.so"));
    struct command_result headers = TOOL(
        "sh", "-c", "cat \"$0\"/vitrine/*.h | grep -o '\\bv[it][a-z_]*(' | tr -d '(' | sort -u",
        built("stage/include"));
    unsigned exported = 0, declared = 0;

    cr_assert(symbols.status == 0 && headers.status == 0, "%s%s", symbols.err, headers.err);
    for (char *line = strtok(headers.out, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char start[128];

        if (strcmp(line, "vt_options_init") == 0) /* inline */
            continue;
        declared++;
        snprintf(start, sizeof start, "\n%s T ", line);
        cr_expect(
            strstr(symbols.out, start + (strncmp(symbols.out, start + 1, strlen(start) - 1) == 0)),
            "%s is declared, not exported", line);
    }
    for (const char *at = symbols.out; *at != '\0'; at = strchr(at, '\n') + 1) {
        exported++;
        cr_expect(strncmp(at, "vt_", 3) == 0 || strncmp(at, "vitrine_", 8) == 0,
                  "exported, but nobody else's business: %.*s", (int)strcspn(at, "\n"), at);
    }
    cr_expect(exported == declared && declared > 50, "%u exported, %u declared", exported,
              declared);
    command_free(&symbols);
    command_free(&headers);
}

/* Does `make uninstall` leave nothing of what `make install` brought? */
Test(installed, uninstall_removes_everything)
{
    char destination[PATH_MAX];
    struct command_result result;

    snprintf(destination, sizeof destination, "DESTDIR=%s/destination", getenv("XDG_RUNTIME_DIR"));
    unsetenv("MAKEFLAGS"); /* we may be run by make */
    result = TOOL("make", "install-files", destination, "PREFIX=/usr", "LIBDIR=/usr/lib/somewhere",
                  "INSTALL_KERNELS=vitrine-kernel");
    cr_assert(result.status == 0, "%s", result.err);
    command_free(&result);
    result = TOOL("find", strchr(destination, '=') + 1, "-name", "libvitrine.so.1", "-path",
                  "*/usr/lib/somewhere/*");
    cr_expect(result.out_bytes > 0, "the library is not where LIBDIR says");
    command_free(&result);
    result = TOOL("make", "uninstall", destination, "PREFIX=/usr", "LIBDIR=/usr/lib/somewhere",
                  "INSTALL_KERNELS=vitrine-kernel");
    cr_assert(result.status == 0, "%s", result.err);
    command_free(&result);
    result =
        TOOL("find", strchr(destination, '=') + 1, "!", "-type", "d", "-o", "-name", "*vitrine*");
    cr_expect(result.status == 0 && result.out_bytes == 0, "left: %s", result.out);
    command_free(&result);
    remove_tree(strchr(destination, '=') + 1);
}

/* Are options that were never filled in refused, and those of a later version as far as they ask
 * for something? */
Test(installed, options_of_other_versions)
{
    static const char *const argv[] = {"/bin/true", NULL};
    struct {
        struct vt_options options;
        uint64_t later;
    } wide = {.options = {.argv = argv}};
    struct vt_machine *machine;
    struct vt_error *error = vt_machine_create(&wide.options, &machine);

    cr_assert(error != NULL);
    cr_expect(strstr(vt_error_message(error), "vt_options_init()"), "%s", vt_error_message(error));
    vt_error_destroy(error);
    vt_options_init_sized(&wide.options, sizeof wide);
    wide.options.argv = argv;
    wide.later = 1;
    error = vt_machine_create(&wide.options, &machine);
    cr_assert(error != NULL);
    cr_expect(strstr(vt_error_message(error), "does not know"), "%s", vt_error_message(error));
    vt_error_destroy(error);
    wide.later = 0;
    error = vt_machine_create(&wide.options, &machine);
    cr_assert(error == NULL, "%s", error ? vt_error_message(error) : "");
    vt_machine_destroy(machine);
}

/* The example: is what a process does told from when it is followed until its end? */
VARIANT_TEST_ONE_CPU(installed, follow)
{
    static const char *const arguments[] = {"/bin/busybox", "sh", "-c",
                                            "echo here; read word; (exit 1); exit 3", NULL};
    char name[32], line[256], all[65536] = "";
    struct session_settings settings = {
        .arguments = arguments, .keep_input_open = true, .name = name};
    struct session *session;
    int input, output[2];
    pid_t follow;

    variant_require(variant);
    snprintf(name, sizeof name, "follow-%d", (int)getpid());
    session = session_start(variant, &settings);
    session_expect(session, "here");
    cr_assert(pipe2(output, O_CLOEXEC) == 0);
    setenv("VITRINE_COMMAND", built("tests/examples/follow"), 1); /* each test is a process */
    follow = command_start_to((const char *const[]){name, "2", NULL}, output[1], &input);
    close(output[1]);
    FILE *lines = fdopen(output[0], "r");
    cr_assert(fgets(line, sizeof line, lines) != NULL);
    cr_expect_str_eq(line, "following process 2 (busybox)\n");
    session_send(session, "word\n");
    while (fgets(line, sizeof line, lines) != NULL)
        if (strlen(all) + strlen(line) < sizeof all)
            strcat(all, line);
    cr_expect(command_wait(follow) == 0);
    cr_expect_str_eq(line, "process 2 ended with status 3\n");
    cr_expect(strstr(all, "thread 2, by "), "nobody woke it: %s", all);
    cr_expect(strstr(all, "thread 2 gets the processor"), "it never ran: %s", all);
    cr_expect(strstr(all, "thread 2 leaves the processor: "), "it never waited: %s", all);
    cr_expect(strstr(all, "process 3\n"), "its child is not there: %s", all);
    fclose(lines);
    close(input);
    session_wait_exit(session, 3);
    session_destroy(session);
}

/* Is somebody told who asks for a process or a machine that is not there? */
Test(installed, follow_nobody)
{
    struct command_result result = TOOL(built("tests/examples/follow"), "no-such-machine", "2");

    cr_expect(result.status == 1 && strstr(result.err, "no-such-machine"), "%d: %s", result.status,
              result.err);
    command_free(&result);
}
