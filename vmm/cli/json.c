/* vmm/cli/json.c - numbers beyond JSON's, and printing. */
#include <inttypes.h>
#include <stdio.h>

#include "vmm/cli/json.h"

json_t *json_word(uint64_t value)
{
    return value <= INT64_MAX ? json_integer((json_int_t)value) : json_address(value);
}

json_t *json_address(uint64_t value)
{
    return json_sprintf("%#" PRIx64, value);
}

json_t *json_text(const char *text)
{
    return text ? json_string(text) : json_null();
}

void json_print(json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(1) | JSON_ENSURE_ASCII);
    putchar('\n');
    json_decref(value);
}
