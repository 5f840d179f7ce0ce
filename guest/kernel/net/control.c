/*
 * kernel/net/control.c - control messages (cmsg(3)): descriptors and credentials beside the bytes.
 * A program's buffer is bounded and copied once before it is parsed.
 */
#include "arch/cpu.h"
#include "kernel/fs/file_table.h"
#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/net/message.h"
#include "kernel/process/process.h"

#define SOL_SOCKET        1
#define SCM_RIGHTS        1
#define SCM_CREDENTIALS   2
#define CONTROL_BYTES_MAX 20480u /* Linux's net.core.optmem_max */

struct linux_control_header {
    uint64_t bytes; /* with this header */
    int32_t level;
    int32_t type;
};

#define CONTROL_ALIGN(bytes) align_up((uint64_t)(bytes), 8)

/* ---- from the program ---- */

static int import_rights(const uint8_t *data, uint64_t bytes, struct outgoing *outgoing)
{
    uint64_t count = bytes / sizeof(int32_t);

    if (!count)
        return 0;
    if (count > RIGHTS_MAX || (outgoing->rights && outgoing->rights->count + count > RIGHTS_MAX))
        return -EINVAL;
    if (!outgoing->rights)
        outgoing->rights = rights_allocate();
    if (!outgoing->rights)
        return -ENOMEM;
    for (uint64_t i = 0; i < count; i++) {
        int32_t fd;
        memcpy(&fd, data + i * sizeof(fd), sizeof(fd));
        struct file *file = fd < 0 ? NULL : file_table_find(fd);
        if (!file)
            return -EBADF;
        outgoing->rights->files[outgoing->rights->count++] = file;
    }
    return 0;
}

/* A process may say who it is in any of its ways; privilege may say anything. */
static int import_credentials(const uint8_t *data, uint64_t bytes, struct outgoing *outgoing)
{
    const struct credentials *own = &current->process->credentials;
    struct linux_ucred said;

    if (bytes != sizeof(said))
        return -EINVAL;
    memcpy(&said, data, sizeof(said));
    if (said.uid == UINT32_MAX || said.gid == UINT32_MAX)
        return -EINVAL;
    if (own->euid && (said.pid != current->seen_tgid ||
                      (said.uid != own->uid && said.uid != own->euid && said.uid != own->suid) ||
                      (said.gid != own->gid && said.gid != own->egid && said.gid != own->sgid)))
        return -EPERM;
    if (said.pid != current->seen_tgid) {
        struct process *process = process_find_get(pid_meant(said.pid));
        if (!process)
            return -ESRCH;
        process_put(process);
    }
    said.pid = pid_meant(said.pid); /* messages carry global numbers */
    outgoing->credentials = said;
    outgoing->has_credentials = true;
    return 0;
}

static int parse(const uint8_t *control, uint64_t bytes, struct outgoing *outgoing)
{
    struct linux_control_header header;

    for (uint64_t at = 0; bytes - at >= sizeof(header);) {
        int error = 0;
        memcpy(&header, control + at, sizeof(header));
        if (header.bytes < sizeof(header) || header.bytes > bytes - at)
            return -EINVAL;
        const uint8_t *data = control + at + sizeof(header);
        if (header.level == SOL_SOCKET) {
            if (header.type == SCM_RIGHTS)
                error = import_rights(data, header.bytes - sizeof(header), outgoing);
            else if (header.type == SCM_CREDENTIALS)
                error = import_credentials(data, header.bytes - sizeof(header), outgoing);
            else
                error = -EINVAL;
        }
        if (error)
            return error;
        at += CONTROL_ALIGN(header.bytes);
        if (at > bytes)
            break;
    }
    return 0;
}

int control_import(const struct linux_message_header *header, struct outgoing *outgoing)
{
    if (header->control_bytes > INT32_MAX || header->control_bytes > CONTROL_BYTES_MAX)
        return -ENOBUFS;
    if (!header->control_bytes)
        return 0;
    uint8_t *control = kmalloc(header->control_bytes);
    if (!control)
        return -ENOBUFS;
    int error = copy_from_user(control, header->control, header->control_bytes);
    if (!error)
        error = parse(control, header->control_bytes, outgoing);
    kfree(control);
    if (outgoing->rights)
        rights_send(outgoing->rights); /* after an error too: that is how it can be dropped */
    return error;
}

/* ---- to the program ---- */

/* Moves the header's control buffer past one message; what is cut off says so. */
static void advance(struct linux_message_header *header, uint64_t bytes)
{
    bytes = min(CONTROL_ALIGN(bytes), header->control_bytes);
    header->control += bytes;
    header->control_bytes -= bytes;
}

static uint32_t export_credentials(struct linux_message_header *header,
                                   const struct incoming *incoming)
{
    struct {
        struct linux_control_header header;
        struct linux_ucred credentials;
    } message = {
        {sizeof(message.header) + sizeof(message.credentials), SOL_SOCKET, SCM_CREDENTIALS},
        {0, 65534, 65534}}; /* nobody knows who sent it */
    uint64_t bytes = message.header.bytes;
    uint32_t flags = 0;

    if (header->control_bytes < sizeof(message.header))
        return MSG_CTRUNC;
    if (incoming->has_credentials)
        message.credentials = incoming->credentials;
    message.credentials.pid = pid_seen(message.credentials.pid);
    if (header->control_bytes < bytes) {
        bytes = message.header.bytes = header->control_bytes;
        flags = MSG_CTRUNC;
    }
    if (copy_to_user(header->control, &message, bytes))
        return flags;
    advance(header, bytes);
    return flags;
}

/* Descriptors for as many files as there is room for; the others are dropped. */
static uint32_t export_rights(struct linux_message_header *header, struct incoming *incoming)
{
    struct linux_control_header control = {0, SOL_SOCKET, SCM_RIGHTS};
    const struct rights *rights = incoming->rights;
    uint64_t room = header->control_bytes <= sizeof(control)
                        ? 0
                        : (header->control_bytes - sizeof(control)) / sizeof(int32_t);
    uint32_t done = 0;

    while (done < rights->count && done < room) {
        struct file *file = rights->files[done];
        file_get(file);
        int32_t fd = file_table_install(file, 0, incoming->flags & MSG_CMSG_CLOEXEC);
        if (fd < 0) {
            file_put(file);
            break;
        }
        if (put_user(fd, header->control + sizeof(control) + done * sizeof(fd))) {
            file_table_close(fd);
            break;
        }
        done++;
    }
    if (done) {
        control.bytes = sizeof(control) + done * sizeof(int32_t);
        if (!put_user(control, header->control))
            advance(header, control.bytes);
    }
    return done < rights->count ? MSG_CTRUNC : 0;
}

uint32_t control_export(const struct socket *socket, struct linux_message_header *header,
                        struct incoming *incoming)
{
    bool wants_credentials = READ_ONCE(socket->pass_credentials);
    uint32_t flags = 0;

    if (!header->control)
        return wants_credentials || incoming->rights ? MSG_CTRUNC : 0;
    if (wants_credentials)
        flags |= export_credentials(header, incoming);
    if (incoming->rights)
        flags |= export_rights(header, incoming);
    return flags;
}
