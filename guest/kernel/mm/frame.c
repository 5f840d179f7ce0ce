/*
 * kernel/mm/frame.c - giving out frames. In front of the shared stores (free_list.h) every CPU has
 * a small stock of single frames, used with no lock and no atomic operation: frames given back
 * ("used"), frames given back as clean ("clean", mostly page tables), and a run of frames never
 * used ("fresh"). The last two read as zero, so FRAME_WANT_ZERO costs nothing there.
 *
 * Which is preferred for a zero frame: clean, then a used one that gets cleared, then fresh. A
 * fresh frame makes the host provide memory, which costs many times what clearing does. Only where
 * each instruction of the kernel is interpreted is it the other way round (BOOT_FLAG_INTERPRETED):
 * there fresh comes before used, while more than half of the RAM is untouched.
 *
 * Lock: frames_lock (RANK_FRAMES) for the shared stores; the stocks belong to their CPU. A frame in
 * a stock counts as free. When memory is short, what lies in other CPUs' stocks (at most
 * STOCK_FRAMES_MAX each) cannot be had.
 */
#include "kernel/mm/frame.h"

#include "arch/cpu.h"
#include "arch/layout.h"
#include "arch/per_cpu.h"
#include "kernel/lib/panic.h"
#include "kernel/mm/failing.h"
#include "kernel/mm/fixed_range.h"
#include "kernel/mm/free_list.h"
#include "kernel/sync/spinlock.h"
#include "shared/boot.h"

#define USED_MAX       128u
#define CLEAN_MAX      48u
#define RUN_ORDER      5u
#define RUN_FRAMES     (1u << RUN_ORDER) /* moved between stock and shared store at once */
#define RESERVE_FRAMES 64u               /* of the shared store: for FRAME_MAY_USE_RESERVE only */

struct stock {
    uint32_t used_count, clean_count;
    uint32_t fresh_next, fresh_end;
    uint32_t used[USED_MAX];
    uint32_t clean[CLEAN_MAX];
} __attribute__((aligned(64)));

READ_MOSTLY struct frame *frame_table;
uint64_t frame_table_count;

struct spinlock frames_lock = SPINLOCK_INIT(RANK_FRAMES);
static PER_CPU(struct stock, stock);
static READ_MOSTLY bool prefer_fresh; /* to clearing a used frame */
struct fixed_range fixed_ranges[FIXED_RANGES_MAX];
static unsigned fixed_range_count;
static uint64_t total_frames, image_frames;

/* The first 8 bytes of an entry in one store: references, kind, order, flags. */
static inline void frame_set(uint32_t number, uint32_t references, enum frame_kind kind,
                             unsigned order)
{
    typedef uint64_t __attribute__((may_alias)) word;
    *(word *)&frame_table[number] = references | (uint64_t)kind << 32 | (uint64_t)order << 40;
}

/* ---- boot ---- */

/* Keeps the ranges in ascending order; there are a handful. */
static void fixed_range_add(phys_t start, phys_t end, enum frame_kind kind)
{
    if (start >= end)
        return;
    unsigned i = fixed_range_count++;

    for (; i > 0 && fixed_ranges[i - 1].start > start >> PAGE_SHIFT; i--)
        fixed_ranges[i] = fixed_ranges[i - 1];
    fixed_ranges[i] = (struct fixed_range){
        (uint32_t)(start >> PAGE_SHIFT), (uint32_t)(align_up(end, PAGE_SIZE) >> PAGE_SHIFT), kind};
    if (kind == FRAME_IMAGE)
        image_frames += fixed_ranges[i].end - fixed_ranges[i].start;
}

/* Calls with each part of the RAM that no fixed range covers; stops when it returns false. */
static void for_each_piece(const struct boot_info *boot, bool (*take)(void *, uint32_t, uint32_t),
                           void *context)
{
    for (unsigned i = 0; i < BOOT_RAM_RANGES_MAX; i++) {
        uint32_t start = (uint32_t)(boot->ram[i].phys >> PAGE_SHIFT);
        uint32_t end = start + (uint32_t)(boot->ram[i].bytes >> PAGE_SHIFT);

        for (unsigned j = 0; j < fixed_range_count && start < end; j++) {
            const struct fixed_range *fixed = &fixed_ranges[j];

            if (fixed->end <= start || fixed->start >= end)
                continue;
            if (fixed->start > start && !take(context, start, fixed->start))
                return;
            start = fixed->end;
        }
        if (start < end && !take(context, start, end))
            return;
    }
}

