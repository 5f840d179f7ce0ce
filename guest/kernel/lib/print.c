/*
 * kernel/lib/print.c - formatted text. One pass, no buffer but the caller's and 24 bytes for
 * digits.
 */
#include "kernel/lib/print.h"

#include "kernel/lib/string.h"

struct output {
    char *buffer;
    size_t size;
    size_t length; /* of the whole text, stored or not */
};

static void put(struct output *output, char character)
{
    if (output->length + 1 < output->size)
        output->buffer[output->length] = character;
    output->length++;
}

static void put_repeated(struct output *output, char character, int times)
{
    while (times-- > 0)
        put(output, character);
}

struct conversion {
    bool left, zero, plus, space, alternate;
    int width;
    int precision; /* -1 = not given */
    int size;      /* -2 char, -1 short, 0 int, 1 long, 2 long long */
};

static void put_text(struct output *output, const struct conversion *conversion, const char *text)
{
    if (!text)
        text = "(null)";
    size_t limit = conversion->precision < 0 ? SIZE_MAX : (size_t)conversion->precision;
    size_t length = strnlen(text, limit);
    int padding = (size_t)conversion->width > length ? conversion->width - (int)length : 0;

    if (!conversion->left)
        put_repeated(output, ' ', padding);
    for (size_t i = 0; i < length; i++)
        put(output, text[i]);
    if (conversion->left)
        put_repeated(output, ' ', padding);
}

static void put_number(struct output *output, const struct conversion *conversion, uint64_t value,
                       bool negative, unsigned base, bool upper, const char *prefix)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[24]; /* 64 bits in octal: 22 digits */
    int count = 0;

    while (value) {
        /* cppcheck-suppress zerodivcond ; the base is 8, 10 or 16 */
        text[count++] = digits[value % base];
        value /= base;
    }
    int zeros = conversion->precision < 0 ? (count == 0) : conversion->precision - count;
    if (zeros < 0)
        zeros = 0;
    char sign = (char)(negative ? '-' : conversion->plus ? '+' : conversion->space ? ' ' : 0);
    int used = (sign != 0) + (int)strlen(prefix) + zeros + count;
    int padding = conversion->width > used ? conversion->width - used : 0;

    if (conversion->zero && !conversion->left && conversion->precision < 0) {
        zeros += padding;
        padding = 0;
    }
    if (!conversion->left)
        put_repeated(output, ' ', padding);
    if (sign)
        put(output, sign);
    while (*prefix)
        put(output, *prefix++);
    put_repeated(output, '0', zeros);
    while (count)
        put(output, text[--count]);
    if (conversion->left)
        put_repeated(output, ' ', padding);
}

static int parse_count(const char **format)
{
    int value = 0;

    while (**format >= '0' && **format <= '9') {
        if (value < 100000)
            value = value * 10 + (**format - '0');
        (*format)++;
    }
    return value;
}

static uint64_t unsigned_argument(va_list *arguments, int size)
{
    if (size >= 1)
        return va_arg(*arguments, unsigned long);
    unsigned value = va_arg(*arguments, unsigned);
    return size == -2 ? (uint8_t)value : size == -1 ? (uint16_t)value : value;
}

static int64_t signed_argument(va_list *arguments, int size)
{
    if (size >= 1)
        return va_arg(*arguments, long);
    int value = va_arg(*arguments, int);
    return size == -2 ? (signed char)value : size == -1 ? (short)value : value;
}

/* Flags, width, precision and size, up to the conversion letter. */
static void parse(const char **format, va_list *arguments, struct conversion *ret)
{
    *ret = (struct conversion){.precision = -1};
    for (;; (*format)++) {
        switch (**format) {
        case '-':
            ret->left = true;
            continue;
        case '0':
            ret->zero = true;
            continue;
        case '+':
            ret->plus = true;
            continue;
        case ' ':
            ret->space = true;
            continue;
        case '#':
            ret->alternate = true;
            continue;
        }
        break;
    }
    if (**format == '*') {
        ret->width = va_arg(*arguments, int);
        if (ret->width < 0) {
            ret->left = true;
            ret->width = ret->width == INT32_MIN ? 0 : -ret->width;
        }
        (*format)++;
    } else {
        ret->width = parse_count(format);
    }
    if (**format == '.') {
        (*format)++;
        if (**format == '*') {
            ret->precision = va_arg(*arguments, int);
            (*format)++;
        } else {
            ret->precision = parse_count(format);
        }
    }
    for (;; (*format)++) {
        switch (**format) {
        case 'l':
            ret->size++;
            continue;
        case 'h':
            ret->size--;
            continue;
        case 'z':
        case 'j':
        case 't':
            ret->size = 1;
            continue;
        }
        break;
    }
}

int vsnprintf(char *buffer, size_t size, const char *format, va_list arguments)
{
    struct output output = {buffer, size, 0};
    va_list rest;

    va_copy(rest, arguments); /* a va_list parameter has array type: its address is of no use */
    while (*format) {
        if (*format != '%') {
            put(&output, *format++);
            continue;
        }
        struct conversion conversion;

        format++;
        parse(&format, &rest, &conversion);
        char letter = *format;
        if (letter)
            format++;
        switch (letter) {
        case 'd':
        case 'i': {
            int64_t value = signed_argument(&rest, conversion.size);
            uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
            put_number(&output, &conversion, magnitude, value < 0, 10, false, "");
            break;
        }
        case 'u':
        case 'x':
        case 'X':
        case 'o': {
            uint64_t value = unsigned_argument(&rest, conversion.size);
            unsigned base = letter == 'u' ? 10 : letter == 'o' ? 8 : 16;
            const char *prefix = "";
            if (conversion.alternate && value)
                prefix = letter == 'x' ? "0x" : letter == 'X' ? "0X" : letter == 'o' ? "0" : "";
            conversion.plus = conversion.space = false;
            put_number(&output, &conversion, value, false, base, letter == 'X', prefix);
            break;
        }
        case 'p':
            conversion.plus = conversion.space = false;
            put_number(&output, &conversion, (uint64_t)va_arg(rest, void *), false, 16, false,
                       "0x");
            break;
        case 'c': {
            char text = (char)va_arg(rest, int);
            int padding = conversion.width - 1;
            if (!conversion.left)
                put_repeated(&output, ' ', padding);
            put(&output, text);
            if (conversion.left)
                put_repeated(&output, ' ', padding);
            break;
        }
        case 's':
            put_text(&output, &conversion, va_arg(rest, const char *));
            break;
        case '%':
            put(&output, '%');
            break;
        case 0:
            break;
        default: /* unknown: shown as it stands, so that the mistake is seen */
            put(&output, '%');
            put(&output, letter);
        }
    }
    va_end(rest);
    if (size)
        buffer[output.length < size ? output.length : size - 1] = 0;
    return output.length > INT32_MAX ? INT32_MAX : (int)output.length;
}

int snprintf(char *buffer, size_t size, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(buffer, size, format, arguments);
    va_end(arguments);
    return length;
}
