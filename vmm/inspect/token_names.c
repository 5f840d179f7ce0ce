/* vmm/inspect/token_names.c - words for the numbers in tokens (KACS's names). */
#include <stddef.h>

#include "vmm/include/vitrine.h"

const char *vt_privilege_name(unsigned bit)
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

    return bit < 64 ? names[bit] : NULL;
}

const char *vt_integrity_name(uint32_t level)
{
    static const char *const names[] = {"untrusted", "low", "medium", "high", "system"};

    return level % 4096 == 0 && level / 4096 < 5 ? names[level / 4096] : "?";
}
