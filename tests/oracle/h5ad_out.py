#!/usr/bin/env python3
"""h5ad files that annmap writes, read by anndata: every input upgraded, parts taken, stores exported.

    h5ad_out.py --bin target/release/annmap FOLDER...

Needs anndata, h5py, numpy, pandas and scipy. Every file below the folders that anndata reads is upgraded and must read the
same, without a warning; rows and columns are taken of it and must equal what anndata takes.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings

import anndata as ad
import awkward as ak
import h5py
import hdf5plugin  # noqa: F401  the golden files use its filters
import numpy as np
import pandas as pd
import scipy.sparse as sp

from checks import check, finish


def one_error(stderr, condition):
    """Whether it is one line; two more show the place in a condition."""
    lines = stderr.splitlines()
    return lines[0].startswith("annmap: ") and len(lines) == (3 if condition else 1) and (not condition or lines[2].strip() == "^")


def equal(a, b, what, path=""):
    """The first place where two elements differ; None where they are the same."""
    if isinstance(a, pd.DataFrame) or isinstance(b, pd.DataFrame):
        try:
            pd.testing.assert_frame_equal(a, b, check_column_type=False, check_index_type=False)
            return None
        except AssertionError as e:
            return f"{path}: {str(e)[:300]}"
    if hasattr(a, "items") and hasattr(b, "items"):
        if set(a) != set(b):
            return f"{path}: keys {sorted(set(a) ^ set(b))}"
        for k in a:
            found = equal(a[k], b[k], what, f"{path}/{k}")
            if found:
                return found
        return None
    if sp.issparse(a) or sp.issparse(b):
        if not (sp.issparse(a) and sp.issparse(b) and a.format == b.format and a.shape == b.shape and a.dtype == b.dtype):
            return f"{path}: {type(a)} {getattr(a, 'dtype', '')} {getattr(a, 'shape', '')} and {type(b)} {getattr(b, 'dtype', '')} {getattr(b, 'shape', '')}"
        a, b = a.copy(), b.copy()
        a.sort_indices(), b.sort_indices()
        same = a.data.tobytes() == b.data.tobytes() and np.array_equal(a.indices, b.indices) and np.array_equal(a.indptr, b.indptr)
        return None if same else f"{path}: entries"
    if type(a).__module__.startswith("awkward"):
        return None if a.to_list() == b.to_list() else f"{path}: awkward"
    if a is None or b is None:
        return None if a is b else f"{path}: {a!r} and {b!r}"
    if isinstance(a, (pd.Categorical, pd.api.extensions.ExtensionArray)) or isinstance(b, pd.Categorical):
        return None if pd.Series(a).equals(pd.Series(b)) else f"{path}: {a} and {b}"
    x, y = np.asarray(a), np.asarray(b)
    if x.dtype.kind in "OUST" and y.dtype.kind in "OUST":
        return None if x.shape == y.shape and list(map(str, x.ravel())) == list(map(str, y.ravel())) else f"{path}: {x} and {y}"
    if x.dtype.names:
        if x.dtype.names != y.dtype.names:
            return f"{path}: members {x.dtype.names} and {y.dtype.names}"
        return next(filter(None, (equal(x[n], y[n], what, f"{path}.{n}") for n in x.dtype.names)), None)
    if x.dtype.newbyteorder("=") != y.dtype.newbyteorder("=") or x.shape != y.shape:
        return f"{path}: {x.dtype}{x.shape} and {y.dtype}{y.shape}"
    return None if np.array_equal(x, y.astype(x.dtype), equal_nan=x.dtype.kind in "fc") else f"{path}: values"


def same(got, want, what):
    parts = ["X", "obs", "var", "obsm", "varm", "obsp", "varp", "layers", "uns"]
    for p in parts:
        a, b = getattr(got, p), getattr(want, p)
        if p in ("obsm", "varm", "obsp", "varp", "layers", "uns"):
            a, b = dict(a), dict(b)
        found = equal(a, b, what, p)
        check(f"{what}: {found}", found is None)
    check(f"{what}: raw", (got.raw is None) == (want.raw is None) or not want.n_obs)
    if got.raw is not None and want.raw is not None:
        for p in ("X", "var"):
            found = equal(getattr(got.raw, p), getattr(want.raw, p), what, f"raw/{p}")
            check(f"{what}: {found}", found is None)


def strict(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*(not unique|copies|zarr|Transforming|Awkward).*")
        return ad.read_h5ad(path)


def run(binary, *args):
    return subprocess.run([binary, *map(str, args)], capture_output=True, text=True)


def files(folders, ending=".h5ad"):
    for folder in folders:
        for root, _, names in os.walk(folder):
            for n in sorted(names):
                if n.endswith(ending):
                    yield os.path.join(root, n)


def one(binary, path, tmp, rng):
    name = os.path.basename(path)
    out = os.path.join(tmp, "out.h5ad")
    if run(binary, "doctor", "-q", path).returncode == 3:
        print(f"{name} contradicts itself")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            want = ad.read_h5ad(path)
        except Exception as e:  # whatever anndata does not read is no oracle
            print(f"anndata does not read {name}: {str(e).splitlines()[0][:100]}")
            return
    r = run(binary, "upgrade", path, out, "--force")
    check(f"upgrade {name}: exit {r.returncode} {r.stderr}", r.returncode == 0)
    if r.returncode:
        return
    try:
        got = strict(out)
    except Exception as e:
        check(f"upgrade {name}: anndata says {type(e).__name__} {str(e)[:300]}", False)
        return
    same(got, want, f"upgrade {name}")
    repacked(binary, out, tmp, name)
    r = run(binary, "doctor", "-q", out)
    check(f"doctor {name}: {r.stdout}", r.returncode == 0)
    first = open(out, "rb").read()
    run(binary, "upgrade", path, out, "--force", "--threads", "1")
    check(f"upgrade {name}: the same bytes with one thread", open(out, "rb").read() == first)
    crcs = run(binary, "ls", "--crc", out).stdout
    r = run(binary, "upgrade", path, out, "--force", "--libver", "latest")
    check(f"upgrade {name} to the latest format: exit {r.returncode} {r.stderr}", r.returncode == 0)
    same(strict(out), want, f"upgrade {name} to the latest format")
    repacked(binary, out, tmp, f"{name}, latest")
    copy = os.path.join(tmp, "copy.h5ad")
    with h5py.File(out) as f, h5py.File(copy, "w") as g:
        for key in f:
            f.copy(key, g)
        g.attrs.update(f.attrs)
    same(strict(copy), want, f"upgrade {name}, copied object by object")
    values = lambda text: sorted(line.split("  chunks")[0] for line in text.splitlines() if "  crc" in line)
    check(f"upgrade {name}: the same checksums of values", values(crcs) == values(run(binary, "ls", "--crc", out).stdout))
    if want.n_obs < 2 or want.n_vars < 2 or not want.obs_names.is_unique or not want.var_names.is_unique:
        return
    for how in ("rows", "names"):
        rows = np.sort(rng.choice(want.n_obs, max(1, want.n_obs // 2), replace=False))
        columns = np.sort(rng.choice(want.n_vars, max(1, want.n_vars // 2), replace=False))
        if how == "names":
            rng.shuffle(rows)
            rng.shuffle(columns)
            lists = []
            for kind, names in (("obs", want.obs_names[rows]), ("var", want.var_names[columns])):
                lists += [f"--{kind}-names", os.path.join(tmp, kind)]
                open(lists[-1], "w").write("\n".join(names) + "\n")
            r = run(binary, "subset", path, out, "--force", *lists)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                part = want[want.obs_names[rows], want.var_names[columns]].copy()
        else:
            first, last = int(rows[0]), int(rows[-1])
            r = run(binary, "subset", path, out, "--force", "--rows", f"{first}:{last + 1}")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                part = want[first : last + 1].copy()
        check(f"subset {how} {name}: exit {r.returncode} {r.stderr}", r.returncode == 0)
        if r.returncode == 0 and "left out" not in r.stderr:
            same(strict(out), part, f"subset {how} {name}")


def conditions(binary, tmp, rng):
    n, m = 400, 60
    obs = pd.DataFrame(index=[f"c{i}" for i in range(n)])
    obs["kind"] = pd.Categorical(rng.choice(["T cell", "B cell", "NK"], n))
    obs["stage"] = pd.Categorical(rng.choice(["early", "mid", "late"], n), categories=["early", "mid", "late"], ordered=True)
    obs["score"] = rng.random(n).astype("float32")
    obs["count"] = pd.array([None if i % 7 == 0 else i for i in range(n)], dtype="Int32")
    obs["good"] = rng.random(n) > 0.5
    var = pd.DataFrame({"length": rng.integers(100, 200, m)}, index=[f"g{i}" for i in range(m)])
    a = ad.AnnData(X=sp.random(n, m, 0.3, "csr", dtype="float32", random_state=3), obs=obs, var=var)
    a.layers["dense"] = rng.integers(0, 9, (n, m)).astype("int16")
    a.layers["columns"] = sp.csc_matrix(a.X)
    a.obsm["pca"] = rng.random((n, 5))
    a.obsm["frame"] = pd.DataFrame({"x": rng.random(n)}, index=obs.index)
    a.varm["loadings"] = rng.random((m, 3))
    a.obsp["graph"] = sp.random(n, n, 0.05, "csr", random_state=4)
    a.varp["links"] = rng.random((m, m))
    a.obsm["lists"] = ak.Array([[{"x": i, "t": "ab"[: i % 3]}] * (i % 4) for i in range(n)])
    a.obsm["options"] = ak.Array([None if i % 5 == 0 else [i, i + 0.5] for i in range(n)])
    a.uns["kind_colors"] = ["#1", "#2", "#3"]
    a.uns["nested"] = {"a": 1, "b": {"c": [1.5, 2.5], "d": "text"}}
    a.raw = a
    src, out = os.path.join(tmp, "conditions.h5ad"), os.path.join(tmp, "part.h5ad")
    a.write_h5ad(src, compression="gzip")
    whole = ad.read_h5ad(src)
    o = whole.obs
    for text, mask in (
        ("kind == 'T cell' and score > 0.5", (o.kind == "T cell") & (o.score > 0.5)),
        ("kind in ['B cell', 'NK'] or not good", o.kind.isin(["B cell", "NK"]) | ~o.good),
        ("stage >= 'mid'", o.stage >= "mid"),
        ("count == missing", o["count"].isna()),
        ("count > 100 and count <= 200", (o["count"] > 100).fillna(False) & (o["count"] <= 200).fillna(False)),
        ("index == 'c17'", o.index == "c17"),
        ("score > 2", o.score > 2),
        ("kind startswith 'T' | kind contains 'cell' & !good", o.kind.str.startswith("T") | (o.kind.str.contains("cell") & ~o.good)),
        ("index matches '^c1[0-4]$'", o.index.str.contains("^c1[0-4]$")),
        ("0.2 < score <= 0.5", (o.score > 0.2) & (o.score <= 0.5)),
        ("count is not missing AND kind not in ('NK', 'B cell')", o["count"].notna() & ~o.kind.isin(["NK", "B cell"])),
    ):
        for memory in ("16M", "1G"):
            r = run(binary, "subset", src, out, "--force", "--obs", text, "--var", "length < 150", "--memory", memory)
            check(f"{text}: exit {r.returncode} {r.stderr}", r.returncode == 0)
            same(strict(out), whole[np.asarray(mask, bool), (whole.var.length < 150).to_numpy()].copy(), text)
    for rows, columns in ((slice(None), [0, 2]), ([0, 1], slice(None)), ([5], [1])):
        args = [f"--{axis}={','.join(map(str, chosen))}" for axis, chosen in (("rows", rows), ("cols", columns)) if chosen != slice(None)]
        r = run(binary, "subset", src, out, "--force", *args)
        check(f"{args}: exit {r.returncode} {r.stderr}", r.returncode == 0)
        same(strict(out), whole[rows, columns].copy(), f"unused categories of {args}")
    folder = os.path.join(tmp, "split")
    r = run(binary, "subset", src, folder, "--split-by", "kind")
    check(f"split: exit {r.returncode} {r.stderr}", r.returncode == 0 and len(os.listdir(folder)) == 3)
    for kind in ("T cell", "B cell", "NK"):
        same(strict(os.path.join(folder, f"{kind}.h5ad")), whole[whole.obs.kind == kind].copy(), f"split {kind}")
    r = run(binary, "subset", src, out, "--force", "--sample", "50", "--seed", "3")
    check("sample", r.returncode == 0 and strict(out).n_obs == 50)
    for bad, code in ((["--obs", "nope == 1"], 2), (["--obs", "score >"], 2), (["--obs-names", "c1,zzz"], 2), (["--rows", "x"], 2), (["--sample", "9999"], 2)):
        r = run(binary, "subset", src, os.path.join(tmp, "never.h5ad"), *bad)
        check(f"{bad}: exit {r.returncode}", r.returncode == code and one_error(r.stderr, bad[0] == "--obs") and not os.path.exists(os.path.join(tmp, "never.h5ad")))
    r = run(binary, "synth", src, "--force", "--everything", "--cells", "40", "--genes", "30", "--obs-columns", "categorical,ordered,int,float,bool,string,nullable-int,nullable-bool,batch")
    check(f"synth --everything: {r.stderr}", r.returncode == 0)
    every = strict(src)
    check("synth --everything: all elements", len(every.layers) == 3 and len(every.obsm) == 5 and every.raw is not None and "graph" in every.obsp and len(every.uns) > 18)
    check("synth --everything: uns", every.uns["text"] == "größe" and every.uns["nothing"] is None and every.uns["records"]["rank"].tolist() == [1, 2] and every.obsm["lists"].to_list()[0] == every.obsm["lists"][0].to_list())
    for libver in ("earliest", "latest"):
        r = run(binary, "upgrade", src, out, "--force", "--libver", libver)
        check(f"upgrade of everything: {r.stderr}", r.returncode == 0 and not r.stderr)
        same(strict(out), every, f"upgrade of everything, {libver}")
    a.write_h5ad(src, compression="gzip")
    store = os.path.join(tmp, "store")
    run(binary, "convert", src, store)
    for how in ("none", "gzip:1", "lzf"):
        r = run(binary, "export", store, out, "--force", "--compression", how)
        check(f"export {how}: exit {r.returncode} {r.stderr}", r.returncode == 0)
        got = strict(out)
        for p in ("X", "obs", "var"):
            found = equal(getattr(got, p), getattr(whole, p), "export", p)
            check(f"export {how}: {found}", found is None)
    for level in ("--compression=gzip:9", "--compression=lzf", "--compression=none"):
        r = run(binary, "upgrade", src, out, "--force", level, "--shuffle", "--chunk", "777")
        check(f"upgrade {level}: {r.stderr}", r.returncode == 0)
        same(strict(out), whole, f"upgrade {level}")
        with h5py.File(out) as f:
            check(f"{level} is what was asked for", (f["X/data"].compression or "none") in level and f["X/data"].chunks == (777,))


def repacked(binary, path, tmp, what):
    """What h5repack makes of a file has the same values; libhdf5 counts the same attributes that it finds."""
    with h5py.File(path) as f:
        counts = []
        f.visititems(lambda name, o: counts.append((name, len(o.attrs), h5py.h5o.get_info(o.id).num_attrs)))
    check(f"{what}: attributes {[c for c in counts if c[1] != c[2]]}", all(c[1] == c[2] for c in counts))
    out = os.path.join(tmp, "repacked.h5ad")
    with h5py.File(path) as f:
        lzf = []
        f.visititems(lambda name, o: lzf.append(name) if getattr(o, "compression", None) == "lzf" else None)
    if lzf or not shutil.which("h5repack"):  # the tool ends in a fault where it lacks a filter
        return
    r = subprocess.run(["h5repack", path, out], capture_output=True, text=True)
    check(f"{what}: h5repack exit {r.returncode} {r.stderr[:200]}", r.returncode == 0)
    values = lambda p: sorted((l.split("  ")[0], l.split("  crc ")[-1]) for l in run(binary, "ls", "--crc", p).stdout.splitlines() if "  crc " in l)
    check(f"{what}: repacked, the same values", values(path) == values(out))


def latest(binary, tmp):
    """Files of the latest format, and attributes beyond 64 KiB: libhdf5 reads them, and goes on writing in them."""
    out, plain = os.path.join(tmp, "latest.h5ad"), os.path.join(tmp, "plain.h5ad")
    n = 30
    wide = pd.DataFrame({f"a rather long name of column {i}": np.arange(n, dtype="int8") for i in range(5200)}, index=[f"c{i}" for i in range(n)])
    a = ad.AnnData(X=sp.random(n, 7, 0.3, "csr", dtype="float32"), obs=wide)
    a.write_h5ad(plain)
    for libver in ("earliest", "latest"):
        r = run(binary, "upgrade", plain, out, "--force", "--libver", libver)
        check(f"wide table, {libver}: {r.stderr}", r.returncode == 0)
        same(strict(out), ad.read_h5ad(plain), f"wide table, {libver}")
        with h5py.File(out, "r+") as f:
            f["obs"].attrs["more"] = "text"
            f["obs"]["another"] = np.arange(3)
            del f["uns"]
        with h5py.File(out) as f:
            check(f"wide table changed, {libver}", f["obs"].attrs["more"] == "text" and len(f["obs"].attrs["column-order"]) == 5200 and list(f["obs/another"]) == [0, 1, 2])
        r = run(binary, "ls", "--crc", out)
        check(f"wide table changed and read, {libver}: {r.stderr}", r.returncode == 0)
    # from one chunk over all blocks of the index to pages of it
    for cells, chunk in ((1, 100000), (2, 1), (3, 1), (30, 1), (300, 1), (4000, 2), (15000, 2)):
        for packing in ("none", "gzip:1"):
            common = ["--force", "-q", "--cells", cells, "--genes", 200, "--mean-genes", 20]
            run(binary, "synth", out, *common, "--chunk", chunk, "--compression", packing, "--libver", "latest")
            run(binary, "synth", plain, *common)
            with h5py.File(out) as f, h5py.File(plain) as g:
                whole = g["X/data"][:]
                check(f"{cells} cells {packing}", all(np.array_equal(f["X"][k][:], g["X"][k][:]) for k in ("data", "indices", "indptr")))
            with h5py.File(out, "r+") as f:
                f["X/data"].resize((len(whole) + 7,))
                f["X/data"][-7:] = 9
            with h5py.File(out) as f:
                check(f"{cells} cells {packing}, made longer", np.array_equal(f["X/data"][:], np.append(whole, np.full(7, 9, whole.dtype))))
            r = run(binary, "ls", "--crc", out)
            check(f"{cells} cells {packing}, made longer and read: {r.stderr}", r.returncode == 0)


def golden_subsets(binary, tmp, golden):
    """The selections of subset_cases.json, as arguments and as anndata takes them."""
    path, out = os.path.join(golden, "concat", "b.h5ad"), os.path.join(tmp, "part.h5ad")
    whole = ad.read_h5ad(path)
    cases = {
        "[0]": (["--rows", "0"], lambda: whole[0]),
        "[-1,:]": (["--rows=-1"], lambda: whole[-1, :]),
        "[0:1,1:]": (["--rows", "0:1", "--var-names", "var2,var3"], lambda: whole[0:1, 1:]),
        "[[1,0]]": (["--rows", "1,0"], lambda: whole[[1, 0]]),
        "[[0,0]]": (["--rows", "0,0"], lambda: whole[[0, 0]]),
        "['s4',['var3','var1']]": (["--obs-names", "s4", "--var-names", "var3,var1"], lambda: whole["s4", ["var3", "var1"]]),
        "['s3':'s4']": (["--obs-names", "s3,s4"], lambda: whole["s3":"s4"]),
        "mask": (["--obs", "group == 'b'"], lambda: whole[whole.obs.group == "b"]),
        "bad mask": (["--obs", "nope"], None),
        "unknown": (["--obs-names", "nope"], None),
        "float idx": (["--rows", "0.5"], None),
        "[[]]": (["--rows="], lambda: whole[[]]),
        "[5:9]": (["--rows", "5:9"], lambda: whole[5:9]),
        "[[7]]": (["--rows", "7"], None),
        "[::-1]": (["--rows", "::-1"], lambda: whole[::-1]),
    }
    wanted = json.load(open(os.path.join(golden, "subset_cases.json")))
    check(f"cases {set(wanted) ^ set(cases)}", set(wanted) == set(cases))
    for name, (args, take) in cases.items():
        r = run(binary, "subset", path, out, "--force", *args)
        if take is None:
            check(f"{name}: exit {r.returncode} {r.stderr}", r.returncode == 2 and one_error(r.stderr, args[0] == "--obs"))
            check(f"{name}: the original raises", isinstance(wanted[name], str))
            continue
        check(f"{name}: exit {r.returncode} {r.stderr}", r.returncode == 0)
        got = strict(out)
        same(got, take().copy(), f"golden subset {name}")
        x = np.array(wanted[name]["X"]["dense"], dtype="float32").reshape(wanted[name]["shape"])
        check(f"{name}: X as recorded", np.array_equal(got.X.toarray(), x) and list(got.obs_names) == wanted[name]["obs"]["index"])


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", required=True)
    ap.add_argument("--golden")
    ap.add_argument("folders", nargs="*")
    a = ap.parse_args()
    rng = np.random.default_rng(5)
    with tempfile.TemporaryDirectory() as tmp:
        if a.golden:
            golden_subsets(os.path.abspath(a.bin), tmp, a.golden)
        latest(os.path.abspath(a.bin), tmp)
        conditions(os.path.abspath(a.bin), tmp, rng)
        for path in files(a.folders):
            one(os.path.abspath(a.bin), path, tmp, rng)
    finish()


if __name__ == "__main__":
    sys.exit(main())
