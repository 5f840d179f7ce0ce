/*
 * shared/token.h - how programs speak with the kernel about tokens: the numbers and layouts of the public
 * KACS specification, v0.20 (13.6), which the kernel, the user's library and `vitrine strace` share.
 * All structs have natural alignment and are little-endian.
 */
#ifndef VITRINE_SHARED_TOKEN_H
#define VITRINE_SHARED_TOKEN_H

#include <stdint.h>

/* Ioctls of a token's descriptor: direction << 30 | bytes << 16 | 'K' << 8 | number. */
#define TOKEN_IOC(direction, number, bytes)                                                        \
    ((uint32_t)(direction) << 30 | (uint32_t)(bytes) << 16 | 0x4bu << 8 | (number))
#define TOKEN_IOC_QUERY             TOKEN_IOC(3, 0, sizeof(struct token_query_arguments))
#define TOKEN_IOC_ADJUST_PRIVILEGES TOKEN_IOC(1, 1, sizeof(struct token_privileges_arguments))
#define TOKEN_IOC_DUPLICATE         TOKEN_IOC(3, 2, sizeof(struct token_duplicate_arguments))
#define TOKEN_IOC_INSTALL           TOKEN_IOC(0, 3, 0)
#define TOKEN_IOC_RESTRICT          TOKEN_IOC(3, 4, sizeof(struct token_restrict_arguments))
#define TOKEN_IOC_LINK              TOKEN_IOC(1, 5, sizeof(struct token_link_arguments))
#define TOKEN_IOC_GET_LINKED        TOKEN_IOC(3, 6, sizeof(struct token_linked_arguments))
#define TOKEN_IOC_ADJUST_GROUPS     TOKEN_IOC(1, 7, sizeof(struct token_groups_arguments))
#define TOKEN_IOC_IMPERSONATE       TOKEN_IOC(0, 8, 0)
#define TOKEN_IOC_ADJUST_DEFAULT    TOKEN_IOC(1, 9, sizeof(struct token_default_arguments))
#define TOKEN_IOC_ADJUST_SESSION    TOKEN_IOC(1, 10, sizeof(uint32_t))

struct token_query_arguments {
    uint32_t token_class; /* IN */
    uint32_t bytes;       /* IN: room; OUT: size of the answer */
    uint64_t buffer;      /* IN: 0: only the size is asked for */
};

struct token_privileges_arguments {
    uint32_t count; /* IN: 1 to 64 */
    uint32_t zero;
    uint64_t entries;          /* IN: {privilege, 0 disable, 2 enable, 4 remove}, 32 bits each */
    uint64_t previous_enabled; /* OUT */
};

struct token_duplicate_arguments {
    uint32_t access; /* IN: rights that the new handle is to have */
    uint32_t type;   /* IN: 1 primary, 2 impersonation */
    uint32_t level;  /* IN */
    int32_t fd;      /* OUT */
};

#define TOKEN_RESTRICT_WRITE 0x1u
struct token_restrict_arguments {
    uint64_t remove_privileges; /* IN: a bit for each */
    uint32_t deny_only_count;   /* IN: of indices of groups */
    uint32_t restricting_count; /* IN: of SIDs */
    uint32_t bytes;             /* IN: exactly what both take */
    uint32_t flags;             /* IN: TOKEN_RESTRICT_WRITE */
    uint64_t data;              /* IN: the indices (32 bits), then the SIDs, packed */
    int32_t fd;                 /* OUT */
    uint32_t unused;
};

struct token_link_arguments {
    int32_t elevated_fd, filtered_fd; /* IN */
    uint64_t session;                 /* IN: that both are of */
};

struct token_linked_arguments {
    int32_t fd; /* OUT */
};

struct token_groups_arguments {
    uint32_t count; /* IN: 1 to 1024 */
    uint32_t zero;
    uint64_t entries;      /* IN: {index, 1 enable or 0 disable}, 32 bits each */
    uint64_t previous[16]; /* OUT: a bit for each group that was enabled */
};

struct token_default_arguments {
    uint64_t dacl;                     /* IN: 0: as it is */
    uint32_t dacl_bytes;               /* IN: 0: none from now on */
    uint16_t owner_index, group_index; /* IN: 0xffff: as it is */
};

/* open_self_token(): the process's token, whomever the thread acts as. */
#define TOKEN_OPEN_REAL 0x1u

/* set_psb(): what a process is kept from, for good; all that there are, and those that are enforced here. */
#define MITIGATION_NO_CHILD  0x020u /* no new processes; threads and other programs it may */
#define MITIGATION_PIE       0x100u /* no programs with a fixed place in memory */
#define MITIGATIONS_ALL      0x3ffu
#define MITIGATIONS_ENFORCED (MITIGATION_NO_CHILD | MITIGATION_PIE)

/* access_check(): what may be asked; `size` says how much of it there is, the rest is zero. */
#define ACCESS_ARGUMENTS_BYTES_MIN 40u
struct access_arguments {
    uint32_t size;
    int32_t token_fd;    /* -1: whom the thread acts as */
    uint64_t descriptor; /* IN: self-relative */
    uint32_t descriptor_bytes;
    uint32_t desired;
    uint32_t read, write, execute, all; /* what the generic rights stand for */
    uint64_t self;                      /* IN: a SID: whom the object stands for; 0: nobody */
    uint32_t self_bytes;
    uint32_t intent; /* 1 backup, 2 restore */
    uint64_t types;  /* IN: {u16 level, u16 0, u8 guid[16]} of its parts, 0: none */
    uint32_t type_count;
    uint32_t zero0;
    uint64_t claims; /* IN */
    uint32_t claims_bytes;
    uint32_t zero1;
    uint64_t granted_at; /* OUT: 32 bits each, 0: not wanted */
    uint32_t pip_type, pip_trust;
    uint64_t audit_context; /* IN: what audit events are to say of the object */
    uint32_t audit_context_bytes;
    uint32_t zero2;
    uint64_t continuous_audit_at; /* OUT */
    uint64_t staging_mismatch_at; /* OUT */
};
_Static_assert(sizeof(struct access_arguments) == 136, "as KACS has it");

struct access_node_answer {
    uint32_t granted;
    int32_t status; /* 0 or -EACCES */
};

#endif
