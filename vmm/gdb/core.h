/*
 * vmm/gdb/core.h - a core file of the whole machine: tasks as threads, the kernel's memory.
 */
#ifndef VITRINE_GDB_CORE_H
#define VITRINE_GDB_CORE_H

#include "vmm/gdb/gdb.h"

/*
 * Writes an ELF core file. The world stands still; `registers` are those of each CPU (all zero =
 * unknown), memory_fd is the file of the guest's memory, first_cpu the CPU whose task gdb shows
 * first (-1 = the most interesting one). vmm/inspect/core_file.h says what else is in it.
 */
struct vt_error *gdb_core_write(const struct gdb_target *target,
                                const struct machine_registers *registers, int first_cpu,
                                int memory_fd, const char *path);

#endif
