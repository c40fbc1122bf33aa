"""Proves that two builds do the same: every command on every input, byte for byte.

    python3 tests/oracle/same_bytes.py --old OLD/annmap --new NEW/annmap [--shared DIR] [--jobs 2] [--ls-only] [--only TEXT]

About 230 inputs and 6,800 commands take a minute and a half on two cores with TMPDIR in memory (`TMPDIR=/dev/shm`).

Inputs are the files of `tests/data`, those below DIR/corpus/files and DIR/golden, and some that `synth` makes. For each,
both programs get the same arguments in a directory of their own; exit codes, stdout, stderr and all files written must be
equal. Commands that work on a store take the one that OLD made. `--ls-only` compares h5ad files by what OLD's
`ls --crc --json` says of them: for a change that moves bytes but no values. Needs Python only. Exit 1 if anything differs.
"""
import argparse
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
# What no two runs have in common: seconds spent, the process id in names of temporary files, the space left on the disk.
MASKS = [
    (re.compile(rb" in \d+\.\d\d s\b"), b" in # s"),
    (re.compile(rb'"seconds":[0-9.e-]+'), b'"seconds":#'),
    (re.compile(rb"\.annmap-\d+-\d+\.tmp"), b".annmap-#.tmp"),
    (re.compile(rb"\(\d+ are free\)"), b"(# are free)"),
]
# Claims 2^44 rows: reading all values takes days, and an h5ad of them fills the disk.
ENDLESS = {"too_large.h5ad"}
# Nine million entries in one chunk: the commands that treat such chunks in a way of their own are enough.
SLOW = {"giant.h5ad"}
COMMON = ["--threads", "2", "--memory", "512M"]
SUFFIXES = {".h5ad", ".h5", ".hdf5", ".h5mu", ".loom", ".nc", ".scool", ".mtx", ".csv", ".tsv", ".txt", ".gz"}
HDF5 = {".h5ad", ".h5", ".hdf5", ".h5mu", ".loom", ".nc", ".scool"}
TIMEOUT = 120


def masked(data):
    for pattern, by in MASKS:
        data = pattern.sub(by, data)
    return data


class Tally:
    """Comparisons and differences of all workers."""

    def __init__(self):
        self.lock, self.differences, self.codes = threading.Lock(), [], Counter()
        self.commands = self.count = 0

    def same(self, what, old, new):
        with self.lock:
            self.count += 1
            if old != new:
                self.differences.append(f"{what}: {excerpt(old, new)}")


def excerpt(old, new):
    """Where two values part, short enough to print."""
    if isinstance(old, bytes) and isinstance(new, bytes):
        at = next((i for i, (a, b) in enumerate(zip(old, new)) if a != b), min(len(old), len(new)))
        begin = max(0, at - 40)
        return (f"byte {at} of {len(old)} and {len(new)}: "
                f"old {old[begin:at + 60]!r}, new {new[begin:at + 60]!r}")
    return f"old {str(old)[:160]}, new {str(new)[:160]}"


def execute(binary, arguments, cwd):
    """Exit code, stdout and stderr."""
    try:
        done = subprocess.run(["annmap", *arguments], executable=binary, cwd=cwd, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=TIMEOUT)
        return done.returncode, masked(done.stdout), masked(done.stderr)
    except subprocess.TimeoutExpired:
        return "timeout", b"", b""


def tree(root):
    """Relative masked name to path, of all files and directories below `root`."""
    out = {}
    for path in sorted(root.rglob("*")):
        out[masked(str(path.relative_to(root)).encode()).decode()] = path
    return out


