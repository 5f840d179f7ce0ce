/* Tokens in words. */
#include <stdlib.h>
#include <string.h>

#include "vitrine/sddl.h"
#include "vitrine/token_text.h"

#define SUFFIX_LENGTH 9u /* "Privilege" */

const char *token_privilege_name(unsigned privilege)
{
    static const char *const names[64] = {
        [2] = "SeCreateTokenPrivilege",
        [3] = "SeAssignPrimaryTokenPrivilege",
        [4] = "SeLockMemoryPrivilege",
        [5] = "SeIncreaseQuotaPrivilege",
        [6] = "SeMachineAccountPrivilege",
        [7] = "SeTcbPrivilege",
        [8] = "SeSecurityPrivilege",
        [9] = "SeTakeOwnershipPrivilege",
        [10] = "SeLoadDriverPrivilege",
        [11] = "SeSystemProfilePrivilege",
        [12] = "SeSystemtimePrivilege",
        [13] = "SeProfileSingleProcessPrivilege",
        [14] = "SeIncreaseBasePriorityPrivilege",
        [15] = "SeCreatePagefilePrivilege",
        [16] = "SeCreatePermanentPrivilege",
        [17] = "SeBackupPrivilege",
        [18] = "SeRestorePrivilege",
        [19] = "SeShutdownPrivilege",
        [20] = "SeDebugPrivilege",
        [21] = "SeAuditPrivilege",
        [22] = "SeSystemEnvironmentPrivilege",
        [23] = "SeChangeNotifyPrivilege",
        [24] = "SeRemoteShutdownPrivilege",
        [25] = "SeUndockPrivilege",
        [26] = "SeSyncAgentPrivilege",
        [27] = "SeEnableDelegationPrivilege",
        [28] = "SeManageVolumePrivilege",
        [29] = "SeImpersonatePrivilege",
        [30] = "SeCreateGlobalPrivilege",
        [31] = "SeTrustedCredManAccessPrivilege",
        [32] = "SeRelabelPrivilege",
        [33] = "SeIncreaseWorkingSetPrivilege",
        [34] = "SeTimeZonePrivilege",
        [35] = "SeCreateSymbolicLinkPrivilege",
        [62] = "SeCreateJobPrivilege",
        [63] = "SeBindPrivilegedPortPrivilege",
    };

    return privilege < 64 ? names[privilege] : NULL;
}

int token_privilege_number(const char *name)
{
    size_t length = strlen(name);

    for (unsigned i = 0; i < 64; i++) {
        const char *full = token_privilege_name(i);
        size_t whole = full ? strlen(full) : 0;

        if (full && (length == whole || length + SUFFIX_LENGTH == whole) &&
            strncmp(full, name, length) == 0)
            return (int)i;
    }
    return -1;
}

const char *token_integrity_name(uint32_t level)
{
    static const char *const names[] = {"untrusted", "low", "medium", "high", "system"};

    return level % 4096 == 0 && level / 4096 < 5 ? names[level / 4096] : "?";
}

void *token_answer(int token, enum token_class what, uint32_t *ret_bytes)
{
    uint32_t bytes = 0;

    if (token_query(token, what, NULL, &bytes) != 0)
        return NULL;
    void *answer = malloc(bytes + 1);
    if (!answer)
        return NULL;
    if (bytes && token_query(token, what, answer, &bytes) != 0) {
        free(answer);
        return NULL;
    }
    *ret_bytes = bytes;
    return answer;
}

char *token_sid_text(int token, enum token_class what, char *text, size_t room)
{
    uint32_t bytes;
    uint8_t *sid = token_answer(token, what, &bytes);

    if (room && (!sid || sid_format(sid, bytes, text, room) < 0)) {
        text[0] = '?';
        text[room > 1] = '\0';
    }
    free(sid);
    return text;
}
