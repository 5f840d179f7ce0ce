/*
 * kernel/process/out_of_memory.c - choosing who ends when memory is out (out_of_memory.h). The
 * search goes through all processes; it happens seldom, and nothing else makes progress meanwhile.
 */
#include "kernel/process/out_of_memory.h"

#include "arch/cpu.h"
#include "kernel/lib/panic.h"
#include "kernel/mm/address_space.h"
#include "kernel/mm/frame.h"
#include "kernel/observe/trace.h"
#include "kernel/process/memory_release.h"
#include "kernel/process/process.h"
#include "kernel/process/signal.h"

#define NEVER_CHOSEN (-1000)
#define SCORE_MAX    2000

/* Pages that come back when the process ends, about; 0 when it has no memory any more. */
static uint64_t pages_held(struct process *process)
{
    struct task *task = task_find_get(process->pid);
    struct address_space *space = task ? task_address_space_get(task) : NULL;
    uint64_t pages = 0;

    if (space) {
        pages = space->anonymous_pages + space->file_pages + space->table_pages;
        address_space_put(space);
    }
    if (task)
        task_put(task);
    return pages;
}

static uint32_t score_of(const struct process *process, uint64_t pages)
{
    int32_t adjustment = READ_ONCE(process->oom_score_adj);
    uint64_t total = max(frames_total_count(), 1ul);

    if (!pages || process->pid == 1 || adjustment == NEVER_CHOSEN)
        return 0;
    int64_t score = (int64_t)(pages * 1000 / total) + adjustment;
    return score < 1 ? 1 : (uint32_t)min(score, (int64_t)SCORE_MAX);
}

uint32_t out_of_memory_score(struct process *process)
{
    return score_of(process, pages_held(process));
}

/* The process with the highest score, counted; NULL: none, or one that was chosen still ends. */
static struct process *choose(uint32_t *ret_score, uint64_t *ret_pages)
{
    struct process *process, *chosen = NULL;

    *ret_score = 0;
    for (int32_t from = 1; (process = process_next_get(from));) {
        uint64_t pages = pages_held(process);
        uint32_t score = score_of(process, pages);

        from = process->pid + 1;
        if (pages && READ_ONCE(process->out_of_memory)) {
            process_put(process);
            if (chosen)
                process_put(chosen);
            return NULL;
        }
        /* Of equals the larger one. */
        if (score > *ret_score || (score && score == *ret_score && pages > *ret_pages)) {
            if (chosen)
                process_put(chosen);
            chosen = process;
            *ret_score = score;
            *ret_pages = pages;
        } else {
            process_put(process);
        }
    }
    return chosen;
}

void out_of_memory_kill(bool may_wait)
{
    uint32_t score;
    uint64_t pages = 0;
    struct process *victim = memory_release_pending() ? NULL : choose(&score, &pages);

    if (victim) {
        log_line("out of memory: process %d (%lu pages, score %u) is killed for %s (%d)",
                 victim->pid, (unsigned long)pages, score, current->comm, current->tgid);
        trace_event(TRACE_OUT_OF_MEMORY, (uint64_t)victim->pid, pages, score, frames_free_count());
        WRITE_ONCE(victim->out_of_memory, true);
        signal_send_process(victim, SIGKILL, NULL);
        process_put(victim);
    }
    if (may_wait && !task_interrupted(current))
        task_yield();
}
