#!/usr/bin/env python3
"""Files made here, read by annmap and by the libraries: layouts, dtypes, transposing, edits, budgets, full disks.

    generated.py --bin target/release/annmap

Needs numpy, scipy, h5py, pandas and anndata.
"""
import argparse
import json
import os
import signal
import subprocess
import tempfile
import time

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp

from checks import check, finish


def load(store):
    meta = json.load(open(os.path.join(store, "metadata.json")))
    parts = [np.fromfile(os.path.join(store, f"{k}.bin"), meta["dtypes"][k]) for k in ("data", "indices", "indptr")]
    kind = {"csr_matrix": sp.csr_matrix, "csc_matrix": sp.csc_matrix}[meta["encoding-type"]]
    return meta, kind, parts


def same(store, expected):
    meta, kind, (data, indices, indptr) = load(store)
    return (
        meta["encoding-type"] == f"{expected.format}_matrix"
        and tuple(meta["shape"]) == expected.shape
        and data.dtype == expected.data.dtype
        and data.tobytes() == expected.data.tobytes()
        and np.array_equal(indices, expected.indices)
        and np.array_equal(indptr, expected.indptr)
    )


def write(path, m, **options):
    with h5py.File(path, "w") as f:
        x = f.create_group("X")
        x.attrs["encoding-type"], x.attrs["encoding-version"] = f"{m.format}_matrix", "0.1.0"
        x.attrs["shape"] = np.array(m.shape)
        for k in ("data", "indices", "indptr"):
            values = getattr(m, k)
            o = dict(options)
            if len(values) == 0 or k == "indptr":
                o = {}
            elif "chunks" in o:
                o["chunks"] = (min(o["chunks"], len(values)),)
            x.create_dataset(k, data=values, **o)


def random_matrix(rng, rows, columns, dtype, kind="csr"):
    m = sp.random(rows, columns, rng.choice([0.02, 0.2, 0.6]), kind, random_state=rng)
    m.data = (m.data * 100).astype(dtype) if dtype != "bool" else m.data > 0.5
    return m


def messy(rng, rows, columns, n, dtype):
    """Unsorted lines, duplicates, stored zeros, NaN."""
    lines = np.sort(rng.integers(0, rows, n))
    indptr = np.concatenate(([0], np.cumsum(np.bincount(lines, minlength=rows))))
    data = rng.integers(0, 5, n).astype(dtype)
    if np.dtype(dtype).kind == "f":
        data[rng.integers(0, n, 3)] = np.nan
    return sp.csr_matrix((data, rng.integers(0, columns, n), indptr), shape=(rows, columns))


def stable_transpose(m):
    """scipy's conversion keeps the stored order of duplicates, as ours must."""
    return m.tocsc() if m.format == "csr" else m.tocsr()


