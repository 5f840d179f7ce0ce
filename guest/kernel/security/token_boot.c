#include "kernel/security/token_boot.h"

#include "kernel/lib/string.h"
#include "kernel/security/well_known.h"

#define ALWAYS_ENABLED (GROUP_MANDATORY | GROUP_ENABLED_BY_DEFAULT | GROUP_ENABLED)
#define NOBODYS_ID     65534u

#define SID_OF_SYSTEM         1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0
#define SID_OF_ADMINISTRATORS 1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0
#define SID_OF_ANONYMOUS      1, 1, 0, 0, 0, 0, 0, 5, 7, 0, 0, 0
#define ALLOW(size, ...)      ACE_ALLOWED, 0, size, 0, __VA_ARGS__
#define EVERYTHING            0, 0, 0, 0x10       /* GENERIC_ALL */
#define TOKEN_EVERYTHING      0xff, 0x01, 0x0f, 0 /* TOKEN_ALL_ACCESS */
#define TOKEN_OWN             0xe8, 0, 0, 0       /* query and adjust */
#define TOKEN_LOOK            0x0c, 0, 0, 0       /* query and impersonate */

/* S-1-5-5-0-SESSION */
static const uint8_t logon_of_system[] = {1, 3, 0, 0, 0, 0, 0,    5, 5, 0,
                                          0, 0, 0, 0, 0, 0, 0xe7, 3, 0, 0};

/* Of objects that SYSTEM makes: everything to it and to Administrators. */
static const uint8_t dacl_of_system[] = {
    ACL_REVISION,
    0,
    52,
    0,
    2,
    0,
    0,
    0,
    ALLOW(20, EVERYTHING, SID_OF_SYSTEM),
    ALLOW(24, EVERYTHING, SID_OF_ADMINISTRATORS),
};

/* Of the tokens themselves: header, owner, DACL. */
static const uint8_t descriptor_of_system[] = {
    1,
    0,
    4,
    0x80,
    20,
    0,
    0,
    0,
    20,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    32,
    0,
    0,
    0,
    SID_OF_SYSTEM,
    ACL_REVISION,
    0,
    72,
    0,
    3,
    0,
    0,
    0,
    ALLOW(20, TOKEN_OWN, SID_OF_SYSTEM),
    ALLOW(20, TOKEN_EVERYTHING, SID_OF_SYSTEM),
    ALLOW(24, TOKEN_EVERYTHING, SID_OF_ADMINISTRATORS),
};
static const uint8_t descriptor_of_anonymous[] = {
    1,
    0,
    4,
    0x80,
    20,
    0,
    0,
    0,
    20,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    32,
    0,
    0,
    0,
    SID_OF_SYSTEM,
    ACL_REVISION,
    0,
    48,
    0,
    2,
    0,
    0,
    0,
    ALLOW(20, TOKEN_LOOK, SID_OF_ANONYMOUS),
    ALLOW(20, TOKEN_EVERYTHING, SID_OF_SYSTEM),
};

void token_boot_system(struct token *ret, struct sid_attributes groups[TOKEN_BOOT_GROUPS])
{
    groups[0] =
        (struct sid_attributes){sid_well_known(SID_ADMINISTRATORS), ALWAYS_ENABLED | GROUP_OWNER};
    groups[1] = (struct sid_attributes){sid_well_known(SID_EVERYONE), ALWAYS_ENABLED};
    groups[2] = (struct sid_attributes){sid_well_known(SID_AUTHENTICATED_USERS), ALWAYS_ENABLED};
    groups[3] = (struct sid_attributes){sid_well_known(SID_LOCAL), ALWAYS_ENABLED};
    groups[4] = (struct sid_attributes){(const struct sid *)logon_of_system,
                                        ALWAYS_ENABLED | GROUP_LOGON_ID};
    *ret = (struct token){
        .subject =
            {
                .type = TOKEN_PRIMARY,
                .level = LEVEL_ANONYMOUS,
                .integrity = INTEGRITY_SYSTEM,
                .mandatory_policy = TOKEN_POLICY_NO_WRITE_UP | TOKEN_POLICY_NEW_PROCESS_MIN,
                .privileges = PRIVILEGES_ALL,
                .user = sid_well_known(SID_SYSTEM),
                .groups = {groups, TOKEN_BOOT_GROUPS},
            },
        .groups = groups,
        .privileges_present = PRIVILEGES_ALL,
        .privileges_default = PRIVILEGES_ALL,
        .elevation = ELEVATION_DEFAULT,
        .default_dacl = {dacl_of_system, sizeof(dacl_of_system)},
        .descriptor = {descriptor_of_system, sizeof(descriptor_of_system)},
        .session = SESSION_SYSTEM,
    };
    memcpy(ret->source_name, "VitrKern", sizeof(ret->source_name));
}

void token_boot_anonymous(struct token *ret)
{
    *ret = (struct token){
        .subject =
            {
                .type = TOKEN_IMPERSONATION,
                .level = LEVEL_ANONYMOUS,
                .integrity = INTEGRITY_UNTRUSTED,
                .mandatory_policy = TOKEN_POLICY_NO_WRITE_UP,
                .user = sid_well_known(SID_ANONYMOUS),
            },
        .elevation = ELEVATION_DEFAULT,
        .descriptor = {descriptor_of_anonymous, sizeof(descriptor_of_anonymous)},
        .session = SESSION_ANONYMOUS,
        .projected_uid = NOBODYS_ID,
        .projected_gid = NOBODYS_ID,
    };
    memcpy(ret->source_name, "VitrKern", sizeof(ret->source_name));
}
