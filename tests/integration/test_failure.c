/*
 * tests/integration/test_failure.c - machines that fail: is the end told as what it was, with the
 * CPU's registers, and does the command end with status 125?
 *
 * The kernels are broken on purpose: two of tests/machine/kernel, and copies of the real one in
 * which the test has overwritten the beginning of a function with an undefined instruction.
 */
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/command.h"
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

/* LTO may give a local function's name an ending: "name.lto_priv.0". */
static bool is_called(const char *symbol, const char *name)
{
    size_t length = strlen(name);

    return strncmp(symbol, name, length) == 0 && (symbol[length] == '\0' || symbol[length] == '.');
}

static uint64_t symbol_address(Elf *elf, const char *name)
{
    Elf_Scn *section = NULL;

    while ((section = elf_nextscn(elf, section)) != NULL) {
        Elf_Data *data = elf_getdata(section, NULL);
        GElf_Shdr header;
        GElf_Sym symbol;

        if (gelf_getshdr(section, &header) == NULL || header.sh_type != SHT_SYMTAB || data == NULL)
            continue;
        for (size_t i = 0; i < header.sh_size / header.sh_entsize; i++)
            if (gelf_getsym(data, (int)i, &symbol) != NULL &&
                GELF_ST_TYPE(symbol.st_info) == STT_FUNC &&
                is_called(elf_strptr(elf, header.sh_link, symbol.st_name), name))
                return symbol.st_value;
    }
    cr_assert_fail("the kernel has no function %s: let this test break another one", name);
    return 0;
}

static off_t file_offset(Elf *elf, uint64_t address)
{
    size_t count;

    cr_assert(elf_getphdrnum(elf, &count) == 0);
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr segment;

        if (gelf_getphdr(elf, (int)i, &segment) != NULL && segment.p_type == PT_LOAD &&
            address - segment.p_vaddr < segment.p_filesz)
            return (off_t)(segment.p_offset + (address - segment.p_vaddr));
    }
    cr_assert_fail("address %#" PRIx64 " is in no segment of the kernel", address);
    return 0;
}

static void copy_file(const char *from, int to)
{
    FILE *source = fopen(from, "r");
    char block[65536];
    size_t got;

    cr_assert(source != NULL, "cannot read %s", from);
    while ((got = fread(block, 1, sizeof block, source)) > 0)
        cr_assert(write(to, block, got) == (ssize_t)got);
    fclose(source);
}

/* The kernel that the other tests run: beside the command. */
static void real_kernel(char path[PATH_MAX])
{
    const char *command = getenv("VITRINE_COMMAND");
    char directory[PATH_MAX - 32];
    char *slash;

    snprintf(directory, sizeof directory, "%s", command != NULL ? command : "build/vitrine");
    slash = strrchr(directory, '/');
    cr_assert(slash != NULL);
    *slash = '\0';
    snprintf(path, PATH_MAX, "%s/vitrine-kernel", directory);
}

/*
 * Makes a copy of the kernel in which `function` begins with `ud2`, after the two instructions that
 * set up its frame: its callers are in the chain of frame pointers then. Unlinked by the caller.
 */
static void break_kernel(const char *function, char path[PATH_MAX])
{
    static const uint8_t frame_setup[] = {0x55, 0x48, 0x89, 0xe5}, undefined[] = {0x0f, 0x0b};
    const char *directory = getenv("XDG_RUNTIME_DIR");
    char original[PATH_MAX];
    uint8_t head[sizeof frame_setup];
    int fd;

    real_kernel(original);
    snprintf(path, PATH_MAX, "%s/broken-kernel-XXXXXX", directory != NULL ? directory : "/tmp");
    fd = mkstemp(path);
    cr_assert(fd >= 0, "cannot make %s", path);
    copy_file(original, fd);
    elf_version(EV_CURRENT);
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    cr_assert(elf != NULL, "%s", elf_errmsg(-1));
    off_t at = file_offset(elf, symbol_address(elf, function));
    elf_end(elf);
    cr_assert(pread(fd, head, sizeof head, at) == sizeof head);
    if (memcmp(head, frame_setup, sizeof head) == 0)
        at += sizeof head;
    cr_assert(pwrite(fd, undefined, sizeof undefined, at) == sizeof undefined);
    close(fd);
}

/* `mv` reaches this through a pointer: no compiler can have merged it with its callers. */
#define BROKEN       "directory_rename"
#define MAKE_PANIC   "--", "/bin/busybox", "sh", "-c", "echo before; touch /tmp/a; mv /tmp/a /tmp/b"

VARIANT_TEST(failure, panic)
{
    char path[PATH_MAX];
    struct command_result result;

    variant_require(variant);
    break_kernel(BROKEN, path);
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

/* The same, with the events before it, and in the JSON file. */
VARIANT_TEST_ONE_CPU(failure, panic_in_json)
{
    const char *directory = getenv("XDG_RUNTIME_DIR"), *report;
    char path[PATH_MAX], target[PATH_MAX];
    struct command_result result;
    json_error_t problem;
    json_t *root;

    variant_require(variant);
    break_kernel(BROKEN, path);
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
