#include "kernel/security/access_rights.h"

#include "kernel/lib/errno.h"
#include "kernel/security/claim.h"
#include "kernel/security/sid.h"
#include "kernel/security/well_known.h"

uint64_t access_privilege_bit(enum access_privilege privilege)
{
    static const uint64_t bits[ACCESS_PRIVILEGES] = {
        [BY_SECURITY] = PRIVILEGE_SECURITY, [BY_BACKUP] = PRIVILEGE_BACKUP,
        [BY_RESTORE] = PRIVILEGE_RESTORE,   [BY_TAKE_OWNERSHIP] = PRIVILEGE_TAKE_OWNERSHIP,
        [BY_RELABEL] = PRIVILEGE_RELABEL,
    };
    return bits[privilege];
}

static void give(struct access_rights *rights, enum access_privilege privilege, uint32_t bits)
{
    rights->decided |= bits;
    rights->granted |= bits;
    rights->privileged |= bits;
    rights->given[privilege] |= bits;
}

void access_privileges_apply(const struct access_request *request, uint32_t intent,
                             struct access_rights *rights)
{
    uint64_t enabled = request->subject->privileges;
    /* Only a privilege opens the SACL; no list can. */
    rights->decided |= ACCESS_SYSTEM_SECURITY;
    if (enabled & PRIVILEGE_SECURITY)
        give(rights, BY_SECURITY, ACCESS_SYSTEM_SECURITY);
    if ((enabled & PRIVILEGE_BACKUP) && (intent & ACCESS_INTENT_BACKUP))
        give(rights, BY_BACKUP, request->mapping.read);
    if ((enabled & PRIVILEGE_RESTORE) && (intent & ACCESS_INTENT_RESTORE))
        give(rights, BY_RESTORE,
             request->mapping.write | ACCESS_WRITE_DAC | ACCESS_WRITE_OWNER | ACCESS_DELETE |
                 ACCESS_SYSTEM_SECURITY);
}

/* A label keeps from those below it what it names; privileges have had their say before. */
static void apply_integrity(const struct access_request *request, uint32_t level, uint32_t policy,
                            struct access_rights *rights)
{
    const struct access_subject *subject = request->subject;
    const struct generic_mapping *mapping = &request->mapping;
    if (!(subject->mandatory_policy & TOKEN_POLICY_NO_WRITE_UP) || subject->integrity >= level)
        return;
    uint32_t allowed = mapping->read | mapping->execute;
    allowed &= policy & LABEL_NO_READ_UP ? ~mapping->read : ~0u;
    allowed &= policy & LABEL_NO_WRITE_UP ? ~mapping->write : ~0u;
    allowed &= policy & LABEL_NO_EXECUTE_UP ? ~mapping->execute : ~0u;
    uint32_t kept = mapping->all & ~allowed;
    if (subject->privileges & PRIVILEGE_RELABEL) {
        rights->given[BY_RELABEL] |= kept & ACCESS_WRITE_OWNER;
        kept &= ~ACCESS_WRITE_OWNER;
    }
    rights->decided |= kept;
    rights->mandatory |= kept;
}

/* A trust label leaves to processes that do not dominate it what it names, whatever their token. */
static void apply_trust(const struct access_request *request, const struct ace *label,
                        uint32_t type, uint32_t trust, struct access_rights *rights)
{
    const struct generic_mapping *mapping = &request->mapping;
    if (request->pip_type >= type && request->pip_trust >= trust)
        return;
    uint32_t kept = (mapping->all | ACCESS_SYSTEM_SECURITY) & ~map_generic(label->mask, mapping);
    rights->decided |= kept;
    rights->mandatory |= kept;
    rights->granted &= ~kept;
    rights->privileged &= ~kept;
}

static bool attribute_good(const struct ace *ace)
{
    return sid_equal(ace->sid, sid_well_known(SID_EVERYONE)) && claim_check(ace->data);
}

int access_labels_apply(const struct access_request *request, const struct descriptor *descriptor,
                        struct access_rights *rights)
{
    struct ace trust_label;
    bool has_level = false, has_trust = false;
    uint32_t level = INTEGRITY_MEDIUM, policy = LABEL_NO_WRITE_UP, type = 0, trust = 0;
    unsigned policies = 0;
    struct acl_cursor cursor = {0};
    struct ace ace;
    while (descriptor->sacl.bytes && acl_next(&descriptor->sacl, &cursor, &ace)) {
        uint32_t first, second;
        if (ace.flags & ACE_FLAG_INHERIT_ONLY)
            continue;
        switch (ace.type) {
        case ACE_MANDATORY_LABEL:
            if (!sid_integrity(ace.sid, &first))
                return -EINVAL;
            if (!has_level) {
                level = first;
                policy = ace.mask;
            }
            has_level = true;
            break;
        case ACE_TRUST_LABEL:
            if (!sid_trust(ace.sid, &first, &second))
                return -EINVAL;
            if (!has_trust) {
                trust_label = ace;
                type = first;
                trust = second;
            }
            has_trust = true;
            break;
        case ACE_RESOURCE_ATTRIBUTE:
            if (!attribute_good(&ace))
                return -EINVAL;
            break;
        case ACE_SCOPED_POLICY:
            if (++policies > ACCESS_POLICIES_MAX)
                return -EINVAL;
            break;
        default:
            break;
        }
    }
    apply_integrity(request, level, policy, rights);
    if (has_trust)
        apply_trust(request, &trust_label, type, trust, rights);
    return 0;
}
