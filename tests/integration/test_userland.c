/*
 * tests/integration/test_userland.c - do Debian's own programs do in the guest what they do on this
 * host? A root is assembled from the host's programs and the libraries that ldd names; one list of
 * commands runs in both places, and what each said and how it ended must be the same.
 *
 * A command works in its own directory with relative names, prints no time, size of a directory or
 * process id, and leaves nothing running.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/harness.h"

/* From packages that every Debian has. */
#define PROGRAMS                                                                                   \
    "bash sh cat chmod chown comm cp cut date dd df diff dpkg-deb echo env expr factor find "      \
    "flock "                                                                                       \
    "grep gzip gunzip head hostname id join ln ls md5sum mkdir mkfifo mknod mktemp mv nice nl "    \
    "nohup nproc nsenter "                                                                         \
    "od paste perl printf pwd readlink realpath rm rmdir sed seq setpriv setsid sha256sum shuf "   \
    "sleep sort split stat stty tac tail tar tee test timeout touch tr true false truncate tty "   \
    "uname uniq unshare wc xargs"

struct userland_command {
    const char *text;
    bool only_root; /* the host allows it to the superuser only */
};

static const struct userland_command commands[] = {
    /* files and what ls, cp and tar ask about each of them (attributes too) */
    {"echo a >plain; chmod 640 plain; ls -ln --time-style=+ plain | cut -d' ' -f1,2,5-", false},
    {"ls -ln --time-style=+ /dev/null | cut -c1-12; stat -c %F /dev/null /proc /", false},
    {"mkdir -p a/b/c; echo x >a/b/f; ln a/b/f a/b/g; ln -s f a/b/s; cp -a a z; diff -r a z; stat "
     "-c '%n %h %F' z/b/*",
     false},
    {"tar -cf a.tar a; mkdir out; tar -xpf a.tar -C out; diff -r a out/a; stat -c %h out/a/b/f; "
     "tar "
     "-tf a.tar | sort",
     false},
    {"truncate -s 5M holes; echo end >>holes; cp --sparse=always holes copy; cmp=$(sha256sum "
     "<holes); "
     "test \"$cmp\" = \"$(sha256sum <copy)\"; echo $?; stat -c %s copy",
     false},
    {"touch -d '2020-01-01 00:00:00Z' old; stat -c %Y old; find . -name old ! -newermt 2021-01-01",
     false},
    {"mkfifo pipe; (echo through >pipe) & cat pipe; wait; ls -ln pipe | cut -c1-10", false},
    {"rm -rf a z out; ls -d a z out", false},
    {"d=$(mktemp -d ./XXXXXX); : >$d/f; mv $d/f $d/g; ls $d; rmdir $d 2>/dev/null; echo $?; rm -r "
     "$d",
     false},
    {"mknod null c 1 3; echo gone >null; stat -c '%F %t,%T' null", true},
    {"touch mine; chown 1000:1001 mine; stat -c %u:%g mine; chmod 4755 mine; stat -c %a mine",
     true},
    /* pipelines */
    {"seq 1 3000 | sort -rn | head -3", false},
    {"seq 5000 | tee >(tail -1 >last) | wc -l; sleep 0.1; cat last", false},
    {"seq 20 | xargs -P 4 -n 3 sh -c 'echo $#' | sort | uniq -c", false},
    {"mkdir tree; for i in 1 2 3 4 5; do echo $i >tree/f$i; done; find tree -type f -exec cat {} + "
     "| "
     "sort | tr '\\n' ' '; find tree -name 'f[24]' -delete; find tree | sort",
     false},
    {"seq 50000 | gzip -9 | gunzip | md5sum", false},
    {"join <(seq 3) <(seq 2 5); comm -12 <(seq 9) <(seq 5 12); paste <(seq 2) <(seq 3 4)", false},
    {"yes=$(printf 'y\\n%.0s' 1 2 3); echo \"$yes\" | nl -ba; echo abc | sed 's/b/\\U&/' | od -c",
     false},
    {"seq 100 | split -l 30 - part.; wc -l part.* | tail -1; cat part.* | tac | head -1", false},
    {"shuf -i 1-500 | sort -n | uniq | wc -l; factor 1234567890; expr 6 \\* 7", false},
    {"dd if=/dev/zero bs=1k count=64 2>/dev/null | sha256sum; head -c 5 /dev/zero | od -An -tx1",
     false},
    {"set -o pipefail; false | true; echo $?; seq 100000 | head -1; echo ${PIPESTATUS[@]}", false},
    {"echo full >/dev/full; echo $?; cat nowhere; echo $?", false},
    /* processes, signals, job control */
    {"timeout 0.2 sleep 5; echo $?; timeout 5 sh -c 'exit 7'; echo $?", false},
    {"trap 'echo term' TERM; kill -TERM $$; echo after; trap 'echo exit' EXIT", false},
    {"exec 2>/dev/null; sleep 60 & kill $!; wait $!; echo $?; sh -c 'kill -SEGV $$' 2>/dev/null; "
     "echo $?",
     false},
    {"set -m; sleep 60 & kill -STOP %1; sleep 0.1; jobs | cut -c1-13; kill -CONT %1; kill %1; wait "
     "%1 "
     "2>/dev/null; echo $?",
     false},
    {"coproc cat; echo hi >&${COPROC[1]}; read x <&${COPROC[0]}; echo $x", false},
    {"for i in 1 2 3 4 5; do (exit $i) & p+=($!); done; for j in ${p[@]}; do wait $j; s=$((s+$?)); "
     "done; echo $s",
     false},
    {"exec 2>/dev/null; b=$(nice); echo $(($(nice -n 5 nice) - b)); (ulimit -n 30; ulimit -n); "
     "(ulimit -f 1; exec head -c "
     "100000 /dev/zero >big) "
     "2>/dev/null; echo $?",
     false},
    {"flock lock sh -c 'flock -n lock true; echo $?'; setsid -w echo session; nohup echo no 2>&1",
     false},
    {"printf '#!/bin/sh -e\\necho script $1\\nfalse\\necho not here\\n' >s; chmod +x s; ./s one; "
     "echo $?",
     false},
    {"(exec 3<>f3; echo abc >&3; cat f3; ls -l /proc/self/fd/3 | grep -o 'f3$')", false},
    {"tty; echo $?; stty -a; echo $?; test -t 0; echo $?", false},
    {"i=0; while read -r l; do i=$((i+l)); done < <(seq 200); echo $i; x=$(<f3); echo ${#x}",
     false},
    {"a=(); for n in {1..40}; do a+=(\"$(echo $n)\"); done; echo ${a[@]}", false},
    /* identity */
    {"id -u >me; stat -c %u me | diff me -; echo $?", false},
    {"setpriv --reuid 1000 --clear-groups id -u; setpriv --reuid 1000 --clear-groups "
     "--inh-caps=-all grep -E 'Cap(Inh|Prm|Eff|Amb)' /proc/self/status",
     true},
    {"setpriv --reuid 1000 --clear-groups --inh-caps=+kill,+fowner --ambient-caps=+kill grep -E "
     "'Cap(Inh|Prm|Eff|Amb)' /proc/self/status",
     true},
    {"setpriv --no-new-privs grep NoNewPrivs /proc/self/status", false},
    /* perl, and a package made and taken apart */
    {"perl -e '$p=fork; exit 5 unless $p; waitpid $p,0; print $?>>8,\"\\n\"'", false},
    {"perl -e '$SIG{ALRM}=sub{print \"alarm\\n\";exit 3}; alarm 1; sleep 5'; echo $?", false},
    {"perl -e 'pipe R,W; if(!fork){close R; print W \"x\" x 200000; exit} close W; local $/; print "
     "length <R>,\"\\n\"; open F,\"+>\",\"pf\"; print F \"line\\n\" x 9; seek F,0,0; @l=split "
     "/\\n/,<F>; "
     "print scalar(@l),\"\\n\"; print -s \"pf\",\" \",(stat \"pf\")[3],\"\\n\"'",
     false},
    {"mkdir -p deb/DEBIAN deb/usr; echo hello >deb/usr/h; printf 'Package: h\\nVersion: 1\\n"
     "Architecture: all\\nMaintainer: M <m@example.org>\\nDescription: d\\n' >deb/DEBIAN/control; "
     "dpkg-deb -Zgzip -b deb h.deb >/dev/null && dpkg-deb -f h.deb Package && dpkg-deb -x h.deb x "
     "&& "
     "cat x/usr/h",
     false},
};
#define COMMANDS (sizeof commands / sizeof *commands)

