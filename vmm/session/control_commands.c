/*
 * vmm/session/control_commands.c - what a client of the control socket may ask of the machine, and
 * the client's side of asking the kernel something (vmm/inspect/mailbox.c comes here for attached
 * guests).
 *
 * Both ends check what they read: the other one is of the same user, not of the same build.
 */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "vmm/base/cleanup.h"
#include "vmm/session/control_socket.h"
#include "vmm/session/session.h"

#define ANSWER_MS  8000 /* the owner gives the kernel 5 s */
#define ANSWER_MAX 1024

/* ---- the owner's side ---- */

/* Everything that acts on tasks; the rest of the mailbox is the owner's own business. */
static bool is_allowed(json_int_t command)
{
    static const uint32_t allowed =
        1u << MAILBOX_PING | 1u << MAILBOX_SIGNAL | 1u << MAILBOX_HOLD | 1u << MAILBOX_RELEASE |
        1u << MAILBOX_SET_NICE | 1u << MAILBOX_SET_AFFINITY | 1u << MAILBOX_SIGNAL_THREAD |
        1u << MAILBOX_FREEZE | 1u << MAILBOX_THAW | 1u << MAILBOX_SET_POLICY | 1u << MAILBOX_SPAWN |
        1u << MAILBOX_FAIL | 1u << MAILBOX_FAIL_END;

    return command >= 0 && command < 32 && (allowed >> command & 1);
}

static bool decode_hex(const char *text, uint8_t *data, size_t room, size_t *ret_bytes)
{
    size_t length = strlen(text);

    if (length % 2 || length / 2 > room)
        return false;
    for (size_t i = 0; i < length / 2; i++) {
        unsigned value;
        char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};

        if (strspn(pair, "0123456789abcdef") != 2 || sscanf(pair, "%x", &value) != 1)
            return false;
        data[i] = (uint8_t)value;
    }
    *ret_bytes = length / 2;
    return true;
}

static bool decode(const json_t *request, struct guest_command *command, uint8_t *data)
{
    const json_t *number = json_object_get(request, "mailbox");
    const json_t *arguments = json_object_get(request, "arguments");
    const char *hex = json_string_value(json_object_get(request, "data"));

    if (!json_is_integer(number) || !is_allowed(json_integer_value(number)) ||
        json_array_size(arguments) != 4)
        return false;
    command->command = (enum mailbox_command)json_integer_value(number);
    for (size_t i = 0; i < 4; i++) {
        const char *text = json_string_value(json_array_get(arguments, i));
        char *end;

        if (!text)
            return false;
        errno = 0;
        command->arguments[i] = strtoull(text, &end, 0);
        if (errno || end == text || *end)
            return false;
    }
    command->data = data;
    return decode_hex(hex ? hex : "", data, GLASS_MAILBOX_DATA, &command->bytes);
}

static json_t *act(struct vt_machine *machine, const json_t *request)
{
    CLEANUP_FREE uint8_t *data = malloc(GLASS_MAILBOX_DATA);
    struct guest_command command;
    int64_t result;
    json_int_t id = json_integer_value(json_object_get(request, "id"));

    if (!data || !decode(request, &command, data))
        return json_pack("{s:I,s:s,s:i}", "id", id, "error",
                         "this is not a command that a machine takes from others", "code",
                         (int)VT_ERROR_ARGUMENT);
    struct vt_error *error = guest_send_command(&machine->guest, &command, &result);
    json_t *answer = error ? json_pack("{s:I,s:s,s:i}", "id", id, "error", vt_error_message(error),
                                       "code", (int)vt_error_code(error))
                           : json_pack("{s:I,s:I}", "id", id, "result", (json_int_t)result);
    vt_error_destroy(error);
    return answer;
}

static json_t *trace(struct vt_machine *machine, const json_t *request)
{
    json_int_t types = json_integer_value(json_object_get(request, "types"));
    struct vt_error *error = guest_require_ready(&machine->guest);

    if (!error) {
        uint64_t now = GUEST_LOAD(&machine->guest.glass->control.trace_types);
        error = vt_guest_trace_types(&machine->guest, now | (uint64_t)types);
    }
    json_t *answer = error ? json_pack("{s:s}", "error", "the kernel is not up yet")
                           : json_pack("{s:b}", "ok", true);
    vt_error_destroy(error);
    return answer;
}

