/*
 * kernel/security/access_types.h - the data of an access decision: who asks, for what, of which
 * object, and what comes out. Types and numbers only: nothing here is code, so that a second
 * implementation can be written from this header and docs/access.md alone.
 *
 * The numbers are those of the public KACS specification, which takes most of them from MS-DTYP;
 * everything that has a byte layout is little-endian and may stand at any address.
 * Lifetime: every pointer is borrowed for the time of one call. Locks: none.
 */
#ifndef KERNEL_SECURITY_ACCESS_TYPES_H
#define KERNEL_SECURITY_ACCESS_TYPES_H

#include "kernel/lib/types.h"

/* Bytes that somebody else owns. data may be NULL only if length is 0. */
struct byte_span {
    const uint8_t *data;
    uint32_t length;
};

/*
 * A security identifier as it stands in memory: revision 1, 0 to 15 sub-authorities, the authority
 * big-endian, the sub-authorities little-endian. Two are the same exactly if their bytes are.
 */
#define SID_REVISION            1u
#define SID_SUB_AUTHORITIES_MAX 15u
#define SID_BYTES_MIN           8u
#define SID_BYTES_MAX           68u
struct sid {
    uint8_t revision;
    uint8_t sub_authority_count;
    uint8_t authority[6];
    uint8_t sub_authorities[][4];
};

/* A SID in a list of a token, and what it may be used for there. */
#define GROUP_MANDATORY          0x00000001u
#define GROUP_ENABLED_BY_DEFAULT 0x00000002u
#define GROUP_ENABLED            0x00000004u
#define GROUP_OWNER              0x00000008u
#define GROUP_USE_FOR_DENY_ONLY  0x00000010u
#define GROUP_INTEGRITY          0x00000020u
#define GROUP_INTEGRITY_ENABLED  0x00000040u
#define GROUP_RESOURCE           0x20000000u
#define GROUP_LOGON_ID           0xc0000000u
struct sid_attributes {
    const struct sid *sid;
    uint32_t attributes;
};
struct sid_list {
    const struct sid_attributes *entries;
    uint32_t count;
};

/* Rights. Bits 0 to 15 are the object type's own. */
#define ACCESS_DELETE          0x00010000u
#define ACCESS_READ_CONTROL    0x00020000u
#define ACCESS_WRITE_DAC       0x00040000u
#define ACCESS_WRITE_OWNER     0x00080000u
#define ACCESS_SYNCHRONIZE     0x00100000u
#define ACCESS_SYSTEM_SECURITY 0x01000000u
#define ACCESS_MAXIMUM_ALLOWED 0x02000000u
#define ACCESS_GENERIC_ALL     0x10000000u
#define ACCESS_GENERIC_EXECUTE 0x20000000u
#define ACCESS_GENERIC_WRITE   0x40000000u
#define ACCESS_GENERIC_READ    0x80000000u
/* What an access control list can give, once generic bits are mapped. */
#define ACCESS_LIST_RIGHTS 0x001fffffu
/* What may be asked for; a request with any other bit is refused. */
#define ACCESS_REQUESTABLE 0xf31fffffu

/* What the four generic bits stand for with one type of object; only ACCESS_LIST_RIGHTS in each. */
struct generic_mapping {
    uint32_t read, write, execute, all;
};

/* Access control entries. */
#define ACE_ALLOWED                 0x00
#define ACE_DENIED                  0x01
#define ACE_AUDIT                   0x02
#define ACE_ALARM                   0x03
#define ACE_ALLOWED_OBJECT          0x05
#define ACE_DENIED_OBJECT           0x06
#define ACE_AUDIT_OBJECT            0x07
#define ACE_ALARM_OBJECT            0x08
#define ACE_ALLOWED_CALLBACK        0x09
#define ACE_DENIED_CALLBACK         0x0a
#define ACE_ALLOWED_CALLBACK_OBJECT 0x0b
#define ACE_DENIED_CALLBACK_OBJECT  0x0c
#define ACE_AUDIT_CALLBACK          0x0d
#define ACE_ALARM_CALLBACK          0x0e
#define ACE_AUDIT_CALLBACK_OBJECT   0x0f
#define ACE_ALARM_CALLBACK_OBJECT   0x10
#define ACE_MANDATORY_LABEL         0x11
#define ACE_RESOURCE_ATTRIBUTE      0x12
#define ACE_SCOPED_POLICY           0x13
#define ACE_TRUST_LABEL             0x14