class Case:
    """One input, all commands."""

    def __init__(self, run, name, path):
        self.run, self.name, self.path = run, name, str(path)
        self.dir = Path(tempfile.mkdtemp(dir=run.tmp))
        for side in ("old", "new"):
            (self.dir / side).mkdir()

    def both(self, *arguments, keep=()):
        """Runs both programs and compares all they did. Gives OLD's exit code and stdout."""
        arguments = [str(a) for a in arguments]
        tally, what = self.run.tally, f"{self.name}: annmap {' '.join(arguments)}"
        sides = {"old": self.run.old, "new": self.run.new}
        got = {side: execute(binary, arguments, self.dir / side) for side, binary in sides.items()}
        with tally.lock:
            tally.commands += 1
            tally.codes[got["old"][0]] += 1
        for part, old, new in zip(("exit code", "stdout", "stderr"), got["old"], got["new"]):
            tally.same(f"{what}: {part}", old, new)
        self.outputs(what, keep)
        return got["old"][0], got["old"][1]

    def outputs(self, what, keep):
        kept = {Path(k).name for k in keep}
        trees = {side: {n: p for n, p in tree(self.dir / side).items()
                        if n.split("/")[0] not in self.run.done.get(self.dir, set())} for side in ("old", "new")}
        self.run.tally.same(f"{what}: names of files", sorted(trees["old"]), sorted(trees["new"]))
        for name in trees["old"].keys() & trees["new"].keys():
            a, b = trees["old"][name], trees["new"][name]
            if a.is_dir() or b.is_dir():
                self.run.tally.same(f"{what}: {name}: a directory", a.is_dir(), b.is_dir())
            elif self.run.ls_only and name.endswith(".h5ad"):
                listed = [execute(self.run.old, ["ls", "--crc", "--json", str(p)], self.dir) for p in (a, b)]
                self.run.tally.same(f"{what}: {name} (ls)", *[b"".join(l[1:]) for l in listed])
            else:
                self.run.tally.same(f"{what}: {name}", a.read_bytes(), b.read_bytes())
        for side in ("old", "new"):
            for path in (self.dir / side).iterdir():
                if path.name in kept:
                    self.run.done.setdefault(self.dir, set()).add(path.name)
                elif path.name not in self.run.done.get(self.dir, set()):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def old(self, name):
        return self.dir / "old" / name

    def close(self):
        shutil.rmtree(self.dir)

    def all(self):
        """Every command that makes sense for this input."""
        i, info = self.path, {}
        endless = Path(i).name in ENDLESS
        if Path(i).name in SLOW:
            self.both("convert", i, "c.store", *COMMON, keep=["c.store"])
            self.both("verify", i, self.old("c.store"), *COMMON)
            self.both("transpose", i, "t.store", "--memory", "64M")
            self.both("upgrade", i, "u.h5ad", *COMMON)
            return
        if self.is_hdf5() or os.path.isdir(i):
            code, out = self.both("info", "--json", i)
            self.both("info", i)
            info = json.loads(out.splitlines()[0]) if code == 0 else {}
        if self.is_hdf5():
            self.both("ls", "--json", i)
            if not endless:
                self.both("ls", "--crc", "--json", i)
                self.both("ls", "--crc", i)
            self.both("doctor", "--json", i, *COMMON)
            self.both("doctor", i, *COMMON)
            if self.maps:
                self.both("index", i, "map.json", "--url", "x", *COMMON)
        self.stores(i, info)
        if not endless:
            self.files(i, info)

    def is_hdf5(self):
        return Path(self.path).suffix in HDF5

    def stores(self, i, info):
        paths = [e["path"] for e in info.get("elements", [])]
        code, _ = self.both("convert", i, "c.store", *COMMON, keep=["c.store"])
        self.both("convert", i, "b.store", "--layout", "both", "--json", *COMMON)
        self.both("convert", i, "a.store", "--dtype", "auto", "--index-dtype", "auto", "--sort", *COMMON)
        self.both("convert", i, "m.store", "--layout", "both", "--threads", "1", "--memory", "64M")
        self.both("convert", i, "s.store", "--salvage", "--drop-zeros", "--json", *COMMON)
        others = [p for p in paths if p == "raw/X" or p.startswith(("layers/", "obsp/")) or re.fullmatch("mod/.*/X", p)]
        for other in others[:3]:
            self.both("convert", i, "o.store", "--matrix", other, *COMMON)
        flipped, _ = self.both("transpose", i, "t.store", *COMMON, keep=["t.store"])
        if code == 0:
            store = self.old("c.store")
            self.both("info", "--json", store)
            self.both("verify", store, *COMMON)
            self.both("verify", "--json", store, *COMMON)
            self.both("verify", i, store, *COMMON)
            self.both("verify", "--json", i, store, "--numeric", *COMMON)
            self.both("export", store, "e.h5ad", *COMMON)
            self.both("transpose", store, "u.store", "--sum-duplicates", *COMMON)
        if code == flipped == 0:
            self.both("verify", self.old("c.store"), self.old("t.store"), *COMMON)

    def files(self, i, info):
        for options in ([], ["--compression", "gzip:4", "--shuffle"], ["--libver", "latest"], ["--layout", "csc"]):
            code, _ = self.both("upgrade", i, "u.h5ad", *options, *COMMON)
        if info and code != 0 and "elements" not in info and "store" not in info:
            return
        self.both("subset", i, "s.h5ad", "--rows", "1:7:2", *COMMON)
        self.both("subset", i, "s.store", "--rows", "-3:", "--json", *COMMON)
        self.both("subset", i, "s.h5ad", "--sample", "3", "--seed", "7", "--compression", "lzf", *COMMON)
        names = index_of(self.old("c.store") / "obs.arrow")
        if names:
            (self.dir / "names.txt").write_bytes(b"".join(n + b"\n" for n in names[::-3] if b"\n" not in n))
            self.both("subset", i, "n.h5ad", "--obs-names", self.dir / "names.txt", *COMMON)
        column = first_categorical(info)
        if column:
            name, label = column
            self.both("subset", i, "q.h5ad", "--obs", condition(name, label), *COMMON)
            self.both("subset", i, "parts", "--split-by", name, *COMMON)
        outer = ["--join", "outer", "--merge", "same", "--label", "l", "--index-unique", "-"]
        self.both("concat", i, i, "o.h5ad", *outer, *COMMON)
        self.both("concat", i, i, "p.h5ad", "--axis", "var", "--pairwise", "--uns-merge", "first", *COMMON)


