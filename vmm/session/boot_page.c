/*
 * vmm/session/boot_page.c - the boot page, its strings, and where image and host file lie in guest
 * memory.
 *
 * They lie near the top of the memory: what is below, from the kernel's end on, stays one piece for
 * the kernel's early allocations. The last MiBs are left alone because firmware (QEMU) uses the top
 * of the memory for itself.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/session/boot_page.h"
#include "vmm/session/token_text.h"

#define PAGE         4096ull
#define ALIGNMENT    (2ull << 20)
#define TOP_MARGIN   (2ull << 20)
#define KERNEL_NEEDS (16ull << 20) /* for tables, stacks and a first program */

static uint64_t round_up(uint64_t value, uint64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

const char *const *boot_default_environment(void)
{
    static char term[64] = "TERM=linux";
    static const char *const environment[] = {"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/root",
                                              term, NULL};
    const char *host_term = getenv("TERM");

    if (host_term && *host_term && strlen(host_term) < sizeof(term) - 6)
        snprintf(term, sizeof(term), "TERM=%s", host_term);
    return environment;
}

/* ---- placing ---- */

static struct vt_error *find_place(const struct machine_memory *memory,
                                   const struct machine_kernel *kernel, uint64_t bytes,
                                   uint64_t *ret_phys)
{
    for (unsigned i = 0; i < BOOT_RAM_RANGES_MAX; i++) {
        const struct boot_range *range = &memory->ram[i];
        uint64_t end = range->phys + range->bytes;
        uint64_t low = range->phys;

        if (low < kernel->note.memory_end + KERNEL_NEEDS)
            low = kernel->note.memory_end + KERNEL_NEEDS;
        if (end < TOP_MARGIN + bytes || end - TOP_MARGIN - bytes < low)
            continue;
        uint64_t start = (end - TOP_MARGIN - bytes) / ALIGNMENT * ALIGNMENT;
        if (start < low)
            continue;
        *ret_phys = start;
        return NULL;
    }
    uint64_t needed =
        round_up(kernel->note.memory_end + KERNEL_NEEDS + bytes + TOP_MARGIN + ALIGNMENT, 1 << 20);
    return vt_error_create(
        VT_ERROR_MEMORY,
        "%lu MiB of memory are too little for this root and program: give at least %lu MiB "
        "(--mem %luM)",
        (unsigned long)(memory->bytes >> 20), (unsigned long)(needed >> 20),
        (unsigned long)(needed >> 20));
}

/* Through the descriptor, not through our mapping: that spares us a page fault per page. */
static struct vt_error *copy_in(const struct machine_memory *memory, uint64_t phys,
                                const void *data, uint64_t bytes)
{
    const uint8_t *at = data;
    const uint8_t *to = machine_memory_at(memory, phys, bytes);

    if (!to)
        return vt_error_create(VT_ERROR_MEMORY, "no guest memory at %#lx", (unsigned long)phys);
    off_t offset = to - memory->base;
    while (bytes > 0) {
        ssize_t done = pwrite(memory->fd, at, bytes, offset);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return vt_error_system(done < 0 ? errno : EIO,
                                   "cannot copy the root image into guest memory");
        at += done;
        offset += done;
        bytes -= (uint64_t)done;
    }
    return NULL;
}

static struct vt_error *read_in(const struct machine_memory *memory, uint64_t phys,
                                const struct program *program)
{
    uint8_t *to = machine_memory_at(memory, phys, program->host_bytes ? program->host_bytes : 1);
    uint64_t total = 0;

    if (!to)
        return vt_error_create(VT_ERROR_MEMORY, "no guest memory at %#lx", (unsigned long)phys);
    while (total < program->host_bytes) {
        ssize_t got =
            pread(program->host_fd, to + total, program->host_bytes - total, (off_t)total);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return vt_error_system(errno, "cannot read the program '%s'", program->path);
        if (got == 0)
            return vt_error_create(VT_ERROR_SYSTEM,
                                   "the program '%s' became shorter while it was read",
                                   program->path);
        total += (uint64_t)got;
    }
    return NULL;
}

/* ---- strings ---- */

struct strings {
    char *base;
    uint32_t used;
    bool full;
};

static uint32_t add_string(struct strings *strings, const char *text)
{
    size_t bytes = strlen(text) + 1;
    uint32_t offset = strings->used;

    if (bytes > BOOT_STRINGS_MAX - strings->used) {
        strings->full = true;
        return 0;
    }
    memcpy(strings->base + offset, text, bytes);
    strings->used += (uint32_t)bytes;
    return offset;
}

static uint32_t add_list(struct strings *strings, const char *const *list, uint32_t *ret_count)
{
    uint32_t first = strings->used, count = 0;

    for (; list[count]; count++)
        add_string(strings, list[count]);
    *ret_count = count;
    return count ? first : 0;
}

bool boot_terminal_is_raw(const struct vt_options *options)
{
    return options->raw_terminal && isatty(options->stdin_fd) && isatty(options->stdout_fd) &&
           tcgetpgrp(options->stdin_fd) >= 0;
}

static uint32_t flags_of(const struct vt_options *options)
{
    uint32_t flags = 0;

    if (options->trace)
        flags |= BOOT_FLAG_TRACE;
    if (options->trace_lossless)
        flags |= BOOT_FLAG_TRACE_LOSSLESS;
    if (options->trace_syscalls)
        flags |= BOOT_FLAG_TRACE_SYSCALLS;
    if (options->trace_syscall_text)
        flags |= BOOT_FLAG_TRACE_TEXT;
    if (options->no_aslr)
        flags |= BOOT_FLAG_NO_ASLR;
    if (options->hold_at_start)
        flags |= BOOT_FLAG_HOLD_AT_START;
    if (isatty(options->stdin_fd))
        flags |= BOOT_FLAG_TTY_STDIN;
    if (isatty(options->stdout_fd))
        flags |= BOOT_FLAG_TTY_STDOUT;
    if (isatty(options->stderr_fd))
        flags |= BOOT_FLAG_TTY_STDERR;
    if (!boot_terminal_is_raw(options))
        flags |= BOOT_FLAG_TTY_COOKED;
    return flags;
}

static void set_window(const struct vt_options *options, struct boot_info *boot)
{
    const int fds[] = {options->stdin_fd, options->stdout_fd, options->stderr_fd};
    struct winsize size;

    for (unsigned i = 0; i < 3; i++)
        if (fds[i] >= 0 && ioctl(fds[i], TIOCGWINSZ, &size) == 0) {
            boot->window_rows = size.ws_row;
            boot->window_columns = size.ws_col;
            return;
        }
}

struct vt_error *boot_page_fill(const struct vt_options *options, unsigned cpus,
                                const struct image *image, const struct program *program,
                                const struct machine_kernel *kernel, struct machine_memory *memory,
                                struct boot_info **ret)
{
    uint64_t program_bytes = program->host_fd >= 0 ? round_up(program->host_bytes, PAGE) : 0;
    struct boot_info *boot = machine_memory_at(memory, BOOT_INFO_PHYS, PAGE);
    struct strings strings = {.base =
                                  machine_memory_at(memory, BOOT_STRINGS_PHYS, BOOT_STRINGS_MAX)};
    uint64_t place = 0;

    if (!boot || !strings.base)
        return vt_error_create(VT_ERROR_MEMORY, "the guest's memory is too small for a boot page");
    struct vt_error *error = find_place(memory, kernel, image->bytes + program_bytes, &place);
    if (!error)
        error = copy_in(memory, place, image->base, image->bytes);
    if (!error && program->host_fd >= 0)
        error = read_in(memory, place + image->bytes, program);
    if (error)
        return error;

    *boot = (struct boot_info){
        .magic = BOOT_MAGIC,
        .version = BOOT_VERSION,
        .flags = flags_of(options),
        .cpu_count = cpus,
        .image = {.phys = place, .bytes = image->bytes},
        .trace_ring_records = options->trace_ring_records,
    };
    memcpy(boot->ram, memory->ram, sizeof(boot->ram));
    set_window(options, boot);
    add_string(&strings, ""); /* offset 0 is the empty string */
    boot->arguments = add_list(&strings, options->argv, &boot->argument_count);
    boot->environment =
        add_list(&strings, options->envp ? options->envp : boot_default_environment(),
                 &boot->environment_count);
    boot->working_directory = add_string(&strings, options->cwd ? options->cwd : "/");
    boot->kernel_options =
        add_string(&strings, options->kernel_options ? options->kernel_options : "");
    boot->program = add_string(&strings, program->path);
    char *token = NULL;
    struct vt_error *token_error = options->token ? token_text_read(options->token, &token) : NULL;
    if (token_error)
        return token_error;
    boot->token = add_string(&strings, token ? token : "");
    free(token);
    if (program->host_fd >= 0) {
        boot->file_count = 1;
        boot->files[0] = (struct boot_file){
            .phys = place + image->bytes,
            .bytes = program->host_bytes,
            .mode = program->host_mode,
            .path = boot->program,
        };
    }
    if (strings.full)
        return vt_error_create(
            VT_ERROR_ARGUMENT,
            "arguments and environment are larger than %llu bytes together: pass fewer",
            BOOT_STRINGS_MAX);
    boot->strings_bytes = strings.used;
    if (getrandom(boot->random_seed, sizeof(boot->random_seed), 0) !=
        (ssize_t)sizeof(boot->random_seed))
        return vt_error_system(errno, "cannot get randomness for the guest");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    boot->wall_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    *ret = boot;
    return NULL;
}
