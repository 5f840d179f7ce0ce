/*
 * vitrine/token_text.h - tokens in words, for programs that show them. Each writes at most `room` bytes with the
 * end to `text` and returns it; what cannot be had is "?".
 */
#ifndef VITRINE_TOKEN_TEXT_H
#define VITRINE_TOKEN_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "vitrine/token.h"

/* "SeDebugPrivilege"; NULL: there is none with that number. */
const char *token_privilege_name(unsigned privilege);
/* The number of "SeDebugPrivilege" or "SeDebug"; -1: there is none. */
int token_privilege_number(const char *name);
/* "medium"; "?" */
const char *token_integrity_name(uint32_t level);
/* The SID that an answer to a query consists of, as S-1-... */
char *token_sid_text(int token, enum token_class what, char *text, size_t room);
/* The whole answer, which free() takes; *ret_bytes its length. NULL with errno. */
void *token_answer(int token, enum token_class what, uint32_t *ret_bytes);

#endif
