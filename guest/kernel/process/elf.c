/*
 * elf.c - see elf.h. Nothing is trusted before it is checked: sums cannot wrap, and what is outside
 * the user half is refused here rather than when it is mapped.
 */
#include "kernel/process/elf.h"

#include "arch/layout.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"

#define CLASS_64           2
#define DATA_LITTLE_ENDIAN 1
#define VERSION_CURRENT    1
#define TYPE_EXECUTABLE    2
#define TYPE_DYNAMIC       3
#define MACHINE_X86_64     62

#define PROGRAM_LOAD        1
#define PROGRAM_INTERPRETER 3
#define PROGRAM_GNU_STACK   0x6474e551u

struct elf_header {
    uint8_t magic[4], class, data, version, abi, abi_version, padding[7];
    uint16_t type, machine;
    uint32_t file_version;
    uint64_t entry, program_headers, section_headers;
    uint32_t flags;
    uint16_t header_bytes, program_header_bytes, program_header_count;
    uint16_t section_header_bytes, section_header_count, section_names;
};
_Static_assert(sizeof(struct elf_header) == ELF_HEADER_BYTES, "Elf64_Ehdr");

struct elf_program_header {
    uint32_t type, flags;
    uint64_t offset, address, physical_address, file_bytes, memory_bytes, alignment;
};
_Static_assert(sizeof(struct elf_program_header) == ELF_PROGRAM_HEADER_BYTES, "Elf64_Phdr");

int elf_parse_header(const void *bytes, size_t size, struct elf_image *ret)
{
    struct elf_header header;
    if (size < sizeof(header))
        return -ENOEXEC;
    memcpy(&header, bytes, sizeof(header));
    if (memcmp(header.magic, "\177ELF", 4) != 0 || header.class != CLASS_64 ||
        header.data != DATA_LITTLE_ENDIAN || header.version != VERSION_CURRENT ||
        header.machine != MACHINE_X86_64)
        return -ENOEXEC;
    if (header.type != TYPE_EXECUTABLE && header.type != TYPE_DYNAMIC)
        return -ENOEXEC;
    if (header.program_header_bytes != ELF_PROGRAM_HEADER_BYTES ||
        header.program_header_count == 0 || header.program_header_count > ELF_PROGRAM_HEADERS_MAX)
        return -ENOEXEC;
    uint64_t table_bytes = (uint64_t)header.program_header_count * ELF_PROGRAM_HEADER_BYTES;
    if (header.program_headers > (uint64_t)INT64_MAX - table_bytes)
        return -ENOEXEC;
    ret->position_independent = header.type == TYPE_DYNAMIC;
    ret->program_header_count = header.program_header_count;
    ret->program_headers_offset = header.program_headers;
    ret->entry = header.entry;
    return 0;
}

static int parse_segment(const struct elf_program_header *program, struct elf_image *image)
{
    uint64_t in_page = program->address & (PAGE_SIZE - 1);
    if (program->memory_bytes == 0)
        return 0;
    if (program->file_bytes > program->memory_bytes)
        return -EINVAL;
    if (program->address >= USER_END || program->memory_bytes > USER_END - program->address)
        return -EINVAL;
    if (program->offset > (uint64_t)INT64_MAX - PAGE_SIZE - program->file_bytes)
        return -EINVAL;
    if (program->file_bytes && (program->offset & (PAGE_SIZE - 1)) != in_page)
        return -EINVAL;
    if (image->segment_count == ELF_SEGMENTS_MAX)
        return -ENOEXEC;
    struct elf_segment *segment = &image->segments[image->segment_count];
    if (image->segment_count && program->address < segment[-1].address)
        return -ENOEXEC; /* the ABI wants them ascending */
    image->segment_count++;
    segment->address = program->address;
    segment->bytes = program->memory_bytes;
    segment->file_offset = program->offset;
    segment->file_bytes = program->file_bytes;
    segment->flags = program->flags & (ELF_READ | ELF_WRITE | ELF_EXECUTE);

    uint64_t end = align_up(segment->address + segment->bytes, PAGE_SIZE);
    if (image->segment_count == 1)
        image->low = align_down(segment->address, PAGE_SIZE);
    if (end > image->high)
        image->high = end;
    uint64_t alignment = program->alignment;
    if (alignment > image->alignment && alignment < USER_END && !(alignment & (alignment - 1)))
        image->alignment = alignment;

    uint64_t table = image->program_headers_offset;
    if (!image->program_headers && table >= program->offset &&
        table - program->offset < program->file_bytes)
        image->program_headers = program->address + (table - program->offset);
    return 0;
}

int elf_parse_programs(const void *bytes, struct elf_image *image)
{
    image->executable_stack = false;
    image->segment_count = 0;
    image->program_headers = 0;
    image->low = image->high = 0;
    image->alignment = PAGE_SIZE;
    image->interpreter_offset = image->interpreter_bytes = 0;
    for (unsigned i = 0; i < image->program_header_count; i++) {
        struct elf_program_header program;
        memcpy(&program, (const uint8_t *)bytes + i * sizeof(program), sizeof(program));
        int error = 0;
        if (program.type == PROGRAM_LOAD) {
            error = parse_segment(&program, image);
        } else if (program.type == PROGRAM_INTERPRETER && !image->interpreter_bytes) {
            if (program.file_bytes < 2 || program.file_bytes > ELF_INTERPRETER_MAX ||
                program.offset > (uint64_t)INT64_MAX - program.file_bytes)
                return -ENOEXEC;
            image->interpreter_offset = program.offset;
            image->interpreter_bytes = program.file_bytes;
        } else if (program.type == PROGRAM_GNU_STACK) {
            image->executable_stack = program.flags & ELF_EXECUTE;
        }
        if (error)
            return error;
    }
    if (!image->segment_count)
        return -ENOEXEC;
    return 0;
}

bool elf_fits(const struct elf_image *image, uint64_t bias)
{
    if (bias >= USER_END || image->high > USER_END - bias || image->low + bias < USER_START)
        return false;
    return image->entry < USER_END - bias;
}
