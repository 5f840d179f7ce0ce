/* kernel/observe/option.h - the kernel's option string from the boot page: "name=value name ...".
 */
#ifndef KERNEL_OBSERVE_OPTION_H
#define KERNEL_OBSERVE_OPTION_H

#include "kernel/lib/types.h"

/* Is the word there, alone or with a value? Copies the value, "" if it has none; a value that does
 * not fit is cut. Usable from the first C instruction on. */
bool option_value(const char *name, char *value, size_t bytes);

#endif
