/*
 * tests/integration/test_manual.c - what is written against what is: the manual pages (docs/man)
 * against `--help` and the headers, and the code in docs/write-a-test.md against the example that
 * is compiled and run.
 */
#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/command.h"
#include "tests/integration/harness.h"

/* ---- sets of words ---- */

struct words {
    char *list[512];
    size_t count;
};

static bool has(const struct words *words, const char *word)
{
    for (size_t i = 0; i < words->count; i++)
        if (strcmp(words->list[i], word) == 0)
            return true;
    return false;
}

static void add(struct words *words, const char *start, size_t length)
{
    char *word = strndup(start, length);

    cr_assert(word != NULL && words->count < sizeof words->list / sizeof words->list[0]);
    if (has(words, word))
        free(word);
    else
        words->list[words->count++] = word;
}

static void words_free(struct words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->list[i]);
    words->count = 0;
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t room = 0;

    cr_assert(file != NULL, "cannot read %s: the tests run in the root of the tree", path);
    cr_assert(getdelim(&text, &room, '\0', file) > 0, "%s is empty", path);
    fclose(file);
    return text;
}

/* All files that match, one behind the other. */
static char *read_files(const char *pattern)
{
    glob_t found;
    char *all = NULL;
    size_t bytes;
    FILE *out = open_memstream(&all, &bytes);

    cr_assert(glob(pattern, 0, NULL, &found) == 0, "nothing matches %s", pattern);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char *text = read_file(found.gl_pathv[i]);

        fputs(text, out);
        free(text);
    }
    globfree(&found);
    fclose(out);
    return all;
}

/* ---- the command ---- */

static size_t option_length(const char *at)
{
    size_t dashes = strspn(at, "-");

    return dashes && isalnum((unsigned char)at[dashes])
               ? dashes + strcspn(at + dashes, " ,=[]\n\t|")
               : 0;
}

/* Every option that stands in the line. */
static void add_options(struct words *words, const char *line)
{
    for (const char *at = line; *at != '\0' && *at != '\n'; at++) {
        size_t length = at == line || strchr(" [", at[-1]) ? option_length(at) : 0;

        if (length)
            add(words, at, length);
        at += length ? length - 1 : 0;
    }
}

/* Is it the line of an option that every command has from argp? */
static bool is_argps(const char *line)
{
    size_t length = strcspn(line, "\n");

    return memmem(line, length, "Give this help list", 19) ||
           memmem(line, length, "Give a short usage message", 26);
}

/* The options of a command, and the verbs of `do`, as its help lists them. */
static void help_words(const char *command, struct words *ret)
{
    struct command_result help = COMMAND(command, "--help");
    bool is_do = strcmp(command, "do") == 0;

    cr_assert(help.status == 0, "%s --help: %s", command, help.err);
    for (const char *line = help.out; *line != '\0';) {
        size_t indent = strspn(line, " ");
        char start[64];

        if (is_do && indent == 2) {
            add(ret, line + 2, strcspn(line + 2, " \n"));
            add_options(ret, line);
        } else if (indent && line[indent] == '-' && !is_argps(line)) {
            /* What follows two blanks is prose. */
            const char *prose = strstr(line + indent, "  ");
            size_t length = prose ? (size_t)(prose - line) : strcspn(line, "\n");

            snprintf(start, sizeof start, "%.*s", (int)length, line);
            start[strcspn(start, "\n")] = '\0';
            add_options(ret, start);
        }
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    command_free(&help);
}

/* The same as the page lists them: in the items of the lists below ".Ss COMMAND". */
static void page_words(const char *page, const char *command, struct words *ret)
{
    char title[64];
    const char *at;

    snprintf(title, sizeof title, "\n.Ss %s\n", command);
    at = strstr(page, title);
    cr_assert(at != NULL, "docs/man/vitrine.1 does not know '%s'", command);
    for (at = strchr(at + 1, '\n') + 1; *at != '\0' && strncmp(at, ".S", 2) != 0;
         at = strchr(at, '\n') + 1) {
        char line[256], option[64], *save;
        bool is_flag = false, is_verb = true;

        if (strncmp(at, ".It ", 4) != 0)
            continue;
        snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at + 4);
        line[strcspn(line, "\n")] = '\0';
        for (char *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
            if (is_flag && strcmp(word, "-") != 0) {
                snprintf(option, sizeof option, "-%s", word);
                add(ret, option, strlen(option));
            } else if (is_verb && strcmp(word, "Cm") == 0) {
                word = strtok_r(NULL, " ", &save);
                add(ret, word, strlen(word));
            }
            is_flag = strcmp(word, "Fl") == 0;
            is_verb = false;
        }
    }
}

