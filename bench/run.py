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


def run(command, timeout):
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                errors="replace", timeout=timeout, check=False)
    except subprocess.TimeoutExpired as late:
        output = late.stdout or b""
        return None, "no end after %d s\n%s" % (timeout, output.decode(errors="replace")[-2000:])
    parsed = parse(result.stdout)
    return parsed, (result.stdout + result.stderr)[-2000:]


def run_again(command, timeout, attempts=3):
    """A machine that hangs at its start on a crowded host says nothing about what is measured: try again."""
    for attempt in range(attempts):
        parsed, output = run(command, timeout)
        if parsed is not None:
            return parsed, output, attempt + 1
    return None, output, attempts


def linux_command(kernel, initrd, options, icount, program_arguments):
    append = "console=ttyS0 quiet panic=-1 reboot=t %s -- %s" % (options, " ".join(program_arguments))
    command = [QEMU, "-M", "microvm,rtc=off", "-cpu", CPU, "-m", "256", "-smp", "1", "-accel",
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


def print_table(title, key, runs, names):
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
        medians = []
        for name in columns:
            record = runs[name]["operations"].get(operation)
            medians.append(record[key]["median"] if record else None)
        cells = [format_number(median) for median in medians]
        for median in medians[1:]:
            both = median is not None and medians[0]
            cells.append("%.1fx" % (median / medians[0]) if both else "-")
        print("%-20s" % operation + "".join(" %*s" % pair for pair in zip(widths, cells)))


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

    jobs = []  # (name, how, command, seconds)
    if not options.only_linux:
        jobs.append(("vitrine-icount", {"backend": "qemu", "icount": True},
                     vitrine_command(vitrine, "qemu", True, program, options.operations), 600))
        traced = vitrine_command(vitrine, "qemu", True, program, options.operations or list(TRACED_OPERATIONS))
        traced[2:2] = ["--trace", os.path.join(directory, "trace.txt")]
        jobs.append(("vitrine-traced-icount", {"backend": "qemu", "icount": True, "trace": True}, traced, 300))
        jobs.append(("vitrine", {"backend": "qemu", "icount": False},
                     vitrine_command(vitrine, "qemu", False, program, options.operations), 300))
        if host.get("verdict") == "native" or options.kvm:
            scale = [] if host.get("verdict") == "native" else ["--scale", "20"]
            jobs.append(("vitrine-kvm", {"backend": "kvm", "icount": False},
                         vitrine_command(vitrine, "kvm", False, program, scale + options.operations), 600))
    if options.linux or options.only_linux:
        kernel = fetch_linux(os.path.join(directory, "linux"))
        initrd = os.path.join(directory, "initrd.gz")
        make_initrd(program, initrd)
        for name, extra in MITIGATIONS.items():
            for icount in (True, False):
                jobs.append((name + ("-icount" if icount else ""),
                             {"backend": "qemu", "icount": icount, "kernel": os.path.basename(kernel),
                              "cpu": CPU, "machine": "microvm", "options": extra or "default"},
                             linux_command(kernel, initrd, extra, icount, options.operations), 120))

    runs, failures = {}, 0
    for name, how, command, seconds in jobs:
        print("running %s ..." % name, end=" ", flush=True)
        parsed, output, attempts = run_again(command, seconds)
        if parsed is None:
            failures += 1
            print("FAILED: %s\n%s" % (" ".join(command), output))
            continue
        print("done", flush=True)
        runs[name] = dict(how, attempts=attempts, clock=parsed[0], operations=parsed[1])
    if not options.only_linux and shutil.which(QEMU):
        for name, icount in (("vitrine-icount", True), ("vitrine", False)):
            if name in runs:
                runs[name]["boot_ns"] = boot_figures(vitrine, "qemu", icount, directory)

    print_table("Instructions per operation (-icount, median; user side included)", "ticks", runs,
                ("vitrine-icount", "vitrine-traced-icount", "linux-icount", "linux-nomit-icount"))
    print_table("Nanoseconds per operation (TCG, median)", "ns", runs, ("vitrine", "linux", "linux-nomit"))
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
