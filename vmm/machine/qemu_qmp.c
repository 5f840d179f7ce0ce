/*
 * vmm/machine/qemu_qmp.c - QEMU's control protocol: JSON messages, one per line, over a socket.
 *
 * One thread reads; any thread may execute a command, answers find their call by id. The reader
 * itself may execute commands too (it does when a machine has failed): it then reads on until its
 * answer is there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/base/clock.h"
#include "vmm/machine/qemu.h"

#define QMP_ANSWER_MS 10000 /* a QEMU that does not answer for so long is hung */
#define QMP_INPUT_MAX (4u << 20)

/* Lives on the stack of the thread that executes. */
struct qmp_call {
    uint64_t id;
    json_t *answer; /* the whole message, owned */
    struct qmp_call *next;
};

void qmp_init(struct qmp *qmp, int fd, void (*event)(void *, const char *, const json_t *),
              void *context)
{
    *qmp = (struct qmp){.fd = fd, .event = event, .context = context, .next_id = 1};
    pthread_mutex_init(&qmp->lock, NULL);
    pthread_cond_init(&qmp->answered, NULL);
}

void qmp_deinit(struct qmp *qmp)
{
    pthread_cond_destroy(&qmp->answered);
    pthread_mutex_destroy(&qmp->lock);
    free(qmp->input);
}

void qmp_close(struct qmp *qmp)
{
    pthread_mutex_lock(&qmp->lock);
    qmp->closed = true;
    pthread_cond_broadcast(&qmp->answered);
    pthread_mutex_unlock(&qmp->lock);
}

/* Hands the message over to the call that waits for it; false if none does. */
static bool take_answer(struct qmp *qmp, json_t *message)
{
    bool taken = false;
    uint64_t id = (uint64_t)json_integer_value(json_object_get(message, "id"));

    pthread_mutex_lock(&qmp->lock);
    for (struct qmp_call *call = qmp->calls; call; call = call->next)
        if (call->id == id && !call->answer) {
            call->answer = message;
            taken = true;
        }
    pthread_cond_broadcast(&qmp->answered);
    pthread_mutex_unlock(&qmp->lock);
    return taken;
}

static void take_message(struct qmp *qmp, const char *line, size_t bytes)
{
    json_t *message = json_loadb(line, bytes, 0, NULL);
    const char *event;

    if (!message)
        return;
    event = json_string_value(json_object_get(message, "event"));
    if (event) {
        qmp->event(qmp->context, event, json_object_get(message, "data"));
    } else if (json_object_get(message, "QMP")) {
        pthread_mutex_lock(&qmp->lock);
        qmp->greeted = true;
        pthread_cond_broadcast(&qmp->answered);
        pthread_mutex_unlock(&qmp->lock);
    } else if (take_answer(qmp, message)) {
        return;
    }
    json_decref(message);
}

/* Takes the first whole line out of the input; NULL if there is none. The caller frees it. */
static char *next_line(struct qmp *qmp, size_t *ret_bytes)
{
    char *end = qmp->input ? memchr(qmp->input, '\n', qmp->input_used) : NULL;
    char *line;

    if (!end)
        return NULL;
    *ret_bytes = (size_t)(end - qmp->input);
    line = strndup(qmp->input, *ret_bytes);
    qmp->input_used -= *ret_bytes + 1;
    memmove(qmp->input, end + 1, qmp->input_used);
    return line;
}

bool qmp_read(struct qmp *qmp)
{
    ssize_t got;
    size_t bytes;
    char *line;

    if (qmp->input_room - qmp->input_used < 4096) {
        size_t room = qmp->input_room + 16384;
        char *input = room <= QMP_INPUT_MAX ? realloc(qmp->input, room) : NULL;

        if (!input)
            return false;
        qmp->input = input;
        qmp->input_room = room;
    }
    do
        got = read(qmp->fd, qmp->input + qmp->input_used, qmp->input_room - qmp->input_used);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return false;
    qmp->input_used += (size_t)got;
    /* A line leaves the input before it is dispatched: an event may execute a command and read
     * again. */
    while ((line = next_line(qmp, &bytes))) {
        take_message(qmp, line, bytes);
        free(line);
    }
    return true;
}