/* Does the page say so of the command? */
static bool takes_options_of_run(const char *page, const char *command)
{
    char title[64];

    snprintf(title, sizeof title, "\n.Ss %s\n", command);
    const char *at = strstr(page, title);
    const char *end = at ? strstr(at + 1, "\n.S") : NULL;
    const char *said = at ? strstr(at, "every option of\n.Cm run\n") : NULL;

    return said && (!end || said < end);
}

static void help_commands(struct words *ret)
{
    struct command_result help = COMMAND("--help");
    const char *line = strstr(help.out, "\n\n") + 2;

    for (; strncmp(line, "  ", 2) == 0; line = strchr(line, '\n') + 1)
        add(ret, line + 2, strcspn(line + 2, " "));
    command_free(&help);
    cr_assert(ret->count > 10);
}

/* Does vitrine(1) list the commands that there are, each with the options and verbs that it has? */
Test(manual, command)
{
    char *page = read_file("docs/man/vitrine.1");
    struct words commands = {0}, run = {0};

    help_commands(&commands);
    page_words(page, "run", &run);
    for (const char *at = page; (at = strstr(at, "\n.Ss ")) != NULL; at++) {
        char name[64];

        snprintf(name, sizeof name, "%.*s", (int)strcspn(at + 5, "\n"), at + 5);
        cr_expect(has(&commands, name), "vitrine(1) has '%s', which is no command", name);
    }
    for (size_t i = 0; i < commands.count; i++) {
        const char *command = commands.list[i];
        struct words help = {0}, written = {0};

        help_words(command, &help);
        page_words(page, command, &written);
        for (size_t j = 0; j < help.count; j++)
            cr_expect(has(&written, help.list[j]) ||
                          (takes_options_of_run(page, command) && has(&run, help.list[j])),
                      "vitrine(1) does not know %s of '%s'", help.list[j], command);
        for (size_t j = 0; j < written.count; j++)
            cr_expect(has(&help, written.list[j]), "vitrine(1) has %s, '%s' has not",
                      written.list[j], command);
        words_free(&help);
        words_free(&written);
    }
    words_free(&commands);
    words_free(&run);
    free(page);
}

/* ---- the library ---- */

/* Without comments, and every run of blanks one blank. */
static void normalise(char *text)
{
    char *to = text;

    for (const char *at = text; *at != '\0'; at++) {
        if (strncmp(at, "/*", 2) == 0)
            at = strstr(at, "*/") + 1;
        else if (!isspace((unsigned char)*at))
            *to++ = *at;
        else if (to > text && to[-1] != ' ')
            *to++ = ' ';
    }
    *to = '\0';
}

/* What a line of a page says after the macro: its one argument. */
static void argument_of(const char *line, char *ret, size_t size)
{
    const char *start = line + 4 + (line[4] == '"');

    snprintf(ret, size, "%.*s", (int)strcspn(start, "\"\n"), start);
}

