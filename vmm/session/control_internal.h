/* vmm/session/control_internal.h - the machine's side of the control socket: what control_socket.c
 * (connections) and control_requests.c (what is done) share. All of it belongs to the socket's
 * thread once it serves. */
#ifndef VITRINE_SESSION_CONTROL_INTERNAL_H
#define VITRINE_SESSION_CONTROL_INTERNAL_H

#include <pthread.h>

#include "vmm/session/control_protocol.h"
#include "vmm/session/session.h"

#define CONTROL_CLIENTS_MAX 32u

struct control_client {
    int fd;
    size_t used;
    uint64_t types; /* of events that it asked for; they are recorded while it is there */
    char line[CONTROL_LINE_MAX];
};

struct control_socket {
    struct vt_machine *machine;
    char *lock_path;
    char *socket_path;
    int lock_fd, listen_fd, stop_fd;
    int memory_fd; /* read-only description of the guest's memory */
    pthread_t thread;
    bool serves;
    int stopper;        /* descriptor of the client for whom the world is stopped; -1 = none */
    int holder;         /* of the client for whom the CPUs are held; -1 = none */
    uint64_t own_types; /* recorded anyway; valid while some client has types */
    unsigned client_count;
    struct control_client clients[CONTROL_CLIENTS_MAX];
};

/* Carries out a client's line (NUL-terminated, without its newline). The answer, with its newline;
 * free(); NULL = out of memory. */
char *control_obey(struct control_socket *control, struct control_client *client, const char *line);
/* Undoes what a client that leaves had asked for. It is still in the list; `types` may be lost. */
void control_forget(struct control_socket *control, struct control_client *client);

#endif
