/*
 * paging.c - the kernel's own half of every address space (arch/layout.h): direct map, image with
 * W^X, stacks with guard pages, device registers, and the `syscall` page of soft hosts.
 *
 * The top-level entries are made at boot and copied into each new root table; below them
 * tables are only ever added, under kernel_map_lock.
 */
#include "arch/cpu.h"
#include "arch/layout.h"
#include "arch/machine.h"
#include "arch/page_table.h"
#include "arch/per_cpu.h"
#include "arch/registers.h"
#include "arch/trap_frame.h"
#include "fault_stacks.h"
#include "kernel/lib/panic.h"
#include "kernel/mm/frame.h"
#include "kernel/observe/mutant.h"
#include "kernel/sync/spinlock.h"
#include "kernel_tables.h"

#define LARGE_PAGE   0x200000ul
#define STACK_STRIDE (8 * PAGE_SIZE) /* stack and at least one guard page; a power of two */

/*
 * What docs/model.md says of kernel stacks. The place of a stack is a multiple of its stride, so that
 * an address tells which stack it is in; what a stack does not fill of its stride is never mapped, so
 * that running over its end faults at once instead of reaching its neighbour.
 */
_Static_assert((STACK_STRIDE & (STACK_STRIDE - 1)) == 0, "the stride is a power of two");
_Static_assert(KERNEL_STACK_BYTES % PAGE_SIZE == 0, "a stack is whole pages");
_Static_assert(KERNEL_STACK_BYTES + PAGE_SIZE <= STACK_STRIDE, "with a guard page below it");
_Static_assert(KERNEL_STACKS % STACK_STRIDE == 0 && KERNEL_STACKS_END % STACK_STRIDE == 0,
               "the first stack begins where a stride does");
_Static_assert((KERNEL_STACKS_END - KERNEL_STACKS) / STACK_STRIDE >= 2 * 32768ul,
               "a stack for every PID, and as many again for what is not reaped yet");
_Static_assert(sizeof(struct trap_frame) % 16 == 0 && sizeof(struct trap_frame) < 256,
               "the user's registers leave the stack aligned, and nearly all of it free");

static pte_t kernel_root[PAGE_TABLE_ENTRIES] __attribute__((aligned(PAGE_SIZE)));
static struct spinlock kernel_map_lock = SPINLOCK_INIT(RANK_KERNEL_MAP);
static const uint64_t kernel_regions[] = {DEVICE_REGISTERS, SOFT_SYSCALL_PAGE, KERNEL_IMAGE};

#define SAME_ROOT_ENTRY(a, b) ((a) >> 39 == (b) >> 39)
_Static_assert(SAME_ROOT_ENTRY(DIRECT_MAP, KERNEL_IMAGE) &&
                   SAME_ROOT_ENTRY(KERNEL_STACKS, KERNEL_IMAGE),
               "the image's entry of the root table is to lead to the direct map and the stacks");

extern pte_t boot_root_table[];
extern char boot_stack_guard[], soft_syscall_page[];

phys_t kernel_root_phys(void)
{
    return virt_to_phys(kernel_root);
}

void arch_root_table_init(phys_t root)
{
    pte_t *table = page_table_at(root);
    for (unsigned i = 0; i < ARRAY_COUNT(kernel_regions); i++) {
        unsigned index = page_table_index(kernel_regions[i], PAGE_TABLE_ROOT_LEVEL);
        table[index] = kernel_root[index];
    }
}

void arch_root_table_clear(phys_t root)
{
    pte_t *table = page_table_at(root);
    for (unsigned i = 0; i < ARRAY_COUNT(kernel_regions); i++)
        table[page_table_index(kernel_regions[i], PAGE_TABLE_ROOT_LEVEL)] = 0;
}

/* The table below *entry, made if it is not there. User bits are only set where a user page will
 * hang below. */
static pte_t *table_below(pte_t *entry, pte_t user)
{
    if (!(*entry & PTE_PRESENT)) {
        phys_t table = frame_allocate(FRAME_PAGE_TABLE, 0, FRAME_WANT_ZERO);
        if (!table)
            return NULL;
        *entry = table | PTE_PRESENT | PTE_WRITABLE | user;
    }
    return page_table_at(*entry & PTE_ADDRESS);
}

