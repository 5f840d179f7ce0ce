/* kernel/observe/describe.h - the tables of published structs, fields and roots, for glass.c. */
#ifndef KERNEL_OBSERVE_DESCRIBE_H
#define KERNEL_OBSERVE_DESCRIBE_H

#include "shared/glass.h"

extern const struct glass_type glass_types[];
extern const struct glass_field glass_fields[];
extern const struct glass_root glass_roots[];
extern const uint32_t glass_type_count, glass_field_count, glass_root_count;

#endif
