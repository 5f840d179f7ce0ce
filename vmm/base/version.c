/*
 * vmm/base/version.c - the version of the library that runs.
 */
#include "vmm/include/vitrine/version.h"

#define TEXT(number)     #number
#define TEXT_OF(number)  TEXT(number)
#define VERSION_OF(a, b) TEXT_OF(a) "." TEXT_OF(b)

const char *vitrine_version(void)
{
    return VERSION_OF(VITRINE_VERSION_MAJOR, VITRINE_VERSION_MINOR);
}
