/*
 * kernel/token/token_handle.h - descriptors that stand for tokens. What may be done through one is
 * decided when it is opened, and kept in it: it stays so whatever happens to the token's descriptor,
 * and goes wherever the file goes (dup, fork, messages of sockets, exec without close-on-exec).
 *
 * Lifetime: a handle holds its token and lives as long as its file. No locks: it never changes.
 */
#ifndef KERNEL_TOKEN_TOKEN_HANDLE_H
#define KERNEL_TOKEN_TOKEN_HANDLE_H

#include "kernel/token/token_object.h"

struct file_operations;

struct token_handle {
    struct token_object *token; /* counted */
    uint32_t access;            /* TOKEN_* and standard rights */
};
extern const struct file_operations token_operations;

/*
 * A close-on-exec descriptor of the current task. Takes over the reference, also on failure. The
 * descriptor, -ENOMEM or -EMFILE.
 */
int token_handle_create(struct token_object *token, uint32_t access);
/* The token behind a descriptor, counted: 0; -EBADF; -EINVAL: it is no token; -EACCES: it has not all of these
 * rights. */
int token_handle_get(int fd, uint32_t access, struct token_object **ret);

/*
 * May the current task, as who it acts now, do this to the token? 0 and what of it is granted (with
 * MAXIMUM_ALLOWED all that could be); -EACCES, -EINVAL, -E2BIG. May use 8 KiB of stack.
 */
int token_access(struct token_object *token, uint32_t desired, uint32_t *ret_granted);
/* As above, and the descriptor is made. Takes over the reference, also on failure. */
int token_handle_open(struct token_object *token, uint32_t desired);

/* ---- ioctls: each gets the handle and the program's argument. 0 or -errno. ---- */
/* token_ask.c */
int64_t token_ioctl_query(const struct token_handle *handle, uint64_t argument);
/* token_change.c */
int64_t token_ioctl_adjust_privileges(const struct token_handle *handle, uint64_t argument);
int64_t token_ioctl_adjust_groups(const struct token_handle *handle, uint64_t argument);
int64_t token_ioctl_adjust_default(const struct token_handle *handle, uint64_t argument);
int64_t token_ioctl_adjust_session(const struct token_handle *handle, uint64_t argument);
/* token_make.c */
int64_t token_ioctl_duplicate(const struct token_handle *handle, uint64_t argument);
int64_t token_ioctl_restrict(const struct token_handle *handle, uint64_t argument);
/* token_link.c */
int64_t token_ioctl_link(const struct token_handle *handle, uint64_t argument);
int64_t token_ioctl_get_linked(const struct token_handle *handle, uint64_t argument);
/* token_act.c */
int64_t token_ioctl_install(const struct token_handle *handle, uint64_t argument);
int64_t token_ioctl_impersonate(const struct token_handle *handle, uint64_t argument);

/*
 * The current thread acts as `client`, at the level that its own process may; whom it acted as before
 * is forgotten. 0; -EINVAL: no impersonation token; -EPERM, -ENOMEM: nothing has changed.
 */
int token_impersonate(struct token_object *client);

#endif
