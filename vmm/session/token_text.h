/*
 * vmm/session/token_text.h - who the first program is to be, as a person writes it:
 *
 *     user=S-1-5-21-1-2-3-1001,group=BU,privilege=SeDebug,integrity=medium,uid=1000
 *
 * or a file with such items, one to a line. docs/man/vitrine.1 has the words.
 */
#ifndef VITRINE_SESSION_TOKEN_TEXT_H
#define VITRINE_SESSION_TOKEN_TEXT_H

#include "vmm/include/vitrine/error.h"

/*
 * The token's specification (guest/user/lib/include/vitrine/token_spec.h) in hexadecimal digits; free() it.
 * `text`: the items, or, with a '/' before the first '=', the path of a file of them.
 */
struct vt_error *token_text_read(const char *text, char **ret);

#endif