/* The level-0 entry (or level-1, for large pages) of a kernel address. Lock held, or boot. */
static pte_t *kernel_entry(uint64_t address, unsigned level, pte_t user)
{
    pte_t *table = kernel_root;
    for (unsigned at = PAGE_TABLE_ROOT_LEVEL; at > level && table; at--)
        table = table_below(&table[page_table_index(address, at)], user);
    return table ? &table[page_table_index(address, level)] : NULL;
}

static bool kernel_map_page(uint64_t address, phys_t phys, pte_t flags)
{
    spin_lock(&kernel_map_lock);
    pte_t *entry = kernel_entry(address, 0, flags & PTE_USER);
    if (entry)
        *entry = phys | flags | PTE_PRESENT;
    spin_unlock(&kernel_map_lock);
    return entry;
}

/* What a page of the kernel image may be used for, in the image mapping; the direct map never
 * executes. */
static pte_t image_flags(uint64_t address)
{
    if (address >= (uint64_t)boot_stack_guard && address < (uint64_t)boot_stack_guard + PAGE_SIZE)
        return 0;
    if (address < (uint64_t)text_end)
        return PTE_PRESENT | PTE_GLOBAL | (MUTANT_AT_BOOT(KERNEL_TEXT_WRITABLE) ? PTE_WRITABLE : 0);
    if (address < (uint64_t)rodata_end)
        return PTE_PRESENT | PTE_GLOBAL | PTE_NO_EXECUTE;
    return PTE_PRESENT | PTE_GLOBAL | PTE_NO_EXECUTE | PTE_WRITABLE;
}

/* The image page by page, at its own address and, without write access where it has none, in the
 * direct map. */
static void map_image(void)
{
    phys_t start = virt_to_phys(image_start), end = align_up(virt_to_phys(image_end), LARGE_PAGE);
    for (phys_t block = start; block < end; block += LARGE_PAGE) {
        pte_t *image = kernel_entry(KERNEL_IMAGE + block, 0, 0);
        pte_t *direct = kernel_entry(DIRECT_MAP + block, 0, 0);
        kernel_assert(image && direct);
        for (unsigned i = 0; i < PAGE_TABLE_ENTRIES; i++) {
            phys_t phys = block + i * PAGE_SIZE;
            if (KERNEL_IMAGE + phys < (uint64_t)image_end) {
                pte_t flags = image_flags(KERNEL_IMAGE + phys);
                image[i] = flags ? phys | flags : 0;
                direct[i] =
                    phys | PTE_PRESENT | PTE_GLOBAL | PTE_NO_EXECUTE | (flags & PTE_WRITABLE);
            } else {
                direct[i] = phys | PTE_PRESENT | PTE_GLOBAL | PTE_NO_EXECUTE | PTE_WRITABLE;
            }
        }
    }
}

static void map_direct(const struct boot_range *ram)
{
    phys_t image_first = virt_to_phys(image_start),
           image_last = align_up(virt_to_phys(image_end), LARGE_PAGE);
    for (phys_t phys = ram->phys; phys < ram->phys + ram->bytes; phys += LARGE_PAGE) {
        if (phys >= image_first && phys < image_last)
            continue;
        pte_t *entry = kernel_entry(DIRECT_MAP + phys, 1, 0);
        kernel_assert(entry);
        *entry = phys | PTE_PRESENT | PTE_WRITABLE | PTE_LARGE | PTE_GLOBAL | PTE_NO_EXECUTE;
    }
}

void paging_init(const struct boot_info *boot)
{
    for (unsigned i = 0; i < BOOT_RAM_RANGES_MAX; i++)
        map_direct(&boot->ram[i]);
    map_image();
    /* The top of this region too, so that root tables copied from now on have them all. */
    kernel_assert(
        table_below(&kernel_root[page_table_index(DEVICE_REGISTERS, PAGE_TABLE_ROOT_LEVEL)], 0));
    if (boot->flags & BOOT_FLAG_SOFT_SYSCALL)
        kernel_assert(
            kernel_map_page(SOFT_SYSCALL_PAGE, virt_to_phys(soft_syscall_page), PTE_USER));
    /* Further CPUs start on the static root table, for its identity map, but on stacks that live
     * here. */
    unsigned image = page_table_index(KERNEL_IMAGE, PAGE_TABLE_ROOT_LEVEL);
    boot_root_table[image] = kernel_root[image];
    cr3_write(kernel_root_phys());
}

