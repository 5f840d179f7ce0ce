/*
 * vmm/inspect/glass.c - finding and checking the glass, translating kernel addresses, waiting for
 * change.
 *
 * The glass is parsed once, when the kernel says that it is complete; its windows and roots are
 * copied, so a guest that changes them later changes nothing here.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "vmm/inspect/guest.h"
#include "vmm/inspect/tables.h"

void *guest_memory_at(const struct guest_memory *memory, uint64_t phys, uint64_t bytes)
{
    uint64_t offset = 0;

    for (unsigned i = 0; i < BOOT_RAM_RANGES_MAX; i++) {
        const struct boot_range *range = &memory->ram[i];

        if (phys >= range->phys && phys - range->phys < range->bytes) {
            uint64_t inside = phys - range->phys;

            if (bytes > range->bytes - inside || offset + inside > memory->bytes ||
                bytes > memory->bytes - (offset + inside))
                return NULL;
            return memory->base + offset + inside;
        }
        offset += range->bytes;
    }
    return NULL;
}

int64_t guest_clock_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t guest_deadline_us(int timeout_ms)
{
    return timeout_ms < 0 ? INT64_MAX : guest_clock_us() + (int64_t)timeout_ms * 1000;
}

void guest_init(struct vt_guest *guest, const struct guest_memory *memory, uint64_t glass_phys)
{
    pthread_condattr_t attributes;

    memset(guest, 0, sizeof(*guest));
    guest->memory = *memory;
    guest->glass_phys = glass_phys;
    guest->connection = -1;
    guest->memory_fd = -1;
    guest->patience_limit_us = GUEST_PATIENCE_US;
    pthread_mutex_init(&guest->lock, NULL);
    pthread_mutex_init(&guest->mailbox_lock, NULL);
    pthread_mutex_init(&guest->trace_lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&guest->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

void guest_deinit(struct vt_guest *guest)
{
    guest_tables_destroy(guest->tables);
    pthread_cond_destroy(&guest->changed);
    pthread_mutex_destroy(&guest->trace_lock);
    pthread_mutex_destroy(&guest->mailbox_lock);
    pthread_mutex_destroy(&guest->lock);
}

void guest_note_change(struct vt_guest *guest)
{
    pthread_mutex_lock(&guest->lock);
    guest->changes++;
    pthread_cond_broadcast(&guest->changed);
    pthread_mutex_unlock(&guest->lock);
}

void guest_note_end(struct vt_guest *guest)
{
    GUEST_STORE(&guest->ended, true);
    guest_note_change(guest);
}

uint64_t guest_changes(struct vt_guest *guest)
{
    pthread_mutex_lock(&guest->lock);
    uint64_t changes = guest->changes;
    pthread_mutex_unlock(&guest->lock);
    return changes;
}

static void poll_connection(struct vt_guest *guest, int timeout_ms)
{
    struct pollfd connection = {.fd = guest->connection, .events = POLLIN};

    if (poll(&connection, 1, timeout_ms) <= 0)
        return;
    char byte;
    ssize_t got = recv(guest->connection, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        GUEST_STORE(&guest->ended, true);
    else if (got > 0)
        (void)!recv(guest->connection, &byte, 1, MSG_DONTWAIT); /* nothing is expected: drop it */
}

void guest_wait_change(struct vt_guest *guest, uint64_t seen, int64_t timeout_us)
{
    if (timeout_us <= 0)
        return;
    if (guest->connection >= 0) {
        poll_connection(guest, 1);
        return;
    }
    if (timeout_us > 3600ll * 1000000)
        timeout_us = 3600ll * 1000000;
    int64_t deadline = guest_clock_us() + timeout_us;
    struct timespec until = {.tv_sec = deadline / 1000000, .tv_nsec = deadline % 1000000 * 1000};

    pthread_mutex_lock(&guest->lock);
    while (guest->changes == seen && !guest->ended)
        if (pthread_cond_timedwait(&guest->changed, &guest->lock, &until) == ETIMEDOUT)
            break;
    pthread_mutex_unlock(&guest->lock);
}

bool guest_has_ended(struct vt_guest *guest)
{
    if (guest->connection >= 0 && !GUEST_LOAD(&guest->ended))
        poll_connection(guest, 0);
    return GUEST_LOAD(&guest->ended);
}

struct vt_error *vt_guest_alive(struct vt_guest *guest)
{
    if (!guest_has_ended(guest))
        return NULL;
    return vt_error_create(VT_ERROR_GONE, "machine '%s' has ended", guest->name);
}

const char *vt_guest_name(const struct vt_guest *guest)
{
    return guest->name;
}

static bool window_is_sane(uint64_t virtual_start, uint64_t phys, uint64_t bytes)
{
    return virtual_start + bytes >= virtual_start && phys + bytes >= phys;
}

