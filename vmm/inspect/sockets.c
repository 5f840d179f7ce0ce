/*
 * vmm/inspect/sockets.c - the sockets of a task, and in whose tables of descriptors their peers
 * are.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/inspect/objects.h"
#include "vmm/inspect/sockets.h"

#define TASKS_MAX   65536u
#define HOLDERS_MAX (1u << 20)

/* Of Linux: SOCK_*, SHUT_* plus one as a mask. */
enum { TYPE_STREAM = 1, TYPE_DGRAM = 2, TYPE_SEQPACKET = 5 };
enum { NO_RECEIVE = 1, NO_SEND = 2 };

#define TASK_FIELDS(F) F(files, "files") F(tgid, "tgid")
LAYOUT(task_layout, TASK_FIELDS);

const char *vt_socket_type_name(uint32_t type)
{
    return type == TYPE_STREAM      ? "stream"
           : type == TYPE_DGRAM     ? "dgram"
           : type == TYPE_SEQPACKET ? "seqpacket"
                                    : "?";
}

const char *vt_socket_state_name(enum vt_socket_state state)
{
    static const char *const names[VT_SOCKET_STATES] = {"unconnected", "listening", "connected"};

    return (unsigned)state < VT_SOCKET_STATES ? names[state] : "?";
}

struct vt_error *guest_sockets_init(const struct vt_guest *guest, struct guest_sockets *ret)
{
    struct vt_error *error = LAYOUT_FIND(guest, &ret->socket, "socket", 6, GUEST_SOCKET_FIELDS);

    return error ? error
                 : LAYOUT_FIND(guest, &ret->address, "socket_address", 2,
                               GUEST_SOCKET_ADDRESS_FIELDS);
}

size_t guest_socket_name(const struct guest_sockets *sockets, struct guest_loads *loads,
                         uint64_t socket, char name[GUEST_SOCKET_NAME_MAX])
{
    uint64_t address = guest_load(loads, socket, sockets->socket.address);
    uint64_t bytes = address ? guest_load(loads, address, sockets->address.bytes) : 0;

    if (bytes <= 2) /* the family */
        return 0;
    bytes -= 2;
    if (bytes > GUEST_SOCKET_NAME_MAX - 1)
        bytes = GUEST_SOCKET_NAME_MAX - 1;
    if (!guest_load_bytes(loads, guest_part(loads, address, sockets->address.path), name, bytes))
        return 0;
    if (name[0]) /* a path, and its NUL is counted */
        return strnlen(name, bytes);
    name[0] = '@';
    return bytes;
}

uint64_t guest_socket_file(const struct guest_sockets *sockets, struct guest_loads *loads,
                           uint64_t socket)
{
    return guest_load(loads, socket, sockets->socket.dead)
               ? 0
               : guest_load(loads, socket, sockets->socket.file);
}

/* ---- who has a file open ---- */

struct table {
    uint64_t address;
    int32_t pid;
};

struct holder {
    uint64_t file;
    int32_t pid, fd;
};

struct socket_walk {
    const struct vt_task *task;
    struct guest_files files;
    struct guest_sockets sockets;
    struct task_layout task_layout;
    struct guest_list *list;
    struct guest_list tables, holders; /* of the above */
    int32_t pid;                       /* of the table at hand */
    uint8_t *copy;
};

static int by_address_and_pid(const void *a, const void *b)
{
    const struct table *left = a, *right = b;

    return left->address != right->address ? (left->address < right->address ? -1 : 1)
                                           : (left->pid > right->pid) - (left->pid < right->pid);
}

static int by_file(const void *a, const void *b)
{
    const struct holder *left = a, *right = b;

    if (left->file != right->file)
        return left->file < right->file ? -1 : 1;
    if (left->pid != right->pid)
        return left->pid < right->pid ? -1 : 1;
    return (left->fd > right->fd) - (left->fd < right->fd);
}

static struct vt_error *add_holder(void *context, int32_t fd, uint64_t file, bool close_on_exec)
{
    struct socket_walk *walk = context;

    (void)close_on_exec;
    if (walk->holders.count == HOLDERS_MAX)
        return vt_error_create(VT_ERROR_CORRUPT, "the guest has more than %u open files",
                               HOLDERS_MAX);
    struct holder *holder = guest_list_add(&walk->holders);
    if (holder)
        *holder = (struct holder){.file = file, .pid = walk->pid, .fd = fd};
    return NULL;
}

