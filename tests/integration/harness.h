/*
 * tests/integration/harness.h - one machine per test, driven and judged from outside.
 *
 * A test is written once and runs over every variant (backend x CPUs). A variant that this host
 * cannot run is skipped with its reason, and counted. Every wait has a deadline of its own: a hung
 * guest is a failed test with the machine's report, never a hung test run.
 *
 * Threads: a session has two reader threads (stdout, stderr) and one writer thread (stdin); its
 * functions are called by the test's thread only.
 */
#ifndef TESTS_INTEGRATION_HARNESS_H
#define TESTS_INTEGRATION_HARNESS_H

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/include/vitrine.h"

struct variant {
    enum vt_accel accel;
    unsigned cpus;
};

/* The four variants, for every test of `suite_name, test_name`. */
struct criterion_test_params variants_all(void);
struct criterion_test_params variants_two_cpus(void); /* only those with 2 CPUs */
struct criterion_test_params variants_one_cpu(void);

#define VARIANT_TEST(suite_name, test_name)                                                        \
    ParameterizedTestParameters(suite_name, test_name)                                             \
    {                                                                                              \
        return variants_all();                                                                     \
    }                                                                                              \
    ParameterizedTest(struct variant *variant, suite_name, test_name)
#define VARIANT_TEST_TWO_CPUS(suite_name, test_name)                                               \
    ParameterizedTestParameters(suite_name, test_name)                                             \
    {                                                                                              \
        return variants_two_cpus();                                                                \
    }                                                                                              \
    ParameterizedTest(struct variant *variant, suite_name, test_name)
#define VARIANT_TEST_ONE_CPU(suite_name, test_name)                                                \
    ParameterizedTestParameters(suite_name, test_name)                                             \
    {                                                                                              \
        return variants_one_cpu();                                                                 \
    }                                                                                              \
    ParameterizedTest(struct variant *variant, suite_name, test_name)

/* Skips the running test, with the reason, if this host cannot run the variant. First line of every
 * test. */
void variant_require(const struct variant *variant);
/* The probe's result, taken once. */
const struct vt_host *harness_host(void);
/*
 * `count` on fast variants; divided by `divisor` where kernel instructions are interpreted (soft
 * KVM), and multiplied by 50 in the long run (VITRINE_TEST_LONG=1) if `grows`.
 */
unsigned harness_count(const struct variant *variant, unsigned count, unsigned divisor, bool grows);
bool harness_is_slow(const struct variant *variant); /* soft KVM */
bool harness_is_long(void);

/* Fails the test with the error's message. Frees the error. */
void require_ok(struct vt_error *error, const char *what);

/* Absolute host path of tests/guest's program `name`; static buffer per name, never freed. */
const char *guest_program(const char *name);

/* A name for a file that nobody else has, in this test's own directory; unlink() it. */
#define HARNESS_PATH 128
char *fresh_path(char path[HARNESS_PATH]);

/*
 * Frames that somebody holds, those of the image apart (they are always there), counted from the
 * frame table itself; the kernel's own counter may lag behind its per-CPU caches. Exact only while
 * no task runs but those that wait for the test.
 */
uint64_t frames_in_use(struct vt_guest *guest);

/* ---- sessions ---- */

struct session;

struct session_settings {
    const char *const *arguments;   /* NULL-terminated */
    const char *const *environment; /* NULL = default */
    const char *rootfs;             /* NULL = default root */
    const void *input;              /* stdin's first bytes */
    size_t input_bytes;
    bool keep_input_open; /* session_send() follows; otherwise EOF after `input` */
    bool trace, trace_syscalls, trace_lossless;
    bool hold_at_start;
    bool no_aslr;
    bool icount;
    unsigned trace_ring_records;
    uint64_t memory_bytes;
    const char *kernel;         /* NULL = the usual one */
    const char *kernel_options; /* NULL = none */
    const char *name;
    /* Every machine is audited when it has ended; in the long run, and with VITRINE_TEST_AUDIT=all,
     * at every line that the test waits for, too, which stops the world (VITRINE_TEST_AUDIT=no: not
     * at all). */
    bool unaudited; /* never: the test plants bugs */
    bool unstopped; /* only at the end: the test stops the world itself, or a stop would change what
                       it counts; implied by hold_at_start and icount */
    unsigned seconds; /* deadline of every wait in this session; 0 = 60 (soft KVM: 180) */
};

/* Starts the machine; on any error the test fails. */
struct session *session_start(const struct variant *variant,
                              const struct session_settings *settings);
/* The usual case: this program of tests/guest with these arguments (NULL-terminated), trace on and
 * lossless. */
struct session *session_start_program(const struct variant *variant, const char *program, ...)
    __attribute__((sentinel));

/* A machine that goes on from a snapshot, or from where another one is: made, and not started
 * before session_launch(). Its input stays open. */
struct session *session_restore(const struct variant *variant, const char *path);
struct session *session_fork(const struct variant *variant, struct session *from);
void session_launch(struct session *session);
/* As settings.unstopped, for a session that is there already. */
void session_stops_itself(struct session *session);

struct vt_machine *session_machine(struct session *session);
struct vt_guest *session_guest(struct session *session);
int session_timeout_ms(const struct session *session);

/*
 * Waits for the next unread line on stdout that starts with `prefix`; earlier other lines are
 * passed over. Returns the rest of the line, valid until the next call. Fails the test at the
 * deadline or at the end of output.
 */
const char *session_expect(struct session *session, const char *prefix);
void session_send(struct session *session, const char *text);
void session_close_input(struct session *session);

/* The same, but a program that never prints it, or has ended, is no failure: NULL. */
const char *session_await(struct session *session, const char *prefix, unsigned seconds);

/* Waits for the end of the machine and of all output. A FAILED end fails the test, with the report.
 */
struct vt_outcome session_wait(struct session *session);
/* The same, and the program must have exited with `status`. */
void session_wait_exit(struct session *session, int status);
/* Everything written so far; NUL-terminated after `ret_bytes` bytes. Owned by the session. */
const char *session_stdout(struct session *session, size_t *ret_bytes);
const char *session_stderr(struct session *session, size_t *ret_bytes);
/* Kills what still runs, frees everything. */
void session_destroy(struct session *session);

#endif
