// SOURCES: guest/kernel/process/elf.c
/*
 * Whatever the bytes of a program file are, the parser reads only what it was given, and what it
 * accepts keeps the promises that exec relies on.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/process/elf.h"

#define USER_TOP 0x7ffffffff000ull

static void require(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct elf_image image;
    if (elf_parse_header(data, size, &image))
        return 0;
    size_t table_bytes = (size_t)image.program_header_count * ELF_PROGRAM_HEADER_BYTES;
    if (image.program_headers_offset > size || table_bytes > size - image.program_headers_offset)
        return 0;
    /* A copy of exactly the table's size: one byte too far and the sanitizer says so. */
    void *table = malloc(table_bytes);
    memcpy(table, data + image.program_headers_offset, table_bytes);
    int error = elf_parse_programs(table, &image);
    free(table);
    if (error)
        return 0;
    require(image.segment_count >= 1 && image.segment_count <= ELF_SEGMENTS_MAX);
    require(image.low % PAGE_SIZE == 0 && image.high % PAGE_SIZE == 0 && image.low < image.high);
    require(image.high <= USER_TOP);
    require(image.alignment >= PAGE_SIZE && !(image.alignment & (image.alignment - 1)));
    require(image.interpreter_bytes <= ELF_INTERPRETER_MAX);
    for (unsigned i = 0; i < image.segment_count; i++) {
        const struct elf_segment *segment = &image.segments[i];
        require(segment->bytes > 0 && segment->file_bytes <= segment->bytes);
        require(segment->address >= image.low && segment->bytes <= image.high - segment->address);
        require(!segment->file_bytes || (segment->address - segment->file_offset) % PAGE_SIZE == 0);
        require(!i || segment->address >= segment[-1].address);
    }
    if (elf_fits(&image, 0))
        require(image.entry < USER_TOP && image.low >= 0x10000);
    return 0;
}
