/*
 * tests/integration/broken_kernel.c - overwrites the beginning of one function in a copy of the
 * kernel's file.
 */
#include "tests/integration/broken_kernel.h"

#include <criterion/criterion.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* LTO may give a local function's name an ending: "name.lto_priv.0". */
static bool is_called(const char *symbol, const char *name)
{
    size_t length = strlen(name);

    return strncmp(symbol, name, length) == 0 && (symbol[length] == '\0' || symbol[length] == '.');
}

static uint64_t symbol_address(Elf *elf, const char *name)
{
    Elf_Scn *section = NULL;

    while ((section = elf_nextscn(elf, section)) != NULL) {
        Elf_Data *data = elf_getdata(section, NULL);
        GElf_Shdr header;
        GElf_Sym symbol;

        if (gelf_getshdr(section, &header) == NULL || header.sh_type != SHT_SYMTAB || data == NULL)
            continue;
        for (size_t i = 0; i < header.sh_size / header.sh_entsize; i++)
            if (gelf_getsym(data, (int)i, &symbol) != NULL &&
                GELF_ST_TYPE(symbol.st_info) == STT_FUNC &&
                is_called(elf_strptr(elf, header.sh_link, symbol.st_name), name))
                return symbol.st_value;
    }
    cr_assert_fail("the kernel has no function %s: let this test break another one", name);
    return 0;
}

static off_t file_offset(Elf *elf, uint64_t address)
{
    size_t count;

    cr_assert(elf_getphdrnum(elf, &count) == 0);
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr segment;

        if (gelf_getphdr(elf, (int)i, &segment) != NULL && segment.p_type == PT_LOAD &&
            address - segment.p_vaddr < segment.p_filesz)
            return (off_t)(segment.p_offset + (address - segment.p_vaddr));
    }
    cr_assert_fail("address %#" PRIx64 " is in no segment of the kernel", address);
    return 0;
}

static void copy_file(const char *from, int to)
{
    FILE *source = fopen(from, "r");
    char block[65536];
    size_t got;

    cr_assert(source != NULL, "cannot read %s", from);
    while ((got = fread(block, 1, sizeof block, source)) > 0)
        cr_assert(write(to, block, got) == (ssize_t)got);
    fclose(source);
}

/* The kernel that the other tests run: beside the command. */
static void real_kernel(char path[PATH_MAX])
{
    const char *command = getenv("VITRINE_COMMAND");
    char directory[PATH_MAX - 32];
    char *slash;

    snprintf(directory, sizeof directory, "%s", command != NULL ? command : "build/vitrine");
    slash = strrchr(directory, '/');
    cr_assert(slash != NULL);
    *slash = '\0';
    snprintf(path, PATH_MAX, "%s/vitrine-kernel", directory);
}

void broken_kernel_create(const char *function, char path[PATH_MAX])
{
    static const uint8_t frame_setup[] = {0x55, 0x48, 0x89, 0xe5}, undefined[] = {0x0f, 0x0b};
    const char *directory = getenv("XDG_RUNTIME_DIR");
    char original[PATH_MAX];
    uint8_t head[sizeof frame_setup];
    int fd;

    real_kernel(original);
    snprintf(path, PATH_MAX, "%s/broken-kernel-XXXXXX", directory != NULL ? directory : "/tmp");
    fd = mkstemp(path);
    cr_assert(fd >= 0, "cannot make %s", path);
    copy_file(original, fd);
    elf_version(EV_CURRENT);
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    cr_assert(elf != NULL, "%s", elf_errmsg(-1));
    off_t at = file_offset(elf, symbol_address(elf, function));
    elf_end(elf);
    cr_assert(pread(fd, head, sizeof head, at) == sizeof head);
    if (memcmp(head, frame_setup, sizeof head) == 0)
        at += sizeof head;
    cr_assert(pwrite(fd, undefined, sizeof undefined, at) == sizeof undefined);
    close(fd);
}