def matrices(binary, tmp, rng):
    def run(*args):
        r = subprocess.run([binary, *args], capture_output=True, text=True)
        check(f"{args}: {r.stderr}", r.returncode == 0)

    src, out = os.path.join(tmp, "m.h5ad"), os.path.join(tmp, "m")
    dtypes = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64"]
    storages = [{}, {"compression": "gzip"}, {"compression": "lzf", "chunks": 100}, {"shuffle": True, "compression": "gzip", "chunks": 33}, {"chunks": 1 << 30}]
    for i, dtype in enumerate(dtypes):
        rows, columns = [(50, 70), (1, 300), (300, 1), (200, 33)][i % 4]
        m = random_matrix(rng, rows, columns, "float32" if dtype == "float16" else dtype, ["csr", "csc"][i % 2])
        if dtype == "float16":
            data = m.tocsr().data.astype("float16")
            with h5py.File(src, "w") as f:
                f["X"] = np.asarray(m.toarray(), "float16")
            for asked, stored in (("keep", "float32"), ("auto", "float32"), ("float16", "float16")):
                run("convert", src, out, "--force", "--dtype", asked)
                values = load(out)[2][0]
                check(f"float16 dense as {asked}", values.dtype == stored and np.array_equal(values, data))
            continue
        write(src, m, **storages[i % len(storages)])
        run("convert", src, out, "--force")
        check(f"{dtype} stored", same(out, m))
        run("transpose", src, out, "--force", "--threads", str(1 + i % 2))
        check(f"{dtype} transposed", same(out, stable_transpose(m)))
        run("convert", src, out, "--force", "--layout", "both")
        halves = {m.format: m, {"csr": "csc", "csc": "csr"}[m.format]: stable_transpose(m)}
        check(f"{dtype} both", all(same(os.path.join(out, k), v) for k, v in halves.items()))
        run("verify", out)
        subprocess.run(["rm", "-rf", out])
    for dtype in ("int16", "int32", "float32", "float64"):
        m = messy(rng, 60, 40, 3000, dtype)
        write(src, m, chunks=250, compression="gzip")
        run("convert", src, out, "--force")
        check(f"messy {dtype} stored", same(out, m))
        run("transpose", src, out, "--force")
        check(f"messy {dtype} transposed", same(out, stable_transpose(m)))
        run("convert", src, out, "--force", "--sort")
        order = np.lexsort((m.indices, np.repeat(np.arange(60), np.diff(m.indptr))))
        check(f"messy {dtype} sorted", same(out, sp.csr_matrix((m.data[order], m.indices[order], m.indptr), shape=m.shape)))
        summed = sp.csr_matrix((m.data[order], m.indices[order], m.indptr.copy()), shape=m.shape)  # summing changes indptr in place
        summed.sum_duplicates()
        run("convert", src, out, "--force", "--sum-duplicates")
        check(f"messy {dtype} summed", same(out, summed))
        run("transpose", src, out, "--force", "--sum-duplicates")
        check(f"messy {dtype} summed and transposed", same(out, stable_transpose(summed)))
        zero = m.copy()
        keep = ~(m.data == 0)
        rows = np.repeat(np.arange(60), np.diff(m.indptr))[keep]
        zero = sp.csr_matrix((m.data[keep], m.indices[keep], np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=60))))), shape=m.shape)
        run("convert", src, out, "--force", "--drop-zeros")
        check(f"messy {dtype} without zeros", same(out, zero))
    # dense in strips and tiles of every shape
    x = rng.integers(0, 3, (120, 90)).astype("float32")
    x[3, 4], x[5, 6] = np.nan, -0.0
    for chunks in [None, (1, 90), (120, 1), (7, 11), (120, 90), (50, 90)]:
        with h5py.File(src, "w") as f:
            f.create_dataset("X", data=x, chunks=chunks, compression="gzip" if chunks else None)
        for memory in ("2M", "64M"):
            run("convert", src, out, "--force", "--memory", memory)
            expected = sp.csr_matrix(x)
            check(f"dense {chunks} {memory}", same(out, expected))
        run("convert", src, out, "--force", "--layout", "csc")
        check(f"dense {chunks} csc", same(out, sp.csr_matrix(x).tocsc()))


def budgets(binary, tmp, rng):
    m = messy(rng, 20_000, 3_000, 1_500_000, "float32")
    src = os.path.join(tmp, "b.h5ad")
    write(src, m, compression="gzip", chunks=20_000)
    flipped = stable_transpose(m)
    for threads in ("1", "2"):
        for memory in ("6M", "12M", "64M", "1G"):
            out = os.path.join(tmp, f"b{threads}{memory}")
            r = subprocess.run([binary, "transpose", src, out, "--memory", memory, "--threads", threads], capture_output=True, text=True)
            check(f"transpose {memory} {threads}: {r.stderr}", r.returncode == 0 and same(out, flipped))
            r = subprocess.run([binary, "convert", src, out, "--force", "--memory", memory, "--threads", threads], capture_output=True, text=True)
            check(f"convert {memory} {threads}: {r.stderr}", r.returncode == 0 and same(out, m))
    r = subprocess.run([binary, "transpose", src, os.path.join(tmp, "no"), "--memory", "1M"], capture_output=True, text=True)
    least = r.stderr.split("at least ")[-1].split(",")[0]
    check("budget too small", r.returncode == 6)
    r = subprocess.run([binary, "transpose", src, os.path.join(tmp, "yes"), "--memory", least], capture_output=True, text=True)
    check(f"the least budget {least} works", r.returncode == 0 and same(os.path.join(tmp, "yes"), flipped))
    # killed and interrupted at any moment
    for how in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM):
        for n in range(12):
            out = os.path.join(tmp, "killed")
            before = {x for x in os.listdir(tmp) if x.startswith(".killed")}
            command = ["transpose", "convert"][n % 2]
            p = subprocess.Popen([binary, command, src, out, "--memory", ["8M", "1G"][n % 3 % 2], "-q"], stderr=subprocess.DEVNULL)
            time.sleep(0.004 * n)
            p.send_signal(how)
            p.wait()
            left = [x for x in os.listdir(tmp) if x.startswith(".killed")]
            if os.path.exists(out):
                check(f"{how} {n}: a store that is there is whole", subprocess.run([binary, "verify", "-q", out]).returncode == 0)
                subprocess.run(["rm", "-rf", out])
            if how != signal.SIGKILL and p.returncode == 130:
                # what a killed run left is removed when the next one begins to write: perhaps never here
                check(f"{how} {n}: nothing left", not set(left) - before)
            check(f"{how} {n}: one left-over at most", len(left) <= 1)
    r = subprocess.run([binary, "convert", src, os.path.join(tmp, "killed"), "-q"])
    check("left-overs are removed by the next run", r.returncode == 0 and not [x for x in os.listdir(tmp) if x.startswith(".killed")])


