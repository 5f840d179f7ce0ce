/*
 * kernel/token/token_make.c - new tokens and logon sessions: from nothing (create_token, create_session,
 * destroy_empty_session), and from other tokens (the ioctls that duplicate and restrict).
 */
#include "kernel/token/token_make.h"
#include "arch/cpu.h"
#include "kernel/fs/file.h"
#include "kernel/process/process.h"
#include "kernel/security/default_descriptor.h"
#include "kernel/security/sid.h"
#include "kernel/security/token_boot.h"
#include "kernel/security/token_derive.h"
#include "kernel/security/token_spec.h"
#include "kernel/syscall/syscall.h"
#include "kernel/time/clock.h"
#include "kernel/token/logon_session.h"
#include "kernel/token/security_event.h"
#include "kernel/token/thread_token.h"
#include "kernel/token/token_handle.h"
#include "kernel/token/token_memory.h"
#include "shared/token.h"

#define RESTRICTING_MAX 1024u

/* Room for a token's own descriptor. */
struct own_descriptor {
    uint8_t bytes[DEFAULT_DESCRIPTOR_BYTES_MAX];
};

/* The token gets the usual descriptor, as the current process makes it. */
static int protect(struct token *token, struct own_descriptor *room)
{
    struct token_object *creator = process_token_get(current->process);
    struct token_state *says = token_state_get(creator);
    int length = token_default_descriptor(token->subject.user, says->token.subject.user,
                                          room->bytes, sizeof(room->bytes));
    token_state_put(says);
    token_put(creator);
    if (length < 0)
        return length;
    token->descriptor = (struct byte_span){room->bytes, (uint32_t)length};
    return 0;
}

struct token_object *token_make(struct token *token, uint64_t session, enum security_origin how,
                                int *ret_error)
{
    struct own_descriptor room;
    struct token_object *made = NULL;
    *ret_error = protect(token, &room);
    struct logon_session *of = *ret_error ? NULL : logon_session_find_get(session);
    if (of) {
        made = token_create(token, of);
        *ret_error = made ? 0 : -ENOMEM;
        if (made)
            security_token_made(made, how);
    } else if (!*ret_error) {
        *ret_error = -EINVAL;
    }
    token->descriptor = (struct byte_span){0};
    return made;
}

/* ---- from nothing ---- */

