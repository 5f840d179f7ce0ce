/*
 * vmm/session/symbols.h - names for addresses of the kernel, from its ELF symbol table.
 */
#ifndef VITRINE_SESSION_SYMBOLS_H
#define VITRINE_SESSION_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

struct symbols;

/* NULL if the file cannot be read or has no symbols: then addresses stay numbers. */
struct symbols *symbols_open(const char *path);
void symbols_close(struct symbols *symbols); /* NULL is fine */

/* "function+0x12", or "" if no function covers the address. */
const char *symbols_name(const struct symbols *symbols, uint64_t address, char *text, size_t room);

#endif
