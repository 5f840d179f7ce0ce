/*
 * vmm/inspect/core_file.h - the note by which a core file of a machine (written by vmm/gdb/core.c)
 * can be looked into like the machine itself.
 *
 * The file is an ELF core whose guest memory lies in one piece, in the order of the RAM ranges,
 * with holes where it is zero. The segments of the kernel's windows point into that piece.
 */
#ifndef VITRINE_INSPECT_CORE_FILE_H
#define VITRINE_INSPECT_CORE_FILE_H

#include <stdint.h>

#include "shared/boot.h"

#define CORE_NOTE_TYPE    0x56540002u /* name VITRINE_NOTE_NAME; 1 is the kernel file's boot note */
#define CORE_NOTE_VERSION 1

struct core_note {
    uint32_t version;
    uint32_t cpus;
    uint64_t glass_phys;
    uint64_t ram_offset; /* in the file, page aligned */
    uint64_t ram_bytes;
    struct boot_range ram[BOOT_RAM_RANGES_MAX];
};

#endif
