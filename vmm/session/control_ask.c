/*
 * vmm/session/control_ask.c - the client's side of the control socket's requests: one way to ask,
 * and everything that is asked by it.
 */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "vmm/base/cleanup.h"
#include "vmm/inspect/guest.h"
#include "vmm/session/control_protocol.h"
#include "vmm/session/control_socket.h"

#define ACT_MS     8000 /* the owner gives the kernel 5 s */
#define TRACE_MS   8000
#define PATIENT_MS 60000 /* a core file of a large machine takes its time */

static struct vt_error *gone(const char *name)
{
    return vt_error_create(VT_ERROR_GONE, "machine '%s' has ended, or refused the connection",
                           name);
}

static struct vt_error *send_all(int fd, const char *name, const char *line)
{
    size_t length = strlen(line);

    for (size_t sent = 0; sent < length;) {
        ssize_t got = send(fd, line + sent, length - sent, MSG_NOSIGNAL);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return gone(name);
        sent += (size_t)got;
    }
    return NULL;
}

/* What has come of the machine's lines, NUL-terminated. */
struct lines {
    size_t used;
    char text[CONTROL_LINE_MAX];
};

/* The next whole line into `line` (CONTROL_LINE_MAX bytes), without its newline. */
static struct vt_error *next_line(int fd, const char *name, int64_t deadline_us,
                                  struct lines *lines, char *line)
{
    for (;;) {
        char *end = memchr(lines->text, '\n', lines->used);
        int64_t left_ms = (deadline_us - guest_clock_us() + 999) / 1000;
        struct pollfd ready = {.fd = fd, .events = POLLIN};

        if (end) {
            size_t bytes = (size_t)(end - lines->text);

            memcpy(line, lines->text, bytes);
            line[bytes] = '\0';
            lines->used -= bytes + 1;
            memmove(lines->text, end + 1, lines->used);
            return NULL;
        }
        if (lines->used == sizeof(lines->text))
            return vt_error_create(VT_ERROR_FORMAT, "machine '%s' gives an answer without end",
                                   name);
        if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) == 0)
            return vt_error_create(VT_ERROR_TIMEOUT, "machine '%s' does not answer", name);
        ssize_t got = recv(fd, lines->text + lines->used, sizeof(lines->text) - lines->used, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return gone(name);
        lines->used += (size_t)got;
    }
}

struct vt_error *control_ask(int fd, const char *name, struct control_message *message,
                             int timeout_ms, json_t **ret_fields)
{
    static int64_t last_id;
    CLEANUP_FREE char *request = NULL;
    struct lines lines;
    char line[CONTROL_LINE_MAX];
    json_t *fields = NULL;

    message->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
    struct vt_error *error = control_encode(message, &request);
    if (!error)
        error = send_all(fd, name, request);
    if (error)
        return error;
    lines.used = 0;
    int64_t deadline = guest_deadline_us(timeout_ms);
    do /* a line that answers something else: nobody waited for that one any more */
        error = next_line(fd, name, deadline, &lines, line);
    while (!error && !control_understand(line, message->id, &fields, &error));
    if (!error && ret_fields)
        *ret_fields = fields;
    else
        json_decref(fields);
    return error;
}

/* On a connection of its own. */
static struct vt_error *ask_by_name(const char *name, struct control_message *message,
                                    json_t **ret_fields)
{
    struct vt_guest *guest;
    struct vt_error *error = vt_guest_attach(name, &guest); /* the versions are compared there */

    if (error)
        return error;
    error = control_ask(guest->connection, name, message, PATIENT_MS, ret_fields);
    vt_guest_detach(guest);
    return error;
}

struct vt_error *control_forward(void *context, const struct guest_command *command,
                                 int64_t *ret_result)
{
    struct vt_guest *guest = context;
    struct control_message message = {.request = CONTROL_ACT,
                                      .number = (int64_t)command->command,
                                      .bytes = command->data,
                                      .byte_count = command->bytes};
    json_t *fields;

    memcpy(message.words, command->arguments, sizeof(message.words));
    struct vt_error *error = control_ask(guest->connection, guest->name, &message, ACT_MS, &fields);
    if (error)
        return error;
    const json_t *result = json_object_get(fields, "result");
    if (json_is_integer(result))
        *ret_result = json_integer_value(result);
    else
        error = vt_error_create(VT_ERROR_FORMAT, "machine '%s' gives an answer without sense",
                                guest->name);
    json_decref(fields);
    return error;
}

