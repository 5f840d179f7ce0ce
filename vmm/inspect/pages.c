/*
 * vmm/inspect/pages.c - the host's own walk of x86-64 page tables (Intel SDM volume 3, 4.5: four
 * levels).
 *
 * Nothing of the kernel is trusted here: the tables are read as the processor would read them. A
 * hostile guest can build tables that contain themselves, so the number of tables that a walk
 * enters is limited: in a tree there are no more than memory has pages.
 */
#include <string.h>

#include "vmm/inspect/guest.h"

#define ENTRY_PRESENT    (1ull << 0)
#define ENTRY_WRITABLE   (1ull << 1)
#define ENTRY_USER       (1ull << 2)
#define ENTRY_ACCESSED   (1ull << 5)
#define ENTRY_DIRTY      (1ull << 6)
#define ENTRY_LARGE      (1ull << 7) /* in levels 3 and 2: a leaf */
#define ENTRY_GLOBAL     (1ull << 8)
#define ENTRY_NO_EXECUTE (1ull << 63)
#define ENTRY_ADDRESS    0x000ffffffffff000ull
#define ENTRIES          512u

struct walk {
    struct vt_guest *guest;
    uint64_t first, last; /* inclusive, as 48-bit numbers without sign extension */
    int (*visit)(void *context, const struct vt_page *page);
    void *context;
    uint64_t tables_left;
    bool done;
};

static uint64_t canonical(uint64_t address)
{
    return address & (1ull << 47) ? address | 0xffff000000000000ull : address;
}

static struct vt_error *walk_table(struct walk *walk, uint64_t table, unsigned level, uint64_t base,
                                   uint64_t rights)
{
    const uint64_t *entries = guest_memory_at(&walk->guest->memory, table, 4096);
    uint64_t span = 1ull << (12 + 9 * (level - 1));

    if (!entries)
        return vt_error_create(VT_ERROR_CORRUPT,
                               "a page table of level %u would lie at %#lx, which is no memory",
                               level, (unsigned long)table);
    if (walk->tables_left-- == 0)
        return vt_error_create(VT_ERROR_CORRUPT,
                               "page tables without end: they seem to contain themselves");

    for (unsigned i = 0; i < ENTRIES && !walk->done; i++) {
        uint64_t start = base + i * span;

        if (start + (span - 1) < walk->first || start > walk->last)
            continue;
        uint64_t entry = __atomic_load_n(&entries[i], __ATOMIC_RELAXED);
        if (!(entry & ENTRY_PRESENT))
            continue;
        /* Writing and user access need the right at every level, no-execute is enough at one. */
        uint64_t combined = (rights & entry & (ENTRY_WRITABLE | ENTRY_USER)) |
                            ((rights | entry) & ENTRY_NO_EXECUTE);
        bool leaf = level == 1 || ((level == 2 || level == 3) && (entry & ENTRY_LARGE));
        if (!leaf) {
            struct vt_error *error =
                walk_table(walk, entry & ENTRY_ADDRESS, level - 1, start, combined);
            if (error)
                return error;
            continue;
        }
        struct vt_page page = {
            .address = canonical(start),
            .phys = entry & ENTRY_ADDRESS & ~(span - 1),
            .bytes = span,
            .writable = combined & ENTRY_WRITABLE,
            .user = combined & ENTRY_USER,
            .executable = !(combined & ENTRY_NO_EXECUTE),
            .accessed = entry & ENTRY_ACCESSED,
            .dirty = entry & ENTRY_DIRTY,
            .global = entry & ENTRY_GLOBAL,
        };
        if (walk->visit(walk->context, &page))
            walk->done = true;
    }
    return NULL;
}

struct vt_error *vt_guest_walk_pages(struct vt_guest *guest, uint64_t page_table, uint64_t first,
                                     uint64_t end,
                                     int (*visit)(void *context, const struct vt_page *page),
                                     void *context)
{
    const uint64_t low_48 = (1ull << 48) - 1;

    /* `end` 0 means the end of the address space. */
    if (end != 0 && end <= first)
        return NULL;
    struct walk walk = {
        .guest = guest,
        .first = first & low_48,
        .last = (end - 1) & low_48,
        .visit = visit,
        .context = context,
        .tables_left = guest->memory.bytes / 4096,
    };
    if (walk.last < walk.first)
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "a page walk from %#lx to %#lx crosses non-canonical addresses",
                               (unsigned long)first, (unsigned long)end);
    return walk_table(&walk, page_table & ENTRY_ADDRESS, 4, 0, ENTRY_WRITABLE | ENTRY_USER);
}

void *guest_translate_mapped(const struct vt_guest *guest, uint64_t address, uint64_t bytes)
{
    return guest_translate_by(guest, guest->kernel_page_table, address, bytes);
}

void *guest_translate_by(const struct vt_guest *guest, uint64_t root, uint64_t address,
                         uint64_t bytes)
{
    uint64_t table = root & ENTRY_ADDRESS;

    if (canonical(address & ((1ull << 48) - 1)) != address || !bytes ||
        (address & 4095) + bytes > 4096)
        return NULL;
    for (unsigned level = 4; level > 0; level--) {
        const uint64_t *entries = guest_memory_at(&guest->memory, table, 4096);
        uint64_t span = 1ull << (12 + 9 * (level - 1));

        if (!entries)
            return NULL;
        uint64_t entry = __atomic_load_n(&entries[address / span % ENTRIES], __ATOMIC_RELAXED);
        if (!(entry & ENTRY_PRESENT))
            return NULL;
        table = entry & ENTRY_ADDRESS;
        if (level == 1 || (level < 4 && (entry & ENTRY_LARGE)))
            return guest_memory_at(&guest->memory, (table & ~(span - 1)) + address % span, bytes);
    }
    return NULL;
}

static int keep_page(void *context, const struct vt_page *page)
{
    *(struct vt_page *)context = *page;
    return 1;
}

struct vt_error *vt_guest_read_user(struct vt_guest *guest, const struct vt_task *task,
                                    uint64_t address, void *buffer, size_t bytes)
{
    uint8_t *to = buffer;

    if (!task->page_table)
        return vt_error_create(VT_ERROR_NOT_FOUND, "task %d (%.16s) has no address space",
                               task->tid, task->comm);
    while (bytes > 0) {
        struct vt_page page = {0};
        struct vt_error *error =
            vt_guest_walk_pages(guest, task->page_table, address, address + 1, keep_page, &page);

        if (error)
            return error;
        if (!page.bytes || !page.user)
            return vt_error_create(VT_ERROR_NOT_FOUND, "task %d (%.16s) has no page at %#lx",
                                   task->tid, task->comm, (unsigned long)address);
        uint64_t inside = address & (page.bytes - 1);
        size_t part = page.bytes - inside < bytes ? page.bytes - inside : bytes;
        error = vt_guest_read_phys(guest, page.phys + inside, to, part);
        if (error)
            return error;
        to += part;
        address += part;
        bytes -= part;
    }
    return NULL;
}
