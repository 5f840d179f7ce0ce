/*
 * kernel/process/capability.h - the numbers of capabilities(7), and who has one.
 *
 * The sets are part of a process's credentials and change with them, under signal_lock. Capabilities
 * of files there are none: a set-user-ID program of user 0 is the only one that gains any.
 */
#ifndef KERNEL_PROCESS_CAPABILITY_H
#define KERNEL_PROCESS_CAPABILITY_H

#include "kernel/lib/types.h"

struct credentials;

enum capability {
    CAP_CHOWN = 0,
    CAP_DAC_OVERRIDE = 1,
    CAP_DAC_READ_SEARCH = 2,
    CAP_FOWNER = 3,
    CAP_FSETID = 4,
    CAP_KILL = 5,
    CAP_SETGID = 6,
    CAP_SETUID = 7,
    CAP_SETPCAP = 8,
    CAP_LINUX_IMMUTABLE = 9,
    CAP_IPC_LOCK = 14,
    CAP_IPC_OWNER = 15,
    CAP_SYS_CHROOT = 18,
    CAP_SYS_PTRACE = 19,
    CAP_SYS_BOOT = 22,
    CAP_SYS_ADMIN = 21,
    CAP_SYS_NICE = 23,
    CAP_SYS_RESOURCE = 24,
    CAP_SYS_TIME = 25,
    CAP_MKNOD = 27,
    CAP_LEASE = 28,
    CAP_MAC_OVERRIDE = 32,
    CAP_SYSLOG = 34,
    CAP_CHECKPOINT_RESTORE = 40,
    CAP_LAST = CAP_CHECKPOINT_RESTORE, /* of Linux 6.1 */
};
#define CAPABILITIES_ALL ((1ull << (CAP_LAST + 1)) - 1)

/*
 * Those that come and go with Linux's ids alone; all others are a privilege's business as well
 * (kernel/token/projection.h).
 */
#define CAPABILITIES_OF_IDS 0x100089ffull /* CHOWN to SETPCAP, 11, 15, 28 */
_Static_assert((CAPABILITIES_OF_IDS & 1ull << CAP_SYS_ADMIN) == 0, "a privilege's business");

struct capability_sets {
    uint64_t effective, permitted, inheritable, bounding, ambient;
    uint32_t secure_bits; /* PR_SET_SECUREBITS; PR_SET_KEEPCAPS is one of them */
};

#define SECURE_NO_ROOT          (1u << 0)
#define SECURE_NO_SETUID_FIXUP  (1u << 2)
#define SECURE_KEEP_CAPS        (1u << 4)
#define SECURE_KEEP_CAPS_LOCKED (1u << 5)
#define SECURE_NO_AMBIENT_RAISE (1u << 6)
#define SECURE_BITS             0xffu
#define SECURE_LOCKS            0xaau /* each locks the bit below it */

/* User 0's, who may do everything. */
void capabilities_fill(struct capability_sets *all);
/* The user ids were these and are as in `now`. signal_lock held. */
void capabilities_follow_user(struct credentials *now, uint32_t uid, uint32_t euid, uint32_t suid);
void capabilities_follow_fsuid(struct credentials *now, uint32_t fsuid);
/* A program was started; `now` has its ids already. signal_lock held. */
void capabilities_follow_exec(struct credentials *now, bool gained_id);
/* The options of prctl(2) that are about capabilities; *ret_known tells if this is one. */
int64_t capability_prctl(int option, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
                         bool *ret_known);

#endif
