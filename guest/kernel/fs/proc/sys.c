/*
 * kernel/fs/proc/sys.c - /proc/sys: the few settings of Linux that programs look up. The
 * limits of System V IPC (ipc.c) can be changed, the others cannot.
 */
#include "arch/cpu.h"
#include "kernel/fs/proc/ipc.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/lib/errno.h"
#include "kernel/process/process.h"

#define PID_LIMIT 32768 /* pids stay below it, as with Linux's default */

static int show_host_name(struct proc_text *text, const struct proc_target *target)
{
    char name[SYSTEM_NAME_BYTES];

    (void)target;
    host_name_get(name);
    text_print(text, "%s\n", name);
    return 0;
}

static int show_domain_name(struct proc_text *text, const struct proc_target *target)
{
    char name[SYSTEM_NAME_BYTES];

    (void)target;
    domain_name_get(name);
    text_print(text, "%s\n", name);
    return 0;
}

static int show_os_type(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    text_print(text, "%s\n", SYSTEM_NAME);
    return 0;
}

static int show_os_release(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    text_print(text, "%s\n", SYSTEM_RELEASE);
    return 0;
}

static int show_os_version(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    text_print(text, "%s\n", SYSTEM_VERSION);
    return 0;
}

static int show_pid_max(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    text_print(text, "%d\n", PID_LIMIT);
    return 0;
}

static int show_threads_max(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    text_print(text, "%d\n", PID_LIMIT - 1);
    return 0;
}

static int show_zero(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    text_print(text, "0\n");
    return 0;
}

static int show_one(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    text_print(text, "1\n");
    return 0;
}

static int show_capability_last(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    text_print(text, "40\n");
    return 0;
}

static int show_aslr(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    text_print(text, "%d\n", aslr_enabled ? 2 : 0);
    return 0;
}

static int show_map_count(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    text_print(text, "65530\n");
    return 0;
}

/* A random UUID (RFC 4122, version 4) from 16 bytes. */
static void print_uuid(struct proc_text *text, uint8_t bytes[16])
{
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    for (int i = 0; i < 16; i++)
        text_print(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
    text_print(text, "\n");
}

static int show_uuid(struct proc_text *text, const struct proc_target *target)
{
    uint8_t bytes[16];

    (void)target;
    random_bytes(bytes, sizeof(bytes));
    print_uuid(text, bytes);
    return 0;
}

/* One for the life of the machine; made by whoever asks first. */
static int show_boot_id(struct proc_text *text, const struct proc_target *target)
{
    static struct spinlock lock = SPINLOCK_INIT(RANK_TERMINAL);
    static uint8_t boot_id[16];
    static bool made;
    uint8_t fresh[16], copy[16];

    (void)target;
    random_bytes(fresh, sizeof(fresh));
    spin_lock(&lock);
    if (!made)
        __builtin_memcpy(boot_id, fresh, sizeof(fresh));
    made = true;
    __builtin_memcpy(copy, boot_id, sizeof(copy));
    spin_unlock(&lock);
    print_uuid(text, copy);
    return 0;
}

static int show_entropy(struct proc_text *text, const struct proc_target *target)
{
    (void)target;
    text_print(text, "256\n");
    return 0;
}

static const struct proc_entry random_children[] = {
    PROC_FILE("uuid", show_uuid),
    PROC_FILE("boot_id", show_boot_id),
    PROC_FILE("entropy_avail", show_entropy),
    {.name = NULL},
};

static const struct proc_entry kernel_children[] = {
    PROC_FILE("hostname", show_host_name),
    PROC_FILE("domainname", show_domain_name),
    PROC_FILE("ostype", show_os_type),
    PROC_FILE("osrelease", show_os_release),
    PROC_FILE("version", show_os_version),
    PROC_FILE("pid_max", show_pid_max),
    PROC_FILE("threads-max", show_threads_max),
    PROC_FILE("randomize_va_space", show_aslr),
    PROC_FILE("cap_last_cap", show_capability_last),
    PROC_IPC_LIMITS,
    PROC_DIRECTORY("random", random_children),
    {.name = NULL},
};

static const struct proc_entry vm_children[] = {
    PROC_FILE("overcommit_memory", show_one),
    PROC_FILE("max_map_count", show_map_count),
    PROC_FILE("swappiness", show_zero),
    {.name = NULL},
};

const struct proc_entry proc_sys_children[] = {
    PROC_DIRECTORY("kernel", kernel_children),
    PROC_DIRECTORY("vm", vm_children),
    PROC_DIRECTORY("fs", proc_sys_fs_children),
    {.name = NULL},
};