static struct vt_error *list_tables(struct vt_guest *guest, struct socket_walk *walk)
{
    struct guest_slots slots;
    struct vt_error *error = guest_slots_open(guest, guest->tasks, "task", &slots);

    for (uint32_t i = 0; !error && i < slots.high_water; i++) {
        uint64_t id = 0;

        error = i == TASKS_MAX ? vt_error_create(VT_ERROR_CORRUPT,
                                                 "the guest has more than %u tasks", TASKS_MAX)
                               : guest_slots_read(guest, &slots, i, walk->copy, &id);
        uint64_t files = !error && id ? guest_field_value(walk->task_layout.files, walk->copy) : 0;
        struct table *table = files ? guest_list_add(&walk->tables) : NULL;
        if (table)
            *table = (struct table){files,
                                    (int32_t)guest_field_value(walk->task_layout.tgid, walk->copy)};
    }
    return error;
}

/* Every descriptor of the guest, by file. A table that several processes share counts once, for the
 * lowest PID. */
static struct vt_error *find_holders(struct vt_guest *guest, struct socket_walk *walk)
{
    walk->tables.count = walk->holders.count = 0;
    walk->tables.item_bytes = sizeof(struct table);
    walk->holders.item_bytes = sizeof(struct holder);
    struct vt_error *error = list_tables(guest, walk);

    if (walk->tables.count)
        qsort(walk->tables.items, walk->tables.count, sizeof(struct table), by_address_and_pid);
    const struct table *table = (const struct table *)walk->tables.items;
    for (size_t i = 0; i < walk->tables.count && !error; i++) {
        if (i > 0 && table[i].address == table[i - 1].address)
            continue;
        walk->pid = table[i].pid;
        error = guest_table_walk(&walk->files, table[i].address, add_holder, walk);
    }
    if (!error && (walk->tables.out_of_memory || walk->holders.out_of_memory))
        error = vt_error_create(VT_ERROR_MEMORY, "out of memory for the guest's open files");
    if (walk->holders.count)
        qsort(walk->holders.items, walk->holders.count, sizeof(struct holder), by_file);
    return error;
}

static void tell_holders(const struct socket_walk *walk, uint64_t file, struct vt_socket *socket)
{
    const struct holder *holders = (const struct holder *)walk->holders.items;
    size_t low = 0, high = walk->holders.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (holders[middle].file < file)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < walk->holders.count && holders[low].file == file; low++)
        if (socket->peer_holders++ == 0) {
            socket->peer_pid = holders[low].pid;
            socket->peer_fd = holders[low].fd;
        }
}

/* ---- the sockets of one task ---- */

static const char *name_of(struct socket_walk *walk, uint64_t socket)
{
    char name[GUEST_SOCKET_NAME_MAX];
    size_t length = guest_socket_name(&walk->sockets, &walk->files.paths.loads, socket, name);

    return length ? guest_safe_text(walk->list, name, length) : NULL;
}

static void read_socket(struct socket_walk *walk, uint64_t address, struct vt_socket *ret)
{
    const struct guest_socket_layout *layout = &walk->sockets.socket;
    struct guest_loads *loads = &walk->files.paths.loads;
    uint64_t shutdown = guest_load(loads, address, layout->shutdown);
    uint64_t state = guest_load(loads, address, layout->state);

    ret->type = (uint32_t)guest_load(loads, address, layout->kind);
    ret->state = state < VT_SOCKET_STATES ? (enum vt_socket_state)state : VT_SOCKET_UNCONNECTED;
    ret->receives_no_more = shutdown & NO_RECEIVE;
    ret->sends_no_more = shutdown & NO_SEND;
    ret->object = address;
    ret->messages = (uint32_t)guest_load(loads, address, layout->messages);
    ret->bytes = guest_load(loads, address, layout->bytes);
    ret->backlog = (uint32_t)guest_load(loads, address, layout->backlog);
    ret->backlog_limit = (uint32_t)guest_load(loads, address, layout->backlog_limit);
    ret->peer = guest_load(loads, address, layout->peer);
    ret->peer_fd = -1;
    if (ret->peer)
        ret->peer_closed = guest_load(loads, ret->peer, layout->dead);
}

