/*
 * tests/inspect/test_pages.c - does the host read page tables as a processor would, and survive
 * evil ones?
 */
#include <criterion/criterion.h>

#include "tests/inspect/synthetic.h"

static struct synthetic s;

static void setup(void)
{
    synthetic_init(&s, 1, 64);
}

static void teardown(void)
{
    synthetic_deinit(&s);
}

TestSuite(pages, .init = setup, .fini = teardown, .timeout = 60);

#define PRESENT    1ull
#define WRITABLE   2ull
#define USER       4ull
#define LARGE      0x80ull
#define NO_EXECUTE (1ull << 63)

static uint64_t *table(uint64_t phys)
{
    return synthetic_at(&s, phys);
}

static void map(uint64_t root, uint64_t address, uint64_t phys, uint64_t flags, unsigned leaf_level)
{
    uint64_t at = root;

    for (unsigned level = 4; level > leaf_level; level--) {
        uint64_t *entry = &table(at)[address >> (12 + 9 * (level - 1)) & 511];

        if (!*entry)
            *entry = synthetic_allocate(&s, 4096) | PRESENT | WRITABLE | USER;
        at = *entry & ~0xfffull;
    }
    table(at)[address >> (12 + 9 * (leaf_level - 1)) & 511] = phys | flags | PRESENT;
}

struct found {
    unsigned count;
    struct vt_page pages[8];
};

static int keep(void *context, const struct vt_page *page)
{
    struct found *found = context;

    if (found->count < 8)
        found->pages[found->count] = *page;
    found->count++;
    return 0;
}

Test(pages, leaves_of_every_size)
{
    uint64_t root = synthetic_allocate(&s, 4096);
    struct found found = {0};

    map(root, 0x400000, 0x7000, USER | NO_EXECUTE, 1);
    map(root, 0x800000, 0x200000, USER | WRITABLE | LARGE, 2);
    map(root, 0xffff800000000000ull, 0x3000, WRITABLE, 1);
    cr_assert_null(vt_guest_walk_pages(&s.guest, root, 0, 0, keep, &found));
    cr_assert_eq(found.count, 3);
    cr_expect_eq(found.pages[0].address, 0x400000);
    cr_expect_eq(found.pages[0].phys, 0x7000);
    cr_expect(found.pages[0].user && !found.pages[0].writable && !found.pages[0].executable);
    cr_expect_eq(found.pages[1].bytes, 2u << 20);
    cr_expect(found.pages[1].writable && found.pages[1].executable);
    cr_expect_eq(found.pages[2].address, 0xffff800000000000ull);
    cr_expect_not(found.pages[2].user);
    found.count = 0;
    cr_assert_null(vt_guest_walk_pages(&s.guest, root, 0x400fff, 0x401000, keep, &found));
    cr_expect_eq(found.count, 1);
}

Test(pages, user_memory_across_pages)
{
    uint64_t root = synthetic_allocate(&s, 4096), first = synthetic_allocate(&s, 4096);
    uint64_t second = synthetic_allocate(&s, 4096);
    struct vt_task task = {.tid = 1, .comm = "x", .page_table = root};
    char text[8] = "";

    map(root, 0x400000, second, USER, 1);
    map(root, 0x401000, first, USER, 1);
    memcpy(synthetic_at(&s, second + 4093), "abc", 3);
    memcpy(synthetic_at(&s, first), "def", 3);
    cr_assert_null(vt_guest_read_user(&s.guest, &task, 0x400000 + 4093, text, 6));
    cr_expect_str_eq(text, "abcdef");
    struct vt_error *error = vt_guest_read_user(&s.guest, &task, 0x401ffe, text, 6);
    cr_assert_not_null(error);
    cr_expect_eq(vt_error_code(error), VT_ERROR_NOT_FOUND);
    vt_error_destroy(error);
}

static int count_only(void *context, const struct vt_page *page)
{
    (void)page;
    ++*(uint64_t *)context;
    return 0;
}

Test(pages, table_that_contains_itself_ends)
{
    uint64_t root = synthetic_allocate(&s, 4096), leaves = 0;

    for (unsigned i = 0; i < 512; i++)
        table(root)[i] = root | PRESENT | WRITABLE | USER;
    struct vt_error *error = vt_guest_walk_pages(&s.guest, root, 0, 0, count_only, &leaves);
    cr_assert_not_null(error);
    cr_expect_eq(vt_error_code(error), VT_ERROR_CORRUPT);
    vt_error_destroy(error);
}

Test(pages, table_outside_memory_is_corrupt)
{
    uint64_t root = synthetic_allocate(&s, 4096), leaves = 0;

    table(root)[0] = (1ull << 40) | PRESENT;
    struct vt_error *error = vt_guest_walk_pages(&s.guest, root, 0, 4096, count_only, &leaves);
    cr_assert_not_null(error);
    cr_expect_eq(vt_error_code(error), VT_ERROR_CORRUPT);
    vt_error_destroy(error);
    error = vt_guest_walk_pages(&s.guest, UINT64_MAX, 0, 4096, count_only, &leaves);
    cr_assert_not_null(error);
    vt_error_destroy(error);
}
