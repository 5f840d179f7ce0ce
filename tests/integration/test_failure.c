/*
 * tests/integration/test_failure.c - machines that fail: is the end told as what it was, with the
 * CPU's registers, and does the command end with status 125?
 *
 * The kernels are broken on purpose: two of tests/machine/kernel, and copies of the real one in
 * which the test has overwritten the beginning of a function with an undefined instruction.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/broken_kernel.h"
#include "tests/integration/command.h"
#include "tests/integration/gdb_client.h"
#include "tests/integration/harness.h"

#define RUN_MAX 24

/* What both test kernels load before they fail. */
#define MARK_RBX "rbx 1122334455667788"
#define MARK_R15 "r15 000000005a5a5a5a"

static struct command_result run_kernel(const struct variant *variant, const char *kernel,
                                        const char *const *more)
{
    const char *arguments[RUN_MAX] = {"run",     "--quiet",
                                      "--accel", vt_accel_name(variant->accel),
                                      "--cpus",  variant->cpus == 2 ? "2" : "1"};
    size_t count = 6;

    while (*more != NULL && count < RUN_MAX - 1)
        arguments[count++] = *more++;
    /* Criterion runs each test in a process of its own: nobody else sees this. */
    setenv("VITRINE_KERNEL", kernel, 1);
    return command_run(arguments, NULL, 0);
}

#define RUN_KERNEL(variant, kernel, ...)                                                           \
    run_kernel(variant, kernel, (const char *const[]){__VA_ARGS__, NULL})

static const char *test_kernel(const char *name, char path[PATH_MAX])
{
    const char *directory = getenv("VITRINE_TEST_KERNELS");

    snprintf(path, PATH_MAX, "%s/%s.elf", directory != NULL ? directory : "build/tests", name);
    cr_assert(access(path, R_OK) == 0, "test kernel %s is missing; run `make test`", path);
    return path;
}

static void expect_text(const char *report, const char *text)
{
    cr_assert(strstr(report, text) != NULL, "no \"%s\" in:\n%s", text, report);
}

/* Extended regular expression, matched against any one line. */
static void expect_line(const char *report, const char *expression)
{
    regex_t regex;

    cr_assert(regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB | REG_NEWLINE) == 0);
    cr_assert(regexec(&regex, report, 0, NULL, 0) == 0, "no line like \"%s\" in:\n%s", expression,
              report);
    regfree(&regex);
}

#define HEX16 "[0-9a-f]{16}"

/* Every register has a line of the report, whichever backend read it. */
static void expect_registers(const char *report)
{
    static const char *const names[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp",
                                        "rsp", "r8",  "r9",  "r10", "r11", "r12", "r13",
                                        "r14", "r15", "rip", "cr0", "cr2", "cr3", "cr4"};
    char expression[64];

    expect_line(report, "^registers:$");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(expression, sizeof expression, "(^|  ) ?%s " HEX16, names[i]);
        expect_line(report, expression);
    }
    expect_line(report, "  rflags [0-9a-f]{8}  cs [0-9a-f]{4}  ss [0-9a-f]{4}$");
}

/* ---- an exception that nobody can take ---- */

VARIANT_TEST_ONE_CPU(failure, triple_fault)
{
    char path[PATH_MAX];
    struct command_result result;

    variant_require(variant);
    result = RUN_KERNEL(variant, test_kernel("triple", path), "--", "/bin/true");
    cr_assert(result.status == 125, "status %d: %s", result.status, result.err);
    cr_assert(result.out_bytes == 0);
    cr_assert(strncmp(result.err, "vitrine: the guest's kernel met a triple fault (", 48) == 0,
              "%s", result.err);
    expect_registers(result.err);
    expect_text(result.err, MARK_RBX);
    expect_text(result.err, MARK_R15);
    expect_line(result.err, "^  #0 +" HEX16 " triple_fault_here\\+0$");
    command_free(&result);
}

/* ---- an instruction that KVM cannot carry out ---- */

Test(failure, kvm_internal_error)
{
    static const struct variant variant = {VT_ACCEL_KVM, 1};
    char path[PATH_MAX];
    struct command_result result;

    variant_require(&variant);
    result = RUN_KERNEL(&variant, test_kernel("internal", path), "--", "/bin/true");
    cr_assert(result.status == 125, "status %d: %s", result.status, result.err);
    cr_assert(strncmp(result.err, "vitrine: the backend cannot go on with the guest (kvm, CPU 0)",
                      61) == 0,
              "%s", result.err);
    expect_text(result.err, "KVM internal error 1: it cannot emulate an instruction");
    expect_registers(result.err);
    expect_text(result.err, MARK_RBX);
    expect_text(result.err, MARK_R15);
    expect_line(result.err, "^  #0 +" HEX16 " nobody_can_do_this\\+0$");
    command_free(&result);
}

/* ---- a panic of the real kernel ---- */

#define BROKEN     BROKEN_KERNEL_FUNCTION
#define MAKE_PANIC "--", "/bin/busybox", "sh", "-c", BROKEN_KERNEL_SCRIPT

