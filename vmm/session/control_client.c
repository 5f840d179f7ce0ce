/*
 * vmm/session/control_client.c - attaching to a running machine of this user, and listing them.
 *
 * The machine's description comes from another process of the same user, but is checked all the
 * same: a wrong layout would let us read outside the mapping.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/inspect/guest.h"
#include "vmm/session/control_protocol.h"
#include "vmm/session/control_socket.h"

#define ANSWER_MS 3000

struct vt_error *control_connect(const char *name, int *ret_fd)
{
    CLEANUP_FREE char *directory = NULL;
    CLEANUP_CLOSE int fd = -1;
    struct sockaddr_un address;
    struct vt_error *error = control_check_name(name);

    if (!error)
        error = control_directory(false, &directory);
    if (!error)
        error = control_address(directory, name, &address);
    if (error)
        return error;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return vt_error_system(errno, "cannot make a socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        if (errno == ENOENT || errno == ECONNREFUSED)
            return vt_error_create(VT_ERROR_NOT_FOUND, "no running machine is called '%s'", name);
        return vt_error_system(errno, "cannot connect to machine '%s'", name);
    }
    *ret_fd = take_fd(&fd);
    return NULL;
}

/* Receives the description (up to its newline) and the descriptor that comes with its first bytes.
 */
static struct vt_error *receive(int fd, const char *name, char line[CONTROL_LINE_MAX],
                                int *ret_memory_fd)
{
    size_t used = 0;

    for (;;) {
        union {
            struct cmsghdr header;
            char bytes[CMSG_SPACE(sizeof(int))];
        } ancillary;
        struct iovec data = {.iov_base = line + used, .iov_len = CONTROL_LINE_MAX - 1 - used};
        struct msghdr message = {.msg_iov = &data,
                                 .msg_iovlen = 1,
                                 .msg_control = ancillary.bytes,
                                 .msg_controllen = sizeof(ancillary.bytes)};
        struct pollfd ready = {.fd = fd, .events = POLLIN};

        if (poll(&ready, 1, ANSWER_MS) <= 0)
            return vt_error_create(VT_ERROR_TIMEOUT, "machine '%s' does not answer", name);
        ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        if (got <= 0)
            return vt_error_create(VT_ERROR_GONE, "machine '%s' ended, or refused the connection",
                                   name);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
            *ret_memory_fd < 0 && header->cmsg_len == CMSG_LEN(sizeof(int)))
            memcpy(ret_memory_fd, CMSG_DATA(header), sizeof(int));
        used += (size_t)got;
        line[used] = '\0';
        if (strchr(line, '\n'))
            return NULL;
        if (used >= CONTROL_LINE_MAX - 1)
            return vt_error_create(VT_ERROR_FORMAT,
                                   "machine '%s' describes itself at too great length", name);
    }
}

static bool parse(const char *line, struct guest_memory *memory, uint64_t *ret_glass,
                  uint64_t *ret_ready_ns, char kernel[256])
{
    json_t *object = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
    json_t *ram = json_object_get(object, "ram");
    json_t *glass = json_object_get(object, "glass_phys");
    uint64_t total = 0;
    bool good = json_integer_value(json_object_get(object, "vitrine")) == CONTROL_VERSION &&
                json_is_integer(glass) && json_array_size(ram) <= BOOT_RAM_RANGES_MAX;

    memory->bytes = (uint64_t)json_integer_value(json_object_get(object, "memory_bytes"));
    for (size_t i = 0; good && i < json_array_size(ram); i++) {
        json_t *range = json_array_get(ram, i);
        json_int_t phys = json_integer_value(json_array_get(range, 0));
        json_int_t bytes = json_integer_value(json_array_get(range, 1));

        good = phys >= 0 && bytes >= 0 && (uint64_t)bytes <= memory->bytes - total;
        memory->ram[i] = (struct boot_range){.phys = (uint64_t)phys, .bytes = (uint64_t)bytes};
        total += (uint64_t)bytes;
    }
    *ret_glass = (uint64_t)json_integer_value(glass);
    *ret_ready_ns = (uint64_t)json_integer_value(json_object_get(object, "ready_ns"));
    const char *path = json_string_value(json_object_get(object, "kernel"));
    snprintf(kernel, 256, "%s", path && strlen(path) < 256 ? path : "");
    json_decref(object);
    return good;
}

