/*
 * vmm/snapshot/snapshot.h - the file format of a snapshot, and the functions that read and write
 * it.
 *
 * A file is: the header (one page), the state of CPUs and devices as machine_save() gave it, the
 * table of extents, zero bytes up to the next page, the pages of the extents one after the other.
 * Nothing follows. Numbers are little-endian. Pages of zeros are not kept. Two hashes find damage,
 * not forgery: one over everything in front of the pages (with its own field zero), one over the
 * pages.
 */
#ifndef VITRINE_SNAPSHOT_SNAPSHOT_H
#define VITRINE_SNAPSHOT_SNAPSHOT_H

#include "vmm/machine/machine.h"

#define SNAPSHOT_MAGIC   "VITRSNAP" /* without its NUL */
#define SNAPSHOT_VERSION 1
#define SNAPSHOT_PAGE    4096u
#define SNAPSHOT_HASH    33 /* text of a hash, with its NUL */

struct snapshot_header {
    char magic[8];
    uint32_t version;
    uint32_t header_bytes; /* sizeof(struct snapshot_header) */

    /* the machine */
    uint32_t accel; /* enum vt_accel: VT_ACCEL_KVM or VT_ACCEL_QEMU */
    uint32_t cpus;
    uint32_t icount;
    uint32_t stopped;    /* in a stop point: waits for its host */
    uint32_t boot_flags; /* enum boot_flags, as the kernel was told them */
    uint32_t reserved;   /* 0 */
    uint64_t memory_bytes;
    struct boot_range ram[BOOT_RAM_RANGES_MAX];
    struct boot_note note; /* of the kernel */
    uint32_t cpu_features; /* enum boot_cpu_features that the kernel may use */
    uint32_t fpu_bytes;    /* with BOOT_FLAG_FPU_BY_HOST */
    uint64_t fpu_components;
    uint64_t tsc_khz;
    uint64_t lapic_timer_hz;
    char cpu_model[64];    /* of the host */
    char qemu_version[32]; /* "" under KVM */

    /* when and what */
    uint64_t taken_ns;     /* CLOCK_REALTIME */
    uint64_t since_ready;  /* nanoseconds of the guest since its kernel was up; 0 = unknown */
    char program[256];     /* path in the guest, maybe cut */
    char kernel_path[512]; /* of the kernel's ELF file, for symbols; "" = too long */

    /* the parts; all lie where these numbers put them, one after the other */
    uint64_t state_bytes;
    uint64_t extent_count;
    uint64_t data_offset;
    uint64_t data_bytes;
    char description_hash[SNAPSHOT_HASH];
    char data_hash[SNAPSHOT_HASH];
};

_Static_assert(sizeof(struct snapshot_header) <= SNAPSHOT_PAGE, "the header is one page");

/* Pages of the memory file that hold something; ascending, apart from each other. */
struct snapshot_extent {
    uint64_t offset; /* in the memory file, page aligned */
    uint64_t bytes;  /* whole pages */
};

struct snapshot {
    struct snapshot_header header;
    struct machine_state state;
    struct snapshot_extent *extents; /* header.extent_count of them; NULL without a file */
    int fd;                          /* of the file that was opened; -1 = none */
    char *path;                      /* of it, for errors */
};

void snapshot_init(struct snapshot *snapshot);
void snapshot_deinit(struct snapshot *snapshot);

/*
 * extents.c: the pages of the memory that are not all zero. Nobody writes it meanwhile. The caller
 * frees the array, which is NULL when there are none.
 */
struct vt_error *snapshot_find_extents(const struct machine_memory *memory,
                                       struct snapshot_extent **ret, uint64_t *ret_count);

/*
 * writer.c: writes the file, readable for its owner only; it appears under its name when it is
 * complete. The header's machine part is filled in; the fields of the parts are filled in here.
 */
struct vt_error *snapshot_write(struct snapshot *snapshot, const struct machine_memory *memory,
                                const char *path);

/*
 * reader.c: header, state and extents of a file, everything checked against each other and the size
 * of the file. ret: initialised; on success deinit by the caller, whatever happens to it.
 */
struct vt_error *snapshot_open(const char *path, struct snapshot *ret);
/* Fills a fresh memory of the header's size. VT_ERROR_FORMAT if the pages are not what was written.
 */
struct vt_error *snapshot_read_memory(const struct snapshot *snapshot,
                                      struct machine_memory *memory);

/* copy.c: fills a fresh memory of the same size from one that nobody writes meanwhile. */
struct vt_error *snapshot_copy_memory(const struct machine_memory *from, struct machine_memory *to);

/* Writes at a place of the memory file; spares a page fault per page that a copy would cost. */
struct vt_error *snapshot_put(const struct machine_memory *memory, uint64_t offset,
                              const void *data, uint64_t bytes);

#endif
