/*
 * tests/integration/test_audit.c - the auditor as its users meet it: `vitrine audit` on a machine
 * that keeps its promises and on one that does not, what a look costs, and that nothing of the
 * planted bugs is in a release kernel. What the promises catch: test_mutants.c.
 */
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/harness.h"

#define PROCESSES  100
#define LOOKS      5
#define LIMIT_NS   50000000u /* for a look at so many processes */
#define BROKEN     125       /* exit status: a promise is broken */
#define NAME_BYTES 64

static const char *debug_kernel(void)
{
    const char *path = getenv("VITRINE_DEBUG_KERNEL");

    return path != NULL ? path : "build/vitrine-kernel-debug";
}

/* A shell with so many sleeping children, which waits for its input to end. */
static struct session *start_sleepers(const struct variant *variant, unsigned count,
                                      const char *name, const char *kernel, const char *options)
{
    char script[160];

    snprintf(script, sizeof script,
             "i=0; while [ $i -lt %u ]; do sleep 1000 & i=$((i+1)); done; echo there; read line",
             count);
    const char *arguments[] = {"/bin/busybox", "sh", "-c", script, NULL};
    struct session_settings settings = {.arguments = arguments,
                                        .keep_input_open = true,
                                        .name = name,
                                        .kernel = kernel,
                                        .kernel_options = options,
                                        .unaudited = options != NULL};
    struct session *session = session_start(variant, &settings);
    session_expect(session, "there");
    return session;
}

static const char *name_of(const struct variant *variant, const char *what, char name[NAME_BYTES])
{
    snprintf(name, NAME_BYTES, "audit-%s-%s-%u", what, vt_accel_name(variant->accel),
             variant->cpus);
    return name;
}

/* The violations that `vitrine audit --json` tells of, which must be readable JSON. */
static size_t json_violations(const struct command_result *result, char *first, size_t bytes)
{
    json_error_t error;
    json_t *root = json_loads(result->out, 0, &error);
    cr_assert(root != NULL, "no JSON: %s\n%s", error.text, result->out);
    json_t *violations = json_object_get(root, "violations");
    cr_assert(json_is_array(violations), "no violations in %s", result->out);
    size_t count = json_array_size(violations);
    const char *invariant =
        json_string_value(json_object_get(json_array_get(violations, 0), "invariant"));
    snprintf(first, bytes, "%s", invariant != NULL ? invariant : "");
    json_decref(root);
    return count;
}

/* Does `vitrine audit` say of a machine that keeps its promises that it does, in words, in JSON and
 * by its exit status? */
VARIANT_TEST(audit, a_machine_that_keeps_its_promises)
{
    char name[NAME_BYTES], first[32];

    variant_require(variant);
    struct session *session =
        start_sleepers(variant, 4, name_of(variant, "clean", name), NULL, NULL);
    struct command_result text = COMMAND("audit", name);
    struct command_result json = COMMAND("audit", "--json", name);
    cr_assert(text.status == 0, "status %d: %s%s", text.status, text.out, text.err);
    cr_assert(strstr(text.out, "0 violations") != NULL && strstr(text.out, "frames") != NULL,
              "the report says: %s", text.out);
    cr_assert(json.status == 0, "status %d: %s", json.status, json.err);
    cr_assert(json_violations(&json, first, sizeof first) == 0, "found: %s", json.out);
    command_free(&text);
    command_free(&json);
    session_destroy(session);
}

/* And of one that does not: which promise, where, and a status that a script notices? */
VARIANT_TEST(audit, a_machine_that_breaks_a_promise)
{
    char name[NAME_BYTES], first[32];

    variant_require(variant);
    struct session *session = start_sleepers(variant, 1, name_of(variant, "broken", name),
                                             debug_kernel(), "mutant=KERNEL_STACK_UNGUARDED");
    struct command_result text = COMMAND("audit", name);
    struct command_result json = COMMAND("audit", "--json", name);
    cr_assert(text.status == BROKEN, "status %d: %s%s", text.status, text.out, text.err);
    cr_assert(strstr(text.out, "stacks") != NULL && strstr(text.out, "below the kernel stack"),
              "the report says: %s", text.out);
    cr_assert(json.status == BROKEN, "status %d: %s", json.status, json.err);
    cr_assert(json_violations(&json, first, sizeof first) > 0, "nothing found: %s", json.out);
    cr_assert_str_eq(first, "stacks");
    command_free(&text);
    command_free(&json);
    session_destroy(session);
}

/* With VITRINE_AUDIT=at-end, does a machine that the command starts end with the news of a broken
 * promise, and one that keeps its promises as if nothing had been asked? No option plants a bug: the
 * machine goes on from a snapshot of one that has it. */
VARIANT_TEST_ONE_CPU(audit, the_environment_asks_for_a_last_look)
{
    char name[NAME_BYTES], path[HARNESS_PATH];

    variant_require(variant);
    setenv("VITRINE_AUDIT", "at-end", 1);
    struct session *session = start_sleepers(variant, 1, name_of(variant, "last", name),
                                             debug_kernel(), "mutant=KERNEL_STACK_UNGUARDED");
    struct command_result saved = COMMAND("snapshot", name, fresh_path(path));
    session_destroy(session);
    cr_assert(saved.status == 0, "%s", saved.err);
    struct command_result broken = COMMAND("restore", "--quiet", path);
    struct command_result whole =
        COMMAND("run", "--quiet", "--accel", vt_accel_name(variant->accel), "--", "/bin/true");
    unlink(path);
    cr_assert(broken.status == BROKEN, "status %d: %s%s", broken.status, broken.out, broken.err);
    cr_assert(strstr(broken.err, "below the kernel stack"), "it says: %s", broken.err);
    cr_assert(whole.status == 0, "status %d: %s", whole.status, whole.err);
    cr_assert_str_eq(whole.err, "");
    command_free(&saved);
    command_free(&broken);
    command_free(&whole);
}

