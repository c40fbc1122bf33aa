"""Runs every command on files that lie, loop, explode or hide: python hostile.py --bin ANNMAP DIR

DIR holds such files, of any kind. Each run must end within --seconds with a documented exit status, take no more
memory of its own than --memory MiB and 64 MiB (RssAnon, as /proc says; not measured elsewhere), leave nothing behind
but its output, and not change its input. Needs Python alone.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import checks

STATUS = {0, 1, 2, 3, 4, 5, 6}


def commands(file, out, memory):
    """Name, arguments and outputs of each run."""
    limits = ["--memory", f"{memory}M", "--quiet"]
    h5ad, store = out / "out.h5ad", out / "store"
    return [
        ("info", ["info", file]),
        ("ls", ["ls", "--crc", file]),
        ("convert", ["convert", file, store, *limits]),
        ("transpose", ["transpose", file, store, *limits]),
        ("verify", ["verify", file, file, *limits]),
        ("subset", ["subset", file, h5ad, "--rows", "0:1", *limits]),
        ("concat", ["concat", file, file, h5ad, "--join", "outer", "--merge", "same", "--uns-merge", "same", *limits]),
        ("upgrade", ["upgrade", file, h5ad, *limits]),
        ("salvage", ["upgrade", file, h5ad, "--salvage", *limits]),
        ("index", ["index", file, out / "map.json", *limits]),
        ("doctor", ["doctor", file, *limits]),
    ]


def anonymous(pid):
    """Anonymous memory of a process in MiB; 0 where it cannot be told."""
    try:
        for line in open(f"/proc/{pid}/status"):
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0


def run(program, arguments, directory, seconds):
    """Exit status (None if it did not end), seconds, most MiB and the end of stderr."""
    errors = directory / "stderr"
    began, most = time.monotonic(), 0
    with open(errors, "wb") as stderr:
        process = subprocess.Popen(
            [program, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=stderr, cwd=directory
        )
        while process.poll() is None:
            most = max(most, anonymous(process.pid))
            if time.monotonic() - began > seconds:
                process.kill()
                process.wait()
                return None, time.monotonic() - began, most, ""
            time.sleep(0.003)
    text = errors.read_text(errors="replace").strip().splitlines()
    errors.unlink()
    return process.returncode, time.monotonic() - began, most, text[-1] if text else ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--memory", type=int, default=256)
    parser.add_argument("--only", help="files whose names contain this")
    parser.add_argument("--skip", action="append", default=[], help="a file that is left out, by name")
    parser.add_argument("--verbose", action="store_true", help="print every run")
    parser.add_argument("directory", type=pathlib.Path)
    args = parser.parse_args()
    program = str(pathlib.Path(args.bin).resolve())
    files = sorted(p.resolve() for p in args.directory.iterdir() if p.is_file())
    for file in files:
        if file.name in args.skip or (args.only and args.only not in file.name):
            continue
        before = (file.stat().st_size, file.stat().st_mtime_ns)
        beside = sorted(os.listdir(file.parent))
        for name, arguments in [(n, a) for n, a in commands(file, pathlib.Path("."), args.memory)]:
            with tempfile.TemporaryDirectory(prefix="hostile-") as directory:
                directory = pathlib.Path(directory)
                status, took, most, last = run(program, arguments, directory, args.seconds)
                what = f"{file.name} {name}: status {status}, {took:.1f} s, {most:.0f} MiB: {last[:200]}"
                if args.verbose:
                    print(what, flush=True)
                checks.check(f"{what} (time)", status is not None)
                checks.check(f"{what} (status)", status is None or status in STATUS)
                checks.check(f"{what} (memory)", most <= args.memory + 64)
                left = set(os.listdir(directory)) - {"stderr"}
                wanted = {"out.h5ad", "store", "map.json"} if status in (0, 1) else set()
                checks.check(f"{what} (left behind: {sorted(left - wanted)})", status is None or left <= wanted)
        same = (file.stat().st_size, file.stat().st_mtime_ns) == before
        checks.check(f"{file.name} is as it was", same and sorted(os.listdir(file.parent)) == beside)
    checks.finish()


if __name__ == "__main__":
    sys.exit(main())
