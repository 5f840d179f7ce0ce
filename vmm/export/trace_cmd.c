/*
 * vmm/export/trace_cmd.c - the file format of trace-cmd (trace.dat), which KernelShark reads too.
 *
 * Source: trace-cmd.dat.v6(5). The header names every task and says where each CPU's pages lie, and
 * a CPU's pages lie together: so full pages wait in a nameless file per CPU until the trace ends,
 * and memory is needed for one page per CPU. The file itself is written from front to back.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/export/file_sink.h"
#include "vmm/export/loss.h"
#include "vmm/export/trace_cmd_format.h"
#include "vmm/inspect/trace_reader.h"

enum option { /* kinds of options in the header */
              OPTION_END = 0,
              OPTION_CPU_STATISTICS = 2,
              OPTION_TRACE_CLOCK = 4,
              OPTION_UNAME = 5,
};

struct trace_cmd_sink {
    struct file_sink head;
    struct trace_loss loss;
    struct ring_pages *cpus[BOOT_CPUS_MAX]; /* NULL = no event yet */
    int failed;                             /* errno of a spool that could not be made, or 0 */
};

/* A file without a name, so that nothing is left behind however we end. */
static FILE *spool_create(void)
{
    const char *const places[] = {getenv("TMPDIR"), "/var/tmp", "/tmp"};

    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        int fd = places[i] ? open(places[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;
        FILE *file = fd >= 0 ? fdopen(fd, "w+") : NULL;

        if (file)
            return file;
        if (fd >= 0)
            close(fd);
    }
    return tmpfile(); /* for file systems without O_TMPFILE */
}

static struct ring_pages *pages_of(struct trace_cmd_sink *file, unsigned cpu)
{
    if (file->cpus[cpu] || file->failed)
        return file->cpus[cpu];
    struct ring_pages *pages = calloc(1, sizeof(*pages));
    if (pages)
        pages->spool = spool_create();
    if (!pages || !pages->spool) {
        file->failed = errno;
        free(pages);
        return NULL;
    }
    file->cpus[cpu] = pages;
    return pages;
}

static void take(struct trace_sink *sink, const struct vt_trace *trace,
                 const struct trace_record *record)
{
    struct trace_cmd_sink *file = (struct trace_cmd_sink *)sink;
    uint64_t lost = trace_loss_before(&file->loss, trace, record);
    struct ring_pages *pages = pages_of(file, record->cpu);
    unsigned char bytes[RING_EVENT_MAX];
    struct ftrace_event event;

    if (!pages)
        return;
    ftrace_event_make(trace, record, &event);
    unsigned length = trace_cmd_encode(&event, record->tid, bytes);
    ring_pages_add(pages, vt_guest_tsc_to_ns(file->head.guest, record->tsc), lost, bytes, length);
}

/* ---- the header ---- */

static void put(FILE *out, uint64_t number, unsigned bytes)
{
    fwrite(&number, bytes, 1, out); /* little endian, as the file says */
}

/* A text and in front of it its length, in `width` bytes. `text` is freed. */
static void put_text(FILE *out, char *text, size_t length, unsigned width)
{
    put(out, text ? length : 0, width);
    if (text)
        fwrite(text, length, 1, out);
    free(text);
}

static void put_formats(FILE *out)
{
    const char *system = "";
    unsigned systems = 0;

    /* Events of a system stand together in the table. */
    for (unsigned kind = 0; kind < FTRACE_WRITTEN; kind++) {
        systems += strcmp(ftrace_formats[kind].system, system) != 0;
        system = ftrace_formats[kind].system;
    }
    put(out, systems, 4);
    for (unsigned kind = 0; kind < FTRACE_WRITTEN;) {
        unsigned end = kind;

        system = ftrace_formats[kind].system;
        while (end < FTRACE_WRITTEN && strcmp(ftrace_formats[end].system, system) == 0)
            end++;
        fwrite(system, strlen(system) + 1, 1, out);
        put(out, end - kind, 4);
        for (; kind < end; kind++) {
            char *text = NULL;
            size_t length = 0;
            FILE *description = open_memstream(&text, &length);

            if (description) {
                trace_cmd_describe(description, (enum ftrace_event_kind)kind);
                fclose(description);
            }
            put_text(out, text, length, 8);
        }
    }
}

/* The last name of every task, for the column in front of the events. */
static void put_names(FILE *out, const struct vt_trace *trace)
{
    char *text = NULL;
    size_t length = 0;
    FILE *names = open_memstream(&text, &length);

    for (uint32_t i = 0; names && trace && i < trace->comm_room; i++)
        if (trace->comms[i].tid)
            fprintf(names, "%d %s\n", trace->comms[i].tid,
                    trace->comms[i].comm[0] ? trace->comms[i].comm : "?");
    if (names)
        fclose(names);
    put_text(out, text, length, 8);
}

static void put_option(FILE *out, enum option option, const char *text)
{
    put(out, option, 2);
    put(out, strlen(text) + 1, 4);
    fwrite(text, strlen(text) + 1, 1, out);
}

/* As per_cpu/cpuN/stats of the kernel has it: what `trace-cmd report --stat` shows. */
static void put_statistics(FILE *out, const struct trace_cmd_sink *file, unsigned cpu)
{
    const struct ring_pages *pages = file->cpus[cpu];
    char text[320];

    snprintf(text, sizeof(text),
             "CPU: %u\nentries: 0\noverrun: %" PRIu64 "\ncommit overrun: 0\nbytes: %" PRIu64
             "\noldest event ts: %5" PRIu64 ".%06" PRIu64 "\nnow ts: %5" PRIu64 ".%06" PRIu64
             "\ndropped events: 0\nread events: %" PRIu64 "\n",
             cpu, file->loss.lost[cpu], pages ? pages->pages * RING_PAGE_BYTES : 0,
             pages ? pages->first_ns / 1000000000u : 0,
             pages ? pages->first_ns / 1000 % 1000000u : 0,
             pages ? pages->last_ns / 1000000000u : 0, pages ? pages->last_ns / 1000 % 1000000u : 0,
             pages ? pages->events : 0);
    put_option(out, OPTION_CPU_STATISTICS, text);
}

static void put_header(FILE *out, const struct trace_cmd_sink *file, const struct vt_trace *trace,
                       unsigned cpus)
{
    static const unsigned char magic[] = {0x17, 0x08, 0x44};
    size_t length = strlen(trace_cmd_header_page);

    fwrite(magic, sizeof(magic), 1, out);
    fwrite("tracing6", 9, 1, out);
    put(out, 0, 1); /* little endian */
    put(out, 8, 1); /* bytes of a long */
    put(out, RING_PAGE_BYTES, 4);
    fwrite("header_page", 12, 1, out);
    put(out, length, 8);
    fwrite(trace_cmd_header_page, length, 1, out);
    length = strlen(trace_cmd_header_event);
    fwrite("header_event", 13, 1, out);
    put(out, length, 8);
    fwrite(trace_cmd_header_event, length, 1, out);
    put(out, 0, 4); /* events of ftrace itself: none */
    put_formats(out);
    put(out, 0, 4); /* kernel symbols */
    put(out, 0, 4); /* formats of printk */
    put_names(out, trace);
    put(out, cpus, 4);
    fwrite("options  ", 10, 1, out);
    put_option(out, OPTION_TRACE_CLOCK, "[mono]");
    put_option(out, OPTION_UNAME, "Linux vitrine 6.1.0-vitrine x86_64");
    for (unsigned cpu = 0; cpu < cpus; cpu++)
        put_statistics(out, file, cpu);
    put(out, OPTION_END, 2);
    fwrite("flyrecord", 10, 1, out);
}

/* ---- assembling ---- */

static bool copy_spool(FILE *spool, FILE *out)
{
    unsigned char buffer[1 << 16];
    size_t bytes;

    if (fflush(spool) != 0 || ferror(spool) || fseek(spool, 0, SEEK_SET) != 0)
        return false;
    while ((bytes = fread(buffer, 1, sizeof(buffer), spool)) > 0)
        fwrite(buffer, 1, bytes, out);
    return !ferror(spool);
}

static void put_padding(FILE *out, uint64_t bytes)
{
    for (; bytes; bytes--)
        fputc(0, out);
}

static bool assemble(struct trace_cmd_sink *file, const struct vt_trace *trace)
{
    unsigned cpus = trace ? guest_cpu_count(file->head.guest) : 0;
    char *header = NULL;
    size_t header_bytes = 0;

    for (unsigned cpu = 0; cpu < BOOT_CPUS_MAX; cpu++) {
        if (file->cpus[cpu])
            ring_pages_finish(file->cpus[cpu]);
        if (file->loss.seen[cpu] && cpus <= cpu)
            cpus = cpu + 1;
    }
    cpus = cpus ? cpus : 1;
    FILE *out = open_memstream(&header, &header_bytes);
    if (!out)
        return false;
    put_header(out, file, trace, cpus);
    if (fclose(out) != 0) {
        free(header);
        return false;
    }
    fwrite(header, header_bytes, 1, file->head.out);
    free(header);

    uint64_t table_end = header_bytes + (uint64_t)cpus * 16;
    uint64_t first = (table_end + RING_PAGE_BYTES - 1) / RING_PAGE_BYTES * RING_PAGE_BYTES;
    uint64_t place = first;
    for (unsigned cpu = 0; cpu < cpus; cpu++) {
        uint64_t bytes = file->cpus[cpu] ? file->cpus[cpu]->pages * RING_PAGE_BYTES : 0;

        put(file->head.out, place, 8);
        put(file->head.out, bytes, 8);
        place += bytes;
    }
    put_padding(file->head.out, first - table_end);
    for (unsigned cpu = 0; cpu < cpus; cpu++)
        if (file->cpus[cpu] && !copy_spool(file->cpus[cpu]->spool, file->head.out))
            return false;
    return true;
}

static struct vt_error *finish(struct trace_sink *sink, const struct vt_trace *trace)
{
    struct trace_cmd_sink *file = (struct trace_cmd_sink *)sink;

    trace_loss_finish(&file->loss, trace);
    errno = 0;
    if (!assemble(file, trace) || file->failed)
        return vt_error_system(file->failed ? file->failed : errno,
                               "cannot keep the trace's pages in a temporary file (in $TMPDIR, "
                               "/var/tmp or /tmp)");
    return file_sink_flush(&file->head);
}

static void destroy(struct trace_sink *sink)
{
    struct trace_cmd_sink *file = (struct trace_cmd_sink *)sink;

    for (unsigned cpu = 0; cpu < BOOT_CPUS_MAX; cpu++)
        if (file->cpus[cpu]) {
            fclose(file->cpus[cpu]->spool);
            free(file->cpus[cpu]);
        }
    file_sink_destroy(sink);
}

struct vt_error *trace_cmd_sink_create(struct vt_guest *guest, int fd, struct trace_sink **ret)
{
    static const struct trace_sink calls = {.take = take, .finish = finish, .destroy = destroy};

    return file_sink_create(sizeof(struct trace_cmd_sink), &calls, guest, fd, ret);
}