/*
 * $1: where the root is made. Programs are copied under one name each; the libraries keep theirs.
 * What is missing is named, with status 3.
 */
static const char make_root[] =
    "set -e; cd \"$1\"; mkdir -p usr/bin usr/lib usr/lib64 proc dev tmp work etc\n"
    "ln -s usr/bin bin; ln -s usr/lib lib; ln -s usr/lib64 lib64; PATH=/usr/bin:/bin:/usr/sbin\n"
    "[ -e /etc/debian_version ] || { echo 'this host is no Debian'; exit 3; }\n"
    "for p in " PROGRAMS "; do\n"
    "  f=$(command -v /usr/bin/$p || command -v /bin/$p) || { echo \"no $p here\"; exit 3; }\n"
    "  cp -L $f usr/bin/$p; ldd $f 2>/dev/null | grep -o '/[^ ]*' >>libraries || :\n"
    "done\n"
    "sort -u libraries | while read -r l; do mkdir -p ./${l%/*}; cp -L $l ./$l; done; rm "
    "libraries\n";

static char directory[64], root[96];

static void setup(void)
{
    strcpy(directory, "/tmp/vitrine-userland-XXXXXX");
    cr_assert(mkdtemp(directory) != NULL);
    snprintf(root, sizeof root, "%s/root", directory);
    setenv("XDG_CACHE_HOME", directory, 1);
    command_free((struct command_result[]){TOOL("mkdir", "-p", root)});
}

