/*
 * tests/machine/test_state.c - the state of processors as bytes that come from anywhere: a machine
 * takes them or says why not, and can be destroyed in either case.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "shared/glass.h"
#include "vmm/machine/machine.h"

#define CPUS        2u
#define HEAD_BYTES  16u /* of KVM's form: what it is and how large */
#define KVM_ROUNDS  300
#define QEMU_ROUNDS 4

struct rig {
    struct machine_memory memory;
    struct machine_kernel kernel;
    struct machine *machine;
};

static void on_doorbell(void *context, int cpu, uint8_t code)
{
    (void)context;
    (void)cpu;
    (void)code;
}

static void on_failure(void *context, const struct machine_failure *failure)
{
    (void)context;
    (void)failure;
}

static void must(struct vt_error *error)
{
    cr_assert(!error, "%s", error ? vt_error_message(error) : "");
}

static void create(enum vt_accel accel, struct rig *rig)
{
    const struct machine_config config = {
        .accel = accel, .cpus = CPUS, .restores = true, .diagnostics_fd = -1};
    const struct machine_events events = {on_doorbell, on_failure, NULL};

    *rig = (struct rig){.kernel.path = ""};
    must(machine_memory_init(&rig->memory, 32ull << 20));
    rig->kernel.note.glass_phys = 4ull << 20;
    must(machine_create(&config, &rig->memory, &rig->kernel,
                        machine_memory_at(&rig->memory, BOOT_INFO_PHYS, 4096), &events,
                        &rig->machine));
}

static void destroy(struct rig *rig)
{
    machine_destroy(rig->machine);
    machine_memory_deinit(&rig->memory);
}

/* True if it was taken. */
static bool load(enum vt_accel accel, const void *bytes, size_t size)
{
    struct machine_state state = {.bytes = (uint8_t *)bytes, .size = size};
    struct rig rig;

    create(accel, &rig);
    struct vt_error *error = machine_load(rig.machine, &state);
    if (error)
        cr_assert(
            (vt_error_code(error) == VT_ERROR_FORMAT || vt_error_code(error) == VT_ERROR_BACKEND) &&
                strlen(vt_error_message(error)) > 40,
            "error %d: %s", (int)vt_error_code(error), vt_error_message(error));
    bool taken = !error;
    vt_error_destroy(error);
    destroy(&rig);
    return taken;
}

static bool works(enum vt_accel accel)
{
    struct vt_host host;

    must(vt_host_probe(false, &host));
    return accel == VT_ACCEL_KVM ? host.kvm_usable : host.qemu_present;
}

static void randomize(uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random();
}

/* Bytes of no sense, of any length: refused? */
Test(state, garbage)
{
    /* What a stream of QEMU's begins with: its format's version is a big-endian 3. */
    static const uint8_t head[] = {'Q', 'E', 'V', 'M', 0, 0, 0, 3};
    static uint8_t bytes[100000];

    srandom(11);
    randomize(bytes, sizeof(bytes));
    for (enum vt_accel accel = VT_ACCEL_KVM; accel <= VT_ACCEL_QEMU; accel++) {
        const size_t sizes[] = {0, HEAD_BYTES - 1, HEAD_BYTES, sizeof(bytes)};

        if (!works(accel))
            continue;
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            cr_assert(!load(accel, bytes, sizes[i]), "%s takes %zu random bytes",
                      vt_accel_name(accel), sizes[i]);
    }
    memcpy(bytes, head, sizeof(head));
    for (unsigned i = 0; i < QEMU_ROUNDS && works(VT_ACCEL_QEMU); i++) {
        randomize(bytes + sizeof(head), 1000);
        cr_assert(!load(VT_ACCEL_QEMU, bytes, sizeof(bytes)), "QEMU takes a random stream");
    }
}

/* A state of KVM's with the right head and nonsense in it, more or less of it: an error, or KVM
 * takes the values; never a crash. */
Test(state, kvm_nonsense)
{
    struct machine_state state;
    struct rig rig;
    unsigned refused = 0;

    if (!works(VT_ACCEL_KVM))
        cr_skip_test("no usable /dev/kvm");
    create(VT_ACCEL_KVM, &rig);
    must(machine_save(rig.machine, &state)); /* two CPUs that were never started */
    destroy(&rig);
    cr_assert(state.size > HEAD_BYTES);
    cr_assert(!load(VT_ACCEL_KVM, state.bytes, state.size), "it takes a machine without a CPU");
    cr_assert(!load(VT_ACCEL_KVM, state.bytes, state.size - 1));
    uint8_t *bytes = malloc(state.size);
    cr_assert(bytes);
    srandom(13);
    for (unsigned round = 0; round < KVM_ROUNDS; round++) {
        const uint32_t one = 1;

        memcpy(bytes, state.bytes, state.size);
        if (round % 3 == 0)
            randomize(bytes + HEAD_BYTES, state.size - HEAD_BYTES);
        else
            for (unsigned changes = 1u << round % 10; changes > 0; changes--)
                bytes[HEAD_BYTES + (size_t)random() % (state.size - HEAD_BYTES)] =
                    (uint8_t)random();
        memcpy(bytes + HEAD_BYTES, &one, sizeof(one)); /* the first CPU was started */
        refused += !load(VT_ACCEL_KVM, bytes, state.size);
    }
    cr_assert(refused > KVM_ROUNDS / 4, "only %u of %u were refused", refused, KVM_ROUNDS);
    free(bytes);
    free(state.bytes);
}