static int create_from(struct byte_span spec, struct token_object **ret)
{
    struct token token;
    struct sid_buffer logon;
    int count = token_spec_entries(spec);
    if (count < 0)
        return count;
    struct sid_attributes *entries = token_memory((size_t)count * sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    int error = token_spec_read(spec, entries, &logon, &token);
    if (!error) {
        token.created = clock_realtime_ns();
        *ret = token_make(&token, token.session, SECURITY_CREATED, &error);
    }
    kfree(entries);
    return error;
}

SYSCALL2(create_token, uint64_t, address, uint64_t, bytes)
{
    struct byte_span spec;
    struct token_object *token = NULL;
    if (!thread_uses_privilege(SE_CREATE_TOKEN))
        return -EPERM;
    int error = token_bytes_from_user(address, bytes, TOKEN_SPEC_BYTES_MAX, &spec);
    if (error)
        return error;
    error = spec.length ? create_from(spec, &token) : -EINVAL;
    kfree((void *)spec.data);
    return error ? error : token_handle_create(token, TOKEN_ALL_ACCESS);
}

SYSCALL2(create_session, uint64_t, address, uint64_t, bytes)
{
    struct byte_span spec;
    uint64_t id;
    if (!thread_uses_privilege(SE_TCB))
        return -EPERM;
    int error = token_bytes_from_user(address, bytes, LOGON_SPEC_BYTES_MAX, &spec);
    if (error)
        return error;
    error = spec.length ? logon_session_from_spec(spec, &id) : -EINVAL;
    kfree((void *)spec.data);
    return error ? error : (int64_t)id;
}

SYSCALL1(destroy_empty_session, uint64_t, id)
{
    return thread_uses_privilege(SE_TCB) ? logon_session_end_empty(id) : -EPERM;
}

/* ---- from others ---- */

int64_t token_tell_descriptor(int fd, uint64_t address)
{
    if (fd < 0)
        return fd;
    if (!put_user(fd, address))
        return 0;
    file_table_close(fd);
    return -EFAULT;
}

int64_t token_ioctl_duplicate(const struct token_handle *handle, uint64_t argument)
{
    struct token_duplicate_arguments asked;
    const struct token_birth birth = {0}; /* number and GUID are the object's */
    struct token token;
    if (copy_from_user(&asked, argument, sizeof(asked)))
        return -EFAULT;
    struct token_state *source = token_describe(handle->token, &token);
    int error = token_become_duplicate(&token, (enum token_type)asked.type,
                                       (enum impersonation_level)asked.level, &birth);
    if (!error && token.subject.type == TOKEN_IMPERSONATION && asked.level == LEVEL_ANONYMOUS)
        token_boot_anonymous(&token);
    uint64_t used = token.privileges_used;
    struct token_object *made =
        error ? NULL : token_make(&token, token.session, SECURITY_DUPLICATED, &error);
    token_state_put(source);
    if (!made)
        return error;
    made->privileges_used = used;
    return token_tell_descriptor(token_handle_open(made, asked.access),
                                 argument + offsetof(struct token_duplicate_arguments, fd));
}

/* The indices and SIDs of a filter, read where they lie: 0 or -EINVAL. */
static int read_filter(const struct token_restrict_arguments *asked, struct byte_span data,
                       struct sid_attributes *entries, struct token_filter *ret)
{
    uint64_t at = asked->deny_only_count * sizeof(uint32_t);
    if (at > data.length)
        return -EINVAL;
    for (uint32_t i = 0; i < asked->restricting_count; i++) {
        entries[i].sid = at < data.length ? sid_at(data.data + at, data.length - at) : NULL;
        entries[i].attributes = GROUP_MANDATORY | GROUP_ENABLED_BY_DEFAULT | GROUP_ENABLED;
        if (!entries[i].sid)
            return -EINVAL;
        at += sid_bytes(entries[i].sid);
    }
    *ret = (struct token_filter){
        .remove_privileges = asked->remove_privileges,
        .deny_only = (const uint32_t *)(const void *)data.data,
        .deny_only_count = asked->deny_only_count,
        .restricting = {entries, asked->restricting_count},
        .write_restricted = asked->flags & TOKEN_RESTRICT_WRITE,
    };
    return at == data.length ? 0 : -EINVAL;
}

static int filter_token(struct token_object *source, const struct token_filter *filter,
                        struct sid_attributes *room, struct token_object **ret)
{
    const struct token_birth birth = {0};
    struct token token;
    struct token_state *says = token_describe(source, &token);
    struct token_state *copy = token_state_copy(&token);
    token_state_put(says);
    if (!copy)
        return -ENOMEM;
    int error = token_become_filtered(&copy->token, filter, room, &birth);
    if (!error)
        *ret = token_make(&copy->token, source->session->id, SECURITY_RESTRICTED, &error);
    token_state_put(copy);
    return error;
}

int64_t token_ioctl_restrict(const struct token_handle *handle, uint64_t argument)
{
    struct token_restrict_arguments asked;
    struct token_filter filter;
    struct token_object *made = NULL;
    struct byte_span data;
    if (copy_from_user(&asked, argument, sizeof(asked)))
        return -EFAULT;
    if (asked.flags & ~TOKEN_RESTRICT_WRITE || asked.deny_only_count > TOKEN_GROUPS_MAX ||
        asked.restricting_count > RESTRICTING_MAX)
        return -EINVAL;
    int error = token_bytes_from_user(
        asked.data, asked.bytes, TOKEN_GROUPS_MAX * 4 + RESTRICTING_MAX * SID_BYTES_MAX, &data);
    if (error)
        return error;
    /* Read and kept: two entries for each SID. */
    struct sid_attributes *entries =
        kmalloc(2ul * (asked.restricting_count + 1) * sizeof(*entries));
    error = entries ? read_filter(&asked, data, entries, &filter) : -ENOMEM;
    if (!error)
        error = filter_token(handle->token, &filter, entries + asked.restricting_count, &made);
    kfree(entries);
    kfree((void *)data.data);
    if (error)
        return error;
    return token_tell_descriptor(token_handle_create(made, handle->access),
                                 argument + offsetof(struct token_restrict_arguments, fd));
}
