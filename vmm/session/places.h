/*
 * vmm/session/places.h - where the parts lie that a machine or the command needs beside the
 * library: the kernel, the programs of the default root, gdb's commands.
 */
#ifndef VITRINE_SESSION_PLACES_H
#define VITRINE_SESSION_PLACES_H

#include "vmm/include/vitrine.h"

#define PLACES_KERNEL     "vitrine-kernel"
#define PLACES_PROGRAMS   "guest/user"
#define PLACES_GDB_SCRIPT "vitrine-gdb.py"

/*
 * The path of a part, a file or directory that can be read; free() it. Looked for around the
 * library (or the program that it is linked into) and around the running program, in a build tree
 * and in an installed one, then in the two usual prefixes. VT_ERROR_NOT_FOUND names the places.
 */
struct vt_error *places_find(const char *part, char **ret_path);

#endif
