// SOURCES: vmm/snapshot/reader.c vmm/snapshot/writer.c vmm/snapshot/extents.c vmm/snapshot/copy.c
// vmm/image/hash.c vmm/machine/memory.c vmm/base/error.c
/*
 * tests/unit/test_snapshot_file.c - the file format of snapshots alone: what was written comes
 * back, and whatever else a file holds ends in a sentence. No machine runs here.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/image/hash.h"
#include "vmm/snapshot/snapshot.h"

#define MEMORY_BYTES (16ull << 20)
#define STATE_BYTES  5000u

/* A file in memory, and the name under which it can be opened. */
struct file {
    int fd;
    uint8_t *bytes; /* what was written */
    size_t size;
    char path[40];
};

static void must(struct vt_error *error)
{
    cr_assert(!error, "%s", error ? vt_error_message(error) : "");
}

/* Pages at the edges, in a row, alone, and one of zeros that was written. */
static void fill(struct machine_memory *memory)
{
    static const unsigned pages[] = {0, 1, 2, 7, 8, 600, 4094, 4095};

    for (unsigned i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
        for (unsigned at = 0; at < SNAPSHOT_PAGE; at += 8) {
            uint64_t word = (uint64_t)pages[i] << 32 | at | 1;

            memcpy(memory->base + (size_t)pages[i] * SNAPSHOT_PAGE + at, &word, sizeof(word));
        }
    memset(memory->base + 900 * SNAPSHOT_PAGE, 0, SNAPSHOT_PAGE);
    memory->base[1000 * SNAPSHOT_PAGE + 4095] = 1;
}

static void describe(struct snapshot *snapshot, const struct machine_memory *memory)
{
    snapshot_init(snapshot);
    snapshot->header = (struct snapshot_header){
        .accel = VT_ACCEL_QEMU,
        .cpus = 3,
        .memory_bytes = memory->bytes,
        .tsc_khz = 2000000,
        .program = "/bin/program",
    };
    memcpy(snapshot->header.ram, memory->ram, sizeof(memory->ram));
    snapshot->state.bytes = malloc(STATE_BYTES);
    snapshot->state.size = STATE_BYTES;
    cr_assert(snapshot->state.bytes);
    memset(snapshot->state.bytes, 0x5a, STATE_BYTES);
}

static struct file write_example(struct machine_memory *memory)
{
    struct snapshot snapshot;
    struct file file;
    char path[64];

    must(machine_memory_init(memory, MEMORY_BYTES));
    fill(memory);
    describe(&snapshot, memory);
    snprintf(path, sizeof(path), "/tmp/snapshot-file-%d", (int)getpid());
    must(snapshot_write(&snapshot, memory, path));
    snapshot_deinit(&snapshot);
    int disk = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert(disk >= 0);
    unlink(path);
    file.size = (size_t)lseek(disk, 0, SEEK_END);
    file.bytes = malloc(file.size);
    cr_assert(file.bytes && pread(disk, file.bytes, file.size, 0) == (ssize_t)file.size);
    close(disk);
    file.fd = memfd_create("example", MFD_CLOEXEC);
    cr_assert(file.fd >= 0);
    snprintf(file.path, sizeof(file.path), "/proc/self/fd/%d", file.fd);
    return file;
}

static void put(const struct file *file, const uint8_t *bytes, size_t size)
{
    cr_assert(ftruncate(file->fd, 0) == 0 && pwrite(file->fd, bytes, size, 0) == (ssize_t)size);
}

/* The hash over everything in front of the pages, as a writer would make it: for files made to
 * harm.
 */
static void sign(uint8_t *bytes, size_t size)
{
    struct snapshot_header *header = (struct snapshot_header *)bytes;
    struct image_hash hash;
    uint64_t table = header->extent_count * sizeof(struct snapshot_extent);

    if (header->state_bytes > size - SNAPSHOT_PAGE ||
        header->extent_count > size / sizeof(struct snapshot_extent) ||
        table > size - SNAPSHOT_PAGE - header->state_bytes)
        return; /* no reader comes so far */
    memset(header->description_hash, 0, sizeof(header->description_hash));
    image_hash_init(&hash);
    image_hash_add(&hash, header, sizeof(*header));
    image_hash_add(&hash, bytes + SNAPSHOT_PAGE, header->state_bytes);
    image_hash_add(&hash, bytes + SNAPSHOT_PAGE + header->state_bytes, table);
    image_hash_text(&hash, header->description_hash);
}

/* Opens what stands in the file; if that is accepted, reads the memory as well. */
static struct vt_error *take_in(const struct file *file)
{
    struct machine_memory memory;
    struct snapshot snapshot;

    snapshot_init(&snapshot);
    struct vt_error *error = snapshot_open(file->path, &snapshot);
    if (!error) {
        cr_assert(snapshot.header.cpus >= 1 && snapshot.header.cpus <= BOOT_CPUS_MAX);
        cr_assert(snapshot.state.size == snapshot.header.state_bytes);
        /* Only sizes that a machine could have are asked for. */
        error = machine_memory_init(&memory, snapshot.header.memory_bytes);
        if (!error) {
            error = memory.bytes == snapshot.header.memory_bytes
                        ? snapshot_read_memory(&snapshot, &memory)
                        : NULL;
            machine_memory_deinit(&memory);
        }
    }
    snapshot_deinit(&snapshot);
    return error;
}

static void expect_refusal(const struct file *file, const char *what)
{
    struct vt_error *error = take_in(file);

    cr_assert(error, "%s: accepted", what);
    cr_assert(vt_error_code(error) == VT_ERROR_FORMAT && strlen(vt_error_message(error)) > 20,
              "%s: error %d, %s", what, (int)vt_error_code(error), vt_error_message(error));
    vt_error_destroy(error);
}

/* Does what was written come back, every page, and nothing where there was nothing? */
Test(snapshot_file, round_trip)
{
    struct machine_memory memory, again;
    struct file file = write_example(&memory);
    struct snapshot snapshot;

    put(&file, file.bytes, file.size);
    snapshot_init(&snapshot);
    must(snapshot_open(file.path, &snapshot));
    cr_assert(snapshot.header.cpus == 3 && snapshot.header.memory_bytes == MEMORY_BYTES);
    cr_assert_str_eq(snapshot.header.program, "/bin/program");
    cr_assert(snapshot.state.size == STATE_BYTES && snapshot.state.bytes[4999] == 0x5a);
    /* 0-2, 7-8, 600, 1000, 4094-4095; the page of zeros is none */
    cr_assert(snapshot.header.extent_count == 5 && snapshot.header.data_bytes == 9 * SNAPSHOT_PAGE);
    must(machine_memory_init(&again, MEMORY_BYTES));
    must(snapshot_read_memory(&snapshot, &again));
    cr_assert(memcmp(memory.base, again.base, MEMORY_BYTES) == 0);
    snapshot_deinit(&snapshot);
    machine_memory_deinit(&again);

    must(machine_memory_init(&again, MEMORY_BYTES));
    must(snapshot_copy_memory(&memory, &again));
    cr_assert(memcmp(memory.base, again.base, MEMORY_BYTES) == 0);
    again.base[0]++;
    cr_assert(memory.base[0] != again.base[0], "the copy shares a page");
    machine_memory_deinit(&again);
    machine_memory_deinit(&memory);
    free(file.bytes);
    close(file.fd);
}

/* Cut short anywhere, longer than it should be, or another kind of file: refused? */
Test(snapshot_file, wrong_length)
{
    struct machine_memory memory;
    struct file file = write_example(&memory);
    char what[64];

    for (size_t size = 0; size < file.size; size += size < 1200 ? 7 : 509) {
        put(&file, file.bytes, size);
        snprintf(what, sizeof(what), "cut to %zu bytes", size);
        expect_refusal(&file, what);
    }
    put(&file, file.bytes, file.size - 1);
    expect_refusal(&file, "one byte less");
    put(&file, file.bytes, file.size);
    cr_assert(pwrite(file.fd, "!", 1, (off_t)file.size) == 1);
    expect_refusal(&file, "one byte more");
    put(&file, file.bytes, file.size);
    must(take_in(&file));
    machine_memory_deinit(&memory);
    free(file.bytes);
    close(file.fd);
}

/* One changed bit in any part: found? */
Test(snapshot_file, damage)
{
    struct machine_memory memory;
    struct file file = write_example(&memory);
    const struct snapshot_header *header = (const struct snapshot_header *)file.bytes;
    /* Between the parts lies nothing that is read. */
    const size_t table_end =
        SNAPSHOT_PAGE + STATE_BYTES + header->extent_count * sizeof(struct snapshot_extent);
    char what[64];

    put(&file, file.bytes, file.size);
    for (size_t at = 0; at < file.size; at += at < sizeof(*header) ? 1 : 97) {
        uint8_t changed = file.bytes[at] ^ (uint8_t)(1u << at % 8);

        if ((at >= sizeof(*header) && at < SNAPSHOT_PAGE) ||
            (at >= table_end && at < header->data_offset))
            continue;
        cr_assert(pwrite(file.fd, &changed, 1, (off_t)at) == 1);
        snprintf(what, sizeof(what), "byte %zu changed", at);
        expect_refusal(&file, what);
        cr_assert(pwrite(file.fd, &file.bytes[at], 1, (off_t)at) == 1);
    }
    must(take_in(&file));
    machine_memory_deinit(&memory);
    free(file.bytes);
    close(file.fd);
}

/* Numbers that would lead astray, in a file whose hash is right: each refused? */
Test(snapshot_file, hostile)
{
#define FIELD(field, value)                                                                        \
    {                                                                                              \
#field " = " #value, offsetof(struct snapshot_header, field),                              \
            sizeof(((struct snapshot_header *)0)->field), (value)                                  \
    }
    static const struct {
        const char *what;
        size_t at, bytes;
        uint64_t value;
    } fields[] = {
        FIELD(version, 0),
        FIELD(version, 2),
        FIELD(header_bytes, 0),
        FIELD(header_bytes, 0xffffffff),
        FIELD(accel, 0),
        FIELD(accel, 3),
        FIELD(cpus, 0),
        FIELD(cpus, BOOT_CPUS_MAX + 1),
        FIELD(cpus, 0xffffffff),
        FIELD(icount, 1),
        FIELD(icount, 2),
        FIELD(memory_bytes, 0),
        FIELD(memory_bytes, MEMORY_BYTES + SNAPSHOT_PAGE),
        FIELD(memory_bytes, UINT64_MAX),
        FIELD(memory_bytes, UINT64_MAX - 4095),
        FIELD(ram[0].bytes, UINT64_MAX),
        FIELD(ram[1].bytes, MEMORY_BYTES),
        FIELD(state_bytes, 0),
        FIELD(state_bytes, STATE_BYTES + 1),
        FIELD(state_bytes, MACHINE_STATE_MOST + 1),
        FIELD(state_bytes, UINT64_MAX),
        FIELD(extent_count, 0),
        FIELD(extent_count, 4),
        FIELD(extent_count, 6),
        FIELD(extent_count, UINT64_MAX / 16),
        FIELD(extent_count, UINT64_MAX),
        FIELD(data_offset, 0),
        FIELD(data_offset, SNAPSHOT_PAGE),
        FIELD(data_offset, 4 * SNAPSHOT_PAGE),
        FIELD(data_offset, UINT64_MAX - 4095),
        FIELD(data_bytes, 0),
        FIELD(data_bytes, 8 * SNAPSHOT_PAGE),
        FIELD(data_bytes, UINT64_MAX),
    };
    static const struct {
        const char *what;
        unsigned extent;
        struct snapshot_extent value;
    } extents[] = {
        {"behind the memory", 4, {MEMORY_BYTES, 2 * SNAPSHOT_PAGE}},
        {"beyond the memory", 4, {MEMORY_BYTES - SNAPSHOT_PAGE, 2 * SNAPSHOT_PAGE}},
        {"a sum that overflows", 4, {UINT64_MAX - 4095, 2 * SNAPSHOT_PAGE}},
        {"more than there is", 4, {4094 * SNAPSHOT_PAGE, UINT64_MAX - 4095}},
        {"overlapping", 1, {2 * SNAPSHOT_PAGE, 2 * SNAPSHOT_PAGE}},
        {"backwards", 2, {0, SNAPSHOT_PAGE}},
        {"empty", 2, {600 * SNAPSHOT_PAGE, 0}},
        {"parts of pages", 2, {600 * SNAPSHOT_PAGE + 8, SNAPSHOT_PAGE}},
        {"half a page", 2, {600 * SNAPSHOT_PAGE, SNAPSHOT_PAGE / 2}},
    };
    struct machine_memory memory;
    struct file file = write_example(&memory);
    uint8_t *bytes = malloc(file.size);

    cr_assert(bytes);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        memcpy(bytes, file.bytes, file.size);
        memcpy(bytes + fields[i].at, &fields[i].value, fields[i].bytes);
        sign(bytes, file.size);
        put(&file, bytes, file.size);
        expect_refusal(&file, fields[i].what);
    }
    for (size_t i = 0; i < sizeof(extents) / sizeof(extents[0]); i++) {
        memcpy(bytes, file.bytes, file.size);
        memcpy(bytes + SNAPSHOT_PAGE + STATE_BYTES +
                   extents[i].extent * sizeof(struct snapshot_extent),
               &extents[i].value, sizeof(struct snapshot_extent));
        sign(bytes, file.size);
        put(&file, bytes, file.size);
        expect_refusal(&file, extents[i].what);
    }
    memcpy(bytes, file.bytes, file.size);
    memset(bytes + offsetof(struct snapshot_header, program), 'x', 256);
    sign(bytes, file.size);
    put(&file, bytes, file.size);
    expect_refusal(&file, "a text without an end");
    memcpy(bytes, file.bytes, file.size);
    sign(bytes, file.size); /* what is not changed is accepted: the hash above is the real one */
    put(&file, bytes, file.size);
    must(take_in(&file));
    free(bytes);
    machine_memory_deinit(&memory);
    free(file.bytes);
    close(file.fd);
}

