/*
 * kernel/fs/proc/text.h - text that is written once and then read from any position: what a file of
 * /proc says at one moment, kept in whole frames.
 */
#ifndef KERNEL_FS_PROC_TEXT_H
#define KERNEL_FS_PROC_TEXT_H

#include "kernel/lib/types.h"

struct io_buffer;

#define PROC_TEXT_PAGES 256u /* 1 MiB; longer text is cut */

struct proc_text {
    size_t length;
    uint32_t page_count;
    bool out_of_memory;
    char *pages[PROC_TEXT_PAGES];
};

/* A new, empty one; NULL when out of memory. */
struct proc_text *proc_text_create(void);
void proc_text_destroy(struct proc_text *text); /* NULL is fine */
void proc_text_clear(struct proc_text *text);   /* keeps the frames */
/* One call adds at most 1023 characters. */
void text_print(struct proc_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void text_add(struct proc_text *text, const char *bytes, size_t count);
/* A path or name with octal escapes for blanks, newlines and backslashes (proc(5)). */
void text_add_escaped(struct proc_text *text, const char *string, const char *escape);
/* Bytes from `position` on: how many, 0 at the end, or -EFAULT. */
ssize_t proc_text_read(const struct proc_text *text, uint64_t position, struct io_buffer *buffer);

#endif
