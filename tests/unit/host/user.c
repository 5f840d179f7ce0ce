/* tests/unit/host/user.c - see user.h. */
#include "user.h"

#include <stdlib.h>
#include <string.h>

#include "arch/page_table.h"
#include "kernel/lib/panic.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/vma.h"
#include "tasks.h"

/* *ret_rights: what the entries above the leaf allow. */
static pte_t *leaf_of(struct address_space *space, uint64_t address, pte_t *ret_rights)
{
    pte_t *table = page_table_at(space->root);

    *ret_rights = PTE_PRESENT | PTE_USER | PTE_WRITABLE;
    for (unsigned level = 3; level > 0; level--) {
        pte_t entry = table[page_table_index(address, level)];
        if (!entry)
            return NULL;
        *ret_rights &= entry;
        table = page_table_at(entry & PTE_ADDRESS);
    }
    return &table[page_table_index(address, 0)];
}

phys_t user_frame(struct address_space *space, uint64_t address)
{
    pte_t rights, *leaf = leaf_of(space, address, &rights);

    return leaf ? *leaf & PTE_ADDRESS : 0;
}

static int touch(struct address_space *space, uint64_t address, enum fault_access access,
                 void **ret)
{
    pte_t needed = PTE_PRESENT | PTE_USER | (access == FAULT_WRITE ? PTE_WRITABLE : 0);

    for (int attempt = 0; attempt < 3; attempt++) {
        struct fault_signal signal;
        pte_t rights, *leaf = leaf_of(space, address, &rights);

        if (leaf && (*leaf & rights & needed) == needed) {
            *leaf |= PTE_ACCESSED | (access == FAULT_WRITE ? PTE_DIRTY : 0);
            *ret = (char *)phys_to_virt(*leaf & PTE_ADDRESS) + (address & ~PAGE_MASK);
            return 0;
        }
        int error = address_space_fault(space, address, access, 0, &signal);
        if (error == -ENOMEM)
            return SIGKILL;
        if (error)
            return signal.signal;
    }
    panic("a fault at %#lx is resolved again and again", (unsigned long)address);
}

int user_load(struct address_space *space, uint64_t address, uint64_t *word)
{
    void *place;
    int signal = touch(space, address, FAULT_READ, &place);

    if (!signal)
        memcpy(word, place, sizeof(*word));
    return signal;
}

int user_store(struct address_space *space, uint64_t address, uint64_t word)
{
    void *place;
    int signal = touch(space, address, FAULT_WRITE, &place);

    if (!signal)
        memcpy(place, &word, sizeof(word));
    return signal;
}

int copy_to_user(uint64_t destination, const void *source, size_t bytes)
{
    return address_space_access(current->address_space, destination, (void *)source, bytes, true) ==
                   (ssize_t)bytes
               ? 0
               : -EFAULT;
}

/* ---- audit ---- */

struct counts {
    uint64_t tables, anonymous, file;
    uint32_t *leaves; /* per frame, over all tables */
    uint32_t *places; /* per frame: entries that lead to it as a table, over all spaces */
    pte_t rights;     /* of the entries above the leaf table at hand */
};

