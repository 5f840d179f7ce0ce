/* kernel/lib/guid.c - see guid.h. */
#include "kernel/lib/guid.h"

#include "arch/cpu.h"

struct guid_source guid_source;

/* Of several CPUs that come here at once the last one's secrets stay: numbers differ all the same. */
COLD void guid_begin(void)
{
    uint64_t random[2];
    random_bytes(random, sizeof(random));
    WRITE_ONCE(guid_source.secret[1], random[1]);
    store_release(&guid_source.secret[0], random[0] | 1);
}
