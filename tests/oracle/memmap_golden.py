#!/usr/bin/env python3
"""Hold our stores against those of the scripts they replace, and the inputs those got silently wrong against right results.

    memmap_golden.py --bin target/release/annmap --golden ../shared/golden/memmap

Needs numpy, scipy and h5py.
"""
import argparse
import json
import os
import subprocess
import tempfile

import h5py
import numpy as np
import scipy.sparse as sp

from checks import check, finish


def run(binary, *args):
    return subprocess.run([binary, *args], capture_output=True, text=True)


def bytes_of(*parts):
    with open(os.path.join(*parts), "rb") as f:
        return f.read()


def golden(binary, folder, tmp):
    source = os.path.join(folder, "test_matrix.h5ad")
    stores = [(n, "stored", n.removeprefix("memmap_")) for n in ("memmap_float64", "memmap_int16", "memmap_uint8")]
    help_text = run(binary, "convert", "--help").stdout
    transposes = run(binary, "transpose", "--help").returncode == 0 and "csc" in help_text
    if transposes:
        stores.append(("test_output", "csc", "int16"))
    for name, layout, dtype in stores:
        out, want = os.path.join(tmp, name), os.path.join(folder, name)
        r = run(binary, "convert", source, out, "--dtype", dtype, "--layout", layout, "--index-dtype", "int64")
        # the uint8 store of the originals wrapped around: ours must refuse, or equal what does fit
        values = np.fromfile(os.path.join(folder, "memmap_float64", "data.bin"), "float64")
        if dtype == "uint8" and values.max() > 255:
            check("uint8: refused with the value", r.returncode == 2 and "does not fit uint8" in r.stderr)
            r = run(binary, "convert", source, out, "--dtype", dtype, "--cast", "saturate", "--index-dtype", "int64")
            check("uint8: saturated", np.array_equal(np.fromfile(f"{out}/data.bin", "uint8"), np.clip(values, 0, 255).astype("uint8")))
            check("uint8: indices", bytes_of(out, "indices.bin") == bytes_of(want, "indices.bin"))
            continue
        check(f"{name}: exit", r.returncode == 0)
        for f in ("data.bin", "indices.bin"):
            check(f"{name}: {f}", bytes_of(out, f) == bytes_of(want, f))
        size = "int64" if len(bytes_of(want, "indptr.bin")) == 8 * len(np.fromfile(f"{out}/indptr.bin", "int64")) else "int32"
        check(f"{name}: indptr", np.array_equal(np.fromfile(f"{out}/indptr.bin", "int64"), np.fromfile(f"{want}/indptr.bin", size)))
        ours, theirs = json.load(open(f"{out}/metadata.json")), json.load(open(f"{want}/metadata.json"))
        for key in theirs:
            check(f"{name}: metadata {key}", ours[key] == theirs[key])
        check(f"{name}: the original opens", run(binary, "info", want).returncode == 0)


def write(path, m, **changes):
    with h5py.File(path, "w") as f:
        x = f.create_group("X")
        x.attrs["encoding-type"], x.attrs["encoding-version"] = f"{m.format}_matrix", "0.1.0"
        x.attrs["shape"] = np.array(m.shape)
        for k in ("data", "indices", "indptr"):
            x[k] = changes.get(k, getattr(m, k))


def probes(binary, tmp):
    """The situations of bug_probes.txt, each with a right result or a clear error."""
    m = sp.random(20, 15, 0.3, "csr", random_state=np.random.RandomState(1))
    m.data = np.arange(1, m.nnz + 1).astype("f4")
    src, out = os.path.join(tmp, "p.h5ad"), os.path.join(tmp, "p")

    def convert(*args):
        r = run(binary, "convert", src, out, "--force", "--index-dtype", "int64", *args)
        return r, r.stderr.count("\n") == 1

    def array(name, dtype):
        return np.fromfile(os.path.join(out, name), dtype)

    write(src, m)
    r, _ = convert()
    check("int64 pointers", r.returncode == 0 and np.array_equal(array("indptr.bin", "i8"), m.indptr))
    half = m.copy()
    half.data = half.data + 0.5
    write(src, half)
    r, one = convert("--dtype", "int16")
    check("fractions are not cut", r.returncode == 2 and one and "1.5" in r.stderr)
    big = m.copy()
    big.data[3] = 40000
    write(src, big)
    r, one = convert("--dtype", "int16")
    check("40000 as int16", r.returncode == 2 and one and "40000" in r.stderr)
    write(src, m.tocsc())
    r, _ = convert()
    check("csc is called csc", json.load(open(f"{out}/metadata.json"))["encoding-type"] == "csc_matrix")
    with h5py.File(src, "w") as f:
        f["X"] = m.toarray()
    r, _ = convert()
    check("dense", r.returncode == 0 and np.array_equal(array("data.bin", "f4"), m.data))
    write(src, sp.csr_matrix((4, 3), dtype="f4"))
    r, _ = convert()
    check("empty", r.returncode == 0 and array("data.bin", "u1").size == 0 and list(array("indptr.bin", "i8")) == [0] * 5)
    r, one = convert("--dtype", "float99")
    check("bad dtype", r.returncode == 2)
    r = run(binary, "convert", os.path.join(tmp, "missing.h5ad"), os.path.join(tmp, "none"))
    check("missing input", r.returncode == 5 and r.stderr.count("\n") == 1)
    write(src, m)
    r, _ = convert("--dtype", "uint8")
    check("uint8 that fits", r.returncode == 0 and np.array_equal(array("data.bin", "u1"), m.data))
    for value in (300, -1, np.nan):
        odd = m.copy()
        odd.data[0] = value
        write(src, odd)
        r, one = convert("--dtype", "uint8")
        check(f"{value} as uint8", r.returncode == 2 and one)
    write(src, m, data=m.data.astype(">f4"), indices=m.indices.astype(">i4"), indptr=m.indptr.astype(">i8"))
    r, _ = convert()
    check("big-endian", r.returncode == 0 and np.array_equal(array("indptr.bin", "<i8"), m.indptr) and np.array_equal(array("data.bin", "<f4"), m.data))
    outside = m.indices.copy()
    outside[5] = 999
    write(src, m, indices=outside)
    r, one = convert()
    check("index out of range", r.returncode == 3 and one and "999" in r.stderr)
    with h5py.File(src, "w") as f:
        x = f.create_group("X")
        x.attrs["h5sparse_format"], x.attrs["h5sparse_shape"] = "csr", np.array(m.shape)
        for k in ("data", "indices", "indptr"):
            x[k] = getattr(m, k)
    r, _ = convert()
    check("anndata 0.6", r.returncode == 0 and np.array_equal(array("data.bin", "f4"), m.data))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", required=True)
    ap.add_argument("--golden", required=True)
    a = ap.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        golden(a.bin, os.path.join(a.golden, "small"), tmp)
        probes(a.bin, tmp)
    finish()


if __name__ == "__main__":
    main()
