/*
 * vmm/session/control_protocol.h - the language of the control socket, for both of its ends.
 *
 * A connection begins with a line of JSON in which the machine describes itself; "vitrine" in it is
 * CONTROL_VERSION, and a client of another version goes away. After that the client sends requests
 * and gets one answer to each, in order; all are lines of JSON:
 *   {"command":NAME,"id":N,ARGUMENT:VALUE ...}      the arguments: control_requests.c's table
 *   {"id":N,"ok":true, ...}   or   {"id":N,"error":SENTENCE,"code":enum vt_error_code}
 * "id" is any number; it comes back, so that an answer for which nobody waited any more is not
 * taken for another. A request with an unknown name, an unknown or missing argument, or one of the
 * wrong kind is answered by an error that says so; nothing of it is carried out.
 *
 * Both ends check what they read: the other one is of the same user, not of the same build.
 */
#ifndef VITRINE_SESSION_CONTROL_PROTOCOL_H
#define VITRINE_SESSION_CONTROL_PROTOCOL_H

#include "vmm/include/vitrine.h"

struct json_t;

#define CONTROL_VERSION       2 /* raised with every change that another version would misread */
#define CONTROL_LINE_MAX      20480 /* a request with all of GLASS_MAILBOX_DATA in hexadecimal */
#define CONTROL_ARGUMENTS_MAX 3
#define CONTROL_WORDS         4

enum control_request {
    CONTROL_PING,
    CONTROL_KILL,
    CONTROL_STOP,
    CONTROL_RESUME,
    CONTROL_TRACE,
    CONTROL_ACT,
    CONTROL_GDB,
    CONTROL_CORE,
    CONTROL_HOLD,
    CONTROL_LET_GO,
    CONTROL_SNAPSHOT,
    CONTROL_REQUESTS
};

enum control_kind {
    CONTROL_NONE = 0,
    CONTROL_NUMBER, /* 0 .. INT64_MAX */
    CONTROL_TEXT,   /* UTF-8 */
    CONTROL_UINTS,  /* CONTROL_WORDS numbers of 64 bits, each as text: JSON's have 63 */
    CONTROL_BYTES,  /* hexadecimal, at most GLASS_MAILBOX_DATA of them */
};

struct control_argument {
    const char *name;
    enum control_kind kind;
    bool optional;
};

struct control_format {
    const char *name;
    struct control_argument arguments[CONTROL_ARGUMENTS_MAX];
};

/* control_requests.c */
const struct control_format *control_format_of(enum control_request request);

/* What a request says; a request has at most one argument of each kind. */
struct control_message {
    enum control_request request;
    int64_t id;
    int64_t number;
    const char *text; /* NULL = not given */
    uint64_t words[CONTROL_WORDS];
    const uint8_t *bytes;
    size_t byte_count;
    /* of a decoded message: what the pointers above point into */
    struct json_t *json;
    uint8_t *data;
};

/* A line (NUL-terminated, without its newline) as a request. `ret->id` is set whenever the line has
 * one, also on errors. control_message_deinit() on success. */
struct vt_error *control_decode(const char *line, struct control_message *ret);
void control_message_deinit(struct control_message *message);
/* A request as a line with its newline; `ret` is free()d. VT_ERROR_ARGUMENT if it is too long, or
 * its text is not UTF-8. */
struct vt_error *control_encode(const struct control_message *message, char **ret);

/* Answers as lines with their newline, free(); NULL = out of memory. The first takes `fields` (an
 * object, or NULL) over, the second the error. */
char *control_answer(int64_t id, struct json_t *fields);
char *control_answer_error(int64_t id, struct vt_error *error);
/* False if the line does not answer request `id`. Else either *ret_error is set, or *ret_fields (an
 * object; json_decref()). */
bool control_understand(const char *line, int64_t id, struct json_t **ret_fields,
                        struct vt_error **ret_error);

#endif
