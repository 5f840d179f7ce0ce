/*
 * tests/integration/broken_kernel.h - a kernel that panics on demand.
 */
#ifndef TESTS_INTEGRATION_BROKEN_KERNEL_H
#define TESTS_INTEGRATION_BROKEN_KERNEL_H

#include <limits.h>

/*
 * Makes a copy of the kernel in which `function` begins with `ud2`, after the two instructions that
 * set up its frame: its callers are in the chain of frame pointers then. Unlinked by the caller.
 */
void broken_kernel_create(const char *function, char path[PATH_MAX]);

/* `mv` reaches this through a pointer: no compiler can have merged it with its callers. */
#define BROKEN_KERNEL_FUNCTION "directory_rename"
#define BROKEN_KERNEL_SCRIPT   "echo before; touch /tmp/a; mv /tmp/a /tmp/b"

#endif
