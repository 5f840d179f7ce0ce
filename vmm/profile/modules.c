/* vmm/profile/modules.c - see modules.h. */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/objects.h"
#include "vmm/base/file.h"
#include "vmm/image/image.h"
#include "vmm/profile/modules.h"

#define SPACES_MAX 64u
#define FILES_MAX  256u
#define FILE_MAX   (256ull << 20)

/* A file of the guest, copied once. */
struct file {
    char *name;
    int fd; /* -1: there is none, or it is no ELF file */
    uint64_t bytes;
};

struct modules {
    struct vt_guest *guest;
    uint64_t clock; /* counts requests */
    struct space spaces[SPACES_MAX];
    size_t space_count;
    struct file files[FILES_MAX];
    size_t file_count;
};

struct vt_error *modules_create(struct vt_guest *guest, struct modules **ret)
{
    struct modules *modules = calloc(1, sizeof(*modules));

    if (!modules)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for symbols");
    modules->guest = guest;
    *ret = modules;
    return NULL;
}

void modules_destroy(struct modules *modules)
{
    if (!modules)
        return;
    for (size_t i = 0; i < modules->space_count; i++)
        dwfl_end(modules->spaces[i].dwfl);
    for (size_t i = 0; i < modules->file_count; i++) {
        free(modules->files[i].name);
        if (modules->files[i].fd >= 0)
            close(modules->files[i].fd);
    }
    free(modules);
}

/* ---- files of the guest ---- */

/* Where the file's bytes lie in guest memory; the boot page is the guest's to change: checked. */
static const void *find_bytes(struct modules *modules, const char *name, uint64_t *ret_bytes)
{
    const struct guest_memory *memory = &modules->guest->memory;
    const struct boot_info *shared = guest_memory_at(memory, BOOT_INFO_PHYS, sizeof(*shared));
    const char *strings = guest_memory_at(memory, BOOT_STRINGS_PHYS, BOOT_STRINGS_MAX);
    struct boot_info boot;
    struct image_stat stat;

    if (!shared || !strings)
        return NULL;
    memcpy(&boot, shared, sizeof(boot));
    for (unsigned i = 0; i < boot.file_count && i < BOOT_FILES_MAX; i++) {
        const struct boot_file *file = &boot.files[i];

        if (file->path < BOOT_STRINGS_MAX - FILENAME_MAX &&
            strncmp(strings + file->path, name, FILENAME_MAX) == 0) {
            *ret_bytes = file->bytes;
            return guest_memory_at(memory, file->phys, file->bytes);
        }
    }
    const struct image image = {.fd = -1,
                                .base = guest_memory_at(memory, boot.image.phys, boot.image.bytes),
                                .bytes = boot.image.bytes};
    if (!image.base || !image.bytes || !image_lookup(&image, name, &stat) || !S_ISREG(stat.mode))
        return NULL;
    *ret_bytes = stat.bytes;
    return image.base + stat.offset;
}

static int copy_file(struct modules *modules, const char *name, uint64_t *ret_bytes)
{
    const void *bytes = find_bytes(modules, name, ret_bytes);
    int fd = -1;

    if (!bytes || *ret_bytes < sizeof(Elf64_Ehdr) || *ret_bytes > FILE_MAX ||
        memcmp(bytes, ELFMAG, SELFMAG) != 0)
        return -1;
    fd = memfd_create("program", MFD_CLOEXEC);
    if (fd >= 0 && !file_write_all(fd, bytes, *ret_bytes)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static const struct file *file_of(struct modules *modules, const char *name)
{
    for (size_t i = 0; i < modules->file_count; i++)
        if (strcmp(modules->files[i].name, name) == 0)
            return &modules->files[i];
    if (modules->file_count == FILES_MAX)
        return NULL;
    struct file *file = &modules->files[modules->file_count];
    file->name = strdup(name);
    if (!file->name)
        return NULL;
    file->fd = copy_file(modules, name, &file->bytes);
    modules->file_count++;
    return file;
}

/* ---- what an address space has ---- */

static bool is_code(const struct vt_vma *vma)
{
    return (vma->flags & VMA_EXECUTE) && vma->file && vma->name;
}

/* The mapping shows this very file. */
static bool is_same(struct modules *modules, const struct vt_task *task, const struct vt_vma *vma,
                    const struct file *file)
{
    uint8_t mapped[256], stored[256];
    struct vt_error *error =
        vt_guest_read_user(modules->guest, task, vma->start, mapped, sizeof(mapped));

    if (error) { /* never touched: nothing runs there */
        vt_error_destroy(error);
        return true;
    }
    return pread(file->fd, stored, sizeof(stored), (off_t)vma->file_offset) == sizeof(stored) &&
           memcmp(mapped, stored, sizeof(stored)) == 0;
}

/* How far the file's addresses are moved in memory. */
static bool find_bias(const struct file *file, const struct vt_vma *vma, uint64_t *ret)
{
    Elf64_Ehdr header;
    Elf64_Phdr program;

    if (pread(file->fd, &header, sizeof(header), 0) != sizeof(header) ||
        header.e_phentsize != sizeof(program))
        return false;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        if (pread(file->fd, &program, sizeof(program),
                  (off_t)(header.e_phoff + i * sizeof(program))) != sizeof(program))
            return false;
        uint64_t from = program.p_offset & ~0xfffull;
        if (program.p_type == PT_LOAD && (program.p_flags & PF_X) && vma->file_offset >= from &&
            vma->file_offset < program.p_offset + program.p_filesz) {
            *ret = vma->start - (program.p_vaddr & ~0xfffull) - (vma->file_offset - from);
            return true;
        }
    }
    return false;
}

static void report_vma(struct modules *modules, struct space *space, const struct vt_task *task,
                       const struct vt_vma *vma)
{
    const struct file *file = file_of(modules, vma->name);
    uint64_t bias;

    if (!file || file->fd < 0 || !is_same(modules, task, vma, file) || !find_bias(file, vma, &bias))
        return;
    int fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0 && !dwfl_report_elf(space->dwfl, vma->name, vma->name, fd, bias, true))
        close(fd);
}

