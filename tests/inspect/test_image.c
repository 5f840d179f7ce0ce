/*
 * tests/inspect/test_image.c - is what we write a real EROFS image with everything in it? Debian's
 * fsck.erofs is the judge: it reads the image and writes its files out again, and those are
 * compared with what went in.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/image/image.h"

static char directory[64];

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *format, ...)
{
    char command[2048];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    cr_assert_eq(system(command), 0, "%s", command);
}

static void setup(void)
{
    strcpy(directory, "/tmp/vitrine-test-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    setenv("XDG_CACHE_HOME", directory, 1);
    run("mkdir -p %s/root/deep/er %s/root/many && cd %s/root && echo hello >file && ln file "
        "deep/same && "
        "ln -s ../file deep/link && ln -s /deep/link abs && mkfifo -m 600 fifo && : >empty && "
        "head -c 10000 /dev/zero | tr '\\0' x >deep/er/big && chmod 750 file && "
        "for i in $(seq 300); do echo $i >many/a-rather-long-name-for-a-file-$i; done",
        directory, directory, directory);
}

static void teardown(void)
{
    run("rm -rf %s", directory);
}

TestSuite(image, .init = setup, .fini = teardown, .timeout = 120);

static void judge(const struct image *image)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/judged.erofs", directory);
    file = fopen(path, "w");
    cr_assert_eq(fwrite(image->base, 1, image->bytes, file), image->bytes);
    fclose(file);
    run("rm -rf %s/out && fsck.erofs --extract=%s/out %s >%s/fsck.log 2>&1 || { cat %s/fsck.log; "
        "false; }",
        directory, directory, path, directory, directory);
    run("cd %s && find root -type f | while read f; do cmp $f out/${f#root/} || exit 1; done",
        directory);
    run("cd %s && (cd root && find . -mindepth 1 -printf '%%p %%y %%m %%l\\n' | sort) >a && "
        "(cd out && find . -mindepth 1 -printf '%%p %%y %%m %%l\\n' | sort) >b && diff a b",
        directory);
}

static void check(const struct image *image)
{
    struct image_stat status;

    judge(image);
    cr_assert(image_lookup(image, "/abs", &status));
    cr_expect_eq(status.bytes, 6);
    cr_expect_eq(status.mode, S_IFREG | 0750);
    cr_expect_eq(memcmp(image->base + status.offset, "hello\n", 7), 0,
                 "the rest of the page must be zero");
    cr_expect_eq(status.offset % 4096, 0);
    cr_assert(image_lookup(image, "many/a-rather-long-name-for-a-file-299", &status));
    cr_expect_not(image_lookup(image, "many/a-rather-long-name-for-a-file-301", &status));
    cr_expect_not(image_lookup(image, "/file/below", &status));
    cr_assert(image_lookup(image, "deep//er/./../er/big", &status));
    cr_expect_eq(status.bytes, 10000);
}

static void check_source(const char *source)
{
    struct image image;
    char path[128];
    struct vt_error *error;

    snprintf(path, sizeof(path), "%s/%s", directory, source);
    error = image_open(path, NULL, &image);
    cr_assert_null(error, "%s", vt_error_message(error));
    cr_expect_not(image.cached);
    check(&image);
    image_close(&image);
    cr_assert_null(image_open(path, NULL, &image));
    cr_expect(image.cached);
    check(&image);
    image_close(&image);
}

Test(image, from_a_directory)
{
    check_source("root");
}

Test(image, from_a_compressed_tar)
{
    run("cd %s && tar czf root.tar.gz -C root .", directory);
    check_source("root.tar.gz");
}

Test(image, from_a_cpio)
{
    run("cd %s/root && find . | busybox cpio -o -H newc >../root.cpio 2>/dev/null", directory);
    check_source("root.cpio");
}

Test(image, owners_and_devices_need_no_root)
{
    struct image image;
    struct image_stat status;
    char path[128];

    /* GNU tar writes any owner it is told to, whoever runs it. */
    run("cd %s && tar cf owned.tar --owner=1234 --group=77 --mode=4640 -C root file", directory);
    snprintf(path, sizeof(path), "%s/owned.tar", directory);
    cr_assert_null(image_open(path, NULL, &image));
    FILE *file = fopen(strcat(strcpy(path, directory), "/owned.erofs"), "w");
    cr_assert_eq(fwrite(image.base, 1, image.bytes, file), image.bytes);
    fclose(file);
    run("dump.erofs --path=/file %s | grep -q 'Uid: 1234 *Gid: 77 '", path);
    cr_assert(image_lookup(&image, "/file", &status));
    cr_expect_eq(status.mode, S_IFREG | 04640);
    image_close(&image);
}

