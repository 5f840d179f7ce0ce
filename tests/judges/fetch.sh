#!/bin/sh
# Makes the root of a guest in $2 with the programs that $1 lists, built static from Debian's kernel sources. The
# package and the programs are kept in $3. Status 3, with the reason, where that cannot be done.
set -e
list=$(readlink -f "$1"); root=$(readlink -f "$2"); mkdir -p "$3"; cd "$3"
cannot() { echo "$1"; exit 3; }
package=linux-source-6.1
sources=$package/tools/testing/selftests

if [ ! -d $sources ]; then
    [ -e /etc/debian_version ] && command -v apt-get >/dev/null || cannot "this host is no Debian"
    [ -e ${package}_*.deb ] 2>/dev/null || timeout 300 apt-get download $package >apt.log 2>&1 ||
        cannot "$package cannot be had: $(tail -n 1 apt.log)"
    dpkg-deb --fsys-tarfile ${package}_*.deb | tar -xOf - ./usr/src/$package.tar.xz |
        tar -xJf - $package/tools/testing/selftests $package/tools/include
fi
busybox=$(command -v busybox) || cannot "no busybox here"
mkdir -p programs
grep -v '^#' "$list" | while read -r name rest; do
    [ -n "$name" ] || continue
    built=$(echo "$name" | tr / -)
    [ -x programs/"$built" ] || (
        cd $sources
        folder=${name%%/*} more=
        case $folder in
        openat2) more=openat2/helpers.c ;;
        memfd) more=memfd/common.c ;;
        esac
        gcc -O2 -w -std=gnu11 -D_GNU_SOURCE -static -I. -I"$folder" -Ifutex/include -o "$OLDPWD/programs/$built" "$name.c" $more \
            -lpthread -lrt
    ) || cannot "$name cannot be built"
done || exit $?
mkdir -p "$root"/bin "$root"/judges "$root"/dev/shm "$root"/mnt "$root"/proc "$root"/tmp "$root"/work "$root"/etc
cp "$busybox" "$root"/bin/busybox
for applet in sh cat cut grep head mkdir mount rm sleep test tail; do ln -sf busybox "$root"/bin/$applet; done
# exec/non-regular runs a link to it under another name, which busybox would not do.
echo "int main(void) { return 0; }" | gcc -static -o "$root"/bin/true -x c -
cp programs/* "$root"/judges
echo root:x:0:0:root:/tmp:/bin/sh >"$root"/etc/passwd
