/*
 * tests/guest/bad_elf.c - runs damaged copies of itself: every header byte replaced, every field of
 * the ELF and program headers set to hostile values, the file cut short. Each copy either fails to
 * exec with an errno, or runs and ends somehow; the kernel must not care. `bad_elf STEP` takes
 * every STEP-th damage.
 */
#include "tests/guest/guest.h"

#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define COPY           "/tmp/damaged"
#define CHILD_ARGUMENT "--damaged-child"
#define RESTORED_BYTES 65536 /* more than any length the file is cut to */

static unsigned char *image;
static size_t image_bytes;
static unsigned refused, ran, killed, step, turn;

static void load_self(const char *path)
{
    int fd = open(path, O_RDONLY);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) != 0)
        fail(path);
    image_bytes = (size_t)status.st_size;
    image = malloc(image_bytes);
    for (size_t done = 0; done < image_bytes;) {
        ssize_t got = read(fd, image + done, image_bytes - done);

        if (got <= 0)
            fail("read");
        done += (size_t)got;
    }
    close(fd);
}

static void write_at(int fd, const void *data, size_t bytes, size_t offset)
{
    while (bytes > 0) {
        ssize_t put = pwrite(fd, data, bytes, (off_t)offset);

        if (put <= 0)
            fail("pwrite");
        data = (const char *)data + put;
        bytes -= (size_t)put;
        offset += (size_t)put;
    }
}

static void execute(void)
{
    char *arguments[] = {COPY, CHILD_ARGUMENT, NULL};
    char *environment[] = {NULL};
    int status;
    pid_t child = fork();

    if (child < 0)
        fail("fork");
    if (child == 0) {
        alarm(2);
        execve(COPY, arguments, environment);
        _exit(70);
    }
    if (waitpid(child, &status, 0) != child)
        fail("wait");
    if (WIFSIGNALED(status))
        killed++;
    else if (WEXITSTATUS(status) == 70)
        refused++;
    else
        ran++;
}

/* A file that somebody has open for writing cannot be run (ETXTBSY): opened for each change only.
 */
static void patch(size_t offset, const void *data, size_t bytes)
{
    int fd = open(COPY, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        fail(COPY);
    write_at(fd, data, bytes, offset);
    close(fd);
}

/* Writes `bytes` of `value` at `offset`, runs the copy, and puts the old bytes back. */
static void damage(size_t offset, const void *value, size_t bytes)
{
    if (turn++ % step != 0)
        return;
    patch(offset, value, bytes);
    execute();
    patch(offset, image + offset, bytes);
}

static void damage_fields(size_t first, size_t bytes, size_t width)
{
    static const uint64_t values[] = {0,
                                      1,
                                      0xfff,
                                      0x7fffffff,
                                      0x80000000,
                                      0xffffffff,
                                      0x7ffffffff000,
                                      0x7fffffffffff,
                                      0x800000000000,
                                      0x7fffffffffffffff,
                                      0x8000000000000000,
                                      0xffffffff80200000,
                                      0xfffffffffffff000,
                                      0xffffffffffffffff};

    for (size_t offset = first; offset + width <= first + bytes; offset += width)
        for (size_t i = 0; i < sizeof values / sizeof *values; i++)
            damage(offset, &values[i], width);
}

int main(int argument_count, char **arguments)
{
    static const size_t lengths[] = {0,   1,   3,   4,   15,   16,   63,   64,   65,
                                     100, 119, 120, 500, 4095, 4096, 4097, 20000};
    const Elf64_Ehdr *header;
    int fd;

    if (argument_count > 1 && strcmp(arguments[1], CHILD_ARGUMENT) == 0)
        return 0;
    step = argument_count > 1 ? (unsigned)atoi(arguments[1]) : 1;
    if (step == 0)
        step = 1;
    load_self(arguments[0]);
    header = (const Elf64_Ehdr *)image;
    fd = open(COPY, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    if (fd < 0)
        fail(COPY);
    write_at(fd, image, image_bytes, 0);
    close(fd);
    execute();
    if (ran != 1)
        fail("the undamaged copy does not run");
    for (size_t offset = 0; offset < sizeof *header; offset++)
        for (unsigned flip = 1; flip < 256; flip *= 4) {
            unsigned char value = image[offset] ^ (unsigned char)flip;

            damage(offset, &value, 1);
        }
    damage_fields(offsetof(Elf64_Ehdr, e_entry), 3 * sizeof(uint64_t), sizeof(uint64_t));
    damage_fields(sizeof *header, header->e_phnum * sizeof(Elf64_Phdr), sizeof(uint64_t));
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        if (truncate(COPY, (off_t)lengths[i]) != 0)
            fail("truncate");
        execute();
        patch(0, image, image_bytes < RESTORED_BYTES ? image_bytes : RESTORED_BYTES);
    }
    say("refused %u killed %u ran %u", refused, killed, ran);
    say("survived");
    return 0;
}
