/*
 * vmm/base/error.c - error objects: a code to branch on and one sentence for a person.
 *
 * An error belongs to whoever received it. No locks: an error is never shared between threads at
 * once. When there is no memory for an error, one static object stands for it, so creating never
 * fails.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/include/vitrine.h"

#define MESSAGE_MAX 1024

struct vt_error {
    enum vt_error_code code;
    char message[];
};

static struct vt_error out_of_memory = {VT_ERROR_MEMORY, {"out of memory"}};

static struct vt_error *create(enum vt_error_code code, const char *message)
{
    size_t bytes = strlen(message) + 1;
    struct vt_error *error = malloc(sizeof(*error) + bytes);

    if (!error)
        return &out_of_memory;
    error->code = code;
    memcpy(error->message, message, bytes);
    return error;
}

struct vt_error *vt_error_create(enum vt_error_code code, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    return create(code, message);
}

struct vt_error *vt_error_system(int error_number, const char *format, ...)
{
    char message[MESSAGE_MAX];
    char text[128];
    va_list arguments;
    size_t used;

    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    used = strlen(message);
    snprintf(message + used, sizeof(message) - used, ": %s",
             strerror_r(error_number, text, sizeof(text)));
    return create(VT_ERROR_SYSTEM, message);
}

enum vt_error_code vt_error_code(const struct vt_error *error)
{
    return error->code;
}

const char *vt_error_message(const struct vt_error *error)
{
    return error->message;
}

void vt_error_destroy(struct vt_error *error)
{
    if (error != &out_of_memory)
        free(error);
}
