/*
 * loading.c - fills a new address space with a program: layout, segments, interpreter, stack. See
 * loading.h.
 *
 * The space is not anybody's yet, so every failure simply leaves it to be dropped.
 */
#include "kernel/process/loading.h"

#include "arch/context.h"
#include "arch/layout.h"
#include "arch/machine.h"
#include "kernel/fs/inode.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/mm/address_space.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/object_cache.h"
#include "kernel/process/internal.h"

/* Layout, as on Linux x86-64 (Documentation/arch/x86/x86_64/mm.rst, and ELF_ET_DYN_BASE = 2/3 of
 * the user half). */
#define PIE_BASE            0x555555554000ull
#define STACK_RANDOM_PAGES  0x3fffffull
#define MMAP_RANDOM_PAGES   0xfffffffull
#define BRK_RANDOM_PAGES    0x2000ull
#define STACK_GAP_MIN       (128ull << 20)
#define STACK_GAP_MAX       (USER_END / 6 * 5)
#define STACK_GUARD_GAP     (256 * PAGE_SIZE)
#define STACK_INITIAL_BYTES (128ull << 10)

enum auxiliary_type {
    AT_NULL = 0,
    AT_PHDR = 3,
    AT_PHENT = 4,
    AT_PHNUM = 5,
    AT_PAGESZ = 6,
    AT_BASE = 7,
    AT_FLAGS = 8,
    AT_ENTRY = 9,
    AT_UID = 11,
    AT_EUID = 12,
    AT_GID = 13,
    AT_EGID = 14,
    AT_PLATFORM = 15,
    AT_HWCAP = 16,
    AT_CLKTCK = 17,
    AT_SECURE = 23,
    AT_RANDOM = 25,
    AT_HWCAP2 = 26,
    AT_EXECFN = 31,
    AT_MINSIGSTKSZ = 51,
};
#define ADDR_NO_RANDOMIZE  0x0040000u
#define AUXILIARY_COUNT    20ul
#define RANDOM_BYTES       16u
#define SIGNAL_FRAME_BYTES 440u

/* The machine's option, or the program's own wish (personality(2); gdb runs what it debugs so). */
static bool randomizes(void)
{
    return aslr_enabled && !(current->process->personality & ADDR_NO_RANDOMIZE);
}

static uint64_t random_pages(uint64_t mask)
{
    uint64_t value;
    if (!randomizes())
        return 0;
    random_bytes(&value, sizeof(value));
    return (value & mask) << PAGE_SHIFT;
}

/* ---- ELF ---- */

static int read_exactly(struct file *file, void *buffer, size_t bytes, uint64_t offset)
{
    ssize_t got = file_read_at(file, buffer, bytes, offset);
    if (got < 0)
        return (int)got;
    return (size_t)got == bytes ? 0 : -ENOEXEC;
}

/* `start` holds the first `size` bytes of the file. */
int loading_read_elf(struct file *file, const uint8_t *start, size_t size, struct elf_image *image)
{
    int error = elf_parse_header(start, size, image);
    if (error)
        return error;
    size_t table_bytes = (size_t)image->program_header_count * ELF_PROGRAM_HEADER_BYTES;
    if (image->program_headers_offset <= size &&
        table_bytes <= size - image->program_headers_offset)
        return elf_parse_programs(start + image->program_headers_offset, image);
    void *table = kmalloc(table_bytes);
    if (!table)
        return -ENOMEM;
    error = read_exactly(file, table, table_bytes, image->program_headers_offset);
    if (!error)
        error = elf_parse_programs(table, image);
    kfree(table);
    return error;
}

static int map_fixed(struct address_space *space, uint64_t address, uint64_t bytes, uint32_t flags,
                     struct file *file, uint64_t file_offset, uint64_t file_bytes)
{
    struct map_request request = {
        .address = address,
        .bytes = bytes,
        .flags = flags,
        .fixed = true,
        .file = file,
        .file_offset = file_offset,
        .file_bytes = file_bytes,
    };
    int64_t result = address_space_map(space, &request);
    return result < 0 ? (int)result : 0;
}

static int map_segment(struct address_space *space, struct file *file,
                       const struct elf_segment *segment, uint64_t bias)
{
    uint32_t flags = (segment->flags & ELF_READ ? VMA_READ : 0) |
                     (segment->flags & ELF_WRITE ? VMA_WRITE : 0) |
                     (segment->flags & ELF_EXECUTE ? VMA_EXECUTE : 0);
    uint64_t in_page = segment->address & (PAGE_SIZE - 1);
    uint64_t start = segment->address - in_page + bias;
    uint64_t end = align_up(segment->address + segment->bytes, PAGE_SIZE) + bias;
    uint64_t file_end = start;
    if (segment->file_bytes) {
        uint64_t file_bytes = in_page + segment->file_bytes;
        file_end = start + align_up(file_bytes, PAGE_SIZE);
        /* Without a zero tail the last page shows the file as it is; with one, it must not. */
        bool tail = segment->bytes > segment->file_bytes;
        int error = map_fixed(space, start, file_end - start, flags, file,
                              segment->file_offset - in_page, tail ? file_bytes : UINT64_MAX);
        if (error)
            return error;
    }
    return end > file_end ? map_fixed(space, file_end, end - file_end, flags, NULL, 0, 0) : 0;
}

