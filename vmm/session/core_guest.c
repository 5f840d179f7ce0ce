/*
 * vmm/session/core_guest.c - a core file as a guest that has ended: the same functions look into
 * it. The file is somebody's input: each number is checked before it is used.
 */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/inspect/core_file.h"
#include "vmm/inspect/guest.h"

static bool find_in(Elf_Data *data, struct core_note *ret)
{
    size_t at = 0, name, descriptor;
    GElf_Nhdr header;

    while (data && (at = gelf_getnote(data, at, &header, &name, &descriptor)) > 0) {
        const char *bytes = data->d_buf;

        if (header.n_type == CORE_NOTE_TYPE && header.n_descsz == sizeof(*ret) &&
            header.n_namesz == sizeof(VITRINE_NOTE_NAME) &&
            memcmp(bytes + name, VITRINE_NOTE_NAME, sizeof(VITRINE_NOTE_NAME)) == 0) {
            memcpy(ret, bytes + descriptor, sizeof(*ret));
            return true;
        }
    }
    return false;
}

static bool find_note(int fd, struct core_note *ret)
{
    size_t count = 0;
    bool found = false;

    if (elf_version(EV_CURRENT) == EV_NONE)
        return false;
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    if (elf && elf_kind(elf) == ELF_K_ELF && elf_getphdrnum(elf, &count) == 0)
        for (size_t i = 0; i < count && !found; i++) {
            GElf_Phdr header;

            if (gelf_getphdr(elf, (int)i, &header) && header.p_type == PT_NOTE)
                found = find_in(elf_getdata_rawchunk(elf, (int64_t)header.p_offset, header.p_filesz,
                                                     ELF_T_NHDR),
                                ret);
        }
    elf_end(elf);
    return found;
}

static bool is_sane(const struct core_note *note, uint64_t file_bytes)
{
    uint64_t total = 0;

    if (note->version != CORE_NOTE_VERSION || note->ram_bytes == 0 || note->ram_offset % 4096 ||
        note->ram_offset > file_bytes || note->ram_bytes > file_bytes - note->ram_offset)
        return false;
    for (unsigned i = 0; i < BOOT_RAM_RANGES_MAX; i++) {
        if (note->ram[i].bytes > note->ram_bytes - total ||
            (note->ram[i].phys | note->ram[i].bytes) % 4096)
            return false;
        total += note->ram[i].bytes;
    }
    return true;
}

struct vt_error *vt_guest_open_core(const char *path, struct vt_guest **ret)
{
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct guest_memory memory = {0};
    struct core_note note;
    struct stat status;

    if (fd < 0 || fstat(fd, &status) != 0)
        return vt_error_system(errno, "cannot read '%s'", path);
    if (!S_ISREG(status.st_mode) || !find_note(fd, &note))
        return vt_error_create(
            VT_ERROR_FORMAT, "'%s' is no core file of a machine ('vitrine core' writes one)", path);
    if (!is_sane(&note, (uint64_t)status.st_size))
        return vt_error_create(VT_ERROR_FORMAT,
                               "'%s' describes memory that it does not have: it was cut short, or "
                               "written by another version",
                               path);
    memory.bytes = note.ram_bytes;
    memcpy(memory.ram, note.ram, sizeof(memory.ram));
    memory.base = mmap(NULL, memory.bytes, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, fd,
                       (off_t)note.ram_offset);
    if (memory.base == MAP_FAILED)
        return vt_error_system(errno, "cannot map '%s'", path);
    struct vt_guest *guest = malloc(sizeof(*guest));
    if (!guest) {
        munmap(memory.base, memory.bytes);
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for '%s'", path);
    }
    guest_init(guest, &memory, note.glass_phys);
    guest->ended = true;
    guest->memory_fd = take_fd(&fd);
    const char *slash = strrchr(path, '/');
    strncpy(guest->name, slash ? slash + 1 : path, sizeof(guest->name) - 1);
    *ret = guest;
    return NULL;
}
