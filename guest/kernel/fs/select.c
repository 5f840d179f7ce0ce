/*
 * kernel/fs/select.c - select(2) and pselect6(2): the same waiting as poll, over three bit sets.
 */
#include "kernel/fs/file_table.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/poll_time.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/process/process.h"
#include "kernel/syscall/syscall.h"

#define SELECT_READ           (POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR)
#define SELECT_WRITE          (POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR)
#define SELECT_EXCEPT         POLLPRI
#define SELECT_WORDS_ON_STACK 4 /* 256 descriptors */

enum { SET_READ, SET_WRITE, SET_EXCEPT, SET_COUNT };

struct select_sets {
    uint32_t count; /* descriptors */
    uint32_t words; /* of each set */
    uint64_t *in[SET_COUNT], *out[SET_COUNT];
};

static const uint32_t set_events[SET_COUNT] = {SELECT_READ, SELECT_WRITE, SELECT_EXCEPT};

/* One look at every descriptor that is in a set. How many bits are set in the result, or -EBADF. */
static int64_t look(struct select_sets *sets, struct poll_waiters *waiters)
{
    int64_t ready = 0;

    for (uint32_t word = 0; word < sets->words; word++) {
        uint64_t wanted =
            sets->in[SET_READ][word] | sets->in[SET_WRITE][word] | sets->in[SET_EXCEPT][word];
        for (int set = 0; set < SET_COUNT; set++)
            sets->out[set][word] = 0;
        for (; wanted; wanted &= wanted - 1) {
            uint64_t bit = wanted & -wanted;
            bool counted;
            struct file *file =
                file_borrow((int)(word * 64 + (uint32_t)__builtin_ctzll(wanted)), &counted);
            if (!file)
                return -EBADF;
            if (file->flags & O_PATH) {
                file_return(file, counted);
                return -EBADF;
            }
            uint32_t state = poll_file(file, counted, waiters);
            file_return(file, counted);
            for (int set = 0; set < SET_COUNT; set++) {
                if (sets->in[set][word] & bit && state & set_events[set]) {
                    sets->out[set][word] |= bit;
                    ready++;
                    waiters = NULL;
                }
            }
        }
        preemption_point();
    }
    return ready;
}

static int64_t select_sets(struct select_sets *sets, uint64_t deadline_ns)
{
    struct poll_waiters waiters;

    if (deadline_ns == POLL_NO_WAIT)
        return look(sets, NULL);
    poll_waiters_init(&waiters);
    int64_t result = look(sets, &waiters);
    while (!result) {
        if (waiters.out_of_memory) {
            result = -ENOMEM;
            break;
        }
        int error = poll_waiters_block(&waiters, deadline_ns);
        result = look(sets, NULL);
        if (error == -ETIMEDOUT)
            break;
        if (error && !result)
            result = -EINTR;
    }
    poll_waiters_finish(&waiters);
    return result;
}

/* `addresses` are the user's three sets, 0 = none. */
static int64_t select_user(int32_t count, const uint64_t addresses[SET_COUNT], uint64_t deadline_ns)
{
    uint64_t on_stack[SELECT_WORDS_ON_STACK * SET_COUNT * 2];
    uint64_t *memory = on_stack;
    struct select_sets sets;

    if (count < 0)
        return -EINVAL;
    uint32_t capacity = READ_ONCE(current->files->capacity);
    sets.count = min((uint32_t)count, capacity);
    sets.words = (sets.count + 63) / 64;
    if (sets.words > SELECT_WORDS_ON_STACK) {
        memory = kmalloc(sets.words * sizeof(on_stack) / SELECT_WORDS_ON_STACK);
        if (!memory)
            return -ENOMEM;
    }
    int64_t result = 0;
    uint64_t bytes = sets.words * 8ull;
    for (int set = 0; set < SET_COUNT; set++) {
        sets.in[set] = memory + 2ul * set * sets.words;
        sets.out[set] = sets.in[set] + sets.words;
        if (!bytes)
            continue;
        if (!addresses[set])
            memset(sets.in[set], 0, bytes);
        else if (copy_from_user(sets.in[set], addresses[set], bytes))
            result = -EFAULT;
        else if (sets.count % 64)
            sets.in[set][sets.words - 1] &= (1ull << (sets.count % 64)) - 1;
    }
    if (!result)
        result = select_sets(&sets, deadline_ns);
    for (int set = 0; result >= 0 && set < SET_COUNT; set++) {
        if (bytes && addresses[set] && copy_to_user(addresses[set], sets.out[set], bytes))
            result = -EFAULT;
    }
    if (memory != on_stack)
        kfree(memory);
    return result == -EINTR ? -ERESTARTNOHAND : result;
}

SYSCALL5(select, int32_t, count, uint64_t, read, uint64_t, write, uint64_t, except, uint64_t,
         timeout)
{
    uint64_t addresses[SET_COUNT] = {read, write, except};
    uint64_t deadline_ns = POLL_FOR_EVER;

    if (timeout) {
        struct linux_timespec
            time; /* a timeval: microseconds, of any number that is not negative */
        if (get_user(time, timeout))
            return -EFAULT;
        if (time.seconds < 0 || time.nanoseconds < 0)
            return -EINVAL;
        int64_t micro = time.nanoseconds;
        if (__builtin_add_overflow(time.seconds, micro / 1000000, &time.seconds))
            return -EINVAL;
        deadline_ns = poll_deadline(time.seconds, micro % 1000000 * 1000);
    }
    return poll_report_rest(timeout, deadline_ns, true, select_user(count, addresses, deadline_ns));
}

SYSCALL6(pselect6, int32_t, count, uint64_t, read, uint64_t, write, uint64_t, except, uint64_t,
         timeout, uint64_t, mask_argument)
{
    uint64_t addresses[SET_COUNT] = {read, write, except};
    uint64_t mask[2] = {0, 0}; /* address and size of the signal set */
    uint64_t deadline_ns;

    if (mask_argument && get_user(mask, mask_argument))
        return -EFAULT;
    int64_t result = poll_deadline_timespec(timeout, &deadline_ns);
    if (!result)
        result = poll_mask_enter(mask[0], mask[1]);
    if (result)
        return result;
    result = select_user(count, addresses, deadline_ns);
    poll_mask_leave(mask[0], result == -ERESTARTNOHAND);
    return poll_report_rest(timeout, deadline_ns, false, result);
}