struct vt_error *vt_guest_attach(const char *name, struct vt_guest **ret)
{
    CLEANUP_CLOSE int connection = -1;
    CLEANUP_CLOSE int memory_fd = -1;
    char line[CONTROL_LINE_MAX], kernel[256];
    struct guest_memory memory = {0};
    uint64_t glass_phys, ready_ns;
    struct stat status;
    struct vt_error *error = control_connect(name, &connection);

    if (!error)
        error = receive(connection, name, line, &memory_fd);
    if (error)
        return error;
    if (!parse(line, &memory, &glass_phys, &ready_ns, kernel) || memory_fd < 0 ||
        fstat(memory_fd, &status) != 0 || memory.bytes == 0 ||
        (uint64_t)status.st_size < memory.bytes)
        return vt_error_create(
            VT_ERROR_FORMAT,
            "machine '%s' describes itself in a way this program does not understand: use the same "
            "version of vitrine for both",
            name);
    memory.base = mmap(NULL, memory.bytes, PROT_READ, MAP_SHARED | MAP_NORESERVE, memory_fd, 0);
    if (memory.base == MAP_FAILED)
        return vt_error_system(errno, "cannot map the memory of machine '%s'", name);
    struct vt_guest *guest = malloc(sizeof(*guest));
    if (!guest) {
        munmap(memory.base, memory.bytes);
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for machine '%s'", name);
    }
    guest_init(guest, &memory, glass_phys);
    guest->ready_ns = ready_ns;
    guest->owner = (struct guest_owner){.forward = control_forward,
                                        .hold = control_hold,
                                        .let_go = control_let_go,
                                        .context = guest};
    memcpy(guest->kernel_path, kernel, sizeof(guest->kernel_path));
    guest->connection = take_fd(&connection);
    guest->memory_fd = take_fd(&memory_fd);
    snprintf(guest->name, sizeof(guest->name), "%s", name);
    *ret = guest;
    return NULL;
}

void vt_guest_detach(struct vt_guest *guest)
{
    if (!guest || guest->own)
        return;
    munmap(guest->memory.base, guest->memory.bytes);
    close(guest->memory_fd);
    close(guest->connection);
    guest_deinit(guest);
    free(guest);
}

static bool is_alive(const char *name)
{
    int fd;
    struct vt_error *error = control_connect(name, &fd);

    if (!error)
        close(fd);
    vt_error_destroy(error);
    return !error;
}

/* A machine that was killed leaves its socket behind. Whoever gets the lock of its name may clear
 * it away. */
static void remove_stale(const char *directory, const char *name)
{
    CLEANUP_FREE char *lock = NULL;
    CLEANUP_CLOSE int fd = -1;
    struct sockaddr_un address;
    struct vt_error *error = control_address(directory, name, &address);

    if (error || asprintf(&lock, "%s/%s.lock", directory, name) < 0) {
        vt_error_destroy(error);
        return;
    }
    fd = open(lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
        unlink(address.sun_path);
        unlink(lock);
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct vt_error *vt_guest_names(char ***ret_names, size_t *ret_count)
{
    CLEANUP_FREE char *directory = NULL;
    struct vt_error *error = control_directory(false, &directory);
    char **names = NULL;
    size_t count = 0;

    if (error && vt_error_code(error) != VT_ERROR_NOT_FOUND)
        return error;
    DIR *stream = error ? NULL : opendir(directory);
    vt_error_destroy(error);
    for (struct dirent *entry; stream && (entry = readdir(stream)) != NULL;) {
        size_t length = strlen(entry->d_name);
        char name[CONTROL_NAME_MAX + 1];

        if (length <= 5 || length - 5 > CONTROL_NAME_MAX ||
            strcmp(entry->d_name + length - 5, ".sock") != 0)
            continue;
        snprintf(name, sizeof(name), "%.*s", (int)(length - 5), entry->d_name);
        if (!is_alive(name)) {
            remove_stale(directory, name);
            continue;
        }
        char **larger = realloc(names, (count + 1) * sizeof(*names));
        if (larger)
            names = larger;
        if (!larger || !(names[count] = strdup(name)))
            break;
        count++;
    }
    if (stream)
        closedir(stream);
    if (count)
        qsort(names, count, sizeof(*names), by_text);
    *ret_names = names;
    *ret_count = count;
    return NULL;
}
