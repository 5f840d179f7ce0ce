/*
 * kernel/observe/describe.c - every struct, field and root that the host may know by name. A field
 * that is listed here is part of the inspection interface; anything else may change without notice.
 *
 * Publishing costs nothing at run time: the tables are constants made of sizeof and offsetof. So
 * what the host wants to see is the kernel's own structures as they are; nothing is kept for it
 * alone. Each floor lists its fields in a file of its own; here they become one field table, in
 * which each type finds its part by the position that an enum counts out.
 */
#include "kernel/observe/describe.h"

#include "kernel/observe/describe_audit.h"
#include "kernel/observe/describe_files.h"
#include "kernel/observe/describe_ipc.h"
#include "kernel/observe/describe_memory.h"
#include "kernel/observe/describe_namespaces.h"
#include "kernel/observe/describe_net.h"
#include "kernel/observe/describe_process.h"
#include "kernel/observe/describe_sync.h"
#include "kernel/observe/describe_tasks.h"
#include "kernel/observe/describe_tokens.h"

#define FIELD(type, member, field_kind, target_type)                                               \
    {.name = #member,                                                                              \
     .target = target_type,                                                                        \
     .offset = offsetof(struct type, member),                                                      \
     .size = sizeof(((struct type *)0)->member),                                                   \
     .kind = GLASS_##field_kind},
#define COUNT(type, member, field_kind, target_type) +1

#define ALL_TYPES(T)                                                                               \
    SYNC_TYPES(T)                                                                                  \
    TASK_TYPES(T)                                                                                  \
    PROCESS_PART_TYPES(T)                                                                          \
    MEMORY_TYPES(T)                                                                                \
    FILE_TYPES(T) NET_TYPES(T) NAMESPACE_TYPES(T) IPC_TYPES(T) TOKEN_TYPES(T) AUDIT_TYPES(T)

/* For each type: where its fields begin, and the last of them; so the next type begins behind. */
#define PLACE(type, name, FIELDS) type##_AT, type##_LAST = type##_AT FIELDS(COUNT) - 1,
enum { ALL_TYPES(PLACE) };

#define FIELDS_OF(type, name, FIELDS) FIELDS(FIELD)
const struct glass_field glass_fields[] = {ALL_TYPES(FIELDS_OF)};

#define TYPE(type, type_name, FIELDS)                                                              \
    {.name = type_name,                                                                            \
     .size = sizeof(struct type),                                                                  \
     .first_field = type##_AT,                                                                     \
     .field_count = type##_LAST + 1 - type##_AT},
const struct glass_type glass_types[] = {ALL_TYPES(TYPE)};

#define ROOT(root_name, type_name, object, object_count)                                           \
    {.name = root_name,                                                                            \
     .target = type_name,                                                                          \
     .address = (uint64_t)(object),                                                                \
     .count = (object_count),                                                                      \
     .stride = sizeof(*(object))},
#define PER_CPU_ROOT(root_name, type_name, variable)                                               \
    {.name = root_name,                                                                            \
     .target = type_name,                                                                          \
     .address = (uint64_t)&per_cpu_##variable,                                                     \
     .count = CPUS_MAX,                                                                            \
     .stride = PER_CPU_BYTES},
const struct glass_root glass_roots[] = {
    SYNC_ROOTS(ROOT) TASK_ROOTS(ROOT) MEMORY_ROOTS(ROOT) FILE_ROOTS(ROOT) NET_ROOTS(ROOT)
        TOKEN_ROOTS(ROOT) AUDIT_ROOTS(ROOT) SYNC_PER_CPU(PER_CPU_ROOT) TASK_PER_CPU(PER_CPU_ROOT)};

const uint32_t glass_type_count = ARRAY_COUNT(glass_types);
const uint32_t glass_field_count = ARRAY_COUNT(glass_fields);
const uint32_t glass_root_count = ARRAY_COUNT(glass_roots);