/* Any few bytes of the description changed at random, the hash made to fit: an error or a snapshot,
 * within its bounds, and never a crash. */
Test(snapshot_file, random_changes)
{
    static const uint64_t edges[] = {
        0, 1, 4095, 4096, 4097, 1ull << 31, 1ull << 32, 1ull << 63, UINT64_MAX, UINT64_MAX - 4095};
    struct machine_memory memory;
    struct file file = write_example(&memory);
    uint8_t *bytes = malloc(file.size);
    const size_t parts = offsetof(struct snapshot_header, state_bytes);
    unsigned refused = 0, accepted = 0;

    cr_assert(bytes);
    srandom(7);
    for (unsigned round = 0; round < 20000; round++) {
        memcpy(bytes, file.bytes, file.size);
        for (long changes = 1 + random() % 3; changes > 0; changes--) {
            uint64_t value = edges[(size_t)random() % (sizeof(edges) / sizeof(edges[0]))];
            size_t at = random() % 3   ? parts + (size_t)random() % 4 * 8
                        : random() % 2 ? (size_t)random() % 160 / 4 * 4
                                       : SNAPSHOT_PAGE + STATE_BYTES + (size_t)random() % 10 * 8;

            if (random() % 2)
                value += (uint64_t)random() % 32 - 16;
            memcpy(bytes + at, &value, random() % 2 ? 8 : 4);
        }
        sign(bytes, file.size);
        put(&file, bytes, file.size);
        struct vt_error *error = take_in(&file);
        if (error) {
            cr_assert(strlen(vt_error_message(error)) > 20);
            refused++;
        } else {
            accepted++;
        }
        vt_error_destroy(error);
    }
    cr_assert(refused > 10000 && accepted > 100, "%u refused, %u accepted", refused, accepted);
    free(bytes);
    machine_memory_deinit(&memory);
    free(file.bytes);
    close(file.fd);
}
