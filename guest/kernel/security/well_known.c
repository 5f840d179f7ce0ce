#include "kernel/security/well_known.h"

/* Longest: S-1-5-32-544 and its like, two sub-authorities. */
#define BYTES_MAX 16

#define LE32(value) (uint8_t)(value), (uint8_t)((value) >> 8), (uint8_t)((value) >> 16), 0
#define ONE(authority, first)                                                                      \
    {                                                                                              \
        1, 1, 0, 0, 0, 0, 0, authority, LE32(first)                                                \
    }
#define TWO(authority, first, second)                                                              \
    {                                                                                              \
        1, 2, 0, 0, 0, 0, 0, authority, LE32(first), LE32(second)                                  \
    }

static const uint8_t sids[SID_WELL_KNOWN_COUNT][BYTES_MAX] = {
    [SID_NOBODY] = ONE(0, 0),
    [SID_EVERYONE] = ONE(1, 0),
    [SID_LOCAL] = ONE(2, 0),
    [SID_CREATOR_OWNER] = ONE(3, 0),
    [SID_CREATOR_GROUP] = ONE(3, 1),
    [SID_OWNER_RIGHTS] = ONE(3, 4),
    [SID_NETWORK] = ONE(5, 2),
    [SID_INTERACTIVE] = ONE(5, 4),
    [SID_SERVICE] = ONE(5, 6),
    [SID_ANONYMOUS] = ONE(5, 7),
    [SID_PRINCIPAL_SELF] = ONE(5, 10),
    [SID_AUTHENTICATED_USERS] = ONE(5, 11),
    [SID_SYSTEM] = ONE(5, 18),
    [SID_LOCAL_SERVICE] = ONE(5, 19),
    [SID_NETWORK_SERVICE] = ONE(5, 20),
    [SID_ADMINISTRATORS] = TWO(5, 32, 544),
    [SID_USERS] = TWO(5, 32, 545),
    [SID_GUESTS] = TWO(5, 32, 546),
    [SID_BACKUP_OPERATORS] = TWO(5, 32, 551),
    [SID_ALL_PACKAGES] = TWO(15, 2, 1),
    [SID_RESTRICTED_PACKAGES] = TWO(15, 2, 2),
};

const struct sid *sid_well_known(enum well_known_sid which)
{
    return (const struct sid *)sids[which];
}
