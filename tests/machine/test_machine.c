/*
 * tests/machine/test_machine.c - the machine layer alone, with kernels of a few instructions, on
 * both backends.
 *
 * Each test asks one question of one kernel from tests/machine/kernel (the question stands in the
 * kernel's first comment) and is run for every backend that works here. A backend that does not is
 * counted and named by the last test; it is never silently left out.
 *
 * The kernels are found in VITRINE_TEST_KERNELS, else in build/tests.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/glass.h"
#include "shared/hypercall.h"
#include "tests/machine/kernel/layout.h"
#include "vmm/base/clock.h"
#include "vmm/machine/machine.h"

#define SAME(a, b) _Static_assert((a) == (b), #a " differs from the header")

SAME(BOOT_PAGE, BOOT_INFO_PHYS);
SAME(BOOT_FLAGS_OFFSET, offsetof(struct boot_info, flags));
SAME(BOOT_CPU_COUNT_OFFSET, offsetof(struct boot_info, cpu_count));
SAME(FLAG_X2APIC, BOOT_FLAG_X2APIC);
SAME(FLAG_DIRECT_CPU_START, BOOT_FLAG_DIRECT_CPU_START);
SAME(FLAG_KICK_SERIAL, BOOT_FLAG_KICK_SERIAL);
SAME(BELL_PORT, DOORBELL_PORT);
SAME(END_PORT, EXIT_PORT);
SAME(KICK, KICK_VECTOR);
SAME(GLASS_IMAGE_OFFSET, offsetof(struct glass, image_virtual));
SAME(GLASS_CPUS_OFFSET, offsetof(struct glass, cpus));
SAME(GLASS_START_CPU_OFFSET, offsetof(struct glass, start_cpu));
SAME(GLASS_STOP_EPOCH_OFFSET, offsetof(struct glass, stop.epoch));
SAME(GLASS_RESUME_EPOCH_OFFSET, offsetof(struct glass, control.resume_epoch));
SAME(GLASS_BYTES_TOTAL, sizeof(struct glass));
SAME(GLASS_CPU_STRIDE_OFFSET, offsetof(struct glass, cpu_stride));
SAME(GLASS_CPU_STRIDE, sizeof(struct glass_cpu));
SAME(GLASS_CPU_PARKED_EPOCH_OFFSET, offsetof(struct glass_cpu, parked_epoch));

#define LIMIT_MS  20000
#define BELLS_MAX 65536

/* ---- a machine and what it told us ---- */

struct rig {
    struct machine_memory memory;
    struct machine_kernel kernel;
    struct machine *machine;
    struct boot_info *boot;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint8_t bells[BELLS_MAX];
    int bell_cpus[BELLS_MAX];
    size_t bell_count;
    bool failed;
    struct machine_failure failure;
};

static void on_doorbell(void *context, int cpu, uint8_t code)
{
    struct rig *rig = context;

    pthread_mutex_lock(&rig->lock);
    if (rig->bell_count < BELLS_MAX) {
        rig->bells[rig->bell_count] = code;
        rig->bell_cpus[rig->bell_count++] = cpu;
    }
    pthread_cond_broadcast(&rig->changed);
    pthread_mutex_unlock(&rig->lock);
}

static void on_failure(void *context, const struct machine_failure *failure)
{
    struct rig *rig = context;

    pthread_mutex_lock(&rig->lock);
    rig->failed = true;
    rig->failure = *failure;
    pthread_cond_broadcast(&rig->changed);
    pthread_mutex_unlock(&rig->lock);
}

static void must(struct vt_error *error)
{
    cr_assert(!error, "%s", error ? vt_error_message(error) : "");
}

static const char *kernel_path(const char *name, char path[512])
{
    const char *directory = getenv("VITRINE_TEST_KERNELS");

    snprintf(path, 512, "%s/%s.elf", directory ? directory : "build/tests", name);
    return path;
}

