/* kernel/observe/glass.c - the glass itself. Addresses of static objects are constants of the link.
 */
#include "kernel/observe/glass.h"

#include "arch/cpu.h"
#include "arch/doorbell.h"
#include "arch/layout.h"
#include "arch/machine.h"
#include "arch/page_table.h"
#include "kernel/lib/panic.h"
#include "kernel/mm/address_space.h"
#include "kernel/mm/frame.h"
#include "kernel/observe/control.h"
#include "kernel/observe/describe.h"
#include "kernel/observe/log.h"
#include "kernel/observe/trace.h"
#include "kernel/process/process.h"
#include "kernel/sched/run_queue.h"
#include "kernel/time/clock.h"

#define TRACE_RECORDS_DEFAULT 16384u /* 1 MiB of ring per CPU, touched only as it fills */
#define FRAMES_ORDER_MAX      10u

extern struct glass_channel channels[CHANNEL_COUNT];

PER_CPU(struct glass_cpu, glass_cpu) __attribute__((aligned(64)));

struct glass glass = {
    .magic = GLASS_MAGIC,
    .version = GLASS_VERSION,
    .size = sizeof(struct glass),
    .state = GLASS_BOOTING,
    .types = (uint64_t)glass_types,
    .fields = (uint64_t)glass_fields,
    .roots = (uint64_t)glass_roots,
    .cpus = (uint64_t)&per_cpu_glass_cpu,
    .cpu_stride = PER_CPU_BYTES,
    .tasks = (uint64_t)&task_slots.glass,
    .processes = (uint64_t)&process_slots.glass,
    .address_spaces = (uint64_t)&address_space_slots.glass,
    .channels = (uint64_t)channels,
    .log = (uint64_t)&kernel_log,
    .direct_virtual = DIRECT_MAP,
    .image_virtual = (uint64_t)image_start,
};

static unsigned order_for(uint64_t bytes)
{
    unsigned order = 0;
    while ((PAGE_SIZE << order) < bytes && order < FRAMES_ORDER_MAX)
        order++;
    return order;
}

static void trace_rings_init(const struct boot_info *boot)
{
    uint32_t records = boot->trace_ring_records ? boot->trace_ring_records : TRACE_RECORDS_DEFAULT;
    unsigned order = order_for((uint64_t)records * sizeof(struct trace_record));
    for (unsigned i = 0; i < boot->cpu_count; i++) {
        /* A smaller ring is better than none when memory is short. */
        phys_t ring = 0;
        unsigned at = order + 1;
        while (!ring && at-- > 0)
            ring = frame_allocate(FRAME_KERNEL, at, FRAME_WANT_ZERO);
        if (!ring)
            panic("no memory for the trace ring of CPU %u", i);
        struct glass_cpu *block = &per_cpu(glass_cpu, i);
        block->trace_ring = (uint64_t)phys_to_virt(ring);
        block->trace_records = (uint32_t)((PAGE_SIZE << at) / sizeof(struct trace_record));
    }
}

void glass_init(const struct boot_info *boot)
{
    glass.type_count = glass_type_count;
    glass.field_count = glass_field_count;
    glass.root_count = glass_root_count;
    glass.image_phys = virt_to_phys(image_start);
    glass.image_bytes = (uint64_t)(image_end - image_start);
    for (unsigned i = 0; i < BOOT_RAM_RANGES_MAX; i++)
        if (boot->ram[i].bytes)
            glass.direct_bytes = boot->ram[i].phys + boot->ram[i].bytes;
    glass.frames = (uint64_t)frame_table;
    glass.frame_count = frame_table_count;
    glass.frames_image = boot->image.bytes >> PAGE_SHIFT;
    trace_rings_init(boot);
    for (unsigned i = 0; i < boot->cpu_count; i++) {
        cpu_at(i)->glass = &per_cpu(glass_cpu, i);
        trace_ring_attach(cpu_at(i));
        per_cpu(glass_cpu, i).run_queue = (uint64_t)&per_cpu(run_queue, i);
    }
    control_init(boot);
}

void glass_ready(void)
{
    glass.cpu_count = cpu_count();
    glass.init_process = (uint64_t)init_process;
    glass.kernel_page_table = kernel_root_phys();
    glass.ready_tsc = clock_tsc();
    store_release(&glass.state, GLASS_RUNNING);
    doorbell(HYPERCALL_READY);
}
