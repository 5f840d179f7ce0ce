/*
 * futex_move.c - the futex operations on two words: FUTEX_REQUEUE and FUTEX_CMP_REQUEUE move those
 * who sleep on one to the other, FUTEX_WAKE_OP changes one and wakes on both (futex(2)).
 */
#include "kernel/ipc/futex/futex_internal.h"
#include "kernel/syscall/syscall.h"

static void lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
    if (a == b) {
        spin_lock(&a->lock);
    } else {
        spin_lock(a < b ? &a->lock : &b->lock);
        spin_lock_nested(a < b ? &b->lock : &a->lock);
    }
}

static void unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
    if (a != b)
        spin_unlock(&b->lock);
    spin_unlock(&a->lock);
}

int64_t futex_requeue(uint64_t address, uint64_t target, bool private, int32_t wake_count,
                      int32_t move_count, const uint32_t *expected)
{
    if (wake_count < 0 || move_count < 0)
        return -EINVAL;
    struct futex_key key = futex_key(address, private, true);
    if (!key.space)
        return (int64_t)key.word;
    struct futex_key target_key = futex_key(target, private, false);
    if (!target_key.space)
        return (int64_t)target_key.word;

    struct address_space *space = current->address_space;
    struct futex_bucket *from = futex_bucket_of(key), *to = futex_bucket_of(target_key);
    /*
     * The comparison and the move are one step for every other futex operation: the address space
     * stays locked over both, so that the word can be read where it lies while the buckets are
     * locked.
     */
    for (;;) {
        uint32_t value;
        if (expected)
            mutex_lock(&space->lock);
        lock_two(from, to);
        if (!expected)
            break;
        const uint32_t *word = futex_resident_word(space, address, false);
        bool missing = !word;
        if (word)
            value = READ_ONCE(*word);
        if (!missing && value == *expected)
            break;
        unlock_two(from, to);
        mutex_unlock(&space->lock);
        if (!missing)
            return -EAGAIN;
        int error = user_load_u32(address, &value);
        if (error)
            return error;
    }

    int64_t woken = 0, moved = 0;
    for (struct futex_waiter *waiter = from->first, *next; waiter; waiter = next) {
        next = waiter->next;
        if (!futex_same_key(waiter->key, key))
            continue;
        if (waiter->pi) {
            woken = -EINVAL;
            moved = 0;
            break;
        }
        if (woken < wake_count) {
            futex_wake_waiter(from, waiter);
            woken++;
            continue;
        }
        if (moved >= move_count)
            break;
        moved++;
        if (from != to) {
            futex_bucket_remove(from, waiter);
            futex_bucket_append(to, waiter);
        }
        waiter->key = target_key;
        store_release(&waiter->bucket, to);
    }
    unlock_two(from, to);
    if (expected)
        mutex_unlock(&space->lock);
    /* FUTEX_REQUEUE and FUTEX_CMP_REQUEUE both count the moved ones in (Linux since 2.6.16). */
    return woken + moved;
}

/* ---- wake and operate ---- */

/* The encoding of futex(2): operation, comparison, operand, value. */
static int operate(uint32_t encoded, uint64_t address, bool *ret_wake)
{
    uint32_t operation = encoded >> 28 & 7, comparison = encoded >> 24 & 15;
    int32_t operand = (int32_t)(encoded << 8) >> 20, compared = (int32_t)(encoded << 20) >> 20;
    if (encoded >> 31) {
        if (operand < 0 || operand > 31)
            operand &= 31;
        operand = (int32_t)(1u << operand);
    }
    if (operation > 4)
        return -ENOSYS;

    uint32_t old, seen, value;
    int error = user_load_u32(address, &seen);
    do {
        if (error)
            return error;
        old = seen;
        switch (operation) {
        case 0:
            value = (uint32_t)operand;
            break;
        case 1:
            value = old + (uint32_t)operand;
            break;
        case 2:
            value = old | (uint32_t)operand;
            break;
        case 3:
            value = old & ~(uint32_t)operand;
            break;
        default:
            value = old ^ (uint32_t)operand;
            break;
        }
        error = user_compare_exchange_u32(address, old, value, &seen);
    } while (error || seen != old);

    int32_t was = (int32_t)old;
    switch (comparison) {
    case 0:
        *ret_wake = was == compared;
        return 0;
    case 1:
        *ret_wake = was != compared;
        return 0;
    case 2:
        *ret_wake = was < compared;
        return 0;
    case 3:
        *ret_wake = was <= compared;
        return 0;
    case 4:
        *ret_wake = was > compared;
        return 0;
    case 5:
        *ret_wake = was >= compared;
        return 0;
    default:
        return -ENOSYS;
    }
}

int64_t futex_wake_operate(uint64_t address, uint64_t second, bool private, uint32_t count,
                           uint32_t second_count, uint32_t encoded)
{
    bool wake_second;
    struct futex_key key = futex_key(address, private, true);
    if (!key.space)
        return (int64_t)key.word;
    struct futex_key second_key = futex_key(second, private, false);
    if (!second_key.space)
        return (int64_t)second_key.word;
    int error = operate(encoded, second, &wake_second);
    if (error)
        return error;
    int64_t woken = futex_wake_key(key, futex_wake_limit(count), FUTEX_BITSET_MATCH_ANY);
    if (wake_second)
        woken += futex_wake_key(second_key, futex_wake_limit(second_count), FUTEX_BITSET_MATCH_ANY);
    return woken;
}