static struct rig *rig_create(enum vt_accel accel, const char *kernel, unsigned cpus)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    struct machine_config config = {.accel = accel, .cpus = cpus, .diagnostics_fd = -1};
    struct machine_events events = {on_doorbell, on_failure, rig};
    char path[512];

    pthread_mutex_init(&rig->lock, NULL);
    pthread_cond_init(&rig->changed, NULL);
    must(machine_memory_init(&rig->memory, 32ull << 20));
    must(machine_kernel_load(kernel_path(kernel, path), &rig->memory, &rig->kernel));
    rig->boot = machine_memory_at(&rig->memory, BOOT_INFO_PHYS, 4096);
    rig->boot->magic = BOOT_MAGIC;
    rig->boot->version = BOOT_VERSION;
    must(machine_create(&config, &rig->memory, &rig->kernel, rig->boot, &events, &rig->machine));
    return rig;
}

static void rig_destroy(struct rig *rig)
{
    machine_destroy(rig->machine);
    machine_kernel_deinit(&rig->kernel);
    machine_memory_deinit(&rig->memory);
    free(rig);
}

/* Waits until `count` bells have rung in all; false when the machine failed or time is over. */
static bool wait_bells(struct rig *rig, size_t count)
{
    const struct timespec deadline = clock_deadline(LIMIT_MS);
    bool enough;

    pthread_mutex_lock(&rig->lock);
    while (rig->bell_count < count && !rig->failed)
        if (clock_wait(&rig->changed, &rig->lock, &deadline))
            break;
    enough = rig->bell_count >= count;
    pthread_mutex_unlock(&rig->lock);
    return enough;
}

static size_t bells_so_far(struct rig *rig)
{
    size_t count;

    pthread_mutex_lock(&rig->lock);
    count = rig->bell_count;
    pthread_mutex_unlock(&rig->lock);
    return count;
}

static bool wait_failure(struct rig *rig)
{
    const struct timespec deadline = clock_deadline(LIMIT_MS);
    bool failed;

    pthread_mutex_lock(&rig->lock);
    while (!rig->failed)
        if (clock_wait(&rig->changed, &rig->lock, &deadline))
            break;
    failed = rig->failed;
    pthread_mutex_unlock(&rig->lock);
    return failed;
}

static bool backend_works(enum vt_accel accel)
{
    struct vt_host host;

    must(vt_host_probe(false, &host));
    return accel == VT_ACCEL_KVM ? host.kvm_usable : host.qemu_present;
}

