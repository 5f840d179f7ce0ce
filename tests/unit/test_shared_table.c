// SOURCES: guest/kernel/mm/address_space.c guest/kernel/mm/vma.c guest/kernel/mm/page_table.c
// guest/kernel/mm/shared_table.c guest/kernel/mm/file_mappings.c guest/kernel/mm/fault.c guest/kernel/mm/fork.c
// guest/kernel/mm/map.c guest/kernel/mm/access.c guest/kernel/mm/map_calls.c guest/kernel/mm/counted.c
// guest/kernel/mm/remap_calls.c guest/kernel/mm/advice_calls.c guest/kernel/mm/lock_calls.c
// guest/kernel/mm/slot_table.c guest/kernel/mm/object_cache.c guest/kernel/mm/frame.c
// guest/kernel/mm/free_list.c guest/kernel/mm/untouched.c guest/kernel/lib/rbtree.c
// tests/unit/host/kernel.c tests/unit/host/machine.c tests/unit/host/tasks.c
// tests/unit/host/files.c tests/unit/host/user.c
/*
 * Does a fork share well filled leaf tables, is each made a program's own by its first change, and
 * are the counts of frames and tables exact all the time?
 */
#include <criterion/criterion.h>

#include "arch/page_table.h"
#include "files.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/linux_memory.h"
#include "kernel/mm/page_table.h"
#include "machine.h"
#include "tasks.h"
#include "user.h"

#define MIB       (1024ul * 1024)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)
#define RW        (PROT_READ | PROT_WRITE)
#define TABLE     (PAGE_SIZE * PAGE_TABLE_ENTRIES)
#define BASE      0x7f0000000000ul /* the first of a table */
#define PAGES     (2ul * PAGE_TABLE_ENTRIES)

static struct address_space *parent, *child;

/* Two whole tables, each page with its number in it. */
static void fill(void)
{
    struct boot_info boot = {.ram = {{0, 64 * MIB}}, .image = {8 * MIB, 4 * MIB}};

    host_machine_start_with(&boot, 3 * MIB);
    host_task_start();
    host_task.address_space = parent = address_space_create();
    host_cpu.active_space = parent;
    cr_assert_eq(user_call(mmap, BASE, PAGES * PAGE_SIZE, RW, ANONYMOUS, -1, 0), BASE);
    for (uint64_t i = 0; i < PAGES; i++)
        cr_assert_eq(user_store(parent, BASE + i * PAGE_SIZE, i + 1), 0);
}

static void audit(void)
{
    user_audit((struct address_space *[]){parent, child}, 2);
}

static uint64_t load(struct address_space *space, uint64_t page)
{
    uint64_t word = 0;

    cr_assert_eq(user_load(space, BASE + page * PAGE_SIZE, &word), 0);
    return word;
}

static void as(struct address_space *space)
{
    host_task.address_space = space;
}

static uint32_t holders(struct address_space *space, uint64_t page)
{
    return frame_of(*page_table_entry(space, BASE + page * PAGE_SIZE) & PTE_ADDRESS)->references;
}

/* Does a fork take no frame for the leaves, and one write exactly one table and one page? */
Test(shared_table, one_write_costs_one_table_and_one_frame)
{
    fill();
    uint64_t before = frames_free_count();
    cr_assert_eq(address_space_duplicate(parent, &child), 0);
    /* A root and one table of each level between it and the leaves. */
    cr_assert_leq(before - frames_free_count(), 3 + 2, "fork took %lu frames",
                  before - frames_free_count());
    cr_assert_eq(holders(parent, 0), 2);
    cr_assert_eq(frame_of(user_frame(child, BASE))->references, 1, "a shared leaf counts once");
    audit();
    before = frames_free_count();
    host_pages_copied = 0;
    cr_assert_eq(user_store(child, BASE + 7 * PAGE_SIZE, 77), 0);
    cr_assert_eq(before - frames_free_count(), 2);
    cr_assert_eq(host_pages_copied, 1);
    cr_assert_eq(holders(parent, 0), 1);
    cr_assert_eq(holders(parent, PAGES - 1), 2, "the other table is still shared");
    audit();
    for (uint64_t i = 0; i < PAGES; i++) {
        cr_assert_eq(load(parent, i), i + 1);
        cr_assert_eq(load(child, i), i == 7 ? 77 : i + 1);
    }
    /* The parent takes its table over, and the page's frame: nobody else has either. */
    before = frames_free_count();
    cr_assert_eq(user_store(parent, BASE + 7 * PAGE_SIZE, 78), 0);
    cr_assert_eq(before, frames_free_count());
    cr_assert_eq(host_pages_copied, 1);
    audit();
    address_space_put(child);
    child = NULL;
    audit();
    host_pages_copied = 0;
    for (uint64_t i = 0; i < PAGES; i++)
        cr_assert_eq(user_store(parent, BASE + i * PAGE_SIZE, i), 0);
    cr_assert_eq(host_pages_copied, 0, "all are the parent's alone again");
    audit();
    address_space_put(parent);
}

