/* vmm/session/control_protocol.c - see control_protocol.h: lines to requests and answers, and back.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/cleanup.h"
#include "vmm/session/control_protocol.h"

/* ---- requests that come ---- */

static struct vt_error *refuse(const char *request, const char *argument, const char *what)
{
    return vt_error_create(VT_ERROR_ARGUMENT,
                           "the request '%.40s' needs its argument '%.40s' as %s", request,
                           argument, what);
}

static bool decode_words(const json_t *value, uint64_t words[CONTROL_WORDS])
{
    if (json_array_size(value) != CONTROL_WORDS)
        return false;
    for (size_t i = 0; i < CONTROL_WORDS; i++) {
        const char *text = json_string_value(json_array_get(value, i));
        char *end;

        /* strtoull() would take spaces and signs, too. */
        if (!text || text[0] < '0' || text[0] > '9')
            return false;
        errno = 0;
        words[i] = strtoull(text, &end, 0);
        if (errno || *end)
            return false;
    }
    return true;
}

static int digit(char letter)
{
    return letter >= '0' && letter <= '9'   ? letter - '0'
           : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10
                                            : -1;
}

static bool decode_bytes(const char *text, struct control_message *message)
{
    size_t count = text ? strlen(text) / 2 : 0;

    if (!text || strlen(text) % 2 || count > GLASS_MAILBOX_DATA)
        return false;
    message->data = malloc(count + 1);
    for (size_t i = 0; message->data && i < count; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        message->data[i] = (uint8_t)(high << 4 | low);
    }
    message->bytes = message->data;
    message->byte_count = count;
    return message->data != NULL;
}

static struct vt_error *decode_argument(const char *request,
                                        const struct control_argument *argument,
                                        const json_t *value, struct control_message *message)
{
    static const char *const wanted[] = {
        [CONTROL_NUMBER] = "a number from 0",
        [CONTROL_TEXT] = "a string",
        [CONTROL_UINTS] = "a list of four numbers, each written as a string",
        [CONTROL_BYTES] = "a string of pairs of hexadecimal digits, not too long"};
    bool good = false;

    if (!value && argument->optional)
        return NULL;
    switch (argument->kind) {
    case CONTROL_NUMBER:
        message->number = json_integer_value(value);
        good = json_is_integer(value) && message->number >= 0;
        break;
    case CONTROL_TEXT:
        message->text = json_string_value(value);
        good = message->text != NULL;
        break;
    case CONTROL_UINTS:
        good = decode_words(value, message->words);
        break;
    case CONTROL_BYTES:
        good = decode_bytes(json_string_value(value), message);
        break;
    default:
        break;
    }
    return good ? NULL : refuse(request, argument->name, wanted[argument->kind]);
}

static const struct control_argument *find_argument(const struct control_format *format,
                                                    const char *name)
{
    for (size_t i = 0; i < CONTROL_ARGUMENTS_MAX; i++)
        if (format->arguments[i].name && strcmp(format->arguments[i].name, name) == 0)
            return &format->arguments[i];
    return NULL;
}

static struct vt_error *decode_arguments(json_t *object, struct control_message *message)
{
    const struct control_format *format = control_format_of(message->request);
    struct vt_error *error = NULL;
    const char *key;
    json_t *value;

    json_object_foreach(
        object, key,
        value) if (strcmp(key, "command") != 0 && strcmp(key, "id") != 0 &&
                   !find_argument(
                       format,
                       key)) return vt_error_create(VT_ERROR_ARGUMENT,
                                                    "the request '%s' has no argument '%.40s'",
                                                    format->name, key);
    for (size_t i = 0; i < CONTROL_ARGUMENTS_MAX && !error; i++)
        if (format->arguments[i].name)
            error = decode_argument(format->name, &format->arguments[i],
                                    json_object_get(object, format->arguments[i].name), message);
    return error;
}

static bool find_request(const char *name, enum control_request *ret)
{
    for (unsigned i = 0; i < CONTROL_REQUESTS; i++)
        if (strcmp(control_format_of((enum control_request)i)->name, name) == 0) {
            *ret = (enum control_request)i;
            return true;
        }
    return false;
}

struct vt_error *control_decode(const char *line, struct control_message *ret)
{
    struct vt_error *error = NULL;

    *ret = (struct control_message){.json = json_loads(line, JSON_REJECT_DUPLICATES, NULL)};
    const json_t *id = json_object_get(ret->json, "id");
    const char *name = json_string_value(json_object_get(ret->json, "command"));