Test(image, change_makes_another_image)
{
    struct image image;
    struct image_stat status;
    char path[128];

    snprintf(path, sizeof(path), "%s/root", directory);
    cr_assert_null(image_open(path, NULL, &image));
    image_close(&image);
    run("echo more >>%s/root/empty", directory);
    cr_assert_null(image_open(path, NULL, &image));
    cr_expect_not(image.cached);
    cr_assert(image_lookup(&image, "/empty", &status));
    cr_expect_eq(status.bytes, 5);
    image_close(&image);
}

Test(image, default_root_has_busybox)
{
    struct image image;
    struct image_stat status;

    cr_assert_null(image_open(NULL, NULL, &image));
    cr_assert(image_lookup(&image, "/usr/bin/env", &status));
    cr_expect_gt(status.bytes, 100000);
    cr_assert(image_lookup(&image, "/tmp", &status));
    cr_expect_eq(status.mode, S_IFDIR | 01777);
    image_close(&image);
}

static void expect_error(const char *path)
{
    struct image image;
    struct vt_error *error = image_open(path, NULL, &image);

    cr_assert_not_null(error, "%s", path);
    cr_expect_gt(strlen(vt_error_message(error)), 10);
    vt_error_destroy(error);
}

Test(image, bad_roots_are_errors)
{
    char path[128];

    expect_error("/nonexistent");
    expect_error("/dev/null");
    run("cd %s && echo nonsense, no archive >bad.tar && : >empty.cpio && head -c 3000 /dev/urandom "
        ">random.tar",
        directory);
    snprintf(path, sizeof(path), "%s/bad.tar", directory);
    expect_error(path);
    snprintf(path, sizeof(path), "%s/empty.cpio", directory);
    expect_error(path);
    snprintf(path, sizeof(path), "%s/random.tar", directory);
    expect_error(path);
    run("cd %s && mkdir x && echo evil >x/y && tar cPf up.tar --transform 's,^,../,' x/y "
        "2>/dev/null",
        directory);
    snprintf(path, sizeof(path), "%s/up.tar", directory);
    expect_error(path);
}

/* The cache may be damaged by anything: no byte of it may crash a lookup. */
Test(image, lookup_survives_any_bytes)
{
    struct image image, copy;
    struct image_stat status;
    char path[128];

    snprintf(path, sizeof(path), "%s/root", directory);
    cr_assert_null(image_open(path, NULL, &image));
    uint8_t *bytes = malloc(image.bytes);
    srand(7);
    for (unsigned round = 0; round < 3000; round++) {
        memcpy(bytes, image.base, image.bytes);
        for (unsigned i = 0; i < 40; i++)
            bytes[(size_t)rand() % image.bytes] = (uint8_t)rand();
        for (unsigned i = 0; i < 8; i++)
            bytes[image.bytes - 1 - (size_t)rand() % 4096] = (uint8_t)rand();
        copy = (struct image){.fd = -1, .base = bytes, .bytes = image.bytes};
        image_lookup(&copy, "/deep/er/big", &status);
        image_lookup(&copy, "/abs", &status);
        image_lookup(&copy, "/many/a-rather-long-name-for-a-file-77", &status);
    }
    free(bytes);
    image_close(&image);
}
