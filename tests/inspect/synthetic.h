/*
 * tests/inspect/synthetic.h - a guest that never ran: memory with a glass in it, built by the test.
 *
 * Everything lies in one RAM range from 0; the direct map begins at DIRECT. Objects are
 * bump-allocated.
 */
#ifndef TESTS_INSPECT_SYNTHETIC_H
#define TESTS_INSPECT_SYNTHETIC_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/inspect/guest.h"

#define SYNTHETIC_BYTES (16ull << 20)
#define DIRECT          0xffff888000000000ull
#define TSC_KHZ         1000000ull /* one cycle is one nanosecond */
#define BOOT_TSC        1000ull

/* What the made-up kernel calls a task: the fields are in another order than the real one's on
 * purpose. */
struct fake_task {
    struct glass_object object;
    char comm[16];
    uint64_t process, address_space;
    int32_t tgid, tid;
    uint8_t state, wait_kind;
    uint32_t cpu, flags;
    int32_t nice;
    uint64_t utime_tsc, stime_tsc, nvcsw, start_tsc;
};

struct fake_process {
    struct glass_object object;
    uint64_t parent;
    int32_t pid, group, session;
    uint32_t exit_status;
};

struct fake_space {
    struct glass_object object;
    uint64_t root;
};

struct fake_frame {
    uint32_t references;
    uint8_t kind;
};

struct synthetic {
    struct guest_memory memory;
    struct vt_guest guest;
    struct glass *glass;
    struct glass_cpu *cpus;
    struct glass_slots *tasks, *processes, *spaces;
    struct glass_type *types;
    struct glass_field *fields;
    uint64_t next; /* bump pointer: physical */
    unsigned kicks, releases;
};

static inline uint64_t synthetic_allocate(struct synthetic *s, uint64_t bytes)
{
    uint64_t phys = (s->next + 4095) & ~4095ull;

    s->next = phys + bytes;
    if (s->next > SYNTHETIC_BYTES)
        abort();
    return phys;
}

static inline void *synthetic_at(struct synthetic *s, uint64_t phys)
{
    return s->memory.base + phys;
}

static inline uint64_t synthetic_address(struct synthetic *s, const void *pointer)
{
    return DIRECT + (uint64_t)((const uint8_t *)pointer - s->memory.base);
}

static inline void synthetic_type(struct synthetic *s, const char *name, uint32_t size)
{
    struct glass_type *type = &s->types[s->glass->type_count++];

    strncpy(type->name, name, GLASS_NAME_MAX - 1);
    type->size = size;
    type->first_field = s->glass->field_count;
}

static inline void synthetic_field(struct synthetic *s, const char *name, uint32_t offset,
                                   uint32_t size, uint32_t kind)
{
    struct glass_field *field = &s->fields[s->glass->field_count++];

    strncpy(field->name, name, GLASS_NAME_MAX - 1);
    field->offset = offset;
    field->size = size;
    field->kind = kind;
    s->types[s->glass->type_count - 1].field_count++;
}

#define FIELD(s, type, member, kind)                                                               \
    synthetic_field(s, #member, offsetof(struct type, member), sizeof(((struct type *)0)->member), \
                    kind)

static inline struct glass_slots *synthetic_slots(struct synthetic *s, const char *type,
                                                  uint32_t stride)
{
    struct glass_slots *slots = synthetic_at(s, synthetic_allocate(s, sizeof(*slots)));

    strncpy(slots->type, type, GLASS_NAME_MAX - 1);
    slots->stride = (stride + 63) & ~63u;
    slots->slots_per_chunk = 8;
    return slots;
}

static inline void *synthetic_object(struct synthetic *s, struct glass_slots *slots)
{
    uint32_t index = slots->high_water++;
    uint64_t *chunk = &slots->chunks[index / slots->slots_per_chunk];

    if (!*chunk)
        *chunk = DIRECT + synthetic_allocate(s, (uint64_t)slots->stride * slots->slots_per_chunk);
    struct glass_object *object = synthetic_at(
        s, *chunk - DIRECT + (uint64_t)(index % slots->slots_per_chunk) * slots->stride);
    object->version = 2;
    object->references = 1;
    object->id = 100 + index;
    slots->live++;
    return object;
}

static inline void synthetic_kick(void *context)
{
    struct synthetic *s = context;

    s->kicks++;
    s->glass->answer.sequence = s->glass->control.mailbox.sequence;
}

static inline void synthetic_release(void *context)
{
    ((struct synthetic *)context)->releases++;
}

