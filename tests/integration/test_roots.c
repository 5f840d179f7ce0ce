/*
 * tests/integration/test_roots.c - one tree as a directory and as four kinds of archive, made by
 * tar and cpio themselves: does a program in the guest find what a program on the host finds there?
 *
 * The judge is one script that busybox runs in both places. Whatever is not in the tree's own
 * nature (sizes of directories, blocks of a sparse file) it leaves out.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/harness.h"

#define ORDINARY_USER 65534

static const char *const kinds[] = {"root", "root.tar", "root.tar.gz", "root.cpio", "root.cpio.gz"};
#define KINDS (sizeof kinds / sizeof *kinds)

/* Owners and device nodes are root's to make; without root the tree has what its owner can make. */
static const char make_tree[] =
    "set -e\n"
    "mkdir -p root/bin root/dev root/proc root/tmp root/data/empty/too root/data/owned "
    "root/data/sticky\n"
    "cp /bin/busybox root/bin/busybox && ln -s busybox root/bin/sh && cd root/data\n"
    "echo plain >plain && : >nothing && echo a >'two words, \"quoted\"' && echo b >gr\303\274n\n"
    "echo one >first && ln first second && ln first owned/third\n"
    "ln -s plain link && ln -s ../../data/owned up && ln -s nowhere dangling && ln -s loop loop\n"
    "mkfifo -m 620 fifo && touch setuid setgid secret && echo c >$(printf '%255s' | tr ' ' n)\n"
    "long=$(seq -f directory-%03.0f -s / 24) && mkdir -p $long && echo d >$long/$(seq -s - 40)\n"
    "truncate -s 16M sparse && echo middle | dd of=sparse bs=1M seek=9 conv=notrunc 2>/dev/null\n"
    "echo end >>sparse\n"
    "if [ $(id -u) = 0 ]; then\n"
    "  chown 1000:100 owned && chown 70000:65534 owned/third setuid && chown -h 7:8 link\n"
    "  mknod null c 1 3 && mknod disk b 8 17 && mknod large c 511 70000 && chown 3:4 disk fifo\n"
    "fi\n"
    "chmod 4755 setuid && chmod 2711 setgid && chmod 1777 sticky && chmod 710 owned ..\n"
    "chmod 600 secret && chmod 500 empty/too\n"
    "find .. -exec touch -h -d @1000000007 {} +\n";

static const char make_archives[] =
    "set -e\n"
    "tar -C root --format=gnu --sparse -cf root.tar .\n"
    "LC_ALL=C.UTF-8 tar -C root --format=pax -czf root.tar.gz .\n"
    "(cd root && find . | sort | cpio -o -H newc --quiet >../root.cpio) && gzip -1k root.cpio\n";

/* What `sh -c` runs, in the guest and on the host; $1 is where the tree is. */
static const char judge[] = "b=$1/bin/busybox; export TZ=UTC0 LC_ALL=C; cd $1/data\n"
                            "$b stat -c '%f|%u|%g|%Y' ..\n"
                            "$b find . -exec $b stat -c '%n|%f|%u|%g|%t:%T|%Y' {} + | $b sort\n"
                            "$b find . ! -type d -exec $b ls -lan {} + | $b sort\n"
                            "$b find . -type f -exec $b sha256sum {} + | $b sort\n";

static char directory[64];

static char *output_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *output_of(const char *format, ...)
{
    char *command, *text = NULL;
    size_t room = 0;
    va_list arguments;

    va_start(arguments, format);
    cr_assert(vasprintf(&command, format, arguments) >= 0);
    va_end(arguments);
    FILE *stream = popen(command, "r");
    cr_assert(stream != NULL);
    if (getdelim(&text, &room, '\0', stream) < 0)
        text = strdup("");
    cr_assert(pclose(stream) == 0, "%s", command);
    free(command);
    return text;
}

#define RUN(...) free(output_of(__VA_ARGS__))

static const char *in_directory(const char *name)
{
    static char paths[4][160];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof *paths, "%s/%s", directory, name);
    return path;
}