struct table_place {
    uint32_t frames, found;
};

static bool find_table_place(void *context, uint32_t start, uint32_t end)
{
    struct table_place *place = context;

    if (end - start < place->frames)
        return true;
    place->found = start;
    return false;
}

static bool add_untouched(void *context, uint32_t start, uint32_t end)
{
    untouched_add(start, end);
    return true;
}

void frame_init(const struct boot_info *boot, phys_t kernel_end)
{
    phys_t memory_end = boot->image.phys + boot->image.bytes;

    prefer_fresh = boot->flags & BOOT_FLAG_INTERPRETED;
    fixed_range_add(0, BOOT_KERNEL_PHYS, FRAME_RESERVED);
    fixed_range_add(BOOT_KERNEL_PHYS, kernel_end, FRAME_KERNEL);
    fixed_range_add(boot->image.phys, boot->image.phys + boot->image.bytes, FRAME_IMAGE);
    for (unsigned i = 0; i < boot->file_count && i < BOOT_FILES_MAX; i++) {
        phys_t file_end = boot->files[i].phys + boot->files[i].bytes;
        fixed_range_add(boot->files[i].phys, file_end, FRAME_IMAGE);
        memory_end = max(memory_end, file_end);
    }
    for (unsigned i = 0; i < BOOT_RAM_RANGES_MAX; i++)
        memory_end = max(memory_end, boot->ram[i].phys + boot->ram[i].bytes);
    frame_table_count = align_up(memory_end, PAGE_SIZE) >> PAGE_SHIFT;

    uint64_t table_bytes = align_up(frame_table_count * sizeof(struct frame), PAGE_SIZE);
    struct table_place place = {.frames = (uint32_t)(table_bytes >> PAGE_SHIFT)};
    for_each_piece(boot, find_table_place, &place);
    if (!place.found)
        panic("no room for the frame table (%lu KiB) in the machine's memory: give it more",
              (unsigned long)(table_bytes >> 10));
    phys_t table = (phys_t)place.found << PAGE_SHIFT;
    frame_table = phys_to_virt(table);
    fixed_range_add(table, table + table_bytes, FRAME_KERNEL);

    for_each_piece(boot, add_untouched, NULL);
    total_frames = untouched_frames;
}

/* ---- allocation ---- */

static inline phys_t frame_give(uint32_t number, enum frame_kind kind, unsigned order)
{
    frame_set(number, 1, kind, order);
    return (phys_t)number << PAGE_SHIFT;
}

static bool shared_store_allows(uint64_t frames, unsigned flags)
{
    uint64_t free = free_list_frames + untouched_frames;

    return free >= frames + (flags & FRAME_MAY_USE_RESERVE ? 0 : RESERVE_FRAMES);
}

static bool fetch_fresh(struct stock *stock)
{
    uint32_t first, count = untouched_take_run(RUN_FRAMES, &first);

    if (!count)
        return false;
    stock->fresh_next = first;
    stock->fresh_end = first + count;
    return true;
}

static bool fetch_used(struct stock *stock)
{
    while (stock->used_count < RUN_FRAMES) { /* small blocks first: large ones stay whole */
        unsigned order;
        uint32_t first = free_list_take_smallest(RUN_ORDER, &order);
        if (!first)
            break;
        for (uint32_t number = first + (1u << order); number-- > first;) {
            frame_set(number, 0, FRAME_FREE, 0);
            stock->used[stock->used_count++] = number;
        }
    }
    return stock->used_count != 0;
}

