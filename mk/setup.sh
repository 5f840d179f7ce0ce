#!/bin/sh
# setup.sh STAMP PACKAGE...: sees to it that the Debian packages are installed, then makes STAMP.
# As root on Debian the missing ones are installed; otherwise they are named and the build ends. On other
# systems (no dpkg) nothing can be checked: the names are printed once and the build goes on.
set -u
stamp=$1
shift
mkdir -p "$(dirname "$stamp")"
if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "setup: not a Debian system; make sure that you have the equivalents of: $*" >&2
    : >"$stamp"
    exit 0
fi
missing=
for package in "$@"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)
    [ "$status" = installed ] || missing="$missing $package"
done
if [ -n "$missing" ]; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        line="apt-get install --no-install-recommends$missing"
        if command -v sudo >/dev/null 2>&1; then line="sudo $line"; else line="su -c '$line'"; fi
        echo "setup: packages are missing; install them with: $line" >&2
        exit 1
    fi
    echo "setup: installing$missing"
    export DEBIAN_FRONTEND=noninteractive
    log="$stamp.log"
    # The package lists of a fresh machine are empty or old: refresh them if the first try fails.
    # shellcheck disable=SC2086
    apt-get install -qq -y --no-install-recommends $missing >"$log" 2>&1 ||
        { apt-get update -qq >>"$log" 2>&1 &&
            apt-get install -qq -y --no-install-recommends $missing >>"$log" 2>&1; } ||
        {
            echo "setup: apt-get could not install$missing; its last words:" >&2
            tail -n 5 "$log" >&2
            exit 1
        }
fi
: >"$stamp"