/*
 * `vitrine`, its kernel and one program are copied to where an ordinary user can reach them,
 * wherever the sources are; caches and sockets of these tests are there too.
 */
static void setup(void)
{
    const char *command = getenv("VITRINE_COMMAND");

    strcpy(directory, "/tmp/vitrine-roots-XXXXXX");
    cr_assert(mkdtemp(directory) != NULL);
    RUN("cp %s %s-kernel %s %s && cd %s && mkdir -m 700 run cache && chmod 755 .", command, command,
        guest_program("exec_args"), directory, directory);
    RUN("cd %s && %s", directory, make_tree);
    if (geteuid() == 0)
        cr_assert(chown(in_directory("run"), ORDINARY_USER, ORDINARY_USER) == 0 &&
                  chown(in_directory("cache"), ORDINARY_USER, ORDINARY_USER) == 0);
    setenv("VITRINE_COMMAND", in_directory("vitrine"), 1);
    setenv("XDG_RUNTIME_DIR", in_directory("run"), 1);
    setenv("XDG_CACHE_HOME", in_directory("cache"), 1);
}

static void setup_with_archives(void)
{
    setup();
    RUN("cd %s && %s", directory, make_archives);
}

static void teardown(void)
{
    RUN("rm -rf %s", directory);
}

TestSuite(roots, .init = setup_with_archives, .fini = teardown);
TestSuite(bad_roots, .init = setup, .fini = teardown);

static struct command_result judge_root(const struct variant *variant, unsigned user,
                                        const char *kind)
{
    const char *arguments[] = {"run",      "--quiet",
                               "--accel",  vt_accel_name(variant->accel),
                               "--rootfs", in_directory(kind),
                               "--",       "/bin/busybox",
                               "sh",       "-c",
                               judge,      "judge",
                               "",         NULL};

    return command_run_as(user, arguments);
}

static void expect_output(struct command_result result, const char *expected, const char *about)
{
    const char *got = result.out, *wanted = expected;

    cr_assert(result.status == 0 && result.err_bytes == 0, "%s: status %d: %s", about,
              result.status, result.err);
    for (const char *p = got, *q = wanted; *p != '\0' && *p == *q; p++, q++)
        if (*p == '\n') {
            got = p + 1;
            wanted = q + 1;
        }
    cr_assert(strcmp(result.out, expected) == 0, "%s: the guest says\n%.300s\nthe host\n%.300s",
              about, got, wanted);
    command_free(&result);
}

/* A judge that sees nothing would find all trees equal. */
static char *judge_on_host(void)
{
    char *text = output_of("/bin/busybox sh -c \"$(cat <<'END'\n%s\nEND\n)\" judge %s", judge,
                           in_directory("root"));

    cr_assert(strstr(text, "./setgid|85c9|") && strstr(text, "./sticky|43ff|") &&
                  strstr(text, "|1000000007\n") && strstr(text, "./dangling -> nowhere\n") &&
                  strstr(text, "  16777220 Sep  9  2001 ./sparse\n"),
              "%s", text);
    if (geteuid() == 0)
        cr_assert(strstr(text, "./setuid|89ed|70000|65534|0:0|") != NULL &&
                      strstr(text, "./disk|61a4|3|4|8:11|") != NULL &&
                      strstr(text, "./large|21a4|0|0|1ff:11170|") != NULL,
                  "%s", text);
    return text;
}

/*
 * Does every kind of root show the guest the same tree, and is a program of the host added to it?
 * How the image was made is nothing to the backend: the slow one sees one kind.
 */
VARIANT_TEST_ONE_CPU(roots, same_tree)
{
    variant_require(variant);
    char *expected = judge_on_host();

    for (size_t i = harness_is_slow(variant) ? KINDS - 1 : 0; i < KINDS; i++) {
        expect_output(judge_root(variant, geteuid(), kinds[i]), expected, kinds[i]);
        struct command_result result =
            COMMAND("run", "--quiet", "--accel", vt_accel_name(variant->accel), "--rootfs",
                    in_directory(kinds[i]), "--", in_directory("exec_args"), "added");
        cr_assert(result.status == 0 && strstr(result.out, "argument 1 <added>\n") != NULL,
                  "%s: status %d: %s%s", kinds[i], result.status, result.out, result.err);
        command_free(&result);
    }
    free(expected);
}

