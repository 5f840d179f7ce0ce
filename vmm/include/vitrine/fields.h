/*
 * vitrine/fields.h - any published struct of the kernel, by the names of its fields.
 */
#ifndef VITRINE_FIELDS_H
#define VITRINE_FIELDS_H

#include <stdint.h>

#include "error.h"
#include "guest.h"
#include "shared/glass.h"
#include "version.h"

VITRINE_BEGIN

/* Typed access by the kernel's own tables: any published struct, by name. */
struct vt_error *vt_guest_field(struct vt_guest *guest, const char *type, const char *field,
                                struct glass_field *ret);
struct vt_error *vt_guest_read_field(struct vt_guest *guest, uint64_t object_address,
                                     const char *type, const char *field,
                                     uint64_t *ret); /* integers and addresses */

VITRINE_END

#endif
