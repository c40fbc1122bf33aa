#!/usr/bin/env python3
"""Files that `annmap concat` writes against what anndata.concat makes in memory of the same inputs.

    concat_out.py --bin target/release/annmap [--golden FOLDER] [--rounds N]

Needs anndata, h5py, numpy, pandas and scipy. Inputs are made at random, with every kind of column and element; a folder
of golden files may add its cases (concat_cases.json and the files it names).
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings

import anndata as ad
import awkward as ak
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp

from checks import check, finish
from concat_types import pairs
from h5ad_out import same, strict


def run(binary, inputs, out, args, *more):
    cmd = [binary, "concat", *inputs, out, "--force", *more]
    for key, value in args.items():
        if key == "axis":
            cmd += ["--axis", {0: "obs", 1: "var"}.get(value, value)]
        elif key == "pairwise":
            cmd += ["--pairwise"] if value else []
        elif key == "keys":
            cmd += ["--keys", ",".join(value)]
        elif value is not None:
            cmd += [f"--{key.replace('_', '-')}={value}"]
    return subprocess.run(cmd, capture_output=True, text=True)


def expected(inputs, args, tmp):
    """What anndata makes, through a file of its own: writing turns strings into categories."""
    whole = ad.concat([ad.read_h5ad(i) for i in inputs], **args)
    for mapping in (whole.obsp, whole.varp):
        for value in mapping.values():  # block_diag of arrays stores their zeros
            if sp.issparse(value):
                value.eliminate_zeros()
    path = os.path.join(tmp, "want.h5ad")
    whole.write_h5ad(path)
    return ad.read_h5ad(path)


def one(binary, inputs, args, tmp, what, *more):
    out = os.path.join(tmp, "out.h5ad")
    r = run(binary, inputs, out, args, *more)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            want = expected(inputs, args, tmp)
        except Exception as e:  # what anndata cannot do ends with a clear error, or goes further
            check(f"{what}: anndata says {str(e)[:200]}, exit {r.returncode} {r.stderr}", r.returncode in (0, 2, 4))
            return
    check(f"{what} {args}: exit {r.returncode} {r.stderr}", r.returncode == 0)
    if r.returncode == 0:
        same(strict(out), want, f"{what} {args}")
        doctor = subprocess.run([binary, "doctor", "-q", out], capture_output=True, text=True)
        check(f"doctor {what} {args}: {doctor.stdout}", doctor.returncode == 0)


def column(rng, kind, n):
    if kind == "category":
        return pd.Categorical(rng.choice(["c1", "c2", "c10", None], n))
    if kind == "other category":
        return pd.Categorical(rng.choice(["c2", "b", "c11"], n))
    if kind == "ordered":
        return pd.Categorical(rng.choice(["low", "high"], n), categories=["low", "high"], ordered=True)
    if kind == "numbers as labels":
        return pd.Categorical(rng.choice([3, 10, 200], n))
    if kind == "repeated":
        return rng.choice(["x", "y10", "y9"], n)
    if kind == "distinct":
        return [f"{rng.integers(1 << 40)}" for _ in range(n)]
    if kind == "bool":
        return rng.random(n) > 0.5
    if kind == "nullable":
        return pd.array([None if v == 0 else int(v) for v in rng.integers(0, 4, n)], dtype="Int64")
    if kind == "nullable bool":
        return pd.array([None if v == 0 else v == 1 for v in rng.integers(0, 3, n)], dtype="boolean")
    return rng.integers(0, 9, n).astype(kind)


# columns that meet under one name, by what pandas makes of them
FAMILIES = [
    ["category", "other category", "distinct", "repeated"],
    ["category", "other category"],
    ["ordered"],
    ["numbers as labels"],
    ["int8", "int32", "int64", "float32", "float64"],
    ["uint8", "int64"],
    ["bool"],
    ["bool", "nullable bool"],
    ["nullable", "int64"],
    ["distinct", "repeated"],
]


def frame(rng, names, same_values):
    """A table; columns of one name are alike in all where `same_values` is a generator of its own for them."""
    out = pd.DataFrame(index=names)
    for i, family in enumerate(FAMILIES):
        if rng.random() < 0.7:
            out[f"col{i}"] = column(rng, family[rng.integers(len(family))], len(names))
    for i, kind in enumerate(["int32", "float32", "bool"]):
        if rng.random() < 0.7:
            values = np.array([same_values[n] for n in names]).astype(kind)
            if rng.random() < 0.2 and len(values):
                values[0] = not values[0]
            out[f"same{i}"] = values
    return out


def matrix(rng, n, m, kind):
    dense = rng.integers(0, 3, (n, m)) * (rng.random((n, m)) < 0.5)
    dtype = rng.choice(["float32", "float64", "int32", "int64"])
    dense = dense.astype(dtype)
    return {"dense": lambda: dense, "csr": lambda: sp.csr_matrix(dense), "csc": lambda: sp.csc_matrix(dense)}[kind]()


def awkward(rng, n):
    """Lists of records, with texts, missing values and lists of one length inside."""
    def one():
        return {"n": int(rng.integers(9)), "text": str(rng.choice(["a", "bc", ""])), "maybe": None if rng.random() < 0.3 else 0.5, "list": [int(v) for v in rng.integers(0, 9, rng.integers(3))]}
    whole = [{"n": 1, "text": "x", "maybe": None, "list": [1]}, {"n": 2, "text": "", "maybe": 1.5, "list": []}]
    return ak.Array([[one() for _ in range(rng.integers(3))] for _ in range(n)] + [whole])[:n]


def tree(rng, number):
    n, m = int(rng.integers(0 if number else 1, 9)), int(rng.integers(1, 8))
    genes = [f"g{i}" for i in rng.permutation(10)[:m]]
    cells = [f"s{i}" for i in rng.permutation(14)[:n]]
    same_values = {name: hash(name) % 7 for name in genes + cells} | {f"g{i}": i % 4 for i in range(10)} | {f"s{i}": i % 5 for i in range(14)}
    kinds = ["dense", "csr", "csc"]
    a = ad.AnnData(X=matrix(rng, n, m, rng.choice(kinds)), obs=frame(rng, cells, same_values), var=frame(rng, genes, same_values))
    for key in ("counts", "more"):
        if rng.random() < 0.7:
            a.layers[key] = matrix(rng, n, m, rng.choice(kinds))
    for mapping, size, names in ((a.obsm, n, a.obs_names), (a.varm, m, a.var_names)):
        if rng.random() < 0.8:
            mapping["pca"] = rng.random((size, int(rng.integers(1, 4)))).astype(rng.choice(["float32", "float64"]))
        if rng.random() < 0.6:
            mapping["ones"] = np.ones((size, 2), dtype="int32")
        if rng.random() < 0.5:
            mapping["sparse"] = matrix(rng, size, 3, rng.choice(["csr", "csc"]))
        if rng.random() < 0.4:
            mapping["deep"] = rng.random((size, 2, 3))
        if rng.random() < 0.5:
            mapping["lists"] = awkward(rng, size)
        if rng.random() < 0.6:
            mapping["frame"] = pd.DataFrame({"x": rng.random(size), "k": pd.Categorical(rng.choice(["a", "b"], size))}, index=names)
    for mapping, size in ((a.obsp, n), (a.varp, m)):
        if rng.random() < 0.7:
            mapping["graph"] = matrix(rng, size, size, rng.choice(["csr", "csc"]))
        if rng.random() < 0.4:
            mapping["dense"] = np.eye(size)
    uns = {"a": 1, "same": {"x": [1.5, np.nan], "text": "one"}, "labels": ["p", "q"]}
    if rng.random() < 0.5:
        uns["a"] = 2.0
    if rng.random() < 0.5:
        uns["same"]["only"] = np.arange(3)
    if rng.random() < 0.3:
        uns["table"] = pd.DataFrame({"x": [1, 2]})
    if rng.random() < 0.3:
        uns["matrix"] = sp.csr_matrix(np.eye(2))
    a.uns = uns
    if rng.random() < 0.8:
        a.raw = a
    return a


def random_cases(binary, tmp, rounds):
    for seed in range(rounds):
        rng = np.random.default_rng(seed)
        inputs = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for i in range(int(rng.integers(1, 4))):
                inputs.append(os.path.join(tmp, f"in{i}.h5ad"))
                tree(rng, i).write_h5ad(inputs[-1], compression=rng.choice([None, "gzip", "lzf"]))
        if len(inputs) < 2:
            continue  # refused: an output is forgotten
        merges = [None, "same", "unique", "first", "only"]
        args = {
            "axis": int(rng.random() < 0.35),
            "join": str(rng.choice(["inner", "outer"])),
            "merge": merges[rng.integers(5)],
            "uns_merge": merges[rng.integers(5)],
            "label": [None, "batch"][rng.integers(2)],
            "index_unique": [None, "-"][rng.integers(2)],
            "pairwise": bool(rng.random() < 0.5),
            "fill_value": [None, None, 0, -1, 0.5][rng.integers(5)],
        }
        more = [["--memory", "16M"], ["--threads", "1"], []][rng.integers(3)]
        one(binary, inputs, args, tmp, f"seed {seed}", *more)


def golden_cases(binary, tmp, golden):
    cases = json.load(open(os.path.join(golden, "concat_cases.json")))
    for name, case in cases.items():
        inputs = [os.path.join(golden, "concat", f"{x}.h5ad") for x in case["inputs"]]
        if len(inputs) < 2:
            continue  # one input and an output is what two inputs and a forgotten output look like: refused
        one(binary, inputs, case["args"], tmp, f"golden {name}")
    legacy = os.path.join(golden, "legacy")
    for name in sorted(os.listdir(legacy)) if os.path.isdir(legacy) else []:
        path = os.path.join(legacy, name)
        if name.endswith(".h5ad"):
            one(binary, [path, path], {"index_unique": "_", "join": "outer", "merge": "same", "uns_merge": "same", "pairwise": True}, tmp, name)


def refused_cases(binary, tmp):
    """What does not fit together is told by name, and nothing is written."""
    table = pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=list("xyz"))
    for mapping, first, second, why in [
        ("obsp", table, table, "expected a matrix, got a table"),
        ("layers", table, table, "expected a matrix, got a table"),
        ("obsm", np.ones(3), np.ones((3, 1)), "got shapes [3] and [3, 1]"),
        ("obsm", np.ones((3, 2, 2)), np.ones((3, 2, 3)), "got shapes [3, 2, 2] and [3, 2, 3]"),
    ]:
        inputs = [os.path.join(tmp, f"refused{i}.h5ad") for i in range(2)]
        for path, value in zip(inputs, (first, second)):
            ad.AnnData(X=np.ones((3, 2), "f4"), obs=pd.DataFrame(index=list("xyz"))).write_h5ad(path)
            with h5py.File(path, "r+") as f:
                ad.io.write_elem(f[mapping], "odd", value)
        out = os.path.join(tmp, "refused.h5ad")
        r = run(binary, inputs, out, {"index_unique": "-", "pairwise": True})
        what = f"{mapping} {why}: exit {r.returncode} {r.stderr}"
        check(what, r.returncode == 4 and why in r.stderr and f"/{mapping}/odd" in r.stderr)
        check(f"{what}: nothing is written", not os.path.exists(out))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", required=True)
    ap.add_argument("--golden")
    ap.add_argument("--rounds", type=int, default=60)
    a = ap.parse_args()
    binary = os.path.abspath(a.bin)
    with tempfile.TemporaryDirectory() as tmp:
        if a.golden:
            golden_cases(binary, tmp, a.golden)
        random_cases(binary, tmp, a.rounds)
        if a.rounds:
            pairs(binary, tmp)
        refused_cases(binary, tmp)
    finish()


if __name__ == "__main__":
    sys.exit(main())
