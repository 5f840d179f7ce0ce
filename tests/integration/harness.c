/*
 * tests/integration/harness.c - variants and the header every test program prints first.
 */
#include "tests/integration/harness.h"

#include <criterion/hooks.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONG_FACTOR 50

static struct variant variants[] = {
    {VT_ACCEL_QEMU, 1},
    {VT_ACCEL_QEMU, 2},
    {VT_ACCEL_KVM, 1},
    {VT_ACCEL_KVM, 2},
};

static struct variant variants_2[] = {{VT_ACCEL_QEMU, 2}, {VT_ACCEL_KVM, 2}};
static struct variant variants_1[] = {{VT_ACCEL_QEMU, 1}, {VT_ACCEL_KVM, 1}};

struct criterion_test_params variants_all(void)
{
    return cr_make_param_array(struct variant, variants, sizeof variants / sizeof *variants);
}

struct criterion_test_params variants_two_cpus(void)
{
    return cr_make_param_array(struct variant, variants_2, sizeof variants_2 / sizeof *variants_2);
}

struct criterion_test_params variants_one_cpu(void)
{
    return cr_make_param_array(struct variant, variants_1, sizeof variants_1 / sizeof *variants_1);
}

const struct vt_host *harness_host(void)
{
    static struct vt_host host;
    static bool probed;

    if (!probed) {
        struct vt_error *error = vt_host_probe(false, &host);

        if (error != NULL) {
            fprintf(stderr, "cannot probe this host: %s\n", vt_error_message(error));
            vt_error_destroy(error);
        }
        probed = true;
    }
    return &host;
}

/* Criterion prints its own lines later; what was tested on must come first. */
ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    const struct vt_host *host = harness_host();

    (void)tests;
    fprintf(stderr, "backends: qemu %s; kvm %s (verdict %s%s%s)\n",
            host->qemu_present ? host->qemu_version : "missing",
            host->kvm_usable ? "usable" : "not usable", vt_verdict_name(host->verdict),
            host->kvm_usable ? "" : ": ", host->kvm_usable ? "" : host->kvm_problem);
}

bool harness_is_slow(const struct variant *variant)
{
    return variant->accel == VT_ACCEL_KVM && harness_host()->verdict != VT_VERDICT_NATIVE;
}

bool harness_is_long(void)
{
    const char *value = getenv("VITRINE_TEST_LONG");

    return value != NULL && strcmp(value, "1") == 0;
}

unsigned harness_count(const struct variant *variant, unsigned count, unsigned divisor, bool grows)
{
    if (grows && harness_is_long())
        count *= LONG_FACTOR;
    if (harness_is_slow(variant))
        count /= divisor;
    return count > 0 ? count : 1;
}

void variant_require(const struct variant *variant)
{
    const struct vt_host *host = harness_host();
    const char *only = getenv("VITRINE_TEST_ACCEL");

    /* For work on one backend; skipped tests are counted, so this cannot pass as a full run. */
    if (only != NULL && strcmp(only, vt_accel_name(variant->accel)) != 0)
        cr_skip_test("VITRINE_TEST_ACCEL asks for %s only", only);
    if (variant->accel == VT_ACCEL_KVM && !host->kvm_usable)
        cr_skip_test("kvm: %s", host->kvm_problem);
    if (variant->accel == VT_ACCEL_QEMU && !host->qemu_present)
        cr_skip_test("qemu-system-x86_64 is not installed");
}

void require_ok(struct vt_error *error, const char *what)
{
    char message[1024];

    if (error == NULL)
        return;
    snprintf(message, sizeof message, "%s", vt_error_message(error));
    vt_error_destroy(error);
    cr_assert_fail("%s: %s", what, message);
}

const char *guest_program(const char *name)
{
    const char *directory = getenv("VITRINE_TEST_PROGRAMS");
    char path[PATH_MAX], *absolute;

    snprintf(path, sizeof path, "%s/%s", directory != NULL ? directory : "build/guest/tests", name);
    absolute = realpath(path, NULL); /* one per test process */
    cr_assert(absolute != NULL, "guest program %s is missing; run `make test`", path);
    return absolute;
}

char *fresh_path(char path[HARNESS_PATH])
{
    const char *directory = getenv("XDG_RUNTIME_DIR");
    static unsigned count;

    snprintf(path, HARNESS_PATH, "%.80s/test-%d-%u", directory != NULL ? directory : "/tmp",
             (int)getpid(), count++);
    return path;
}

uint64_t frames_in_use(struct vt_guest *guest)
{
    struct vt_frame *frames;
    size_t count;
    uint64_t used = 0;

    require_ok(vt_guest_frames(guest, &frames, &count), "vt_guest_frames");
    cr_assert(count > 0, "the kernel shows no frames");
    for (size_t i = 0; i < count; i++)
        used += frames[i].state == VT_FRAME_HEAD && frames[i].references > 0 &&
                strcmp(vt_frame_kind_name(frames[i].kind), "image") != 0;
    free(frames);
    return used;
}
