/*
 * vmm/gdb/core.c - see core.h. The notes are those of a Linux process's core (one NT_PRSTATUS and
 * NT_PRPSINFO per task), so that every debugger reads them; each loadable segment is a piece of the
 * kernel's virtual memory. Guest memory is in the file once, as it is physically: the segments
 * point into it. What is zero is a hole.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/file.h"
#include "vmm/gdb/client.h"
#include "vmm/gdb/core.h"
#include "vmm/inspect/core_file.h"

#define SEGMENTS_MAX 60000u /* an ELF header counts to 65534 */
#define PAGE         4096u

struct segments {
    const struct guest_memory *memory;
    const struct vt_guest *guest;
    Elf64_Phdr *list;
    size_t count, room;
    uint64_t ram_offset; /* of memory in the file; known last: offsets are relative until then */
    bool failed;
};

/* Where guest-physical memory lies in the piece of it that the file has; false if it is no RAM. */
static bool place_of(const struct guest_memory *memory, uint64_t phys, uint64_t bytes,
                     uint64_t *ret)
{
    const uint8_t *at = guest_memory_at(memory, phys, bytes);

    if (at)
        *ret = (uint64_t)(at - memory->base);
    return at != NULL;
}

static void add_segment(struct segments *segments, uint64_t address, uint64_t phys, uint64_t bytes,
                        unsigned flags)
{
    Elf64_Phdr *last = segments->count ? &segments->list[segments->count - 1] : NULL;
    uint64_t place;

    if (bytes == 0 || !place_of(segments->memory, phys, bytes, &place))
        return;
    if (last && last->p_vaddr + last->p_memsz == address && last->p_flags == flags &&
        last->p_offset + last->p_filesz == place) {
        last->p_filesz = last->p_memsz += bytes;
        return;
    }
    if (segments->count == segments->room) {
        size_t room = segments->room ? segments->room * 2 : 64;
        Elf64_Phdr *list =
            room > SEGMENTS_MAX ? NULL : realloc(segments->list, room * sizeof(*list));

        if (!list) {
            segments->failed = true;
            return;
        }
        segments->list = list;
        segments->room = room;
    }
    if (!segments->list)
        return;
    segments->list[segments->count++] = (Elf64_Phdr){.p_type = PT_LOAD,
                                                     .p_flags = flags,
                                                     .p_offset = place,
                                                     .p_vaddr = address,
                                                     .p_paddr = phys,
                                                     .p_filesz = bytes,
                                                     .p_memsz = bytes,
                                                     .p_align = PAGE};
}

static bool inside(uint64_t address, uint64_t start, uint64_t bytes)
{
    return address - start < bytes;
}

/* What the kernel maps outside of its two windows: mostly the tasks' kernel stacks. */
static int visit_page(void *context, const struct vt_page *page)
{
    struct segments *segments = context;
    const struct vt_guest *guest = segments->guest;

    if (!inside(page->address, guest->image_virtual, guest->image_bytes) &&
        !inside(page->address, guest->direct_virtual, guest->direct_bytes))
        add_segment(segments, page->address, page->phys, page->bytes, PF_R | PF_W);
    return segments->failed;
}

static struct vt_error *find_segments(struct vt_guest *guest, struct segments *segments)
{
    struct vt_error *error = guest_require_ready(guest);

    if (error) { /* no windows are known yet: nothing but physical memory */
        vt_error_destroy(error);
        return NULL;
    }
    add_segment(segments, guest->image_virtual, guest->image_phys, guest->image_bytes,
                PF_R | PF_W | PF_X);
    for (unsigned i = 0; i < BOOT_RAM_RANGES_MAX; i++) {
        const struct boot_range *range = &guest->memory.ram[i];

        if (range->phys - guest->direct_phys < guest->direct_bytes)
            add_segment(segments, guest->direct_virtual + (range->phys - guest->direct_phys),
                        range->phys, range->bytes, PF_R | PF_W);
    }
    /* Damaged tables end the walk; what was found so far is kept. */
    vt_error_destroy(vt_guest_walk_pages(guest, GUEST_LOAD(&guest->glass->kernel_page_table),
                                         GUEST_KERNEL_HALF, 0, visit_page, segments));
    return NULL;
}

/* ---- notes ---- */