static const struct variant one_qemu = {.accel = VT_ACCEL_QEMU, .cpus = 1};

static void expect_refusal(struct command_result result, const char *about, const char *reason)
{
    char *end = strchr(result.err, '\n');

    cr_assert(result.status == 125 && result.out_bytes == 0, "%s: status %d: %s", about,
              result.status, result.err);
    cr_assert(strncmp(result.err, "vitrine: ", 9) == 0 && end != NULL && end[1] == '\0' &&
                  strstr(result.err, reason) != NULL,
              "%s, not one line with '%s': %s", about, reason, result.err);
    command_free(&result);
}

/*
 * Has a user without any rights the same tree? From an archive in any case; from a directory once
 * all of it can be read, and the file that cannot is named.
 */
Test(roots, ordinary_user)
{
    variant_require(&one_qemu);
    if (geteuid() != 0)
        cr_skip_test("only root can become another user; the other tests ran as an ordinary one");
    char *expected = judge_on_host();

    for (size_t i = 1; i < KINDS; i++)
        expect_output(judge_root(&one_qemu, ORDINARY_USER, kinds[i]), expected, kinds[i]);
    expect_refusal(judge_root(&one_qemu, ORDINARY_USER, "root"), "a tree of somebody else's",
                   "Permission denied");
    free(expected);
    RUN("cd %s && chmod -R o+rX root && find root -exec touch -h -d @1000000007 {} +", directory);
    expected = output_of("/bin/busybox sh -c \"$(cat <<'END'\n%s\nEND\n)\" judge %s", judge,
                         in_directory("root"));
    cr_assert(strstr(expected, "./setuid|89ed|70000|65534|") != NULL, "%s", expected);
    expect_output(judge_root(&one_qemu, ORDINARY_USER, "root"), expected, "a readable tree");
    free(expected);
    RUN("cd %s && chmod 600 root.tar && chmod 700 root", directory);
    expect_refusal(judge_root(&one_qemu, ORDINARY_USER, "root.tar"),
                   "an archive of somebody else's", "root.tar': Permission denied");
    expect_refusal(judge_root(&one_qemu, ORDINARY_USER, "root"), "a closed directory",
                   "root': Permission denied");
}

/* ---- the cache ---- */

static unsigned images_in_cache(ino_t *ret_last)
{
    DIR *stream = opendir(in_directory("cache/vitrine/images"));
    unsigned count = 0;

    cr_assert(stream != NULL);
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;)
        if (entry->d_name[0] != '.') {
            count++;
            *ret_last = entry->d_ino;
        }
    closedir(stream);
    return count;
}

static void expect_plain(const char *kind, const char *content)
{
    struct command_result result =
        COMMAND("run", "--quiet", "--accel", "qemu", "--rootfs", in_directory(kind), "--",
                "/bin/busybox", "cat", "/data/plain");

    expect_output(result, content, kind);
}

/*
 * Is the image made once, and anew after a change? An image that is made replaces the file in the
 * cache, so the same inode is the same image. The change keeps size and time.
 */
Test(roots, cache)
{
    variant_require(&one_qemu);
    RUN("cd %s && rm root.* root/data/sparse && %s", directory, make_archives);
    for (size_t i = 0; i < KINDS; i++) {
        ino_t first = 0, second = 0;

        RUN("cd %s && rm -rf cache/vitrine", directory);
        expect_plain(kinds[i], "plain\n");
        cr_assert(images_in_cache(&first) == 1, "%s", kinds[i]);
        expect_plain(kinds[i], "plain\n");
        cr_assert(images_in_cache(&second) == 1 && first == second, "%s was made twice", kinds[i]);
        RUN("cd %s && rm -f root.* && echo other >root/data/plain && touch -d @1000000007 "
            "root/data/plain && %s",
            directory, make_archives);
        expect_plain(kinds[i], "other\n");
        cr_assert(images_in_cache(&second) == 2, "%s", kinds[i]);
        RUN("cd %s && rm -f root.* && echo plain >root/data/plain && touch -d @1000000007 "
            "root/data/plain && %s",
            directory, make_archives);
    }
}

