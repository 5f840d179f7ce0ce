/* Tokens: one call of the kernel each. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vitrine/token.h"

#define CALL_OPEN_SELF_TOKEN    1000
#define CALL_OPEN_PROCESS_TOKEN 1001
#define CALL_OPEN_THREAD_TOKEN  1002
#define CALL_CREATE_TOKEN       1003
#define CALL_CREATE_SESSION     1004
#define CALL_SET_PSB            1005
#define CALL_END_EMPTY_SESSION  1006
#define CALL_OPEN_PEER_TOKEN    1010
#define CALL_IMPERSONATE_PEER   1011
#define CALL_REVERT             1012
#define CALL_SET_LEVEL          1013
#define CALL_GET_SD             1021
#define CALL_SET_SD             1022
#define CALL_ACCESS_CHECK       1023

int token_open_self(unsigned flags, uint32_t access)
{
    return (int)syscall(CALL_OPEN_SELF_TOKEN, flags, access);
}

int token_open_process(int pidfd, uint32_t access)
{
    return (int)syscall(CALL_OPEN_PROCESS_TOKEN, pidfd, access);
}

int token_open_thread(int pidfd, int tid, uint32_t access)
{
    return (int)syscall(CALL_OPEN_THREAD_TOKEN, pidfd, tid, access);
}

int token_create(const void *spec, size_t bytes)
{
    return (int)syscall(CALL_CREATE_TOKEN, spec, bytes);
}

int token_duplicate(int token, uint32_t access, uint32_t type, uint32_t level)
{
    struct token_duplicate_arguments arguments = {access, type, level, -1};
    return ioctl(token, TOKEN_IOC_DUPLICATE, &arguments) ? -1 : arguments.fd;
}

int token_restrict(int token, uint64_t remove_privileges, const uint32_t *deny_only,
                   uint32_t deny_only_count, const void *sids, uint32_t sid_count,
                   uint32_t sids_bytes, uint32_t flags)
{
    uint8_t data[8192];
    size_t indices = (size_t)4 * deny_only_count;
    if (deny_only_count > sizeof(data) / 4 || sids_bytes > sizeof(data) - indices) {
        errno = EINVAL;
        return -1;
    }
    if (indices)
        memcpy(data, deny_only, indices);
    if (sids_bytes)
        memcpy(data + indices, sids, sids_bytes);
    struct token_restrict_arguments arguments = {
        .remove_privileges = remove_privileges,
        .deny_only_count = deny_only_count,
        .restricting_count = sid_count,
        .bytes = (uint32_t)indices + sids_bytes,
        .flags = flags,
        .data = (uint64_t)(uintptr_t)data,
        .fd = -1,
    };
    return ioctl(token, TOKEN_IOC_RESTRICT, &arguments) ? -1 : arguments.fd;
}

int token_query(int token, enum token_class what, void *buffer, uint32_t *bytes)
{
    struct token_query_arguments arguments = {what, buffer ? *bytes : 0,
                                              (uint64_t)(uintptr_t)buffer};
    int result = ioctl(token, TOKEN_IOC_QUERY, &arguments);
    *bytes = arguments.bytes;
    return result;
}

static int adjust_privilege(int token, uint32_t privilege, uint32_t what, uint64_t *previous)
{
    const uint32_t entry[2] = {privilege, what};
    struct token_privileges_arguments arguments = {.count = 1,
                                                   .entries = (uint64_t)(uintptr_t)entry};
    int result = ioctl(token, TOKEN_IOC_ADJUST_PRIVILEGES, &arguments);
    if (!result && previous)
        *previous = arguments.previous_enabled;
    return result;
}

int token_adjust_privilege(int token, unsigned privilege, unsigned what, uint64_t *previous)
{
    return adjust_privilege(token, privilege, what, previous);
}

int token_reset_privileges(int token)
{
    return adjust_privilege(token, 0, 0x80000000u, NULL);
}

int token_adjust_group(int token, uint32_t index, int enable)
{
    const uint32_t entry[2] = {index, enable != 0};
    struct token_groups_arguments arguments = {.count = 1, .entries = (uint64_t)(uintptr_t)entry};
    return ioctl(token, TOKEN_IOC_ADJUST_GROUPS, &arguments);
}

int token_reset_groups(int token)
{
    return token_adjust_group(token, UINT32_MAX, 0);
}

int token_install(int token)
{
    return ioctl(token, TOKEN_IOC_INSTALL);
}

int token_impersonate(int token)
{
    return ioctl(token, TOKEN_IOC_IMPERSONATE);
}

int token_revert(void)
{
    return (int)syscall(CALL_REVERT);
}

int token_set_client_level(int socket, unsigned level)
{
    return (int)syscall(CALL_SET_LEVEL, socket, level);
}

int token_open_client(int socket)
{
    return (int)syscall(CALL_OPEN_PEER_TOKEN, socket);
}

int token_impersonate_client(int socket)
{
    return (int)syscall(CALL_IMPERSONATE_PEER, socket);
}

#define EMPTY_PATH 0x1000

int sd_get(int fd, unsigned parts, void *buffer, uint32_t room)
{
    return (int)syscall(CALL_GET_SD, fd, "", parts, buffer, room, EMPTY_PATH);
}

int sd_set(int fd, unsigned parts, const void *bytes, uint32_t length)
{
    return (int)syscall(CALL_SET_SD, fd, "", parts, bytes, length, EMPTY_PATH);
}

long sd_access_check(struct access_arguments *arguments)
{
    arguments->size = sizeof(*arguments);
    return syscall(CALL_ACCESS_CHECK, arguments);
}

int process_keep_from(int pidfd, unsigned mitigations)
{
    return (int)syscall(CALL_SET_PSB, pidfd, mitigations);
}

int logon_session_create(unsigned type, const char *package, const void *sid, size_t sid_bytes,
                         uint64_t *ret_id)
{
    uint8_t spec[4096];
    size_t package_bytes = strlen(package);
    if (type > UINT8_MAX || package_bytes > sizeof(spec) || sid_bytes > sizeof(spec) ||
        7 + package_bytes + sid_bytes > sizeof(spec)) {
        errno = EINVAL;
        return -1;
    }
    const uint16_t short_bytes = (uint16_t)package_bytes;
    const uint32_t long_bytes = (uint32_t)sid_bytes;
    spec[0] = (uint8_t)type;
    memcpy(spec + 1, &short_bytes, 2);
    for (size_t i = 0; i < package_bytes; i++)
        spec[3 + i] = (uint8_t)package[i];
    memcpy(spec + 3 + package_bytes, &long_bytes, 4);
    memcpy(spec + 7 + package_bytes, sid, sid_bytes);
    long id = syscall(CALL_CREATE_SESSION, spec, 7 + package_bytes + sid_bytes);
    if (id < 0)
        return -1;
    *ret_id = (uint64_t)id;
    return 0;
}

int logon_session_end_empty(uint64_t id)
{
    return (int)syscall(CALL_END_EMPTY_SESSION, id);
}
