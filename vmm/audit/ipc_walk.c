/* vmm/audit/ipc_walk.c - see ipc_walk.h. */
#include "vmm/audit/ipc_walk.h"

#include <stdlib.h>

#define CHUNKS 64u  /* guest/kernel/ipc/sysv/object.h: IPC_PLACES in chunks of ... */
#define PLACES 512u /* ... IPC_CHUNK_PLACES */

struct walk {
    const struct audit_world *world;
    enum audit_ipc_kind kind;
    void (*visit)(void *context, const struct audit_ipc_table *table);
    void *context;
    uint64_t *objects; /* room for all places */
};

static void visit_namespace(void *context, const struct audit_namespace *namespace)
{
    const struct walk *walk = context;
    const struct audit_layout *l = walk->world->layout;
    struct audit_ipc_table table = {.namespace = namespace->address - l->ipc_namespace_head.offset +
                                                 l->namespace_references.offset,
                                    .objects = walk->objects};

    table.space = audit_at(walk->world, table.namespace, l->ipc_namespace_bytes);
    if (!table.space)
        return;
    const uint8_t *raw =
        table.space + l->ipc_tables.offset + (size_t)walk->kind * l->ipc_table_bytes;
    table.count = audit_get(raw, l->ipc_table_count);
    for (unsigned i = 0; i < CHUNKS; i++) {
        uint64_t chunk;

        memcpy(&chunk, raw + l->ipc_table_chunks.offset + i * 8ul, sizeof(chunk));
        const uint8_t *places = chunk ? audit_at(walk->world, chunk, PLACES * 8ul) : NULL;
        for (unsigned j = 0; places && j < PLACES; j++) {
            memcpy(&walk->objects[table.found], places + j * 8ul, 8);
            table.found += walk->objects[table.found] != 0;
        }
    }
    walk->visit(walk->context, &table);
}

bool audit_each_ipc_table(const struct audit_world *world, enum audit_ipc_kind kind,
                          void (*visit)(void *context, const struct audit_ipc_table *table),
                          void *context)
{
    struct walk walk = {.world = world, .kind = kind, .visit = visit, .context = context};

    walk.objects = malloc((CHUNKS * PLACES + 1) * sizeof(*walk.objects));
    bool whole =
        walk.objects && audit_each_namespace(world, AUDIT_NAMESPACE_IPC, visit_namespace, &walk);
    free(walk.objects);
    return whole;
}
