/* kernel/observe/describe_memory.h - published: address spaces, their mappings, frames.
 * F(struct, member, kind, target type), T(struct, published name, field list), R(name, type,
 * object, count); see describe.c. */
#ifndef KERNEL_OBSERVE_DESCRIBE_MEMORY_H
#define KERNEL_OBSERVE_DESCRIBE_MEMORY_H

#include "kernel/mm/address_space.h"
#include "kernel/mm/fixed_range.h"
#include "kernel/mm/free_list.h"

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
    F(address_space, locked_pages, UNSIGNED, "")                                                   \
    F(address_space, lock, STRUCT, "mutex")                                                        \
    F(address_space, vmas, STRUCT, "rb_tree")                                                      \
    F(address_space, vma_count, UNSIGNED, "")                                                      \
    F(address_space, data_pages, UNSIGNED, "")                                                     \
    F(address_space, stack_limit_bytes, UNSIGNED, "")                                              \
    F(address_space, code_start, UNSIGNED, "")                                                     \
    F(address_space, code_end, UNSIGNED, "")                                                       \
    F(address_space, argument_start, UNSIGNED, "")                                                 \
    F(address_space, argument_end, UNSIGNED, "")                                                   \
    F(address_space, environment_start, UNSIGNED, "")                                              \
    F(address_space, environment_end, UNSIGNED, "")                                                \
    F(address_space, executable, ADDRESS, "file")

#define VMA_FIELDS(F)                                                                              \
    F(vma, node, STRUCT, "rb_node")                                                                \
    F(vma, start, UNSIGNED, "")                                                                    \
    F(vma, end, UNSIGNED, "")                                                                      \
    F(vma, flags, UNSIGNED, "")                                                                    \
    F(vma, max_protection, UNSIGNED, "")                                                           \
    F(vma, file, ADDRESS, "file")                                                                  \
    F(vma, file_offset, UNSIGNED, "")                                                              \
    F(vma, file_bytes, UNSIGNED, "")                                                               \
    F(vma, gap, UNSIGNED, "")                                                                      \
    F(vma, subtree_gap, UNSIGNED, "")

#define FRAME_FIELDS(F)                                                                            \
    F(frame, references, UNSIGNED, "")                                                             \
    F(frame, kind, UNSIGNED, "")                                                                   \
    F(frame, order, UNSIGNED, "")                                                                  \
    F(frame, flags, UNSIGNED, "")                                                                  \
    F(frame, next, UNSIGNED, "")                                                                   \
    F(frame, previous, UNSIGNED, "")

#define FIXED_RANGE_FIELDS(F)                                                                      \
    F(fixed_range, start, UNSIGNED, "")                                                            \
    F(fixed_range, end, UNSIGNED, "")                                                              \
    F(fixed_range, kind, UNSIGNED, "")

#define MEMORY_TYPES(T)                                                                            \
    T(address_space, "address_space", ADDRESS_SPACE_FIELDS)                                        \
    T(vma, "vma", VMA_FIELDS)                                                                      \
    T(frame, "frame", FRAME_FIELDS)                                                                \
    T(fixed_range, "fixed_range", FIXED_RANGE_FIELDS)

#define MEMORY_ROOTS(R)                                                                            \
    R("address_space_slots", "slot_table", &address_space_slots, 1)                                \
    R("fixed_ranges", "fixed_range", fixed_ranges, FIXED_RANGES_MAX)                               \
    R("frames_lock", "spinlock", &frames_lock, 1)

#endif
