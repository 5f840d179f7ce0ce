/*
 * vmm/machine/loader_elf.c - reads the kernel's ELF file into guest memory, trusting nothing in it.
 *
 * libelf maps the file and translates the headers; every offset and size is checked here before
 * use, because a wrong kernel file is a user's mistake and must end in a sentence, not in a crash.
 * Each check has an error of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/machine/machine.h"

#define SEGMENTS_MAX             32
#define COMPARE_BYTES            (64u << 10)
#define XEN_NOTE_NAME            "Xen"
#define XEN_ELFNOTE_PHYS32_ENTRY 18

static void cleanup_elf(Elf **elf)
{
    if (*elf)
        elf_end(*elf);
}

#define CLEANUP_ELF __attribute__((cleanup(cleanup_elf)))

struct kernel_file {
    const char *path;
    Elf *elf;
    uint64_t bytes;  /* of the file */
    size_t segments; /* program headers */
    bool has_pvh, has_boot;
};

static struct vt_error *format_error(const struct kernel_file *file, const char *what)
{
    return vt_error_create(VT_ERROR_FORMAT, "kernel file '%s': %s", file->path, what);
}

static bool inside_file(const struct kernel_file *file, uint64_t offset, uint64_t bytes)
{
    return offset <= file->bytes && bytes <= file->bytes - offset;
}

static struct vt_error *check_header(struct kernel_file *file)
{
    const char *ident;
    size_t ident_bytes;
    GElf_Ehdr header;

    ident = elf_getident(file->elf, &ident_bytes);
    if (elf_kind(file->elf) != ELF_K_ELF || !ident || ident_bytes < EI_NIDENT)
        return format_error(file, "is not an ELF file; expected the kernel that the build makes");
    if (ident[EI_CLASS] != ELFCLASS64)
        return format_error(file, "is a 32-bit ELF file; expected a 64-bit one");
    if (ident[EI_DATA] != ELFDATA2LSB)
        return format_error(file, "is big-endian; expected little-endian x86-64");
    if (file->bytes < sizeof(Elf64_Ehdr) || !gelf_getehdr(file->elf, &header))
        return format_error(file, "is truncated inside the ELF header");
    if (header.e_machine != EM_X86_64)
        return format_error(file, "is for another processor; expected x86-64");
    if (header.e_type != ET_EXEC)
        return format_error(file,
                            "is not an executable (ET_EXEC); kernels have fixed addresses here");
    if (header.e_phentsize != sizeof(Elf64_Phdr))
        return format_error(file, "has program headers of an unexpected size");
    if (header.e_phnum == 0 || header.e_phnum > SEGMENTS_MAX)
        return format_error(file, "has no program headers, or too many (1 to 32 are possible)");
    file->segments = header.e_phnum;
    if (!inside_file(file, header.e_phoff, (uint64_t)header.e_phnum * sizeof(Elf64_Phdr)))
        return format_error(file, "is truncated: its program headers lie behind its end");
    return NULL;
}

static struct vt_error *segment_error(const struct kernel_file *file, size_t index,
                                      const GElf_Phdr *segment, const char *what)
{
    return vt_error_create(VT_ERROR_FORMAT,
                           "kernel file '%s': segment %zu (physical 0x%llx, %llu bytes) %s",
                           file->path, index, (unsigned long long)segment->p_paddr,
                           (unsigned long long)segment->p_memsz, what);
}

/* Checks the segments against the file, the RAM and each other. */
static struct vt_error *check_segments(const struct kernel_file *file,
                                       const struct machine_memory *memory, GElf_Phdr *segments)
{
    bool any = false;

    for (size_t i = 0; i < file->segments; i++) {
        GElf_Phdr *segment = &segments[i];

        if (!gelf_getphdr(file->elf, (int)i, segment))
            return format_error(file, "has an unreadable program header");
        if (segment->p_type != PT_LOAD && segment->p_type != PT_NOTE)
            continue;
        if (!inside_file(file, segment->p_offset, segment->p_filesz))
            return segment_error(file, i, segment, "lies behind the end of the file: truncated?");
        if (segment->p_type != PT_LOAD || segment->p_memsz == 0)
            continue;
        any = true;
        if (segment->p_filesz > segment->p_memsz)
            return segment_error(file, i, segment, "is larger in the file than in memory");
        if (segment->p_paddr < BOOT_KERNEL_PHYS)
            return segment_error(file, i, segment,
                                 "lies below 2 MiB, where the boot information is");
        if (!machine_memory_at(memory, segment->p_paddr, segment->p_memsz))
            return segment_error(file, i, segment,
                                 "does not fit into the guest's memory; give it more with --mem");
        for (size_t j = 0; j < i; j++) {
            const GElf_Phdr *other = &segments[j];

            if (other->p_type == PT_LOAD && segment->p_paddr < other->p_paddr + other->p_memsz &&
                other->p_paddr < segment->p_paddr + segment->p_memsz)
                return segment_error(file, i, segment, "overlaps another segment");
        }
    }
    return any ? NULL : format_error(file, "has nothing to load (no PT_LOAD segment)");
}

