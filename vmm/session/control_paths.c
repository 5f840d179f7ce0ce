/*
 * vmm/session/control_paths.c - where the control sockets lie, and which names machines may have.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/session/control_socket.h"

struct vt_error *control_check_name(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t length = strlen(name);

    if (length == 0 || length > CONTROL_NAME_MAX || name[0] == '.' || name[0] == '-' ||
        strspn(name, allowed) != length)
        return vt_error_create(
            VT_ERROR_ARGUMENT,
            "'%s' cannot name a machine: 1 to %d letters, digits and ._- (no . or - first)", name,
            CONTROL_NAME_MAX);
    return NULL;
}

struct vt_error *control_directory(bool create, char **ret)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    struct stat status;
    char *path = NULL;
    int made = runtime && runtime[0] == '/' && access(runtime, W_OK | X_OK) == 0
                   ? asprintf(&path, "%s/vitrine", runtime)
                   : asprintf(&path, "/tmp/vitrine-%u", (unsigned)geteuid());

    if (made < 0)
        return vt_error_create(VT_ERROR_MEMORY,
                               "out of memory for the path of the control sockets");
    if (create)
        mkdir(path, 0700);
    struct vt_error *error = NULL;
    if (lstat(path, &status) != 0)
        error = errno == ENOENT
                    ? vt_error_create(VT_ERROR_NOT_FOUND, "no machine runs")
                    : vt_error_system(errno, "cannot use '%s' for control sockets", path);
    /* In /tmp anyone may have been first: a directory that others can write is no place for a
     * socket. */
    else if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077))
        error =
            vt_error_create(VT_ERROR_DENIED,
                            "'%s' is not a directory of yours alone (mode 0700): remove it, or set "
                            "XDG_RUNTIME_DIR",
                            path);
    if (error) {
        free(path);
        return error;
    }
    *ret = path;
    return NULL;
}

struct vt_error *control_address(const char *directory, const char *name, struct sockaddr_un *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->sun_family = AF_UNIX;
    int length = snprintf(ret->sun_path, sizeof(ret->sun_path), "%s/%s.sock", directory, name);
    if (length < 0 || (size_t)length >= sizeof(ret->sun_path))
        return vt_error_create(
            VT_ERROR_ARGUMENT,
            "the path '%s/%s.sock' is too long for a socket: use a shorter XDG_RUNTIME_DIR",
            directory, name);
    return NULL;
}
