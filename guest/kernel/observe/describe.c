/*
 * kernel/observe/describe.c - every struct and field that the host may know by name. A field that
 * is listed here is part of the inspection interface; anything else may change without notice.
 *
 * Each type's fields are one macro list; the field table is their concatenation, and each type
 * finds its part by the position that an enum counts out.
 */
#include "kernel/observe/describe.h"

#include "kernel/mm/address_space.h"
#include "kernel/mm/frame.h"
#include "kernel/process/process.h"
#include "kernel/sched/run_queue.h"
#include "kernel/sched/task.h"

#define OBJECT_FIELDS(F)                                                                           \
    F(glass_object, version, UNSIGNED, "")                                                         \
    F(glass_object, references, UNSIGNED, "")                                                      \
    F(glass_object, id, UNSIGNED, "")

#define TASK_FIELDS(F)                                                                             \
    F(task, object, STRUCT, "object")                                                              \
    F(task, tid, SIGNED, "")                                                                       \
    F(task, tgid, SIGNED, "")                                                                      \
    F(task, process, ADDRESS, "process")                                                           \
    F(task, flags, UNSIGNED, "")                                                                   \
    F(task, state, UNSIGNED, "")                                                                   \
    F(task, sleep_intent, UNSIGNED, "")                                                            \
    F(task, wait_kind, UNSIGNED, "")                                                               \
    F(task, held, UNSIGNED, "")                                                                    \
    F(task, cpu, UNSIGNED, "")                                                                     \
    F(task, policy, UNSIGNED, "")                                                                  \
    F(task, nice, SIGNED, "")                                                                      \
    F(task, rt_priority, SIGNED, "")                                                               \
    F(task, affinity, UNSIGNED, "")                                                                \
    F(task, wait_object, UNSIGNED, "")                                                             \
    F(task, fair, STRUCT, "fair_entity")                                                           \
    F(task, switched_in_tsc, UNSIGNED, "")                                                         \
    F(task, exec_tsc, UNSIGNED, "")                                                                \
    F(task, utime_tsc, UNSIGNED, "")                                                               \
    F(task, stime_tsc, UNSIGNED, "")                                                               \
    F(task, mode_tsc, UNSIGNED, "")                                                                \
    F(task, nvcsw, UNSIGNED, "")                                                                   \
    F(task, nivcsw, UNSIGNED, "")                                                                  \
    F(task, start_tsc, UNSIGNED, "")                                                               \
    F(task, ready_tsc, UNSIGNED, "")                                                               \
    F(task, run_delay_tsc, UNSIGNED, "")                                                           \
    F(task, work, UNSIGNED, "")                                                                    \
    F(task, address_space, ADDRESS, "address_space")                                               \
    F(task, files, ADDRESS, "")                                                                    \
    F(task, pending, UNSIGNED, "")                                                                 \
    F(task, blocked, UNSIGNED, "")                                                                 \
    F(task, exit_signal, SIGNED, "")                                                               \
    F(task, exit_code, SIGNED, "")                                                                 \
    F(task, min_faults, UNSIGNED, "")                                                              \
    F(task, maj_faults, UNSIGNED, "")                                                              \
    F(task, comm, STRING, "")

#define FAIR_FIELDS(F)                                                                             \
    F(fair_entity, deadline, UNSIGNED, "")                                                         \
    F(fair_entity, vruntime, UNSIGNED, "")                                                         \
    F(fair_entity, lag, SIGNED, "")                                                                \
    F(fair_entity, slice, UNSIGNED, "")                                                            \
    F(fair_entity, weight, UNSIGNED, "")                                                           \
    F(fair_entity, queued, UNSIGNED, "")

#define PROCESS_FIELDS(F)                                                                          \
    F(process, object, STRUCT, "object")                                                           \
    F(process, pid, SIGNED, "")                                                                    \
    F(process, guid, BYTES, "")                                                                    \
    F(process, parent, ADDRESS, "process")                                                         \
    F(process, leader, ADDRESS, "task")                                                            \
    F(process, task_count, UNSIGNED, "")                                                           \
    F(process, group, SIGNED, "")                                                                  \
    F(process, session, SIGNED, "")                                                                \
    F(process, zombie, UNSIGNED, "")                                                               \
    F(process, exiting, UNSIGNED, "")                                                              \
    F(process, stopped, UNSIGNED, "")                                                              \
    F(process, is_subreaper, UNSIGNED, "")                                                         \
    F(process, exit_status, UNSIGNED, "")                                                          \
    F(process, pending, UNSIGNED, "")                                                              \
    F(process, start_ns, UNSIGNED, "")

