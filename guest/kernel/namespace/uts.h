/*
 * kernel/namespace/uts.h - UTS namespaces: the host and domain name that some tasks have for
 * themselves (uts_namespaces(7)).
 */
#ifndef KERNEL_NAMESPACE_UTS_H
#define KERNEL_NAMESPACE_UTS_H

#include "kernel/namespace/namespace.h"
#include "kernel/process/process.h"

struct uts_namespace {
    struct namespace head;
    char host_name[SYSTEM_NAME_BYTES], domain_name[SYSTEM_NAME_BYTES]; /* names_lock (uts.c) */
};

extern struct uts_namespace initial_uts_namespace;

#endif