/* lock held. A descriptor (-1 = none) goes with the first byte. */
static bool send_text(const struct qmp *qmp, const char *text, int fd)
{
    size_t bytes = strlen(text);
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } ancillary = {.header = {.cmsg_level = SOL_SOCKET,
                              .cmsg_type = SCM_RIGHTS,
                              .cmsg_len = CMSG_LEN(sizeof(int))}};

    memcpy(CMSG_DATA(&ancillary.header), &fd, sizeof(fd));
    while (bytes > 0) {
        struct iovec data = {.iov_base = (char *)text, .iov_len = bytes};
        struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};

        if (fd >= 0) {
            message.msg_control = ancillary.bytes;
            message.msg_controllen = sizeof(ancillary.bytes);
        }
        ssize_t done = sendmsg(qmp->fd, &message, MSG_NOSIGNAL);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        fd = -1;
        text += done;
        bytes -= (size_t)done;
    }
    return true;
}

/* lock held; waits until the call has its answer. False: QEMU is gone, or does not answer. */
static bool wait_for_answer(struct qmp *qmp, const struct qmp_call *call)
{
    const struct timespec deadline = clock_deadline(QMP_ANSWER_MS);

    while (!call->answer && !qmp->closed) {
        if (pthread_equal(pthread_self(), qmp->reader)) {
            bool more;

            pthread_mutex_unlock(&qmp->lock);
            more = qmp_read(qmp);
            pthread_mutex_lock(&qmp->lock);
            if (!more)
                break;
        } else if (clock_wait(&qmp->answered, &qmp->lock, &deadline) == ETIMEDOUT) {
            break;
        }
    }
    return call->answer;
}

static struct vt_error *execute(struct qmp *qmp, const char *command, json_t *arguments, int fd,
                                json_t **ret_answer)
{
    struct qmp_call call = {0};
    struct qmp_call **link;
    struct vt_error *error = NULL;
    json_t *message, *failure, *result;
    char *text;
    bool answered, closed;

    pthread_mutex_lock(&qmp->lock);
    call.id = qmp->next_id++;
    message = json_pack("{s:s, s:I, s:o*}", "execute", command, "id", (json_int_t)call.id,
                        "arguments", arguments);
    text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    call.next = qmp->calls;
    qmp->calls = &call; /* cppcheck-suppress autoVariables ; unlinked again below */
    answered = text && !qmp->closed && send_text(qmp, text, fd) && wait_for_answer(qmp, &call);
    for (link = &qmp->calls; *link != &call; link = &(*link)->next)
        ;
    *link = call.next;
    closed = qmp->closed;
    pthread_mutex_unlock(&qmp->lock);

    if (!answered) {
        error = vt_error_create(VT_ERROR_GONE, "QEMU does not answer to '%s'%s", command,
                                closed ? ": it has ended" : "");
    } else if ((failure = json_object_get(call.answer, "error"))) {
        const char *why = json_string_value(json_object_get(failure, "desc"));

        error = vt_error_create(VT_ERROR_BACKEND, "QEMU refuses '%s': %s", command,
                                why ? why : "no reason given");
    } else if (ret_answer) {
        result = json_object_get(call.answer, "return");
        *ret_answer = json_incref(result);
    }
    free(text);
    json_decref(message);
    json_decref(call.answer);
    return error;
}

struct vt_error *qmp_execute(struct qmp *qmp, const char *command, json_t *arguments,
                             json_t **ret_answer)
{
    return execute(qmp, command, arguments, -1, ret_answer);
}

struct vt_error *qmp_execute_with_fd(struct qmp *qmp, const char *command, json_t *arguments,
                                     int fd)
{
    return execute(qmp, command, arguments, fd, NULL);
}