#define ADDRESS_SPACE_FIELDS(F)                                                                    \
    F(address_space, object, STRUCT, "object")                                                     \
    F(address_space, root, UNSIGNED, "")                                                           \
    F(address_space, cpu_mask, UNSIGNED, "")                                                       \
    F(address_space, mmap_top, UNSIGNED, "")                                                       \
    F(address_space, brk_start, UNSIGNED, "")                                                      \
    F(address_space, brk_end, UNSIGNED, "")                                                        \
    F(address_space, stack_top, UNSIGNED, "")                                                      \
    F(address_space, mapped_pages, UNSIGNED, "")                                                   \
    F(address_space, anonymous_pages, UNSIGNED, "")                                                \
    F(address_space, file_pages, UNSIGNED, "")                                                     \
    F(address_space, table_pages, UNSIGNED, "")                                                    \
    F(address_space, max_resident, UNSIGNED, "")                                                   \
    F(address_space, locked_pages, UNSIGNED, "")

#define FRAME_FIELDS(F)                                                                            \
    F(frame, references, UNSIGNED, "")                                                             \
    F(frame, kind, UNSIGNED, "")                                                                   \
    F(frame, order, UNSIGNED, "")

#define RUN_QUEUE_FIELDS(F)                                                                        \
    F(run_queue, cpu, UNSIGNED, "")                                                                \
    F(run_queue, ready, UNSIGNED, "")                                                              \
    F(run_queue, running, ADDRESS, "task")                                                         \
    F(run_queue, idle, ADDRESS, "task")                                                            \
    F(run_queue, slice_end_tsc, UNSIGNED, "")

#define FIELD(type, member, field_kind, target_type)                                               \
    {.name = #member,                                                                              \
     .target = target_type,                                                                        \
     .offset = offsetof(struct type, member),                                                      \
     .size = sizeof(((struct type *)0)->member),                                                   \
     .kind = GLASS_##field_kind},
#define COUNT(type, member, field_kind, target_type) +1

enum {
    OBJECT_AT = 0,
    TASK_AT = OBJECT_AT OBJECT_FIELDS(COUNT),
    FAIR_AT = TASK_AT TASK_FIELDS(COUNT),
    PROCESS_AT = FAIR_AT FAIR_FIELDS(COUNT),
    ADDRESS_SPACE_AT = PROCESS_AT PROCESS_FIELDS(COUNT),
    FRAME_AT = ADDRESS_SPACE_AT ADDRESS_SPACE_FIELDS(COUNT),
    RUN_QUEUE_AT = FRAME_AT FRAME_FIELDS(COUNT),
    FIELDS_END = RUN_QUEUE_AT RUN_QUEUE_FIELDS(COUNT),
};

const struct glass_field glass_fields[] = {
    OBJECT_FIELDS(FIELD) TASK_FIELDS(FIELD) FAIR_FIELDS(FIELD) PROCESS_FIELDS(FIELD)
        ADDRESS_SPACE_FIELDS(FIELD) FRAME_FIELDS(FIELD) RUN_QUEUE_FIELDS(FIELD)};

const struct glass_type glass_types[] = {
    {"object", sizeof(struct glass_object), OBJECT_AT, TASK_AT - OBJECT_AT, 0},
    {"task", sizeof(struct task), TASK_AT, FAIR_AT - TASK_AT, 0},
    {"fair_entity", sizeof(struct fair_entity), FAIR_AT, PROCESS_AT - FAIR_AT, 0},
    {"process", sizeof(struct process), PROCESS_AT, ADDRESS_SPACE_AT - PROCESS_AT, 0},
    {"address_space", sizeof(struct address_space), ADDRESS_SPACE_AT, FRAME_AT - ADDRESS_SPACE_AT,
     0},
    {"frame", sizeof(struct frame), FRAME_AT, RUN_QUEUE_AT - FRAME_AT, 0},
    {"run_queue", sizeof(struct run_queue), RUN_QUEUE_AT, FIELDS_END - RUN_QUEUE_AT, 0},
};

const uint32_t glass_type_count = ARRAY_COUNT(glass_types);
const uint32_t glass_field_count = ARRAY_COUNT(glass_fields);
