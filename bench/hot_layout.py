#!/usr/bin/env python3
"""Writes guest/arch/x86_64/hot_text.ld and hot_data.ld: what of the kernel stands together, in few pages.

Runs the basic operations of bench/guest_bench under QEMU with its log of executed blocks, and lists the functions
that each of them runs again and again; what several operations run stands with the first of them. The short ones
of an operation come first: so the commonest share the page of the system-call entry, and few lie across two pages.
Variables are listed by size, so that the many small ones share a page.

Names survive a rebuild, and a name that is gone does no harm, so this need only
be run when paths have changed: `make hot-layout`, then look at `make bench`.
"""
import argparse
import os
import re
import subprocess
import tempfile

GROUPS = (
    ("blocking, waking and switching", ("pipe_round_trip", "futex_round_trip", "yield")),
    ("page faults", ("page_fault",)),
    ("fork, exit, wait", ("fork_exit_wait", "thread_create_join")),
    ("signals", ("signal_self",)),
    ("mappings", ("mmap_munmap",)),
    ("exec and path names", ("fork_exec_wait", "open_close")),
)
LEAST_SHARE = 0.0004  # of the blocks that an operation executes: below, it is a stray
# While the log is written, the timer interrupts nearly every operation: what only it runs stands behind the others.
INTERRUPT = ("interrupt", "timer_program", "trap_from_user", "schedule_away")
TARGET = os.path.join("guest", "arch", "x86_64", "hot_text.ld")
DATA_TARGET = os.path.join("guest", "arch", "x86_64", "hot_data.ld")
SMALL_BYTES = 1100  # variables up to here: beyond are tables of which one use touches a corner
HEAD = """/*
 * Functions that run all the time, operation by operation, short ones first; included in kernel.ld. Made by
 * bench/hot_layout.py (`make hot-layout`). A name that no longer exists does no harm.
 */
"""


DATA_HEAD = """/*
 * Variables, smallest first; included in kernel.ld. Made by bench/hot_layout.py (`make hot-layout`). What is not
 * listed, or listed and gone, does no harm.
 */
"""


def small_variables(kernel):
    """Names of the writable variables that have no place of their own (arch/per_cpu.h, READ_MOSTLY), by size."""
    lines = subprocess.run(["nm", "-S", kernel], capture_output=True, text=True, check=True).stdout.splitlines()
    symbols = [line.split() for line in lines]
    place = {words[-1]: int(words[0], 16) for words in symbols if len(words) >= 3}
    found = {}
    for words in symbols:
        if len(words) != 4 or words[2] not in "bBdD":
            continue
        address, size, name = int(words[0], 16), int(words[1], 16), words[3].split(".")[0]
        if size <= SMALL_BYTES and not place["per_cpu_start"] <= address < place["read_mostly_end"]:
            found[name] = max(found.get(name, 0), size)
    return sorted(found, key=lambda name: (found[name], name))


def sizes_of(kernel):
    """Bytes of each function; parts that the compiler split off count by themselves and are left out."""
    lines = subprocess.run(["nm", "-S", kernel], capture_output=True, text=True, check=True).stdout.splitlines()
    found = {}
    for line in lines:
        words = line.split()
        if len(words) == 4 and words[2] in "tT":
            name = words[3].split(".")[0]
            found[name] = max(found.get(name, 0), int(words[1], 16))
    return found


def executed(build, operation, directory):
    """Names of the functions whose blocks were executed, in order, from the middle of the run."""
    log = os.path.join(directory, "log")
    wrapper = os.path.join(directory, "qemu")
    with open(wrapper, "w", encoding="ascii") as script:
        script.write('#!/bin/sh\nexec qemu-system-x86_64 "$@" -d exec,nochain -D %s '
                     "-dfilter 0xffffffff80000000+0x1000000\n" % log)
    os.chmod(wrapper, 0o755)
    subprocess.run([os.path.join(build, "vitrine"), "run", "--quiet", "--accel", "qemu", "--",
                    os.path.abspath(os.path.join(build, "bench", "guest_bench")), "--scale", "20", operation],
                   env=dict(os.environ, VITRINE_QEMU=wrapper), stdout=subprocess.DEVNULL, check=True)
    with open(log, encoding="ascii", errors="replace") as lines:
        # Code without a symbol, as the entries are, has no name there; the compiler's copies and parts of a
        # function have an ending after a dot.
        found = (re.search(r"\] ([a-z_][a-z0-9_]*)", line, re.IGNORECASE) for line in lines)
        blocks = [match.group(1) if match else "" for match in found]
    return blocks[len(blocks) * 6 // 10:len(blocks) * 9 // 10]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    options = parser.parse_args()
    sizes = sizes_of(os.path.join(options.build, "vitrine-kernel"))
    seen, text = set(), HEAD
    with tempfile.TemporaryDirectory() as directory:
        for title, operations in GROUPS:
            text += "/* %s */\n" % title
            for operation in operations:
                counts, order = {}, []
                blocks = executed(options.build, operation, directory)
                for name in blocks:
                    if name not in counts:
                        order.append(name)
                    counts[name] = counts.get(name, 0) + 1
                for name in sorted(order, key=lambda name: (name in INTERRUPT, sizes.get(name, 0))):
                    if name and name not in seen and counts[name] > len(blocks) * LEAST_SHARE:
                        seen.add(name)
                        text += "*(.text.%s .text.%s.*)\n" % (name, name)
    with open(TARGET, "w", encoding="ascii") as target:
        target.write(text)
    names = small_variables(os.path.join(options.build, "vitrine-kernel"))
    with open(DATA_TARGET, "w", encoding="ascii") as target:
        target.write(DATA_HEAD)
        for name in names:
            target.write("*(.data.%s .data.%s.* .bss.%s .bss.%s.*)\n" % (name, name, name, name))
    print("%s: %d functions, %s: %d variables" % (TARGET, len(seen), DATA_TARGET, len(names)))


if __name__ == "__main__":
    main()
