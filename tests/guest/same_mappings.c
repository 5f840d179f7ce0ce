/*
 * tests/guest/same_mappings.c - what mmap, mprotect, mremap, msync, madvise, mincore, mlock, brk and
 * memfd_create say when they are asked for something odd, as a list of lines that must be the same on
 * Linux. A line's name is the call itself.
 */
#define _GNU_SOURCE
#include "tests/guest/same_files.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* Sizes that are wrong on purpose are what this asks about. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#endif

#define T(call)   show(#call, (long)(call))
#define M(call)   show_mapping(#call, (long)(call))
#define BAD       ((void *)-4096l)
#define PAGES(n)  ((n) * (size_t)PAGE_BYTES)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE 3
#endif

static int rw, ro, wo, dir, ends[2];
static char *base; /* four pages, between unmapped ones */

static void show_mapping(const char *what, long result)
{
    if (result == -1)
        say("%s: %s", what, strerrorname_np(errno));
    else
        say("%s: good", what);
}

/* Touches the byte in a child; says what became of the child. */
static void touch(const char *what, volatile char *at, bool write)
{
    pid_t child = fork();

    if (child == 0) {
        if (write)
            *at = 1;
        else
            (void)*at;
        _exit(0);
    }
    show_end(what, child);
}

static void fresh(void)
{
    munmap(base, PAGES(4));
    base = mmap(base, PAGES(4), PROT_READ | PROT_WRITE, ANONYMOUS | MAP_FIXED, -1, 0);
    if (base == MAP_FAILED)
        fail("mmap");
}

