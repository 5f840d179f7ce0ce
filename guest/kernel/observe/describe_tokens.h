/*
 * kernel/observe/describe_tokens.h - published: tokens, what they say, and logon sessions. Lists in a
 * token are a count and entries of 16 bytes (address of a SID, attributes), SIDs as in MS-DTYP. See
 * describe.c.
 */
#ifndef KERNEL_OBSERVE_DESCRIBE_TOKENS_H
#define KERNEL_OBSERVE_DESCRIBE_TOKENS_H

#include "kernel/token/logon_session.h"
#include "kernel/token/token_handle.h"
#include "kernel/token/token_object.h"

#define TOKEN_OBJECT_FIELDS(F)                                                                     \
    F(token_object, object, STRUCT, "object")                                                      \
    F(token_object, guid, BYTES, "")                                                               \
    F(token_object, session, ADDRESS, "logon_session")                                             \
    F(token_object, lock, STRUCT, "spinlock")                                                      \
    F(token_object, state, ADDRESS, "token_state")                                                 \
    F(token_object, modified, UNSIGNED, "")                                                        \
    F(token_object, privileges_used, UNSIGNED, "")

#define TOKEN_STATE_FIELDS(F)                                                                      \
    F(token_state, references, UNSIGNED, "")                                                       \
    F(token_state, bytes, UNSIGNED, "")                                                            \
    F(token_state, serial, UNSIGNED, "")                                                           \
    F(token_state, token, STRUCT, "token")

#define TOKEN_FIELDS(F)                                                                            \
    F(token, subject.type, UNSIGNED, "")                                                           \
    F(token, subject.level, UNSIGNED, "")                                                          \
    F(token, subject.integrity, UNSIGNED, "")                                                      \
    F(token, subject.mandatory_policy, UNSIGNED, "")                                               \
    F(token, subject.audit_policy, UNSIGNED, "")                                                   \
    F(token, subject.privileges, UNSIGNED, "")                                                     \
    F(token, subject.user, ADDRESS, "")                                                            \
    F(token, subject.groups.entries, ADDRESS, "")                                                  \
    F(token, subject.groups.count, UNSIGNED, "")                                                   \
    F(token, subject.restricting.entries, ADDRESS, "")                                             \
    F(token, subject.restricting.count, UNSIGNED, "")                                              \
    F(token, subject.confinement, ADDRESS, "")                                                     \
    F(token, subject.user_deny_only, UNSIGNED, "")                                                 \
    F(token, subject.write_restricted, UNSIGNED, "")                                               \
    F(token, privileges_present, UNSIGNED, "")                                                     \
    F(token, privileges_default, UNSIGNED, "")                                                     \
    F(token, elevation, UNSIGNED, "")                                                              \
    F(token, owner_index, UNSIGNED, "")                                                            \
    F(token, primary_group_index, UNSIGNED, "")                                                    \
    F(token, session, UNSIGNED, "")                                                                \
    F(token, created, UNSIGNED, "")                                                                \
    F(token, interactive_session, UNSIGNED, "")

#define TOKEN_HANDLE_FIELDS(F)                                                                     \
    F(token_handle, token, ADDRESS, "token_object")                                                \
    F(token_handle, access, UNSIGNED, "")

#define LOGON_SESSION_FIELDS(F)                                                                    \
    F(logon_session, link, STRUCT, "list")                                                         \
    F(logon_session, id, UNSIGNED, "")                                                             \
    F(logon_session, references, UNSIGNED, "")                                                     \
    F(logon_session, logon_type, UNSIGNED, "")                                                     \
    F(logon_session, created_ns, UNSIGNED, "")                                                     \
    F(logon_session, pair[0], ADDRESS, "token_object")                                             \
    F(logon_session, pair[1], ADDRESS, "token_object")                                             \
    F(logon_session, user, BYTES, "")                                                              \
    F(logon_session, package_bytes, UNSIGNED, "")

#define TOKEN_TYPES(T)                                                                             \
    T(token_object, "token_object", TOKEN_OBJECT_FIELDS)                                           \
    T(token_state, "token_state", TOKEN_STATE_FIELDS)                                              \
    T(token, "token", TOKEN_FIELDS)                                                                \
    T(token_handle, "token_handle", TOKEN_HANDLE_FIELDS)                                           \
    T(logon_session, "logon_session", LOGON_SESSION_FIELDS)

#define TOKEN_ROOTS(R) R("token_slots", "slot_table", &token_slots, 1)

#endif
