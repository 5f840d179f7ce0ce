// SOURCES: guest/kernel/observe/describe.c guest/kernel/lib/rbtree.c tests/unit/kernel_guest*.c
// tests/unit/host/kernel.c vmm/inspect/[!g]*.c vmm/audit/*.c vmm/base/error.c
/*
 * Whatever stands in a guest's memory, and however it changes while it is read: every reader of
 * vmm/inspect and vmm/audit gives an answer or an error, in time, and reads nothing else.
 *
 * The guest is a whole one, made of the kernel's own structures. The input says how it lies: some
 * words are changed before it is read, others between two looks at its memory. What was changed is
 * put back afterwards, so one guest serves all inputs.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/inspect/read_all.h"
#include "tests/unit/kernel_guest.h"
#include "vmm/inspect/contexts.h"
#include "vmm/inspect/layout.h"

/* Every look at memory goes through this function: here changes come in between. */
#define guest_memory_at steady_memory_at
#include "vmm/inspect/glass.c"
#undef guest_memory_at

#define CHANGES_MAX 64u
#define WORDS_MAX   65536u

/* What libFuzzer mutates: the first byte, then changes. */
struct change {
    uint8_t what;  /* how `value` becomes a word, see word_of(); 8: a word of the glass itself */
    uint8_t width; /* of the word: 1, 2, 4, 8 bytes by its low bits; 4: any byte of memory */
    uint16_t when; /* so many looks after the start; 0 = before */
    uint32_t place;
    uint64_t value;
};

/* Of the first byte: how the machine stands, whether its tables of types may be changed too, and
 * who is left out. */
enum {
    RUNNING = 1,
    PANICKED = 2,
    DONE = 4,
    TABLES = 8,
    NO_LISTS = 16,
    NO_EVENTS = 32,
    NO_AUDIT = 64
};

static struct kernel_guest kg;
static uint32_t *words; /* places of the words that are not 0, behind the tables of types */
static size_t word_count, glass_words, table_words; /* all; of the glass; with the tables */

static struct change changes[CHANGES_MAX];
static size_t change_count, changes_done;
static uint64_t looks;
static struct {
    uint32_t place;
    uint64_t old;
} undo[CHANGES_MAX + 8];
static size_t undo_count;

/* An audit asks another's machine to stop with it (vmm/session). Here the world stands as it is. */
struct vt_error *vt_guest_ask_stop(struct vt_guest *guest, bool stop, int timeout_ms)
{
    (void)guest;
    (void)stop;
    (void)timeout_ms;
    abort();
}

/* ---- the guest ---- */

static void collect_words(uint64_t from, uint64_t to)
{
    for (uint64_t at = from; at < to; at += 8)
        if (*(uint64_t *)(kg.memory.base + at) && word_count < WORDS_MAX)
            words[word_count++] = (uint32_t)at;
}

static void make_guest(void)
{
    kernel_guest_init(&kg);
    kernel_guest_populate(&kg);
    kernel_guest_populate_cpus(&kg);
    words = malloc(WORDS_MAX * sizeof(*words));
    if (!words)
        abort();
    uint64_t objects = kernel_guest_phys(&kg, kg.cpus) & ~7ull;
    collect_words(4096, 4096 + sizeof(struct glass));
    glass_words = word_count;
    collect_words(4096 + sizeof(struct glass), objects);
    table_words = word_count;
    collect_words(objects, kg.next);
    guest_deinit(&kg.guest);
}

/* ---- its lies ---- */

static void store(uint32_t place, const void *bytes, size_t count)
{
    uint32_t base = place & ~7u;

    if (undo_count == sizeof(undo) / sizeof(undo[0]))
        return;
    undo[undo_count].place = base;
    memcpy(&undo[undo_count++].old, kg.memory.base + base, 8);
    memcpy(kg.memory.base + place, bytes, count);
}

static uint64_t word_of(const struct change *change, uint64_t old)
{
    uint64_t base = (uint64_t)kg.memory.base, inside = change->value % kg.next;

    switch (change->what % 8) {
    case 0:
        return change->value;
    case 1: /* the address of something else */
        return base + words[change->value % word_count];
    case 2: /* ... of anything, not aligned */
        return base + inside;
    case 3: /* an entry of a page table */
        return (inside & ~0xfffull) | (change->value >> 56 & 0xff) | 1;
    case 4:
        return old + (uint64_t)(int64_t)(int16_t)change->value;
    case 5: /* what stands elsewhere */
        return *(uint64_t *)(kg.memory.base + words[change->value % word_count]);
    case 6: /* the end of memory */
        return base + KERNEL_GUEST_BYTES - change->value % 64;
    default:
        return 1ull << change->value % 64;
    }
}

static void apply(const struct change *change, bool tables)
{
    size_t first = tables ? 0 : table_words;
    size_t end = tables && change->what & 8 ? glass_words : word_count;
    size_t bytes = 1u << (change->width & 3);
    uint64_t old;
    uint32_t place = words[first + change->place % (end - first)];

    if (change->width & 4)
        place = 4096 + change->place % (uint32_t)(kg.next - 4096 - 8);
    place = place & ~7u;
    memcpy(&old, kg.memory.base + place, 8);
    uint64_t word = word_of(change, old);
    store(place + (change->width >> 3) % 8 / (uint32_t)bytes * (uint32_t)bytes, &word, bytes);
}

static bool allow_tables;

static int by_time(const void *a, const void *b)
{
    return ((const struct change *)a)->when - ((const struct change *)b)->when;
}

