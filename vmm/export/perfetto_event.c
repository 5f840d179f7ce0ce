/*
 * vmm/export/perfetto_event.c - ftrace events as Perfetto's messages.
 *
 * Events and fields are found by name in the descriptions that protobuf-c makes from
 * perfetto.proto: Perfetto names both as ftrace does. An event without a message of its own (our
 * own events, page faults) becomes a generic one, with the names in it.
 */
#include <string.h>

#include "vmm/export/perfetto_event.h"

static void *at(ProtobufCMessage *message, unsigned offset)
{
    return (char *)message + offset;
}

/* A field that Perfetto's message does not have is left out. */
static void set_field(ProtobufCMessage *message, const char *name, enum ftrace_field_kind kind,
                      struct ftrace_value *value)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);

    if (!field)
        return;
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        if (kind == FTRACE_COMM || kind == FTRACE_STRING)
            *(char **)at(message, field->offset) = value->text;
        return; /* a text is there when its pointer is */
    case PROTOBUF_C_TYPE_UINT64:
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            if (kind != FTRACE_SIX_WORDS)
                return;
            *(size_t *)at(message, field->quantifier_offset) = FTRACE_ARGUMENTS;
            *(uint64_t **)at(message, field->offset) = value->words;
            return;
        }
        *(uint64_t *)at(message, field->offset) = (uint64_t)value->number;
        break;
    case PROTOBUF_C_TYPE_INT64:
        *(int64_t *)at(message, field->offset) = value->number;
        break;
    case PROTOBUF_C_TYPE_INT32:
        *(int32_t *)at(message, field->offset) = (int32_t)value->number;
        break;
    default:
        return;
    }
    *(protobuf_c_boolean *)at(message, field->quantifier_offset) = true;
}

static void make_generic(struct perfetto_event *event)
{
    const struct ftrace_format *format = &ftrace_formats[event->source.kind];
    Perfetto__Protos__GenericFtraceEvent *generic = &event->body.generic;

    perfetto__protos__generic_ftrace_event__init(generic);
    generic->event_name = (char *)format->name;
    generic->field = event->field_list;
    for (unsigned i = 0; i < FTRACE_FIELDS_MAX && format->fields[i].kind; i++) {
        Perfetto__Protos__GenericFtraceEvent__Field *field = &event->fields[i];
        struct ftrace_value *value = &event->source.values[i];

        perfetto__protos__generic_ftrace_event__field__init(field);
        field->name = (char *)format->fields[i].name;
        switch (format->fields[i].kind) {
        case FTRACE_COMM:
        case FTRACE_STRING:
            field->value_case = PERFETTO__PROTOS__GENERIC_FTRACE_EVENT__FIELD__VALUE_STR_VALUE;
            field->str_value = value->text;
            break;
        case FTRACE_HEX:
        case FTRACE_ADDRESS:
            field->value_case = PERFETTO__PROTOS__GENERIC_FTRACE_EVENT__FIELD__VALUE_UINT_VALUE;
            field->uint_value = (uint64_t)value->number;
            break;
        default:
            field->value_case = PERFETTO__PROTOS__GENERIC_FTRACE_EVENT__FIELD__VALUE_INT_VALUE;
            field->int_value = value->number;
            break;
        }
        event->field_list[i] = field;
        generic->n_field = i + 1;
    }
    event->message.event_case = PERFETTO__PROTOS__FTRACE_EVENT__EVENT_GENERIC;
    event->message.generic = generic;
}

void perfetto_event_make(struct perfetto_event *event, uint64_t ns, int32_t tid)
{
    const struct ftrace_format *format = &ftrace_formats[event->source.kind];
    Perfetto__Protos__FtraceEvent *message = &event->message;

    perfetto__protos__ftrace_event__init(message);
    message->has_timestamp = true;
    message->timestamp = ns;
    message->has_pid = true;
    message->pid = (uint32_t)tid;

    const ProtobufCFieldDescriptor *choice = protobuf_c_message_descriptor_get_field_by_name(
        &perfetto__protos__ftrace_event__descriptor, format->name);
    const ProtobufCMessageDescriptor *inside = choice ? choice->descriptor : NULL;
    if (!inside || inside->sizeof_message > sizeof(event->body)) {
        make_generic(event);
        return;
    }
    inside->message_init(&event->body.base);
    for (unsigned i = 0; i < FTRACE_FIELDS_MAX && format->fields[i].kind; i++)
        set_field(&event->body.base, format->fields[i].name, format->fields[i].kind,
                  &event->source.values[i]);
    /* Of a choice, the number says which, and all pointers are the same one. */
    message->event_case = (Perfetto__Protos__FtraceEvent__EventCase)choice->id;
    *(ProtobufCMessage **)at(&message->base, choice->offset) = &event->body.base;
}
