/*
 * kernel/token/descriptor_calls.c - get_sd and set_sd: the descriptors of tokens and processes, read and written by
 * parts, behind a descriptor of either (AT_EMPTY_PATH). Who may is decided anew each time, by the
 * descriptor as it stands; who changes it starts again if somebody else was quicker.
 */
#include "arch/cpu.h"
#include "kernel/lib/string.h"
#include "kernel/process/pidfd.h"
#include "kernel/security/access_check.h"
#include "kernel/security/descriptor_merge.h"
#include "kernel/syscall/syscall.h"
#include "kernel/token/process_gate.h"
#include "kernel/token/thread_token.h"
#include "kernel/token/token_handle.h"
#include "kernel/token/token_memory.h"

#define AT_EMPTY_PATH 0x1000u

/* What has the descriptor: one of the two, counted. */
struct secured {
    struct token_object *token;
    struct process *process;
};

/* Its descriptor at one moment. */
struct protection {
    struct token_state *state;     /* counted: of a token */
    struct descriptor_copy *given; /* counted: of a process that was given one */
    struct byte_span bytes;
    uint8_t usual[DEFAULT_DESCRIPTOR_BYTES_MAX];
};

/* Room for what is too large for a stack. */
struct work {
    struct merge_scratch scratch;
};

static int secured_get(int fd, uint64_t path, uint32_t flags, struct secured *ret)
{
    char first = 0;
    *ret = (struct secured){0};
    if (flags != AT_EMPTY_PATH)
        return flags & ~(AT_EMPTY_PATH | 0x100u) ? -EINVAL : -EOPNOTSUPP; /* files have none yet */
    if (path && get_user(first, path))
        return -EFAULT;
    if (first)
        return -EOPNOTSUPP;
    int error = token_handle_get(fd, 0, &ret->token);
    if (error == -EINVAL)
        error = pidfd_process_get(fd, NULL, &ret->process);
    return error;
}

static void secured_put(struct secured *secured)
{
    if (secured->token)
        token_put(secured->token);
    if (secured->process)
        process_put(secured->process);
}

static void protection_get(const struct secured *secured, struct protection *ret)
{
    ret->state = NULL;
    ret->given = NULL;
    if (secured->token) {
        ret->state = token_state_get(secured->token);
        ret->bytes = ret->state->token.descriptor;
        return;
    }
    struct process *process = secured->process;
    spin_lock(&process->parts_lock);
    ret->given = process->descriptor;
    if (ret->given)
        reference_get(&ret->given->references);
    spin_unlock(&process->parts_lock);
    if (ret->given) {
        ret->bytes = (struct byte_span){ret->given->data, ret->given->bytes};
        return;
    }
    struct token_object *token = process_token_get(process);
    struct token_state *says = token_state_get(token);
    int bytes =
        process_default_descriptor(says->token.subject.user, ret->usual, sizeof(ret->usual));
    ret->bytes = (struct byte_span){ret->usual, bytes < 0 ? 0 : (uint32_t)bytes};
    token_state_put(says);
    token_put(token);
}

static void protection_put(struct protection *protection)
{
    if (protection->state)
        token_state_put(protection->state);
    descriptor_copy_put(protection->given);
}

/* May the thread, as it acts, do that by this descriptor? */
static int may(const struct secured *secured, const struct protection *protection, uint32_t rights)
{
    struct access_result result;
    struct token_object *subject = task_token_get(current);
    struct token_state *says = token_state_get(subject);
    const struct access_request request = {
        .subject = &says->token.subject,
        .descriptor = protection->bytes,
        .desired = rights,
        .mapping = secured->token ? token_mapping : process_mapping,
    };
    int error = access_check(&request, NULL, &result);
    if (result.privileges_used)
        __atomic_fetch_or(&subject->privileges_used, result.privileges_used, __ATOMIC_RELAXED);
    token_state_put(says);
    token_put(subject);
    return error ? error : result.allowed ? 0 : -EACCES;
}

/* ---- reading ---- */

static int64_t write_out(const struct descriptor *parts, uint64_t buffer, uint32_t room)
{
    size_t bytes = descriptor_size(parts);
    uint8_t *memory = bytes <= room ? kmalloc(bytes) : NULL;
    if (!room || bytes > room)
        return (int64_t)bytes;
    if (!memory)
        return -ENOMEM;
    int length = descriptor_build(parts, memory, bytes);
    if (length > 0 && copy_to_user(buffer, memory, (size_t)length))
        length = -EFAULT;
    kfree(memory);
    return length;
}

static int64_t read_parts(const struct secured *secured, uint32_t parts, struct work *work,
                          uint64_t buffer, uint32_t room)
{
    struct protection protection;
    struct descriptor whole, some;
    protection_get(secured, &protection);
    int64_t result = may(secured, &protection, descriptor_read_rights(parts));
    if (!result)
        result = descriptor_open(protection.bytes, &whole);
    if (!result)
        result = descriptor_select(&whole, parts, &work->scratch, &some);
    if (!result)
        result = write_out(&some, buffer, room);
    protection_put(&protection);
    return result;
}