    ret->id = json_integer_value(id);
    if (!json_is_object(ret->json))
        error = vt_error_create(VT_ERROR_ARGUMENT, "a request is a line with one object of JSON");
    else if (!name)
        error = vt_error_create(VT_ERROR_ARGUMENT, "a request says in 'command' what is wanted");
    else if (id && !json_is_integer(id))
        error = vt_error_create(VT_ERROR_ARGUMENT, "the 'id' of a request is a number");
    else if (!find_request(name, &ret->request))
        error = vt_error_create(VT_ERROR_ARGUMENT, "there is no request '%.40s'", name);
    else
        error = decode_arguments(ret->json, ret);
    if (error)
        control_message_deinit(ret);
    return error;
}

void control_message_deinit(struct control_message *message)
{
    json_decref(message->json);
    free(message->data);
    message->json = NULL;
    message->data = NULL;
    message->text = NULL;
    message->bytes = NULL;
}

/* ---- requests that go ---- */

static json_t *encode_words(const uint64_t words[CONTROL_WORDS])
{
    json_t *list = json_array();

    for (size_t i = 0; i < CONTROL_WORDS; i++) {
        char text[24];

        snprintf(text, sizeof(text), "%#" PRIx64, words[i]);
        json_array_append_new(list, json_string(text));
    }
    return list;
}

static json_t *encode_bytes(const uint8_t *bytes, size_t count)
{
    CLEANUP_FREE char *text = malloc(2 * count + 1);

    if (!text)
        return NULL;
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return json_string(text); /* NOLINT(clang-analyzer-unix.Malloc): text is CLEANUP_FREE */
}

static json_t *encode_argument(const struct control_argument *argument,
                               const struct control_message *message)
{
    switch (argument->kind) {
    case CONTROL_NUMBER:
        return json_integer(message->number);
    case CONTROL_TEXT:
        return message->text ? json_string(message->text) : NULL;
    case CONTROL_UINTS:
        return encode_words(message->words);
    default:
        return encode_bytes(message->bytes, message->byte_count);
    }
}

/* An object as a line; takes it over. */
static char *line_of(json_t *object)
{
    CLEANUP_FREE char *text = object ? json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    char *line = NULL;

    json_decref(object);
    if (!text || asprintf(&line, "%s\n", text) < 0)
        return NULL;
    return line;
}

struct vt_error *control_encode(const struct control_message *message, char **ret)
{
    const struct control_format *format = control_format_of(message->request);
    json_t *object = json_pack("{s:s,s:I}", "command", format->name, "id", (json_int_t)message->id);

    for (size_t i = 0; i < CONTROL_ARGUMENTS_MAX; i++) {
        const struct control_argument *argument = &format->arguments[i];
        json_t *value = argument->name ? encode_argument(argument, message) : NULL;

        if (value) {
            json_object_set_new(object, argument->name, value);
        } else if (argument->name && !argument->optional) {
            json_decref(object);
            return vt_error_create(VT_ERROR_ARGUMENT, "'%s' of the request '%s' is not UTF-8 text",
                                   argument->name, format->name);
        }
    }
    char *line = line_of(object);
    if (!line)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for the request '%s'", format->name);
    if (strlen(line) >= CONTROL_LINE_MAX) {
        free(line);
        return vt_error_create(VT_ERROR_ARGUMENT, "the request '%s' is too long", format->name);
    }
    *ret = line;
    return NULL;
}

/* ---- answers ---- */

char *control_answer(int64_t id, json_t *fields)
{
    json_t *answer = json_pack("{s:I,s:b}", "id", (json_int_t)id, "ok", 1);

    if (fields)
        json_object_update(answer, fields);
    json_decref(fields);
    return line_of(answer);
}

char *control_answer_error(int64_t id, struct vt_error *error)
{
    char *line = line_of(json_pack("{s:I,s:s,s:i}", "id", (json_int_t)id, "error",
                                   vt_error_message(error), "code", (int)vt_error_code(error)));

    vt_error_destroy(error);
    return line;
}

bool control_understand(const char *line, int64_t id, json_t **ret_fields,
                        struct vt_error **ret_error)
{
    json_t *answer = json_loads(line, 0, NULL);
    const json_t *answered = json_object_get(answer, "id");
    const char *problem = json_string_value(json_object_get(answer, "error"));

    *ret_error = NULL;
    if (!json_is_integer(answered) || json_integer_value(answered) != id) {
        json_decref(answer);
        return false;
    }
    if (!problem && json_is_true(json_object_get(answer, "ok"))) {
        *ret_fields = answer;
        return true;
    }
    json_int_t code = json_integer_value(json_object_get(answer, "code"));
    bool known = problem && code >= VT_ERROR_ARGUMENT && code <= VT_ERROR_BAD_PROGRAM;
    *ret_error = vt_error_create(known ? (enum vt_error_code)code : VT_ERROR_FORMAT, "%s",
                                 problem ? problem : "the machine's answer makes no sense");
    json_decref(answer);
    return true;
}
