/* tests/unit/host/machine.c - see machine.h. */
#include "machine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arch/cpu.h"
#include "arch/page_table.h"
#include "kernel/lib/panic.h"
#include "kernel/mm/frame.h"

char *host_ram;
struct cpu host_cpu;
uint64_t host_pages_cleared, host_pages_copied, host_shootdowns;
static struct boot_info boot_page;
static phys_t boot_kernel_end;

void host_machine_start_with(const struct boot_info *boot, phys_t kernel_end)
{
    uint64_t end = 0;

    for (unsigned i = 0; i < BOOT_RAM_RANGES_MAX; i++)
        if (boot->ram[i].phys + boot->ram[i].bytes > end)
            end = boot->ram[i].phys + boot->ram[i].bytes;
    host_ram =
        mmap(NULL, end, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (host_ram == MAP_FAILED)
        abort();
    boot_page = *boot;
    boot_kernel_end = kernel_end;
    frame_init(&boot_page, kernel_end);
}

void host_machine_start(uint64_t bytes)
{
    struct boot_info boot = {.ram = {{0, bytes}}};

    host_machine_start_with(&boot, 0x300000);
}

static bool in(uint64_t number, phys_t start, uint64_t bytes)
{
    return number >= start / PAGE_SIZE && number < (start + bytes + PAGE_SIZE - 1) / PAGE_SIZE;
}

static bool fixed(uint64_t number)
{
    if (in(number, 0, boot_kernel_end) || in(number, boot_page.image.phys, boot_page.image.bytes) ||
        in(number, virt_to_phys(frame_table), frame_table_count * sizeof(struct frame)))
        return true;
    for (unsigned i = 0; i < boot_page.file_count; i++)
        if (in(number, boot_page.files[i].phys, boot_page.files[i].bytes))
            return true;
    for (unsigned i = 0; i < BOOT_RAM_RANGES_MAX; i++)
        if (in(number, boot_page.ram[i].phys, boot_page.ram[i].bytes))
            return false;
    return true;
}

uint64_t host_count_free_frames(void)
{
    static const struct frame untouched;
    uint64_t free = 0;

    for (uint64_t n = 0; n < frame_table_count;) {
        const struct frame *frame = &frame_table[n];

        if (fixed(n)) {
            n++;
        } else if (memcmp(frame, &untouched, sizeof(untouched)) == 0) {
            free++;
            n++;
        } else {
            if (frame->kind == FRAME_FREE)
                free += 1ul << frame->order;
            n += 1ul << frame->order;
        }
    }
    kernel_assert(free == frames_free_count());
    return free;
}

void page_clear(void *page)
{
    host_pages_cleared++;
    memset(page, 0, PAGE_SIZE);
}

void page_copy(void *destination, const void *source)
{
    host_pages_copied++;
    memcpy(destination, source, PAGE_SIZE);
}

/* The real one writes the kernel's half; a mark in the last entry shows that it is cleared again.
 */
void arch_root_table_init(phys_t root)
{
    page_table_at(root)[511] = 1;
}

void arch_root_table_clear(phys_t root)
{
    kernel_assert(page_table_at(root)[511] == 1);
    page_table_at(root)[511] = 0;
    for (unsigned i = 0; i < PAGE_TABLE_ENTRIES; i++)
        kernel_assert(page_table_at(root)[i] == 0);
}

void tlb_flush_page(uint64_t address)
{
    (void)address;
}

void tlb_flush_all_user(void)
{
}

void tlb_shootdown(struct address_space *space, uint64_t start, uint64_t end)
{
    (void)space;
    kernel_assert(start < end);
    host_shootdowns++;
}

void tlb_shootdown_pages(struct address_space *space, const uint64_t *pages, unsigned count)
{
    (void)space;
    (void)pages;
    kernel_assert(count > 0);
    host_shootdowns++;
}

void address_space_activate(struct address_space *space)
{
    host_cpu.active_space = space;
}

void address_space_retire(struct address_space *space)
{
    if (host_cpu.active_space == space)
        host_cpu.active_space = NULL;
}