/* ---- what cannot be a root ---- */

static struct command_result run_root(const char *root, const char *program)
{
    return COMMAND("run", "--quiet", "--accel", "qemu", "--rootfs", in_directory(root), "--",
                   program, "cat", "/data/plain");
}

/* Is an archive that ends too soon refused, wherever it ends, and is nothing of it kept? */
Test(bad_roots, truncated)
{
    static const char *const names[] = {"root.tar", "root.tar.gz", "root.cpio", "root.cpio.gz"};

    RUN("cd %s && rm root/data/sparse && %s", directory, make_archives);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (unsigned part = 1; part < 8; part += 3) {
            RUN("cd %s && head -c $(($(stat -c %%s %s) * %u / 8 + 77)) %s >short", directory,
                names[i], part, names[i]);
            expect_refusal(run_root("short", "/bin/busybox"), names[i],
                           "cannot read the rootfs archive");
        }
    RUN("cd %s && [ -z \"$(find cache -type f -path '*images*')\" ]", directory);
}

Test(bad_roots, other_formats)
{
    RUN("cd %s && gzip -c root/bin/busybox >program.gz && printf 'PK\\003\\004%%100s' >file.zip && "
        "ln -s loop-b loop-a && ln -s loop-a loop-b && mkfifo pipe",
        directory);
    expect_refusal(run_root("program.gz", "/bin/busybox"), "a compressed program",
                   "it must be cpio or tar");
    expect_refusal(run_root("file.zip", "/bin/busybox"), "a zip", "it must be cpio or tar");
    expect_refusal(run_root("root/bin/busybox", "/bin/busybox"), "a program", "cpio or tar");
    expect_refusal(run_root("loop-a", "/bin/busybox"), "a loop of links",
                   "loop-a': Too many levels of symbolic links");
    expect_refusal(run_root("pipe", "/bin/busybox"), "a pipe", "neither a directory nor a file");
}

/* Can an archive reach anything outside the root? Its '/' is the guest's, '..' and ways through
 * links are refused. */
Test(bad_roots, escape)
{
    variant_require(&one_qemu);
    RUN("cd %s && tar -P --transform='s,^root,,S' -cf absolute.tar root/bin root/data/plain && "
        "tar tPf absolute.tar | grep -qx /data/plain && "
        "tar -P --transform='s,^root/data/plain$,data/../../plain,' -cf up.tar root && "
        "mkdir -p a/outside away b && echo intruder >a/outside/file && ln -s %s/away b/outside && "
        "tar -cf through.tar -C b outside && tar -rf through.tar -C ../$(basename %s)/a "
        "outside/file",
        directory, directory, directory);
    expect_output(run_root("absolute.tar", "/bin/busybox"), "plain\n", "absolute names");
    expect_refusal(run_root("up.tar", "/bin/busybox"), "a name with ..", "data/../../plain");
    expect_refusal(run_root("through.tar", "/bin/busybox"), "a name below a link", "outside/file");
    RUN("cd %s && [ ! -e plain ] && [ ! -e ../plain ] && [ -z \"$(ls away)\" ]", directory);
}

/* A link that leads to itself is no program (as in a shell), and an error for who follows it
 * inside. */
Test(bad_roots, loop_inside)
{
    struct command_result result;

    variant_require(&one_qemu);
    result = run_root("root", "/data/loop");
    cr_assert(result.status == 127 && strchr(result.err, '\n')[1] == '\0', "status %d: %s",
              result.status, result.err);
    command_free(&result);
    result = COMMAND("run", "--quiet", "--accel", "qemu", "--rootfs", in_directory("root"), "--",
                     "/bin/busybox", "cat", "/data/loop");
    cr_assert(result.status == 1 && strstr(result.err, "Too many levels of symbolic links"), "%s",
              result.err);
    command_free(&result);
}
