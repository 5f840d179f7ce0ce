/*
 * vmm/gdb/client.c - reads the debugger's packets and answers them. The protocol is gdb's manual,
 * appendix "Remote Protocol". What is not known is answered by an empty packet, as it demands.
 *
 * Everything in a packet is somebody else's input: numbers are bounded before they are used.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/gdb/client.h"

#define ACTIONS_MAX 64u
#define START_MS    20000 /* until the guest's first user instruction */
#define READ_MAX    (REMOTE_PACKET_MAX / 2 - 16)

static void send_text(struct gdb_client *client, const char *data, size_t bytes)
{
    if (!remote_send(&client->stream, data, bytes))
        client->over = true;
}

void gdb_reply(struct gdb_client *client, const char *format, ...)
{
    char text[1024];
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    send_text(client, text, length < (int)sizeof(text) ? (size_t)length : sizeof(text) - 1);
}

void gdb_note_refusal(struct gdb_client *client, struct vt_error *error)
{
    snprintf(client->refusal, sizeof(client->refusal), "%s", vt_error_message(error));
    vt_error_destroy(error);
}

void gdb_refuse(struct gdb_client *client, struct vt_error *error)
{
    char text[sizeof(client->refusal) + 2];

    gdb_note_refusal(client, error);
    snprintf(text, sizeof(text), "E.%s", client->refusal);
    for (char *c = text; *c; c++)
        if (strchr("#$}*", *c))
            *c = ' '; /* these mean something in a packet */
    send_text(client, text, strlen(text));
}

void gdb_console(struct gdb_client *client, const char *text)
{
    char packet[2 + 2 * 1024];

    for (size_t left = strlen(text); left > 0;) {
        size_t part = left < 1024 ? left : 1024;

        packet[0] = 'O';
        char *end = remote_to_hex(packet + 1, text, part);
        send_text(client, packet, (size_t)(end - packet));
        text += part;
        left -= part;
    }
}

