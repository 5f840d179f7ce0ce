/*
 * vmm/session/control_socket.h - how other processes of the same user find and see a running
 * machine.
 *
 * A named machine listens on DIRECTORY/NAME.sock. A client gets one line of JSON that describes the
 * machine and, with it, a read-only descriptor of the guest's memory; the connection stays open and
 * hangs up when the machine ends. Commands are lines of JSON: {"command":"ping"} {"command":"kill"}
 * {"command":"trace","types":MASK} (record these events too)
 * {"command":"gdb","address":PORT-OR-PATH} (serve a debugger; answers "address" and "kernel")
 * {"command":"core","file":PATH} (write a core file); the answer is a line with "ok" or "error".
 * {"command":"act","id":N,"mailbox":COMMAND,"arguments":[four numbers as text],
 * "data":HEXADECIMAL} is a command for the kernel (enum mailbox_command): the answer has the same
 * "id" and a "result", or "error" and the "code" of it.
 */
#ifndef VITRINE_SESSION_CONTROL_SOCKET_H
#define VITRINE_SESSION_CONTROL_SOCKET_H

#include "vmm/include/vitrine.h"

#define CONTROL_VERSION  1 /* raised with every change that an older program would misread */
#define CONTROL_NAME_MAX 48
#define CONTROL_LINE_MAX 20480 /* a command with all of GLASS_MAILBOX_DATA in hexadecimal */

struct control_socket;

/* Takes the name: VT_ERROR_EXISTS if a running machine has it, VT_ERROR_ARGUMENT if it cannot be
 * one. */
struct vt_error *control_socket_create(const char *name, struct control_socket **ret);
/* Serves clients in a thread until destroy. */
struct vt_error *control_socket_serve(struct control_socket *control, struct vt_machine *machine);
void control_socket_destroy(struct control_socket *control); /* NULL is fine */

/* control_commands.c: carries out a client's line; the answer ends in a newline. free(). */
char *control_obey(struct vt_machine *machine, const char *line);
/* The client's side of it: guest_owner.forward of an attached guest, which is the context. */
struct guest_command;
struct vt_error *control_forward(void *guest, const struct guest_command *command,
                                 int64_t *ret_result);
/* control_client.c: a new connection to a running machine, its description still to be read. */
struct vt_error *control_connect(const char *name, int *ret_fd);
/*
 * control_request.c: sends one command (a line without its newline) to a running machine and waits
 * for the answer, an object; json_decref() it. An "error" in it comes back as an error.
 */
struct json_t;
struct vt_error *control_request(const char *name, const char *request, struct json_t **ret);

/* control_paths.c: $XDG_RUNTIME_DIR/vitrine, else /tmp/vitrine-UID; made with mode 0700, owner
 * checked. free(). */
struct vt_error *control_directory(bool create, char **ret);
struct vt_error *control_check_name(const char *name);
/* Fills a struct sockaddr_un with DIRECTORY/NAME.sock. */
struct sockaddr_un;
struct vt_error *control_address(const char *directory, const char *name, struct sockaddr_un *ret);

#endif
