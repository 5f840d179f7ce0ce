/*
 * kernel/fs/poll_waiters.c - one task asleep on the wait queues of many files, for poll and select.
 *
 * The entries live on the sleeper's stack, further ones in blocks. Each entry's `woken` flag, set
 * by the wake-up before it withdraws the intent to sleep, makes the order safe: declare the intent,
 * look at all flags, block.
 */
#include "arch/cpu.h"
#include "arch/user_access.h"
#include "kernel/fs/file.h"
#include "kernel/fs/poll.h"
#include "kernel/lib/errno.h"
#include "kernel/mm/object_cache.h"
#include "kernel/process/signal.h"

#define BLOCK_ENTRIES 32

struct poll_block {
    struct poll_block *next;
    uint32_t count;
    struct poll_entry entries[BLOCK_ENTRIES];
};

static struct poll_entry *new_entry(struct poll_waiters *waiters)
{
    if (waiters->count < POLL_INLINE_ENTRIES)
        return &waiters->entries[waiters->count++];
    struct poll_block *block = waiters->blocks;
    if (!block || block->count == BLOCK_ENTRIES) {
        block = kmalloc(sizeof(*block));
        if (!block)
            return NULL;
        block->next = waiters->blocks;
        block->count = 0;
        waiters->blocks = block;
    }
    return &block->entries[block->count++];
}

static void add_queue(struct poll_table *table, struct wait_queue *queue)
{
    struct poll_waiters *waiters = container_of(table, struct poll_waiters, table);
    struct poll_entry *entry = new_entry(waiters);

    if (!entry) {
        waiters->out_of_memory = true;
        return;
    }
    entry->queue = queue;
    entry->file = waiters->file_counted ? waiters->file : NULL;
    if (entry->file)
        file_get(entry->file);
    waiter_init(&entry->waiter);
    wait_prepare(queue, &entry->waiter, false);
}

void poll_waiters_init(struct poll_waiters *waiters)
{
    waiters->table.add = add_queue;
    waiters->out_of_memory = false;
    waiters->count = 0;
    waiters->blocks = NULL;
}

uint32_t poll_file(struct file *file, bool counted, struct poll_waiters *waiters)
{
    if (!file->operations->poll)
        return POLL_ALWAYS_READY;
    if (!waiters)
        return file->operations->poll(file, NULL);
    waiters->file = file;
    waiters->file_counted = counted;
    return file->operations->poll(file, &waiters->table);
}

/* Calls visit for every entry until it returns true. */
static bool any_entry(struct poll_waiters *waiters, bool (*visit)(struct poll_entry *entry))
{
    for (uint32_t i = 0; i < waiters->count; i++) {
        if (visit(&waiters->entries[i]))
            return true;
    }
    for (struct poll_block *block = waiters->blocks; block; block = block->next) {
        for (uint32_t i = 0; i < block->count; i++) {
            if (visit(&block->entries[i]))
                return true;
        }
    }
    return false;
}

static bool entry_woken(struct poll_entry *entry)
{
    return READ_ONCE(entry->waiter.woken);
}

/* Ready for another round: a wake-up may have taken the entry off its queue. */
static bool entry_rearm(struct poll_entry *entry)
{
    if (READ_ONCE(entry->waiter.woken)) {
        WRITE_ONCE(entry->waiter.woken, false);
        wait_prepare(entry->queue, &entry->waiter, false);
    }
    return false;
}

static bool entry_finish(struct poll_entry *entry)
{
    wait_finish(&entry->waiter);
    if (entry->file)
        file_put(entry->file);
    return false;
}

int poll_waiters_block(struct poll_waiters *waiters, uint64_t deadline_ns)
{
    int result = 0;

    wait_prepare_alone();
    if (!any_entry(waiters, entry_woken))
        result = wait_block(WAIT_POLL, waiters->count ? (uint64_t)waiters->entries[0].queue : 0,
                            WAIT_INTERRUPTIBLE, deadline_ns);
    any_entry(waiters, entry_rearm);
    return result;
}

void poll_waiters_finish(struct poll_waiters *waiters)
{
    struct waiter nothing;

    /* Withdraws the intent to sleep even if no file had a queue. */
    waiter_init(&nothing);
    wait_finish(&nothing);
    any_entry(waiters, entry_finish);
    while (waiters->blocks) {
        struct poll_block *block = waiters->blocks;
        waiters->blocks = block->next;
        kfree(block);
    }
}

/* ---- the temporary signal mask ---- */

int poll_mask_enter(uint64_t address, uint64_t bytes)
{
    uint64_t mask;

    if (!address)
        return 0;
    if (bytes != sizeof(mask))
        return -EINVAL;
    if (get_user(mask, address))
        return -EFAULT;
    signal_begin_temporary_mask(mask);
    return 0;
}

void poll_mask_leave(uint64_t address, bool interrupted)
{
    if (address)
        signal_end_temporary_mask(interrupted);
}
