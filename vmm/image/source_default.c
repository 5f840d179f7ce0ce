/*
 * vmm/image/source_default.c - the root that needs nothing but Debian's busybox-static: busybox
 * with its applets as links, our own programs, and the few files and directories that programs
 * expect.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/image/source.h"

#define BUSYBOX "/bin/busybox"

/* A fixed date, so that the same programs give the same image byte for byte. */
#define BUILD_TIME 1700000000

static const struct {
    const char *path;
    uint32_t mode;
} directories[] = {
    {"/", 0755},     {"/bin", 0755},  {"/dev", 0755},  {"/etc", 0755},
    {"/proc", 0555}, {"/root", 0700}, {"/tmp", 01777}, {"/usr", 0755},
};

static const struct {
    const char *path, *text;
} files[] = {
    {"/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"
                    "nobody:x:65534:65534:nobody:/:/bin/false\n"},
    {"/etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"},
    {"/etc/hostname", "vitrine\n"},
};

static struct image_attributes attributes(uint32_t mode)
{
    return (struct image_attributes){.mode = mode, .mtime = BUILD_TIME};
}

static bool is_program(int directory, const char *name, struct stat *status)
{
    return fstatat(directory, name, status, 0) == 0 && S_ISREG(status->st_mode) &&
           (status->st_mode & 0111) && strchr(name, '.') == NULL;
}

static int by_name(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

/* Calls `each` for every program in the directory, in order. A missing directory has none. */
static struct vt_error *for_each_program(const char *programs,
                                         struct vt_error *(*each)(void *context, int directory,
                                                                  const char *name,
                                                                  const struct stat *status),
                                         void *context)
{
    CLEANUP_CLOSE int directory =
        programs ? open(programs, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    struct dirent **entries = NULL;
    struct vt_error *error = NULL;

    if (directory < 0)
        return NULL;
    int count = scandirat(directory, ".", &entries, NULL, by_name);
    for (int i = 0; i < count; i++) {
        struct stat status;

        if (!error && is_program(directory, entries[i]->d_name, &status))
            error = each(context, directory, entries[i]->d_name, &status);
        free(entries[i]);
    }
    free(entries);
    return error;
}

static void hash_status(struct image_hash *hash, const char *name, const struct stat *status)
{
    image_hash_add_string(hash, name);
    image_hash_add_number(hash, status->st_ino);
    image_hash_add_number(hash, (uint64_t)status->st_size);
    image_hash_add_number(hash, (uint64_t)status->st_mtim.tv_sec);
    image_hash_add_number(hash, (uint64_t)status->st_mtim.tv_nsec);
    image_hash_add_number(hash, (uint64_t)status->st_ctim.tv_sec);
    image_hash_add_number(hash, (uint64_t)status->st_ctim.tv_nsec);
}

static struct vt_error *hash_program(void *context, int directory, const char *name,
                                     const struct stat *status)
{
    (void)directory;
    hash_status(context, name, status);
    return NULL;
}

struct vt_error *source_default_hash(const char *programs, struct image_hash *hash)
{
    struct stat status;

    if (stat(BUSYBOX, &status) != 0)
        return vt_error_system(errno, "the default root needs " BUSYBOX
                                      " (install busybox-static, or give a root with --rootfs)");
    image_hash_add_string(hash, "default");
    hash_status(hash, BUSYBOX, &status);
    return for_each_program(programs, hash_program, hash);
}

static struct vt_error *add_host_file(struct image_writer *writer, int directory, const char *name,
                                      const char *inside)
{
    CLEANUP_CLOSE int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
    struct image_attributes executable = attributes(S_IFREG | 0755);

    if (fd < 0)
        return vt_error_system(errno, "cannot open '%s' for the default root", name);
    struct vt_error *error = image_writer_add(writer, inside, &executable, NULL, NULL);
    return error ? error : source_append_file(writer, fd, name);
}

static struct vt_error *add_program(void *context, int directory, const char *name,
                                    const struct stat *status)
{
    char inside[512];

    (void)status;
    snprintf(inside, sizeof(inside), "/bin/%s", name);
    return add_host_file(context, directory, name, inside);
}

/* Busybox itself knows its applets best. A dynamically linked one could not run in the guest. */
static struct vt_error *add_applets(struct image_writer *writer)
{
    CLEANUP_FREE char *line = NULL;
    size_t room = 0;
    struct vt_error *error = NULL;
    struct image_attributes link = attributes(S_IFLNK | 0777);
    FILE *list = popen(BUSYBOX " --list", "re");
    unsigned count = 0;

    if (!list)
        return vt_error_system(errno, "cannot run " BUSYBOX " --list");
    while (!error && getline(&line, &room, list) > 0) {
        char inside[512];

        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '\0' || strchr(line, '/') || strcmp(line, "busybox") == 0)
            continue;
        snprintf(inside, sizeof(inside), "/bin/%s", line);
        error = image_writer_add(writer, inside, &link, "busybox", NULL);
        count++;
    }
    if (pclose(list) != 0 && !error)
        error = vt_error_create(VT_ERROR_SYSTEM,
                                BUSYBOX " --list failed: is it Debian's busybox-static?");
    if (count == 0 && !error)
        error = vt_error_create(VT_ERROR_SYSTEM, BUSYBOX " --list names no applets");
    return error;
}

struct vt_error *source_default_write(const char *programs, struct image_writer *writer)
{
    struct vt_error *error = NULL;
    struct image_attributes plain = attributes(S_IFREG | 0644), link = attributes(S_IFLNK | 0777);

    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]) && !error; i++) {
        struct image_attributes directory = attributes(S_IFDIR | directories[i].mode);

        error = image_writer_add(writer, directories[i].path, &directory, NULL, NULL);
    }
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !error; i++) {
        error = image_writer_add(writer, files[i].path, &plain, NULL, NULL);
        if (!error)
            error = image_writer_append(writer, files[i].text, strlen(files[i].text));
    }
    if (!error) /* scripts often say #!/usr/bin/env */
        error = image_writer_add(writer, "/usr/bin", &link, "../bin", NULL);
    if (!error)
        error = add_host_file(writer, AT_FDCWD, BUSYBOX, "/bin/busybox");
    if (!error)
        error = add_applets(writer);
    /* Last: a program of ours takes the place of an applet of the same name. */
    return error ? error : for_each_program(programs, add_program, writer);
}