static struct vt_error *visit_file(void *context, int32_t fd, uint64_t address, bool close_on_exec)
{
    struct socket_walk *walk = context;
    struct guest_loads *loads = &walk->files.paths.loads;
    struct vt_file file;
    struct vt_socket socket = {.fd = fd};

    (void)close_on_exec;
    guest_file_read(&walk->files, address, &file);
    if (file.kind != VT_FILE_SOCKET || !file.object)
        return guest_loads_error(loads, "an open file");
    read_socket(walk, file.object, &socket);
    socket.inode = file.inode;
    socket.name = name_of(walk, file.object);
    socket.peer_name = socket.peer ? name_of(walk, socket.peer) : NULL;
    struct vt_socket *item = guest_list_add(walk->list);
    if (item)
        *item = socket;
    const uint64_t proof[] = {(uint64_t)fd, socket.object, socket.inode,      socket.type,
                              socket.state, socket.peer,   socket.peer_closed};
    for (size_t i = 0; i < sizeof(proof) / sizeof(proof[0]); i++)
        guest_list_prove(walk->list, proof[i]);
    return guest_loads_error(loads, "a socket");
}

/* Only now, and only if somebody wants to know: it is a look at every descriptor there is. */
static struct vt_error *find_peers(struct vt_guest *guest, struct socket_walk *walk)
{
    struct guest_loads *loads = &walk->files.paths.loads;
    struct vt_error *error = NULL;
    bool known = false;

    for (size_t i = 0; i < walk->list->count && !error; i++) {
        struct vt_socket *socket = &((struct vt_socket *)walk->list->items)[i];
        uint64_t file = socket->peer ? guest_socket_file(&walk->sockets, loads, socket->peer) : 0;

        if (!file)
            continue;
        if (!known)
            error = find_holders(guest, walk);
        known = true;
        uint64_t inode = guest_load(loads, file, walk->files.paths.file.inode);
        socket->peer_inode = guest_load(loads, inode, walk->files.paths.inode.number);
        tell_holders(walk, file, socket);
        guest_list_prove(walk->list,
                         (uint64_t)(uint32_t)socket->peer_pid << 32 | (uint32_t)socket->peer_fd);
        guest_list_prove(walk->list, socket->peer_holders);
    }
    return error ? error : guest_loads_error(loads, "the peer of a socket");
}

static struct vt_error *walk_sockets(struct vt_guest *guest, void *context, struct guest_list *list)
{
    struct socket_walk *walk = context;
    uint64_t id;

    guest_paths_begin(&walk->files.paths);
    walk->list = list;
    struct vt_error *error =
        guest_object_read(guest, walk->task_layout.type, walk->task->address, walk->copy, &id);
    if (error)
        return error;
    uint64_t table = guest_field_value(walk->task_layout.files, walk->copy);
    if (id != walk->task->id || !table)
        return vt_error_create(VT_ERROR_NOT_FOUND, "task %d (%.16s) has no open files%s",
                               walk->task->tid, walk->task->comm,
                               id != walk->task->id ? ": it has ended" : "");
    guest_list_prove(list, table);
    error = guest_table_walk(&walk->files, table, visit_file, walk);
    return error ? error : find_peers(guest, walk);
}

struct vt_error *vt_guest_sockets(struct vt_guest *guest, const struct vt_task *task,
                                  struct vt_socket **ret_sockets, size_t *ret_count)
{
    const struct guest_listing listing = {
        .what = "the list of sockets",
        .item_bytes = sizeof(struct vt_socket),
        .text_at = {offsetof(struct vt_socket, name), offsetof(struct vt_socket, peer_name)},
        .text_count = 2,
        .walk = walk_sockets,
    };
    struct socket_walk walk = {.task = task};
    void *sockets;
    struct vt_error *error = guest_require_ready(guest);

    if (!error)
        error = guest_files_init(guest, &walk.files);
    if (!error)
        error = guest_sockets_init(guest, &walk.sockets);
    if (!error)
        error = LAYOUT_FIND(guest, &walk.task_layout, "task", 2, TASK_FIELDS);
    if (error)
        return error;
    walk.copy = malloc(walk.task_layout.type->size);
    if (!walk.copy)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory for a copy of a task");
    error = guest_settle(guest, &listing, &walk, &sockets, ret_count);
    free(walk.copy);
    free(walk.tables.items);
    free(walk.holders.items);
    if (!error)
        *ret_sockets = sockets;
    return error;
}