/* Three share; the one in the middle writes: may the other two write without seeing each other? */
Test(shared_table, three_holders)
{
    struct address_space *third;

    fill();
    cr_assert_eq(address_space_duplicate(parent, &child), 0);
    as(child);
    cr_assert_eq(address_space_duplicate(child, &third), 0);
    cr_assert_eq(holders(third, 0), 3);
    cr_assert_eq(user_store(child, BASE, 100), 0);
    cr_assert_eq(holders(third, 0), 2);
    user_audit((struct address_space *[]){parent, child, third}, 3);
    cr_assert_eq(user_store(third, BASE, 200), 0);
    user_audit((struct address_space *[]){parent, child, third}, 3);
    cr_assert_eq(user_store(parent, BASE, 300), 0);
    user_audit((struct address_space *[]){parent, child, third}, 3);
    cr_assert_eq(load(parent, 0), 300);
    cr_assert_eq(load(child, 0), 100);
    cr_assert_eq(load(third, 0), 200);
    address_space_put(parent);
    address_space_put(third);
    cr_assert_eq(load(child, 1), 2);
    parent = NULL;
    audit();
    address_space_put(child);
    cr_assert_eq(page_tables_shared(), 0);
}

/* Does every call that changes leaves leave the other side's alone? */
Test(shared_table, calls_change_only_their_own_side)
{
    uint64_t word;

    fill();
    cr_assert_eq(address_space_duplicate(parent, &child), 0);
    as(child);
    cr_assert_eq(user_call(mprotect, BASE, PAGE_SIZE, PROT_NONE), 0);
    cr_assert_eq(user_load(child, BASE, &word), SIGSEGV);
    cr_assert_eq(user_store(parent, BASE, 5), 0);
    audit();
    address_space_put(child);

    as(parent);
    cr_assert_eq(address_space_duplicate(parent, &child), 0);
    as(child);
    cr_assert_eq(user_call(munmap, BASE + 3 * PAGE_SIZE, PAGE_SIZE), 0);
    cr_assert_eq(user_load(child, BASE + 3 * PAGE_SIZE, &word), SIGSEGV);
    cr_assert_eq(load(parent, 3), 4);
    audit();
    address_space_put(child);

    as(parent);
    cr_assert_eq(address_space_duplicate(parent, &child), 0);
    as(child);
    cr_assert_eq(user_call(madvise, BASE + 4 * PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED), 0);
    cr_assert_eq(load(child, 4), 0);
    cr_assert_eq(load(parent, 4), 5);
    audit();
    address_space_put(child);

    as(parent);
    cr_assert_eq(address_space_duplicate(parent, &child), 0);
    as(child);
    int64_t moved = user_call(mremap, BASE + 5 * PAGE_SIZE, 100 * PAGE_SIZE, 100 * PAGE_SIZE,
                              MREMAP_MAYMOVE | MREMAP_FIXED, BASE - 2 * TABLE + 17 * PAGE_SIZE);
    cr_assert_eq(moved, BASE - 2 * TABLE + 17 * PAGE_SIZE);
    cr_assert_eq(user_load(child, moved + PAGE_SIZE, &word), 0);
    cr_assert_eq(word, 7);
    cr_assert_eq(load(parent, 6), 7);
    audit();
    address_space_put(child);

    /* A write from outside, as ptrace does it. */
    as(parent);
    cr_assert_eq(address_space_duplicate(parent, &child), 0);
    word = 4711;
    cr_assert_eq(address_space_access(child, BASE + 9 * PAGE_SIZE, &word, sizeof(word), true),
                 (ssize_t)sizeof(word));
    cr_assert_eq(load(child, 9), 4711);
    cr_assert_eq(load(parent, 9), 10);
    audit();
    address_space_put(child);
    address_space_put(parent);
}

