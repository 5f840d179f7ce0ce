/*
 * tests/guest/exec_args.c - what a new program finds on its stack: arguments, environment,
 * auxiliary vector, alignment. `exec_args` executes itself with awkward arguments and prints what
 * arrives.
 */
#include "tests/guest/guest.h"

#include <elf.h>
#include <sys/auxv.h>

static int check_child(int argument_count, char **arguments, char **environment)
{
    char big[3000];
    uintptr_t stack;

    memset(big, 'b', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    if (argument_count != 5 || strcmp(arguments[2], "") != 0 ||
        strcmp(arguments[3], "a b\n\t\xff") != 0 || strcmp(arguments[4], big) != 0 ||
        arguments[5] != NULL)
        return 10;
    if (strcmp(environment[0], "ONE=1") != 0 || strcmp(environment[1], "EMPTY=") != 0 ||
        environment[2] != NULL)
        return 11;
    if (getauxval(AT_PAGESZ) != PAGE_BYTES || getauxval(AT_PHENT) != sizeof(Elf64_Phdr) ||
        getauxval(AT_PHDR) == 0 || getauxval(AT_ENTRY) == 0 || getauxval(AT_RANDOM) == 0)
        return 12;
    if (getauxval(AT_EXECFN) == 0 || strcmp((const char *)getauxval(AT_EXECFN), arguments[0]) != 0)
        return 13;
    if (getauxval(AT_UID) != getuid() || getauxval(AT_EGID) != getegid() ||
        getauxval(AT_SECURE) != 0 || getauxval(AT_CLKTCK) != 100)
        return 14;
    /* argc lies at the 16-byte aligned stack pointer of the entry: one word below argv[0]. */
    stack = (uintptr_t)arguments - sizeof(long);
    if (stack % 16 != 0 || *(long *)stack != argument_count)
        return 15;
    for (const char *p = (const char *)getauxval(AT_RANDOM), *first = p; p < first + 16; p++)
        if (*p != 0)
            return 0;
    return 16;
}

int main(int argument_count, char **arguments, char **environment)
{
    char big[3000];
    char *next[] = {arguments[0], "--child", "", "a b\n\t\xff", big, NULL};
    char *next_environment[] = {"ONE=1", "EMPTY=", NULL};
    int status;

    if (argument_count > 1 && strcmp(arguments[1], "--child") == 0) {
        status = check_child(argument_count, arguments, environment);
        say("child %d", status);
        return status;
    }
    for (int i = 0; i < argument_count; i++)
        say("argument %d <%s>", i, arguments[i]);
    for (char **variable = environment; *variable != NULL; variable++)
        say("environment <%s>", *variable);
    memset(big, 'b', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    execve(arguments[0], next, next_environment);
    fail("execve");
}