static struct vt_error *parse(struct vt_guest *guest, struct glass *glass)
{
    if (GUEST_LOAD(&glass->version) != GLASS_VERSION)
        return vt_error_create(VT_ERROR_FORMAT,
                               "the guest's glass has version %u, this program reads version %u: "
                               "use a kernel and a vitrine of the same build",
                               glass->version, GLASS_VERSION);
    if (GUEST_LOAD(&glass->size) != sizeof(struct glass))
        return vt_error_create(
            VT_ERROR_FORMAT,
            "the guest's glass says it has %u bytes, %zu were expected: use a kernel "
            "and a vitrine of the same build",
            glass->size, sizeof(struct glass));
    guest->glass = glass;
    guest->image_virtual = glass->image_virtual;
    guest->image_phys = glass->image_phys;
    guest->image_bytes = glass->image_bytes;
    guest->direct_virtual = glass->direct_virtual;
    guest->direct_phys = glass->direct_phys;
    guest->direct_bytes = glass->direct_bytes;
    if (!window_is_sane(guest->image_virtual, guest->image_phys, guest->image_bytes) ||
        !window_is_sane(guest->direct_virtual, guest->direct_phys, guest->direct_bytes))
        return vt_error_create(VT_ERROR_CORRUPT, "the guest's glass describes impossible windows");
    guest->cpus = glass->cpus;
    guest->cpu_stride = glass->cpu_stride;
    guest->tasks = glass->tasks;
    guest->processes = glass->processes;
    guest->address_spaces = glass->address_spaces;
    guest->frames = glass->frames;
    guest->frame_count = glass->frame_count;
    guest->channels = glass->channels;
    guest->log = glass->log;
    guest->init_process = glass->init_process;
    guest->kernel_page_table = glass->kernel_page_table;
    guest->tsc_khz = glass->tsc_khz;
    guest->boot_tsc = glass->boot_tsc;
    if (guest->cpu_stride < sizeof(struct glass_cpu) || guest->cpu_stride % 8 != 0 ||
        !guest_translate(guest, guest->cpus, (uint64_t)guest->cpu_stride * BOOT_CPUS_MAX, 8))
        return vt_error_create(
            VT_ERROR_CORRUPT,
            "the guest's glass has its CPU blocks at %#lx, which is no kernel memory",
            (unsigned long)guest->cpus);
    if (!guest->tables)
        return guest_tables_create(guest, glass, &guest->tables);
    return NULL;
}

struct vt_error *guest_require_ready(struct vt_guest *guest)
{
    __atomic_store_n(&guest->patience_us, guest->patience_limit_us, __ATOMIC_RELAXED);
    if (GUEST_LOAD(&guest->ready))
        return NULL;
    struct glass *glass = NULL;

    if (guest->glass_phys % _Alignof(struct glass) == 0)
        glass = guest_memory_at(&guest->memory, guest->glass_phys, sizeof(*glass));
    if (!glass)
        return vt_error_create(VT_ERROR_CORRUPT,
                               "the glass would lie at %#lx, which is no memory of this guest",
                               (unsigned long)guest->glass_phys);
    bool complete = GUEST_LOAD(&guest->announced) || GUEST_LOAD(&glass->state) != GLASS_BOOTING;

    if (!complete || memcmp(glass->magic, GLASS_MAGIC, sizeof(GLASS_MAGIC)) != 0)
        return vt_error_create(VT_ERROR_BUSY, "the kernel has not published its glass yet");
    struct vt_error *error = NULL;

    pthread_mutex_lock(&guest->lock);
    if (!guest->ready) {
        error = parse(guest, glass);
        if (!error)
            GUEST_STORE(&guest->ready, true);
    }
    pthread_mutex_unlock(&guest->lock);
    return error;
}

struct vt_error *vt_guest_ready(struct vt_guest *guest, int timeout_ms)
{
    int64_t deadline = guest_deadline_us(timeout_ms);

    for (;;) {
        uint64_t seen = guest_changes(guest);
        bool ended = guest_has_ended(guest);
        struct vt_error *error = guest_require_ready(guest);

        if (!error || vt_error_code(error) != VT_ERROR_BUSY)
            return error;
        vt_error_destroy(error);
        if (ended)
            return vt_error_create(VT_ERROR_GONE, "the machine ended before its kernel was up");
        int64_t left = deadline == INT64_MAX ? INT64_MAX : deadline - guest_clock_us();
        if (left <= 0)
            return vt_error_create(VT_ERROR_TIMEOUT, "the kernel was not up after %d ms",
                                   timeout_ms);
        guest_wait_change(guest, seen, left < 5000 ? left : 5000);
    }
}

