#!/usr/bin/env python3
"""Runs bench/guest_bench under vitrine and, with --linux, on Debian's cloud kernel in the same machine model.

Everything that is compared is measured in the same run: absolute times of a shared host mean little, ratios
and instruction counts do. Writes one JSON file with every distribution and prints a table of medians.
"""
import argparse
import datetime
import gzip
import json
import os
import re
import shutil
import struct
import subprocess
import sys

QEMU = os.environ.get("QEMU", "qemu-system-x86_64")


def machine_cpu():
    """The CPU model that vitrine gives its own QEMU machine: Linux gets the same one."""
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vmm", "machine", "qemu_process.c")
    with open(source, encoding="utf-8") as text:
        found = re.search(r'#define QEMU_CPU "([^"]+)"', text.read())
    if not found:
        sys.exit("bench: vmm/machine/qemu_process.c no longer says which QEMU_CPU it uses")
    return found.group(1)


CPU = machine_cpu()
PLAIN_CPU = "max"  # what QEMU's users get who do not choose: Linux then clears pages with `rep stosb`, as Debian ships it
ROUNDS = 3  # of each timed job, in turn with the others: what a busy host slows down it slows down for all
TRACED_OPERATIONS = ("yield", "pipe_round_trip", "futex_round_trip", "fork_exit_wait")
MITIGATIONS = {"linux": "", "linux-nomit": "mitigations=off"}


def newc_entry(name, mode, data):
    """One member of a cpio archive in the newc format, as an initial RAM file system wants it."""
    path = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields)

    def padded(block):
        return block + b"\0" * (-len(block) % 4)

    return padded(head + path) + padded(data)


def make_initrd(program, target):
    with open(program, "rb") as source:
        binary = source.read()
    archive = newc_entry("init", 0o100755, binary) + newc_entry("TRAILER!!!", 0, b"")
    with gzip.open(target, "wb", compresslevel=1) as packed:
        packed.write(archive)


def fetch_linux(directory):
    """Debian's cloud kernel, downloaded once and unpacked without installing it."""
    boot = os.path.join(directory, "boot")
    if not os.path.isdir(boot):
        os.makedirs(directory, exist_ok=True)
        listing = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], text=True,
                                 capture_output=True, check=True).stdout
        packages = [line.split()[-1] for line in listing.splitlines() if "Depends: linux-image" in line]
        if not packages:
            sys.exit("bench: apt does not know linux-image-cloud-amd64; run `apt-get update` first")
        subprocess.run(["apt-get", "-q", "download", packages[0]], cwd=directory, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for package in os.listdir(directory):
            if package.startswith(packages[0]) and package.endswith(".deb"):
                subprocess.run(["dpkg", "-x", package, "."], cwd=directory, check=True)
    kernels = sorted(name for name in os.listdir(boot) if name.startswith("vmlinuz-"))
    return os.path.join(boot, kernels[-1])


def parse(output):
    """The benchmark's JSON lines -> (clock, {operation: record}); None when the last line is missing."""
    clock, operations, ended = None, {}, False
    for line in output.splitlines():
        line = line.strip()
        if not line.startswith("{"):
            continue
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if "clock" in record:
            clock = record
        elif "operation" in record:
            operations[record["operation"]] = record
        elif "end" in record:
            ended = True
    return (clock, operations) if ended else None


def run(command, timeout, environment):
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                errors="replace", timeout=timeout, check=False,
                                env=dict(os.environ, **environment))
    except subprocess.TimeoutExpired as late:
        output = late.stdout or b""
        return None, "no end after %d s\n%s" % (timeout, output.decode(errors="replace")[-2000:])
    parsed = parse(result.stdout)
    return parsed, (result.stdout + result.stderr)[-2000:]


def run_again(command, timeout, environment, attempts=3):
    """A machine that hangs at its start on a crowded host says nothing about what is measured: try again."""
    for attempt in range(attempts):
        parsed, output = run(command, timeout, environment)
        if parsed is not None:
            return parsed, output, attempt + 1
    return None, output, attempts


def qemu_with_cpu(directory, cpu):
    """A QEMU for `vitrine` (VITRINE_QEMU) that is given another CPU model than vitrine's own."""
    path = os.path.abspath(os.path.join(directory, "qemu-" + cpu))
    with open(path, "w", encoding="ascii") as script:
        script.write('#!/bin/bash\nexec -a qemu %s "${@/#%s/%s}"\n' % (shutil.which(QEMU) or QEMU, CPU, cpu))
    os.chmod(path, 0o755)
    return path


