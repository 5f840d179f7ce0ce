/*
 * vmm/session/control_requests.c - the requests of the control socket, in one table: name,
 * arguments, and what the machine does. control_protocol.h has the language.
 *
 * A handler gets a checked message, and an object for the answer's fields. Whatever lasts longer
 * than the request is tied to the client's connection and undone when that ends.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/cleanup.h"
#include "vmm/session/control_internal.h"

#define STOP_MS 2000

struct call {
    struct control_socket *control;
    struct control_client *client;
    struct vt_machine *machine;
    const struct control_message *message;
    json_t *answer; /* fields are added here */
};

static struct vt_error *ping(const struct call *call)
{
    (void)call;
    return NULL;
}

static struct vt_error *kill_it(const struct call *call)
{
    vt_machine_kill(call->machine);
    return NULL;
}

/* ---- the world, stopped for a client ---- */

/* A world that stands still already is another's: its owner, or another client, looks at it. */
static struct vt_error *stop(const struct call *call)
{
    struct control_socket *control = call->control;
    struct vt_guest *guest = &call->machine->guest;
    struct vt_stop stop;
    struct vt_error *error = guest_require_ready(guest);

    if (!error && (control->stopper >= 0 || guest_stands_still(guest)))
        error = vt_error_create(VT_ERROR_BUSY, "it is stopped for somebody else");
    if (!error)
        error = vt_guest_stop_now(guest);
    if (!error)
        error = vt_guest_wait_stop(guest, STOP_MS, &stop);
    /* Somebody else's stop point was faster: it will be resumed by whoever set it. */
    if (!error && stop.filter >= 0)
        error = vt_error_create(VT_ERROR_BUSY, "it is stopped for somebody else");
    if (!error)
        control->stopper = call->client->fd;
    return error;
}

static struct vt_error *resume(const struct call *call)
{
    struct control_socket *control = call->control;

    if (control->stopper != call->client->fd)
        return vt_error_create(VT_ERROR_BUSY, "it is not stopped for you");
    control->stopper = -1;
    return vt_guest_resume(&call->machine->guest);
}

/* ---- events, recorded for a client ---- */

static uint64_t clients_types(const struct control_socket *control)
{
    uint64_t types = 0;

    for (unsigned i = 0; i < control->client_count; i++)
        types |= control->clients[i].types;
    return types;
}

static struct vt_error *trace(const struct call *call)
{
    struct control_socket *control = call->control;
    struct vt_guest *guest = &call->machine->guest;
    struct vt_error *error = guest_require_ready(guest);

    if (error)
        return error;
    if (!clients_types(control))
        control->own_types = GUEST_LOAD(&guest->glass->control.trace_types);
    call->client->types |= (uint64_t)call->message->number;
    return vt_guest_trace_types(guest, control->own_types | clients_types(control));
}

/* ---- commands for the kernel ---- */

/* Everything that acts on tasks; the rest of the mailbox is the owner's own business. */
static bool is_allowed(int64_t command)
{
    static const uint32_t allowed =
        1u << MAILBOX_PING | 1u << MAILBOX_SIGNAL | 1u << MAILBOX_HOLD | 1u << MAILBOX_RELEASE |
        1u << MAILBOX_SET_NICE | 1u << MAILBOX_SET_AFFINITY | 1u << MAILBOX_SIGNAL_THREAD |
        1u << MAILBOX_FREEZE | 1u << MAILBOX_THAW | 1u << MAILBOX_SET_POLICY | 1u << MAILBOX_SPAWN |
        1u << MAILBOX_FAIL | 1u << MAILBOX_FAIL_END;

    return command < 32 && (allowed >> command & 1);
}

static struct vt_error *act(const struct call *call)
{
    const struct control_message *message = call->message;
    struct guest_command command = {.command = (enum mailbox_command)message->number,
                                    .data = message->bytes,
                                    .bytes = message->byte_count};
    int64_t result;

    _Static_assert(sizeof(command.arguments) == sizeof(message->words), "four words");
    if (!is_allowed(message->number))
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "this is not a command that a machine takes from others");
    memcpy(command.arguments, message->words, sizeof(command.arguments));
    struct vt_error *error = guest_send_command(&call->machine->guest, &command, &result);
    if (!error)
        json_object_set_new(call->answer, "result", json_integer(result));
    return error;
}

/* ---- debugging ---- */

/* Without an address, on a socket beside ours. */
static struct vt_error *gdb(const struct call *call)
{
    CLEANUP_FREE char *beside = NULL;
    CLEANUP_FREE char *given = NULL;
    const char *socket_path = call->control->socket_path;
    int length = (int)strlen(socket_path) - (int)strlen(".sock");

    if (!call->message->text && asprintf(&beside, "%.*s.gdb", length, socket_path) < 0) {
        beside = NULL;
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for an address");
    }
    struct vt_error *error =
        vt_machine_gdb(call->machine, call->message->text ? call->message->text : beside, &given);
    if (!error) {
        json_object_set_new(call->answer, "address", json_string(given));
        json_object_set_new(call->answer, "kernel", json_string(call->machine->kernel.path));
    }
    return error;
}

