/*
 * vmm/audit/tally.h - what was found of objects that no table lists: by address, how often each was
 * found to be held, and how often it was found in a list.
 */
#ifndef VITRINE_AUDIT_TALLY_H
#define VITRINE_AUDIT_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct audit_tallied {
    uint64_t address; /* 0: an empty place */
    uint32_t held, listed, other;
};

struct audit_tally {
    struct audit_tallied *places;
    size_t room, count; /* room: a power of two */
    bool out_of_memory; /* something is missing: nothing may be judged by it */
};

/* The address's place, made if need be; NULL when out of memory, or for address 0. Valid until the next
 * one is made. */
struct audit_tallied *audit_tally(struct audit_tally *tally, uint64_t address);
/* ... NULL if it was never tallied. */
struct audit_tallied *audit_tallied(const struct audit_tally *tally, uint64_t address);
/* One more holder; nothing for address 0. */
void audit_tally_hold(struct audit_tally *tally, uint64_t address);
void audit_tally_free(struct audit_tally *tally);

#endif
