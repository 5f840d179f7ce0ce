/* A security descriptor as text. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "guest/user/lib/sddl_words.h"
#include "vitrine/sddl.h"

#define GUID_BYTES 16u

struct printer {
    char *text;
    size_t room, length;
    int error;
};

static bool fail(struct printer *printer, int error)
{
    if (!printer->error)
        printer->error = error;
    return false;
}

__attribute__((format(printf, 2, 3))) static bool print(struct printer *printer, const char *form,
                                                        ...)
{
    va_list arguments;
    va_start(arguments, form);
    size_t left = printer->room - printer->length;
    int length = vsnprintf(printer->text + printer->length, left, form, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= left)
        return fail(printer, -ERANGE);
    printer->length += (size_t)length;
    return true;
}

/* The size of the SID at `bytes`, or 0. */
static size_t sid_size(const uint8_t *bytes, size_t available)
{
    if (available < 8 || bytes[1] > 15 || 8 + 4u * bytes[1] > available)
        return 0;
    return 8 + 4u * bytes[1];
}

static bool print_sid(struct printer *printer, const uint8_t *sid, size_t bytes)
{
    char text[SDDL_SID_TEXT_MAX];
    uint8_t known[SDDL_SID_BYTES_MAX];
    for (const struct sddl_word *word = sddl_sids; word->word; word++)
        if (sid_parse(word->word, known, NULL) == (int)bytes && !memcmp(known, sid, bytes))
            return print(printer, "%s", word->word);
    if (sid_format(sid, bytes, text, sizeof(text)) < 0)
        return fail(printer, -EINVAL);
    return print(printer, "%s", text);
}

/* Bits as words; what has none is left in *rest. */
static bool print_words(struct printer *printer, const struct sddl_word *table, uint32_t value,
                        uint32_t *rest)
{
    for (*rest = value; table->word; table++)
        if (value & table->value) {
            *rest &= ~table->value;
            if (!print(printer, "%s", table->word))
                return false;
        }
    return true;
}

static uint32_t all_of(const struct sddl_word *table)
{
    uint32_t all = 0;
    for (; table->word; table++)
        all |= table->value;
    return all;
}

static bool print_rights(struct printer *printer, uint8_t type, uint32_t mask)
{
    const struct sddl_word *table = type == SDDL_LABEL_TYPE ? sddl_label_rights : sddl_rights;
    uint32_t rest;
    if (mask & ~all_of(table))
        return print(printer, "0x%x", mask);
    return print_words(printer, table, mask, &rest);
}

static bool print_guid(struct printer *printer, const uint8_t *guid)
{
    return print(printer, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                 guid[3], guid[2], guid[1], guid[0], guid[5], guid[4], guid[7], guid[6], guid[8],
                 guid[9], guid[10], guid[11], guid[12], guid[13], guid[14], guid[15]);
}

/* The GUIDs and their flags, of *at bytes on; moves *at. */
static bool print_guids(struct printer *printer, const uint8_t *ace, size_t size, size_t *at)
{
    if (size < *at + 4)
        return fail(printer, -EINVAL);
    uint32_t present = sddl_get32(ace + *at);
    *at += 4;
    for (unsigned i = 0; i < 2; i++) {
        if (present & 1u << i) {
            if (size < *at + GUID_BYTES || !print_guid(printer, ace + *at))
                return fail(printer, -EINVAL);
            *at += GUID_BYTES;
        }
        if (!print(printer, ";"))
            return false;
    }
    return true;
}

