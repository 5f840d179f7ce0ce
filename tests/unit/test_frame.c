// SOURCES: guest/kernel/mm/frame.c guest/kernel/mm/free_list.c guest/kernel/mm/untouched.c
// tests/unit/host/kernel.c tests/unit/host/machine.c
/* Are frames given out once, zero where asked, and all back in the end - by the table's own account
 * too? */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "arch/cpu.h"
#include "arch/layout.h"
#include "kernel/mm/frame.h"
#include "machine.h"

#define MIB (1024ul * 1024)

static bool is_zero(phys_t phys, unsigned order)
{
    const uint64_t *words = phys_to_virt(phys);

    for (uint64_t i = 0; i < (PAGE_SIZE << order) / 8; i++)
        if (words[i])
            return false;
    return true;
}

Test(frame, boot_ranges_are_never_given_out)
{
    struct boot_info boot = {
        .ram = {{0, 16 * MIB}, {24 * MIB, 8 * MIB}},
        .image = {5 * MIB, 3 * MIB},
        .file_count = 1,
        .files = {{.phys = 10 * MIB, .bytes = 5000}},
    };

    host_machine_start_with(&boot, 3 * MIB + 100);
    uint64_t free = host_count_free_frames(), taken = 0;
    uint64_t expected =
        (16 + 8 - 3 - 3) * MIB / PAGE_SIZE - 1 - 2 - 32 * MIB / PAGE_SIZE * 16 / PAGE_SIZE;
    cr_assert_eq(free, expected, "%lu free, not %lu", free, expected);
    cr_assert_eq(frames_image_count(), 3 * MIB / PAGE_SIZE + 2);
    phys_t phys;
    while ((phys = frame_allocate(FRAME_KERNEL, 0, FRAME_MAY_USE_RESERVE))) {
        cr_assert(phys > 3 * MIB && phys < 32 * MIB);
        cr_assert(!(phys >= 5 * MIB && phys < 8 * MIB), "a frame of the image");
        cr_assert(!(phys >= 10 * MIB && phys < 10 * MIB + 2 * PAGE_SIZE), "a frame of a boot file");
        cr_assert(!(phys >= 16 * MIB && phys < 24 * MIB), "a frame of the hole");
        cr_assert(!((char *)phys_to_virt(phys) >= (char *)frame_table &&
                    (char *)phys_to_virt(phys) < (char *)(frame_table + frame_table_count)));
        taken++;
    }
    cr_assert_eq(taken, free);
    cr_assert_eq(host_count_free_frames(), 0);
}

Test(frame, image_frames_count_their_owner)
{
    struct boot_info boot = {.ram = {{0, 16 * MIB}}, .image = {5 * MIB, 3 * MIB}};

    host_machine_start_with(&boot, 3 * MIB);
    cr_assert_eq(frame_kind_of(6 * MIB), FRAME_IMAGE);
    cr_assert_eq(frame_of(6 * MIB)->references, 0);
    frame_reference(6 * MIB);
    cr_assert_eq(frame_of(6 * MIB)->references, 2);
    frame_reference(6 * MIB);
    frame_release(6 * MIB);
    frame_release(6 * MIB);
    cr_assert_eq(frame_of(6 * MIB)->references, 1);
    cr_assert_eq(frame_of(6 * MIB)->kind, FRAME_IMAGE);
    host_count_free_frames();
}

Test(frame, random_life)
{
    enum { SLOTS = 700 };
    static struct {
        phys_t phys;
        unsigned order, references;
    } held[SLOTS];

    host_machine_start(12 * MIB);
    uint64_t at_start = host_count_free_frames();
    srand(2);
    for (int step = 0; step < 60000; step++) {
        unsigned i = (unsigned)rand() % SLOTS;

        host_cpu.index = (unsigned)rand() % 3;
        if (!held[i].phys) {
            unsigned order = rand() % 8 ? 0 : (unsigned)rand() % 5;
            unsigned flags = rand() % 2 ? FRAME_WANT_ZERO : 0;
            phys_t phys = frame_allocate(FRAME_ANONYMOUS, order, flags);
            if (!phys)
                continue;
            cr_assert_eq(phys & ((PAGE_SIZE << order) - 1), 0, "not aligned");
            cr_assert_eq(frame_of(phys)->references, 1);
            cr_assert_eq(frame_of(phys)->order, order);
            if (flags)
                cr_assert(is_zero(phys, order), "not zero");
            memset(phys_to_virt(phys), 1 + rand() % 255, PAGE_SIZE << order);
            held[i].phys = phys, held[i].order = order, held[i].references = 1;
        } else if (held[i].references < 3 && rand() % 2) {
            frame_reference(held[i].phys);
            held[i].references++;
        } else {
            const uint8_t *bytes = phys_to_virt(held[i].phys);
            cr_assert_eq(bytes[0], bytes[(PAGE_SIZE << held[i].order) - 1], "two owners");
            bool clean = held[i].references == 1 && held[i].order == 0 && rand() % 2;
            if (clean) {
                memset(phys_to_virt(held[i].phys), 0, PAGE_SIZE);
                frame_release_clean(held[i].phys);
            } else {
                frame_release(held[i].phys);
            }
            if (--held[i].references == 0)
                held[i].phys = 0;
        }
        if (step % 500 == 0) {
            uint64_t used = 0;
            for (unsigned j = 0; j < SLOTS; j++)
                used += held[j].phys ? 1ul << held[j].order : 0;
            cr_assert_eq(host_count_free_frames() + used, at_start);
        }
    }
    for (unsigned i = 0; i < SLOTS; i++)
        while (held[i].phys && held[i].references--)
            frame_release(held[i].phys);
    cr_assert_eq(host_count_free_frames(), at_start);
}

Test(frame, the_reserve_is_kept)
{
    host_machine_start(8 * MIB);
    while (frame_allocate(FRAME_ANONYMOUS, 0, 0))
        ;
    cr_assert_neq(frame_allocate(FRAME_KERNEL, 0, FRAME_MAY_USE_RESERVE), 0);
    cr_assert_eq(frame_allocate(FRAME_KERNEL, 40, FRAME_MAY_USE_RESERVE), 0);
}
