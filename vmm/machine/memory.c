/*
 * vmm/machine/memory.c - guest RAM: one memfd of fixed size, mapped shared by us and by the
 * backend.
 *
 * The layout is that of QEMU's microvm machine, so that both backends show the guest the same RAM:
 * up to 3 GiB in one range from 0, the rest from 4 GiB on. File offset = order of the ranges. Under
 * QEMU the firmware owns the last 64 KiB of the first MiB and leaves traces below it: nobody may
 * keep anything there (the boot page lies above).
 *
 * Lifetime: init to deinit by the owner; the mapping never moves. The size is sealed, so no process
 * that is handed the descriptor can make our accesses fault by truncating the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/machine/machine.h"

#define MEMORY_GRANULE (2ull << 20)
#define MEMORY_LEAST   (8ull << 20)
#define MEMORY_MOST    (255ull << 30) /* with the hole below 4 GiB what the direct map has room for */
#define LOW_RAM_END    0xc0000000ull /* QEMU 7.2 microvm: below are RAM, above devices */
#define HIGH_RAM_START 0x100000000ull

struct vt_error *machine_memory_init(struct machine_memory *memory, uint64_t bytes)
{
    struct machine_memory made = {.fd = -1};
    uint64_t low;
    int error_number;

    if (bytes < MEMORY_LEAST || bytes > MEMORY_MOST)
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "guest memory of %llu MiB is impossible: choose 8 MiB to 255 GiB",
                               (unsigned long long)(bytes >> 20));
    made.bytes = (bytes + MEMORY_GRANULE - 1) & ~(MEMORY_GRANULE - 1);
    low = made.bytes < LOW_RAM_END ? made.bytes : LOW_RAM_END;
    made.ram[0] = (struct boot_range){.phys = 0, .bytes = low};
    if (made.bytes > low)
        made.ram[1] = (struct boot_range){.phys = HIGH_RAM_START, .bytes = made.bytes - low};

    made.fd = memfd_create("vitrine-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (made.fd < 0)
        return vt_error_system(errno, "cannot make the memory file of the guest (memfd_create)");
    if (ftruncate(made.fd, (off_t)made.bytes) < 0 ||
        fcntl(made.fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        error_number = errno;
        close(made.fd);
        return vt_error_system(error_number,
                               "cannot set the size of the guest's memory to %llu MiB",
                               (unsigned long long)(made.bytes >> 20));
    }
    /* No reservation: pages that the guest never touches shall cost nothing. */
    made.base =
        mmap(NULL, made.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, made.fd, 0);
    if (made.base == MAP_FAILED) {
        error_number = errno;
        close(made.fd);
        return vt_error_system(error_number,
                               "cannot map %llu MiB of guest memory; ask for less with --mem",
                               (unsigned long long)(made.bytes >> 20));
    }
    /* A core dump of ours would otherwise carry the whole guest. */
    madvise(made.base, made.bytes, MADV_DONTDUMP);
    *memory = made;
    return NULL;
}

void machine_memory_deinit(struct machine_memory *memory)
{
    /* All or nothing: without a mapping there is no descriptor either, also in a zeroed struct. */
    if (memory->base) {
        munmap(memory->base, memory->bytes);
        close(memory->fd);
    }
    *memory = (struct machine_memory){.fd = -1};
}

struct machine_memory machine_memory_take(struct machine_memory *memory)
{
    struct machine_memory taken = *memory;

    *memory = (struct machine_memory){.fd = -1};
    return taken;
}

void *machine_memory_at(const struct machine_memory *memory, uint64_t phys, uint64_t bytes)
{
    uint64_t offset = 0;

    for (unsigned i = 0; i < BOOT_RAM_RANGES_MAX; i++) {
        const struct boot_range *range = &memory->ram[i];

        /* Written so that no sum can overflow, whatever the guest gave as address and size. */
        if (phys >= range->phys && phys - range->phys < range->bytes) {
            uint64_t inside = phys - range->phys;

            return bytes <= range->bytes - inside ? memory->base + offset + inside : NULL;
        }
        offset += range->bytes;
    }
    return NULL;
}
