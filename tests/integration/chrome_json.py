#!/usr/bin/env python3
"""Is this a trace in Chrome's Trace Event Format? Strictly JSON, and slices nest on every lane.

Prints "N events, N slices, N lost". Any complaint is an exception.
"""
import collections
import decimal
import json
import sys


def refuse(word):
    raise ValueError("%s is no JSON" % word)


def object_without_repeats(pairs):
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), "a name twice in %s" % names
    return dict(pairs)


def nest(lane, slices):
    """Slices of a lane either follow one another or lie one within the other."""
    open_ends = []
    for begin, end, name in sorted(slices, key=lambda one: (one[0], -one[1])):
        while open_ends and open_ends[-1] <= begin:
            open_ends.pop()
        assert not open_ends or end <= open_ends[-1], "lane %s: '%s' at %s overlaps" % (lane, name, begin)
        open_ends.append(end)


def main():
    with open(sys.argv[1], encoding="ascii") as source:
        trace = json.load(source, parse_float=decimal.Decimal, parse_constant=refuse,
                          object_pairs_hook=object_without_repeats)
    lanes, begun = collections.defaultdict(list), collections.defaultdict(list)
    for event in trace["traceEvents"]:
        lane = (event["pid"], event["tid"])
        assert event["ph"] in "BEXiM", event
        if event["ph"] == "M":
            assert event["name"] in ("process_name", "thread_name") and event["args"]["name"], event
            continue
        time = decimal.Decimal(event["ts"])
        assert time >= 0, event
        if event["ph"] == "X":
            assert event["dur"] >= 0 and event["name"], event
            lanes[lane].append((time, time + event["dur"], event["name"]))
        elif event["ph"] == "B":
            begun[lane].append((time, event["name"]))
        elif event["ph"] == "E":
            begin, name = begun[lane].pop()
            lanes[lane].append((begin, time, name))
        else:
            assert event["s"] in "gpt", event
    assert not any(begun.values()), "slices without an end"
    for lane, slices in lanes.items():
        nest(lane, slices)
    print("%d events, %d slices, %d lost" % (len(trace["traceEvents"]), sum(map(len, lanes.values())),
                                             trace["otherData"]["lost_events"]))


if __name__ == "__main__":
    main()
