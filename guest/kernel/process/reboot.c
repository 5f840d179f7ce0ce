/*
 * kernel/process/reboot.c - reboot(2). The machine ends with the first program, and that is who
 * decides: only the key combination's setting, which has no effect, is taken from others.
 */
#include "kernel/process/internal.h"
#include "kernel/syscall/syscall.h"

#define REBOOT_MAGIC1    0xfee1deadu
#define REBOOT_CAD_OFF   0x00000000u
#define REBOOT_CAD_ON    0x89abcdefu
#define REBOOT_RESTART   0x01234567u
#define REBOOT_HALT      0xcdef0123u
#define REBOOT_POWER_OFF 0x4321fedcu

static bool is_second_magic(uint32_t magic)
{
    return magic == 672274793u || magic == 85072278u || magic == 369367448u || magic == 537993216u;
}

SYSCALL4(reboot, uint32_t, magic, uint32_t, second_magic, uint32_t, command, uint64_t, argument)
{
    (void)argument;
    if (!process_has_capability(current->process, CAP_SYS_BOOT))
        return -EPERM;
    if (magic != REBOOT_MAGIC1 || !is_second_magic(second_magic))
        return -EINVAL;
    switch (command) {
    case REBOOT_CAD_OFF:
    case REBOOT_CAD_ON:
        return 0;
    case REBOOT_RESTART:
    case REBOOT_HALT:
    case REBOOT_POWER_OFF:
        return signal_send_process(program_process, SIGKILL, NULL);
    default:
        return -EINVAL;
    }
}
