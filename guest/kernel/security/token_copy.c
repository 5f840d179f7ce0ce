#include "kernel/security/token_copy.h"

#include "kernel/lib/string.h"
#include "kernel/security/sid.h"

/* Memory that is filled from its beginning; with bytes NULL it only counts. */
struct filling {
    uint8_t *bytes;
    size_t used;
};

static void *place(struct filling *filling, const void *from, size_t bytes)
{
    void *to = filling->bytes ? filling->bytes + filling->used : NULL;
    if (to && bytes)
        memcpy(to, from, bytes);
    filling->used = align_up(filling->used + bytes, (size_t)8);
    return to;
}

static const struct sid *place_sid(struct filling *filling, const struct sid *sid)
{
    return sid ? place(filling, sid, sid_bytes(sid)) : NULL;
}

static struct sid_attributes *place_list(struct filling *filling, struct sid_list *list)
{
    struct sid_attributes *entries =
        place(filling, list->entries, list->count * sizeof(*list->entries));
    for (uint32_t i = 0; i < list->count; i++) {
        const struct sid *sid = place_sid(filling, list->entries[i].sid);
        if (entries)
            entries[i].sid = sid;
    }
    list->entries = entries;
    return entries;
}

static void place_span(struct filling *filling, struct byte_span *span)
{
    span->data = place(filling, span->data, span->length);
}

/* The one list of what a token points to. */
static void place_all(struct filling *filling, struct token *token)
{
    struct access_subject *subject = &token->subject;
    subject->user = place_sid(filling, subject->user);
    subject->confinement = place_sid(filling, subject->confinement);
    token->groups = place_list(filling, &subject->groups);
    place_list(filling, &subject->restricting);
    place_list(filling, &subject->device_groups);
    place_list(filling, &subject->restricted_device_groups);
    place_list(filling, &subject->capabilities);
    place_span(filling, &subject->user_claims);
    place_span(filling, &subject->device_claims);
    place_span(filling, &token->default_dacl);
    place_span(filling, &token->descriptor);
    token->projected_gids = place(filling, token->projected_gids,
                                  token->projected_gid_count * sizeof(*token->projected_gids));
}

size_t token_copy_bytes(const struct token *token)
{
    struct filling filling = {.used = align_up(sizeof(*token), (size_t)8)};
    struct token counted = *token;
    place_all(&filling, &counted);
    return filling.used;
}

struct token *token_copy(const struct token *token, void *memory)
{
    struct filling filling = {.bytes = memory};
    struct token *copy = place(&filling, token, sizeof(*token));
    place_all(&filling, copy);
    return copy;
}
