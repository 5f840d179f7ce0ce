/*
 * vmm/machine/host.h - the parts of the host probe; private to vmm/machine (public:
 * vt_host_probe()).
 *
 * probe.c puts a struct vt_host together from probe_kvm.c (throw-away VM), probe_qemu.c (child
 * process) and keeps it in a cache file (probe_cache.c) for this boot of the host.
 */
#ifndef VITRINE_MACHINE_HOST_H
#define VITRINE_MACHINE_HOST_H

#include "vmm/include/vitrine.h"

/* Fills in the kvm_* fields and tsc_khz if KVM knows it. Never fails: what it cannot find stays
 * false. */
void host_probe_kvm(struct vt_host *host);

/* Fills in the qemu_* fields. */
void host_probe_qemu(struct vt_host *host);
/* Where the QEMU program is: VITRINE_QEMU, else the first in PATH. False if there is none. */
bool host_find_qemu(char *path, size_t bytes);

/* True if there is a whole and valid result of this boot. */
bool host_cache_read(struct vt_host *host);
/* Best effort: a cache that cannot be written only costs time. */
void host_cache_write(const struct vt_host *host);

#endif
