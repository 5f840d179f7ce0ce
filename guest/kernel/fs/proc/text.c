/* kernel/fs/proc/text.c - see text.h. */
#include "kernel/fs/proc/text.h"

#include "arch/layout.h"
#include "kernel/fs/file.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/object_cache.h"

#define PRINT_MAX 1024

struct proc_text *proc_text_create(void)
{
    struct proc_text *text = kmalloc(sizeof(*text));
    if (!text)
        return NULL;
    text->length = 0;
    text->page_count = 0;
    text->out_of_memory = false;
    return text;
}

void proc_text_destroy(struct proc_text *text)
{
    if (!text)
        return;
    for (uint32_t i = 0; i < text->page_count; i++)
        frame_release(virt_to_phys(text->pages[i]));
    kfree(text);
}

void proc_text_clear(struct proc_text *text)
{
    text->length = 0;
    text->out_of_memory = false;
}

void text_add(struct proc_text *text, const char *bytes, size_t count)
{
    while (count) {
        uint32_t page = (uint32_t)(text->length / PAGE_SIZE);
        size_t offset = text->length % PAGE_SIZE;
        if (page >= PROC_TEXT_PAGES)
            return;
        if (page >= text->page_count) {
            phys_t frame = frame_allocate(FRAME_KERNEL, 0, 0);
            if (!frame) {
                text->out_of_memory = true;
                return;
            }
            text->pages[text->page_count++] = phys_to_virt(frame);
        }
        size_t piece = min(count, PAGE_SIZE - offset);
        memcpy(text->pages[page] + offset, bytes, piece);
        text->length += piece;
        bytes += piece;
        count -= piece;
    }
}

void text_print(struct proc_text *text, const char *format, ...)
{
    char line[PRINT_MAX];
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    text_add(text, line, min((size_t)(length < 0 ? 0 : length), sizeof(line) - 1));
}

void text_add_escaped(struct proc_text *text, const char *string, const char *escape)
{
    for (; *string; string++) {
        if (strchr(escape, *string))
            text_print(text, "\\%03o", (unsigned)(uint8_t)*string);
        else
            text_add(text, string, 1);
    }
}

ssize_t proc_text_read(const struct proc_text *text, uint64_t position, struct io_buffer *buffer)
{
    ssize_t done = 0;

    while (buffer->remaining && position < text->length) {
        size_t offset = position % PAGE_SIZE;
        size_t piece = min(PAGE_SIZE - offset, text->length - position);
        piece = min(piece, buffer->remaining);
        size_t copied = io_copy_to(buffer, text->pages[position / PAGE_SIZE] + offset, piece);
        done += (ssize_t)copied;
        position += copied;
        if (copied < piece)
            return done ? done : -EFAULT;
    }
    return done;
}