static bool decode_registers(const char *text, struct guest_registers *ret)
{
    if (!text || strlen(text) != 17 * 16 + 1 || strspn(text, "0123456789abcdef") != 17 * 16 + 1)
        return false;
    for (size_t i = 0; i < 17; i++) {
        char word[17];

        memcpy(word, text + 16 * i, 16);
        word[16] = '\0';
        *(i < 16 ? &ret->general[i] : &ret->rip) = strtoull(word, NULL, 16);
    }
    ret->user = text[strlen(text) - 1] == '1';
    return true;
}

struct vt_error *control_hold(void *context, struct guest_registers *ret, unsigned *ret_count)
{
    struct vt_guest *guest = context;
    struct control_message message = {.request = CONTROL_HOLD};
    json_t *fields;
    struct vt_error *error = control_ask(guest->connection, guest->name, &message, ACT_MS, &fields);

    if (error)
        return error;
    const json_t *list = json_object_get(fields, "registers");
    size_t count = json_array_size(list);
    bool good = count > 0 && count <= BOOT_CPUS_MAX;
    for (size_t i = 0; i < count && good; i++)
        good = decode_registers(json_string_value(json_array_get(list, i)), &ret[i]);
    json_decref(fields);
    *ret_count = (unsigned)count;
    if (good)
        return NULL;
    vt_error_destroy(control_let_go(guest));
    return vt_error_create(VT_ERROR_FORMAT, "machine '%s' gives registers without sense",
                           guest->name);
}

struct vt_error *control_let_go(void *context)
{
    struct vt_guest *guest = context;
    struct control_message message = {.request = CONTROL_LET_GO};

    return control_ask(guest->connection, guest->name, &message, ACT_MS, NULL);
}

struct vt_error *vt_guest_ask_trace(struct vt_guest *guest, uint64_t types)
{
    struct control_message message = {.request = CONTROL_TRACE,
                                      .number = (int64_t)(types & INT64_MAX)};

    if (guest->own)
        return vt_guest_trace_types(guest, types);
    return control_ask(guest->connection, guest->name, &message, TRACE_MS, NULL);
}

struct vt_error *vt_guest_ask_stop(struct vt_guest *guest, bool stop, int timeout_ms)
{
    struct control_message message = {.request = stop ? CONTROL_STOP : CONTROL_RESUME};
    struct vt_error *error =
        control_ask(guest->connection, guest->name, &message, timeout_ms, NULL);

    if (!error || vt_error_code(error) == VT_ERROR_GONE || vt_error_code(error) == VT_ERROR_TIMEOUT)
        return error;
    struct vt_error *explained =
        vt_error_create(VT_ERROR_BUSY, "machine '%s' cannot be %s: %s", guest->name,
                        stop ? "stopped" : "resumed", vt_error_message(error));
    vt_error_destroy(error);
    return explained;
}

struct vt_error *vt_guest_ask_gdb(const char *name, const char *address, char **ret_address,
                                  char **ret_kernel)
{
    struct control_message message = {.request = CONTROL_GDB, .text = address};
    json_t *fields;
    struct vt_error *error = ask_by_name(name, &message, &fields);

    if (error)
        return error;
    const char *where = json_string_value(json_object_get(fields, "address"));
    const char *kernel = json_string_value(json_object_get(fields, "kernel"));
    char *copies[2] = {where ? strdup(where) : NULL, kernel ? strdup(kernel) : NULL};
    json_decref(fields);
    if (!copies[0] || !copies[1]) {
        free(copies[0]);
        free(copies[1]);
        return vt_error_create(VT_ERROR_FORMAT, "machine '%s' gives an answer without sense", name);
    }
    *ret_address = copies[0];
    *ret_kernel = copies[1];
    return NULL;
}

struct vt_error *vt_guest_ask_core(const char *name, const char *path)
{
    struct control_message message = {.request = CONTROL_CORE, .text = path};

    return ask_by_name(name, &message, NULL);
}

struct vt_error *vt_guest_ask_save(const char *name, const char *path)
{
    struct control_message message = {.request = CONTROL_SNAPSHOT, .text = path};

    return ask_by_name(name, &message, NULL);
}