#define ACE_FLAG_OBJECT_INHERIT    0x01u
#define ACE_FLAG_CONTAINER_INHERIT 0x02u
#define ACE_FLAG_NO_PROPAGATE      0x04u
#define ACE_FLAG_INHERIT_ONLY      0x08u
#define ACE_FLAG_INHERITED         0x10u
#define ACE_FLAG_SUCCESS           0x40u
#define ACE_FLAG_FAILURE           0x80u

#define ACE_OBJECT_TYPE_PRESENT           0x1u
#define ACE_INHERITED_OBJECT_TYPE_PRESENT 0x2u

#define ACL_REVISION    2u
#define ACL_REVISION_DS 4u

/* A self-relative security descriptor: 20 bytes of header, then its parts in any order. */
#define DESCRIPTOR_REVISION         1u
#define DESCRIPTOR_HEADER_BYTES     20u
#define DESCRIPTOR_BYTES_MAX        65535u
#define DESCRIPTOR_OWNER_DEFAULTED  0x0001u
#define DESCRIPTOR_GROUP_DEFAULTED  0x0002u
#define DESCRIPTOR_DACL_PRESENT     0x0004u
#define DESCRIPTOR_DACL_DEFAULTED   0x0008u
#define DESCRIPTOR_SACL_PRESENT     0x0010u
#define DESCRIPTOR_SACL_DEFAULTED   0x0020u
#define DESCRIPTOR_SERVER_SECURITY  0x0080u
#define DESCRIPTOR_DACL_INHERIT_REQ 0x0100u
#define DESCRIPTOR_SACL_INHERIT_REQ 0x0200u
#define DESCRIPTOR_DACL_INHERITED   0x0400u
#define DESCRIPTOR_SACL_INHERITED   0x0800u
#define DESCRIPTOR_DACL_PROTECTED   0x1000u
#define DESCRIPTOR_SACL_PROTECTED   0x2000u
#define DESCRIPTOR_RM_CONTROL_VALID 0x4000u
#define DESCRIPTOR_SELF_RELATIVE    0x8000u

/* Mandatory integrity: S-1-16-LEVEL, and what a label keeps from those below it. */
#define INTEGRITY_UNTRUSTED 0u
#define INTEGRITY_LOW       4096u
#define INTEGRITY_MEDIUM    8192u
#define INTEGRITY_HIGH      12288u
#define INTEGRITY_SYSTEM    16384u
#define LABEL_NO_READ_UP    0x1u
#define LABEL_NO_WRITE_UP   0x2u
#define LABEL_NO_EXECUTE_UP 0x4u

/* Claims: resource attributes, a token's claims, claims of one call. */
#define CLAIM_INT64               0x0001u
#define CLAIM_UINT64              0x0002u
#define CLAIM_STRING              0x0003u
#define CLAIM_SID                 0x0005u
#define CLAIM_BOOLEAN             0x0006u
#define CLAIM_OCTETS              0x0010u
#define CLAIM_FLAG_CASE_SENSITIVE 0x0002u
#define CLAIM_FLAG_DENY_ONLY      0x0004u
#define CLAIM_FLAG_DISABLED       0x0010u

#define PRIVILEGE_BIT(number) (1ull << (number))
/* Those that the decision itself looks at; privilege.h has all. */
#define PRIVILEGE_SECURITY       PRIVILEGE_BIT(8)
#define PRIVILEGE_TAKE_OWNERSHIP PRIVILEGE_BIT(9)
#define PRIVILEGE_BACKUP         PRIVILEGE_BIT(17)
#define PRIVILEGE_RESTORE        PRIVILEGE_BIT(18)
#define PRIVILEGE_RELABEL        PRIVILEGE_BIT(32)

enum token_type {
    TOKEN_PRIMARY = 1,
    TOKEN_IMPERSONATION = 2,
};
enum impersonation_level {
    LEVEL_ANONYMOUS,
    LEVEL_IDENTIFICATION,
    LEVEL_IMPERSONATION,
    LEVEL_DELEGATION,
};
#define TOKEN_POLICY_NO_WRITE_UP      0x1u
#define TOKEN_POLICY_NEW_PROCESS_MIN  0x2u
#define TOKEN_AUDIT_OBJECT_SUCCESS    0x1u
#define TOKEN_AUDIT_OBJECT_FAILURE    0x2u
#define TOKEN_AUDIT_PRIVILEGE_SUCCESS 0x4u
#define TOKEN_AUDIT_PRIVILEGE_FAILURE 0x8u

