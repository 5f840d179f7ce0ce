/* kernel_tables.h - the boot's side of the kernel's tables, for smp.c. */
#ifndef ARCH_X86_64_KERNEL_TABLES_H
#define ARCH_X86_64_KERNEL_TABLES_H

/* All CPUs run on the real tables: the static ones of boot.S, where everything is executable, lose
 * all entries. */
void boot_tables_retire(void);

#endif
