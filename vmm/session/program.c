/*
 * vmm/session/program.c - finding the first program before the machine starts, so that a mistyped
 * name costs no boot and gets a clear answer.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/session/program.h"

#define DEFAULT_PATH "/bin:/sbin:/usr/bin:/usr/sbin"

static struct vt_error *no_memory(void)
{
    return vt_error_create(VT_ERROR_MEMORY, "out of memory while looking for the program");
}

static struct vt_error *check_mode(const char *path, uint32_t mode)
{
    if (S_ISDIR(mode))
        return vt_error_create(VT_ERROR_BAD_PROGRAM, "cannot run '%s': it is a directory", path);
    if (!S_ISREG(mode))
        return vt_error_create(VT_ERROR_BAD_PROGRAM, "cannot run '%s': it is not a regular file",
                               path);
    if (!(mode & 0111))
        return vt_error_create(VT_ERROR_BAD_PROGRAM,
                               "cannot run '%s': it is not executable (chmod +x)", path);
    return NULL;
}

/* The interpreter that an ELF file asks for, "" if none; a file that is no ELF has none either. */
static void elf_interpreter(int fd, char *interpreter, size_t room)
{
    Elf64_Ehdr header;

    interpreter[0] = '\0';
    if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_phentsize != sizeof(Elf64_Phdr))
        return;
    for (unsigned i = 0; i < header.e_phnum && i < 256; i++) {
        Elf64_Phdr segment;

        if (pread(fd, &segment, sizeof(segment), (off_t)(header.e_phoff + i * sizeof(segment))) !=
            (ssize_t)sizeof(segment))
            return;
        if (segment.p_type != PT_INTERP)
            continue;
        size_t bytes = segment.p_filesz < room ? segment.p_filesz : room - 1;
        ssize_t got = pread(fd, interpreter, bytes, (off_t)segment.p_offset);
        interpreter[got > 0 ? got : 0] = '\0';
        return;
    }
}

static struct vt_error *take_host_file(const char *name, const struct image *image,
                                       struct program *ret)
{
    CLEANUP_CLOSE int fd = open(name, O_RDONLY | O_CLOEXEC);
    struct stat status;
    char interpreter[256], absolute[PATH_MAX];
    struct image_stat found;

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return vt_error_create(VT_ERROR_NO_PROGRAM,
                               "'%s' is neither in the guest's root nor on the host", name);
    if (fd < 0)
        return vt_error_create(VT_ERROR_BAD_PROGRAM, "cannot open the program '%s': %s", name,
                               strerror(errno));
    if (fstat(fd, &status) != 0 || !realpath(name, absolute))
        return vt_error_system(errno, "cannot examine the program '%s'", name);
    struct vt_error *error = check_mode(name, status.st_mode);
    if (error)
        return error;
    elf_interpreter(fd, interpreter, sizeof(interpreter));
    if (interpreter[0] && !image_lookup(image, interpreter, &found))
        return vt_error_create(
            VT_ERROR_BAD_PROGRAM,
            "cannot run '%s': it is dynamically linked and needs %s, which the guest's root "
            "lacks; link it with -static, or give a --rootfs that has its libraries",
            name, interpreter);
    ret->path = strdup(absolute);
    if (!ret->path)
        return no_memory();
    ret->host_bytes = (uint64_t)status.st_size;
    ret->host_mode = status.st_mode & 07777;
    ret->host_fd = take_fd(&fd);
    return NULL;
}

static struct vt_error *search_path(const char *name, const char *const *environment,
                                    const struct image *image, struct program *ret)
{
    const char *path = DEFAULT_PATH;
    bool seen_unusable = false;

    for (size_t i = 0; environment && environment[i]; i++)
        if (strncmp(environment[i], "PATH=", 5) == 0)
            path = environment[i] + 5;
    for (const char *at = path; *at;) {
        size_t length = strcspn(at, ":");
        CLEANUP_FREE char *candidate = NULL;
        struct image_stat found;

        if (asprintf(&candidate, "%.*s/%s", (int)length, at, name) < 0)
            return no_memory();
        if (candidate[0] == '/' && image_lookup(image, candidate, &found)) {
            if (S_ISREG(found.mode) && (found.mode & 0111)) {
                ret->path = take(candidate);
                return NULL;
            }
            seen_unusable = true;
        }
        at += length;
        at += *at == ':';
    }
    if (seen_unusable)
        return vt_error_create(VT_ERROR_BAD_PROGRAM,
                               "'%s' is in the guest's root but cannot be executed", name);
    return vt_error_create(
        VT_ERROR_NO_PROGRAM,
        "there is no program '%s' in the guest's root (PATH=%s); for a file of the host give a "
        "path with a '/'",
        name, path);
}

struct vt_error *program_find(const char *name, const char *const *environment, const char *cwd,
                              const struct image *image, struct program *ret)
{
    struct program program = {.host_fd = -1};
    struct vt_error *error = NULL;

    if (!name || !*name)
        return vt_error_create(VT_ERROR_ARGUMENT, "no program to run was given");
    if (!strchr(name, '/')) {
        error = search_path(name, environment, image, &program);
    } else {
        CLEANUP_FREE char *inside = NULL;
        struct image_stat found;

        if (asprintf(&inside, "%s%s%s", name[0] == '/' ? "" : cwd, name[0] == '/' ? "" : "/",
                     name) < 0)
            return no_memory();
        if (image_lookup(image, inside, &found)) {
            error = check_mode(name, found.mode);
            program.path = take(inside);
        } else {
            error = take_host_file(name, image, &program);
        }
    }
    if (error) {
        program_deinit(&program);
        return error;
    }
    *ret = program;
    return NULL;
}

void program_deinit(struct program *program)
{
    if (program->path && program->host_fd >= 0)
        close(program->host_fd);
    free(program->path);
    *program = (struct program){.host_fd = -1};
}
