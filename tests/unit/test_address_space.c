// SOURCES: guest/kernel/mm/address_space.c guest/kernel/mm/vma.c guest/kernel/mm/page_table.c
// guest/kernel/mm/shared_table.c guest/kernel/mm/file_mappings.c guest/kernel/mm/fault.c guest/kernel/mm/fork.c
// guest/kernel/mm/map.c guest/kernel/mm/access.c guest/kernel/mm/map_calls.c guest/kernel/mm/counted.c
// guest/kernel/mm/remap_calls.c guest/kernel/mm/advice_calls.c guest/kernel/mm/lock_calls.c
// guest/kernel/mm/slot_table.c guest/kernel/mm/object_cache.c guest/kernel/mm/frame.c
// guest/kernel/mm/free_list.c guest/kernel/mm/untouched.c guest/kernel/lib/rbtree.c
// tests/unit/host/kernel.c tests/unit/host/machine.c tests/unit/host/tasks.c
// tests/unit/host/files.c tests/unit/host/user.c
/*
 * Do programs see the memory they wrote, whatever is mapped, forked, moved and unmapped - and are
 * all counts exact all the time, every frame back at the end?
 */
#include "tests/unit/address_space_fixture.h"

Test(address_space, fork_shares_until_one_writes)
{
    struct address_space *parent = start(), *child;
    uint64_t free_before;

    int64_t place = user_call(mmap, 0, 10 * PAGE_SIZE, RW, ANONYMOUS, -1, 0);
    cr_assert_gt(place, 0);
    for (unsigned i = 0; i < 5; i++)
        cr_assert_eq(user_store(parent, place + i * PAGE_SIZE, i + 1), 0);
    cr_assert_eq(address_space_duplicate(parent, &child), 0);
    for (unsigned i = 0; i < 5; i++) {
        phys_t frame = user_frame(parent, place + i * PAGE_SIZE);
        cr_assert_eq(frame, user_frame(child, place + i * PAGE_SIZE));
        cr_assert_eq(frame_of(frame)->references, 2);
    }
    user_audit((struct address_space *[]){parent, child}, 2);
    free_before = frames_free_count();
    host_pages_copied = 0;
    cr_assert_eq(user_store(child, place, 77), 0);
    cr_assert_eq(frames_free_count(), free_before - 1, "exactly one new frame");
    cr_assert_eq(host_pages_copied, 1);
    cr_assert_eq(load(parent, place), 1);
    cr_assert_eq(load(child, place), 77);
    phys_t frame = user_frame(parent, place);
    cr_assert_eq(user_store(parent, place, 78), 0);
    cr_assert_eq(user_frame(parent, place), frame, "the last user keeps the frame");
    cr_assert_eq(host_pages_copied, 1);
    user_audit((struct address_space *[]){parent, child}, 2);
    address_space_put(child);
    user_audit((struct address_space *[]){parent}, 1);
    for (unsigned i = 1; i < 5; i++)
        cr_assert_eq(load(parent, place + i * PAGE_SIZE), i + 1);
}

Test(address_space, a_thousand_forks_leave_no_trace)
{
    struct address_space *parent = start(), *child;
    int64_t place = user_call(mmap, 0, 300 * PAGE_SIZE, RW, ANONYMOUS, -1, 0);

    for (unsigned i = 0; i < 300; i += 3)
        user_store(parent, place + i * PAGE_SIZE, i);
    uint64_t free_before = 0;
    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(address_space_duplicate(parent, &child), 0);
        user_store(child, place, 1);
        user_store(parent, place + 6 * PAGE_SIZE, 1);
        address_space_put(child);
        if (i == 10)
            free_before = host_count_free_frames();
    }
    cr_assert_eq(host_count_free_frames(), free_before);
    cr_assert_eq(address_space_slots.glass.live, 1);
}

Test(address_space, image_pages_in_place)
{
    struct address_space *space = start();
    struct host_file *file = host_image_file(9 * MIB, 40);
    uint64_t free_before = frames_free_count();
    struct map_request request = {.bytes = 40 * PAGE_SIZE,
                                  .flags = VMA_READ | VMA_WRITE,
                                  .file = &file->file,
                                  .file_bytes = UINT64_MAX};
    int64_t place = address_space_map(space, &request);

    for (unsigned i = 0; i < 40; i++) {
        cr_assert_eq(load(space, place + i * PAGE_SIZE), i + 1);
        cr_assert_eq(user_frame(space, place + i * PAGE_SIZE), 9 * MIB + i * PAGE_SIZE);
    }
    cr_assert_geq(frames_free_count() + 5, free_before, "no data frame, only tables and a slab");
    free_before = frames_free_count();
    cr_assert_eq(user_store(space, place + 5 * PAGE_SIZE, 99), 0);
    cr_assert_eq(frames_free_count(), free_before - 1);
    cr_assert_eq(*(uint64_t *)phys_to_virt(9 * MIB + 5 * PAGE_SIZE), 6,
                 "the image is never written");
    uint64_t word;
    cr_assert_eq(user_load(space, place + 40 * PAGE_SIZE, &word), SIGSEGV);
    user_audit(&space, 1);
    address_space_put(space);
    for (unsigned i = 0; i < 40; i++)
        cr_assert_eq(frame_of(9 * MIB + i * PAGE_SIZE)->references, 1);
    cr_assert_eq(frames_free_count() + 5 >= free_before, true);
    host_file_put(file);
    cr_assert_eq(host_files_alive, 0);
}