static int map_image(struct address_space *space, struct file *file, const struct elf_image *image,
                     uint64_t bias)
{
    if (!elf_fits(image, bias))
        return -ENOEXEC;
    for (unsigned i = 0; i < image->segment_count; i++) {
        int error = map_segment(space, file, &image->segments[i], bias);
        if (error)
            return error;
    }
    return 0;
}

static void note_ranges(struct loading *loading)
{
    struct address_space *space = loading->space;
    space->code_start = UINT64_MAX;
    for (unsigned i = 0; i < loading->image.segment_count; i++) {
        const struct elf_segment *segment = &loading->image.segments[i];
        uint64_t start = segment->address + loading->bias, end = start + segment->file_bytes;
        if (start < space->code_start)
            space->code_start = start;
        if (segment->flags & ELF_EXECUTE && end > space->code_end)
            space->code_end = end;
        if (start > space->data_start)
            space->data_start = start;
        if (end > space->data_end)
            space->data_end = end;
    }
}

/* A bias for an image that ends below `top` when it lies as high as possible. */
static uint64_t bias_below(const struct elf_image *image, uint64_t top)
{
    return align_down(top - (image->high - image->low), image->alignment) - image->low;
}

static int load_interpreter(struct loading *loading)
{
    const struct elf_image *program = &loading->image;
    struct elf_image *image = NULL;
    struct file *file = NULL;
    uint8_t *buffer = kmalloc(ELF_INTERPRETER_MAX);
    if (!buffer)
        return -ENOMEM;
    int error = read_exactly(loading->file, buffer, program->interpreter_bytes,
                             program->interpreter_offset);
    if (!error && buffer[program->interpreter_bytes - 1] != '\0')
        error = -ENOEXEC;
    if (!error)
        error = file_open_executable(AT_FDCWD, (char *)buffer, 0, &file);
    if (!error) {
        image = kmalloc(sizeof(*image));
        ssize_t got = image ? file_read_at(file, buffer, LOADING_HEADER_BYTES, 0) : -ENOMEM;
        error = got < 0 ? (int)got : loading_read_elf(file, buffer, (size_t)got, image);
        if (error == -ENOEXEC)
            error = -EIO; /* execve(2): ELIBBAD and friends; Linux says EIO for a broken one */
    }
    if (!error) {
        uint64_t bias = 0;
        if (image->position_independent) {
            if (image->high - image->low > loading->space->mmap_top / 2)
                error = -ENOMEM;
            else
                bias = bias_below(image, loading->space->mmap_top);
        }
        if (!error)
            error = map_image(loading->space, file, image, bias);
        loading->interpreter_bias = bias;
        loading->start = image->entry + bias;
    }
    kfree(image);
    if (file)
        file_put(file);
    kfree(buffer);
    return error;
}

int loading_map(struct loading *loading)
{
    struct address_space *space = loading->space;
    struct elf_image *image = &loading->image;
    uint64_t stack_limit = process_limit(loading->process, RLIMIT_STACK);
    uint64_t gap = min(stack_limit, STACK_GAP_MAX) + STACK_GUARD_GAP;
    uint64_t stack_random = STACK_RANDOM_PAGES << PAGE_SHIFT;

    space->stack_top = USER_END - random_pages(STACK_RANDOM_PAGES);
    space->stack_limit_bytes = stack_limit;
    gap = max(gap + (randomizes() ? stack_random : 0), STACK_GAP_MIN);
    space->mmap_top =
        align_down(USER_END - min(gap, STACK_GAP_MAX) - random_pages(MMAP_RANDOM_PAGES), PAGE_SIZE);

    if (image->position_independent) {
        if (image->high - image->low > space->mmap_top / 2)
            return -ENOMEM;
        if (image->interpreter_bytes)
            loading->bias =
                align_up(PIE_BASE + random_pages(MMAP_RANDOM_PAGES), image->alignment) - image->low;
        else
            loading->bias = bias_below(image, space->mmap_top);
    }
    int error = map_image(space, loading->file, image, loading->bias);
    if (error)
        return error;
    note_ranges(loading);
    loading->start = image->entry + loading->bias;

    /* A static PIE lies among the mappings, where the heap would have no room: it gets one
     * elsewhere. */
    uint64_t heap = image->position_independent && !image->interpreter_bytes
                        ? PIE_BASE
                        : image->high + loading->bias;
    space->brk_start = space->brk_end = heap + random_pages(BRK_RANDOM_PAGES - 1);
    return image->interpreter_bytes ? load_interpreter(loading) : 0;
}

/* ---- the stack that the program starts with (psABI, 3.4.1) ---- */

