/*
 * tests/integration/test_fork_memory.c - copy on write, judged by walking the page tables from the
 * host: which frame is mapped where, whether writable, and how many hold it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/harness.h"

#define PAGE           4096u
#define PAGES          8
#define WRITTEN        3
#define TAKEN_OVER     4
#define PIDS_PER_FRAME 128
#define PIDS           32768
/* Stacks and object caches differ by so much between two quiet moments, however many forks lie
 * between. */
#define CACHED_FRAMES 24

struct mapping {
    uint64_t phys[PAGES];
    bool writable[PAGES];
    uint64_t first;
    unsigned found;
};

static int note_page(void *context, const struct vt_page *page)
{
    struct mapping *mapping = context;
    uint64_t index = (page->address - mapping->first) / PAGE;

    cr_assert(page->bytes == PAGE, "a page of %llu bytes", (unsigned long long)page->bytes);
    cr_assert(page->user, "a user page that users cannot reach");
    cr_assert(!(page->writable && page->executable), "writable and executable");
    mapping->phys[index] = page->phys;
    mapping->writable[index] = page->writable;
    mapping->found++;
    return 0;
}

static struct mapping walk(struct vt_guest *guest, int32_t tid, uint64_t address)
{
    struct mapping mapping = {.first = address};
    struct vt_task task;

    require_ok(vt_guest_task(guest, tid, &task), "vt_guest_task");
    cr_assert(task.page_table != 0, "task %d has no page table", tid);
    require_ok(vt_guest_walk_pages(guest, task.page_table, address, address + PAGES * PAGE,
                                   note_page, &mapping),
               "vt_guest_walk_pages");
    return mapping;
}

static uint32_t references(struct vt_guest *guest, uint64_t phys)
{
    struct vt_frame frame;

    require_ok(vt_guest_frame(guest, phys, &frame), "vt_guest_frame");
    return frame.references;
}

static uint8_t read_byte(struct vt_guest *guest, int32_t tid, uint64_t address)
{
    struct vt_task task;
    uint8_t byte = 0;

    require_ok(vt_guest_task(guest, tid, &task), "vt_guest_task");
    require_ok(vt_guest_read_user(guest, &task, address, &byte, 1), "vt_guest_read_user");
    return byte;
}

static void check_fork(const struct variant *variant, const char *writer_name)
{
    struct session *session = session_start_program(variant, "fork_memory", writer_name, NULL);
    struct vt_guest *guest = session_guest(session);
    struct mapping before[2], after[2];
    int32_t pids[2];
    unsigned long address;
    unsigned writer = strcmp(writer_name, "child") == 0;

    cr_assert(
        sscanf(session_expect(session, "forked "), "%d %d %lx", &pids[0], &pids[1], &address) == 3);
    for (int i = 0; i < 2; i++)
        before[i] = walk(guest, pids[i], address);
    cr_assert(before[0].found == PAGES, "the parent maps %u pages of %d", before[0].found, PAGES);
    for (unsigned i = 0; i < PAGES; i++) {
        cr_assert(!before[0].writable[i] && !before[1].writable[i],
                  "page %u is writable after fork", i);
        /* A kernel may leave the child's table empty or share it; what is mapped must be the same
         * frame. */
        cr_assert(before[1].phys[i] == before[0].phys[i], "page %u: frames %llx and %llx", i,
                  (unsigned long long)before[0].phys[i], (unsigned long long)before[1].phys[i]);
        cr_assert(references(guest, before[0].phys[i]) == 2, "page %u: %u references instead of 2",
                  i, references(guest, before[0].phys[i]));
        cr_assert(read_byte(guest, pids[1], address + i * PAGE) == 0xa0 + i);
    }

    session_send(session, "write\n");
    session_expect(session, "written");
    for (int i = 0; i < 2; i++)
        after[i] = walk(guest, pids[i], address);
    for (unsigned i = 0; i < PAGES; i++) {
        if (i == WRITTEN)
            continue;
        cr_assert(after[0].phys[i] == before[0].phys[i] && after[1].phys[i] == before[0].phys[i],
                  "page %u moved although nobody wrote it", i);
        cr_assert(!after[0].writable[i] && !after[1].writable[i]);
    }
    cr_assert(after[writer].phys[WRITTEN] != before[0].phys[WRITTEN],
              "the writer has no frame of its own");
    cr_assert(after[!writer].phys[WRITTEN] == before[0].phys[WRITTEN],
              "the other side's frame changed");
    cr_assert(after[writer].writable[WRITTEN]);
    cr_assert(references(guest, after[writer].phys[WRITTEN]) == 1);
    cr_assert(references(guest, before[0].phys[WRITTEN]) == 1);
    cr_assert(read_byte(guest, pids[writer], address + WRITTEN * PAGE) == 0x55);
    cr_assert(read_byte(guest, pids[!writer], address + WRITTEN * PAGE) == 0xa0 + WRITTEN);

    session_send(session, "go on\n");
    session_expect(session, "alone");
    after[0] = walk(guest, pids[0], address);
    cr_assert(after[0].phys[TAKEN_OVER] == before[0].phys[TAKEN_OVER],
              "the last user of a page copied it instead of taking it over");
    cr_assert(after[0].writable[TAKEN_OVER]);
    cr_assert(references(guest, after[0].phys[TAKEN_OVER]) == 1);
    session_send(session, "end\n");
    session_wait_exit(session, 0);
    session_destroy(session);
}