static bool print_entry(struct printer *printer, const uint8_t *ace, size_t size)
{
    const struct sddl_type *type = sddl_types;
    while (type->word && type->type != ace[0])
        type++;
    uint32_t rest;
    size_t at = 8;
    if (!type->word || size < at)
        return fail(printer, -EINVAL);
    if (!print(printer, "(%s;", type->word) ||
        !print_words(printer, sddl_ace_flags, ace[1], &rest) || !print(printer, ";") ||
        !print_rights(printer, type->type, sddl_get32(ace + 4)) || !print(printer, ";"))
        return false;
    if (type->layout & SDDL_OBJECT ? !print_guids(printer, ace, size, &at) : !print(printer, ";;"))
        return false;
    size_t bytes = sid_size(ace + at, size - at);
    if (!bytes || !print_sid(printer, ace + at, bytes))
        return fail(printer, -EINVAL);
    at += bytes;
    if (!(type->layout & SDDL_DATA) && at != size)
        return fail(printer, -EINVAL);
    if (at < size && !print(printer, ";#"))
        return false;
    for (; at < size; at++)
        if (!print(printer, "%02x", ace[at]))
            return false;
    return print(printer, ")");
}

static bool print_list(struct printer *printer, const uint8_t *bytes, size_t available)
{
    if (available < 8 || sddl_get16(bytes + 2) < 8 || sddl_get16(bytes + 2) > available)
        return fail(printer, -EINVAL);
    size_t length = sddl_get16(bytes + 2), at = 8;
    for (unsigned i = sddl_get16(bytes + 4); i; i--) {
        if (length - at < 4)
            return fail(printer, -EINVAL);
        size_t size = sddl_get16(bytes + at + 2);
        if (size < 4 || size % 4 || size > length - at || !print_entry(printer, bytes + at, size))
            return fail(printer, -EINVAL);
        at += size;
    }
    return at == length || fail(printer, -EINVAL);
}

/* The part whose offset stands at `field`; *ret is NULL if there is none. */
static bool part(struct printer *printer, const uint8_t *bytes, size_t length, unsigned field,
                 const uint8_t **ret, size_t *available)
{
    size_t offset = sddl_get32(bytes + field);
    *ret = NULL;
    if (!offset)
        return true;
    if (offset < SDDL_HEADER_BYTES || offset > length)
        return fail(printer, -EINVAL);
    *ret = bytes + offset;
    *available = length - offset;
    return true;
}

static bool print_owner(struct printer *printer, const uint8_t *bytes, size_t length,
                        unsigned field, char letter)
{
    const uint8_t *sid;
    size_t available;
    if (!part(printer, bytes, length, field, &sid, &available))
        return false;
    if (!sid)
        return true;
    size_t size = sid_size(sid, available);
    if (!size)
        return fail(printer, -EINVAL);
    return print(printer, "%c:", letter) && print_sid(printer, sid, size);
}

static bool print_acl(struct printer *printer, const uint8_t *bytes, size_t length, unsigned field,
                      char letter, uint32_t flags, bool present)
{
    const uint8_t *list;
    size_t available;
    uint32_t rest;
    if (!part(printer, bytes, length, field, &list, &available))
        return false;
    if (present != (list != NULL))
        return fail(printer, -EINVAL);
    if (!list)
        return true;
    return print(printer, "%c:", letter) &&
           print_words(printer, sddl_list_flags, flags & SDDL_DACL_CONTROL, &rest) &&
           print_list(printer, list, available);
}

int sddl_format(const uint8_t *bytes, size_t length, char *text, size_t room)
{
    struct printer printer = {.text = text, .room = room};
    if (length < SDDL_HEADER_BYTES || length > SDDL_DESCRIPTOR_BYTES_MAX || bytes[0] != 1)
        return -EINVAL;
    uint32_t control = sddl_get16(bytes + 2);
    if (!(control & SDDL_SELF_RELATIVE))
        return -EINVAL;
    bool good =
        print(&printer, "%s", "") && print_owner(&printer, bytes, length, 4, 'O') &&
        print_owner(&printer, bytes, length, 8, 'G') &&
        print_acl(&printer, bytes, length, 16, 'D', control, control & SDDL_DACL_PRESENT) &&
        print_acl(&printer, bytes, length, 12, 'S', control >> 1, control & SDDL_SACL_PRESENT);
    return good ? (int)printer.length : printer.error;
}