def merge_rounds(rounds):
    """For each operation the round whose median is the middle one."""
    merged = {}
    for name in dict.fromkeys(name for operations in rounds for name in operations):
        records = sorted((operations[name] for operations in rounds if name in operations),
                         key=lambda record: record["loops"]["median"])
        merged[name] = records[(len(records) - 1) // 2]
    return merged


def linux_command(kernel, initrd, options, icount, program_arguments, cpu=CPU):
    append = "console=ttyS0 quiet panic=-1 reboot=t %s -- %s" % (options, " ".join(program_arguments))
    command = [QEMU, "-M", "microvm,rtc=off", "-cpu", cpu, "-m", "256", "-smp", "1", "-accel",
               "tcg,thread=single" if icount else "tcg,thread=multi", "-nodefaults", "-no-user-config",
               "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", kernel, "-initrd",
               initrd, "-append", append]
    if icount:
        command += ["-icount", "shift=0,sleep=off"]
    return command


def vitrine_command(vitrine, accel, icount, program, program_arguments):
    command = [vitrine, "run", "--quiet", "--accel", accel, "--mem", "256M"]
    if icount:
        command.append("--icount")
    return command + ["--", os.path.abspath(program)] + program_arguments


def host_facts(vitrine):
    """What `vitrine doctor` knows of this host; a record without it says so."""
    try:
        text = subprocess.run([vitrine, "doctor", "--json"], capture_output=True, text=True, check=True)
        return json.loads(text.stdout)
    except (OSError, ValueError, subprocess.CalledProcessError) as problem:
        return {"verdict": "unknown", "problem": str(problem)}


def cpu_model():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
        for line in info:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown"


def boot_figures(vitrine, accel, icount, directory):
    """Nanoseconds (with icount: instructions) from the kernel's entry to its first return to user mode."""
    path = os.path.join(directory, "boot.json")
    command = [vitrine, "run", "--quiet", "--accel", accel, "--json", path]
    if icount:
        command.append("--icount")
    command += ["--", "/bin/true"]
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)
        with open(path, encoding="utf-8") as source:
            return json.load(source)["boot_ns"]
    except (OSError, ValueError, KeyError, subprocess.SubprocessError):
        return None


def format_number(value):
    if value is None:
        return "-"
    if value >= 100:
        return "{:,.0f}".format(value).replace(",", " ")
    return "%.1f" % value


def print_table(title, key, runs, names, ratio_key=None):
    """Medians of `key`, and each column's ratio to the first one, of `ratio_key` where that says more."""
    columns = [name for name in names if name in runs]
    if not columns:
        return
    ours = columns[0]
    operations = []
    for name in columns:
        for operation in runs[name]["operations"]:
            if operation not in operations and operation != "nothing":
                operations.append(operation)
    heads = columns + ["%s / %s" % (name, ours) for name in columns[1:]]
    widths = [max(14, len(head)) for head in heads]
    print("\n" + title)
    print("%-20s" % "operation" + "".join(" %*s" % pair for pair in zip(widths, heads)))
    for operation in operations:
        records = [runs[name]["operations"].get(operation) for name in columns]
        cells = [format_number(record[key]["median"] if record else None) for record in records]
        compared = [record[ratio_key or key]["median"] if record else None for record in records]
        for median in compared[1:]:
            both = median is not None and compared[0]
            cells.append("%.1fx" % (median / compared[0]) if both else "-")
        print("%-20s" % operation + "".join(" %*s" % pair for pair in zip(widths, cells)))


