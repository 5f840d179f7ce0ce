/*
 * vmm/gdb/target_xml.c - the registers, as gdb wants them described. Names, types and order are
 * those of gdb's standard features for x86-64; struct gdb_registers follows the same order.
 */
#include <string.h>

#include "vmm/gdb/client.h"

struct group {
    const char *names; /* separated by spaces */
    unsigned bits;
    const char *type;
};

static void write_group(FILE *out, const struct group *group)
{
    const char *at = group->names;

    while (*at) {
        const int length = (int)strcspn(at, " ");

        fprintf(out, "<reg name=\"%.*s\" bitsize=\"%u\" type=\"%s\"/>\n", length, at, group->bits,
                group->type);
        at += length;
        at += strspn(at, " ");
    }
}

static void write_feature(FILE *out, const char *name, const char *types,
                          const struct group *groups, size_t count)
{
    fprintf(out, "<feature name=\"org.gnu.gdb.i386.%s\">\n%s", name, types);
    for (size_t i = 0; i < count; i++)
        write_group(out, &groups[i]);
    fputs("</feature>\n", out);
}

#define FEATURE(out, name, types, groups)                                                          \
    write_feature((out), (name), (types), (groups), sizeof(groups) / sizeof((groups)[0]))

char *gdb_target_xml(size_t *ret_bytes)
{
    static const struct group core[] = {
        {"rax rbx rcx rdx rsi rdi", 64, "int64"},
        {"rbp rsp", 64, "data_ptr"},
        {"r8 r9 r10 r11 r12 r13 r14 r15", 64, "int64"},
        {"rip", 64, "code_ptr"},
        {"eflags cs ss ds es fs gs", 32, "int32"},
        {"st0 st1 st2 st3 st4 st5 st6 st7", 80, "i387_ext"},
        {"fctrl fstat ftag fiseg fioff foseg fooff fop", 32, "int"},
    };
    static const struct group sse[] = {
        {"xmm0 xmm1 xmm2 xmm3 xmm4 xmm5 xmm6 xmm7 xmm8 xmm9 xmm10 xmm11 xmm12 xmm13 xmm14 xmm15",
         128, "vec128"},
        {"mxcsr", 32, "int"},
    };
    static const char vectors[] =
        "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>\n"
        "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>\n"
        "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>\n"
        "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>\n"
        "<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>\n"
        "<union id=\"vec128\">\n<field name=\"v4_float\" type=\"v4f\"/>\n"
        "<field name=\"v2_double\" type=\"v2d\"/>\n<field name=\"v16_int8\" type=\"v16i8\"/>\n"
        "<field name=\"v4_int32\" type=\"v4i32\"/>\n<field name=\"v2_int64\" type=\"v2i64\"/>\n"
        "<field name=\"uint128\" type=\"uint128\"/>\n</union>\n";
    static const struct group linux_group[] = {{"orig_rax", 64, "int"}};
    static const struct group segments[] = {{"fs_base gs_base", 64, "int"}};
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_bytes);

    if (!out)
        return NULL;
    fputs("<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target>\n"
          "<architecture>i386:x86-64</architecture>\n<osabi>GNU/Linux</osabi>\n",
          out);
    FEATURE(out, "core", "", core);
    FEATURE(out, "sse", vectors, sse);
    FEATURE(out, "linux", "", linux_group);
    FEATURE(out, "segments", "", segments);
    fputs("</target>\n", out);
    fclose(out);
    return text;
}
