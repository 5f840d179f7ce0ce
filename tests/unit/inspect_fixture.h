/*
 * tests/unit/inspect_fixture.h - a guest made of the kernel's own structures for each test of the
 * host's readers.
 */
#ifndef TESTS_UNIT_INSPECT_FIXTURE_H
#define TESTS_UNIT_INSPECT_FIXTURE_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/kernel_guest.h"

static struct kernel_guest kg;

static inline void setup(void)
{
    kernel_guest_init(&kg);
}

static inline void teardown(void)
{
    kernel_guest_deinit(&kg);
}

static inline void require_ok(struct vt_error *error)
{
    cr_assert_null(error, "%s", vt_error_message(error));
}

static inline void expect_code(struct vt_error *error, enum vt_error_code code)
{
    cr_assert_not_null(error);
    cr_expect_eq(vt_error_code(error), code, "%s", vt_error_message(error));
    vt_error_destroy(error);
}

static inline struct vt_task task_of(int32_t tid)
{
    struct vt_task task;

    require_ok(vt_guest_task(&kg.guest, tid, &task));
    return task;
}

/* A process of one thread, with a table of descriptors and an address space. */
static inline struct task *make_process(int32_t pid, struct process *parent,
                                        struct file_table **ret_files)
{
    *ret_files = kernel_guest_files(&kg);
    return kernel_guest_task(&kg, kernel_guest_process(&kg, pid, parent), pid, "p",
                             kernel_guest_space(&kg), *ret_files);
}

#define INSPECT_SUITE(name) TestSuite(name, .init = setup, .fini = teardown, .timeout = 120)

#endif