static void teardown(void)
{
    command_free((struct command_result[]){TOOL("rm", "-rf", directory)});
}

TestSuite(userland, .init = setup, .fini = teardown, .timeout = 280);

/* Every `step`th command, each in quotes of its own shell; its number before, its status after. */
static char *make_script(size_t step)
{
    char *script = NULL;
    size_t bytes;
    FILE *stream = open_memstream(&script, &bytes);

    cr_assert(stream != NULL);
    for (size_t i = 0; i < COMMANDS; i += step) {
        if (commands[i].only_root && geteuid() != 0)
            continue;
        fprintf(stream, "echo '=== %zu'; mkdir -p %zu; (cd %zu; bash -c '", i, i / 11, i / 11);
        for (const char *at = commands[i].text; *at != '\0'; at++)
            if (*at == '\'')
                fputs("'\\''", stream);
            else
                fputc(*at, stream);
        fprintf(stream, "' </dev/null 2>&1; echo \"status $?\")\n");
    }
    cr_assert(fclose(stream) == 0);
    return script;
}

/* The part of the output that belongs to a command: malloc(3)ed, empty if it is not there. */
static char *part_of(const char *output, size_t number)
{
    char head[32];

    snprintf(head, sizeof head, "=== %zu\n", number);
    const char *start = strstr(output, head);
    if (start == NULL)
        return strdup("");
    start += strlen(head);
    const char *end = strstr(start, "=== ");
    return end != NULL ? strndup(start, (size_t)(end - start)) : strdup(start);
}

static void require_root(void)
{
    struct command_result made = TOOL("sh", "-c", make_root, "make_root", root);

    if (made.status == 3)
        cr_skip_test("the programs are not there: %s", made.out);
    cr_assert(made.status == 0, "status %d: %s", made.status, made.err);
    command_free(&made);
}

/*
 * Do the host's own bash, coreutils, findutils, tar, perl and dpkg-deb, unmodified, say the same and
 * end the same in the guest?
 */
