/*
 * tests/guest/image_memory.c - maps a file of the root image and reads it all, then writes one page
 * of a private mapping: the test counts frames from outside at each step.
 */
#include "tests/guest/guest.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

int main(int argument_count, char **arguments)
{
    const char *path = argument_count > 1 ? arguments[1] : "/bin/busybox";
    int fd = open(path, O_RDONLY);
    struct stat status;
    volatile unsigned char *area;
    unsigned long sum = 0, pages;

    if (fd < 0 || fstat(fd, &status) != 0)
        fail(path);
    pages = (unsigned long)status.st_size / PAGE_BYTES;
    /* Stack, heap and stdio pages that the steps below use are touched before anything is counted.
     */
    say("warm %lx %lu", 0ul, pages);
    area = mmap(NULL, pages * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (area == MAP_FAILED)
        fail("mmap");
    sum += area[0];
    say("mapped %lx %lu", (unsigned long)(uintptr_t)area, pages);
    await_host();
    for (unsigned long i = 0; i < pages; i++)
        sum += area[i * PAGE_BYTES];
    say("read %lu", sum);
    await_host();
    area[2 * PAGE_BYTES] ^= 0xff;
    say("written");
    await_host();
    return 0;
}