SYSCALL6(get_sd, int, fd, uint64_t, path, uint32_t, parts, uint64_t, buffer, uint32_t, room,
         uint32_t, flags)
{
    struct secured secured;
    if (!descriptor_read_rights(parts))
        return -EINVAL;
    int64_t error = secured_get(fd, path, flags, &secured);
    if (error)
        return error;
    struct work *work = kmalloc(sizeof(*work));
    error = work ? read_parts(&secured, parts, work, buffer, room) : -ENOMEM;
    kfree(work);
    secured_put(&secured);
    return error;
}

/* ---- writing ---- */

/* The new descriptor as one piece: *ret, with one reference. */
static int merge(const struct protection *protection, const struct descriptor *fresh,
                 uint32_t parts, struct work *work, struct descriptor_copy **ret)
{
    struct descriptor old, merged;
    struct token_object *subject = task_token_get(current);
    struct token_state *says = token_state_get(subject);
    int error = descriptor_open(protection->bytes, &old);
    if (!error)
        error = descriptor_merge(&old, fresh, parts, &says->token, false, &work->scratch, &merged);
    if (error == -EPERM && parts & PART_OWNER && token_has_privilege(subject, SE_RESTORE))
        error = descriptor_merge(&old, fresh, parts, &says->token, true, &work->scratch, &merged);
    size_t bytes = error ? 0 : descriptor_size(&merged);
    if (bytes > DESCRIPTOR_BYTES_MAX)
        error = -E2BIG;
    struct descriptor_copy *copy = error ? NULL : token_memory(sizeof(*copy) + bytes);
    int length = copy ? descriptor_build(&merged, copy->data, bytes) : error ? error : -ENOMEM;
    token_state_put(says);
    token_put(subject);
    if (!copy || length < 0) {
        kfree(copy);
        return length;
    }
    copy->references = 1;
    copy->bytes = (uint32_t)length;
    *ret = copy;
    return 0;
}

/* True: it is done, or cannot be (*ret_error). False: the old one is not there any more. */
static bool put_in_place(const struct secured *secured, const struct protection *old,
                         struct descriptor_copy *copy, int *ret_error)
{
    *ret_error = 0;
    if (secured->token) {
        struct token token = old->state->token;
        token.descriptor = (struct byte_span){copy->data, copy->bytes};
        struct token_state *fresh = token_state_copy(&token);
        *ret_error = fresh ? 0 : -ENOMEM;
        bool done = !fresh || token_state_replace(secured->token, old->state, fresh);
        if (fresh && !done)
            token_state_put(fresh);
        descriptor_copy_put(copy);
        return done;
    }
    struct process *process = secured->process;
    if (copy->bytes > PROCESS_DESCRIPTOR_BYTES_MAX) {
        descriptor_copy_put(copy);
        *ret_error = -E2BIG;
        return true;
    }
    spin_lock(&process->parts_lock);
    bool done = process->descriptor == old->given;
    if (done) {
        process->descriptor = copy;
        process->gate_verdict = 0;
    }
    spin_unlock(&process->parts_lock);
    descriptor_copy_put(done ? old->given : copy); /* the process's own reference to the old */
    return done;
}

static int64_t write_parts(const struct secured *secured, const struct descriptor *fresh,
                           uint32_t parts, struct work *work)
{
    for (;;) {
        struct protection old;
        struct descriptor_copy *copy = NULL;
        protection_get(secured, &old);
        int error = may(secured, &old, descriptor_write_rights(parts));
        if (!error)
            error = merge(&old, fresh, parts, work, &copy);
        bool done = error || put_in_place(secured, &old, copy, &error);
        protection_put(&old);
        if (done)
            return error;
    }
}

SYSCALL6(set_sd, int, fd, uint64_t, path, uint32_t, parts, uint64_t, buffer, uint32_t, length,
         uint32_t, flags)
{
    struct secured secured;
    struct descriptor fresh;
    struct byte_span bytes;
    if (!descriptor_write_rights(parts) || !length)
        return -EINVAL;
    int64_t error = secured_get(fd, path, flags, &secured);
    if (error)
        return error;
    error = token_bytes_from_user(buffer, length, DESCRIPTOR_BYTES_MAX, &bytes);
    struct work *work = error ? NULL : kmalloc(sizeof(*work));
    if (!error)
        error = work ? descriptor_open(bytes, &fresh) : -ENOMEM;
    if (!error)
        error = write_parts(&secured, &fresh, parts, work);
    kfree(work);
    kfree((void *)bytes.data);
    secured_put(&secured);
    return error;
}