static void mapping(void)
{
    M(mmap(NULL, 0, PROT_READ, ANONYMOUS, -1, 0));
    M(mmap(NULL, PAGES(1), PROT_READ, MAP_ANONYMOUS, -1, 0));
    M(mmap(NULL, PAGES(1), PROT_READ, MAP_ANONYMOUS | MAP_SHARED | MAP_PRIVATE, -1, 0));
    M(mmap(NULL, PAGES(1), PROT_READ, ANONYMOUS, -1, 1));
    M(mmap(NULL, PAGES(1), PROT_READ, MAP_PRIVATE, rw, 1));
    M(mmap(NULL, PAGES(1), PROT_READ, MAP_PRIVATE, -1, 0));
    M(mmap(NULL, PAGES(1), PROT_READ, MAP_PRIVATE, wo, 0));
    M(mmap(NULL, PAGES(1), PROT_WRITE, MAP_PRIVATE, ro, 0));
    M(mmap(NULL, PAGES(1), PROT_WRITE, MAP_SHARED, ro, 0));
    M(mmap(NULL, PAGES(1), PROT_WRITE, MAP_SHARED, wo, 0));
    M(mmap(NULL, PAGES(1), PROT_NONE, MAP_PRIVATE, wo, 0));
    M(mmap(NULL, PAGES(1), PROT_READ, MAP_PRIVATE, dir, 0));
    M(mmap(NULL, PAGES(1), PROT_READ, MAP_PRIVATE, ends[0], 0));
    M(mmap(NULL, PAGES(1), PROT_READ, MAP_SHARED_VALIDATE, rw, 0));
    M(mmap(NULL, PAGES(1), PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC, rw, 0));
    M(mmap(NULL, PAGES(1), PROT_READ, MAP_SHARED_VALIDATE | 0x400000, rw, 0));
    M(mmap(NULL, PAGES(1), 0x100 | PROT_READ, ANONYMOUS, -1, 0));
    M(mmap((void *)1, PAGES(1), PROT_READ, ANONYMOUS | MAP_FIXED, -1, 0));
    M(mmap(NULL, (size_t)1 << 62, PROT_READ, ANONYMOUS, -1, 0));
    M(mmap(NULL, (size_t)-1, PROT_READ, ANONYMOUS, -1, 0));
    M(mmap((void *)(1ul << 47), PAGES(1), PROT_READ, ANONYMOUS | MAP_FIXED, -1, 0));
    M(mmap((void *)(1ul << 47), PAGES(1), PROT_READ, ANONYMOUS, -1, 0));
    M(mmap(base, PAGES(1), PROT_READ, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
    M(mmap(NULL, PAGES(1), PROT_READ, ANONYMOUS | MAP_HUGETLB, -1, 0));
    M(mmap(NULL, PAGES(1), PROT_READ, MAP_PRIVATE | MAP_HUGETLB, rw, 0));
    M(mmap(NULL, PAGES(1), PROT_READ, ANONYMOUS | MAP_POPULATE | MAP_NORESERVE, -1, 0));
    M(mmap(NULL, PAGES(1), PROT_READ | PROT_WRITE, ANONYMOUS | MAP_GROWSDOWN, -1, 0));
    M(mmap(NULL, PAGES(1), PROT_READ, MAP_SHARED | MAP_GROWSDOWN | MAP_ANONYMOUS, -1, 0));
    M(mmap(NULL, PAGES(1), PROT_READ, MAP_PRIVATE, rw, (off_t)1 << 62));
    M(mmap(NULL, PAGES(2), PROT_READ, MAP_PRIVATE, rw, 0x7ffffffffffff000));
    char *file = mmap(NULL, PAGES(3), PROT_READ | PROT_WRITE, MAP_SHARED, rw, 0);
    touch("in the file", file, true);
    touch("in the file's last page", file + 4000, true);
    touch("behind the file", file + PAGES(1), false);
    munmap(file, PAGES(3));
    char *none = mmap(NULL, PAGES(1), PROT_NONE, ANONYMOUS, -1, 0);
    touch("nothing allowed", none, false);
    munmap(none, PAGES(1));
    T(munmap(NULL, 0));
    T(munmap(base, 0));
    T(munmap(base + 1, PAGES(1)));
    T(munmap(base, (size_t)-1));
    T(munmap((void *)(1ul << 47), PAGES(1)));
    T(munmap((void *)4096, PAGES(1)));
    T(munmap(base + PAGES(1), 1));
    touch("unmapped", base + PAGES(1), false);
    T(munmap(base, PAGES(4)));
    fresh();
}

static void protecting(void)
{
    T(mprotect(base, 0, PROT_READ));
    T(mprotect(base + 1, 0, PROT_READ));
    T(mprotect(base + 1, PAGES(1), PROT_READ));
    T(mprotect(base, PAGES(1), 0x100));
    T(mprotect(base, PAGES(5), PROT_READ));
    T(mprotect(base, PAGES(1), PROT_READ | PROT_GROWSDOWN));
    T(mprotect(base, PAGES(1), PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP));
    T(mprotect((void *)4096, PAGES(1), PROT_READ));
    T(mprotect((void *)-4096, PAGES(2), PROT_READ));
    T(mprotect(base, (size_t)-1, PROT_READ));
    T(munmap(base + PAGES(2), PAGES(1)));
    T(mprotect(base, PAGES(4), PROT_READ));
    touch("before the gap", base, true);
    touch("behind the gap", base + PAGES(3), true);
    char *shared = mmap(NULL, PAGES(1), PROT_READ, MAP_SHARED, ro, 0);
    T(mprotect(shared, PAGES(1), PROT_READ | PROT_WRITE));
    T(mprotect(shared, PAGES(1), PROT_NONE));
    T(mprotect(shared, PAGES(1), PROT_READ | PROT_EXEC));
    munmap(shared, PAGES(1));
    fresh();
    T(mprotect(base, PAGES(1), PROT_READ));
    touch("read-only", base, true);
    touch("read-only", base, false);
    T(mprotect(base, PAGES(1), PROT_NONE));
    touch("none", base, false);
    T(mprotect(base, PAGES(1), PROT_WRITE));
    touch("write-only", base, false);
    T(syscall(SYS_pkey_mprotect, base, PAGES(1), PROT_READ, -1));
    T(syscall(SYS_pkey_mprotect, base, PAGES(1), 0x100, -1));
    T(syscall(SYS_pkey_mprotect, base, PAGES(1), PROT_READ, 99));
    fresh();
}

static void moving(void)
{
    M(mremap(base + 1, PAGES(1), PAGES(2), 0));
    M(mremap(base, PAGES(4), 0, 0));
    M(mremap(base, PAGES(4), PAGES(8), 8));
    M(mremap(base, PAGES(4), PAGES(4), MREMAP_FIXED, base));
    M(mremap(base, PAGES(4), PAGES(4), MREMAP_FIXED | MREMAP_MAYMOVE, base + 1));
    M(mremap(base, PAGES(4), PAGES(4), MREMAP_FIXED | MREMAP_MAYMOVE, base + PAGES(1)));
    M(mremap(base, PAGES(4), PAGES(4), MREMAP_FIXED | MREMAP_MAYMOVE, (void *)(1ul << 47)));
    M(mremap((void *)4096, PAGES(1), PAGES(2), MREMAP_MAYMOVE));
    M(mremap(base, PAGES(6), PAGES(8), MREMAP_MAYMOVE));
    M(mremap(base, PAGES(6), PAGES(4), 0));
    M(mremap(base, (size_t)-1, PAGES(4), MREMAP_MAYMOVE));
    M(mremap(base, PAGES(4), (size_t)1 << 62, MREMAP_MAYMOVE));
    M(mremap(base, 0, PAGES(4), MREMAP_MAYMOVE));
    M(mremap(base, PAGES(2), PAGES(3), 0));
    M(mremap(base, PAGES(2), PAGES(3), MREMAP_DONTUNMAP, NULL));
    M(mremap(base, PAGES(4), PAGES(3), MREMAP_DONTUNMAP | MREMAP_MAYMOVE, NULL));
    M(mremap(base, PAGES(4), PAGES(4), MREMAP_DONTUNMAP | MREMAP_MAYMOVE, base + 1));
    T(mremap(base, PAGES(4), PAGES(4), 0) == base);
    T(mremap(base, PAGES(4), PAGES(1), 0) == base);
    touch("cut off", base + PAGES(1), false);
    T(mremap(base, PAGES(1), PAGES(4), 0) == base);
    touch("grown", base + PAGES(3), true);
    base[0] = 'k';
    char *kept = mremap(base, PAGES(4), PAGES(4), MREMAP_DONTUNMAP | MREMAP_MAYMOVE, NULL);
    if (kept == MAP_FAILED)
        fail("mremap");
    say("moved %c, left %d", kept[0], base[0]);
    T(munmap(kept, PAGES(4)));
    char *shared = mmap(NULL, PAGES(1), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared[0] = 's';
    char *twin = mremap(shared, 0, PAGES(1), MREMAP_MAYMOVE);
    say("the same memory twice: %d", twin != MAP_FAILED && twin != shared && twin[0] == 's');
    munmap(shared, PAGES(1));
    munmap(twin, PAGES(1));
    fresh();
}

static void syncing(void)
{
    T(msync(base, PAGES(4), MS_SYNC));
    T(msync(base, PAGES(4), MS_ASYNC));
    T(msync(base, PAGES(4), 0));
    T(msync(base, PAGES(4), MS_INVALIDATE));
    T(msync(base, PAGES(4), MS_SYNC | MS_ASYNC));
    T(msync(base, PAGES(4), 8));
    T(msync(base + 1, PAGES(1), MS_SYNC));
    T(msync(base, PAGES(6), MS_SYNC));
    T(msync(base, 0, MS_SYNC));
    T(msync(base, (size_t)-1, MS_SYNC));
    T(mlock(base, PAGES(1)));
    T(msync(base, PAGES(1), MS_INVALIDATE));
    T(munlock(base, PAGES(1)));
    T(mlock(base, 0));
    T(mlock(base + 100, 10));
    T(munlock(base + 100, 10));
    T(mlock(base, PAGES(6)));
    T(mlock(base, (size_t)-1));
    T(mlock((void *)4096, PAGES(1)));
    T(munlock(base, PAGES(6)));
    T(munlock((void *)4096, PAGES(1)));
    T(mlock2(base, PAGES(1), MLOCK_ONFAULT));
    T(mlock2(base, PAGES(1), 2));
    T(munlock(base, PAGES(4)));
    T(mlockall(0));
    T(mlockall(8));
    T(mlockall(MCL_ONFAULT));
    T(mlockall(MCL_CURRENT | MCL_ONFAULT));
    T(munlockall());
    unsigned char seen[8];
    T(munmap(base, PAGES(4)));
    fresh();
    base[0] = 1;
    T(mincore(base, PAGES(4), seen));
    say("%d %d", seen[0] & 1, seen[1] & 1);
    T(mincore(base + 1, PAGES(1), seen));
    T(mincore(base, PAGES(5), seen));
    T(mincore(base, PAGES(1), BAD));
    T(mincore(base, 0, BAD));
    T(mincore(base, (size_t)-1, seen));
    int holes = open("holes", O_RDWR | O_CREAT, 0644);
    T(ftruncate(holes, PAGES(3)));
    T(pwrite(holes, "x", 1, PAGES(1)));
    char *file = mmap(NULL, PAGES(4), PROT_READ | PROT_WRITE, MAP_SHARED, holes, 0);
    T(mincore(file, PAGES(4), seen));
    say("%d %d %d %d", seen[0] & 1, seen[1] & 1, seen[2] & 1, seen[3] & 1);
    munmap(file, PAGES(4));
    close(holes);
}

static void advising(void)
{
    static const int numbers[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14,
                                  15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 99, -1};

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char what[64];
        snprintf(what, sizeof what, "madvise %d", numbers[i]);
        fresh();
        show(what, madvise(base, PAGES(1), numbers[i]));
        char *file = mmap(NULL, PAGES(1), PROT_READ | PROT_WRITE, MAP_SHARED, rw, 0);
        snprintf(what, sizeof what, "madvise %d of a shared file", numbers[i]);
        show(what, madvise(file, PAGES(1), numbers[i]));
        munmap(file, PAGES(1));
        T(pwrite(rw, "0123456789", 10, 0));
        file = mmap(NULL, PAGES(1), PROT_READ, MAP_PRIVATE, rw, 0);
        snprintf(what, sizeof what, "madvise %d of a private file", numbers[i]);
        show(what, madvise(file, PAGES(1), numbers[i]));
        munmap(file, PAGES(1));
        snprintf(what, sizeof what, "madvise %d of what is not there", numbers[i]);
        show(what, madvise(base, PAGES(6), numbers[i]));
    }
    fresh();
    T(madvise(base + 1, PAGES(1), MADV_NORMAL));
    T(madvise(base, 0, MADV_DONTNEED));
    T(madvise(base, (size_t)-1, MADV_DONTNEED));
    T(mlock(base, PAGES(1)));
    T(madvise(base, PAGES(1), MADV_DONTNEED));
    T(madvise(base, PAGES(1), MADV_FREE));
    T(munlock(base, PAGES(1)));
    memset(base, 7, PAGES(4));
    T(madvise(base, PAGES(1), MADV_DONTNEED));
    say("%d %d", base[0], base[PAGES(1)]);
    T(madvise(base, PAGES(1), MADV_DONTFORK));
    touch("not inherited", base, false);
    T(madvise(base, PAGES(1), MADV_DOFORK));
    touch("inherited", base, false);
}

static void growing(void)
{
    char *top = (char *)syscall(SYS_brk, 0);

    T(syscall(SYS_brk, top + 100) == (long)(top + 100));
    top[50] = 1;
    T(syscall(SYS_brk, 1) == (long)(top + 100));
    T(syscall(SYS_brk, -1l) == (long)(top + 100));
    T(syscall(SYS_brk, top) == (long)top);
    struct rlimit limit = {0, RLIM_INFINITY};
    T(setrlimit(RLIMIT_DATA, &limit));
    T(syscall(SYS_brk, top + PAGES(16)) == (long)top);
    limit.rlim_cur = RLIM_INFINITY;
    T(setrlimit(RLIMIT_DATA, &limit));
}

static void unnamed(void)
{
    T(memfd_create("x", 0xf000));
    T(memfd_create(BAD, 0));
    char name[300];
    memset(name, 'a', sizeof name);
    name[249] = '\0';
    T(memfd_create(name, 0) >= 0);
    name[249] = 'a';
    name[250] = '\0';
    T(memfd_create(name, 0));
    int fd = memfd_create("x", MFD_CLOEXEC);
    T(fcntl(fd, F_GETFD));
    T(fcntl(fd, F_GETFL) & ~O_LARGEFILE);
    T(fcntl(fd, F_GET_SEALS));
    T(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    T(fcntl(rw, F_GET_SEALS));
    T(fcntl(ends[0], F_GET_SEALS));
    struct stat status;
    T(fstat(fd, &status));
    say("mode %o, links %ld", status.st_mode, (long)status.st_nlink);
    int sealed = memfd_create("x", MFD_ALLOW_SEALING);
    T(fcntl(sealed, F_GET_SEALS));
    T(ftruncate(sealed, 100));
    T(fcntl(sealed, F_ADD_SEALS, 0x100));
    T(fcntl(sealed, F_ADD_SEALS, F_SEAL_SHRINK));
    T(ftruncate(sealed, 50));
    T(ftruncate(sealed, 150));
    T(fcntl(sealed, F_ADD_SEALS, F_SEAL_GROW));
    T(ftruncate(sealed, 250));
    T(pwrite(sealed, "x", 1, 149));
    T(pwrite(sealed, "xy", 2, 149));
    T(pwrite(sealed, "x", 1, 150));
    M(mmap(NULL, PAGES(1), PROT_READ | PROT_WRITE, MAP_SHARED, sealed, 0));
    T(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE));
    T(fcntl(sealed, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    T(pwrite(sealed, "x", 1, 0));
    T(fcntl(sealed, F_ADD_SEALS, F_SEAL_SEAL));
    T(fcntl(sealed, F_ADD_SEALS, F_SEAL_SEAL));
    T(fcntl(sealed, F_GET_SEALS));
    int no_exec = memfd_create("x", 8);
    T(no_exec >= 0);
    T(fstat(no_exec, &status));
    say("mode %o", status.st_mode);
    T(fcntl(no_exec, F_GET_SEALS));
    T(fchmod(no_exec, 0700));
    T(memfd_create("x", 16) >= 0);
    T(memfd_create("x", 24));
}

static void others(void)
{
    char data[10] = "abcdefghi", copy[10] = "";
    struct iovec here[] = {{copy, 10}}, there[] = {{data, 10}}, wrong[] = {{BAD, 10}};

    T(process_vm_readv(getpid(), here, 1, there, 1, 0));
    T(process_vm_readv(getpid(), here, 1, there, 1, 1));
    T(process_vm_readv(-1, here, 1, there, 1, 0));
    T(process_vm_readv(99999999, here, 1, there, 1, 0));
    T(process_vm_readv(getpid(), here, 1, wrong, 1, 0));
    T(process_vm_readv(getpid(), wrong, 1, there, 1, 0));
    T(process_vm_readv(getpid(), here, 0, there, 1, 0));
    T(process_vm_readv(getpid(), here, 1, there, 0, 0));
    T(process_vm_readv(getpid(), here, 2000, there, 1, 0));
    T(process_vm_readv(getpid(), BAD, 1, there, 1, 0));
    T(process_vm_writev(getpid(), here, 1, there, 1, 0));
    T(process_vm_writev(getpid(), here, 1, wrong, 1, 0));
    T(process_vm_writev(1 << 30, here, 1, there, 1, 0));
}

int main(void)
{
    own_directory();
    make_names();
    base = (char *)(1ul << 45); /* far from where the kernel puts mappings */
    rw = open("file", O_RDWR);
    ro = open("file", O_RDONLY);
    wo = open("file", O_WRONLY);
    dir = open("dir", O_RDONLY);
    if (pipe(ends))
        fail("pipe");
    fresh();
    mapping();
    protecting();
    moving();
    syncing();
    advising();
    growing();
    unnamed();
    others();
    leave_directory();
    return 0;
}
