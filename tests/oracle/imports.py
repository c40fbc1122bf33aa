#!/usr/bin/env python3
"""Tables, Matrix Market, 10x Genomics and loom, as `annmap upgrade` and `annmap convert` read them.

    imports.py --bin target/release/annmap [--golden FOLDER]

Needs anndata, numpy, pandas and scipy. Tables are made at random and held against anndata.read_csv and read_text; a folder
of golden files may add its formats (formats_read.json and the files it names).
"""
import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import warnings

import anndata as ad
import numpy as np
import scipy.sparse as sp

from checks import check, finish
from h5ad_out import strict


def dense(x):
    return x.toarray() if sp.issparse(x) else np.asarray(x)


def upgraded(binary, path, tmp, *more):
    out = os.path.join(tmp, "out.h5ad")
    command = "subset" if "--var" in more else "upgrade"
    r = subprocess.run([binary, command, path, out, "--force", "-q", *more], capture_output=True, text=True)
    return r, strict(out) if r.returncode == 0 else None


def random_tables(binary, tmp):
    rng = np.random.default_rng(8)
    for number in range(80):
        n, m = int(rng.integers(2, 7)), int(rng.integers(2, 6))
        between = str(rng.choice([",", "\t", ";", " "]))
        values = [[repr(float(v)) if v % 2 else str(int(v)) for v in row] for row in rng.integers(-3, 30, (n, m))]
        named, header = rng.random() < 0.7, rng.random() < 0.7
        lines = [([f"c{i}"] if named else []) + row for i, row in enumerate(values)]
        if header:
            corner = ["name"] if named and rng.random() < 0.5 else []
            lines.insert(0, corner + [f"g{i}" for i in range(m)])
        text = str(rng.choice(["\n", "\r\n"])).join(between.join(l) for l in lines) + "\n"
        path = os.path.join(tmp, f"table{number}.anything")
        packed = rng.random() < 0.3
        if packed:
            path += ".gz"
        (gzip.open if packed else open)(path, "wb").write(text.encode())
        want = ad.read_csv(path, delimiter=between) if between != " " else ad.read_text(path)
        r, got = upgraded(binary, path, tmp)
        what = f"table {number} {text!r}"
        check(f"{what}: exit {r.returncode} {r.stderr}", r.returncode == 0)
        if got is None:
            continue
        check(f"{what}: {got.X} and {want.X}", type(got.X) is type(want.X) and got.X.dtype == want.X.dtype and np.array_equal(got.X, want.X))
        check(f"{what}: names", list(got.obs_names) == list(want.obs_names) and list(got.var_names) == list(want.var_names))
        store = os.path.join(tmp, "store")
        r = subprocess.run([binary, "convert", path, store, "--force", "-q"], capture_output=True, text=True)
        verified = subprocess.run([binary, "verify", store, path, "-q"], capture_output=True, text=True)
        check(f"{what}: store {r.stderr} {verified.stderr}", r.returncode == 0 and verified.returncode == 0)


# what the original does with a header of integers is to read it as a row; see spec/h5ad.md
DIFFERENT = {"int_header.csv": ([[5, 6], [7, 8]], ["0", "1"], ["0", "1"])}


def golden(binary, tmp, folder):
    cases = json.load(open(os.path.join(folder, "formats_read.json")))
    genes = ["--var", "feature_types == 'Gene Expression'"]
    unique, ids = ["--unique-names"], ["--var-index", "gene_ids"]
    files = {
        "10x v3": ("v3.h5", genes),
        "10x v3 gex_only=False": ("v3.h5", []),
        "10x v3 genome missing": ("v3.h5", ["--genome", "mm10"]),
        "10x v2": ("v2.h5", []),
        "10x v2 two genomes": ("v2_two.h5", []),
        "10x v2 two genomes, mm10": ("v2_two.h5", ["--genome", "mm10"]),
        "mtx_v3": ("mtx_v3", genes + unique),
        "mtx_v3 gene_ids": ("mtx_v3", genes + ids),
        "mtx_v3 not unique": ("mtx_v3", genes),
        "mtx_v2": ("mtx_v2", unique),
        "mtx_v2 gene_ids": ("mtx_v2", ids),
        "mtx_v2 not unique": ("mtx_v2", []),
        "loom default": ("w.loom", []),
        "loom obs_names": ("w.loom", ["--obs-index", "obs_names", "--var-index", "var_names"]),
    }
    for case, want in cases.items():
        name, more = files.get(case, (case, []))
        path = os.path.join(folder, "formats", name)
        if not os.path.exists(path) or name == "csvs":
            continue
        r, got = upgraded(binary, path, tmp, *more)
        if isinstance(want, str):
            check(f"{case}: exit {r.returncode} {r.stderr}", r.returncode in (2, 3) and r.stderr.count("\n") == 1)
            continue
        check(f"{case}: exit {r.returncode} {r.stderr}", r.returncode == 0)
        if got is None:
            continue
        if case in DIFFERENT:
            x, obs, var = DIFFERENT[case]
            check(f"{case}: as told", np.array_equal(dense(got.X), x) and list(got.obs_names) == obs and list(got.var_names) == var)
            continue
        x = np.array([[float(v) for v in row] for row in want["X"].get("dense", want["X"].get("values"))], dtype="float32")
        # the original reads every text as float32; here values that it does not hold stay float64
        check(f"{case}: X {dense(got.X)} {x}", np.array_equal(dense(got.X).astype("float32"), x, equal_nan=True))
        for part in ("obs", "var"):
            table, wanted = getattr(got, part), want[part]
            check(f"{case}: names of {part}: {list(table.index)}", list(table.index) == wanted["index"])
            for column, values in wanted["__df__"].items():
                check(f"{case}: {part}/{column}", column in table and list(table[column]) == values["values"])


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", required=True)
    ap.add_argument("--golden")
    a = ap.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as tmp:
        if a.golden:
            golden(os.path.abspath(a.bin), tmp, a.golden)
        random_tables(os.path.abspath(a.bin), tmp)
    finish()


if __name__ == "__main__":
    sys.exit(main())