VARIANT_TEST_ONE_CPU(userland, same_as_on_the_host)
{
    variant_require(variant);
    require_root();
    char *script = make_script(harness_is_slow(variant) ? 10 : 1), work[128];
    snprintf(work, sizeof work, "%s/work", directory);
    struct command_result host =
        TOOL("sh", "-c",
             "mkdir \"$1\"; cd \"$1\"; exec env -i PATH=/usr/bin:/bin LC_ALL=C HOME=/ setsid -w "
             "bash -c \"$2\"",
             "host", work, script);
    struct command_result guest =
        COMMAND("run", "--quiet", "--accel", vt_accel_name(variant->accel), "--rootfs", root,
                "--cwd", "/work", "--env", "PATH=/usr/bin:/bin", "--env", "LC_ALL=C", "--env",
                "HOME=/", "--timeout", "250", "--", "/bin/bash", "-c", script);

    cr_assert(guest.status == host.status, "guest's status %d, host's %d: %s", guest.status,
              host.status, guest.err);
    for (size_t i = 0; i < COMMANDS; i++) {
        char *expected = part_of(host.out, i), *got = part_of(guest.out, i);

        cr_expect(strcmp(expected, got) == 0, "%s\nthe guest says\n%.600s\nthe host\n%.600s",
                  commands[i].text, got, expected);
        free(expected);
        free(got);
    }
    free(script);
    command_free(&host);
    command_free(&guest);
}

/* Attributes by number: Perl has no words for them. Each line: the call's result, then what it gave. */
static const char alone[] =
    "unshare -u sh -c 'hostname inner; uname -n; readlink /proc/self/ns/uts >own'; uname -n\n"
    "cmp=$(readlink /proc/self/ns/uts); test \"$cmp\" = \"$(cat own)\"; echo $?\n"
    "mkfifo ready go; unshare -u sh -c 'hostname other; echo >ready; cat go >go.said' & read x "
    "<ready\n"
    "nsenter -u -t $! uname -n; echo >go; wait; hostname new; uname -n\n"
    "setpriv --reuid 1000 --clear-groups unshare -u true 2>/dev/null; echo $?\n"
    "cat >x.pl <<'END'\n"
    "sub call { my ($call, @a) = @_; my $r = syscall($call, @a); $out = $a[$call == 194 ? 1 : 2];\n"
    "print $r < 0 ? 'error ' . int($!) : $r, \"\\n\" }\n"
    "open F, '>f'; symlink 'f', 'l'; my $n = 'user.a'; my $room = \"\\0\" x 30;\n"
    "call(188, 'f', $n, 'hello', 5, 0); call(188, 'f', $n, 'x', 1, 1); call(188, 'f', $n, 'hi', 2, "
    "2);\n"
    "call(190, fileno F, 'trusted.b', 'v', 1, 0); call(188, 'f', 'other.c', 'v', 1, 0);\n"
    "call(191, 'f', $n, $room, 0); call(191, 'f', $n, $room, 1); call(191, 'f', $n, $room, 30);\n"
    "print substr($out, 0, 2), \"\\n\"; call(194, 'f', $room, 30); print join(',', split /\\0/, "
    "$out),"
    "\"\\n\";\n"
    "call(192, 'l', $n, $room, 30); call(189, 'l', $n, 'v', 1, 0); call(197, 'f', $n); call(197, "
    "'f', $n);\n"
    "$> = 1000; call(191, 'f', 'trusted.b', $room, 30); call(188, 'f', $n, 'v', 1, 0);\n"
    "call(194, 'f', $room, 30); call(191, '/proc/version', $n, $room, 30);\n"
    "END\n"
    "perl x.pl\n";

static const char alone_says[] = "inner\nvitrine\n1\nother\nnew\n1\n"
                                 "0\nerror 17\n0\n0\nerror 95\n"              /* set */
                                 "2\nerror 34\n2\nhi\n17\nuser.a,trusted.b\n" /* get, list */
                                 "error 61\nerror 1\n0\nerror 61\n"           /* a link, removing */
                                 "error 61\nerror 13\n0\nerror 95\n";         /* another user */

/*
 * What a host may refuse, or its file system: has a process after `unshare -u` its own names, and
 * are extended attributes kept as xattr(7) says, errors and users included?
 */
VARIANT_TEST_ONE_CPU(userland, names_and_attributes)
{
    variant_require(variant);
    require_root();
    struct command_result guest = COMMAND(
        "run", "--quiet", "--accel", vt_accel_name(variant->accel), "--rootfs", root, "--cwd",
        "/work", "--env", "PATH=/usr/bin:/bin", "--timeout", "100", "--", "/bin/bash", "-c", alone);

    cr_expect(guest.status == 0 && strcmp(guest.out, alone_says) == 0, "status %d:\n%s%s",
              guest.status, guest.out, guest.err);
    command_free(&guest);
}