static uint64_t walk(struct counts *counts, phys_t table, unsigned level, unsigned entries,
                     uint64_t base, struct address_space *space)
{
    uint64_t used = 0;
    bool first = counts->places[table >> PAGE_SHIFT]++ == 0;
    bool writable = counts->rights & PTE_WRITABLE;

    counts->tables++;
    kernel_assert(frame_of(table)->kind == FRAME_PAGE_TABLE);
    kernel_assert(frame_of(table)->references == 1 || (level == 0 && !writable));
    for (unsigned i = 0; i < entries; i++) {
        pte_t entry = page_table_at(table)[i];
        uint64_t address = base + ((uint64_t)i << (12 + 9 * level));

        if (!entry)
            continue;
        used++;
        if (level > 0) {
            counts->rights = entry;
            kernel_assert(walk(counts, entry & PTE_ADDRESS, level - 1, 512, address, space) > 0);
            continue;
        }
        phys_t phys = entry & PTE_ADDRESS;
        const struct vma *vma = vma_find(space, address);

        kernel_assert(vma && vma->start <= address);
        kernel_assert(!(entry & PTE_WRITABLE) || vma->flags & VMA_WRITE);
        kernel_assert(!(entry & PTE_PRESENT) == !(vma->flags & VMA_PROTECTION));
        kernel_assert(!(entry & PTE_WRITABLE) || vma->flags & VMA_SHARED ||
                      frame_of(phys)->references == 1);
        kernel_assert(!(entry & PTE_ANONYMOUS) == (frame_of(phys)->kind != FRAME_ANONYMOUS));
        counts->leaves[phys >> PAGE_SHIFT] += first;
        if (frame_of(phys)->kind == FRAME_ANONYMOUS)
            counts->anonymous++;
        else
            counts->file++;
    }
    kernel_assert(frame_of(table)->next == used);
    return used;
}

static void audit_vmas(struct address_space *space)
{
    uint64_t mapped = 0, data = 0, locked = 0, bottom = USER_START;
    uint32_t count = 0;

    for (struct vma *vma = vma_first(space); vma; vma = vma_next(vma)) {
        kernel_assert(vma->start < vma->end && vma->start >= bottom && vma->end <= USER_END);
        kernel_assert(!((vma->start | vma->end | vma->file_offset) & ~PAGE_MASK));
        uint64_t guard = vma->flags & VMA_GROWS_DOWN ? STACK_GUARD_BYTES : 0;
        uint64_t gap = vma->start - bottom > guard ? vma->start - bottom - guard : 0;
        kernel_assert(vma->gap == gap && vma->subtree_gap >= gap);
        bottom = vma->end;
        mapped += vma_pages(vma);
        data += vma_flags_are_data(vma->flags) ? vma_pages(vma) : 0;
        locked += vma->flags & VMA_LOCKED ? vma_pages(vma) : 0;
        count++;
    }
    kernel_assert(mapped == space->mapped_pages && data == space->data_pages &&
                  locked == space->locked_pages);
    kernel_assert(count == space->vma_count && !(space->object.version & 1));
}

void user_audit(struct address_space *const *spaces, unsigned count)
{
    uint32_t *leaves = calloc(frame_table_count, sizeof(*leaves));
    uint32_t *places = calloc(frame_table_count, sizeof(*places));
    uint64_t tables = 0, distinct = 0;

    for (unsigned i = 0; i < count; i++) {
        struct counts counts = {.leaves = leaves, .places = places, .rights = PTE_WRITABLE};

        if (!spaces[i])
            continue;
        walk(&counts, spaces[i]->root, 3, 256, 0, spaces[i]);
        kernel_assert(counts.tables == spaces[i]->table_pages);
        kernel_assert(counts.anonymous == spaces[i]->anonymous_pages &&
                      counts.file == spaces[i]->file_pages);
        tables += counts.tables;
        audit_vmas(spaces[i]);
    }
    for (uint64_t n = 0; n < frame_table_count; n++) {
        const struct frame *frame = &frame_table[n];

        distinct += places[n] != 0;
        if (frame->kind == FRAME_PAGE_TABLE)
            kernel_assert(frame->references == places[n]);
        if (frame->kind == FRAME_ANONYMOUS)
            kernel_assert(frame->references == leaves[n]);
        else if (frame->kind == FRAME_IMAGE)
            kernel_assert(frame->references == leaves[n] + 1);
        else if (leaves[n]) /* of a file: one more if the file still holds it */
            kernel_assert(frame->kind == FRAME_FILE && frame->references - leaves[n] <= 1);
    }
    kernel_assert(tables - distinct == page_tables_shared());
    free(leaves);
    free(places);
}