/* Does each page of section 3 declare functions as the headers do, and is every one in a page? */
Test(manual, library)
{
    char *headers = read_files("vmm/include/vitrine/*.h"), *pages = read_files("docs/man/*.3");
    struct words written = {0};
    char type[128] = "", declaration[1024] = "", argument[256];

    normalise(headers);
    for (const char *at = pages; at != NULL && *at != '\0'; at = strchr(at, '\n'), at += !!at) {
        size_t used = strlen(declaration);

        if (strncmp(at, ".Ft ", 4) == 0) {
            argument_of(at, type, sizeof type);
        } else if (strncmp(at, ".Fo ", 4) == 0) {
            argument_of(at, argument, sizeof argument);
            add(&written, argument, strlen(argument));
            snprintf(declaration, sizeof declaration, "%s%s%s(", type,
                     type[strlen(type) - 1] == '*' ? "" : " ", argument);
        } else if (strncmp(at, ".Fa \"", 5) == 0 && used) {
            argument_of(at, argument, sizeof argument);
            snprintf(declaration + used, sizeof declaration - used, "%s%s",
                     declaration[used - 1] == '(' ? "" : ", ", argument);
        } else if (strncmp(at, ".Fc", 3) == 0) {
            snprintf(declaration + used, sizeof declaration - used, ")");
            cr_expect(strstr(headers, declaration) != NULL, "no header declares %s", declaration);
            declaration[0] = '\0';
        }
    }
    for (const char *at = headers; (at = strstr(at, "v")) != NULL; at++) {
        size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz_");
        char name[64];

        if ((strncmp(at, "vt_", 3) != 0 && strncmp(at, "vitrine_", 8) != 0) || at[length] != '(' ||
            isalnum((unsigned char)at[-1]) || at[-1] == '_')
            continue;
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        cr_expect(has(&written, name), "%s is in no page of section 3", name);
    }
    cr_expect(written.count > 50);
    words_free(&written);
    free(headers);
    free(pages);
}

/* Has mandoc anything to say against a page? */
Test(manual, lint)
{
    struct command_result result =
        TOOL("sh", "-c", "mandoc -T lint -W warning docs/man/*.[13] 2>&1");

    cr_expect(result.status == 0, "%s", result.out);
    command_free(&result);
}

/* Is the program in libvitrine(3) one, and does it print what the page says? */
Test(manual, example)
{
    static const char script[] =
        "set -e; cd \"$(dirname \"$VITRINE_COMMAND\")\"/stage; page=$XDG_RUNTIME_DIR/page;"
        "export PKG_CONFIG_PATH=$PWD/lib/pkgconfig;"
        "awk '/^.Bd -literal/ { on = 1; next } /^.Ed/ { on = 0 } on' share/man/man3/libvitrine.3 |"
        "    sed 's/\\\\e/\\\\/g' >$page.c;"
        "cc -Wall -Wextra -Werror $(pkg-config --cflags vitrine) -o $page $page.c"
        "    $(pkg-config --libs vitrine) -Wl,-rpath,$PWD/lib;"
        "$page </dev/null | grep -c '^CPU 0: [0-9]* to [0-9]*$'";
    struct command_result result = TOOL("sh", "-c", script);

    cr_expect(result.status == 0, "%s%s", result.out, result.err);
    cr_expect(atoi(result.out) >= 2, "%s switches were printed: %s", result.out, result.err);
    command_free(&result);
}

/* ---- the walk-through ---- */

/* Is all code in docs/write-a-test.md the text of the examples that are compiled and run? */
Test(manual, walk_through)
{
    char *document = read_file("docs/write-a-test.md");
    char *examples = read_files("examples/*.c");
    unsigned pieces = 0;

    for (char *at = document; (at = strstr(at, "```c\n")) != NULL; pieces++) {
        char *piece = at + 5, *end = strstr(piece, "```\n");

        cr_assert(end != NULL);
        *end = '\0';
        cr_expect(strstr(examples, piece) != NULL, "this is not in examples/*.c:\n%s", piece);
        at = end + 4;
    }
    cr_expect(pieces >= 3, "only %u pieces of code", pieces);
    free(document);
    free(examples);
}