void boot_tables_retire(void)
{
    boot_root_table[0] = 0; /* the identity map, where the trampoline ran */
    for (unsigned i = 0; i < ARRAY_COUNT(kernel_regions); i++)
        boot_root_table[page_table_index(kernel_regions[i], PAGE_TABLE_ROOT_LEVEL)] = 0;
}

void *device_map(phys_t phys)
{
    static unsigned count;
    uint64_t address = DEVICE_REGISTERS + PAGE_SIZE * count++;
    if (!kernel_map_page(address, phys,
                         PTE_WRITABLE | PTE_UNCACHED | PTE_WRITE_THROUGH | PTE_NO_EXECUTE |
                             PTE_GLOBAL))
        panic("no memory for the device registers at %#lx", phys);
    return (void *)address;
}

/* ---- kernel stacks ---- */

/*
 * Stacks are never unmapped: a free one waits in its last CPU's small cache or in the shared list,
 * linked through its top word. So no TLB anywhere ever holds a wrong translation for one.
 */
#define STACK_CACHE 8

struct stack_cache {
    uint64_t tops[STACK_CACHE];
    unsigned count;
};
static PER_CPU(struct stack_cache, stack_cache);
static struct spinlock stack_lock = SPINLOCK_INIT(RANK_SLAB);
static uint64_t
    free_stacks; /* top of the first, linked through the word below each top; stack_lock */
static uint64_t stacks_made; /* stack_lock */

static uint64_t stack_make(unsigned pages)
{
    spin_lock(&stack_lock);
    uint64_t top = KERNEL_STACKS + ++stacks_made * STACK_STRIDE;
    spin_unlock(&stack_lock);
    if (top > KERNEL_STACKS_END)
        return 0;
    for (unsigned i = 1; i <= pages + MUTANT_AT_BOOT(KERNEL_STACK_UNGUARDED); i++) {
        phys_t frame = frame_allocate(FRAME_KERNEL, 0, 0);
        if (!frame || !kernel_map_page(top - i * PAGE_SIZE, frame,
                                       PTE_WRITABLE | PTE_NO_EXECUTE | PTE_GLOBAL |
                                           (MUTANT_AT_BOOT(USER_BIT_ON_KERNEL) ? PTE_USER : 0))) {
            /* The pages mapped so far stay with this slot, which is simply not used. */
            if (frame)
                frame_release(frame);
            return 0;
        }
    }
    return top;
}

uint64_t kernel_stack_allocate(void)
{
    struct stack_cache *cache = &per_cpu(stack_cache, this_cpu()->index);
    if (cache->count)
        return cache->tops[--cache->count];
    spin_lock(&stack_lock);
    uint64_t top = free_stacks;
    if (top)
        free_stacks = *(uint64_t *)(top - sizeof(uint64_t));
    spin_unlock(&stack_lock);
    return top ? top : stack_make(KERNEL_STACK_PAGES);
}

void kernel_stack_free(uint64_t top)
{
    struct stack_cache *cache = &per_cpu(stack_cache, this_cpu()->index);
    if (cache->count < STACK_CACHE) {
        cache->tops[cache->count++] = top;
        return;
    }
    spin_lock(&stack_lock);
    *(uint64_t *)(top - sizeof(uint64_t)) = free_stacks;
    free_stacks = top;
    spin_unlock(&stack_lock);
}

static uint64_t fault_stack_tops[CPUS_MAX][FAULT_STACKS];

void fault_stacks_allocate(unsigned cpu)
{
    for (unsigned i = 0; i < FAULT_STACKS; i++) {
        fault_stack_tops[cpu][i] = stack_make(1);
        if (!fault_stack_tops[cpu][i])
            panic("no memory for the fault stacks of CPU %u", cpu);
    }
}

uint64_t fault_stack_top(unsigned cpu, enum fault_stack which)
{
    return fault_stack_tops[cpu][which];
}
