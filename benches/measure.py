#!/usr/bin/env python3
"""Time whole processes in turn, round after round, and sample their anonymous memory.

    measure.py [--rounds 5] [--out DIR] NAME=COMMAND...

`{out}` in a command is a fresh path that is removed afterwards. Prints the median seconds of each command, the highest
RssAnon seen, and the ratio to the first command. Needs nothing but Python 3 on Linux.
"""
import argparse
import os
import shlex
import shutil
import statistics
import subprocess
import time


def anonymous(pid):
    try:
        for line in open(f"/proc/{pid}/status"):
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def remove(path):
    shutil.rmtree(path, ignore_errors=True)
    if os.path.exists(path):
        os.remove(path)


def run(command, out):
    remove(out)
    begin = time.perf_counter()
    p = subprocess.Popen(shlex.split(command.replace("{out}", out)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = 0
    while p.poll() is None:
        peak = max(peak, anonymous(p.pid))
        time.sleep(0.002)
    seconds = time.perf_counter() - begin
    if p.returncode:
        raise SystemExit(f"{command}: exit {p.returncode}: {p.stderr.read().decode()}")
    remove(out)
    return seconds, peak


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--rounds", type=int, default=5)
    ap.add_argument("--out", default="/tmp/annmap-measure")
    ap.add_argument("commands", nargs="+", metavar="NAME=COMMAND")
    a = ap.parse_args()
    commands = [c.split("=", 1) for c in a.commands]
    seconds, peaks = {n: [] for n, _ in commands}, {n: 0 for n, _ in commands}
    for _ in range(a.rounds):
        for name, command in commands:
            s, peak = run(command, a.out)
            seconds[name].append(s)
            peaks[name] = max(peaks[name], peak)
    first = statistics.median(seconds[commands[0][0]])
    for name, _ in commands:
        median = statistics.median(seconds[name])
        spread = f"{min(seconds[name]):.2f}–{max(seconds[name]):.2f}"
        print(f"{name:24} {median:7.2f} s  ({spread})  {peaks[name] / 2**20:7.0f} MiB anonymous  {median / first:6.2f}×")


if __name__ == "__main__":
    main()