Test(address_space, bss_tail_of_a_segment)
{
    struct address_space *space = start();
    struct host_file *file = host_file_create(8);
    struct map_request request = {.address = 0x400000,
                                  .fixed = true,
                                  .bytes = 6 * PAGE_SIZE,
                                  .flags = VMA_READ | VMA_WRITE,
                                  .file = &file->file,
                                  .file_offset = PAGE_SIZE,
                                  .file_bytes = 2 * PAGE_SIZE + 16};

    memset(phys_to_virt(file->frames[3]), 0xff, PAGE_SIZE);
    cr_assert_eq(address_space_map(space, &request), 0x400000);
    cr_assert_eq(load(space, 0x400000), 2);
    cr_assert_eq(load(space, 0x401000), 3);
    cr_assert_eq(load(space, 0x402008), UINT64_MAX);
    cr_assert_eq(load(space, 0x402010), 0, "the tail of the file's last page");
    cr_assert_eq(load(space, 0x402ff8), 0);
    for (uint64_t address = 0x403000; address < 0x406000; address += PAGE_SIZE)
        cr_assert_eq(load(space, address), 0);
    user_audit(&space, 1);
    address_space_put(space);
    host_file_put(file);
}

Test(address_space, end_of_file_is_a_bus_error)
{
    struct address_space *space = start();
    struct host_file *file = host_file_create(2);
    struct map_request request = {.bytes = 4 * PAGE_SIZE,
                                  .flags = VMA_READ | VMA_SHARED | VMA_WRITE,
                                  .file = &file->file,
                                  .file_bytes = UINT64_MAX};
    int64_t place = address_space_map(space, &request);
    uint64_t word;

    cr_assert_eq(user_store(space, place + PAGE_SIZE, 5), 0);
    cr_assert_eq(*(uint64_t *)phys_to_virt(file->frames[1]), 5,
                 "a shared mapping writes to the file");
    cr_assert_eq(user_load(space, place + 2 * PAGE_SIZE, &word), SIGBUS);
    address_space_put(space);
    host_file_put(file);
}

