/*
 * vmm/session/places.c - finding the parts that belong to the library. Everything is relative to
 * what runs, so that a tree may be installed under any prefix, or moved.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/session/places.h"

/* From the directory of the command or the library. The build has both on top of everything else,
 * its tests one or two levels down; an installation has bin/, lib/ or lib/TRIPLET/, and the parts
 * in lib/vitrine. */
static const char *const from_directory[] = {
    "", "/..", "/../..", "/vitrine", "/../vitrine", "/../lib/vitrine",
};

/* For programs with a copy of the library in them, which lie anywhere. */
static const char *const usual[] = {"/usr/local/lib/vitrine", "/usr/lib/vitrine"};

#define AROUND_COUNT (sizeof(from_directory) / sizeof(from_directory[0]))

/* Which directory the running program lies in, or the file that this code was loaded from. */
static char *directory_of_program(void)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (length <= 0)
        return NULL;
    self[length] = '\0';
    char *slash = strrchr(self, '/');
    return slash ? strndup(self, (size_t)(slash - self)) : NULL;
}

static char *directory_of_library(void)
{
    Dl_info object;

    if (!dladdr(from_directory, &object) || !object.dli_fname)
        return NULL;
    /* A program that holds this code is known by the name it was started with, which may be found
     * in PATH only; then this is NULL, and directory_of_program() has it. */
    char *path = realpath(object.dli_fname, NULL);
    char *slash = path ? strrchr(path, '/') : NULL;

    if (slash)
        *slash = '\0';
    return path;
}

static char *try(const char *directory, const char *between, const char *part)
{
    char *path = NULL;

    if (asprintf(&path, "%s%s/%s", directory, between, part) < 0)
        return NULL;
    char *resolved = access(path, R_OK) == 0 ? realpath(path, NULL) : NULL;
    free(path);
    return resolved;
}

/* In the order of places_find(); either directory may be unknown. */
static char *search(const char *library, const char *program, const char *part)
{
    const char *const directories[] = {library, program};
    char *path = NULL;

    for (size_t i = 0; i < 2 && !path; i++)
        for (size_t j = 0; directories[i] && j < AROUND_COUNT && !path; j++)
            path = try(directories[i], from_directory[j], part);
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]) && !path; i++)
        path = try(usual[i], "", part);
    return path;
}

struct vt_error *places_find(const char *part, char **ret_path)
{
    char *library = directory_of_library(), *program = directory_of_program();
    char *path = search(library, program, part);
    struct vt_error *error = NULL;

    if (path)
        *ret_path = path;
    else
        error = vt_error_create(
            VT_ERROR_NOT_FOUND,
            "cannot find '%s', neither around %s nor in %s or %s: build it (make), or install "
            "everything (make install)",
            part, library ? library : "this program", usual[0], usual[1]);
    free(library);
    free(program);
    return error;
}
