"""Columns of every type beside columns of every other type, for concat_out.py: what `annmap concat` makes of each
pair against what anndata.concat makes of it and can write.

Where anndata cannot write what it made, ours either names the column and the file, or joins the values themselves.
"""
import os
import subprocess
import warnings

import anndata as ad
import h5py
import numpy as np
import pandas as pd

from checks import check

FEW = ["bool", "int8", "int64", "uint64", "float32", "nan float32", "nan float64", "text", "repeated", "labels", "other labels",
       "int labels", "int labels with a gap", "int8 labels", "bool labels", "ordered", "no labels", "missing labels", "Int8",
       "Int64 missing", "boolean", "boolean missing", "absent"]


def kinds(n):
    """A column of each kind, with up to three rows."""
    def labels(values, **more):
        return pd.Categorical(values[:n], **more)

    out = {"bool": np.array([True, False, True])}
    for name in "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split():
        out[name] = np.array([1, 0, 3]).astype(name)
    out |= {
        "float with nan": np.array([1, np.nan, 0.5]),
        "nan float32": np.full(3, np.nan, "f4"),
        "nan float64": np.full(3, np.nan),
        "text": np.array(["b", "a", "c"], dtype=object),
        "repeated": np.array(["b", "a", "b"], dtype=object),
        "labels": labels(["b", "c10", "b"]),
        "other labels": labels(["c9", None, "b"]),
        "int labels": labels([3, 1, 3]),
        "int labels with a gap": labels([3, None, 7], categories=[3, 7]),
        "int labels in their order": labels([3, 1, 3], categories=[3, 1]),
        "int8 labels": pd.Categorical.from_codes([0, 1, 0][:n], pd.Index(np.array([3, 1], "int8"))),
        "float labels": labels([0.5, 2.0, 0.5]),
        "bool labels": labels([True, False, True]),
        "bool labels with a gap": labels([True, True, None]),
        "ordered": labels(["lo", "hi", "lo"], categories=["lo", "hi"], ordered=True),
        "ordered otherwise": labels(["lo", "hi", "lo"], categories=["hi", "lo"], ordered=True),
        "ordered ints": labels([2, 1, 2], categories=[2, 1], ordered=True),
        "no labels": pd.Categorical.from_codes([-1] * n, []),
        "missing labels": pd.Categorical.from_codes([-1] * n, ["b", "z"]),
        "Int8": pd.array([1, None, 3], dtype="Int8"),
        "UInt32": pd.array([1, None, 3], dtype="UInt32"),
        "Int64": pd.array([1, None, 3], dtype="Int64"),
        "Int64 full": pd.array([1, 2, 3], dtype="Int64"),
        "Int64 missing": pd.array([None] * 3, dtype="Int64"),
        "boolean": pd.array([True, None, False], dtype="boolean"),
        "boolean full": pd.array([True, True, False], dtype="boolean"),
        "boolean missing": pd.array([None] * 3, dtype="boolean"),
        "nullable text": pd.array(["b", None, "c"], dtype="string"),
        "absent": None,
    }
    return {name: None if column is None else column[:n] for name, column in out.items()}


def annotated(columns, names, axis):
    table = pd.DataFrame({name: column for name, column in columns.items() if column is not None}, index=names)
    if axis == "obs":
        return ad.AnnData(X=np.zeros((len(names), 1), "f4"), obs=table, var=pd.DataFrame(index=["g"]))
    return ad.AnnData(X=np.zeros((1, len(names)), "f4"), obs=pd.DataFrame(index=["c"]), var=table)


def table_of(data, axis):
    return data.obs if axis == "obs" else data.var


def wanted(a, b, axis, join):
    """The joined column after writing and reading, or None if anndata cannot."""
    try:
        whole = ad.concat([a, b], axis=axis, join=join)
        whole.strings_to_categoricals()
        with h5py.File("memory", "w", driver="core", backing_store=False) as f:
            ad.io.write_elem(f, "table", table_of(whole, axis))
            return ad.io.read_elem(f["table"])
    except Exception:
        return None


