/*
 * vmm/inspect/files.h - reading a table of descriptors, for those who show files and those who ask
 * who holds what.
 */
#ifndef VITRINE_INSPECT_FILES_H
#define VITRINE_INSPECT_FILES_H

#include "vmm/inspect/paths.h"

#define GUEST_TABLE_FIELDS(F)                                                                      \
    F(capacity, "capacity") F(files, "files") F(open, "open") F(close_on_exec, "close_on_exec")
LAYOUT(guest_table_layout, GUEST_TABLE_FIELDS);

#define GUEST_PIPE_FIELDS(F)                                                                       \
    F(head, "ends.head")                                                                           \
    F(tail, "ends.tail")                                                                           \
    F(capacity, "capacity") F(readers, "readers") F(writers, "writers") F(inode, "inode")
LAYOUT(guest_pipe_layout, GUEST_PIPE_FIELDS);

struct guest_files {
    struct guest_paths paths;
    struct guest_table_layout table;
    struct guest_pipe_layout pipe;
};

struct vt_error *guest_files_init(const struct vt_guest *guest, struct guest_files *ret);

/* Everything about the open file at this address but its descriptor and its name. */
void guest_file_read(struct guest_files *files, uint64_t address, struct vt_file *ret);

/* Calls visit for each open descriptor of the table at this address, ascending. */
typedef struct vt_error *guest_visit_file(void *context, int32_t fd, uint64_t file,
                                          bool close_on_exec);
struct vt_error *guest_table_walk(struct guest_files *files, uint64_t table,
                                  guest_visit_file *visit, void *context);

#endif
