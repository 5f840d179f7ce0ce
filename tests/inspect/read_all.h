/*
 * tests/inspect/read_all.h - reads everything that a guest shows and touches every byte of the
 * answers, so that a sanitizer sees what a caller would meet. How many answers were no errors.
 */
#ifndef TESTS_INSPECT_READ_ALL_H
#define TESTS_INSPECT_READ_ALL_H

#include <stdlib.h>
#include <string.h>

#include "vmm/include/vitrine.h"

static volatile uint64_t read_all_sum;

static inline void touch(const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        read_all_sum += ((const uint8_t *)bytes)[i];
}

static inline void touch_text(const char *text)
{
    if (text)
        touch(text, strlen(text));
}

static inline bool answered(struct vt_error *error)
{
    if (error)
        touch_text(vt_error_message(error));
    vt_error_destroy(error);
    return !error;
}

static inline unsigned read_task(struct vt_guest *guest, const struct vt_task *task)
{
    struct vt_vma *vmas;
    struct vt_file *files;
    struct vt_socket *sockets;
    size_t count;
    unsigned answers = 0;
    uint32_t word;

    if (answered(vt_guest_vmas(guest, task, &vmas, &count))) {
        for (size_t i = 0; i < count; i++)
            touch_text(vmas[i].name);
        touch(vmas, count * sizeof(*vmas));
        free(vmas);
        answers++;
    }
    if (answered(vt_guest_files(guest, task, &files, &count))) {
        for (size_t i = 0; i < count; i++) {
            touch_text(files[i].name);
            touch_text(vt_file_kind_name(files[i].kind));
        }
        free(files);
        answers++;
    }
    if (answered(vt_guest_sockets(guest, task, &sockets, &count))) {
        for (size_t i = 0; i < count; i++) {
            touch_text(sockets[i].name);
            touch_text(sockets[i].peer_name);
            touch_text(vt_socket_state_name(sockets[i].state));
        }
        free(sockets);
        answers++;
    }
    answers += answered(vt_guest_read_user(guest, task, 0x403000, &word, sizeof(word)));
    return answers;
}

static inline unsigned read_cpu(struct vt_guest *guest, unsigned cpu)
{
    struct vt_run_queue *queue;
    struct vt_timer *timers;
    size_t count;
    unsigned answers = 0;

    if (answered(vt_guest_run_queue(guest, cpu, &queue))) {
        touch(queue->queued, queue->queued_count * sizeof(*queue->queued));
        free(queue);
        answers++;
    }
    if (answered(vt_guest_timers(guest, cpu, &timers, &count))) {
        touch(timers, count * sizeof(*timers));
        free(timers);
        answers++;
    }
    return answers;
}

static inline unsigned read_waits_and_locks(struct vt_guest *guest)
{
    struct vt_wait *waits;
    struct vt_lock *locks;
    size_t count;
    unsigned answers = 0;

    if (answered(vt_guest_waits(guest, &waits, &count))) {
        for (size_t i = 0; i < count; i++) {
            touch_text(waits[i].what);
            touch_text(waits[i].who);
            touch(waits[i].wakers, waits[i].waker_count * sizeof(int32_t));
            touch(waits[i].cycle, waits[i].cycle_count * sizeof(int32_t));
        }
        free(waits);
        answers++;
    }
    if (answered(vt_guest_locks(guest, &locks, &count))) {
        for (size_t i = 0; i < count; i++)
            touch_text(locks[i].name);
        free(locks);
        answers++;
    }
    return answers;
}

static inline unsigned read_tokens(struct vt_guest *guest)
{
    struct vt_token *tokens;
    size_t count;

    if (!answered(vt_guest_tokens(guest, &tokens, &count)))
        return 0;
    for (size_t i = 0; i < count; i++) {
        touch_text(tokens[i].user);
        touch_text(tokens[i].groups);
        touch_text(tokens[i].restricting);
        touch(tokens[i].attributes, tokens[i].group_count * sizeof(uint32_t));
        touch(tokens[i].pids, tokens[i].pid_count * sizeof(int32_t));
        touch(tokens[i].tids, tokens[i].tid_count * sizeof(int32_t));
    }
    free(tokens);
    return 1;
}

static inline unsigned read_all(struct vt_guest *guest)
{
    struct vt_task *tasks;
    struct vt_process *processes;
    struct vt_address_space *spaces;
    struct vt_frame *frames;
    struct vt_counters counters;
    size_t count;
    unsigned answers = 0;

    if (answered(vt_guest_tasks(guest, &tasks, &count))) {
        answers++;
        for (size_t i = 0; i < count && i < 8; i++)
            answers += read_task(guest, &tasks[i]);
        free(tasks);
    }
    answers += read_tokens(guest);
    if (answered(vt_guest_processes(guest, &processes, &count))) {
        answers++;
        for (size_t i = 0; i < count; i++) {
            touch(processes[i].threads, processes[i].thread_count * sizeof(int32_t));
            touch(processes[i].children, processes[i].child_count * sizeof(int32_t));
        }
        free(processes);
    }
    if (answered(vt_guest_address_spaces(guest, &spaces, &count))) {
        answers++;
        for (size_t i = 0; i < count && i < 8; i++) {
            struct vt_vma *vmas;
            size_t vma_count;

            if (answered(vt_guest_space_vmas(guest, &spaces[i], &vmas, &vma_count)))
                free(vmas);
        }
        free(spaces);
    }
    if (answered(vt_guest_frames(guest, &frames, &count))) {
        answers++;
        touch(frames, count * sizeof(*frames));
        free(frames);
    }
    answers += answered(vt_guest_counters(guest, &counters));
    for (unsigned cpu = 0; cpu < 3; cpu++)
        answers += read_cpu(guest, cpu);
    return answers + read_waits_and_locks(guest);
}

#endif