VARIANT_TEST(fork_memory, parent_writes)
{
    variant_require(variant);
    check_fork(variant, "parent");
}

VARIANT_TEST(fork_memory, child_writes)
{
    variant_require(variant);
    check_fork(variant, "child");
}

struct image_pages {
    struct vt_guest *guest;
    unsigned found, wrong, writable;
};

static int note_image_page(void *context, const struct vt_page *page)
{
    struct image_pages *pages = context;
    struct vt_frame frame;

    require_ok(vt_guest_frame(pages->guest, page->phys, &frame), "vt_guest_frame");
    pages->found++;
    pages->writable += page->writable;
    if (strcmp(vt_frame_kind_name(frame.kind), "image") != 0)
        pages->wrong++;
    return 0;
}

static struct image_pages walk_image(struct vt_guest *guest, unsigned long address,
                                     unsigned long count)
{
    struct image_pages pages = {.guest = guest};
    struct vt_task *tasks;
    size_t task_count;

    require_ok(vt_guest_tasks(guest, &tasks, &task_count), "vt_guest_tasks");
    for (size_t i = 0; i < task_count; i++)
        if (strncmp(tasks[i].comm, "image_memory", 12) == 0)
            require_ok(vt_guest_walk_pages(guest, tasks[i].page_table, address,
                                           address + count * PAGE, note_image_page, &pages),
                       "vt_guest_walk_pages");
    free(tasks);
    return pages;
}

/* Is a file of the image mapped in place: no data frame until a page is written, then exactly one?
 */
VARIANT_TEST(fork_memory, image_in_place)
{
    struct session *session;
    struct vt_guest *guest;
    unsigned long address, count;
    uint64_t at_start, after_reading, after_writing, tables;
    struct image_pages pages;

    variant_require(variant);
    session = session_start_program(variant, "image_memory", "/bin/busybox", NULL);
    guest = session_guest(session);
    cr_assert(sscanf(session_expect(session, "mapped "), "%lx %lu", &address, &count) == 2);
    at_start = frames_in_use(guest);
    session_send(session, "read\n");
    session_expect(session, "read ");
    after_reading = frames_in_use(guest);
    pages = walk_image(guest, address, count);
    cr_assert(pages.found == count, "%u of %lu pages are mapped", pages.found, count);
    cr_assert(pages.wrong == 0, "%u pages are not frames of the image", pages.wrong);
    cr_assert(pages.writable == 0, "%u image frames are writable", pages.writable);
    /* Only page tables: one per 512 pages, and one for the part before an alignment. */
    tables = count / 512 + 3;
    cr_assert(after_reading - at_start <= tables, "reading the mapping took %lld frames",
              (long long)(after_reading - at_start));
    session_send(session, "write\n");
    session_expect(session, "written");
    after_writing = frames_in_use(guest);
    cr_assert(after_writing - after_reading == 1, "one written page took %lld frames",
              (long long)(after_writing - after_reading));
    pages = walk_image(guest, address, count);
    cr_assert(pages.wrong == 1 && pages.writable == 1);
    session_send(session, "end\n");
    session_wait_exit(session, 0);
    session_destroy(session);
}

/* Do 1,000 forks, with threads, pipes and memory, leave all counts where they were? */
VARIANT_TEST(fork_memory, nothing_leaks)
{
    struct vt_counters before, after;
    uint64_t used_before, used_after;
    int first, last;
    struct session *session;
    char count[16];
    static const char *const names[] = {"many_forks", "many_forks-musl"};

    variant_require(variant);
    for (int i = 0; i < 2; i++) {
        snprintf(count, sizeof count, "%u", harness_count(variant, 1000, 20, true));
        session = session_start_program(variant, names[i], count, NULL);
        first = atoi(session_expect(session, "before "));
        require_ok(vt_guest_counters(session_guest(session), &before), "vt_guest_counters");
        used_before = frames_in_use(session_guest(session));
        session_send(session, "go\n");
        last = atoi(session_expect(session, "after "));
        if (last < first || harness_is_long()) /* the numbers have gone round: all may be in use */
            last = first + PIDS;
        require_ok(vt_guest_counters(session_guest(session), &after), "vt_guest_counters");
        used_after = frames_in_use(session_guest(session));
        cr_assert(after.tasks == before.tasks, "%u tasks, then %u", before.tasks, after.tasks);
        cr_assert(after.processes == before.processes, "%u processes, then %u", before.processes,
                  after.processes);
        cr_assert(after.address_spaces == before.address_spaces, "%u address spaces, then %u",
                  before.address_spaces, after.address_spaces);
        /*
         * The table of PIDs grows by a frame for every 128 numbers that were never used before,
         * once. Caches of ready-made objects may differ by a few frames. A leak would be at least
         * one object per fork.
         */
        cr_assert(used_after <= used_before + (uint64_t)(last - first) / PIDS_PER_FRAME + 1 +
                                    CACHED_FRAMES * variant->cpus,
                  "%llu frames in use, then %llu", (unsigned long long)used_before,
                  (unsigned long long)used_after);
        session_send(session, "end\n");
        session_wait_exit(session, 0);
        session_destroy(session);
    }
}