def huge_chunks(binary, tmp, rng):
    """One chunk for a whole dataset, or a few, each larger than the budget: streamed, shuffled or not."""
    rows, columns, per = 30_000, 1_000, 300
    n = rows * per
    step = rng.integers(1, 4, n).reshape(rows, per)
    m = sp.csr_matrix((rng.integers(1, 9, n).astype("f8"), np.cumsum(step, axis=1).ravel(), np.arange(rows + 1) * per), shape=(rows, columns))
    flipped = stable_transpose(m)
    dense = rng.integers(0, 3, (12_000, 1_000)).astype("f4")
    src, other, out = (os.path.join(tmp, name) for name in ("huge.h5ad", "plain.h5ad", "huge"))
    write(other, m, chunks=50_000)

    def run(*args):
        r = subprocess.run([binary, *args, "--memory", "24M"], capture_output=True, text=True)
        check(f"{args}: {r.stderr}", r.returncode == 0)

    for shuffle in (False, True):
        for chunks in (n, n * 2 // 3):
            what = f"shuffle {shuffle}, chunks of {chunks}"
            write(src, m, chunks=chunks, compression="gzip", compression_opts=1, shuffle=shuffle)
            run("convert", src, out, "--force")
            check(f"{what}: stored", same(out, m))
            run("verify", src, out)
            run("verify", other, src)
            run("transpose", src, out, "--force")
            check(f"{what}: transposed", same(out, flipped))
            run("verify", out, src)
            run("upgrade", src, os.path.join(tmp, "huge_new.h5ad"), "--force", "--compression", "none")
            run("verify", src, os.path.join(tmp, "huge_new.h5ad"))
    expected = sp.csr_matrix(dense)
    for chunks in (dense.shape, (10_000, 1_000)):
        for how in ({}, {"compression": "gzip", "compression_opts": 1}, {"compression": "gzip", "compression_opts": 1, "shuffle": True}):
            with h5py.File(src, "w") as f:
                f.create_dataset("X", data=dense, chunks=chunks, **how)
            run("convert", src, out, "--force")
            check(f"dense {chunks} {how}", same(out, expected))
            run("verify", out, src)


def full_disk(binary, tmp, rng):
    small = os.path.join(tmp, "small")
    os.makedirs(small)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M", "none", small], capture_output=True).returncode:
        print("no right to mount a small file system here: full disks are tested by the Rust tests only")
        return
    try:
        src = os.path.join(tmp, "b.h5ad")
        for command in ("convert", "transpose"):
            r = subprocess.run([binary, command, src, os.path.join(small, "out")], capture_output=True, text=True)
            check(f"{command} on a full disk: {r.stderr}", r.returncode == 5 and r.stderr.count("\n") == 1)
            check(f"{command} on a full disk leaves nothing", os.listdir(small) == [])
        r = subprocess.run([binary, "transpose", src, os.path.join(tmp, "t"), "--memory", "8M", "--tmpdir", small], capture_output=True, text=True)
        check(f"temporary files on a full disk: {r.stderr}", r.returncode == 5 and os.listdir(small) == [])
    finally:
        subprocess.run(["umount", small])


def tables(binary, tmp, rng):
    n = 50
    obs = pd.DataFrame(index=[f"c{i}" for i in range(n)])
    for dtype in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "bool"):
        obs[dtype] = rng.integers(0, 2, n).astype(dtype)
    for dtype in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "boolean"):
        obs[f"nullable {dtype}"] = pd.array([None if i % 4 == 0 else i % 2 for i in range(n)], dtype=dtype)
    obs["many"] = pd.Categorical([f"k{i % 300}" for i in range(n)], categories=[f"k{i}" for i in range(300)])
    obs["ordered"] = pd.Categorical(rng.choice(["x", "y"], n), categories=["y", "x", "z"], ordered=True)
    obs["numbers"] = pd.Categorical(rng.choice([10, 20, 30], n))
    obs["floats"] = pd.Categorical(rng.choice([0.5, 1.5], n))
    obs["missing"] = pd.Categorical([None if i % 3 else "a" for i in range(n)])
    obs["none"] = pd.Categorical([None] * n, categories=["a"])
    obs["text"] = [f"ünïcödé {i}" for i in range(n)]
    var = pd.DataFrame({"a/b".replace("/", "_"): range(7)}, index=pd.Index([f"g{i}" for i in range(7)], name="gene"))
    a = ad.AnnData(X=sp.random(n, 7, 0.5, "csr", dtype="float32", random_state=1), obs=obs, var=var)
    src, out = os.path.join(tmp, "t.h5ad"), os.path.join(tmp, "tables")
    a.write_h5ad(src, compression="gzip")
    b = ad.read_h5ad(src)
    subprocess.run([binary, "convert", src, out], check=True, capture_output=True)
    for name, expected in (("obs", b.obs), ("var", b.var)):
        got = pd.read_feather(os.path.join(out, f"{name}.arrow"))
        try:
            pd.testing.assert_frame_equal(got, expected, check_column_type=False)
            check(name, True)
        except AssertionError as e:
            check(f"{name}: {e}", False)


