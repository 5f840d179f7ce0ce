/* kernel/token/first_token.h - who the first program is: SYSTEM, or whom the host asked for. */
#ifndef KERNEL_TOKEN_FIRST_TOKEN_H
#define KERNEL_TOKEN_FIRST_TOKEN_H

#include "kernel/lib/types.h"

/*
 * The current process becomes whom the specification says (token_spec.h, in hexadecimal digits; "": as it is),
 * in a logon session of its own. 0; -EINVAL: it is no specification, or not of a primary token;
 * -ENOMEM.
 */
int first_token_install(const char *digits);

#endif
