// SOURCES: vmm/session/core_guest.c vmm/inspect/*.c vmm/base/error.c
/*
 * Whatever a file claims to be a core of: it is refused, or what was opened lies inside the file
 * and can be read to its last byte.
 *
 * The input changes a small whole core file: the first two bytes say where it ends, the rest are
 * words to be put into its headers and its note.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/inspect/core_file.h"
#include "vmm/inspect/guest.h"

#define RAM_AT    4096u
#define RAM_BYTES (16u * 4096)

struct change {
    uint16_t place;
    uint8_t bytes;
    uint8_t unused[5];
    uint64_t value;
};

struct file {
    Elf64_Ehdr header;
    Elf64_Phdr segments[2];
    Elf64_Nhdr note_header;
    char note_name[(sizeof(VITRINE_NOTE_NAME) + 3) & ~3u];
    struct core_note note;
} __attribute__((packed)); /* a note's parts follow each other at multiples of 4 */

static int fd = -1;
static char path[64];

static void make_file(struct file *file)
{
    *file = (struct file){
        .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
                               EV_CURRENT},
                   .e_type = ET_CORE,
                   .e_machine = EM_X86_64,
                   .e_version = EV_CURRENT,
                   .e_phoff = offsetof(struct file, segments),
                   .e_ehsize = sizeof(Elf64_Ehdr),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = 2},
        .segments = {{.p_type = PT_NOTE,
                      .p_offset = offsetof(struct file, note_header),
                      .p_filesz = sizeof(struct file) - offsetof(struct file, note_header),
                      .p_align = 4},
                     {.p_type = PT_LOAD,
                      .p_offset = RAM_AT,
                      .p_filesz = RAM_BYTES,
                      .p_memsz = RAM_BYTES,
                      .p_align = 4096}},
        .note_header = {.n_namesz = sizeof(VITRINE_NOTE_NAME),
                        .n_descsz = sizeof(struct core_note),
                        .n_type = CORE_NOTE_TYPE},
        .note_name = VITRINE_NOTE_NAME,
        .note = {.version = CORE_NOTE_VERSION,
                 .cpus = 1,
                 .glass_phys = 4096,
                 .ram_offset = RAM_AT,
                 .ram_bytes = RAM_BYTES,
                 .ram = {{0, 8 * 4096}, {1u << 20, 8 * 4096}}},
    };
}

/* Every page of every range, first and last byte. */
static void read_memory(const struct vt_guest *guest)
{
    for (unsigned i = 0; i < BOOT_RAM_RANGES_MAX; i++) {
        const struct boot_range *range = &guest->memory.ram[i];

        for (uint64_t at = 0; at < range->bytes; at += 4096) {
            uint64_t bytes = range->bytes - at < 4096 ? range->bytes - at : 4096;
            const uint8_t *page = guest_memory_at(&guest->memory, range->phys + at, bytes);

            if (page)
                (void)(*(const volatile uint8_t *)page +
                       *(const volatile uint8_t *)&page[bytes - 1]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct file file;
    struct vt_guest *guest;
    uint64_t end = RAM_AT + RAM_BYTES;

    if (fd < 0) {
        fd = memfd_create("core", MFD_CLOEXEC);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    if (size < 2)
        return 0;
    make_file(&file);
    end -= data[0] % 4 ? 0 : (uint64_t)data[1] * 273;
    for (data += 2, size -= 2; size >= sizeof(struct change);
         data += sizeof(struct change), size -= sizeof(struct change)) {
        struct change change;

        memcpy(&change, data, sizeof(change));
        size_t bytes = 1u << change.bytes % 4;
        memcpy((uint8_t *)&file + change.place % (sizeof(file) - 8) / bytes * bytes, &change.value,
               bytes);
    }
    if (ftruncate(fd, 0) || ftruncate(fd, (off_t)end) ||
        pwrite(fd, &file, sizeof(file) < end ? sizeof(file) : end, 0) < 0)
        abort();
    struct vt_error *error = vt_guest_open_core(path, &guest);
    if (error) {
        vt_error_destroy(error);
        return 0;
    }
    read_memory(guest);
    vt_error_destroy(vt_guest_ready(guest, 0));
    munmap(guest->memory.base, guest->memory.bytes);
    close(guest->memory_fd);
    guest_deinit(guest);
    free(guest);
    return 0;
}