def print_tracing_cost(runs):
    """What a host that records every event takes from each operation: instructions, and their share."""
    plain, traced = (runs.get(name, {}).get("operations", {}) for name in ("vitrine-icount", "vitrine-traced-icount"))
    both = [name for name in traced if name in plain and name != "nothing"]
    if not both:
        return
    print("\nTracing cost (every event recorded, lossless; instructions)")
    for name in both:
        off, on = (operations[name]["ticks"]["median"] for operations in (plain, traced))
        print("%-20s %14s %+.1f %%" % (name, format_number(on - off), 100 * (on - off) / off))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--linux", action="store_true", default=os.environ.get("LINUX") == "1",
                        help="also measure Debian's Linux (as LINUX=1)")
    parser.add_argument("--only-linux", action="store_true", help="no vitrine: the baseline alone")
    parser.add_argument("--kvm", action="store_true", default=os.environ.get("BENCH_KVM") == "1",
                        help="use /dev/kvm too even where it is not native (slow)")
    parser.add_argument("--output", help="JSON file, default BUILD/bench/results.json")
    parser.add_argument("operations", nargs="*")
    options = parser.parse_args()

    directory = os.path.join(options.build, "bench")
    os.makedirs(directory, exist_ok=True)
    program = os.path.join(directory, "guest_bench")
    vitrine = os.path.join(options.build, "vitrine")
    if not os.path.exists(program):
        sys.exit("bench: %s is missing; run `make bench`" % program)
    host = host_facts(vitrine)
    host.setdefault("cpu_model", cpu_model())
    print("host: %s, /dev/kvm verdict: %s" % (host["cpu_model"], host.get("verdict")), flush=True)

    jobs = []  # (name, how, command, seconds, environment)
    arguments = options.operations

    def add(name, how, command, seconds, **environment):
        jobs.append((name, how, command, seconds, environment))

    if not options.only_linux:
        add("vitrine-icount", {"backend": "qemu", "icount": True},
            vitrine_command(vitrine, "qemu", True, program, arguments), 600)
        traced = vitrine_command(vitrine, "qemu", True, program, arguments or list(TRACED_OPERATIONS))
        traced[2:2] = ["--trace", os.path.join(directory, "trace.txt")]
        add("vitrine-traced-icount", {"backend": "qemu", "icount": True, "trace": True}, traced, 300)
        add("vitrine", {"backend": "qemu", "icount": False, "cpu": CPU},
            vitrine_command(vitrine, "qemu", False, program, arguments), 300)
        if host.get("verdict") == "native" or options.kvm:
            scale = [] if host.get("verdict") == "native" else ["--scale", "20"]
            add("vitrine-kvm", {"backend": "kvm", "icount": False},
                vitrine_command(vitrine, "kvm", False, program, scale + arguments), 600)
    if options.linux or options.only_linux:
        kernel = fetch_linux(os.path.join(directory, "linux"))
        initrd = os.path.join(directory, "initrd.gz")
        make_initrd(program, initrd)
        facts = {"backend": "qemu", "kernel": os.path.basename(kernel), "machine": "microvm"}
        for name, extra in MITIGATIONS.items():
            for icount in (True, False):
                add(name + ("-icount" if icount else ""),
                    dict(facts, icount=icount, cpu=CPU, options=extra or "default"),
                    linux_command(kernel, initrd, extra, icount, arguments), 120)
        add("linux-plain", dict(facts, icount=False, cpu=PLAIN_CPU, options="default"),
            linux_command(kernel, initrd, "", False, arguments, PLAIN_CPU), 120)
        if not options.only_linux:
            add("vitrine-plain", {"backend": "qemu", "icount": False, "cpu": PLAIN_CPU},
                vitrine_command(vitrine, "qemu", False, program, arguments), 300,
                VITRINE_QEMU=qemu_with_cpu(directory, PLAIN_CPU))

    runs, rounds, failures = {}, {}, 0
    for number in range(ROUNDS):
        for name, how, command, seconds, environment in jobs:
            if number > 0 and (how["icount"] or how["backend"] != "qemu"):
                continue  # instructions repeat; and the soft KVM takes long
            print("running %s (%d) ..." % (name, number + 1), end=" ", flush=True)
            parsed, output, attempts = run_again(command, seconds, environment)
            if parsed is None:
                failures += 1
                print("FAILED: %s\n%s" % (" ".join(command), output))
                continue
            print("done", flush=True)
            rounds.setdefault(name, []).append(parsed[1])
            runs[name] = dict(how, attempts=attempts, clock=parsed[0],
                              operations=merge_rounds(rounds[name]))
    if not options.only_linux and shutil.which(QEMU):
        for name, icount in (("vitrine-icount", True), ("vitrine", False)):
            if name in runs:
                runs[name]["boot_ns"] = boot_figures(vitrine, "qemu", icount, directory)

    print_table("Instructions per operation (-icount, median; user side included)", "ticks", runs,
                ("vitrine-icount", "vitrine-traced-icount", "linux-icount", "linux-nomit-icount"))
    print_tracing_cost(runs)
    print_table("Nanoseconds per operation (TCG, median; CPU model `%s`)" % CPU, "ns", runs,
                ("vitrine", "linux", "linux-nomit"), "loops")
    print_table("Nanoseconds per operation (TCG, median; QEMU's CPU model `%s`)" % PLAIN_CPU, "ns", runs,
                ("vitrine-plain", "linux-plain"), "loops")
    print("\nThe ratios are of times divided by what a fixed loop took beside each sample, so that a change of the\n"
          "host's speed between two machines is none of theirs.")
    print_table("Nanoseconds per operation (/dev/kvm, median)", "ns", runs, ("vitrine-kvm",))
    boot = runs.get("vitrine-icount", {}).get("boot_ns")
    if boot is not None:
        print("\nboot: %s instructions from entry to the first user instruction" % format_number(boot))

    target = options.output or os.path.join(directory, "results.json")
    with open(target, "w", encoding="utf-8") as result:
        json.dump({"time": datetime.datetime.now(datetime.timezone.utc).isoformat(), "host": host,
                   "runs": runs}, result, indent=1)
    print("\nall distributions: %s" % target)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