def condition(name, label):
    quoted = label.replace("\\", "\\\\").replace('"', '\\"')
    return f'`{name}` == "{quoted}" or `{name}` == missing'


def first_categorical(info):
    """Name and first label of the first column of obs that has labels of text."""
    for element in info.get("elements", []):
        if element.get("path") == "obs":
            for c in element.get("columns", []):
                if c.get("categories") and c["categories"]["first"] and "`" not in c["name"]:
                    return c["name"], c["categories"]["first"][0]
    return None


def index_of(path):
    """The first column, as bytes, of a small Arrow IPC file whose first column is text. Nothing where there is none."""
    if not path.is_file():
        return []
    data = path.read_bytes()
    u16, i32, i64 = (lambda at, f=f: struct.unpack_from(f, data, at)[0] for f in ("<H", "<i", "<q"))

    def field(table, number):
        """Where field `number` of a flatbuffers table is, or None."""
        v = table - i32(table)
        at = u16(v + 4 + 2 * number) if 4 + 2 * number < u16(v) else 0
        return table + at if at else None

    def follow(at):
        return at + i32(at)

    length = i32(len(data) - 10)
    footer = follow(len(data) - 10 - length)
    batches = field(footer, 3)
    if batches is None or i32(follow(batches)) == 0:
        return []
    block = follow(batches) + 4
    offset, size = i64(block), i32(block + 8)
    message = follow(offset + 8)
    batch = follow(field(message, 2))
    if field(batch, 0) is None:  # a length of 0 is left out
        return []
    rows, buffers = i64(field(batch, 0)), follow(field(batch, 2)) + 4
    body = offset + size
    ends, values = body + i64(buffers + 16), body + i64(buffers + 32)
    wide = i64(buffers + 24) >= 8 * (rows + 1)
    at = (lambda n: i64(ends + 8 * n)) if wide else (lambda n: i32(ends + 4 * n))
    return [data[values + at(n):values + at(n + 1)] for n in range(rows)]


