// SOURCES: guest/kernel/process/elf.c
/* Are good program files understood, and is every kind of bad one refused before anything is
 * mapped? */
#include <criterion/criterion.h>
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "kernel/process/elf.h"

#define ENOEXEC_NUMBER 8
#define EINVAL_NUMBER  22
#define USER_TOP       0x7ffffffff000ull

static Elf64_Ehdr header;
static Elf64_Phdr programs[ELF_SEGMENTS_MAX + 4];

static void good_file(void)
{
    memset(&header, 0, sizeof(header));
    memset(programs, 0, sizeof(programs));
    memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_EXEC;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_phoff = sizeof(header);
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 2;
    header.e_entry = 0x401020;
    programs[0] = (Elf64_Phdr){.p_type = PT_LOAD,
                               .p_flags = PF_R | PF_X,
                               .p_offset = 0,
                               .p_vaddr = 0x400000,
                               .p_filesz = 0x1800,
                               .p_memsz = 0x1800,
                               .p_align = 0x1000};
    programs[1] = (Elf64_Phdr){.p_type = PT_LOAD,
                               .p_flags = PF_R | PF_W,
                               .p_offset = 0x1800,
                               .p_vaddr = 0x402800,
                               .p_filesz = 0x100,
                               .p_memsz = 0x3000,
                               .p_align = 0x1000};
}

static int parse(struct elf_image *image)
{
    int error = elf_parse_header(&header, sizeof(header), image);
    return error ? error : elf_parse_programs(programs, image);
}

TestSuite(elf, .init = good_file);

Test(elf, good_file_is_understood)
{
    struct elf_image image;
    cr_assert_eq(parse(&image), 0);
    cr_assert(!image.position_independent);
    cr_assert_eq(image.entry, 0x401020);
    cr_assert_eq(image.segment_count, 2);
    cr_assert_eq(image.low, 0x400000);
    cr_assert_eq(image.high, 0x406000);
    cr_assert_eq(image.program_headers, 0x400040, "program headers lie in the first segment");
    cr_assert_eq(image.segments[1].file_bytes, 0x100);
    cr_assert_eq(image.segments[1].bytes, 0x3000);
    cr_assert_eq(image.segments[1].flags, ELF_READ | ELF_WRITE);
    cr_assert(!image.executable_stack);
    cr_assert_eq(image.interpreter_bytes, 0);
    cr_assert(elf_fits(&image, 0));
}

Test(elf, header_fields_are_checked)
{
    struct elf_image image;
    cr_assert_eq(elf_parse_header(&header, sizeof(header) - 1, &image), -ENOEXEC_NUMBER,
                 "truncated");
#define BAD(statement)                                                                             \
    good_file();                                                                                   \
    statement;                                                                                     \
    cr_assert_eq(parse(&image), -ENOEXEC_NUMBER, #statement)
    BAD(header.e_ident[0] = 0x7e);
    BAD(header.e_ident[EI_CLASS] = ELFCLASS32);
    BAD(header.e_ident[EI_DATA] = ELFDATA2MSB);
    BAD(header.e_ident[EI_VERSION] = 0);
    BAD(header.e_machine = EM_AARCH64);
    BAD(header.e_type = ET_REL);
    BAD(header.e_type = ET_CORE);
    BAD(header.e_phentsize = 32);
    BAD(header.e_phnum = 0);
    BAD(header.e_phnum = 0xffff);
    BAD(header.e_phoff = UINT64_MAX);
    BAD(header.e_phoff = INT64_MAX - 8);
    BAD(programs[0].p_type = programs[1].p_type = PT_NOTE);
    BAD(programs[1].p_vaddr = 0x3ff800);
    BAD(programs[1].p_type = PT_INTERP; programs[1].p_filesz = 1);
    BAD(programs[1].p_type = PT_INTERP; programs[1].p_filesz = ELF_INTERPRETER_MAX + 1);
    BAD(programs[1].p_type = PT_INTERP; programs[1].p_offset = UINT64_MAX);
#undef BAD
}

Test(elf, segment_fields_are_checked)
{
    struct elf_image image;
#define BAD(statement)                                                                             \
    good_file();                                                                                   \
    statement;                                                                                     \
    cr_assert_eq(parse(&image), -EINVAL_NUMBER, #statement)
    BAD(programs[0].p_filesz = 0x1801);
    BAD(programs[1].p_vaddr = 0xffffffff80000800ull);
    BAD(programs[1].p_vaddr = USER_TOP);
    BAD(programs[1].p_memsz = UINT64_MAX);
    BAD(programs[1].p_memsz = USER_TOP);
    BAD(programs[1].p_offset = 0x1801);
    BAD(programs[1].p_offset = UINT64_MAX - 0x7ff);
    BAD(programs[1].p_filesz = programs[1].p_memsz = UINT64_MAX - 0x402800);
#undef BAD
}

Test(elf, unusual_but_legal)
{
    struct elf_image image;
    header.e_phnum = 4;
    programs[2] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W | PF_X};
    programs[3] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = 0x1900, .p_filesz = 20};
    programs[0].p_align = 0x200000;
    header.e_type = ET_DYN;
    cr_assert_eq(parse(&image), 0);
    cr_assert(image.executable_stack);
    cr_assert(image.position_independent);
    cr_assert_eq(image.interpreter_offset, 0x1900);
    cr_assert_eq(image.interpreter_bytes, 20);
    cr_assert_eq(image.alignment, 0x200000);

    good_file();
    programs[1].p_memsz = programs[1].p_filesz = 0;
    cr_assert_eq(parse(&image), 0, "an empty segment is none");
    cr_assert_eq(image.segment_count, 1);

    good_file();
    programs[1].p_filesz = 0;
    programs[1].p_offset = 0x123; /* only .bss: the offset means nothing */
    cr_assert_eq(parse(&image), 0);

    good_file();
    programs[0].p_align = 3;
    cr_assert_eq(parse(&image), 0, "a strange alignment is not used");
    cr_assert_eq(image.alignment, 0x1000);
}

Test(elf, number_of_segments_is_bounded)
{
    struct elf_image image;
    for (unsigned i = 0; i < ELF_SEGMENTS_MAX + 1; i++)
        programs[i] = (Elf64_Phdr){.p_type = PT_LOAD,
                                   .p_flags = PF_R,
                                   .p_vaddr = 0x400000 + 0x1000ull * i,
                                   .p_memsz = 0x1000};
    header.e_phnum = ELF_SEGMENTS_MAX;
    cr_assert_eq(parse(&image), 0);
    header.e_phnum = ELF_SEGMENTS_MAX + 1;
    cr_assert_eq(parse(&image), -ENOEXEC_NUMBER);
}

Test(elf, bias_must_leave_the_image_in_the_user_half)
{
    struct elf_image image;
    cr_assert_eq(parse(&image), 0);
    cr_assert(elf_fits(&image, USER_TOP - 0x406000));
    cr_assert(!elf_fits(&image, USER_TOP - 0x405000));
    cr_assert(!elf_fits(&image, UINT64_MAX));
    image.entry = UINT64_MAX;
    cr_assert(!elf_fits(&image, 0), "the entry point counts too");
    good_file();
    programs[0].p_vaddr = 0;
    cr_assert_eq(parse(&image), 0);
    cr_assert(!elf_fits(&image, 0), "the first pages are never mapped");
}