static void write_note(FILE *out, const char *name, unsigned type, const void *data, size_t bytes)
{
    static const char zeros[4] = {0};
    const Elf64_Nhdr header = {
        .n_namesz = (Elf64_Word)strlen(name) + 1, .n_descsz = (Elf64_Word)bytes, .n_type = type};

    fwrite(&header, sizeof(header), 1, out);
    fwrite(name, header.n_namesz, 1, out);
    fwrite(zeros, 1, -header.n_namesz & 3, out);
    fwrite(data, bytes, 1, out);
    fwrite(zeros, 1, -bytes & 3, out);
}

static void write_thread(FILE *out, struct gdb_client *client, const struct gdb_thread *thread)
{
    const struct vt_task *task = &thread->context.task;
    struct gdb_registers registers;
    struct elf_prstatus status;
    struct elf_prpsinfo info;

    memset(&status, 0, sizeof(status));
    memset(&info, 0, sizeof(info));
    (void)gdb_registers_read(client, thread, &registers); /* none: zeros */
    /* The order of Linux's struct user_regs_struct. */
    const unsigned long long values[] = {
        registers.general[15], registers.general[14], registers.general[13], registers.general[12],
        registers.general[6],  registers.general[1],  registers.general[11], registers.general[10],
        registers.general[9],  registers.general[8],  registers.general[0],  registers.general[2],
        registers.general[3],  registers.general[4],  registers.general[5],  registers.original_rax,
        registers.rip,         registers.segments[0], registers.eflags,      registers.general[7],
        registers.segments[1], registers.fs_base,     registers.gs_base,     registers.segments[2],
        registers.segments[3], registers.segments[4], registers.segments[5]};
    _Static_assert(sizeof(values) == sizeof(status.pr_reg), "as Linux has them");
    memcpy(&status.pr_reg, values, sizeof(values));
    status.pr_pid = (int)thread->id;
    status.pr_ppid = task->ppid;
    status.pr_pgrp = task->pgid;
    status.pr_sid = task->sid;
    status.pr_sigpend = task->signals_pending;
    status.pr_sighold = task->signals_blocked;
    info.pr_sname = vt_task_state_letter(task->state);
    info.pr_zomb = (char)(task->state == TASK_ZOMBIE);
    info.pr_nice = (char)task->nice; // NOLINT(bugprone-narrowing-conversions): -20..19
    info.pr_pid = task->pid;
    info.pr_ppid = task->ppid;
    info.pr_pgrp = task->pgid;
    info.pr_sid = task->sid;
    memcpy(info.pr_fname, task->comm, sizeof(info.pr_fname) - 1);
    memcpy(info.pr_psargs, task->comm, sizeof(task->comm));
    write_note(out, "CORE", NT_PRSTATUS, &status, sizeof(status));
    write_note(out, "CORE", NT_PRPSINFO, &info, sizeof(info));
}

static void write_notes(FILE *out, struct gdb_client *client, int first_cpu,
                        const struct core_note *note)
{
    const struct gdb_thread *first =
        first_cpu >= 0 ? gdb_thread_on_cpu(client, (unsigned)first_cpu) : NULL;

    if (!first)
        first = gdb_thread_find(client, gdb_thread_interesting(client));
    write_note(out, VITRINE_NOTE_NAME, CORE_NOTE_TYPE, note, sizeof(*note));
    if (first)
        write_thread(out, client, first);
    for (size_t i = 0; i < client->thread_count; i++)
        if (&client->threads[i] != first)
            write_thread(out, client, &client->threads[i]);
}

/* ---- the file ---- */

static bool write_at(int fd, const void *data, size_t bytes, uint64_t offset)
{
    return lseek(fd, (off_t)offset, SEEK_SET) >= 0 && file_write_all(fd, data, bytes);
}

static bool is_zero(const uint8_t *page)
{
    const uint64_t *words = (const uint64_t *)page;

    for (size_t i = 0; i < PAGE / 8; i++)
        if (words[i])
            return false;
    return true;
}