void *guest_memory_at(const struct guest_memory *memory, uint64_t phys, uint64_t bytes)
{
    void *at = steady_memory_at(memory, phys, bytes);

    while (changes_done < change_count && changes[changes_done].when <= looks)
        apply(&changes[changes_done++], allow_tables);
    looks++;
    return at;
}

/* ---- readers that read_all.h does not have ---- */

static void read_events(struct vt_guest *guest, struct vt_audit *audit)
{
    struct vt_trace *trace;
    struct trace_record record;

    if (!answered(vt_trace_open(guest, false, &trace)))
        return;
    for (unsigned i = 0; i < 300 && answered(vt_trace_next(trace, 0, &record)); i++) {
        touch(&record, sizeof(record));
        touch_text(vt_trace_comm(trace, record.tid));
        if (audit)
            vt_audit_feed(audit, &record);
    }
    vt_trace_close(trace);
}

static void judge(struct vt_guest *guest, bool events)
{
    const struct vt_violation *violations;
    struct vt_audit *audit;
    bool settled;

    if (!answered(vt_audit_create(guest, NULL, &audit)))
        return;
    answered(vt_audit_check(audit, &settled));
    if (events)
        read_events(guest, audit);
    size_t count = vt_audit_violations(audit, &violations);
    for (size_t i = 0; i < count; i++)
        touch_text(violations[i].message);
    vt_audit_destroy(audit);
}

static int count_page(void *context, const struct vt_page *page)
{
    touch(page, sizeof(*page));
    ++*(unsigned *)context;
    return 0;
}

static void read_places(struct vt_guest *guest)
{
    struct guest_context *contexts;
    size_t count, got;
    unsigned pages = 0;
    uint8_t buffer[9000];

    if (answered(guest_contexts(guest, &contexts, &count))) {
        for (size_t i = 0; i < count && i < 8; i++) {
            const struct guest_context *context = &contexts[i];

            if (answered(guest_read_virtual(guest, context->task.page_table,
                                            context->stack_top - 512, buffer, 512, &got)))
                touch(buffer, got);
            if (answered(guest_read_virtual(guest, context->task.page_table, 0x402fff, buffer,
                                            sizeof(buffer), &got)))
                touch(buffer, got);
        }
        free(contexts);
    }
    if (answered(guest_require_ready(guest)))
        answered(vt_guest_walk_pages(guest, GUEST_LOAD(&guest->glass->kernel_page_table),
                                     GUEST_KERNEL_HALF, 0, count_page, &pages));
    char *text = guest_log_text(guest);
    touch_text(text);
    free(text);
}

/* ---- one input ---- */

static void choose_state(uint8_t flags)
{
    static const uint64_t one = 1;
    uint32_t state = flags & PANICKED ? GLASS_PANICKED : flags & DONE ? GLASS_DONE : GLASS_RUNNING;

    if (!(flags & RUNNING))
        store((uint32_t)kernel_guest_phys(&kg, &kg.glass->stop.epoch), &one, sizeof(one));
    store((uint32_t)kernel_guest_phys(&kg, &kg.glass->state), &state, sizeof(state));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!words)
        make_guest();
    if (!size)
        return 0;
    uint8_t flags = data[0];
    undo_count = changes_done = 0;
    change_count = (size - 1) / sizeof(struct change);
    if (change_count > CHANGES_MAX)
        change_count = CHANGES_MAX;
    memcpy(changes, data + 1, change_count * sizeof(struct change));
    qsort(changes, change_count, sizeof(struct change), by_time);
    allow_tables = flags & TABLES;
    choose_state(flags);
    looks = 0;

    kernel_guest_reopen(&kg);
    kg.guest.own = false;
    kg.guest.ended = flags & DONE;
    kg.guest.patience_limit_us = 100;
    if (!(flags & NO_LISTS)) {
        read_all(&kg.guest);
        read_places(&kg.guest);
    }
    if (!(flags & NO_AUDIT))
        judge(&kg.guest, !(flags & NO_EVENTS));
    else if (!(flags & NO_EVENTS))
        read_events(&kg.guest, NULL);
    guest_deinit(&kg.guest);
    while (undo_count > 0) {
        undo_count--;
        memcpy(kg.memory.base + undo[undo_count].place, &undo[undo_count].old, 8);
    }
    return 0;
}

/* Half of the new inputs are old ones with one change more, or another one in the place of one:
 * changes that mean something at once. The others are as libFuzzer likes them. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    struct change change;
    unsigned short state[3] = {(unsigned short)seed, (unsigned short)(seed >> 16), 0x330e};

    if (size < 1 || seed % 2 || max_size < 1 + sizeof(change))
        return LLVMFuzzerMutate(data, size, max_size);
    size_t count = (size - 1) / sizeof(change), at = count;
    if (count && (nrand48(state) % 3 == 0 || 1 + (count + 1) * sizeof(change) > max_size))
        at = (size_t)nrand48(state) % count;
    long kind = nrand48(state);
    change = (struct change){
        .what = (uint8_t)kind,
        .width = (uint8_t)(kind >> 8 & 0xf8) | (kind >> 16 & 3 ? 3 : kind >> 18 & 7),
        .when = (uint16_t)(kind >> 21 & 1 ? nrand48(state) % 4096 : 0),
        .place = (uint32_t)nrand48(state),
        .value = (uint64_t)nrand48(state) << (kind >> 22 & 3) * 16,
    };
    memcpy(data + 1 + at * sizeof(change), &change, sizeof(change));
    if (nrand48(state) % 8 == 0)
        data[0] = (uint8_t)nrand48(state);
    return at == count ? 1 + (count + 1) * sizeof(change) : size;
}