void *guest_translate(const struct vt_guest *guest, uint64_t address, uint64_t bytes,
                      uint64_t alignment)
{
    uint64_t phys;

    if (address % alignment != 0)
        return NULL;
    if (address - guest->image_virtual < guest->image_bytes) {
        if (bytes > guest->image_bytes - (address - guest->image_virtual))
            return NULL;
        phys = guest->image_phys + (address - guest->image_virtual);
    } else if (address - guest->direct_virtual < guest->direct_bytes) {
        if (bytes > guest->direct_bytes - (address - guest->direct_virtual))
            return NULL;
        phys = guest->direct_phys + (address - guest->direct_virtual);
    } else {
        return NULL;
    }
    /* Windows that a guest makes up may lie askew. */
    void *at = guest_memory_at(&guest->memory, phys, bytes);
    return (uintptr_t)at % alignment == 0 ? at : NULL;
}

bool guest_stands_still(struct vt_guest *guest)
{
    if (GUEST_LOAD(&guest->ended) || GUEST_LOAD(&guest->frozen) ||
        GUEST_LOAD(&guest->glass->state) == GLASS_PANICKED)
        return true;
    uint64_t epoch = GUEST_LOAD(&guest->glass->stop.epoch);

    return epoch > GUEST_LOAD(&guest->glass->control.resume_epoch);
}

struct vt_error *guest_hold(struct vt_guest *guest, struct guest_registers ret[BOOT_CPUS_MAX],
                            unsigned *ret_count)
{
    if (!guest->owner.hold)
        return vt_error_create(VT_ERROR_ARGUMENT, "what has ended cannot be held");
    struct vt_error *error = guest->owner.hold(guest->owner.context, ret, ret_count);
    if (!error)
        GUEST_STORE(&guest->frozen, true);
    return error;
}

struct vt_error *guest_let_go(struct vt_guest *guest)
{
    GUEST_STORE(&guest->frozen, false);
    return guest->owner.let_go(guest->owner.context);
}

struct glass_cpu *guest_cpu(const struct vt_guest *guest, unsigned cpu)
{
    if (cpu >= BOOT_CPUS_MAX)
        return NULL;
    return guest_translate(guest, guest->cpus + (uint64_t)cpu * guest->cpu_stride,
                           sizeof(struct glass_cpu), 8);
}

unsigned guest_cpu_count(const struct vt_guest *guest)
{
    unsigned highest = 0;

    /* CPUs come up in any order: the count alone does not say which blocks are in use. */
    for (unsigned i = 0; i < BOOT_CPUS_MAX; i++) {
        struct glass_cpu *cpu = guest_cpu(guest, i);

        if (cpu && GUEST_LOAD(&cpu->online))
            highest = i + 1;
    }
    return highest;
}

struct glass_channel *guest_channel(const struct vt_guest *guest, unsigned index)
{
    if (!GUEST_LOAD(&guest->ready) || index >= CHANNEL_COUNT)
        return NULL;
    return guest_translate(guest, guest->channels + index * sizeof(struct glass_channel),
                           sizeof(struct glass_channel), 8);
}

struct vt_error *guest_require_own(const struct vt_guest *guest, const char *action)
{
    if (guest->own)
        return NULL;
    return vt_error_create(
        VT_ERROR_DENIED,
        "cannot %s: machine '%s' belongs to another process and is open for reading only", action,
        guest->name);
}

struct vt_error *vt_guest_read_phys(struct vt_guest *guest, uint64_t phys, void *buffer,
                                    size_t bytes)
{
    const void *from = guest_memory_at(&guest->memory, phys, bytes);

    if (!from)
        return vt_error_create(VT_ERROR_NOT_FOUND, "guest-physical %#lx..%#lx is not all memory",
                               (unsigned long)phys, (unsigned long)(phys + bytes));
    memcpy(buffer, from, bytes);
    return NULL;
}

struct vt_error *vt_guest_read_kernel(struct vt_guest *guest, uint64_t address, void *buffer,
                                      size_t bytes)
{
    struct vt_error *error = guest_require_ready(guest);

    if (error)
        return error;
    const void *from = guest_translate(guest, address, bytes, 1);
    if (!from)
        return vt_error_create(VT_ERROR_NOT_FOUND,
                               "kernel address %#lx (%zu bytes) lies in no window",
                               (unsigned long)address, bytes);
    memcpy(buffer, from, bytes);
    return NULL;
}

char *guest_log_text(struct vt_guest *guest)
{
    const struct glass_log *log = NULL;
    char *text = malloc(GLASS_LOG_BYTES + 1);
    size_t length = 0;

    if (!text)
        return NULL;
    if (GUEST_LOAD(&guest->ready))
        log = guest_translate(guest, guest->log, sizeof(*log), 8);
    if (log) {
        uint64_t head = GUEST_LOAD(&log->head);
        uint64_t kept = head < GLASS_LOG_BYTES ? head : GLASS_LOG_BYTES;

        for (uint64_t i = head - kept; i < head; i++) {
            char c = log->text[i % GLASS_LOG_BYTES];

            /* The text goes to a terminal: let no guest byte be a control sequence. */
            bool plain = c == '\n' || c == '\t' || (c >= ' ' && c < 0x7f);
            text[length++] = (char)(plain ? c : '?');
        }
    }
    text[length] = '\0';
    return text;
}
