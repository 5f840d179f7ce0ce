/* vmm/audit/tally.c - see tally.h: a hash table with open places. */
#include "vmm/audit/tally.h"

#include <stdlib.h>

#define FIRST_ROOM 256u

static struct audit_tallied *place_of(const struct audit_tally *tally, uint64_t address)
{
    size_t at = (size_t)(address * 0x9e3779b97f4a7c15ull >> 20) & (tally->room - 1);

    while (tally->places[at].address && tally->places[at].address != address)
        at = (at + 1) & (tally->room - 1);
    return &tally->places[at];
}

static bool grow(struct audit_tally *tally)
{
    struct audit_tally larger = {.room = tally->room ? tally->room * 2 : FIRST_ROOM,
                                 .count = tally->count};

    larger.places = calloc(larger.room, sizeof(*larger.places));
    if (!larger.places) {
        tally->out_of_memory = true;
        return false;
    }
    for (size_t i = 0; i < tally->room; i++)
        if (tally->places[i].address)
            *place_of(&larger, tally->places[i].address) = tally->places[i];
    free(tally->places);
    *tally = larger;
    return true;
}

struct audit_tallied *audit_tallied(const struct audit_tally *tally, uint64_t address)
{
    struct audit_tallied *place = tally->room && address ? place_of(tally, address) : NULL;

    return place && place->address ? place : NULL;
}

struct audit_tallied *audit_tally(struct audit_tally *tally, uint64_t address)
{
    struct audit_tallied *place = audit_tallied(tally, address);

    if (place || !address || (tally->count * 2 >= tally->room && !grow(tally)))
        return place;
    place = place_of(tally, address);
    place->address = address;
    tally->count++;
    return place;
}

void audit_tally_hold(struct audit_tally *tally, uint64_t address)
{
    struct audit_tallied *place = audit_tally(tally, address);

    if (place)
        place->held++;
}

void audit_tally_free(struct audit_tally *tally)
{
    free(tally->places);
    *tally = (struct audit_tally){0};
}