/* NULL: done. */
static void answer(struct gdb_client *client, struct vt_error *error)
{
    if (error)
        gdb_refuse(client, error);
    else
        gdb_reply(client, "OK");
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* "-1", "0" or a number in hexadecimal. */
static int64_t parse_thread(const char *text)
{
    return text[0] == '-' ? -1 : (int64_t)(strtoull(text, NULL, 16) & INT64_MAX);
}

/* ---- registers and memory ---- */

static void read_registers(struct gdb_client *client)
{
    const struct gdb_thread *thread = gdb_thread_selected(client);
    struct gdb_registers registers;
    char text[2 * sizeof(registers) + 1];

    if (thread && gdb_registers_read(client, thread, &registers)) {
        remote_to_hex(text, &registers, sizeof(registers));
    } else { /* there are none: "x" is the protocol's word for it */
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
    }
    send_text(client, text, strlen(text));
}

static void read_register(struct gdb_client *client, const char *arguments)
{
    const struct gdb_thread *thread = gdb_thread_selected(client);
    struct gdb_registers registers;
    size_t offset, bytes;
    char text[40];

    if (!gdb_register_place((unsigned)strtoul(arguments, NULL, 16), &offset, &bytes)) {
        gdb_reply(client, "E16");
        return;
    }
    if (thread && gdb_registers_read(client, thread, &registers))
        remote_to_hex(text, (const char *)&registers + offset, bytes);
    else
        snprintf(text, 2 * bytes + 1, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    gdb_reply(client, "%s", text);
}

static void write_registers(struct gdb_client *client, const char *arguments, bool all)
{
    const struct gdb_thread *thread = gdb_thread_selected(client);
    struct gdb_registers registers;
    size_t offset = 0, bytes = sizeof(registers);

    if (!thread || !gdb_registers_read(client, thread, &registers)) {
        gdb_refuse(client, vt_error_create(VT_ERROR_NOT_FOUND, "this task has no registers"));
        return;
    }
    if (!all) {
        const char *equals = strchr(arguments, '=');

        if (!equals ||
            !gdb_register_place((unsigned)strtoul(arguments, NULL, 16), &offset, &bytes)) {
            gdb_reply(client, "E16");
            return;
        }
        arguments = equals + 1;
    }
    if (remote_from_hex(arguments, (char *)&registers + offset, bytes) != bytes) {
        gdb_reply(client, "E16");
        return;
    }
    struct vt_error *error = gdb_registers_write(client, thread, &registers);
    client->fresh = false;
    answer(client, error);
}

static void read_memory(struct gdb_client *client, const char *arguments)
{
    uint64_t address;
    size_t wanted;
    uint8_t data[READ_MAX];
    char text[2 * READ_MAX + 1];

    if (sscanf(arguments, "%" SCNx64 ",%zx", &address, &wanted) != 2) {
        gdb_reply(client, "E16");
        return;
    }
    size_t got = gdb_memory_read(client, address, data, wanted < READ_MAX ? wanted : READ_MAX);
    if (got == 0 && wanted > 0) {
        gdb_reply(client, "E0e");
        return;
    }
    char *end = remote_to_hex(text, data, got);
    send_text(client, text, (size_t)(end - text));
}

static void write_memory(struct gdb_client *client, const char *arguments)
{
    uint64_t address;
    size_t bytes;
    uint8_t data[REMOTE_PACKET_MAX / 2];
    const char *colon = strchr(arguments, ':');

    if (!colon || sscanf(arguments, "%" SCNx64 ",%zx", &address, &bytes) != 2 ||
        bytes > sizeof(data) || remote_from_hex(colon + 1, data, bytes) != bytes) {
        gdb_reply(client, "E16");
        return;
    }
    answer(client, gdb_memory_write(client, address, data, bytes));
}

/* ---- points ---- */

static void change_point(struct gdb_client *client, const char *packet)
{
    const bool set = packet[0] == 'Z';
    uint64_t address;
    unsigned bytes;

    if (!packet[1] || !strchr("0124", packet[1])) {
        gdb_reply(client, "%s", "");
        return;
    }
    if (sscanf(packet + 2, ",%" SCNx64 ",%x", &address, &bytes) != 2) {
        gdb_reply(client, "E16");
        return;
    }
    struct vt_error *error = set ? gdb_point_set(client, packet[1], address, bytes)
                                 : gdb_point_clear(client, packet[1], address, bytes);
    /* Debian 12's gdb drops the text, and for symbols of an added file even the refusal. */
    client->untold |= error && strcmp(client->refusal, vt_error_message(error)) != 0;
    answer(client, error);
}

/* ---- running ---- */

/* vCont;action[:thread]... */
static void continue_actions(struct gdb_client *client, char *text)
{
    struct gdb_action actions[ACTIONS_MAX];
    size_t count = 0;
    char *rest;

    for (char *item = strtok_r(text, ";", &rest); item && count < ACTIONS_MAX;
         item = strtok_r(NULL, ";", &rest)) {
        struct gdb_action *action = &actions[count++];
        char *thread = strchr(item, ':');

        *action =
            (struct gdb_action){.kind = item[0], .thread = thread ? parse_thread(thread + 1) : 0};
        if (item[0] == 'C' || item[0] == 'S') /* a signal goes along: the guest's are its own */
            action->kind = item[0] == 'C' ? 'c' : 's';
        else if (item[0] == 'r' &&
                 sscanf(item + 1, "%" SCNx64 ",%" SCNx64, &action->start, &action->end) != 2)
            action->kind = 's';
        if (!strchr("csr", action->kind)) {
            gdb_reply(client, "E16");
            return;
        }
    }
    gdb_run(client, actions, count);
}

/* The older packets: one thread steps, or all continue. */
static void continue_one(struct gdb_client *client, char kind)
{
    const struct gdb_action actions[2] = {{.kind = kind}, {.kind = 'c'}};

    gdb_run(client, actions, kind == 's' ? 2 : 1);
}

static void kill_machine(struct gdb_client *client)
{
    client->target->kill(client->target->context);
    client->over = true;
}

/* ---- queries ---- */

/* A part of a document: "m" and data if more follows, "l" and data at the end. */
static void send_part(struct gdb_client *client, const char *document, size_t total,
                      const char *range)
{
    char packet[REMOTE_PACKET_MAX];
    size_t offset, wanted, used = 1;

    if (sscanf(range, "%zx,%zx", &offset, &wanted) != 2 || offset > total) {
        gdb_reply(client, "E16");
        return;
    }
    if (wanted > total - offset)
        wanted = total - offset;
    size_t done = 0;
    for (; done < wanted && used + 2 < sizeof(packet); done++) {
        char c = document[offset + done];

        if (strchr("#$}*", c) && c) {
            packet[used++] = '}';
            c ^= 0x20;
        }
        packet[used++] = c;
    }
    packet[0] = offset + done < total ? 'm' : 'l';
    send_text(client, packet, used);
}

/* The document is made when its first part is asked for, and kept for the others. */
static void transfer(struct gdb_client *client, const char *what)
{
    const char *range = strrchr(what, ':');
    const bool features = begins(what, "features:read:target.xml:");

    if (begins(what, "exec-file:read:")) {
        send_part(client, client->target->kernel_path, strlen(client->target->kernel_path),
                  range + 1);
        return;
    }
    if (!features && !begins(what, "threads:read:")) {
        gdb_reply(client, "%s", "");
        return;
    }
    if (begins(range + 1, "0,") || !client->xfer) {
        free(client->xfer);
        client->xfer = features ? gdb_target_xml(&client->xfer_bytes)
                                : gdb_threads_xml(client, &client->xfer_bytes);
    }
    if (client->xfer)
        send_part(client, client->xfer, client->xfer_bytes, range + 1);
    else
        gdb_reply(client, "E0c");
}

static void list_threads(struct gdb_client *client)
{
    char packet[REMOTE_PACKET_MAX];
    size_t used = 0;

    vt_error_destroy(gdb_threads_refresh(client));
    for (size_t i = 0; i < client->thread_count && used + 20 < sizeof(packet); i++)
        used += (size_t)snprintf(packet + used, sizeof(packet) - used, "%c%llx", i ? ',' : 'm',
                                 (unsigned long long)client->threads[i].id);
    send_text(client, used ? packet : "l", used ? used : 1);
}

static void thread_information(struct gdb_client *client, const char *text)
{
    const struct gdb_thread *thread = gdb_thread_find(client, parse_thread(text));
    char description[96], line[128], hex[2 * sizeof(line) + 1];

    if (!thread) {
        gdb_reply(client, "E03");
        return;
    }
    gdb_thread_describe(thread, description, sizeof(description));
    int length = snprintf(line, sizeof(line), "%s, %s", thread->context.task.comm, description);
    remote_to_hex(hex, line, (size_t)length);
    gdb_reply(client, "%s", hex);
}

static void monitor(struct gdb_client *client, const char *hex)
{
    char command[256];
    size_t length = remote_from_hex(hex, command, sizeof(command) - 1);

    command[length] = '\0';
    gdb_monitor(client, command);
    gdb_reply(client, "OK");
}

static void query(struct gdb_client *client, const char *packet)
{
    if (begins(packet, "qSupported"))
        gdb_reply(client,
                  "PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;qXfer:threads:read+;"
                  "qXfer:exec-file:read+;swbreak+;hwbreak+;vContSupported+",
                  REMOTE_PACKET_MAX);
    else if (begins(packet, "qXfer:"))
        transfer(client, packet + 6);
    else if (begins(packet, "qRcmd,"))
        monitor(client, packet + 6);
    else if (strcmp(packet, "qC") == 0)
        gdb_reply(client, "QC%llx", (unsigned long long)client->current);
    else if (begins(packet, "qAttached"))
        gdb_reply(client, "1");
    else if (begins(packet, "qfThreadInfo"))
        list_threads(client);
    else if (begins(packet, "qsThreadInfo"))
        gdb_reply(client, "l");
    else if (begins(packet, "qThreadExtraInfo,"))
        thread_information(client, packet + 17);
    else
        gdb_reply(client, "%s", "");
}

static void set(struct gdb_client *client, const char *packet)
{
    if (strcmp(packet, "QStartNoAckMode") == 0) {
        gdb_reply(client, "OK");
        client->stream.no_acks = true;
    } else {
        gdb_reply(client, "%s", "");
    }
}

static void verbose(struct gdb_client *client, char *packet)
{
    if (strcmp(packet, "vCont?") == 0) {
        gdb_reply(client, "vCont;c;C;s;S;r");
    } else if (begins(packet, "vCont;")) {
        continue_actions(client, packet + 6);
    } else if (begins(packet, "vKill;")) {
        gdb_reply(client, "OK");
        kill_machine(client);
    } else {
        gdb_reply(client, "%s", "");
    }
}

static void select_thread(struct gdb_client *client, const char *packet)
{
    int64_t id = parse_thread(packet + 1);

    if (packet[0] == 'g' && id > 0 && !gdb_thread_find(client, id)) {
        gdb_reply(client, "E03");
        return;
    }
    if (packet[0] == 'g')
        client->general = id > 0 ? id : 0;
    gdb_reply(client, "OK");
}

static void dispatch(struct gdb_client *client)
{
    char *packet = client->packet;

    switch (packet[0]) {
    case '?':
        gdb_report_stop(client, 5, "");
        break;
    case 'g':
        read_registers(client);
        break;
    case 'G':
        write_registers(client, packet + 1, true);
        break;
    case 'p':
        read_register(client, packet + 1);
        break;
    case 'P':
        write_registers(client, packet + 1, false);
        break;
    case 'm':
        read_memory(client, packet + 1);
        break;
    case 'M':
        write_memory(client, packet + 1);
        break;
    case 'Z':
    case 'z':
        change_point(client, packet);
        break;
    case 'H':
        select_thread(client, packet + 1);
        break;
    case 'T':
        gdb_reply(client, gdb_thread_find(client, parse_thread(packet + 1)) ? "OK" : "E03");
        break;
    case 'c':
    case 's':
        continue_one(client, packet[0]);
        break;
    case 'v':
        verbose(client, packet);
        break;
    case 'q':
        query(client, packet);
        break;
    case 'Q':
        set(client, packet);
        break;
    case 'D':
        gdb_reply(client, "OK");
        client->over = true;
        break;
    case 'k':
        kill_machine(client);
        break;
    default:
        gdb_reply(client, "%s", "");
        break;
    }
}

void gdb_client_serve(struct gdb_client *client)
{
    struct vt_error *error = NULL;
    struct vt_stop stop;

    /* The stop point that the first "continue" releases must have been reached for that. */
    if (client->wait_at_start)
        error = vt_guest_wait_stop(client->target->guest, START_MS, &stop);
    if (!error)
        error = gdb_hold(client);
    if (error) {
        vt_error_destroy(error);
        return;
    }
    client->current = gdb_thread_interesting(client);
    while (!client->over) {
        /* The other thing to wait for, the end of the server, shuts the socket down. */
        enum remote_result result =
            remote_receive(&client->stream, -1, client->packet, &client->packet_bytes);

        if (result == REMOTE_PACKET)
            dispatch(client);
        else if (result == REMOTE_GONE)
            client->over = true;
    }
    gdb_let_go(client);
    free(client->threads);
    free(client->xfer);
}