Test(address_space, shared_memory_after_fork)
{
    struct address_space *parent = start(), *child;
    int64_t place = user_call(mmap, 0, 4 * PAGE_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    cr_assert_gt(place, 0);
    cr_assert_eq(user_store(parent, place, 1), 0);
    cr_assert_eq(address_space_duplicate(parent, &child), 0);
    cr_assert_eq(user_store(child, place, 2), 0);
    cr_assert_eq(user_store(child, place + PAGE_SIZE, 3), 0);
    cr_assert_eq(load(parent, place), 2);
    cr_assert_eq(load(parent, place + PAGE_SIZE), 3);
    cr_assert_eq(load(parent, place + 2 * PAGE_SIZE), 0);
    cr_assert_eq(user_store(child, place + 2 * PAGE_SIZE, 4), 0);
    cr_assert_eq(load(parent, place + 2 * PAGE_SIZE), 4);
    user_audit((struct address_space *[]){parent, child}, 2);
    address_space_put(child);
    address_space_put(parent);
    cr_assert_eq(host_files_alive, 0);
}

Test(address_space, stack_growth_and_guard)
{
    struct address_space *space = start();
    uint64_t top = 0x7fff00000000;
    struct map_request request = {.address = top - 4 * PAGE_SIZE,
                                  .fixed = true,
                                  .bytes = 4 * PAGE_SIZE,
                                  .flags = VMA_READ | VMA_WRITE | VMA_GROWS_DOWN | VMA_STACK};

    host_process.rlimits[RLIMIT_STACK].soft = 8 * MIB;
    cr_assert_gt(address_space_map(space, &request), 0);
    cr_assert_eq(user_store(space, top - 100 * PAGE_SIZE, 1), 0);
    cr_assert_eq(vma_first(space)->start, top - 100 * PAGE_SIZE);
    cr_assert_eq(user_store(space, top - 8 * MIB, 1), 0);
    cr_assert_eq(user_store(space, top - 8 * MIB - 8, 1), SIGSEGV);
    user_audit(&space, 1);
    address_space_put(space);

    space = host_task.address_space = address_space_create();
    address_space_map(space, &request);
    uint64_t neighbour = top - 2 * MIB;
    cr_assert_eq(user_call(mmap, neighbour, PAGE_SIZE, PROT_READ, ANONYMOUS | MAP_FIXED, -1, 0),
                 neighbour);
    cr_assert_eq(user_store(space, neighbour + PAGE_SIZE + MIB, 1), 0);
    cr_assert_eq(user_store(space, neighbour + MIB, 1), SIGSEGV, "within the guard gap");
    address_space_put(space);
}

Test(address_space, protection)
{
    struct address_space *space = start(), *child;
    int64_t place = user_call(mmap, 0, 4 * PAGE_SIZE, RW, ANONYMOUS, -1, 0);
    uint64_t word;

    user_store(space, place, 5);
    cr_assert_eq(user_call(mprotect, place, PAGE_SIZE, PROT_NONE), 0);
    cr_assert_eq(user_load(space, place, &word), SIGSEGV);
    cr_assert_eq(address_space_access(space, place, &word, 8, false), -EFAULT);
    user_audit(&space, 1);
    cr_assert_eq(address_space_duplicate(space, &child), 0);
    user_audit((struct address_space *[]){space, child}, 2);
    cr_assert_eq(user_call(mprotect, place, PAGE_SIZE, PROT_READ), 0);
    cr_assert_eq(load(space, place), 5);
    cr_assert_eq(user_store(space, place, 6), SIGSEGV);
    cr_assert_eq(user_call(mprotect, place, 2 * PAGE_SIZE, RW), 0);
    cr_assert_eq(user_store(space, place, 6), 0);
    cr_assert_eq(space->vma_count, 1, "equal neighbours are one mapping again");
    user_audit((struct address_space *[]){space, child}, 2);
    cr_assert_eq(user_call(mprotect, place + PAGE_SIZE, 9 * PAGE_SIZE, PROT_READ), -ENOMEM);
    cr_assert_eq(user_call(mprotect, place + 1, PAGE_SIZE, PROT_READ), -EINVAL);
    cr_assert_eq(user_call(mprotect, place, PAGE_SIZE, 0x100), -EINVAL);
    address_space_put(child);
    address_space_put(space);
}

Test(address_space, heap)
{
    struct address_space *space = start();
    uint64_t base = 0x600000;

    space->brk_start = space->brk_end = base + 0x123;
    cr_assert_eq(user_call(brk, 0), base + 0x123);
    cr_assert_eq(user_call(brk, base + 5 * PAGE_SIZE + 1), base + 5 * PAGE_SIZE + 1);
    cr_assert_eq(user_store(space, base + 5 * PAGE_SIZE, 9), 0);
    cr_assert_eq(user_call(brk, base + 9 * PAGE_SIZE), base + 9 * PAGE_SIZE);
    cr_assert_eq(space->vma_count, 1);
    cr_assert_eq(load(space, base + 5 * PAGE_SIZE), 9);
    cr_assert_eq(user_call(brk, base + 2 * PAGE_SIZE), base + 2 * PAGE_SIZE);
    cr_assert_eq(user_store(space, base + 5 * PAGE_SIZE, 9), SIGSEGV);
    cr_assert_eq(user_call(brk, base + 9 * PAGE_SIZE), base + 9 * PAGE_SIZE);
    cr_assert_eq(load(space, base + 5 * PAGE_SIZE), 0, "what comes back is zero");
    cr_assert_eq(user_call(brk, base), base + 9 * PAGE_SIZE);
    cr_assert_eq(user_call(brk, UINT64_MAX), base + 9 * PAGE_SIZE);
    user_audit(&space, 1);
    address_space_put(space);
}

Test(address_space, moving)
{
    struct address_space *space = start();
    int64_t place = user_call(mmap, 0, 600 * PAGE_SIZE, RW, ANONYMOUS, -1, 0);

    for (unsigned i = 0; i < 600; i += 7)
        user_store(space, place + i * PAGE_SIZE, i + 1);
    uint64_t free_before = frames_free_count();
    int64_t blocker = user_call(mmap, place + 600 * PAGE_SIZE, PAGE_SIZE, RW, ANONYMOUS, -1, 0);
    cr_assert_gt(blocker, 0);
    int64_t moved = user_call(mremap, place, 600 * PAGE_SIZE, 700 * PAGE_SIZE,
                              MREMAP_MAYMOVE | MREMAP_FIXED, 0x10000000123000);
    cr_assert_eq(moved, -EINVAL);
    moved = user_call(mremap, place, 600 * PAGE_SIZE, 700 * PAGE_SIZE,
                      MREMAP_MAYMOVE | MREMAP_FIXED, 0x100123000);
    cr_assert_eq(moved, 0x100123000);
    for (unsigned i = 0; i < 600; i += 7)
        cr_assert_eq(load(space, moved + i * PAGE_SIZE), i + 1);
    cr_assert_geq(frames_free_count() + 4, free_before);
    uint64_t word;
    cr_assert_eq(user_load(space, place, &word), SIGSEGV);
    user_audit(&space, 1);
    cr_assert_eq(user_call(mremap, moved, 700 * PAGE_SIZE, 3 * PAGE_SIZE, 0), moved);
    cr_assert_eq(user_call(mremap, moved, 3 * PAGE_SIZE, 8 * PAGE_SIZE, 0), moved,
                 "room behind it");
    user_audit(&space, 1);
    address_space_put(space);
}

Test(address_space, errors_of_linux)
{
    struct address_space *space = start();

    cr_assert_eq(user_call(mmap, 0, 0, RW, ANONYMOUS, -1, 0), -EINVAL);
    cr_assert_eq(user_call(mmap, 0, PAGE_SIZE, RW, ANONYMOUS, -1, 1), -EINVAL);
    cr_assert_eq(user_call(mmap, 0, PAGE_SIZE, RW, MAP_ANONYMOUS, -1, 0), -EINVAL);
    cr_assert_eq(user_call(mmap, 0, PAGE_SIZE, RW, MAP_PRIVATE, -1, 0), -EBADF);
    cr_assert_eq(user_call(mmap, 0, 1ul << 47, RW, ANONYMOUS, -1, 0), -ENOMEM);
    cr_assert_eq(user_call(mmap, 0, UINT64_MAX, RW, ANONYMOUS, -1, 0), -ENOMEM);
    cr_assert_eq(user_call(mmap, 0x1001, PAGE_SIZE, RW, ANONYMOUS | MAP_FIXED, -1, 0), -EINVAL);
    cr_assert_eq(user_call(mmap, USER_END, PAGE_SIZE, RW, ANONYMOUS | MAP_FIXED, -1, 0), -ENOMEM);
    int64_t place =
        user_call(mmap, 0x5000000, PAGE_SIZE, RW, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    cr_assert_eq(place, 0x5000000);
    cr_assert_eq(user_call(mmap, 0x5000000, PAGE_SIZE, RW, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
                 -EEXIST);
    cr_assert_eq(user_call(munmap, 0x5000001, PAGE_SIZE), -EINVAL);
    cr_assert_eq(user_call(munmap, 0x5000000, 0), -EINVAL);
    cr_assert_eq(user_call(munmap, 0x5000000, UINT64_MAX), -EINVAL);
    cr_assert_eq(user_call(madvise, 0x5000000, PAGE_SIZE, 12345), -EINVAL);
    cr_assert_eq(user_call(madvise, 0x5000000, 2 * PAGE_SIZE, MADV_DONTNEED), -ENOMEM);
    cr_assert_eq(user_call(msync, 0x5000000, PAGE_SIZE, MS_SYNC | MS_ASYNC), -EINVAL);
    cr_assert_eq(user_call(msync, 0x5000000, 2 * PAGE_SIZE, MS_SYNC), -ENOMEM);
    cr_assert_eq(user_call(mlock, 0x5000000, 2 * PAGE_SIZE), -ENOMEM);
    cr_assert_eq(user_call(mlock, 0x5000010, 8), 0);
    cr_assert_eq(space->locked_pages, 1);
    cr_assert_neq(user_frame(space, 0x5000000), 0);
    cr_assert_eq(user_call(madvise, 0x5000000, PAGE_SIZE, MADV_DONTNEED), -EINVAL);
    cr_assert_eq(user_call(munlockall, 0), 0);
    cr_assert_eq(space->locked_pages, 0);
    cr_assert_eq(user_call(mremap, 0x6000000, PAGE_SIZE, PAGE_SIZE, 0), -EFAULT);
    cr_assert_eq(user_call(mremap, 0x5000000, PAGE_SIZE, 0, 0), -EINVAL);
    host_process.rlimits[RLIMIT_AS].soft = 3 * PAGE_SIZE;
    cr_assert_eq(user_call(mmap, 0, 3 * PAGE_SIZE, RW, ANONYMOUS, -1, 0), -ENOMEM);
    cr_assert_gt(user_call(mmap, 0, 2 * PAGE_SIZE, RW, ANONYMOUS, -1, 0), 0);
    user_audit(&space, 1);
    address_space_put(space);
}
