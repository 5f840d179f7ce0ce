/*
 * kernel/token/access_calls.c - access_check and access_check_list: the kernel's decision for programs that keep
 * objects of their own, about a descriptor and a token that they name.
 */
#include "arch/cpu.h"
#include "kernel/lib/string.h"
#include "kernel/security/access_check.h"
#include "kernel/security/sid.h"
#include "kernel/syscall/syscall.h"
#include "kernel/token/thread_token.h"
#include "kernel/token/token_handle.h"
#include "kernel/token/token_memory.h"
#include "shared/token.h"

#define AUDIT_CONTEXT_MAX 4096u

/* An object type as programs give it. */
struct type_entry {
    uint16_t level, zero;
    uint8_t guid[GUID_BYTES];
};

/* A question with all that it points to, in kernel memory. */
struct question {
    struct access_arguments asked;
    struct access_request request;
    struct byte_span descriptor, self, claims, entries;
    struct object_type types[ACCESS_NODES_MAX];
    uint32_t node_granted[ACCESS_NODES_MAX];
    struct access_scratch scratch;
};

_Static_assert(sizeof(struct question) <= 65536, "kmalloc() gives no more");

static void question_free(struct question *question)
{
    if (!question)
        return;
    kfree((void *)question->descriptor.data);
    kfree((void *)question->self.data);
    kfree((void *)question->claims.data);
    kfree((void *)question->entries.data);
    kfree(question);
}

static int read_arguments(uint64_t address, struct access_arguments *ret)
{
    uint32_t size;
    if (get_user(size, address))
        return -EFAULT;
    if (size < ACCESS_ARGUMENTS_BYTES_MIN)
        return -EINVAL;
    *ret = (struct access_arguments){0};
    if (copy_from_user(ret, address, min((size_t)size, sizeof(*ret))))
        return -EFAULT;
    return ret->zero0 || ret->zero1 || ret->zero2 || ret->intent & ~3u ||
                   ret->audit_context_bytes > AUDIT_CONTEXT_MAX
               ? -EINVAL
               : 0;
}

static int read_types(struct question *question)
{
    const struct access_arguments *asked = &question->asked;
    if (!asked->types)
        return asked->type_count ? -EINVAL : 0;
    if (!asked->type_count || asked->type_count > ACCESS_NODES_MAX)
        return -EINVAL;
    int error =
        token_bytes_from_user(asked->types, asked->type_count * sizeof(struct type_entry),
                              ACCESS_NODES_MAX * sizeof(struct type_entry), &question->entries);
    const struct type_entry *entries = (const void *)question->entries.data;
    for (uint32_t i = 0; !error && i < asked->type_count; i++) {
        if (entries[i].zero)
            error = -EINVAL;
        question->types[i].level = entries[i].level;
        memcpy(question->types[i].guid, entries[i].guid, GUID_BYTES);
    }
    question->request.object_types = question->types;
    question->request.object_type_count = asked->type_count;
    return error;
}

/* All but the subject. */
static int read_question(uint64_t address, struct question *question)
{
    struct access_arguments *asked = &question->asked;
    int error = read_arguments(address, asked);
    if (!error)
        error = token_bytes_from_user(asked->descriptor, asked->descriptor_bytes,
                                      DESCRIPTOR_BYTES_MAX, &question->descriptor);
    if (!error && asked->self)
        error =
            token_bytes_from_user(asked->self, asked->self_bytes, SID_BYTES_MAX, &question->self);
    if (!error && asked->claims)
        error = token_bytes_from_user(asked->claims, asked->claims_bytes, 65536, &question->claims);
    if (!error)
        error = read_types(question);
    if (error)
        return error;
    struct access_request *request = &question->request;
    request->descriptor = question->descriptor;
    request->desired = asked->desired;
    request->mapping =
        (struct generic_mapping){asked->read, asked->write, asked->execute, asked->all};
    request->intent = asked->intent;
    request->pip_type = asked->pip_type;
    request->pip_trust = asked->pip_trust;
    request->local_claims = question->claims;
    if (asked->self) {
        request->self = sid_at(question->self.data, question->self.length);
        if (!request->self || sid_bytes(request->self) != question->self.length)
            return -EINVAL;
    }
    return 0;
}

static int subject_of(const struct access_arguments *asked, struct token_object **ret)
{
    if (asked->token_fd == -1) {
        *ret = task_token_get(current);
        return 0;
    }
    return token_handle_get(asked->token_fd, TOKEN_QUERY, ret);
}

static int decide(struct question *question, struct access_result *result)
{
    struct token_object *subject;
    int error = subject_of(&question->asked, &subject);
    if (error)
        return error;
    struct token_state *says = token_state_get(subject);
    question->request.subject = &says->token.subject;
    error = access_check(&question->request, &question->scratch, result);
    if (!error && result->privileges_used)
        __atomic_fetch_or(&subject->privileges_used, result->privileges_used, __ATOMIC_RELAXED);
    token_state_put(says);
    token_put(subject);
    return error;
}

/* What the program wants to be told beside the answer. */
static int tell(const struct access_arguments *asked, const struct access_result *result)
{
    uint32_t mismatch = result->staging_mismatch;
    if ((asked->granted_at && put_user(result->granted, asked->granted_at)) ||
        (asked->continuous_audit_at &&
         put_user(result->continuous_audit, asked->continuous_audit_at)) ||
        (asked->staging_mismatch_at && put_user(mismatch, asked->staging_mismatch_at)))
        return -EFAULT;
    return 0;
}

SYSCALL1(access_check, uint64_t, address)
{
    struct access_result result;
    struct question *question = kzalloc(sizeof(*question));
    int64_t error = question ? read_question(address, question) : -ENOMEM;
    result.node_granted = NULL;
    if (!error)
        error = decide(question, &result);
    if (!error)
        error = tell(&question->asked, &result);
    question_free(question);
    if (error)
        return error;
    return result.allowed ? (int64_t)result.granted : -EACCES;
}

static int64_t tell_nodes(const struct question *question, const struct access_result *result,
                          uint64_t results)
{
    for (uint32_t i = 0; i < question->asked.type_count; i++) {
        uint32_t granted = question->node_granted[i];
        struct access_node_answer answer = {
            granted, (granted & result->desired) == result->desired ? 0 : -EACCES};
        if (put_user(answer, results + i * sizeof(answer)))
            return -EFAULT;
    }
    return 0;
}

SYSCALL3(access_check_list, uint64_t, address, uint64_t, results, uint32_t, count)
{
    struct access_result result;
    struct question *question = kzalloc(sizeof(*question));
    int64_t error = question ? read_question(address, question) : -ENOMEM;
    if (!error && (!question->asked.types || count != question->asked.type_count))
        error = -EINVAL;
    if (!error) {
        question->request.per_node = true;
        result.node_granted = question->node_granted;
        error = decide(question, &result);
    }
    if (!error)
        error = tell_nodes(question, &result, results);
    if (!error)
        error = tell(&question->asked, &result);
    question_free(question);
    return error;
}