def plain(values):
    """Values as Python objects, with None for what is missing."""
    return [None if pd.isna(v) else v for v in pd.Series(values, dtype=object)] if len(values) else []


def by_order(x, y, rows):
    """Pairs for which pandas lets the order of the inputs decide: a column without values beside labels. Bools and
    floats without any row are objects in pandas, and nothing in ours."""
    if rows == (0, 0) and "bool" in (x, y) and "float" in x + y:
        return True
    void = [k for k, n in zip((x, y), rows) if n == 0 or "missing" in k]
    return bool(void) and any("labels" in k or "ordered" in k for k in (x, y))


def pair(what, x, y, rows, got, want, parts):
    values = sum((plain(p) if p is not None else [None] * n for p, n in zip(parts, rows)), [])
    check(f"{what}: values {plain(got)} for {values}", plain(got) == values)
    if want is None:
        return
    try:
        pd.testing.assert_series_equal(got, want, check_names=False)
        same = True
    except AssertionError as e:
        same = str(e)
    check(f"{what}: {got.dtype} for {want.dtype} {same}", same is True or by_order(x, y, rows))


def pairs(binary, tmp):
    warnings.simplefilter("ignore")
    all_kinds = list(kinds(3))
    for rows, names, axis, join in [((3, 2), all_kinds, "obs", "outer"), ((2, 3), FEW, "var", "outer"), ((3, 2), FEW, "obs", "inner"),
                                    ((3, 0), FEW, "obs", "outer"), ((0, 3), FEW, "obs", "outer"), ((0, 0), FEW, "obs", "outer")]:
        files = [os.path.join(tmp, f"types{i}.h5ad") for i in range(2)]
        out = os.path.join(tmp, "types.h5ad")
        index = [[f"{letter}{i}" for i in range(n)] for letter, n in zip("ab", rows)]

        def stored(columns, number):
            path = os.path.join(tmp, "stored.h5ad")
            annotated(columns, index[number], axis).write_h5ad(path)
            return table_of(ad.read_h5ad(path), axis)

        first, second = ({k: kinds(n)[k] for k in names} for n in rows)
        left, right = stored(first, 0), stored(second, 1)
        annotated(second, index[1], axis).write_h5ad(files[1])
        for x in names:
            annotated({y: first[x] for y in names}, index[0], axis).write_h5ad(files[0])
            args = [binary, "concat", *files, out, "--force", "--axis", axis, "--join", join]
            refused = {}
            while True:
                drop = [f"--drop-column={axis}/{y}" for y in refused]
                r = subprocess.run(args + drop, capture_output=True, text=True)
                if r.returncode == 0:
                    break
                named = [y for y in names if y not in refused and f"/{axis}/{y}: no type holds" in r.stderr]
                check(f"{x} {rows}: exit {r.returncode} {r.stderr}", r.returncode == 4 and len(named) == 1)
                if len(named) != 1:
                    return
                check(f"{x}: the file {r.stderr}", files[1] in r.stderr and "--drop-column" in r.stderr)
                refused[named[0]] = r.stderr
            got = table_of(ad.read_h5ad(out), axis)
            for y in names:
                what = f"{x} + {y} {rows} {axis} {join}"
                column = [None if k == "absent" else t[k] for k, t in ((x, left), (y, right))]
                a, b = (annotated({"c": c}, i, axis) for c, i in zip(column, index))
                want = wanted(a, b, axis, join)
                if y in refused:
                    # anndata takes the labels True and 1 for the same
                    fits = want is None or ("bool labels" in x + y and "int" in x + y)
                    check(f"{what}: refused, where anndata has {want is not None and want['c'].dtype}", fits)
                elif want is not None and "c" not in want:
                    check(f"{what}: absent", y not in got)
                else:
                    check(f"{what}: is there", y in got)
                    if y in got:
                        pair(what, x, y, rows, got[y], want if want is None else want["c"], column)
