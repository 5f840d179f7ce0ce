/* vmm/cli/json.h - what the commands' JSON has in common. */
#ifndef VITRINE_CLI_JSON_H
#define VITRINE_CLI_JSON_H

#include <jansson.h>
#include <stdint.h>

/* An integer of JSON ends at INT64_MAX; what is larger, a kernel address, is written as hexadecimal
 * text. */
json_t *json_word(uint64_t value);
/* An address, always as hexadecimal text. */
json_t *json_address(uint64_t value);
/* A text, or null. */
json_t *json_text(const char *text);
/* To stdout, with a newline; takes over the reference. */
void json_print(json_t *value);

#endif
