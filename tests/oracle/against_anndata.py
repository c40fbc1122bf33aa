#!/usr/bin/env python3
"""Hold the stores that annmap makes against what anndata reads, bit for bit.

    against_anndata.py --bin target/release/annmap FILE_OR_DIRECTORY...

Every h5ad below the arguments that anndata reads is converted: X, each layer and raw/X through np.memmap, obs and
var through pandas.read_feather. Needs anndata, pandas, pyarrow and scipy. Exit 0 where all is equal.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings

import anndata as ad
import hdf5plugin  # noqa: F401
import numpy as np
import pandas as pd
import scipy.sparse as sp

warnings.simplefilter("ignore")


def load(store):
    """The three lines of the README, and a scipy matrix of them."""
    meta = json.load(open(os.path.join(store, "metadata.json")))

    def array(name):
        path, dtype = os.path.join(store, f"{name}.bin"), meta["dtypes"][name]
        return np.memmap(path, dtype=dtype, mode="r") if os.path.getsize(path) else np.empty(0, dtype)

    kind = {"csr_matrix": sp.csr_matrix, "csc_matrix": sp.csc_matrix}[meta["encoding-type"]]
    data, indices, indptr = array("data"), array("indices"), array("indptr")
    assert len(data) == len(indices) == meta["nnz"] == indptr[-1], "lengths"
    return kind, tuple(meta["shape"]), data, indices, indptr


def check_matrix(expected, store):
    kind, shape, data, indices, indptr = load(store)
    if isinstance(expected, np.ndarray):
        rows, columns = np.nonzero(expected)
        values = expected[rows, columns]
        pointers = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=expected.shape[0]))))
        kind_expected, expected_parts = sp.csr_matrix, (values, columns, pointers)
    else:
        kind_expected = sp.csr_matrix if expected.format == "csr" else sp.csc_matrix
        expected_parts = (expected.data, expected.indices, expected.indptr)
    assert kind is kind_expected, f"kind {kind}"
    assert shape == tuple(expected.shape), f"shape {shape} {expected.shape}"
    values, minor, pointers = expected_parts
    assert data.dtype == values.dtype.newbyteorder("<"), f"dtype {data.dtype} {values.dtype}"
    assert data.tobytes() == values.astype(data.dtype).tobytes(), "values"
    assert np.array_equal(indices, minor.astype(np.int64)), "indices"
    assert np.array_equal(indptr, pointers.astype(np.int64)), "indptr"


def check_frame(expected, path):
    got = pd.read_feather(path)
    pd.testing.assert_frame_equal(
        got, expected, check_exact=True, check_dtype=True, check_categorical=True, check_names=True,
        check_column_type=False, check_index_type="equiv",
    )
    for name in expected.columns:
        a, b = expected[name], got[name]
        if isinstance(a.dtype, pd.CategoricalDtype):
            assert list(a.cat.categories) == list(b.cat.categories), f"{name}: categories"
            assert a.cat.ordered == b.cat.ordered, f"{name}: ordered"
            assert np.array_equal(a.cat.codes, b.cat.codes), f"{name}: codes"
        assert np.array_equal(a.isna(), b.isna()), f"{name}: missing values"
    assert list(expected.index) == list(got.index), "index"
    assert expected.index.name == got.index.name, f"index name {expected.index.name} {got.index.name}"


def files(arguments):
    for a in arguments:
        if os.path.isfile(a):
            yield a
        for folder, _, names in sorted(os.walk(a)):
            yield from (os.path.join(folder, n) for n in sorted(names) if n.endswith(".h5ad"))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", required=True)
    ap.add_argument("--skip-refused", action="store_true", help="an annmap that names what it does not support is no failure")
    ap.add_argument("paths", nargs="+")
    a = ap.parse_args()
    passed = failed = skipped = 0
    for path in files(a.paths):
        try:
            adata = ad.read_h5ad(path)
        except Exception as e:
            print(f"skipped {path}: anndata: {type(e).__name__}: {str(e)[:80]}")
            skipped += 1
            continue
        matrices = {"X": adata.X, **{f"layers/{k}": v for k, v in adata.layers.items()}}
        if adata.raw is not None:
            matrices["raw/X"] = adata.raw.X
        with tempfile.TemporaryDirectory() as tmp:
            for n, (name, expected) in enumerate(matrices.items()):
                if expected is None:
                    continue
                store = os.path.join(tmp, str(n))
                run = subprocess.run([a.bin, "convert", path, store, "--matrix", name], capture_output=True, text=True)
                try:
                    if run.returncode == 4 and a.skip_refused:
                        print(f"skipped {path}: {run.stderr.strip()}")
                        skipped += 1
                        continue
                    assert run.returncode == 0, f"exit {run.returncode}: {run.stderr.strip()}"
                    check_matrix(expected, store)
                    check_frame(adata.obs, os.path.join(store, "obs.arrow"))
                    var = adata.raw.var if name == "raw/X" else adata.var
                    check_frame(var, os.path.join(store, "var.arrow"))
                    run = subprocess.run([a.bin, "verify", store], capture_output=True, text=True)
                    assert run.returncode == 0, f"verify: {run.stdout}{run.stderr}"
                    passed += 1
                except Exception as e:
                    failed += 1
                    print(f"FAILED {path} {name}: {type(e).__name__}: {str(e)[:600]}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
