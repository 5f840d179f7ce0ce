// SOURCES: guest/kernel/mm/slot_table.c guest/kernel/mm/object_cache.c guest/kernel/mm/kmalloc.c
// guest/kernel/mm/frame.c guest/kernel/mm/free_list.c guest/kernel/mm/untouched.c
// tests/unit/host/kernel.c tests/unit/host/machine.c
/* Do slots keep their identity rules, and do caches and kmalloc() give out memory once, of the
 * right size? */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "arch/cpu.h"
#include "kernel/mm/object_cache.h"
#include "kernel/mm/slot_table.h"
#include "machine.h"

#define MIB (1024ul * 1024)

struct thing {
    struct glass_object object;
    uint64_t values[100];
};
static struct slot_table things = SLOT_TABLE_INIT("thing", struct thing);

Test(slot_table, headers)
{
    host_machine_start(32 * MIB);
    struct thing *thing = slot_allocate(&things);
    cr_assert_eq(thing->object.version & 1, 1, "under construction");
    cr_assert_eq(thing->object.references, 1);
    cr_assert_eq(thing->object.id, 1);
    object_publish(&thing->object);
    cr_assert_eq(thing->object.version & 1, 0);
    thing->values[50] = 7;
    uint32_t version = thing->object.version;
    slot_free(&things, thing);
    cr_assert_eq(thing->object.id, 0);
    cr_assert_eq(thing->object.version & 1, 0);
    cr_assert_gt(thing->object.version, version);
    struct thing *again = slot_allocate(&things);
    cr_assert(again == thing);
    cr_assert_eq(again->object.id, 2, "an id is never used again");
    for (unsigned i = 0; i < 100; i++)
        cr_assert_eq(again->values[i], 0);
    cr_assert_eq(things.glass.live, 1);
    cr_assert_eq(things.glass.high_water, 1);
}

Test(slot_table, many)
{
    enum { COUNT = 5000 };
    static struct thing *held[COUNT];
    uint32_t live = 0;

    host_machine_start(64 * MIB);
    srand(3);
    for (int step = 0; step < 40000; step++) {
        unsigned i = (unsigned)rand() % COUNT;
        if (held[i]) {
            cr_assert_eq(held[i]->values[99], i + 1);
            slot_free(&things, held[i]);
            held[i] = NULL;
            live--;
        } else {
            held[i] = slot_allocate(&things);
            cr_assert_not_null(held[i]);
            cr_assert_eq(held[i]->values[99], 0);
            held[i]->values[99] = i + 1;
            live++;
        }
        cr_assert_eq(things.glass.live, live);
    }
    /* Every live one is found the way the host finds it. */
    uint32_t found = 0;
    for (uint32_t n = 0; n < things.glass.high_water; n++) {
        struct thing *thing =
            (struct thing *)(things.glass.chunks[n / things.glass.slots_per_chunk] +
                             n % things.glass.slots_per_chunk * things.glass.stride);
        found += thing->object.id != 0;
    }
    cr_assert_eq(found, live);
}

Test(slot_table, out_of_memory)
{
    unsigned count = 0;

    host_machine_start(8 * MIB);
    while (slot_allocate(&things))
        count++;
    cr_assert_gt(count, 100);
    cr_assert_null(slot_allocate(&things));
}

Test(kmalloc, sizes_and_life)
{
    enum { COUNT = 800 };
    static struct {
        unsigned char *memory;
        size_t bytes;
    } held[COUNT];

    host_machine_start(128 * MIB);
    srand(4);
    for (int step = 0; step < 50000; step++) {
        unsigned i = (unsigned)rand() % COUNT;
        host_cpu.index = (unsigned)rand() % 2;
        if (held[i].memory) {
            for (size_t j = 0; j < held[i].bytes; j++)
                cr_assert_eq(held[i].memory[j], (unsigned char)i);
            kfree(held[i].memory);
            held[i].memory = NULL;
        } else {
            size_t bytes = rand() % 10 ? (size_t)rand() % 1200 : (size_t)rand() % 65536;
            held[i].memory = rand() % 2 ? kmalloc(bytes) : kzalloc(bytes);
            cr_assert_not_null(held[i].memory);
            cr_assert_eq((uintptr_t)held[i].memory % 16, 0);
            held[i].bytes = bytes;
            memset(held[i].memory, (int)i, bytes);
        }
    }
    cr_assert_null(kmalloc(65537));
    kfree(NULL);
    char *copy = kstrdup("glass");
    cr_assert_str_eq(copy, "glass");
    kfree(copy);
    host_count_free_frames();
}