def markets(binary, tmp, rng):
    """Matrix Market files of every kind against scipy, and directories of them as Cell Ranger writes."""
    import gzip

    import scipy.io

    src, out = os.path.join(tmp, "m.mtx"), os.path.join(tmp, "market")
    a = sp.random(40, 30, 0.2, "coo", random_state=5)
    square = sp.random(20, 20, 0.2, "csr", random_state=6)
    skew = square - square.T
    for name, m, options in (
        ("real", a, {}),
        ("integer", (a * 100).astype("int32"), {}),
        ("pattern", a, {"field": "pattern"}),
        ("complex", a.astype("complex128"), {}),
        ("symmetric", square + square.T, {"symmetry": "symmetric"}),
        ("skew", skew, {"symmetry": "skew-symmetric"}),
        ("array", a.toarray(), {}),
    ):
        scipy.io.mmwrite(src, m, **options)
        expected = sp.csr_matrix(scipy.io.mmread(src))
        expected = expected.real if expected.dtype.kind == "c" else expected
        expected.sum_duplicates()
        expected.eliminate_zeros()
        # float32 only where it holds every value
        narrow = expected.astype("float32")
        expected = narrow if np.array_equal(narrow.data, expected.data) else expected
        r = subprocess.run([binary, "convert", src, out, "--force", "--drop-zeros"], capture_output=True, text=True)
        check(f"mtx {name}: {r.stderr}", r.returncode == 0 and same(out, expected))
    folder = os.path.join(tmp, "tenx")
    os.makedirs(folder)
    counts = sp.random(30, 50, 0.3, "csc", random_state=7)
    counts.data = np.ceil(counts.data * 20)
    for packed in (False, True):
        end = ".gz" if packed else ""
        scipy.io.mmwrite(os.path.join(folder, "matrix.mtx"), counts, field="integer")
        texts = {"barcodes.tsv": [f"cell{i}-1" for i in range(50)], "features.tsv": [f"ENSG{i}\tgene{i}\tGene Expression" for i in range(30)]}
        for k, v in texts.items():
            open(os.path.join(folder, k), "w").write("\n".join(v) + "\n")
        if packed:
            for k in ("matrix.mtx", *texts):
                path = os.path.join(folder, k)
                with gzip.open(path + end, "wb") as f:
                    f.write(open(path, "rb").read())
                os.remove(path)
        r = subprocess.run([binary, "convert", folder, out, "--force"], capture_output=True, text=True)
        expected = counts.T.tocsr().astype("float32")
        check(f"10x folder {end}: {r.stderr}", r.returncode == 0 and same(out, expected))
        obs, var = (pd.read_feather(os.path.join(out, f"{k}.arrow")) for k in ("obs", "var"))
        check("10x folder: cells", list(obs.index) == texts["barcodes.tsv"])
        check("10x folder: genes", list(var.index) == [f"gene{i}" for i in range(30)] and list(var.gene_ids) == [f"ENSG{i}" for i in range(30)])
        r = subprocess.run([binary, "transpose", folder, out, "--force"], capture_output=True, text=True)
        check("10x folder, transposed", r.returncode == 0 and same(out, stable_transpose(expected)))
        h5ad = os.path.join(tmp, "market.h5ad")
        subprocess.run([binary, "convert", folder, out, "--force"], check=True, capture_output=True)
        r = subprocess.run([binary, "export", out, h5ad, "--force"], capture_output=True, text=True)
        x = ad.read_h5ad(h5ad)
        check("10x folder as h5ad", r.returncode == 0 and (x.X != expected).nnz == 0 and list(x.var_names) == list(var.index))
    r = subprocess.run([binary, "convert", folder, out, "--force", "--memory", "1M"], capture_output=True, text=True)
    check("a small one in a small budget", r.returncode in (0, 6))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", required=True)
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    binary, rng = os.path.abspath(a.bin), np.random.default_rng(a.seed)
    with tempfile.TemporaryDirectory() as tmp:
        tables(binary, tmp, rng)
        matrices(binary, tmp, rng)
        markets(binary, tmp, rng)
        budgets(binary, tmp, rng)
        huge_chunks(binary, tmp, rng)
        full_disk(binary, tmp, rng)
    finish()


if __name__ == "__main__":
    main()
