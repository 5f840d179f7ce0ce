/*
 * tests/machine/test_kernel_file.c - what the machine layer does before a machine runs: the layout
 * of guest memory, the checks of the kernel file, the probe of the host.
 *
 * Bad kernel files are made from a good one (tests/machine/kernel/bell.S) by changing one thing
 * each.
 */
#include <criterion/criterion.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/file.h"
#include "vmm/machine/machine.h"

static void must(struct vt_error *error)
{
    cr_assert(!error, "%s", error ? vt_error_message(error) : "");
}

/* ---- memory ---- */

Test(machine_memory, big_memory_has_the_hole_of_the_pc)
{
    struct machine_memory memory;

    must(machine_memory_init(&memory, 16ull << 30));
    cr_assert_eq(memory.ram[0].phys, 0);
    cr_assert_eq(memory.ram[0].bytes, 3ull << 30);
    cr_assert_eq(memory.ram[1].phys, 4ull << 30);
    cr_assert_eq(memory.ram[1].bytes, 13ull << 30);
    cr_assert_eq((uint8_t *)machine_memory_at(&memory, 4ull << 30, 1), memory.base + (3ull << 30));
    cr_assert_not_null(machine_memory_at(&memory, (17ull << 30) - 1, 1));
    cr_assert_null(machine_memory_at(&memory, 17ull << 30, 1));
    cr_assert_null(machine_memory_at(&memory, 3ull << 30, 1));
    cr_assert_null(machine_memory_at(&memory, (3ull << 30) - 1, 2));
    cr_assert_null(machine_memory_at(&memory, 4096, UINT64_MAX));
    cr_assert_null(machine_memory_at(&memory, UINT64_MAX, UINT64_MAX));
    cr_assert_neq(ftruncate(memory.fd, 0), 0, "the size is sealed");
    machine_memory_deinit(&memory);
}

Test(machine_memory, impossible_sizes_are_refused)
{
    struct machine_memory memory;
    const uint64_t sizes[] = {0, 1, 4ull << 20, 1ull << 62, UINT64_MAX};

    for (unsigned i = 0; i < 5; i++) {
        struct vt_error *error = machine_memory_init(&memory, sizes[i]);

        cr_assert_eq(vt_error_code(error), VT_ERROR_ARGUMENT);
        vt_error_destroy(error);
    }
}

/* ---- bad kernel files ---- */

/* Loads the file with `bytes` of it changed; the message must contain `expected`. */
static void expect_refusal(const uint8_t *file, size_t bytes, const char *expected)
{
    struct machine_memory memory;
    struct machine_kernel kernel;
    struct vt_error *error;
    char path[] = "/tmp/vitrine-kernel-XXXXXX";
    int fd = mkstemp(path);

    cr_assert(fd >= 0 && file_write_all(fd, file, bytes));
    close(fd);
    must(machine_memory_init(&memory, 32ull << 20));
    error = machine_kernel_load(path, &memory, &kernel);
    unlink(path);
    cr_assert(error, "accepted; expected: %s", expected);
    cr_assert(strstr(vt_error_message(error), expected), "%s", vt_error_message(error));
    cr_assert_eq(vt_error_code(error), VT_ERROR_FORMAT);
    vt_error_destroy(error);
    machine_memory_deinit(&memory);
}

static size_t read_kernel(uint8_t *file, size_t room)
{
    const char *directory = getenv("VITRINE_TEST_KERNELS");
    char path[512];
    ssize_t bytes;
    int fd;

    snprintf(path, sizeof(path), "%s/bell.elf", directory ? directory : "build/tests");
    fd = open(path, O_RDONLY);
    bytes = fd >= 0 ? file_read_all(fd, file, room) : -1;

    cr_assert(bytes > 0, "cannot read %s", path);
    close(fd);
    return (size_t)bytes;
}

/* The segments of the test kernel: a note, then two to load. */
static Elf64_Phdr *load_segment(uint8_t *file, unsigned index)
{
    Elf64_Ehdr *header = (Elf64_Ehdr *)file;
    Elf64_Phdr *segments = (Elf64_Phdr *)(file + header->e_phoff);

    for (unsigned i = 0; i < header->e_phnum; i++)
        if (segments[i].p_type == PT_LOAD && index-- == 0)
            return &segments[i];
    cr_assert_fail("the test kernel has another form than expected");
    return NULL;
}

