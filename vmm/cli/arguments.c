/*
 * vmm/cli/arguments.c - numbers and machines on the command line.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/run_options.h"

double cli_parse_number(const char *option, const char *text, double least, double most)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end || !(value >= least && value <= most))
        exit(cli_fail(vt_error_create(VT_ERROR_ARGUMENT,
                                      "%s wants a number from %.10g to %.10g, not '%s'", option,
                                      least, most, text)));
    return value;
}

int32_t cli_parse_whole(const char *option, const char *text, int32_t most)
{
    double value = cli_parse_number(option, text, 1, most);

    if (value != trunc(value))
        exit(cli_fail(
            vt_error_create(VT_ERROR_ARGUMENT, "%s wants a whole number, not '%s'", option, text)));
    return (int32_t)value;
}

error_t cli_take_machine(struct argp_state *state, const char *argument, const char **name)
{
    if (*name)
        argp_error(state, "one machine at a time: '%s' is too much", argument);
    *name = argument;
    return 0;
}

error_t cli_take_machine_or_program(struct argp_state *state, const char *argument,
                                    const char **name)
{
    if (state->quoted)
        return ARGP_ERR_UNKNOWN; /* the program and its arguments: for the options of run */
    if (*name)
        argp_error(state, "one machine at a time: '%s' is too much (a program stands behind --)",
                   argument);
    *name = argument;
    return 0;
}

int cli_check_machine_or_program(const char *command, const struct run_options *run,
                                 const char *name)
{
    if (run->machine.argv && name) {
        fprintf(stderr, "vitrine: %s takes a machine's name or a program, not both\n", command);
        return STATUS_FAILED;
    }
    if (!run->machine.argv && run->given) {
        fprintf(stderr,
                "vitrine: options of a new machine need a program: vitrine %s ... -- PROGRAM\n",
                command);
        return STATUS_FAILED;
    }
    return 0;
}
