/*
 * vmm/cli/arguments.c - numbers on the command line.
 */
#include <math.h>
#include <stdlib.h>

#include "vmm/cli/cli.h"

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
