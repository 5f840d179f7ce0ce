#!/usr/bin/env python3
"""Runs test programs, each with a deadline, and prints the sums.

Programs that boot machines run one after the other; beside them, in a lane of their own, those that need none
(unit, fuzz, inspect): they use one core at most, and machines wait much.

Criterion programs report through --json; a program that crashes, hangs or reports nothing counts as one
failed test. Fuzz targets (.../fuzz/...) run for a fixed time; no finding is one passed test.
The last line is "N passed, N failed, N skipped"; failed tests are listed before it with what they said, skipped
ones with their reasons.

A failed test is run once more by itself. If it passes then, it counts as passed and is listed as unsteady, with
what it said: on a shared machine that keeps one stolen second from hiding everything else, and an unsteady test
stays in sight until it is mended. --strict (make test-long) gives no second chance.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

# Unit tests take seconds. Criterion forks each test from a process with threads; once in a great while that catches a
# sanitizer's allocator with its lock held, and the child waits for ever. So one that hangs is tried once more, in sight.
UNIT_SECONDS = 120

# What a test says when it fails, as far as the list at the end repeats it.
SAID_LINES = 12

Result = collections.namedtuple("Result", "passed failed skipped reasons hung", defaults=(False,))


def run_with_deadline(command, seconds, environment):
    """Runs a program in its own process group; at the deadline the whole group is killed."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, start_new_session=True, env=environment)
    try:
        output, _ = child.communicate(timeout=seconds)
        return child.returncode, output.decode(errors="replace")
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        output, _ = child.communicate()
        return None, output.decode(errors="replace")


def parse_report(text):
    """Criterion does not escape messages: with a quotation mark in one, only the counts can be had."""
    try:
        return json.loads(text)
    except ValueError:
        counts = {}
        for key in ("passed", "failed", "errored", "skipped"):
            found = re.search(r'"%s": *(\d+)' % key, text)
            if not found:
                return None
            counts[key] = int(found.group(1))
        return counts


def skip_reasons(report):
    for suite in report.get("test_suites", []):
        for test in suite.get("tests", []):
            if test.get("status", "").upper() == "SKIPPED":
                reason = "; ".join(str(message) for message in test.get("messages", []))
                yield "%s::%s %s" % (suite.get("name"), test.get("name"), reason)


def failures(output):
    """The failed tests of a Criterion program, each with what was said before its [FAIL] line."""
    said, found = [], collections.OrderedDict()
    for line in output.splitlines():
        match = re.match(r"\[(FAIL|PASS|SKIP)\] ([^\s:]+)::([^\s:]+)", line)
        if not match:
            said.append(line)
            continue
        if match.group(1) == "FAIL":
            found.setdefault((match.group(2), match.group(3)), []).extend(said[-SAID_LINES:] + [line])
        said = []
    return found


def run_criterion(program, seconds, environment, only=None):
    with tempfile.NamedTemporaryFile(suffix=".json") as target:
        command = [program, "-j1", "--json=" + target.name] + (["--filter=" + only] if only else [])
        status, output = run_with_deadline(command, seconds, environment)
        with open(target.name, encoding="utf-8", errors="replace") as source:
            report = parse_report(source.read())
    if status is None:
        return Result(0, 1, 0, [], hung=True), output + "\nno end after %d s: killed\n" % seconds
    if report is None:
        return Result(0, 1, 0, []), output + "\nended with status %s and no report\n" % status
    failed = report.get("failed", 0)  # those that crashed are among them
    if status != 0 and failed == 0:
        failed = 1
    return Result(report.get("passed", 0), failed, report.get("skipped", 0), list(skip_reasons(report))), output


def second_chance(program, seconds, environment, failed):
    """Runs the failed tests of a program one by one; those that pass now, and the output of those that do not."""
    unsteady, output = [], ""
    for suite, test in failed:
        result, text = run_criterion(program, seconds, environment, only="%s/%s" % (suite, test))
        if result.failed == 0 and result.passed > 0:
            unsteady.append((suite, test))
        else:
            output += text
    return unsteady, output


def run_fuzz(program, seconds, deadline, build, environment):
    name = os.path.basename(program)
    corpus = os.path.join(build, "tests", "corpus", name)
    os.makedirs(corpus, exist_ok=True)
    command = [program, "-max_total_time=%d" % seconds, "-timeout=10", "-rss_limit_mb=2048", "-verbosity=0",
               "-artifact_prefix=%s/" % os.path.join(build, "tests", name + "-finding"), corpus]
    seeds = os.path.join("tests", "fuzz", "corpus", name)
    if os.path.isdir(seeds):
        command.append(seeds)
    os.makedirs(os.path.join(build, "tests", name + "-finding"), exist_ok=True)
    status, output = run_with_deadline(command, max(deadline, seconds + 60), environment)
    return (Result(1, 0, 0, []) if status == 0 else Result(0, 1, 0, [])), output