/* Memory that the guest never touched is not even looked at: that would give it pages. */
static bool write_memory(int fd, int memory_fd, const struct guest_memory *memory, uint64_t offset)
{
    uint64_t at = 0;

    while (at < memory->bytes) {
        off_t data = lseek(memory_fd, (off_t)at, SEEK_DATA);
        if (data < 0)
            return errno == ENXIO; /* holes to the end */
        off_t hole = lseek(memory_fd, data, SEEK_HOLE);
        uint64_t end = hole < 0 || (uint64_t)hole > memory->bytes ? memory->bytes : (uint64_t)hole;

        for (at = (uint64_t)data; at < end;) {
            uint64_t from = at;

            while (at < end && !is_zero(memory->base + at))
                at += PAGE;
            if (at > from && !write_at(fd, memory->base + from, at - from, offset + from))
                return false;
            if (at < end)
                at += PAGE;
        }
        at = end;
    }
    return true;
}

static bool write_head(int fd, const struct segments *segments, const char *notes,
                       size_t note_bytes, uint64_t notes_at)
{
    const Elf64_Ehdr header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
                                           ELFDATA2LSB, EV_CURRENT, ELFOSABI_NONE},
                               .e_type = ET_CORE,
                               .e_machine = EM_X86_64,
                               .e_version = EV_CURRENT,
                               .e_phoff = sizeof(header),
                               .e_ehsize = sizeof(header),
                               .e_phentsize = sizeof(Elf64_Phdr),
                               .e_phnum = (Elf64_Half)(segments->count + 1)};
    const Elf64_Phdr note = {
        .p_type = PT_NOTE, .p_offset = notes_at, .p_filesz = note_bytes, .p_align = 4};

    return write_at(fd, &header, sizeof(header), 0) && file_write_all(fd, &note, sizeof(note)) &&
           file_write_all(fd, segments->list, segments->count * sizeof(*segments->list)) &&
           write_at(fd, notes, note_bytes, notes_at);
}

static bool write_file(int fd, int memory_fd, struct gdb_client *client, struct segments *segments,
                       int first_cpu)
{
    struct vt_guest *guest = client->target->guest;
    struct core_note note = {.version = CORE_NOTE_VERSION,
                             .cpus = client->target->cpus,
                             .glass_phys = guest->glass_phys,
                             .ram_bytes = guest->memory.bytes};
    const uint64_t notes_at = sizeof(Elf64_Ehdr) + (segments->count + 1) * sizeof(Elf64_Phdr);
    char *notes = NULL;
    size_t note_bytes = 0;

    memcpy(note.ram, guest->memory.ram, sizeof(note.ram));
    /* Twice: how long the notes are decides where memory begins, which stands in one of them. */
    for (unsigned pass = 0; pass < 2; pass++) {
        free(notes);
        notes = NULL;
        FILE *out = open_memstream(&notes, &note_bytes);
        if (!out)
            return false;
        write_notes(out, client, first_cpu, &note);
        fclose(out);
        note.ram_offset = (notes_at + note_bytes + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    }
    for (size_t i = 0; i < segments->count; i++)
        segments->list[i].p_offset += note.ram_offset;
    bool good = notes && write_head(fd, segments, notes, note_bytes, notes_at) &&
                write_memory(fd, memory_fd, &guest->memory, note.ram_offset) &&
                ftruncate(fd, (off_t)(note.ram_offset + note.ram_bytes)) == 0;
    free(notes);
    return good;
}

struct vt_error *gdb_core_write(const struct gdb_target *target,
                                const struct machine_registers *registers, int first_cpu,
                                int memory_fd, const char *path)
{
    struct segments segments = {.memory = &target->guest->memory, .guest = target->guest};
    struct gdb_client *client = calloc(1, sizeof(*client));
    CLEANUP_CLOSE int fd = -1;

    if (!client)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for a core file");
    client->target = target;
    client->given = registers;
    struct vt_error *error = gdb_threads_refresh(client);
    if (!error)
        error = find_segments(target->guest, &segments);
    if (!error && segments.failed)
        error = vt_error_create(VT_ERROR_MEMORY, "a core file of more than %u pieces cannot be",
                                SEGMENTS_MAX);
    if (!error) {
        /* The guest's memory may hold secrets of its programs: for the owner only. */
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0 || !write_file(fd, memory_fd, client, &segments, first_cpu))
            error = vt_error_system(errno, "cannot write the core file '%s'", path);
    }
    free(segments.list);
    free(client->threads);
    free(client);
    return error;
}