/* Defines one test for both backends; the body sees `accel`. */
#define BACKEND_TEST(name)                                                                         \
    static void name(enum vt_accel accel);                                                         \
    Test(machine, name##_kvm, .timeout = 60)                                                       \
    {                                                                                              \
        if (!backend_works(VT_ACCEL_KVM))                                                          \
            cr_skip("no usable KVM here");                                                         \
        name(VT_ACCEL_KVM);                                                                        \
    }                                                                                              \
    Test(machine, name##_qemu, .timeout = 60)                                                      \
    {                                                                                              \
        if (!backend_works(VT_ACCEL_QEMU))                                                         \
            cr_skip("no QEMU here");                                                               \
        name(VT_ACCEL_QEMU);                                                                       \
    }                                                                                              \
    static void name(enum vt_accel accel)

/* kernel/bell.S rings every code but the six that mean something, and a 'D' at the end. */
#define BELL_RINGS (256 - 6 + 1)

BACKEND_TEST(doorbell_bytes_arrive_in_order)
{
    struct rig *rig = rig_create(accel, "bell", 1);
    size_t at = 0;

    must(machine_start(rig->machine));
    cr_assert(wait_bells(rig, BELL_RINGS), "%s", rig->failure.text);
    for (unsigned code = 0; code < 256; code++) {
        if (code == 'S' || code == 'P' || code == 'C' || code == 'D' || code == 'f' || code == 'F')
            continue;
        cr_assert_eq(rig->bells[at], code);
        cr_assert_eq(rig->bell_cpus[at], accel == VT_ACCEL_KVM ? 0 : -1);
        at++;
    }
    cr_assert_eq(rig->bells[at], 'D');
    rig_destroy(rig);
}

BACKEND_TEST(kicks_wake_a_halted_cpu)
{
    struct rig *rig = rig_create(accel, "kick", 1);

    must(machine_start(rig->machine));
    cr_assert(wait_bells(rig, 1), "%s", rig->failure.text);
    for (size_t i = 0; i < 500; i++) {
        machine_kick(rig->machine);
        cr_assert(wait_bells(rig, 2 + i), "kick %zu was lost", i);
        cr_assert_eq(rig->bells[1 + i], 'K');
    }
    rig_destroy(rig);
}

/* Kicks may be merged, but the last one must be followed by an interrupt, and none may block us. */
BACKEND_TEST(a_storm_of_kicks_does_not_block)
{
    struct rig *rig = rig_create(accel, "kick", 1);

    for (unsigned i = 0; i < 100; i++)
        machine_kick(rig->machine); /* before the start: must do nothing bad */
    must(machine_start(rig->machine));
    cr_assert(wait_bells(rig, 1));
    for (unsigned i = 0; i < 20000; i++)
        machine_kick(rig->machine);
    cr_assert(wait_bells(rig, 2));
    rig_destroy(rig);
}

BACKEND_TEST(every_cpu_starts_with_its_own_id)
{
    for (unsigned cpus = 1; cpus <= 4; cpus += cpus) {
        struct rig *rig = rig_create(accel, "cpus", cpus);
        size_t expected = cpus + 1; /* and one 'C' per further CPU where the VMM starts it */
        char seen[8] = {0};
        size_t letters = 0;

        must(machine_start(rig->machine));
        if (rig->boot->flags & BOOT_FLAG_DIRECT_CPU_START)
            expected += cpus - 1;
        cr_assert(wait_bells(rig, expected), "%u CPUs: %s", cpus, rig->failure.text);
        for (size_t i = 0; i < expected; i++) {
            if (rig->bells[i] != 'C' && rig->bells[i] != 'D')
                seen[letters++] = (char)rig->bells[i];
            if (rig->bells[i] >= 'a' && accel == VT_ACCEL_KVM)
                cr_assert_eq(rig->bell_cpus[i], rig->bells[i] - 'a');
        }
        cr_assert_eq(strncmp(seen, "abcd", cpus), 0, "CPUs seen: %s", seen);
        rig_destroy(rig);
    }
}

/* Stops the world `stops` times, releasing in a hurry: no wait between the bells and the release.
 */
static void stop_and_release(enum vt_accel accel, unsigned cpus, uint64_t stops)
{
    struct rig *rig = rig_create(accel, "stop", cpus);
    struct glass *glass =
        machine_memory_at(&rig->memory, rig->kernel.note.glass_phys, sizeof(*glass));
    struct glass_cpu *blocks = machine_memory_at(
        &rig->memory, *(uint64_t *)((char *)glass + GLASS_CPUS_OFFSET), sizeof(*blocks) * cpus);
    size_t other_bells = 0;
    const struct timespec deadline = clock_deadline(200000);

    *(uint64_t *)machine_memory_at(&rig->memory, STOPS_PHYS, 8) = stops;
    must(machine_start(rig->machine));
    if (rig->boot->flags & BOOT_FLAG_DIRECT_CPU_START)
        other_bells = cpus - 1;
    for (uint64_t epoch = 1; epoch <= stops; epoch++) {
        /* Stopped: the epoch is reached, and every further CPU has parked for it. */
        pthread_mutex_lock(&rig->lock);
        for (;;) {
            bool parked = __atomic_load_n(&glass->stop.epoch, __ATOMIC_ACQUIRE) == epoch;

            for (unsigned i = 1; i < cpus; i++)
                parked &= __atomic_load_n(&blocks[i].parked_epoch, __ATOMIC_ACQUIRE) == epoch;
            if (parked || rig->failed)
                break;
            /* The parked CPUs' bells may come before their epoch is seen, so look again soon. */
            struct timespec soon = clock_deadline(1);
            int timed_out = clock_wait(&rig->changed, &rig->lock, &soon);

            cr_assert(!timed_out || clock_monotonic_ns() / 1000000000u < (uint64_t)deadline.tv_sec,
                      "hung in stop %llu", (unsigned long long)epoch);
        }
        pthread_mutex_unlock(&rig->lock);
        cr_assert(!rig->failed, "%s", rig->failure.text);
        __atomic_store_n(&glass->control.resume_epoch, epoch, __ATOMIC_RELEASE);
        machine_release(rig->machine);
    }
    cr_assert(wait_bells(rig, other_bells + stops * cpus + 1), "rang %zu times of %llu",
              rig->bell_count, (unsigned long long)(other_bells + stops * cpus + 1));
    rig_destroy(rig);
}

BACKEND_TEST(one_cpu_is_stopped_and_released_10000_times)
{
    stop_and_release(accel, 1, 10000);
}

BACKEND_TEST(two_cpus_are_stopped_and_released_10000_times)
{
    stop_and_release(accel, 2, 10000);
}

BACKEND_TEST(a_held_cpu_leaves_when_the_machine_ends)
{
    struct rig *rig = rig_create(accel, "stop", 1);
    uint64_t start;

    *(uint64_t *)machine_memory_at(&rig->memory, STOPS_PHYS, 8) = 1;
    must(machine_start(rig->machine));
    cr_assert(wait_bells(rig, 1));
    start = clock_monotonic_ns();
    machine_stop(rig->machine);
    machine_stop(rig->machine);
    cr_assert_lt(clock_monotonic_ns() - start, 1000000000u);
    cr_assert_eq(bells_so_far(rig), 1);
    cr_assert(!rig->failed, "an ending that was asked for is no failure");
    rig_destroy(rig);
}

BACKEND_TEST(a_held_cpu_can_be_paused_and_released)
{
    struct rig *rig = rig_create(accel, "stop", 1);
    struct glass *glass =
        machine_memory_at(&rig->memory, rig->kernel.note.glass_phys, sizeof(*glass));
    struct machine_registers registers;

    *(uint64_t *)machine_memory_at(&rig->memory, STOPS_PHYS, 8) = 1;
    must(machine_start(rig->machine));
    cr_assert(wait_bells(rig, 1));
    must(machine_pause(rig->machine));
    must(machine_registers(rig->machine, 0, &registers));
    cr_assert_eq(registers.general[1], 1, "RBX holds the epoch");
    __atomic_store_n(&glass->control.resume_epoch, 1, __ATOMIC_RELEASE);
    machine_release(rig->machine);
    usleep(20000);
    cr_assert_eq(bells_so_far(rig), 1, "a paused CPU went on");
    must(machine_resume(rig->machine));
    cr_assert(wait_bells(rig, 2));
    cr_assert_eq(rig->bells[1], 'D');
    rig_destroy(rig);
}

BACKEND_TEST(a_triple_fault_is_reported_with_registers)
{
    struct rig *rig = rig_create(accel, "triple", 1);

    must(machine_start(rig->machine));
    cr_assert(wait_failure(rig), "no failure was reported");
    cr_assert_eq(rig->failure.kind, MACHINE_FAILED_TRIPLE_FAULT, "%s", rig->failure.text);
    cr_assert(rig->failure.has_registers);
    cr_assert_eq(rig->failure.registers.general[1], 0x1122334455667788);
    cr_assert_eq(rig->failure.registers.general[15], 0x5a5a5a5a);
    cr_assert_eq(rig->failure.registers.cs, 8);
    cr_assert_eq(rig->failure.registers.cr3, rig->kernel.note.page_tables);
    rig_destroy(rig);
}

BACKEND_TEST(a_spinning_cpu_can_be_paused_read_and_ended)
{
    struct rig *rig = rig_create(accel, "spin", 1);
    volatile uint64_t *counter = machine_memory_at(&rig->memory, COUNTER_PHYS, 8);
    struct machine_registers registers;
    struct vt_error *error;
    uint64_t before;

    must(machine_start(rig->machine));
    cr_assert(wait_bells(rig, 1));
    error = machine_registers(rig->machine, 7, &registers);
    cr_assert_eq(vt_error_code(error), VT_ERROR_ARGUMENT);
    vt_error_destroy(error);
    for (unsigned i = 0; i < 20; i++) {
        must(machine_pause(rig->machine));
        before = *counter;
        must(machine_registers(rig->machine, 0, &registers));
        cr_assert_eq(registers.general[1], 0x0123456789abcdef);
        usleep(2000);
        cr_assert_eq(*counter, before, "it ran while paused");
        must(machine_resume(rig->machine));
        for (unsigned wait = 0; *counter == before && wait < 5000; wait++)
            usleep(1000);
        cr_assert_neq(*counter, before, "it did not go on");
    }
    rig_destroy(rig);
}

BACKEND_TEST(the_exit_port_ends_the_machine)
{
    struct rig *rig = rig_create(accel, "leave", 1);

    must(machine_start(rig->machine));
    cr_assert(wait_failure(rig));
    cr_assert_eq(rig->failure.kind, MACHINE_FAILED_BACKEND_GONE);
    cr_assert(strstr(rig->failure.text, "value 5"), "%s", rig->failure.text);
    rig_destroy(rig);
}

BACKEND_TEST(machines_come_and_go)
{
    for (unsigned i = 0; i < 10; i++) {
        struct rig *rig = rig_create(accel, "spin", 1);

        if (i % 3)
            must(machine_start(rig->machine));
        if (i % 3 == 2)
            cr_assert(wait_bells(rig, 1));
        rig_destroy(rig);
    }
}

/* The contract of boot.h: what nobody wrote reads as zero, above the first MiB. */
BACKEND_TEST(untouched_memory_is_zero)
{
    struct rig *rig = rig_create(accel, "kick", 1);

    must(machine_start(rig->machine));
    cr_assert(wait_bells(rig, 1));
    machine_stop(rig->machine);
    for (uint64_t phys = BOOT_INFO_PHYS + 4096; phys < rig->memory.bytes; phys += 8) {
        if (phys == BOOT_KERNEL_PHYS)
            phys = (rig->kernel.note.memory_end + 4095) & ~4095ull;
        cr_assert_eq(*(uint64_t *)(rig->memory.base + phys), 0, "a trace at 0x%llx",
                     (unsigned long long)phys);
    }
    rig_destroy(rig);
}

Test(machine, icount_gives_the_guest_a_fixed_tsc, .timeout = 60)
{
    struct rig *rig;
    struct machine_config config = {.accel = VT_ACCEL_KVM, .cpus = 1, .icount = true};
    struct machine_events events = {on_doorbell, on_failure, NULL};
    struct vt_error *error;

    if (!backend_works(VT_ACCEL_QEMU))
        cr_skip("no QEMU here");
    rig = rig_create(VT_ACCEL_QEMU, "bell", 1);
    error = machine_create(&config, &rig->memory, &rig->kernel, rig->boot, &events, &rig->machine);
    cr_assert_eq(vt_error_code(error), VT_ERROR_ARGUMENT);
    vt_error_destroy(error);
    machine_destroy(rig->machine);
    config.accel = VT_ACCEL_QEMU;
    events.context = rig;
    must(machine_create(&config, &rig->memory, &rig->kernel, rig->boot, &events, &rig->machine));
    cr_assert_eq(rig->boot->tsc_khz, 1000000);
    must(machine_start(rig->machine));
    cr_assert(wait_bells(rig, BELL_RINGS), "%s", rig->failure.text);
    rig_destroy(rig);
}
