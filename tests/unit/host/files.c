/* tests/unit/host/files.c - see files.h. */
#include "files.h"

#include <stdlib.h>

#include "arch/layout.h"
#include "kernel/fs/inode.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/panic.h"
#include "kernel/mm/frame.h"

unsigned host_files_alive;

static int get_page(struct file *file, uint64_t index, bool write, phys_t *ret)
{
    struct host_file *host = (struct host_file *)file;

    if (index >= host->pages)
        return -ENXIO;
    if (!host->frames[index] && write && host->lazy) {
        host->frames[index] = frame_allocate(FRAME_FILE, 0, FRAME_WANT_ZERO);
        if (!host->frames[index])
            return -ENOMEM;
    }
    *ret = host->frames[index];
    if (*ret)
        frame_reference(*ret);
    return 0;
}

static const struct file_operations operations = {.get_page = get_page};

static struct host_file *create(unsigned pages)
{
    struct host_file *host = calloc(1, sizeof(*host));

    kernel_assert(host && pages <= HOST_FILE_PAGES_MAX);
    host->file.references = 1;
    host->file.flags = O_RDWR;
    host->file.operations = &operations;
    host->file.inode = &host->inode;
    host->pages = pages;
    host_files_alive++;
    return host;
}

struct host_file *host_file_create(unsigned pages)
{
    struct host_file *host = create(pages);

    for (unsigned i = 0; i < pages; i++) {
        host->frames[i] = frame_allocate(FRAME_FILE, 0, FRAME_WANT_ZERO);
        kernel_assert(host->frames[i]);
        *(uint64_t *)phys_to_virt(host->frames[i]) = i + 1;
    }
    return host;
}

struct host_file *host_image_file(phys_t first, unsigned pages)
{
    struct host_file *host = create(pages);

    for (unsigned i = 0; i < pages; i++) {
        host->frames[i] = first + i * PAGE_SIZE;
        *(uint64_t *)phys_to_virt(host->frames[i]) = i + 1;
    }
    return host;
}

void file_mapped(struct file *file)
{
    (void)file;
}

void file_page_written(struct file *file)
{
    (void)file;
}

bool file_seals_forbid_writing(struct file *file)
{
    (void)file;
    return false;
}

int file_punch_hole(struct file *file, uint64_t offset, uint64_t bytes)
{
    (void)file, (void)offset, (void)bytes;
    return -EOPNOTSUPP;
}

struct file *shared_memory_file_create(uint64_t bytes)
{
    struct host_file *host;

    if (bytes > HOST_FILE_PAGES_MAX * PAGE_SIZE)
        return NULL;
    host = create((unsigned)((bytes + PAGE_SIZE - 1) >> PAGE_SHIFT));
    host->lazy = true;
    return &host->file;
}

void file_get(struct file *file)
{
    reference_get(&file->references);
}

void file_put(struct file *file)
{
    struct host_file *host = (struct host_file *)file;

    if (!reference_put(&file->references))
        return;
    for (unsigned i = 0; i < host->pages; i++)
        if (host->frames[i] && frame_kind_of(host->frames[i]) == FRAME_FILE)
            frame_release(host->frames[i]);
    host_files_alive--;
    free(host);
}

void host_file_put(struct host_file *file)
{
    file_put(&file->file);
}

int file_get_page(struct file *file, uint64_t index, bool write, phys_t *ret)
{
    return get_page(file, index, write, ret);
}

struct file *file_table_find(int fd)
{
    (void)fd;
    return NULL;
}
