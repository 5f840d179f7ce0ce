// SOURCES: guest/kernel/security/access_check.c guest/kernel/security/access_audit.c
// guest/kernel/security/access_evaluate.c guest/kernel/security/access_rights.c
// guest/kernel/security/acl.c guest/kernel/security/central_policy.c guest/kernel/security/claim.c
// guest/kernel/security/condition.c guest/kernel/security/condition_attribute.c
// guest/kernel/security/condition_check.c guest/kernel/security/condition_operator.c
// guest/kernel/security/condition_value.c guest/kernel/security/dacl_walk.c
// guest/kernel/security/descriptor.c guest/kernel/security/identity.c
// guest/kernel/security/object_tree.c guest/kernel/security/sid.c
// guest/kernel/security/well_known.c guest/user/lib/sddl_parse.c guest/user/lib/sddl_words.c
// guest/user/lib/sid_text.c tests/unit/access/audit.c tests/unit/access/condition.c
// tests/unit/access/condition_text.c tests/unit/access/dacl.c tests/unit/access/fixture.c
// tests/unit/access/formats.c tests/unit/access/less.c tests/unit/access/mandatory.c
// tests/unit/access/objects.c tests/unit/access/policies.c tests/unit/access/properties.c
/*
 * Is every access decided as docs/access.md says? The questions are in tests/unit/access, one file
 * for each part of the rules; here, whether the two implementations of a decision's data agree.
 */
#include <criterion/criterion.h>

#include "access/fixture.h"

/* The structures that a second implementation reads are those that the first one reads. */
Test(access, layout)
{
    cr_assert_eq(sizeof(struct sid), SID_BYTES_MIN);
    cr_assert_eq(ACCESS_REQUESTABLE & ~ACCESS_LIST_RIGHTS,
                 ACCESS_SYSTEM_SECURITY | ACCESS_MAXIMUM_ALLOWED | 0xf0000000u);
}