static struct vt_error *take_note(struct kernel_file *file, const char *name, const GElf_Nhdr *note,
                                  const void *descriptor, struct machine_kernel *kernel)
{
    /* n_namesz counts the NUL; gelf_getnote() has checked that name and descriptor are inside. */
    if (note->n_namesz == sizeof(XEN_NOTE_NAME) && !memcmp(name, XEN_NOTE_NAME, note->n_namesz) &&
        note->n_type == XEN_ELFNOTE_PHYS32_ENTRY) {
        if (note->n_descsz != 4 && note->n_descsz != 8)
            return format_error(file, "has a PVH note of the wrong size (4 or 8 bytes expected)");
        memcpy(&kernel->entry32, descriptor, sizeof(kernel->entry32));
        file->has_pvh = true;
    }
    if (note->n_namesz == sizeof(VITRINE_NOTE_NAME) &&
        !memcmp(name, VITRINE_NOTE_NAME, note->n_namesz) && note->n_type == VITRINE_NOTE_BOOT) {
        if (note->n_descsz != sizeof(kernel->note))
            return format_error(file, "has a Vitrine note of another version; rebuild the kernel");
        memcpy(&kernel->note, descriptor, sizeof(kernel->note));
        file->has_boot = true;
    }
    return NULL;
}

static struct vt_error *read_notes(struct kernel_file *file, const GElf_Phdr *segments,
                                   struct machine_kernel *kernel)
{
    for (size_t i = 0; i < file->segments; i++) {
        Elf_Data *data;
        GElf_Nhdr note;
        size_t at = 0, next, name_at, descriptor_at;

        if (segments[i].p_type != PT_NOTE || segments[i].p_filesz == 0)
            continue;
        data = elf_getdata_rawchunk(file->elf, (int64_t)segments[i].p_offset, segments[i].p_filesz,
                                    segments[i].p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
        if (!data)
            return segment_error(file, i, &segments[i], "holds unreadable notes");
        while (at < data->d_size &&
               (next = gelf_getnote(data, at, &note, &name_at, &descriptor_at)) > 0) {
            const char *base = data->d_buf;
            struct vt_error *error =
                take_note(file, base + name_at, &note, base + descriptor_at, kernel);

            if (error)
                return error;
            at = next;
        }
    }
    if (!file->has_pvh)
        return format_error(file, "has no PVH note (name \"Xen\", type 18): not bootable here");
    if (!file->has_boot)
        return format_error(file, "has no Vitrine note: it is not a Vitrine kernel");
    return NULL;
}

/* Addresses that the note promises must be RAM, or entering the guest would be the first to notice.
 */
static struct vt_error *check_note(const struct kernel_file *file,
                                   const struct machine_memory *memory, const GElf_Phdr *segments,
                                   const struct machine_kernel *kernel)
{
    const struct boot_note *note = &kernel->note;

    if ((note->page_tables & 4095) || !machine_memory_at(memory, note->page_tables, 4096))
        return format_error(file, "its Vitrine note has page tables that are not a page of RAM");
    if ((note->glass_phys & 7) ||
        !machine_memory_at(memory, note->glass_phys, sizeof(struct glass)))
        return format_error(file, "its Vitrine note has a glass page that does not lie in RAM");
    if (!machine_memory_at(memory, kernel->entry32, 1))
        return format_error(file, "its PVH entry does not lie in RAM");
    for (size_t i = 0; i < file->segments; i++)
        if (segments[i].p_type == PT_LOAD &&
            segments[i].p_paddr + segments[i].p_memsz > note->memory_end)
            return format_error(file, "its Vitrine note ends the kernel before its last segment");
    return NULL;
}

static struct vt_error *copy_segments(int fd, const struct kernel_file *file,
                                      struct machine_memory *memory, const GElf_Phdr *segments)
{
    for (size_t i = 0; i < file->segments; i++) {
        uint64_t done = 0;
        uint8_t *to;

        if (segments[i].p_type != PT_LOAD || segments[i].p_memsz == 0)
            continue;
        to = machine_memory_at(memory, segments[i].p_paddr, segments[i].p_memsz);
        while (done < segments[i].p_filesz) {
            ssize_t got = pread(fd, to + done, segments[i].p_filesz - done,
                                (off_t)(segments[i].p_offset + done));

            if (got < 0 && errno == EINTR)
                continue;
            if (got <= 0)
                return vt_error_system(got < 0 ? errno : EIO, "cannot read kernel file '%s'",
                                       file->path);
            done += (uint64_t)got;
        }
        /* The rest up to p_memsz is zero already: fresh memory reads as zero. */
    }
    return NULL;
}

/* Segments that the kernel does not write are still those of the file. */
static struct vt_error *compare_segments(int fd, const struct kernel_file *file,
                                         struct machine_memory *memory, const GElf_Phdr *segments)
{
    CLEANUP_FREE uint8_t *block = malloc(COMPARE_BYTES);