def header(build):
    """Backends and verdict come first: what a result means depends on them."""
    try:
        text = subprocess.run([os.path.join(build, "vitrine"), "doctor"], capture_output=True, text=True,
                              timeout=60, check=False)
        print((text.stdout + text.stderr).strip(), flush=True)
    except (OSError, subprocess.SubprocessError) as problem:
        print("vitrine doctor: %s" % problem, flush=True)


def needs_no_machine(program):
    return any("/%s/" % folder in program for folder in ("unit", "fuzz", "inspect"))


Outcome = collections.namedtuple("Outcome", "name result verdicts text")


def run_program(program, options, environment):
    """One program to its end, failed tests once more; `text` is what to print of it."""
    start, text, verdicts = time.monotonic(), "", []
    if "/fuzz/" in program:
        result, output = run_fuzz(program, options.fuzz_seconds, options.timeout, options.build, environment)
    else:
        unit = "/unit/" in program and not options.strict
        seconds = min(options.timeout, UNIT_SECONDS) if unit else options.timeout
        result, output = run_criterion(program, seconds, environment)
        if result.hung and "/unit/" in program:
            text += "%s hung: once more\n" % program
            result, output = run_criterion(program, seconds, environment)
    name = os.path.relpath(program, os.path.join(options.build, "tests"))
    if result.failed:
        text += output[-20000:] + "\n"
        failed = failures(output) if "/fuzz/" not in program else {}
        unsteady = []
        if failed and not options.strict:
            text += "%s: %d failed, each once more by itself\n" % (name, len(failed))
            unsteady, again = second_chance(program, options.timeout, environment, failed)
            text += again[-20000:]
        # A test with several parameters has several [FAIL] lines; all of them count.
        mended = sum(sum(line.startswith("[FAIL]") for line in failed[test]) for test in unsteady)
        result = result._replace(passed=result.passed + mended, failed=result.failed - mended)
        for test, said in failed.items():
            verdicts.append(("unsteady" if test in unsteady else "failed", name, test, said))
        if not failed:
            verdicts.append(("failed", name, ("the", "program"), output.splitlines()[-SAID_LINES:]))
    text += "%-36s %3d passed %3d failed %3d skipped %6.1f s" % (
        name, result.passed, result.failed, result.skipped, time.monotonic() - start)
    return Outcome(name, result, verdicts, text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--timeout", type=int, default=400, help="seconds for one program")
    parser.add_argument("--fuzz-seconds", type=int, default=20)
    parser.add_argument("--strict", action="store_true", help="give a failed test no second chance")
    parser.add_argument("programs", nargs="*")
    options = parser.parse_args()
    for program in options.programs:
        if not os.access(program, os.X_OK) or os.path.isdir(program):
            parser.error("%s is no program: build it with `make test-binaries`" % program)
    header(options.build)
    # Names and caches of a test run must not meet those of the person who runs it.
    runtime = tempfile.TemporaryDirectory(prefix="vitrine-test-")
    os.chmod(runtime.name, 0o700)
    environment = dict(os.environ, XDG_RUNTIME_DIR=runtime.name, LC_ALL="C",
                       VITRINE_TEST_PROGRAMS=os.path.join(options.build, "guest", "tests"),
                       VITRINE_TEST_KERNELS=os.path.join(options.build, "tests"),
                       VITRINE_DEBUG_KERNEL=os.path.join(options.build, "vitrine-kernel-debug"),
                       VITRINE_COMMAND=os.path.join(options.build, "vitrine"))
    totals, reasons, verdicts = [0, 0, 0], [], []
    lanes = [[], []]
    for program in options.programs:
        lanes[needs_no_machine(program)].append(program)
    said = threading.Lock()

    def run_lane(lane):
        for program in lane:
            outcome = run_program(program, options, environment)
            with said:
                print(outcome.text, flush=True)
                for k in range(3):
                    totals[k] += outcome.result[k]
                reasons.extend("%s: %s" % (outcome.name, reason) for reason in outcome.result.reasons)
                verdicts.extend(outcome.verdicts)

    with concurrent.futures.ThreadPoolExecutor(len(lanes)) as pool:
        for done in [pool.submit(run_lane, lane) for lane in lanes]:
            done.result()
    for reason in reasons:
        print("skipped %s" % reason)
    for verdict, name, test, lines in verdicts:
        print("%s %s: %s::%s" % (verdict, name, test[0], test[1]))
        print("\n".join("    " + line for line in lines))
    runtime.cleanup()
    summary = "%d passed, %d failed, %d skipped" % tuple(totals)
    os.makedirs(os.path.join(options.build, "tests"), exist_ok=True)
    with open(os.path.join(options.build, "tests", "summary"), "w", encoding="utf-8") as target:
        target.write(summary + "\n")
    print(summary)
    return 1 if totals[1] or not options.programs else 0


if __name__ == "__main__":
    sys.exit(main())
