/*
 * vmm/audit/files.h - the open files that can be found, for files.c and pipes.c: behind
 * descriptors, mappings and running programs. Each once, with the number of places that hold it.
 */
#ifndef VITRINE_AUDIT_FILES_H
#define VITRINE_AUDIT_FILES_H

#include "vmm/audit/audit.h"

struct audit_file {
    uint64_t address;
    const uint8_t *raw; /* NULL: no kernel memory there */
    uint32_t holders;
};

struct audit_files {
    struct audit_file *files; /* by address */
    size_t count;
    uint32_t slack; /* tasks that may hold one more file for the time of their system call */
};

/* False when out of memory. */
bool audit_files_find(const struct audit_world *world, struct audit_files *ret);
void audit_files_free(struct audit_files *files);

#endif