static unsigned fill_auxiliary(uint64_t *to, const struct loading *loading, uint64_t name,
                               uint64_t platform, uint64_t random)
{
    const struct credentials *c = &loading->process->credentials;
    const struct elf_image *image = &loading->image;
    const uint64_t vector[][2] = {
        {AT_HWCAP, arch_hwcap()},
        {AT_PAGESZ, PAGE_SIZE},
        {AT_CLKTCK, 100},
        {AT_PHDR, image->program_headers ? image->program_headers + loading->bias : 0},
        {AT_PHENT, ELF_PROGRAM_HEADER_BYTES},
        {AT_PHNUM, image->program_header_count},
        {AT_BASE, loading->interpreter_bias},
        {AT_FLAGS, 0},
        {AT_ENTRY, image->entry + loading->bias},
        {AT_UID, c->uid},
        {AT_EUID, loading->euid},
        {AT_GID, c->gid},
        {AT_EGID, loading->egid},
        {AT_SECURE, loading->secure},
        {AT_RANDOM, random},
        {AT_HWCAP2, arch_hwcap2()},
        {AT_EXECFN, name},
        {AT_PLATFORM, platform},
        {AT_MINSIGSTKSZ, SIGNAL_FRAME_BYTES + 128 + 64 + fpu_frame_bytes()},
        {AT_NULL, 0},
    };
    _Static_assert(ARRAY_COUNT(vector) == AUXILIARY_COUNT, "room for the vector");
    memcpy(to, vector, sizeof(vector));
    return ARRAY_COUNT(vector) * 2;
}

static int write_space(struct address_space *space, uint64_t address, const void *bytes,
                       size_t count)
{
    ssize_t written = address_space_access(space, address, (void *)bytes, count, true);
    if (written < 0)
        return (int)written;
    return (size_t)written == count ? 0 : -ENOMEM;
}

int loading_build_stack(struct loading *loading, const char *path, struct exec_strings *strings)
{
    static const char platform_name[] = "x86_64";
    struct address_space *space = loading->space;
    uint8_t random[RANDOM_BYTES];

    size_t name_at = strings->used;
    int error = exec_strings_append(strings, path, strlen(path) + 1);
    size_t platform_at = strings->used;
    if (!error)
        error = exec_strings_append(strings, platform_name, sizeof(platform_name));
    random_bytes(random, sizeof(random));
    size_t random_at = strings->used;
    if (!error)
        error = exec_strings_append(strings, random, sizeof(random));
    if (error)
        return error;

    size_t words =
        1 + strings->argument_count + 1 + strings->environment_count + 1 + 2 * AUXILIARY_COUNT;
    uint64_t strings_start = align_down(space->stack_top - sizeof(uint64_t) - strings->used, 16ul);
    uint64_t vector_start = align_down(strings_start - words * sizeof(uint64_t), 16ul);
    uint64_t bytes = align_up(space->stack_top - vector_start + STACK_INITIAL_BYTES, PAGE_SIZE);
    uint32_t flags = VMA_READ | VMA_WRITE | VMA_GROWS_DOWN | VMA_STACK;
    if (loading->image.executable_stack)
        flags |= VMA_EXECUTE;
    error = map_fixed(space, space->stack_top - bytes, bytes, flags, NULL, 0, 0);
    if (error)
        return error;

    /* The vector is built in one piece; a small one on our own stack. */
    uint64_t few[128], *vector = few;
    phys_t many = 0;
    if (words > ARRAY_COUNT(few)) {
        unsigned order = 0;
        while ((PAGE_SIZE << order) < words * sizeof(uint64_t))
            order++;
        many = frame_allocate(FRAME_KERNEL, order, 0);
        if (!many)
            return -ENOMEM;
        vector = phys_to_virt(many);
    }
    size_t next = 0, offset = 0;
    vector[next++] = strings->argument_count;
    space->argument_start = strings_start;
    for (uint32_t i = 0; i < strings->argument_count; i++) {
        vector[next++] = strings_start + offset;
        offset += strlen(strings->block + offset) + 1;
    }
    vector[next++] = 0;
    space->argument_end = space->environment_start = strings_start + offset;
    for (uint32_t i = 0; i < strings->environment_count; i++) {
        vector[next++] = strings_start + offset;
        offset += strlen(strings->block + offset) + 1;
    }
    vector[next++] = 0;
    space->environment_end = strings_start + offset;
    unsigned auxiliary_words =
        fill_auxiliary(&vector[next], loading, strings_start + name_at, strings_start + platform_at,
                       strings_start + random_at);
    _Static_assert(sizeof(space->auxv) >= AUXILIARY_COUNT * 2 * sizeof(uint64_t),
                   "room for the vector");
    memcpy(space->auxv, &vector[next], auxiliary_words * sizeof(uint64_t));
    error = write_space(space, strings_start, strings->block, strings->used);
    if (!error)
        error = write_space(space, vector_start, vector, words * sizeof(uint64_t));
    if (many)
        frame_release(many);
    loading->stack_pointer = vector_start;
    return error;
}
