/* kernel/security/well_known.h - SIDs with a fixed value and a meaning that the kernel knows. */
#ifndef KERNEL_SECURITY_WELL_KNOWN_H
#define KERNEL_SECURITY_WELL_KNOWN_H

#include "kernel/security/access_types.h"

enum well_known_sid {
    SID_NOBODY,              /* S-1-0-0 */
    SID_EVERYONE,            /* S-1-1-0 */
    SID_LOCAL,               /* S-1-2-0 */
    SID_CREATOR_OWNER,       /* S-1-3-0 */
    SID_CREATOR_GROUP,       /* S-1-3-1 */
    SID_OWNER_RIGHTS,        /* S-1-3-4 */
    SID_NETWORK,             /* S-1-5-2 */
    SID_INTERACTIVE,         /* S-1-5-4 */
    SID_SERVICE,             /* S-1-5-6 */
    SID_ANONYMOUS,           /* S-1-5-7 */
    SID_PRINCIPAL_SELF,      /* S-1-5-10 */
    SID_AUTHENTICATED_USERS, /* S-1-5-11 */
    SID_SYSTEM,              /* S-1-5-18 */
    SID_LOCAL_SERVICE,       /* S-1-5-19 */
    SID_NETWORK_SERVICE,     /* S-1-5-20 */
    SID_ADMINISTRATORS,      /* S-1-5-32-544 */
    SID_USERS,               /* S-1-5-32-545 */
    SID_GUESTS,              /* S-1-5-32-546 */
    SID_BACKUP_OPERATORS,    /* S-1-5-32-551 */
    SID_ALL_PACKAGES,        /* S-1-15-2-1 */
    SID_RESTRICTED_PACKAGES, /* S-1-15-2-2 */
    SID_WELL_KNOWN_COUNT,
};

/* Valid for good. */
const struct sid *sid_well_known(enum well_known_sid which);

#endif