/* A single frame, when the stock has none of the preferred sort. *ret_zero: it reads as zero. */
static COLD uint32_t take_one_slow(struct stock *stock, unsigned flags, bool *ret_zero)
{
    bool want_zero = flags & FRAME_WANT_ZERO;
    bool want_fresh = want_zero && prefer_fresh;

    *ret_zero = true;
    if (want_fresh ? untouched_frames > total_frames / 2 : stock->used_count == 0) {
        spin_lock(&frames_lock);
        if (stock->fresh_next == stock->fresh_end && shared_store_allows(RUN_FRAMES, flags) &&
            (want_fresh || !fetch_used(stock)))
            fetch_fresh(stock);
        spin_unlock(&frames_lock);
    }
    if (want_fresh && stock->fresh_next < stock->fresh_end)
        return stock->fresh_next++;
    if (stock->used_count) {
        *ret_zero = false;
        return stock->used[--stock->used_count];
    }
    if (stock->fresh_next < stock->fresh_end)
        return stock->fresh_next++;
    if (stock->clean_count)
        return stock->clean[--stock->clean_count];

    /* The stock is empty: near the end of memory, or past the half of it that may be fresh. */
    spin_lock(&frames_lock);
    if (shared_store_allows(1, flags)) {
        uint32_t number = free_list_take(0);
        if (number)
            *ret_zero = false;
        else if (untouched_take_run(1, &number) != 1)
            number = 0;
        spin_unlock(&frames_lock);
        return number;
    }
    spin_unlock(&frames_lock);
    return 0;
}

/* Gives the CPU's whole stock back, so that its frames can merge. */
static void stock_drain(struct stock *stock)
{
    spin_lock(&frames_lock);
    while (stock->used_count)
        free_list_put(stock->used[--stock->used_count], 0);
    while (stock->clean_count)
        free_list_put(stock->clean[--stock->clean_count], 0);
    while (stock->fresh_next < stock->fresh_end)
        free_list_put(stock->fresh_next++, 0);
    spin_unlock(&frames_lock);
}

static COLD phys_t allocate_block(enum frame_kind kind, unsigned order, unsigned flags)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        bool zero = false;
        uint32_t number = 0;

        spin_lock(&frames_lock);
        if (shared_store_allows(1ul << order, flags)) {
            bool fresh_first =
                prefer_fresh && flags & FRAME_WANT_ZERO && untouched_frames > total_frames / 2;
            if (!fresh_first)
                number = free_list_take(order);
            if (!number)
                zero = (number = untouched_take_block(order)) != 0;
            if (!number && fresh_first)
                number = free_list_take(order);
        }
        spin_unlock(&frames_lock);
        if (number) {
            phys_t phys = frame_give(number, kind, order);
            if (flags & FRAME_WANT_ZERO && !zero)
                for (uint64_t offset = 0; offset < PAGE_SIZE << order; offset += PAGE_SIZE)
                    page_clear((char *)phys_to_virt(phys) + offset);
            return phys;
        }
        stock_drain(&per_cpu(stock, this_cpu()->index));
    }
    return 0;
}

phys_t frame_allocate(enum frame_kind kind, unsigned order, unsigned flags)
{
    if (allocation_fails(GLASS_FAIL_FRAMES))
        return 0;
    if (unlikely(order > 0))
        return order <= FRAME_ORDER_MAX ? allocate_block(kind, order, flags) : 0;

    struct stock *stock = &per_cpu(stock, this_cpu()->index);
    if (flags & FRAME_WANT_ZERO) {
        if (likely(stock->clean_count))
            return frame_give(stock->clean[--stock->clean_count], kind, 0);
        if (likely(stock->used_count && !prefer_fresh)) {
            phys_t used = frame_give(stock->used[--stock->used_count], kind, 0);
            page_clear(phys_to_virt(used));
            return used;
        }
        if (stock->fresh_next < stock->fresh_end)
            return frame_give(stock->fresh_next++, kind, 0);
    } else if (likely(stock->used_count)) {
        return frame_give(stock->used[--stock->used_count], kind, 0);
    }

    bool zero;
    uint32_t number = take_one_slow(stock, flags, &zero);
    if (!number)
        return 0;
    phys_t phys = frame_give(number, kind, 0);
    if (flags & FRAME_WANT_ZERO && !zero)
        page_clear(phys_to_virt(phys));
    return phys;
}

