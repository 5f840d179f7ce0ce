/*
 * vmm/session/symbols.c - the kernel's function symbols, sorted by address.
 */
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/session/symbols.h"

/* How far behind a symbol without a size an address may lie and still be called after it. */
#define REACH 65536u

struct symbol {
    uint64_t address, bytes;
    char *name;
};

struct symbols {
    struct symbol *list;
    size_t count;
};

static int by_address(const void *a, const void *b)
{
    const struct symbol *left = a, *right = b;

    return left->address < right->address ? -1 : left->address > right->address;
}

static void read_table(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, struct symbols *symbols)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = data && header->sh_entsize ? header->sh_size / header->sh_entsize : 0;

    if (count == 0 || count > 1u << 20)
        return;
    struct symbol *list = calloc(count, sizeof(*list));
    if (!list)
        return;
    for (size_t i = 0; i < count; i++) {
        GElf_Sym symbol;

        if (!gelf_getsym(data, (int)i, &symbol) || symbol.st_shndx == SHN_UNDEF)
            continue;
        int type = GELF_ST_TYPE(symbol.st_info);
        const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);
        if ((type != STT_FUNC && type != STT_NOTYPE) || !name || !*name || name[0] == '.')
            continue;
        char *copy = strdup(name);
        if (copy)
            list[symbols->count++] =
                (struct symbol){.address = symbol.st_value, .bytes = symbol.st_size, .name = copy};
    }
    qsort(list, symbols->count, sizeof(*list), by_address);
    symbols->list = list;
}

struct symbols *symbols_open(const char *path)
{
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct symbols *symbols = calloc(1, sizeof(*symbols));

    if (fd < 0 || !symbols || elf_version(EV_CURRENT) == EV_NONE) {
        free(symbols);
        return NULL;
    }
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    Elf_Scn *section = NULL;
    while (elf && !symbols->list && (section = elf_nextscn(elf, section)) != NULL) {
        GElf_Shdr header;

        if (gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB)
            read_table(elf, section, &header, symbols);
    }
    elf_end(elf);
    if (!symbols->list) {
        free(symbols);
        return NULL;
    }
    return symbols;
}

void symbols_close(struct symbols *symbols)
{
    if (!symbols)
        return;
    for (size_t i = 0; i < symbols->count; i++)
        free(symbols->list[i].name);
    free(symbols->list);
    free(symbols);
}

const char *symbols_name(const struct symbols *symbols, uint64_t address, char *text, size_t room)
{
    size_t low = 0, high = symbols ? symbols->count : 0;

    text[0] = '\0';
    while (low < high) {
        size_t middle = (low + high) / 2;

        if (symbols->list[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return text;
    const struct symbol *symbol = &symbols->list[low - 1];
    uint64_t offset = address - symbol->address;
    if (offset < (symbol->bytes ? symbol->bytes + 1 : REACH))
        snprintf(text, room, "%s+%#lx", symbol->name, (unsigned long)offset);
    return text;
}
