/*
 * tests/unit/address_space_fixture.h - a machine with one address space for tests of mappings.
 */
#ifndef TESTS_UNIT_ADDRESS_SPACE_FIXTURE_H
#define TESTS_UNIT_ADDRESS_SPACE_FIXTURE_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "arch/page_table.h"
#include "files.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/linux_memory.h"
#include "kernel/mm/vma.h"
#include "machine.h"
#include "tasks.h"
#include "user.h"

#define MIB       (1024ul * 1024)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW        (PROT_READ | PROT_WRITE)

static inline struct address_space *start(void)
{
    struct boot_info boot = {.ram = {{0, 64 * MIB}}, .image = {8 * MIB, 4 * MIB}};

    host_machine_start_with(&boot, 3 * MIB);
    host_task_start();
    host_task.address_space = address_space_create();
    host_cpu.active_space = host_task.address_space;
    return host_task.address_space;
}

static inline uint64_t load(struct address_space *space, uint64_t address)
{
    uint64_t word = 0;

    cr_assert_eq(user_load(space, address, &word), 0);
    return word;
}

#endif
