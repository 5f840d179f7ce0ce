/*
 * kernel/security/privilege.h - what a token may be able to do besides what lists say. A privilege is
 * a bit of a 64-bit mask; numbers 2 to 35 are those of Windows, 62 and 63 of KACS.
 */
#ifndef KERNEL_SECURITY_PRIVILEGE_H
#define KERNEL_SECURITY_PRIVILEGE_H

#include "kernel/security/access_types.h"

enum privilege {
    SE_CREATE_TOKEN = 2,
    SE_ASSIGN_PRIMARY_TOKEN = 3,
    SE_LOCK_MEMORY = 4,
    SE_INCREASE_QUOTA = 5,
    SE_MACHINE_ACCOUNT = 6,
    SE_TCB = 7,
    SE_SECURITY = 8,
    SE_TAKE_OWNERSHIP = 9,
    SE_LOAD_DRIVER = 10,
    SE_SYSTEM_PROFILE = 11,
    SE_SYSTEMTIME = 12,
    SE_PROFILE_SINGLE_PROCESS = 13,
    SE_INCREASE_BASE_PRIORITY = 14,
    SE_CREATE_PAGEFILE = 15,
    SE_CREATE_PERMANENT = 16,
    SE_BACKUP = 17,
    SE_RESTORE = 18,
    SE_SHUTDOWN = 19,
    SE_DEBUG = 20,
    SE_AUDIT = 21,
    SE_SYSTEM_ENVIRONMENT = 22,
    SE_CHANGE_NOTIFY = 23,
    SE_REMOTE_SHUTDOWN = 24,
    SE_UNDOCK = 25,
    SE_SYNC_AGENT = 26,
    SE_ENABLE_DELEGATION = 27,
    SE_MANAGE_VOLUME = 28,
    SE_IMPERSONATE = 29,
    SE_CREATE_GLOBAL = 30,
    SE_TRUSTED_CRED_MAN_ACCESS = 31,
    SE_RELABEL = 32,
    SE_INCREASE_WORKING_SET = 33,
    SE_TIME_ZONE = 34,
    SE_CREATE_SYMBOLIC_LINK = 35,
    SE_CREATE_JOB = 62,
    SE_BIND_PRIVILEGED_PORT = 63,
};

/* Every privilege that there is. */
#define PRIVILEGES_ALL 0xc000000ffffffffcull

#endif
