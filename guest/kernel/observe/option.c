/* kernel/observe/option.c - see option.h. The strings are the host's: bounded, and copied. */
#include "kernel/observe/option.h"

#include "arch/layout.h"
#include "kernel/lib/string.h"
#include "shared/boot.h"

bool option_value(const char *name, char *value, size_t bytes)
{
    const struct boot_info *boot = phys_to_virt(BOOT_INFO_PHYS);
    const char *strings = phys_to_virt(BOOT_STRINGS_PHYS);
    uint32_t limit = min(boot->strings_bytes, (uint32_t)BOOT_STRINGS_MAX);
    size_t length = strlen(name);
    uint32_t at = boot->kernel_options;

    while (at < limit && strings[at]) {
        uint32_t end = at;
        while (end < limit && strings[end] && strings[end] != ' ')
            end++;
        if (end - at >= length && !memcmp(strings + at, name, length) &&
            (end - at == length || strings[at + length] == '=')) {
            uint32_t from = at + (uint32_t)length + (end - at > length);
            size_t copied = min((size_t)(end - from), bytes - 1);
            memcpy(value, strings + from, copied);
            value[copied] = '\0';
            return true;
        }
        at = end < limit && strings[end] == ' ' ? end + 1 : end;
    }
    return false;
}
