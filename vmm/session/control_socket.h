/*
 * vmm/session/control_socket.h - how other processes of the same user find and see a running
 * machine.
 *
 * A named machine listens on DIRECTORY/NAME.sock. A client gets one line of JSON that describes the
 * machine and, with it, a read-only descriptor of the guest's memory; the connection stays open and
 * hangs up when the machine ends. On it the client may ask for more: control_protocol.h.
 */
#ifndef VITRINE_SESSION_CONTROL_SOCKET_H
#define VITRINE_SESSION_CONTROL_SOCKET_H

#include "vmm/include/vitrine.h"

#define CONTROL_NAME_MAX 48

struct control_socket;

/* Takes the name: VT_ERROR_EXISTS if a running machine has it, VT_ERROR_ARGUMENT if it cannot be
 * one. */
struct vt_error *control_socket_create(const char *name, struct control_socket **ret);
/* Serves clients in a thread until destroy. */
struct vt_error *control_socket_serve(struct control_socket *control, struct vt_machine *machine);
void control_socket_destroy(struct control_socket *control); /* NULL is fine */

/* control_client.c: a new connection to a running machine, its description still to be read. */
struct vt_error *control_connect(const char *name, int *ret_fd);
/*
 * control_ask.c: sends a request to the machine `name` on its connection, whose description has
 * been read, and waits for the answer; its id is chosen here. *ret_fields is an object;
 * json_decref(); it may be NULL where nobody asks for it. VT_ERROR_GONE, VT_ERROR_TIMEOUT, or what
 * the machine answered.
 */
struct control_message;
struct json_t;
struct vt_error *control_ask(int fd, const char *name, struct control_message *message,
                             int timeout_ms, struct json_t **ret_fields);
/* The client's side of acting on tasks: guest_owner.forward of an attached guest, the context. */
struct guest_command;
struct vt_error *control_forward(void *context, const struct guest_command *command,
                                 int64_t *ret_result);
/* guest_owner.hold and .let_go of an attached guest, the context. */
struct guest_registers;
struct vt_error *control_hold(void *context, struct guest_registers *ret, unsigned *ret_count);
struct vt_error *control_let_go(void *context);

/* control_paths.c: $XDG_RUNTIME_DIR/vitrine, else /tmp/vitrine-UID; made with mode 0700, owner
 * checked. free(). */
struct vt_error *control_directory(bool create, char **ret);
struct vt_error *control_check_name(const char *name);
/* Fills a struct sockaddr_un with DIRECTORY/NAME.sock. */
struct sockaddr_un;
struct vt_error *control_address(const char *directory, const char *name, struct sockaddr_un *ret);

#endif