static Elf64_Phdr *note_segment(uint8_t *file)
{
    Elf64_Ehdr *header = (Elf64_Ehdr *)file;
    Elf64_Phdr *segments = (Elf64_Phdr *)(file + header->e_phoff);

    for (unsigned i = 0; i < header->e_phnum; i++)
        if (segments[i].p_type == PT_NOTE)
            return &segments[i];
    cr_assert_fail("the test kernel has no notes");
    return NULL;
}

static uint8_t original[1 << 20], changed[1 << 20];

#define REFUSE(expected, ...)                                                                      \
    do {                                                                                           \
        memcpy(changed, original, bytes);                                                          \
        Elf64_Ehdr *header = (Elf64_Ehdr *)changed;                                                \
        (void)header;                                                                              \
        __VA_ARGS__;                                                                               \
        expect_refusal(changed, bytes, expected);                                                  \
    } while (0)

Test(machine_loader, every_kind_of_bad_file_has_its_message)
{
    size_t bytes = read_kernel(original, sizeof(original));

    REFUSE("not an ELF", changed[0] = 'x');
    REFUSE("32-bit", header->e_ident[EI_CLASS] = ELFCLASS32);
    REFUSE("another processor", header->e_machine = EM_AARCH64);
    REFUSE("not an executable", header->e_type = ET_DYN);
    REFUSE("program headers", header->e_phnum = 0);
    REFUSE("program headers", header->e_phoff = UINT64_MAX - 8);
    REFUSE("behind the end", load_segment(changed, 0)->p_offset = UINT64_MAX - 4);
    REFUSE("behind the end", load_segment(changed, 1)->p_filesz = UINT64_MAX / 2);
    REFUSE("larger in the file", load_segment(changed, 1)->p_memsz = 1);
    REFUSE("below 2 MiB", load_segment(changed, 0)->p_paddr = 0x1000);
    REFUSE("does not fit", load_segment(changed, 1)->p_paddr = 1ull << 40);
    REFUSE("does not fit", load_segment(changed, 1)->p_memsz = UINT64_MAX - 4096);
    REFUSE("overlaps", load_segment(changed, 1)->p_paddr = load_segment(changed, 0)->p_paddr);
    REFUSE("no PVH note", note_segment(changed)->p_type = PT_NULL);
    REFUSE("no PVH note", memcpy(changed + note_segment(changed)->p_offset + 12, "Yen", 4));
    REFUSE("no Vitrine note", memcpy(changed + note_segment(changed)->p_offset + 36, "W", 1));
    REFUSE("page tables", memset(changed + note_segment(changed)->p_offset + 60, 0xff, 8));
    expect_refusal((const uint8_t *)"", 0, "not an ELF");
    for (size_t cut = 1; cut < 4096 && cut < bytes; cut += 61)
        expect_refusal(original, cut, "");
}

Test(machine_loader, a_missing_file_is_not_found)
{
    struct machine_memory memory;
    struct machine_kernel kernel;
    struct vt_error *error;

    must(machine_memory_init(&memory, 32ull << 20));
    error = machine_kernel_load("/nonexistent/kernel", &memory, &kernel);
    cr_assert_eq(vt_error_code(error), VT_ERROR_NOT_FOUND);
    vt_error_destroy(error);
    machine_memory_deinit(&memory);
}

/* ---- the probe ---- */

Test(machine_probe, the_verdict_follows_from_the_findings)
{
    struct vt_host host, again;

    must(vt_host_probe(true, &host));
    cr_assert(!host.cached);
    cr_assert_gt(host.tsc_khz, 100000);
    cr_assert_eq(host.verdict == VT_VERDICT_NONE, !host.kvm_usable);
    if (host.verdict == VT_VERDICT_NATIVE)
        cr_assert(host.kvm_hardware && host.kvm_syscall_works);
    cr_assert(host.reason[0]);
    must(vt_host_probe(false, &again));
    cr_assert_eq(again.verdict, host.verdict);
    fprintf(stderr, "host: %s, auto takes %s: %s\n", vt_verdict_name(host.verdict),
            vt_accel_name(host.chosen), host.reason);
}
