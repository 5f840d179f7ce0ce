/*
 * tlb.c - which address space a CPU has loaded, and making other CPUs forget translations.
 *
 * A CPU whose bit is set in a space's cpu_mask may hold its translations. The bit is set before CR3
 * is loaded and cleared after something else was. A shootdown raises flush_wanted of each such CPU
 * and waits until its flush_done follows; the waiter serves requests made to itself meanwhile, so
 * two CPUs may shoot at each other.
 */
#include "arch/cpu.h"
#include "arch/machine.h"
#include "arch/page_table.h"
#include "arch/registers.h"
#include "kernel/mm/address_space.h"
#include "kernel/observe/audit.h"
#include "kernel/observe/mutant.h"
#include "kernel/sched/task.h"
#include "requests.h"

void tlb_flush_page(uint64_t address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

void tlb_flush_all_user(void)
{
    cr3_write(cr3_read()); /* the kernel's translations are global and stay */
}

static inline phys_t prepare(struct cpu *cpu, struct address_space *space)
{
    if (space)
        __atomic_fetch_or(&space->cpu_mask, 1ull << cpu->index, __ATOMIC_SEQ_CST);
    cpu->left_space = cpu->active_space;
    cpu->active_space = space;
    return space ? space->root : kernel_root_phys();
}

static inline void forget_left(struct cpu *cpu)
{
    struct address_space *left = cpu->left_space;
    if (!left)
        return;
    cpu->left_space = NULL;
    __atomic_fetch_and(&left->cpu_mask, ~(1ull << cpu->index), __ATOMIC_RELEASE);
}

static void load(struct cpu *cpu, struct address_space *space)
{
    cr3_write(prepare(cpu, space));
    forget_left(cpu);
}

phys_t address_space_switch_prepare(struct address_space *space)
{
    struct cpu *cpu = this_cpu();
    return space && cpu->active_space != space ? prepare(cpu, space) : 0;
}

void address_space_switch_finish(void)
{
    forget_left(this_cpu());
}

void address_space_activate(struct address_space *space)
{
    struct cpu *cpu = this_cpu();
    if (space && cpu->active_space != space)
        load(cpu, space);
}

/* This CPU, asked by another: drop what it borrows from a dying space, forget translations of the
 * rest. */
void tlb_serve_flush(void)
{
    struct cpu *cpu = this_cpu();
    uint32_t wanted = __atomic_load_n(&cpu->flush_wanted, __ATOMIC_ACQUIRE);
    if (wanted == cpu->flush_done)
        return;
    if (cpu->active_space && (!cpu->task || cpu->task->address_space != cpu->active_space))
        load(cpu, NULL);
    else
        tlb_flush_all_user();
    audit_flush(AUDIT_FLUSH_SERVED, cr3_read(), 0);
    store_release(&cpu->flush_done, wanted);
}

static COLD void flush_others(uint64_t mask)
{
    uint32_t wanted[CPUS_MAX];
    for (uint64_t rest = mask; rest; rest &= rest - 1) {
        unsigned index = (unsigned)__builtin_ctzll(rest);
        wanted[index] = __atomic_add_fetch(&cpu_at(index)->flush_wanted, 1, __ATOMIC_SEQ_CST);
        cpu_send_request(cpu_at(index), CPU_REQUEST_FLUSH);
    }
    this_cpu()->glass->shootdowns++;
    for (uint64_t rest = mask; rest; rest &= rest - 1) {
        unsigned index = (unsigned)__builtin_ctzll(rest);
        /* cppcheck-suppress uninitvar ; the first loop went over the same mask */
        while ((int32_t)(load_acquire(&cpu_at(index)->flush_done) - wanted[index]) < 0)
            cpu_serve_requests();
    }
}

/* After this CPU has done its own part. */
static void shoot_others(const struct address_space *space)
{
    uint64_t mask = __atomic_load_n(&space->cpu_mask, __ATOMIC_SEQ_CST);
    uint64_t others = mask & ~(1ull << this_cpu()->index);

    audit_flush(AUDIT_FLUSH_BEGIN, space->root, mask);
    if (others && !MUTANT(TLB_NOT_FLUSHED))
        flush_others(others);
    audit_flush(AUDIT_FLUSH_END, space->root, mask);
}

static bool loaded_here(const struct address_space *space)
{
    return __atomic_load_n(&space->cpu_mask, __ATOMIC_SEQ_CST) & 1ull << this_cpu()->index;
}

void tlb_shootdown(struct address_space *space, uint64_t start, uint64_t end)
{
    if (loaded_here(space)) {
        if ((end - start) >> PAGE_SHIFT > TLB_FEW_PAGES)
            tlb_flush_all_user();
        else
            for (uint64_t address = start; address < end; address += PAGE_SIZE)
                tlb_flush_page(address);
    }
    shoot_others(space);
}

void tlb_shootdown_pages(struct address_space *space, const uint64_t *pages, unsigned count)
{
    if (loaded_here(space)) {
        if (count > TLB_FEW_PAGES)
            tlb_flush_all_user();
        else
            for (unsigned i = 0; i < count; i++)
                tlb_flush_page(pages[i]);
    }
    shoot_others(space);
}

void address_space_retire(struct address_space *space)
{
    struct cpu *cpu = this_cpu();
    if (cpu->active_space == space)
        load(cpu, NULL);
    uint64_t mask = __atomic_load_n(&space->cpu_mask, __ATOMIC_SEQ_CST);
    if (mask)
        flush_others(mask);
}
