// SOURCES: tests/unit/host/kernel.c tests/unit/host/machine.c guest/kernel/mm/frame.c
// guest/kernel/mm/free_list.c guest/kernel/mm/untouched.c
/* Is it ChaCha20, does every CPU get other bytes, and is nothing given out twice? */
#include <criterion/criterion.h>
#include <string.h>

#include "guest/kernel/lib/random.c"

Test(random, block_of_rfc_8439_2_3_2)
{
    uint32_t key[8], block[16];
    static const uint32_t nonce[3] = {0x09000000, 0x4a000000, 0x00000000};
    static const uint32_t expected[16] = {
        0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3, 0xc7f4d1c7, 0x0368c033,
        0x9aaa2204, 0x4e6cd4c3, 0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
        0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2,
    };

    for (unsigned i = 0; i < 32; i++)
        ((uint8_t *)key)[i] = (uint8_t)i;
    chacha20_block(key, 1, nonce, block);
    cr_assert_arr_eq(block, expected, sizeof(expected));
}

Test(random, bytes_differ_by_cpu_and_time)
{
    uint8_t seen[4][100];
    static const uint64_t seed[4] = {1, 2, 3, 4};

    random_init(seed);
    for (unsigned i = 0; i < 4; i++) {
        host_cpu.index = i % 2;
        random_bytes(seen[i], sizeof(seen[i]));
        random_mix(i);
    }
    for (unsigned i = 0; i < 4; i++)
        for (unsigned j = 0; j < i; j++)
            cr_assert(memcmp(seen[i], seen[j], sizeof(seen[i])) != 0);
    for (unsigned i = 0; i < 1000; i++)
        cr_assert_lt(random_below(7), 7);
}