/* Is a table that a call empties given up without a copy? */
Test(shared_table, unmapping_a_whole_table_takes_no_frame)
{
    fill();
    cr_assert_eq(address_space_duplicate(parent, &child), 0);
    as(child);
    uint64_t before = frames_free_count();
    cr_assert_eq(user_call(munmap, BASE, TABLE), 0);
    cr_assert_geq(frames_free_count(), before);
    cr_assert_eq(holders(parent, 0), 1);
    cr_assert_eq(load(parent, 0), 1);
    audit();
    address_space_put(child);
    address_space_put(parent);
}

/* Are tables copied as ever where fork must treat parts of them differently? */
Test(shared_table, advice_keeps_a_table_from_being_shared)
{
    uint64_t word;

    fill();
    cr_assert_eq(user_call(madvise, BASE + 10 * PAGE_SIZE, PAGE_SIZE, MADV_DONTFORK), 0);
    cr_assert_eq(user_call(madvise, BASE + TABLE, PAGE_SIZE, MADV_WIPEONFORK), 0);
    cr_assert_eq(address_space_duplicate(parent, &child), 0);
    cr_assert_eq(holders(parent, 0), 1);
    cr_assert_eq(holders(parent, PAGES - 1), 1);
    cr_assert_eq(user_load(child, BASE + 10 * PAGE_SIZE, &word), SIGSEGV);
    cr_assert_eq(load(child, PAGE_TABLE_ENTRIES), 0);
    cr_assert_eq(load(child, PAGE_TABLE_ENTRIES + 1), PAGE_TABLE_ENTRIES + 2);
    audit();
    address_space_put(child);
    address_space_put(parent);
}

/* Is a shared mapping beside private memory still shared after a fork? */
Test(shared_table, shared_memory_in_the_same_range)
{
    fill();
    cr_assert_eq(
        user_call(mmap, BASE, 4 * PAGE_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
        BASE);
    cr_assert_eq(user_store(parent, BASE, 1), 0);
    cr_assert_eq(address_space_duplicate(parent, &child), 0);
    cr_assert_eq(user_store(child, BASE, 2), 0);
    cr_assert_eq(load(parent, 0), 2);
    audit();
    address_space_put(child);
    address_space_put(parent);
    cr_assert_eq(host_files_alive, 0);
}

/* Without memory for a table of its own: does a call fail, and is all as it was? */
Test(shared_table, no_memory_for_a_copy)
{
    fill();
    cr_assert_eq(address_space_duplicate(parent, &child), 0);
    as(child);
    while (frame_allocate(FRAME_KERNEL, 0, FRAME_MAY_USE_RESERVE))
        continue;
    cr_assert_eq(user_call(munmap, BASE + PAGE_SIZE, PAGE_SIZE), -ENOMEM);
    cr_assert_eq(user_call(mprotect, BASE + PAGE_SIZE, PAGE_SIZE, PROT_READ), -ENOMEM);
    cr_assert_eq(user_call(madvise, BASE + PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED), -ENOMEM);
    cr_assert_eq(user_store(child, BASE, 1), SIGKILL);
    cr_assert_eq(child->vma_count, 1);
    cr_assert_eq(holders(parent, 0), 2);
    cr_assert_eq(load(child, 1), 2);
    audit();
    address_space_put(child);
    address_space_put(parent);
}