char *control_obey(struct vt_machine *machine, const char *line)
{
    json_t *request = json_loads(line, 0, NULL);
    const char *command = json_string_value(json_object_get(request, "command"));
    json_t *answer;

    if (!request) {
        answer = json_pack("{s:s}", "error", "not a line of JSON");
    } else if (command && strcmp(command, "ping") == 0) {
        answer = json_pack("{s:b}", "ok", true);
    } else if (command && strcmp(command, "trace") == 0) {
        answer = trace(machine, request);
    } else if (command && strcmp(command, "kill") == 0) {
        vt_machine_kill(machine);
        answer = json_pack("{s:b}", "ok", true);
    } else if (command && strcmp(command, "act") == 0) {
        answer = act(machine, request);
    } else {
        answer = json_pack("{s:s}", "error", "unknown command");
    }
    CLEANUP_FREE char *text = answer ? json_dumps(answer, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    char *with_end = NULL;
    if (text && asprintf(&with_end, "%s\n", text) < 0)
        with_end = NULL;
    json_decref(answer);
    json_decref(request);
    return with_end;
}

/* ---- the client's side ---- */

static struct vt_error *gone(const struct vt_guest *guest)
{
    return vt_error_create(VT_ERROR_GONE, "machine '%s' has ended", guest->name);
}

static struct vt_error *send_line(struct vt_guest *guest, const char *line)
{
    size_t length = strlen(line);

    for (size_t sent = 0; sent < length;) {
        ssize_t got = send(guest->connection, line + sent, length - sent, MSG_NOSIGNAL);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return gone(guest);
        sent += (size_t)got;
    }
    return NULL;
}

/* The next line of the owner, without its newline. What is longer than any answer is cut. */
static struct vt_error *read_line(struct vt_guest *guest, int64_t deadline_us,
                                  char line[ANSWER_MAX])
{
    for (size_t used = 0;;) {
        int64_t left_ms = (deadline_us - guest_clock_us() + 999) / 1000;
        struct pollfd ready = {.fd = guest->connection, .events = POLLIN};
        char byte;

        if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) == 0)
            return vt_error_create(VT_ERROR_TIMEOUT, "machine '%s' does not answer", guest->name);
        ssize_t got = recv(guest->connection, &byte, 1, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return gone(guest);
        if (byte == '\n') {
            line[used] = '\0';
            return NULL;
        }
        if (used < ANSWER_MAX - 1)
            line[used++] = byte;
    }
}

/* False: the line answers something else. */
static bool understand(const char *line, json_int_t id, int64_t *ret_result,
                       struct vt_error **ret_error)
{
    json_t *answer = json_loads(line, 0, NULL);
    const json_t *answered = json_object_get(answer, "id");
    const json_t *result = json_object_get(answer, "result");
    const char *problem = json_string_value(json_object_get(answer, "error"));
    bool ours = json_is_integer(answered) && json_integer_value(answered) == id;

    if (ours && json_is_integer(result)) {
        *ret_result = json_integer_value(result);
        *ret_error = NULL;
    } else if (ours) {
        json_int_t code = json_integer_value(json_object_get(answer, "code"));
        bool known = code >= VT_ERROR_ARGUMENT && code <= VT_ERROR_BAD_PROGRAM;

        *ret_error = vt_error_create(known ? (enum vt_error_code)code : VT_ERROR_FORMAT, "%s",
                                     problem ? problem : "the machine's answer makes no sense");
    }
    json_decref(answer);
    return ours;
}

struct vt_error *control_forward(void *context, const struct guest_command *command,
                                 int64_t *ret_result)
{
    struct vt_guest *guest = context;
    CLEANUP_FREE char *hex = calloc(command->bytes + 1, 2);
    CLEANUP_FREE char *line = NULL;
    char answer[ANSWER_MAX];
    int64_t deadline = guest_deadline_us(ANSWER_MS);
    json_int_t id = (json_int_t)++guest->forwarded;
    struct vt_error *error;

    for (size_t i = 0; hex && i < command->bytes; i++)
        snprintf(hex + 2 * i, 3, "%02x", ((const uint8_t *)command->data)[i]);
    if (!hex ||
        asprintf(
            &line,
            "{\"command\":\"act\",\"id\":%lld,\"mailbox\":%d,\"arguments\":[\"%#llx\",\"%#llx\","
            "\"%#llx\",\"%#llx\"],\"data\":\"%s\"}\n",
            (long long)id, (int)command->command, (unsigned long long)command->arguments[0],
            (unsigned long long)command->arguments[1], (unsigned long long)command->arguments[2],
            (unsigned long long)command->arguments[3], hex) < 0) {
        line = NULL;
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for a command");
    }
    error = send_line(guest, line);
    if (error)
        return error;
    do
        error = read_line(guest, deadline, answer);
    while (!error && !understand(answer, id, ret_result, &error));
    return error;
}