static struct vt_error *core(const struct call *call)
{
    if (call->message->text[0] != '/')
        return vt_error_create(VT_ERROR_ARGUMENT, "the core file's path '%s' is not absolute",
                               call->message->text);
    if (call->control->holder >= 0) /* by this very thread, for another client */
        return vt_error_create(VT_ERROR_BUSY, "the CPUs are held for somebody else just now");
    return vt_machine_core(call->machine, call->message->text);
}

static struct vt_error *snapshot(const struct call *call)
{
    if (call->message->text[0] != '/')
        return vt_error_create(VT_ERROR_ARGUMENT, "the snapshot's path '%s' is not absolute",
                               call->message->text);
    if (call->control->holder >= 0) /* by this very thread, for another client */
        return vt_error_create(VT_ERROR_BUSY, "the CPUs are held for somebody else just now");
    return vt_machine_save(call->machine, call->message->text);
}

/* ---- the CPUs, held for a client ---- */

/* Per CPU one string: each register as 16 hexadecimal digits, then 1 = user mode. */
static json_t *encode_registers(const struct guest_registers *cpu)
{
    char text[17 * 16 + 2];
    size_t used = 0;

    for (unsigned i = 0; i < 17; i++)
        used += (size_t)sprintf(text + used, "%016" PRIx64, i < 16 ? cpu->general[i] : cpu->rip);
    sprintf(text + used, "%d", cpu->user);
    return json_string(text);
}

static struct vt_error *hold(const struct call *call)
{
    struct guest_registers registers[BOOT_CPUS_MAX];
    unsigned count;

    if (call->control->holder >= 0)
        return vt_error_create(VT_ERROR_BUSY, "the CPUs are held for somebody else");
    struct vt_error *error = session_hold(call->machine, registers, &count);
    if (error)
        return error;
    call->control->holder = call->client->fd;
    json_t *list = json_array();
    for (unsigned i = 0; i < count; i++)
        json_array_append_new(list, encode_registers(&registers[i]));
    json_object_set_new(call->answer, "registers", list);
    return NULL;
}

static struct vt_error *let_go(const struct call *call)
{
    if (call->control->holder != call->client->fd)
        return vt_error_create(VT_ERROR_BUSY, "the CPUs are not held for you");
    call->control->holder = -1;
    return session_let_go(call->machine);
}

/* ---- the table ---- */

static const struct {
    struct control_format format;
    struct vt_error *(*handle)(const struct call *call);
} requests[CONTROL_REQUESTS] = {
    [CONTROL_PING] = {{"ping", {{0}}}, ping},
    [CONTROL_KILL] = {{"kill", {{0}}}, kill_it},
    /* stops the world until `resume`, or until the connection ends */
    [CONTROL_STOP] = {{"stop", {{0}}}, stop},
    [CONTROL_RESUME] = {{"resume", {{0}}}, resume},
    /* records these events too (bit mask over enum trace_type), while the connection lasts */
    [CONTROL_TRACE] = {{"trace", {{"types", CONTROL_NUMBER, false}}}, trace},
    /* a command for the kernel (enum mailbox_command); answers "result" */
    [CONTROL_ACT] = {{"act",
                      {{"mailbox", CONTROL_NUMBER, false},
                       {"arguments", CONTROL_UINTS, false},
                       {"data", CONTROL_BYTES, true}}},
                     act},
    /* a gdb server on a port or path; answers "address" and "kernel" */
    [CONTROL_GDB] = {{"gdb", {{"address", CONTROL_TEXT, true}}}, gdb},
    [CONTROL_CORE] = {{"core", {{"file", CONTROL_TEXT, false}}}, core},
    /* holds the CPUs where they are until `let-go`, or until the connection ends; answers
       "registers" */
    [CONTROL_HOLD] = {{"hold", {{0}}}, hold},
    [CONTROL_LET_GO] = {{"let-go", {{0}}}, let_go},
    [CONTROL_SNAPSHOT] = {{"snapshot", {{"file", CONTROL_TEXT, false}}}, snapshot},
};

const struct control_format *control_format_of(enum control_request request)
{
    return &requests[request].format;
}

char *control_obey(struct control_socket *control, struct control_client *client, const char *line)
{
    struct control_message message;
    struct vt_error *error = control_decode(line, &message);

    if (error)
        return control_answer_error(message.id, error);
    json_t *answer = json_object();
    const struct call call = {.control = control,
                              .client = client,
                              .machine = control->machine,
                              .message = &message,
                              .answer = answer};
    error = requests[message.request].handle(&call);
    control_message_deinit(&message);
    if (!error)
        return control_answer(message.id, answer);
    json_decref(answer);
    return control_answer_error(message.id, error);
}

/* What only this client wanted to see costs the guest nothing any more. */
void control_forget(struct control_socket *control, struct control_client *client)
{
    struct vt_guest *guest = &control->machine->guest;
    uint64_t asked = client->types;

    if (control->holder == client->fd) {
        control->holder = -1;
        vt_error_destroy(session_let_go(control->machine));
    }
    if (control->stopper == client->fd) {
        control->stopper = -1;
        vt_error_destroy(vt_guest_resume(guest));
    }
    client->types = 0;
    if (asked && !guest_has_ended(guest))
        vt_error_destroy(vt_guest_trace_types(guest, control->own_types | clients_types(control)));
}
