/*
 * vitrine/version.h - which libvitrine this is, and what a program may rely on.
 *
 * Within one major version a program that compiles goes on compiling, and one that runs with
 * libvitrine.so.MAJOR goes on running: functions, constants and structs are only added. A struct
 * that may grow begins with its size, which its init function fills in (struct vt_options); every
 * other struct keeps its layout. A new number may appear in any enum: treat one that is not known
 * as "other".
 *
 * Not promised: the kernel's own structs and their fields (fields.h; they are found by name), the
 * structs of shared/ as far as only the kernel and the library speak with them, and the texts of
 * errors, reports and logs. What the kernel publishes carries GLASS_VERSION: a library and a
 * kernel, or two programs at one machine, that do not understand each other say so
 * (VT_ERROR_FORMAT).
 */
#ifndef VITRINE_VERSION_H
#define VITRINE_VERSION_H

#define VITRINE_VERSION_MAJOR 1
#define VITRINE_VERSION_MINOR 0

/* Is the header at least this version? For #if. */
#define VITRINE_VERSION_AT_LEAST(major, minor)                                                     \
    (VITRINE_VERSION_MAJOR > (major) ||                                                            \
     (VITRINE_VERSION_MAJOR == (major) && VITRINE_VERSION_MINOR >= (minor)))

/* Around the declarations of every public header: C linkage, and visible outside the shared
 * library, which hides everything else. */
#ifdef __cplusplus
#define VITRINE_BEGIN                                                                              \
    _Pragma("GCC visibility push(default)") extern "C"                                             \
    {
#define VITRINE_END                                                                                \
    }                                                                                              \
    _Pragma("GCC visibility pop")
#else
#define VITRINE_BEGIN _Pragma("GCC visibility push(default)")
#define VITRINE_END   _Pragma("GCC visibility pop")
#endif

VITRINE_BEGIN

/* The version of the library that runs, "MAJOR.MINOR": the header's, or a later minor one. */
const char *vitrine_version(void);

VITRINE_END

#endif