/* ---- release ---- */

static COLD void free_slow(uint32_t number, unsigned order)
{
    struct stock *stock = &per_cpu(stock, this_cpu()->index);

    spin_lock(&frames_lock);
    if (order > 0) {
        free_list_put(number, order);
    } else {
        for (unsigned i = 0; i < USED_MAX / 2; i++)
            free_list_put(stock->used[--stock->used_count], 0);
        stock->used[stock->used_count++] = number;
    }
    spin_unlock(&frames_lock);
}

void frame_release(phys_t phys)
{
    uint32_t number = (uint32_t)(phys >> PAGE_SHIFT);
    struct frame *frame = &frame_table[number];

    /* Who holds the only reference needs no atomic operation: nobody else can get at the frame. */
    if (__atomic_load_n(&frame->references, __ATOMIC_ACQUIRE) != 1) {
        uint32_t before = __atomic_fetch_sub(&frame->references, 1, __ATOMIC_ACQ_REL);
        if (likely(before > 1))
            return;
        if (unlikely(before == 0))
            panic("frame %#lx was released more often than referenced", (unsigned long)phys);
    }
    if (unlikely(frame->kind >= FRAME_IMAGE))
        panic("frame %#lx, which is never free, lost its owner's reference", (unsigned long)phys);
    unsigned order = frame->order;
    struct stock *stock = &per_cpu(stock, this_cpu()->index);
    frame_set(number, 0, FRAME_FREE, order);
    if (likely(order == 0 && stock->used_count < USED_MAX))
        stock->used[stock->used_count++] = number;
    else
        free_slow(number, order);
}

void frame_release_last(phys_t phys)
{
    frame_of(phys)->references = 1; /* nobody else can see it: as if it had not been taken yet */
    frame_release(phys);
}

void frame_release_clean(phys_t phys)
{
    uint32_t number = (uint32_t)(phys >> PAGE_SHIFT);
    struct stock *stock = &per_cpu(stock, this_cpu()->index);

    if (unlikely(stock->clean_count == CLEAN_MAX)) {
        frame_release(phys);
        return;
    }
    kernel_assert(frame_table[number].references == 1);
    frame_set(number, 0, FRAME_FREE, 0);
    stock->clean[stock->clean_count++] = number;
}

/* ---- fixed ranges ---- */

static const struct fixed_range *fixed_range_of(uint32_t number)
{
    for (unsigned i = 0; i < fixed_range_count; i++)
        if (number - fixed_ranges[i].start < fixed_ranges[i].end - fixed_ranges[i].start)
            return &fixed_ranges[i];
    return NULL;
}

void frame_reference_first(phys_t phys)
{
    uint32_t number = (uint32_t)(phys >> PAGE_SHIFT);
    const struct fixed_range *range = fixed_range_of(number);

    if (!range)
        panic("a reference was taken to the free frame %#lx", (unsigned long)phys);
    /* The owner's reference, which nobody had written down yet. It is never dropped. */
    frame_table[number].kind = (uint8_t)range->kind;
    __atomic_fetch_add(&frame_table[number].references, 1, __ATOMIC_RELAXED);
}

enum frame_kind frame_kind_of(phys_t phys)
{
    const struct frame *frame = frame_of(phys);

    if (frame->references)
        return frame->kind;
    const struct fixed_range *range = fixed_range_of((uint32_t)(phys >> PAGE_SHIFT));
    return range ? range->kind : FRAME_FREE;
}

/* ---- counts ---- */

uint64_t frames_free_count(void)
{
    uint64_t count = READ_ONCE(free_list_frames) + READ_ONCE(untouched_frames);

    for (unsigned i = 0; i < CPUS_MAX; i++) {
        const struct stock *stock = &per_cpu(stock, i);
        count += READ_ONCE(stock->used_count) + READ_ONCE(stock->clean_count) +
                 (READ_ONCE(stock->fresh_end) - READ_ONCE(stock->fresh_next));
    }
    return count;
}

uint64_t frames_image_count(void)
{
    return image_frames;
}

uint64_t frames_total_count(void)
{
    return total_frames;
}