SYNTH = {
    "default": [],
    "seed": ["--seed", "7", "--cells", "300", "--genes", "500", "--chunk", "1000"],
    "csc": ["--layout", "csc", "--cells", "400", "--genes", "300", "--compression", "gzip:4", "--chunk", "777"],
    "dense": ["--layout", "dense", "--cells", "211", "--genes", "97", "--compression", "lzf", "--dtype", "int16"],
    "one": ["--chunk", "one", "--cells", "500", "--genes", "400", "--compression", "gzip", "--dtype", "uint8"],
    "latest": ["--libver", "latest", "--cells", "300", "--genes", "200", "--chunk", "64", "--density", "0.3"],
    "everything": ["--everything", "--cells", "150", "--genes", "120", "--obs-columns",
                   "categorical,ordered,int,float,bool,string,nullable-int,nullable-bool,batch"],
    "everything.latest": ["--everything", "--cells", "90", "--genes", "80", "--libver", "latest", "--layout", "csc"],
    "empty": ["--cells", "0", "--genes", "5"],
    "one.gene": ["--cells", "40", "--genes", "1", "--density", "0.5"],
    **{f"break.{kind}": ["--break", kind, "--cells", "200", "--genes", "150", "--compression", "gzip", "--chunk", "512"]
       for kind in ("index", "unsorted", "duplicate", "nan", "lengths", "truncated", "chunk", "column")},
}


class Run:
    def __init__(self, arguments, tmp):
        self.old, self.new = (str(Path(p).resolve()) for p in (arguments.old, arguments.new))
        self.ls_only, self.times, self.tmp = arguments.ls_only, arguments.times, tmp
        self.tally, self.done = Tally(), {}
        # a build from before the command
        self.maps = all(b" index " in execute(b, ["--help"], tmp)[1] for b in (self.old, self.new))

    def one(self, job):
        kind, name, what = job
        began = time.monotonic()
        if kind == "file":
            case = Case(self, name, what)
            case.all()
        else:
            case = Case(self, name, "")
            code, _ = case.both("synth", "made.h5ad", *what, *COMMON, keep=["made.h5ad"])
            case.both("synth", "again.h5ad", *what, "--json", "--threads", "1")
            if code == 0:
                case.path = str(case.old("made.h5ad"))
                case.all()
        case.close()
        if self.times:
            print(f"{time.monotonic() - began:7.2f} s  {name}", flush=True)


def inputs(shared):
    """Files and directories to try, the largest first, so that no worker waits at the end."""
    places = [HERE.parent / "data"] + ([shared / "corpus" / "files", shared / "golden"] if shared else [])
    out = []
    for place in places:
        for root, dirs, files in os.walk(place):
            dirs[:] = sorted(d for d in dirs if not d.endswith(".zarr"))
            root = Path(root)
            if "metadata.json" in files or {"matrix.mtx", "matrix.mtx.gz"} & set(files):
                out.append(root)
            tables = "formats" in root.parts
            out += [root / f for f in files
                    if Path(f).suffix in (SUFFIXES if tables else HDF5) and not (tables and ".tsv" in f)]
    size = lambda p: p.stat().st_size if p.is_file() else 0
    return sorted(out, key=lambda p: (-size(p), str(p)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", required=True)
    parser.add_argument("--new", required=True)
    parser.add_argument("--shared", type=Path, help="a directory with more inputs in corpus/files and golden")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--ls-only", action="store_true", help="compare h5ad outputs by their values")
    parser.add_argument("--only", default="", help="only inputs whose path contains this")
    parser.add_argument("--times", action="store_true", help="print how long each input takes")
    arguments = parser.parse_args()
    began, tmp = time.monotonic(), Path(tempfile.mkdtemp(prefix="same-bytes-"))
    run = Run(arguments, tmp)
    jobs = [("synth", f"synth {name}", options) for name, options in SYNTH.items()]
    jobs += [("file", str(p), p.resolve()) for p in inputs(arguments.shared)]
    jobs = [j for j in jobs if arguments.only in j[1]]
    try:
        with ThreadPoolExecutor(arguments.jobs) as pool:
            list(pool.map(run.one, jobs))
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
    tally = run.tally
    for line in tally.differences[:20]:
        print(f"DIFFERS {line}")
    print("exit codes:", ", ".join(f"{code}: {n}" for code, n in sorted(tally.codes.items(), key=str)))
    print(f"{len(jobs)} inputs, {tally.commands} commands, {tally.count} comparisons, "
          f"{len(tally.differences)} differences, {time.monotonic() - began:.0f} s")
    if not jobs:
        sys.exit("no input at all")
    sys.exit(1 if tally.differences else 0)


if __name__ == "__main__":
    main()
