#include "guest/user/lib/sddl_words.h"

#include <stddef.h>

const struct sddl_type sddl_types[] = {
    {"A", 0x00, SDDL_SID},
    {"D", 0x01, SDDL_SID},
    {"AU", 0x02, SDDL_SID},
    {"AL", 0x03, SDDL_SID},
    {"OA", 0x05, SDDL_OBJECT},
    {"OD", 0x06, SDDL_OBJECT},
    {"OU", 0x07, SDDL_OBJECT},
    {"OL", 0x08, SDDL_OBJECT},
    {"XA", 0x09, SDDL_DATA},
    {"XD", 0x0a, SDDL_DATA},
    {"ZA", 0x0b, SDDL_OBJECT | SDDL_DATA},
    {"ZD", 0x0c, SDDL_OBJECT | SDDL_DATA},
    {"XU", 0x0d, SDDL_DATA},
    {"XL", 0x0e, SDDL_DATA},
    {"ZU", 0x0f, SDDL_OBJECT | SDDL_DATA},
    {"ZL", 0x10, SDDL_OBJECT | SDDL_DATA},
    {"ML", SDDL_LABEL_TYPE, SDDL_SID},
    {"RA", 0x12, SDDL_DATA},
    {"SP", 0x13, SDDL_SID},
    {"TL", 0x14, SDDL_SID},
    {NULL, 0, 0},
};

const struct sddl_word sddl_ace_flags[] = {
    {"OI", 0x01}, {"CI", 0x02}, {"NP", 0x04}, {"IO", 0x08},
    {"ID", 0x10}, {"SA", 0x40}, {"FA", 0x80}, {NULL, 0},
};

const struct sddl_word sddl_list_flags[] = {
    {"P", 0x1000},
    {"AR", 0x0100},
    {"AI", 0x0400},
    {NULL, 0},
};

const struct sddl_word sddl_rights[] = {
    {"GA", 0x10000000}, {"GR", 0x80000000}, {"GW", 0x40000000},
    {"GX", 0x20000000}, {"SD", 0x00010000}, {"RC", 0x00020000},
    {"WD", 0x00040000}, {"WO", 0x00080000}, {NULL, 0},
};

const struct sddl_word sddl_label_rights[] = {
    {"NW", 0x2},
    {"NR", 0x1},
    {"NX", 0x4},
    {NULL, 0},
};

#define ONE(authority, last) ((uint32_t)(authority) << 24 | (last))
#define BUILTIN(last)        (5u << 24 | 1u << 16 | (last))
const struct sddl_word sddl_sids[] = {
    {"WD", ONE(1, 0)},      {"CO", ONE(3, 0)},
    {"CG", ONE(3, 1)},      {"OW", ONE(3, 4)},
    {"NU", ONE(5, 2)},      {"IU", ONE(5, 4)},
    {"SU", ONE(5, 6)},      {"AN", ONE(5, 7)},
    {"PS", ONE(5, 10)},     {"AU", ONE(5, 11)},
    {"SY", ONE(5, 18)},     {"LS", ONE(5, 19)},
    {"NS", ONE(5, 20)},     {"BA", BUILTIN(544)},
    {"BU", BUILTIN(545)},   {"BG", BUILTIN(546)},
    {"BO", BUILTIN(551)},   {"LW", ONE(16, 4096)},
    {"ME", ONE(16, 8192)},  {"HI", ONE(16, 12288)},
    {"SI", ONE(16, 16384)}, {NULL, 0},
};
