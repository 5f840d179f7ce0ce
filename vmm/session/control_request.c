/*
 * vmm/session/control_request.c - one command to a running machine, and its answer.
 */
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/clock.h"
#include "vmm/base/file.h"
#include "vmm/session/control_socket.h"

#define ANSWER_MS 60000 /* a core file of a large machine takes its time */

/* The next line of what the machine sends; the descriptor that comes with the first is dropped. */
static struct vt_error *read_line(int fd, const char *name, char *line, size_t *used)
{
    uint64_t end = clock_monotonic_ns() + ANSWER_MS * 1000000ull;

    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        uint64_t now = clock_monotonic_ns();
        char *newline = memchr(line, '\n', *used);

        if (newline) {
            *newline = '\0';
            return NULL;
        }
        if (now >= end || poll(&ready, 1, (int)((end - now) / 1000000 + 1)) <= 0)
            return vt_error_create(VT_ERROR_TIMEOUT, "machine '%s' does not answer", name);
        ssize_t got = recv(fd, line + *used, CONTROL_LINE_MAX - 1 - *used, 0);
        if (got <= 0)
            return vt_error_create(VT_ERROR_GONE, "machine '%s' ended, or refused the connection",
                                   name);
        *used += (size_t)got;
    }
}

static void drop_line(char *line, size_t *used)
{
    size_t bytes = strlen(line) + 1;

    *used -= bytes;
    memmove(line, line + bytes, *used);
}

struct vt_error *control_request(const char *name, const char *request, json_t **ret)
{
    CLEANUP_CLOSE int fd = -1;
    char line[CONTROL_LINE_MAX] = "";
    size_t used = 0;
    struct vt_error *error = control_connect(name, &fd);

    if (!error)
        error = read_line(fd, name, line, &used);
    if (!error) {
        drop_line(line, &used);
        if (!file_write_all(fd, request, strlen(request)) || !file_write_all(fd, "\n", 1))
            error = vt_error_create(VT_ERROR_GONE, "machine '%s' has ended", name);
    }
    if (!error)
        error = read_line(fd, name, line, &used);
    if (error)
        return error;
    json_t *answer = json_loads(line, 0, NULL);
    const char *refusal = json_string_value(json_object_get(answer, "error"));
    if (!answer)
        error =
            vt_error_create(VT_ERROR_FORMAT, "machine '%s' gives an answer without sense", name);
    else if (refusal)
        error = vt_error_create(VT_ERROR_DENIED, "%s", refusal);
    if (error)
        json_decref(answer);
    else
        *ret = answer;
    return error;
}

struct vt_error *vt_guest_ask_gdb(const char *name, const char *address, char **ret_address,
                                  char **ret_kernel)
{
    json_t *request = json_pack("{s:s,s:s*}", "command", "gdb", "address", address);
    CLEANUP_FREE char *line = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_t *answer = NULL;

    json_decref(request);
    if (!line)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for a request");
    struct vt_error *error = control_request(name, line, &answer);
    if (error)
        return error;
    const char *where = json_string_value(json_object_get(answer, "address"));
    const char *kernel = json_string_value(json_object_get(answer, "kernel"));
    char *copies[2] = {where ? strdup(where) : NULL, kernel ? strdup(kernel) : NULL};
    json_decref(answer);
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
    json_t *request = json_pack("{s:s,s:s}", "command", "core", "file", path);
    CLEANUP_FREE char *line = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_t *answer = NULL;

    json_decref(request);
    if (!line)
        return vt_error_create(VT_ERROR_ARGUMENT, "the path '%s' is not UTF-8 text", path);
    if (strlen(line) + 2 > CONTROL_LINE_MAX)
        return vt_error_create(VT_ERROR_ARGUMENT, "the path '%s' is too long", path);
    struct vt_error *error = control_request(name, line, &answer);
    json_decref(answer);
    return error;
}
