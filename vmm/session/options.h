/*
 * vmm/session/options.h - the options of a machine, whichever version of the library the caller
 * was compiled for.
 */
#ifndef VITRINE_SESSION_OPTIONS_H
#define VITRINE_SESSION_OPTIONS_H

#include "vmm/include/vitrine.h"

/* Copies the caller's options into a struct of this version. An error if they were never filled
 * in, or ask for something that only a later version has. */
struct vt_error *options_take(const struct vt_options *given, struct vt_options *ret);

#endif