/* Is a whole look at a hundred processes over in 50 ms? */
VARIANT_TEST_TWO_CPUS(audit, a_look_at_a_hundred_processes)
{
    struct vt_audit *audit;
    uint64_t best = UINT64_MAX;
    unsigned settled = 0;

    variant_require(variant);
    struct session *session = start_sleepers(variant, PROCESSES, NULL, NULL, NULL);
    require_ok(vt_audit_create(session_guest(session), NULL, &audit), "vt_audit_create");
    for (unsigned i = 0; i < LOOKS; i++) {
        bool at_rest;

        require_ok(vt_audit_check_now(audit, 5000, &at_rest), "vt_audit_check_now");
        settled += at_rest;
        if (at_rest && vt_audit_numbers(audit).last_check_ns < best)
            best = vt_audit_numbers(audit).last_check_ns;
    }
    const struct vt_violation *violations;
    cr_assert(vt_audit_violations(audit, &violations) == 0, "%s", violations[0].message);
    cr_assert(settled > 0, "the world was never at rest");
    fprintf(stderr, "a look at %u processes: %.1f ms\n", PROCESSES, (double)best / 1e6);
    cr_assert(best <= LIMIT_NS, "a look took %.1f ms", (double)best / 1e6);
    vt_audit_destroy(audit);
    session_destroy(session);
}

/* One run to its end, with programs at work on the other CPU; what of the last look went unjudged,
 * and of how much. */
static void add_last_look(const struct variant *variant, uint64_t *judged, uint64_t *unsettled)
{
    static const char script[] = "yes > /dev/null & "
                                 "while :; do echo; done | cat > /dev/null & "
                                 "sleep 100 & "
                                 "i=0; while [ $i -lt 4 ]; do i=$((i+1)); /bin/true; done; exit 0";
    const char *arguments[] = {"/bin/busybox", "sh", "-c", script, NULL};
    const struct session_settings settings = {.arguments = arguments, .unaudited = true};
    const struct vt_audit_invariant *invariants;
    const struct vt_violation *violations;
    struct vt_audit *audit;

    struct session *session = session_start(variant, &settings);
    session_wait_exit(session, 0);
    require_ok(vt_audit_create(session_guest(session), NULL, &audit), "vt_audit_create");
    require_ok(vt_audit_check(audit, NULL), "vt_audit_check");
    cr_assert(vt_audit_violations(audit, &violations) == 0, "%s: %s", violations[0].invariant,
              violations[0].message);
    size_t count = vt_audit_invariants(audit, &invariants);
    for (size_t i = 0; i < count; i++) {
        *judged += invariants[i].checked;
        *unsettled += invariants[i].unsettled;
    }
    vt_audit_destroy(audit);
    session_destroy(session);
}

/* Can nearly everything be judged when a machine has ended, although its other CPU was in the
 * middle of something? */
VARIANT_TEST_TWO_CPUS(audit, little_stays_unsettled_at_the_end)
{
    uint64_t judged = 0, unsettled = 0;

    variant_require(variant);
    for (unsigned i = harness_count(variant, 10, 10, false); i > 0; i--)
        add_last_look(variant, &judged, &unsettled);
    fprintf(stderr, "%llu judged, %llu unsettled\n", (unsigned long long)judged,
            (unsigned long long)unsettled);
    cr_assert(unsettled * 10 <= judged, "%llu of %llu promises stayed unsettled",
              (unsigned long long)unsettled, (unsigned long long)(judged + unsettled));
}

/* ---- release kernels ---- */

static char *read_whole(const char *path, size_t *ret_bytes)
{
    FILE *file = fopen(path, "rb");
    cr_assert(file != NULL, "cannot read %s", path);
    cr_assert(fseek(file, 0, SEEK_END) == 0);
    *ret_bytes = (size_t)ftell(file);
    rewind(file);
    char *data = malloc(*ret_bytes);
    cr_assert(data != NULL && fread(data, 1, *ret_bytes, file) == *ret_bytes);
    fclose(file);
    return data;
}

/* Names of planted bugs, and of what plants them, that the file holds anywhere: in its code's
 * strings, its symbols, its debug information. */
static unsigned traces_of_mutants(const char *path, const char **ret_one)
{
    static const char *const names[] = {
#define M(name, by, load, what) #name,
#include "shared/mutants.def"
#undef M
        "mutant_planted",
        "mutant_active",
        "mutant_turn",
        "audit_on",
    };
    size_t bytes;
    char *data = read_whole(path, &bytes);
    unsigned count = 0;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (memmem(data, bytes, names[i], strlen(names[i])) != NULL) {
            *ret_one = names[i];
            count++;
        }
    free(data);
    return count;
}

/* Is there really nothing of the planted bugs in the kernel that people run? The debug kernel shows
 * that they would be found. */
Test(audit, a_release_kernel_has_no_mutants)
{
    const char *debug = debug_kernel(), *one = NULL;
    char release[PATH_MAX];
    size_t length = strlen(debug) - strlen("-debug");

    cr_assert(strcmp(debug + length, "-debug") == 0, "%s is no debug kernel", debug);
    snprintf(release, sizeof release, "%.*s", (int)length, debug);
    unsigned found = traces_of_mutants(release, &one);
    cr_assert(found == 0, "%s has traces of %u mutants, of %s for one", release, found, one);
    cr_assert(traces_of_mutants(debug, &one) > 50, "%s shows no traces either", debug);
}