static inline void synthetic_init(struct synthetic *s, unsigned cpus, unsigned ring_records)
{
    memset(s, 0, sizeof(*s));
    s->memory.bytes = SYNTHETIC_BYTES;
    s->memory.base =
        mmap(NULL, SYNTHETIC_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    s->memory.ram[0] = (struct boot_range){.phys = 0, .bytes = SYNTHETIC_BYTES};
    s->next = 4096;
    uint64_t glass_phys = synthetic_allocate(s, sizeof(struct glass));
    struct glass *glass = s->glass = synthetic_at(s, glass_phys);
    memcpy(glass->magic, GLASS_MAGIC, 8);
    glass->version = GLASS_VERSION;
    glass->size = sizeof(*glass);
    glass->state = GLASS_RUNNING;
    glass->cpu_count = cpus;
    glass->direct_virtual = DIRECT;
    glass->direct_bytes = SYNTHETIC_BYTES;
    glass->tsc_khz = TSC_KHZ;
    glass->boot_tsc = BOOT_TSC;
    s->cpus = synthetic_at(s, synthetic_allocate(s, sizeof(*s->cpus) * BOOT_CPUS_MAX));
    glass->cpus = synthetic_address(s, s->cpus);
    glass->cpu_stride = sizeof(*s->cpus);
    for (unsigned i = 0; i < cpus; i++) {
        s->cpus[i].index = i;
        s->cpus[i].online = 1;
        s->cpus[i].trace_records = ring_records;
        s->cpus[i].trace_ring =
            DIRECT + synthetic_allocate(s, ring_records * sizeof(struct trace_record));
    }
    s->types = synthetic_at(s, synthetic_allocate(s, 8 * sizeof(*s->types)));
    s->fields = synthetic_at(s, synthetic_allocate(s, 64 * sizeof(*s->fields)));
    glass->types = synthetic_address(s, s->types);
    glass->fields = synthetic_address(s, s->fields);

    synthetic_type(s, "task", sizeof(struct fake_task));
    FIELD(s, fake_task, object, GLASS_STRUCT);
    FIELD(s, fake_task, comm, GLASS_STRING);
    FIELD(s, fake_task, process, GLASS_ADDRESS);
    FIELD(s, fake_task, address_space, GLASS_ADDRESS);
    FIELD(s, fake_task, tgid, GLASS_SIGNED);
    FIELD(s, fake_task, tid, GLASS_SIGNED);
    FIELD(s, fake_task, state, GLASS_UNSIGNED);
    FIELD(s, fake_task, wait_kind, GLASS_UNSIGNED);
    FIELD(s, fake_task, cpu, GLASS_UNSIGNED);
    FIELD(s, fake_task, flags, GLASS_UNSIGNED);
    FIELD(s, fake_task, nice, GLASS_SIGNED);
    FIELD(s, fake_task, utime_tsc, GLASS_UNSIGNED);
    FIELD(s, fake_task, stime_tsc, GLASS_UNSIGNED);
    FIELD(s, fake_task, nvcsw, GLASS_UNSIGNED);
    FIELD(s, fake_task, start_tsc, GLASS_UNSIGNED);
    synthetic_type(s, "process", sizeof(struct fake_process));
    FIELD(s, fake_process, object, GLASS_STRUCT);
    FIELD(s, fake_process, parent, GLASS_ADDRESS);
    FIELD(s, fake_process, pid, GLASS_SIGNED);
    FIELD(s, fake_process, group, GLASS_SIGNED);
    FIELD(s, fake_process, session, GLASS_SIGNED);
    FIELD(s, fake_process, exit_status, GLASS_UNSIGNED);
    synthetic_type(s, "address_space", sizeof(struct fake_space));
    FIELD(s, fake_space, object, GLASS_STRUCT);
    FIELD(s, fake_space, root, GLASS_UNSIGNED);
    synthetic_type(s, "frame", sizeof(struct fake_frame));
    FIELD(s, fake_frame, references, GLASS_UNSIGNED);
    FIELD(s, fake_frame, kind, GLASS_UNSIGNED);

    s->tasks = synthetic_slots(s, "task", sizeof(struct fake_task));
    s->processes = synthetic_slots(s, "process", sizeof(struct fake_process));
    s->spaces = synthetic_slots(s, "address_space", sizeof(struct fake_space));
    glass->tasks = synthetic_address(s, s->tasks);
    glass->processes = synthetic_address(s, s->processes);
    glass->address_spaces = synthetic_address(s, s->spaces);
    glass->frame_count = SYNTHETIC_BYTES / 4096;
    glass->frames = DIRECT + synthetic_allocate(s, glass->frame_count * sizeof(struct fake_frame));
    glass->channels = DIRECT + synthetic_allocate(s, sizeof(struct glass_channel) * CHANNEL_COUNT);
    glass->log = DIRECT + synthetic_allocate(s, sizeof(struct glass_log));

    guest_init(&s->guest, &s->memory, glass_phys);
    s->guest.own = true;
    s->guest.owner =
        (struct guest_owner){.kick = synthetic_kick, .release = synthetic_release, .context = s};
}

static inline void synthetic_deinit(struct synthetic *s)
{
    guest_deinit(&s->guest);
    munmap(s->memory.base, SYNTHETIC_BYTES);
}

static inline struct fake_process *synthetic_process(struct synthetic *s, int32_t pid,
                                                     struct fake_process *parent)
{
    struct fake_process *process = synthetic_object(s, s->processes);

    process->pid = pid;
    process->group = process->session = 1;
    process->parent = parent ? synthetic_address(s, parent) : 0;
    return process;
}

static inline struct fake_task *synthetic_task(struct synthetic *s, int32_t tid, int32_t tgid,
                                               const char *comm, struct fake_process *process)
{
    struct fake_task *task = synthetic_object(s, s->tasks);

    task->tid = tid;
    task->tgid = tgid;
    task->state = TASK_READY;
    strncpy(task->comm, comm, 15);
    task->process = process ? synthetic_address(s, process) : 0;
    return task;
}

/* Appends a record to a CPU's ring as the kernel would. */
static inline void synthetic_record(struct synthetic *s, unsigned cpu, struct trace_record record)
{
    struct glass_cpu *block = &s->cpus[cpu];
    struct trace_record *ring = synthetic_at(s, block->trace_ring - DIRECT);
    uint64_t number = block->trace_head + 1;
    struct trace_record *slot = &ring[(number - 1) & (block->trace_records - 1)];

    *slot = record;
    GUEST_STORE(&block->trace_head, number);
}

#endif