static int no_elf(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base, char **path,
                  Elf **elf)
{
    (void)module, (void)user, (void)name, (void)base, (void)path, (void)elf;
    return -1;
}

/* Nothing is looked for on the host: its files of these names are others. */
static int no_debuginfo(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base,
                        const char *file, const char *link, GElf_Word crc, char **path)
{
    (void)module, (void)user, (void)name, (void)base, (void)file, (void)link, (void)crc, (void)path;
    return -1;
}

static void report_all(struct modules *modules, struct space *space, const struct vt_task *task,
                       const struct vt_vma *vmas, size_t count)
{
    static const Dwfl_Callbacks callbacks = {.find_elf = no_elf, .find_debuginfo = no_debuginfo};

    dwfl_end(space->dwfl);
    space->attached = false;
    space->dwfl = dwfl_begin(&callbacks);
    if (!space->dwfl)
        return;
    dwfl_report_begin(space->dwfl);
    if (modules->guest->kernel_path[0])
        dwfl_report_elf(space->dwfl, "kernel", modules->guest->kernel_path, -1, 0, true);
    for (size_t i = 0; i < count; i++)
        if (is_code(&vmas[i]))
            report_vma(modules, space, task, &vmas[i]);
    dwfl_report_end(space->dwfl, NULL, NULL);
}

static struct space *find_space(struct modules *modules, uint64_t id)
{
    struct space *oldest = &modules->spaces[0];

    for (size_t i = 0; i < modules->space_count; i++) {
        if (modules->spaces[i].id == id)
            return &modules->spaces[i];
        if (modules->spaces[i].used < oldest->used)
            oldest = &modules->spaces[i];
    }
    if (modules->space_count < SPACES_MAX)
        oldest = &modules->spaces[modules->space_count++];
    dwfl_end(oldest->dwfl);
    *oldest = (struct space){.id = id};
    return oldest;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * 0x100000001b3ull;
}

struct space *modules_of(struct modules *modules, const struct vt_task *task)
{
    struct space *space = find_space(modules, task->address_space_id);
    struct vt_vma *vmas = NULL;
    size_t count = 0;
    uint64_t signature = 0xcbf29ce484222325ull;

    space->used = ++modules->clock;
    if (task->address_space_id) {
        struct vt_error *error = vt_guest_vmas(modules->guest, task, &vmas, &count);
        if (error) { /* it ends, or its tables are damaged: what was known, or the kernel */
            vt_error_destroy(error);
            count = 0;
            if (space->dwfl)
                return space;
        }
    }
    for (size_t i = 0; i < count; i++)
        if (is_code(&vmas[i]))
            signature = mix(mix(mix(signature, vmas[i].start), vmas[i].inode), vmas[i].file_offset);
    if (!space->dwfl || signature != space->signature)
        report_all(modules, space, task, vmas, count);
    space->signature = signature;
    free(vmas);
    return space->dwfl ? space : NULL;
}

struct space *modules_known(struct modules *modules, uint64_t address_space_id)
{
    for (size_t i = 0; i < modules->space_count; i++)
        if (modules->spaces[i].id == address_space_id && modules->spaces[i].dwfl)
            return &modules->spaces[i];
    return NULL;
}

const char *modules_name(const struct space *space, uint64_t address, char *text, size_t room)
{
    Dwfl_Module *module = space ? dwfl_addrmodule(space->dwfl, address) : NULL;
    const char *symbol = module ? dwfl_module_addrname(module, address) : NULL;
    const char *file =
        module ? dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, NULL) : NULL;

    if (symbol) {
        snprintf(text, room, "%s", symbol);
    } else if (file) {
        const char *slash = strrchr(file, '/');

        snprintf(text, room, "[%s]", slash ? slash + 1 : file);
    } else {
        snprintf(text, room, "[unknown]");
    }
    return text;
}
