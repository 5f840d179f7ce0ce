/*
 * kernel/process/loading.h - a program on its way in: its file is understood, its address space is
 * filled, and nothing of the process that it is for has changed yet.
 */
#ifndef KERNEL_PROCESS_LOADING_H
#define KERNEL_PROCESS_LOADING_H

#include "kernel/process/elf.h"
#include "kernel/process/exec_strings.h"

struct address_space;
struct process;
struct file;

#define LOADING_HEADER_BYTES 1024 /* the file header and, nearly always, all program headers */

struct loading {
    struct process *process; /* that will be the program; perhaps not yet in any table */
    struct address_space *space;
    struct file *file;
    struct elf_image image;
    uint64_t bias;
    uint64_t interpreter_bias; /* 0 = no interpreter */
    uint64_t start;            /* first instruction */
    uint64_t stack_pointer;
    uint32_t euid, egid;
    bool secure;
};

/* `start` holds the first `size` bytes of the file. 0, -ENOEXEC, -EINVAL, -ENOMEM or what reading
 * said. */
int loading_read_elf(struct file *file, const uint8_t *start, size_t size, struct elf_image *image);
/* Chooses the layout and maps program and interpreter into the new space. */
int loading_map(struct loading *loading);
/* Maps the stack and writes what the program finds on it (psABI, 3.4.1); adds to the strings. */
int loading_build_stack(struct loading *loading, const char *path, struct exec_strings *strings);

#endif
