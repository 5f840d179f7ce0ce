/*
 * Access decisions in tables: who, what descriptor (SDDL), what is asked, what comes out.
 *
 * Rights of the made-up object type: 1 read, 2 write, 4 execute, 8 another one that only GENERIC_ALL
 * has. GENERIC_READ is 1 and READ_CONTROL, GENERIC_ALL is 0x1f000f.
 */
#ifndef TESTS_UNIT_ACCESS_FIXTURE_H
#define TESTS_UNIT_ACCESS_FIXTURE_H

#include "kernel/security/access_check.h"

/* A row says what matters to its rule; the rest is zero. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define TEST_READ    0x00020001u
#define TEST_WRITE   0x00000002u
#define TEST_EXECUTE 0x00000004u
#define TEST_ALL     0x001f000fu
#define MAXIMUM      ACCESS_MAXIMUM_ALLOWED

extern const struct generic_mapping test_mapping;

/* SIDs without a name: S-1-5-21-N. Text of lists: names, each may end with '!' (deny only) or '~'
 * (neither enabled nor deny only). */
struct test_who {
    const char *user;   /* NULL: S-1-5-21-1 */
    const char *groups; /* NULL: "WD AU BU" */
    const char *restricting, *capabilities, *device_groups, *restricted_device_groups;
    const char *confinement;
    uint64_t privileges;
    uint32_t integrity; /* 0: medium; 1: untrusted */
    bool user_deny_only, write_restricted, confinement_exempt, no_mandatory_policy;
    uint32_t audit_policy;
    struct byte_span user_claims, device_claims;
    bool identification;
};

struct test_case {
    const char *rule; /* which rule of docs/access.md, and what it is about */
    const char *sd;
    struct test_who who;
    uint32_t desired;
    uint32_t granted;
    int error;
    bool refused; /* although decided without an error */
    uint32_t intent;
    uint32_t pip_type, pip_trust;
    const char *self;
};

/* Gives up all that the functions here have allocated. */
void test_forget(void);

/* The token. */
struct access_subject test_subject(const struct test_who *who);
const struct sid *test_sid(const char *text);
struct sid_list test_sids(const char *text);
/* The descriptor in bytes of exactly its size, so that a sanitizer sees every step beyond. */
struct byte_span test_descriptor(const char *sddl);
/* A list alone, from "D:(...)". */
struct byte_span test_acl(const char *sddl);
/* Zeroed memory until the test ends, and a copy in such of exactly this size. */
void *test_room(size_t bytes);
struct byte_span test_bytes(const void *bytes, size_t length);

/* A request for an object of the made-up type. */
struct access_request test_request(const struct access_subject *subject, struct byte_span sd,
                                   uint32_t desired);

/* Runs all; says by the rule which one is not kept. */
void test_cases(const struct test_case *cases, size_t count);

#endif
