/*
 * kernel/process/elf.h - reading ELF64 program files (System V ABI, ch. 4 and 5; x86-64 psABI).
 * Pure logic on bytes in kernel memory: every field is hostile. Compiles for the host too
 * (tests/unit/test_elf.c).
 */
#ifndef KERNEL_PROCESS_ELF_H
#define KERNEL_PROCESS_ELF_H

#include "kernel/lib/types.h"

#define ELF_HEADER_BYTES         64u
#define ELF_PROGRAM_HEADER_BYTES 56u
#define ELF_PROGRAM_HEADERS_MAX  512u
#define ELF_SEGMENTS_MAX         24u /* PT_LOADs of one file; real programs have up to ten */
#define ELF_INTERPRETER_MAX      4096u

enum elf_segment_flags {
    ELF_EXECUTE = 1,
    ELF_WRITE = 2,
    ELF_READ = 4,
};

struct elf_segment {
    uint64_t address; /* before the load bias; congruent to file_offset modulo the page size */
    uint64_t bytes;   /* in memory, > 0 */
    uint64_t file_offset;
    uint64_t file_bytes; /* <= bytes; the rest is zero */
    uint32_t flags;      /* enum elf_segment_flags */
};

struct elf_image {
    bool position_independent;
    bool executable_stack;
    uint16_t program_header_count;
    uint32_t segment_count;
    uint64_t program_headers_offset;
    uint64_t entry;           /* these four before the load bias */
    uint64_t program_headers; /* address in memory, 0 = not loaded */
    uint64_t low, high;       /* page-aligned bounds of all segments */
    uint64_t alignment;       /* of the load bias: a power of two, >= one page */
    uint64_t interpreter_offset;
    uint64_t interpreter_bytes;                    /* with the NUL; 0 = none */
    struct elf_segment segments[ELF_SEGMENTS_MAX]; /* ascending */
};

/*
 * The file header: where the program headers are. 0 or -ENOEXEC. Fills position_independent, entry,
 * program_header_count and program_headers_offset.
 */
int elf_parse_header(const void *bytes, size_t size, struct elf_image *ret);
/*
 * The program headers (program_header_count * ELF_PROGRAM_HEADER_BYTES bytes); fills the rest. 0,
 * -ENOEXEC, or -EINVAL as Linux answers for impossible segments.
 */
int elf_parse_programs(const void *bytes, struct elf_image *image);
/* Entry and all segments lie in the user half when loaded at this bias. */
bool elf_fits(const struct elf_image *image, uint64_t bias);

#endif