VARIANT_TEST(failure, panic)
{
    char path[PATH_MAX];
    struct command_result result;

    variant_require(variant);
    broken_kernel_create(BROKEN, path);
    result = RUN_KERNEL(variant, path, MAKE_PANIC);
    unlink(path);
    cr_assert(result.status == 125, "status %d: %s", result.status, result.err);
    /* What the program wrote before is not lost. */
    cr_assert_str_eq(result.out, "before\n");
    expect_line(result.err, "^vitrine: the guest's kernel panicked: invalid opcode in the kernel$");
    expect_line(result.err,
                "^  CPU [01], task [0-9]+, exception 6 \\(invalid opcode\\), error code 0$");
    expect_registers(result.err);
    expect_line(result.err, "^backtrace:$");
    expect_line(result.err, "^  #0 +" HEX16 " " BROKEN "(\\.[a-z0-9_.]+)?\\+0x4$");
    /* The way there: what the system call does, and at the end the entry code, whichever it is. */
    expect_line(result.err, "^  #1 +" HEX16 " [a-z_]*rename[a-z0-9_.]*\\+0x[0-9a-f]+$");
    expect_line(result.err, "^  #[2-9] +" HEX16 " (syscall_entry|exception_common)\\+0x[0-9a-f]+$");
    command_free(&result);
}

/* Are the trace files whole, up to the event that the report names last? */
VARIANT_TEST_ONE_CPU(failure, panic_in_trace_files)
{
    const char *directory = getenv("XDG_RUNTIME_DIR"), *last = NULL;
    char path[PATH_MAX], dat[PATH_MAX], perfetto[PATH_MAX];
    struct command_result result;

    variant_require(variant);
    broken_kernel_create(BROKEN, path);
    snprintf(dat, sizeof dat, "%s/%d-panic.dat", directory != NULL ? directory : "/tmp",
             (int)getpid());
    snprintf(perfetto, sizeof perfetto, "%s/%d-panic.pftrace",
             directory != NULL ? directory : "/tmp", (int)getpid());
    result = RUN_KERNEL(variant, path, "--trace", dat, "--trace", perfetto, MAKE_PANIC);
    unlink(path);
    cr_assert(result.status == 125, "status %d: %s", result.status, result.err);
    expect_line(result.err, "^ +[0-9]+\\.[0-9]+ \\[0\\] mv/2 comm: is now called mv$");
    command_free(&result);

    result = TOOL("trace-cmd", "report", dat);
    cr_assert(result.status == 0 && result.err_bytes == 0, "%s", result.err);
    for (char *line = strtok(result.out, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (strstr(line, "task_rename:") != NULL)
            last = line;
    cr_assert(last != NULL && strstr(last, "pid=2 oldcomm=busybox newcomm=mv ") != NULL, "%s",
              last);
    command_free(&result);

    const char *const decode[] = {"--decode=perfetto.protos.Trace", "vmm/export/perfetto.proto",
                                  NULL};
    result = tool_run("protoc", decode, perfetto);
    cr_assert(result.status == 0 && strstr(result.out, "newcomm: \"mv\"") != NULL &&
                  strstr(result.out, "phase: END_OF_TRACE") != NULL,
              "%s", result.err);
    command_free(&result);
    unlink(dat);
    unlink(perfetto);
}

/* The same, with the events before it, and in the JSON file. */
VARIANT_TEST_ONE_CPU(failure, panic_in_json)
{
    const char *directory = getenv("XDG_RUNTIME_DIR"), *report;
    char path[PATH_MAX], target[PATH_MAX];
    struct command_result result;
    json_error_t problem;
    json_t *root;

    variant_require(variant);
    broken_kernel_create(BROKEN, path);
    snprintf(target, sizeof target, "%s/%d-panic.json", directory != NULL ? directory : "/tmp",
             (int)getpid());
    result = RUN_KERNEL(variant, path, "--json", target, MAKE_PANIC);
    unlink(path);
    cr_assert(result.status == 125, "status %d: %s", result.status, result.err);
    /* The command itself has read these events before: they must be there all the same. */
    expect_line(result.err, "^last 20 of [0-9]+ recorded events:$");
    expect_line(result.err, "^ +[0-9]+\\.[0-9]+ \\[0\\] mv/2 comm: is now called mv$");
    root = json_load_file(target, 0, &problem);
    cr_assert(root != NULL, "line %d: %s", problem.line, problem.text);
    cr_assert_str_eq(json_string_value(json_object_get(root, "outcome")), "failed");
    cr_assert(json_integer_value(json_object_get(root, "exit_status")) == 125);
    report = json_string_value(json_object_get(root, "report"));
    cr_assert(report != NULL, "no report in the JSON file");
    expect_line(report, "^the guest's kernel panicked: invalid opcode in the kernel$");
    expect_line(report, "^  #0 +" HEX16 " " BROKEN);
    json_decref(root);
    unlink(target);
    command_free(&result);
}

/* Does --core leave a file in which gdb shows the panic where it happened, and ps the task? */
VARIANT_TEST(failure, core_file)
{
    const char *directory = getenv("XDG_RUNTIME_DIR");
    char path[PATH_MAX], core[PATH_MAX], core_command[PATH_MAX + 16];
    struct command_result result;

    variant_require(variant);
    if (access("/usr/bin/gdb", X_OK) != 0)
        cr_skip_test("gdb is not installed");
    broken_kernel_create(BROKEN, path);
    snprintf(core, sizeof core, "%s/%d.core", directory != NULL ? directory : "/tmp",
             (int)getpid());
    snprintf(core_command, sizeof core_command, "core-file %s", core);
    result = RUN_KERNEL(variant, path, "--core", core, MAKE_PANIC);
    unlink(path);
    cr_assert(result.status == 125, "status %d: %s", result.status, result.err);
    expect_line(result.err, "^core file: /");
    command_free(&result);
    char *text = GDB(NULL, NULL, core_command, "bt", "printf \"said %s\\n\", glass.panic.message");
    GDB_EXPECT(text, BROKEN, "rename", "said invalid opcode in the kernel");
    free(text);
    result = COMMAND("ps", "--core", core);
    cr_assert(result.status == 0 && strstr(result.out, " mv "), "%s%s", result.out, result.err);
    command_free(&result);
    unlink(core);
}
