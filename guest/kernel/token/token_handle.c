/* kernel/token/token_handle.c - see token_handle.h. */
#include "kernel/token/token_handle.h"

#include "arch/cpu.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/inode.h"
#include "kernel/lib/errno.h"
#include "kernel/mm/object_cache.h"
#include "kernel/security/access_check.h"
#include "kernel/token/security_event.h"
#include "kernel/token/thread_token.h"
#include "shared/token.h"

static int64_t token_ioctl(struct file *file, uint32_t command, uint64_t argument)
{
    static const struct {
        uint32_t command, access;
        int64_t (*handle)(const struct token_handle *handle, uint64_t argument);
    } commands[] = {
        {TOKEN_IOC_QUERY, TOKEN_QUERY, token_ioctl_query},
        {TOKEN_IOC_ADJUST_PRIVILEGES, TOKEN_ADJUST_PRIVILEGES, token_ioctl_adjust_privileges},
        {TOKEN_IOC_DUPLICATE, TOKEN_DUPLICATE, token_ioctl_duplicate},
        {TOKEN_IOC_INSTALL, TOKEN_ASSIGN_PRIMARY, token_ioctl_install},
        {TOKEN_IOC_RESTRICT, TOKEN_DUPLICATE, token_ioctl_restrict},
        {TOKEN_IOC_LINK, 0, token_ioctl_link}, /* what it needs it asks of both that it is given */
        {TOKEN_IOC_GET_LINKED, TOKEN_QUERY, token_ioctl_get_linked},
        {TOKEN_IOC_ADJUST_GROUPS, TOKEN_ADJUST_GROUPS, token_ioctl_adjust_groups},
        {TOKEN_IOC_IMPERSONATE, TOKEN_IMPERSONATE, token_ioctl_impersonate},
        {TOKEN_IOC_ADJUST_DEFAULT, TOKEN_ADJUST_DEFAULT, token_ioctl_adjust_default},
        {TOKEN_IOC_ADJUST_SESSION, TOKEN_ADJUST_SESSION, token_ioctl_adjust_session},
    };
    const struct token_handle *handle = file->private_data;
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        if (commands[i].command != command)
            continue;
        if ((handle->access & commands[i].access) != commands[i].access)
            return -EACCES;
        return commands[i].handle(handle, argument);
    }
    return -ENOTTY;
}

static void token_release(struct file *file)
{
    struct token_handle *handle = file->private_data;
    token_put(handle->token);
    kfree(handle);
}

const struct file_operations token_operations = {
    .kind = "anon_inode:[kacs-token]",
    .ioctl = token_ioctl,
    .release = token_release,
};

int token_handle_create(struct token_object *token, uint32_t access)
{
    struct token_handle *handle = kmalloc(sizeof(*handle));
    struct inode *inode = handle ? anonymous_inode(0600, "kacs-token") : NULL;
    struct file *file = NULL;
    if (inode) {
        *handle = (struct token_handle){token, access};
        file = file_create(NULL, inode, O_RDWR, &token_operations, handle);
        inode_put(inode);
    }
    if (!file) {
        kfree(handle);
        token_put(token);
        return -ENOMEM;
    }
    int fd = file_table_install(file, 0, true);
    if (fd < 0)
        file_put(file);
    return fd;
}

int token_handle_get(int fd, uint32_t access, struct token_object **ret)
{
    struct file *file = file_table_find(fd);
    if (!file)
        return -EBADF;
    int error = -EINVAL;
    if (file->operations == &token_operations) {
        const struct token_handle *handle = file->private_data;
        error = (handle->access & access) == access ? 0 : -EACCES;
        if (!error) {
            token_get(handle->token);
            *ret = handle->token;
        }
    }
    file_put(file);
    return error;
}

int token_access(struct token_object *token, uint32_t desired, uint32_t *ret_granted)
{
    struct token_object *subject = task_token_get(current);
    struct token_state *says = token_state_get(subject), *object = token_state_get(token);
    const struct access_request request = {
        .subject = &says->token.subject,
        .descriptor = object->token.descriptor,
        .desired = desired,
        .mapping = token_mapping,
    };
    struct access_result result;
    int error = access_check(&request, NULL, &result);
    if (!error && !result.allowed)
        error = -EACCES;
    if (result.privileges_used)
        __atomic_fetch_or(&subject->privileges_used, result.privileges_used, __ATOMIC_RELAXED);
    if (error)
        security_denied(SECURITY_TOKEN, token->object.id, desired, result.granted);
    *ret_granted = result.granted;
    token_state_put(object);
    token_state_put(says);
    token_put(subject);
    return error;
}

int token_handle_open(struct token_object *token, uint32_t desired)
{
    uint32_t granted;
    int error = token_access(token, desired, &granted);
    if (error) {
        token_put(token);
        return error;
    }
    return token_handle_create(token, granted);
}