    if (!block)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < file->segments; i++) {
        if (segments[i].p_type != PT_LOAD || (segments[i].p_flags & PF_W))
            continue;
        for (uint64_t at = 0; at < segments[i].p_filesz; at += COMPARE_BYTES) {
            uint64_t part = segments[i].p_filesz - at;
            const uint8_t *there;

            if (part > COMPARE_BYTES)
                part = COMPARE_BYTES;
            there = machine_memory_at(memory, segments[i].p_paddr + at, part);
            if (!there ||
                pread(fd, block, part, (off_t)(segments[i].p_offset + at)) != (ssize_t)part ||
                memcmp(block, there, part) != 0)
                return vt_error_create(VT_ERROR_NOT_FOUND,
                                       "kernel file '%s' is not the kernel of this machine",
                                       file->path);
        }
    }
    return NULL; /* NOLINT(clang-analyzer-unix.Malloc): block is CLEANUP_FREE */
}

typedef struct vt_error *segment_work(int fd, const struct kernel_file *file,
                                      struct machine_memory *memory, const GElf_Phdr *segments);

static struct vt_error *take_kernel(const char *path, struct machine_memory *memory,
                                    segment_work *work, struct machine_kernel *ret)
{
    CLEANUP_CLOSE int fd = -1;
    CLEANUP_ELF Elf *elf = NULL;
    GElf_Phdr segments[SEGMENTS_MAX];
    struct kernel_file file = {.path = path};
    struct machine_kernel kernel = {0};
    struct vt_error *error;
    struct stat status;

    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return vt_error_create(VT_ERROR_NOT_FOUND,
                               "there is no kernel file '%s'; build it with 'make', or name one in "
                               "VITRINE_KERNEL",
                               path);
    if (fd < 0)
        return vt_error_system(errno, "cannot open kernel file '%s'", path);
    if (fstat(fd, &status) < 0)
        return vt_error_system(errno, "cannot examine kernel file '%s'", path);
    if (!S_ISREG(status.st_mode))
        return vt_error_create(VT_ERROR_FORMAT, "kernel file '%s' is not a regular file", path);
    file.bytes = (uint64_t)status.st_size;

    elf_version(EV_CURRENT);
    elf = elf_begin(fd, ELF_C_READ, NULL);
    if (!elf)
        return vt_error_create(VT_ERROR_FORMAT, "kernel file '%s': %s", path, elf_errmsg(-1));
    file.elf = elf;

    if ((error = check_header(&file)) || (error = check_segments(&file, memory, segments)) ||
        (error = read_notes(&file, segments, &kernel)) ||
        (error = check_note(&file, memory, segments, &kernel)) ||
        (error = work(fd, &file, memory, segments)))
        return error;
    kernel.path = strdup(path);
    if (!kernel.path)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory");
    *ret = kernel;
    return NULL;
}

struct vt_error *machine_kernel_load(const char *path, struct machine_memory *memory,
                                     struct machine_kernel *ret)
{
    return take_kernel(path, memory, copy_segments, ret);
}

struct vt_error *machine_kernel_recognize(const char *path, struct machine_memory *memory,
                                          struct machine_kernel *ret)
{
    return take_kernel(path, memory, compare_segments, ret);
}

void machine_kernel_deinit(struct machine_kernel *kernel)
{
    free(kernel->path);
    *kernel = (struct machine_kernel){0};
}