/* What a decision reads of a token. All SIDs and claims have been checked when the token was made. */
struct access_subject {
    enum token_type type;
    enum impersonation_level level;
    uint32_t integrity;        /* INTEGRITY_* */
    uint32_t mandatory_policy; /* TOKEN_POLICY_* */
    uint32_t audit_policy;     /* TOKEN_AUDIT_* */
    uint64_t privileges;       /* the enabled ones */
    const struct sid *user;    /* never NULL */
    struct sid_list groups;
    struct sid_list restricting; /* empty: not restricted */
    struct sid_list device_groups;
    struct sid_list restricted_device_groups;
    const struct sid *confinement; /* NULL: not confined */
    struct sid_list capabilities;
    struct byte_span user_claims, device_claims; /* claim arrays */
    bool user_deny_only;
    bool write_restricted;
    bool confinement_exempt;
};

/* One part of an object that has parts: a node of a tree in preorder, node 0 the object itself. */
#define GUID_BYTES       16u
#define ACCESS_NODES_MAX 256u
struct object_type {
    uint16_t level;
    uint8_t guid[GUID_BYTES];
};

/* A central policy: rules that hold beside the descriptor's own for objects whose SACL names it. */
#define CENTRAL_RULES_MAX   256u
#define ACCESS_POLICIES_MAX 16u /* that one SACL may name */
struct central_rule {
    struct byte_span applies_to; /* a condition; length 0: always */
    struct byte_span dacl;
    struct byte_span sacl;        /* length 0: none */
    struct byte_span staged_dacl; /* length 0: as dacl */
    struct byte_span staged_sacl; /* length 0: as sacl */
};
struct central_policy {
    const struct sid *id;
    const struct central_rule *rules;
    uint32_t rule_count; /* at most CENTRAL_RULES_MAX */
};

#define ACCESS_INTENT_BACKUP  0x1u
#define ACCESS_INTENT_RESTORE 0x2u

struct access_request {
    const struct access_subject *subject;
    struct byte_span descriptor; /* self-relative; hostile */
    uint32_t desired;
    struct generic_mapping mapping;
    uint32_t intent;                        /* ACCESS_INTENT_* */
    uint32_t pip_type, pip_trust;           /* of the caller's process, never of its token */
    const struct sid *self;                 /* whom the object stands for; NULL: nobody */
    struct byte_span local_claims;          /* a claim array; hostile */
    const struct object_type *object_types; /* NULL: the object has no parts */
    uint32_t object_type_count;
    bool per_node; /* each part has a verdict of its own */
    const struct central_policy *policies;
    uint32_t policy_count;
};

/* What an audit entry or the token's audit policy wants to be told. */
#define ACCESS_AUDIT_MAX 16u
enum access_audit_source {
    AUDIT_BY_OBJECT = 1, /* an entry of the object's own SACL */
    AUDIT_BY_POLICY,     /* an entry of a central rule's SACL */
    AUDIT_BY_TOKEN,      /* the token's audit policy */
};
struct access_audit {
    enum access_audit_source source;
    bool success;
    uint32_t ace_offset; /* from its ACL's first byte; 0 with AUDIT_BY_TOKEN */
};

struct access_result {
    uint32_t desired;           /* mapped, without MAXIMUM_ALLOWED */
    uint32_t granted;           /* within desired, unless the maximum was asked for */
    uint32_t privilege_granted; /* those of granted that a privilege gave */
    bool allowed;
    bool
        staging_mismatch; /* what is staged in a central policy would have decided or told otherwise */
    uint32_t continuous_audit;  /* operations to tell of as long as the handle lives */
    uint64_t privileges_used;   /* gave something that was asked for and stayed granted */
    uint64_t privileges_failed; /* gave something that was asked for and was taken again */
    uint32_t audit_count;       /* of all; the first ACCESS_AUDIT_MAX are in audits[] */
    struct access_audit audits[ACCESS_AUDIT_MAX];
    uint32_t *node_granted; /* IN: room for object_type_count masks, or NULL. OUT: per part */
};

#endif
