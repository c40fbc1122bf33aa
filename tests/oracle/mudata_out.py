#!/usr/bin/env python3
"""MuData that annmap writes, as h5mu and as zarr, read by mudata: upgraded, in parts, put together.

    mudata_out.py --bin target/release/annmap [--rounds N] [--seed N] [FOLDER...]

Needs mudata, anndata, h5py, numpy, pandas and scipy. MuData of two or three modalities is made at random: cells that some
lack, in any order, every kind of element, each of the three axes. Files below the folders are upgraded, and parts of them
taken, too.
"""
import argparse
import os
import subprocess
import tempfile
import warnings

import anndata as ad
import h5py
import mudata as md
import numpy as np
import pandas as pd
import scipy.sparse as sp

from checks import check, finish
from h5ad_out import equal, files, same

NAMES = ["rna", "atac", "prot"]


def run(binary, *args):
    return subprocess.run([binary, *map(str, args)], capture_output=True, text=True)


def matrix(rng, shape, kind):
    dense = np.where(rng.random(shape) < 0.4, rng.integers(1, 9, shape), 0)
    if kind == "csr":
        return sp.csr_matrix(dense.astype(np.float32))
    if kind == "csc":
        return sp.csc_matrix(dense.astype(np.int64))
    return dense.astype(np.float64)


def table(rng, names, mixed=True):
    """Without `mixed`, only columns that pandas joins with missing ones to something that can be written."""
    n = len(names)
    columns = {
        "group": pd.Categorical(rng.choice(["a", "b", "c10", "c9"], n), categories=["b", "a", "c9", "c10", "unused"]),
        "rank": pd.Categorical(rng.choice(["low", "high"], n), categories=["low", "high"], ordered=True),
        "count": rng.integers(0, 100, n),
        "score": rng.normal(size=n),
        "flag": rng.random(n) < 0.5,
        "text": [f"t{i}" for i in rng.permutation(n)],
        "maybe": pd.array(np.where(rng.random(n) < 0.3, pd.NA, rng.integers(0, 5, n)), dtype="Int64"),
    }
    chosen = [c for c in columns if rng.random() < 0.7 and (mixed or c != "flag")]
    return pd.DataFrame({c: columns[c] for c in chosen}, index=list(names))


def annotated(rng, data, graphs=True):
    """Fills obsm, varm, obsp, varp and uns of an AnnData or MuData."""
    for axis, (many, pairs, names) in enumerate([(data.obsm, data.obsp, data.obs_names), (data.varm, data.varp, data.var_names)]):
        n = len(names)
        many["emb"] = rng.normal(size=(n, 3))
        many["sparse"] = matrix(rng, (n, 4), "csr")
        if names.is_unique:
            many["frame"] = pd.DataFrame({"k": pd.Categorical(rng.choice(["u", "v", "w"], n)), "x": rng.normal(size=n)}, index=names)
        if graphs:
            pairs["graph"] = matrix(rng, (n, n), "csr")
            if axis == 0:
                pairs["dense"] = matrix(rng, (n, n), "dense")
    data.uns["nested"] = {"number": 3, "text": "yes", "list": np.array(["a", "b"]), "deep": {"x": np.arange(4)}}
    data.uns["m"] = matrix(rng, (3, 4), "csc")
    if "group" in data.obs:
        data.uns["group_colors"] = [f"#{i:06x}" for i in range(len(data.obs["group"].cat.categories))]


def modality(rng, obs, var, alone):
    shape = (len(obs), len(var))
    x = None if alone and rng.random() < 0.1 else matrix(rng, shape, rng.choice(["csr", "csc", "dense"]))
    obs_table, var_table = table(rng, obs, alone), table(rng, var, alone)
    a = ad.AnnData(x, obs=obs_table, var=var_table, shape=None if x is not None else shape)
    a.layers["counts"] = matrix(rng, shape, rng.choice(["csr", "csc", "dense"]))
    annotated(rng, a)
    if rng.random() < 0.4 and x is not None:
        wide = ad.AnnData(matrix(rng, (len(obs), len(var) + 2), "csr"), obs=a.obs[[]], var=table(rng, [*var, "r1", "r2"], alone))
        a.raw = wide
    return a


def made(rng, axis, names=NAMES, prefix="", alone=True):
    """A MuData, or one of several that have names of the other axis in common."""
    count = int(rng.integers(2, 4))
    names = [str(n) for n in rng.permutation(names[:count] if alone else names)]
    shared = [f"{prefix}c{i}" for i in range(int(rng.integers(6, 30)))]
    mods = {}
    for name in names:
        def some(pool):
            return list(rng.permutation(pool)[: int(rng.integers(max(1, len(pool) // 2), len(pool) + 1))])
        if axis == -1:
            obs, var = some(shared), some([f"g{i}" for i in range(9)])
        else:
            along = some(shared)
            own = [f"{name}-{i}" for i in range(int(rng.integers(3, 9)))]
            across = own if alone else some([f"{name}-{i}" for i in range(8)])
            obs, var = (along, across) if axis == 0 else (across, along)
        mods[name] = modality(rng, obs, var, alone)
    m = md.MuData(mods, axis=axis)
    for attr in ("obs", "var"):
        frame = getattr(m, attr)
        more = table(rng, frame.index, alone)
        for column in more:
            frame[f"common {column}" if rng.random() < 0.5 else column] = more[column]
    annotated(rng, m)
    return m


def same_mudata(got, want, what):
    check(f"{what}: axis {got.axis} and {want.axis}", got.axis == want.axis)
    check(f"{what}: modalities {list(got.mod)} and {list(want.mod)}", list(got.mod) == list(want.mod))
    for name in want.mod:
        if name in got.mod:
            same(got.mod[name], want.mod[name], f"{what} mod/{name}")
    for part in ["obs", "var", "obsm", "varm", "obsp", "varp", "uns", "obsmap", "varmap"]:
        a, b = getattr(got, part), getattr(want, part)
        if part not in ("obs", "var"):
            a, b = dict(a), dict(b)
        found = equal(a, b, what, part)
        check(f"{what}: {found}", found is None)


def read(path):
    """As mudata reads it, without a warning of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*(not unique|copies|zarr|pull|Transforming|swapaxes|use_for_mutating).*")
        return md.read(path)


def written(m, path):
    m.write(path)
    return md.read(path)


def older(path, rng):
    """What earlier versions, and other programs, left out or wrote otherwise."""
    with h5py.File(path, "r+") as f:
        kind = rng.integers(4)
        if kind == 0:
            del f["obsmap"], f["varmap"]
        if kind == 1:
            for name in ("obsmap", "varmap"):
                for key in list(f[name]):
                    values = f[name][key][:]
                    del f[name][key]
                    f[name].create_dataset(key, data=values[:, None].astype(np.int64))
        if kind == 2:
            del f["mod"].attrs["mod-order"]


def crcs(binary, path):
    return run(binary, "ls", "--crc", "--json", path).stdout


def as_zarr(binary, command, out, expected, tmp, what):
    """The same command with zarr as its output."""
    store = os.path.join(tmp, "out.zarr")
    version = "2" if len(what) % 2 else "3"
    r = run(binary, *[store if a == out else a for a in command], "--zarr-format", version)
    check(f"{what} zarr: exit {r.returncode} {r.stderr}", r.returncode == 0)
    if r.returncode:
        return
    try:
        got = md.read_zarr(store)
    except Exception as e:
        check(f"{what} zarr: mudata says {type(e).__name__} {str(e)[:200]}", False)
        return
    # mudata reads neither `raw` nor the axis from zarr
    for data in (expected, got):
        for one in data.mod.values():
            one.raw = None
    if expected.axis == 0:
        same_mudata(got, expected, f"{what} zarr")
    r = run(binary, "verify", "--all", out, store)
    check(f"{what} zarr: {r.stdout} {r.stderr}", r.returncode == 0)
    back = os.path.join(tmp, "back.h5mu")
    r = run(binary, "upgrade", store, back, "--force")
    check(f"{what} zarr and back: exit {r.returncode} {r.stderr}", r.returncode == 0)
    r = run(binary, "verify", "--all", out, back)
    check(f"{what} zarr and back: {r.stdout} {r.stderr}", r.returncode == 0)


def upgraded(binary, path, tmp, what):
    out, again = os.path.join(tmp, "out.h5mu"), os.path.join(tmp, "again.h5mu")
    r = run(binary, "upgrade", path, out, "--force")
    check(f"{what} upgrade: exit {r.returncode} {r.stderr}", r.returncode == 0 and not r.stderr)
    if r.returncode:
        return
    with open(out, "rb") as f:
        head = f.read(520)
    check(f"{what} upgrade: user block", head.startswith(b"MuData (format-version=0.1.0;creator=") and head[512:516] == b"\x89HDF")
    same_mudata(read(out), md.read(path), f"{what} upgrade")
    as_zarr(binary, ["upgrade", path, out, "--force"], out, md.read(path), tmp, f"{what} upgrade")
    md.set_options(pull_on_update=None)
    try:
        want = md.read(path)
    except KeyError:  # it cannot reorder a data frame in obsm
        want = None
    if want is not None:
        same_mudata(read(out), want, f"{what} upgrade, with columns pulled")
    md.set_options(pull_on_update=False)
    run(binary, "upgrade", out, again, "--force", "--threads", "1", "--memory", "64M")
    check(f"{what}: an upgrade of an upgrade is the same", open(out, "rb").read() == open(again, "rb").read())
    run(binary, "upgrade", out, again, "--force", "--libver", "latest", "--compression", "gzip")
    check(f"{what}: values with other structures", crcs(binary, out) == crcs(binary, again))
    same_mudata(read(again), md.read(path), f"{what} upgrade, latest")
    for p in (out, again):
        r = run("h5repack", p, os.path.join(tmp, "repacked.h5"))
        check(f"{what}: h5repack {r.stderr}", r.returncode == 0)
        r = run(binary, "doctor", "-q", p)
        check(f"{what}: doctor {r.stdout}", r.returncode == 0)


def parts(binary, path, tmp, rng, what):
    out, want = os.path.join(tmp, "part.h5mu"), os.path.join(tmp, "want.h5mu")
    m = md.read(path)
    rows = [int(i) for i in rng.permutation(m.n_obs)[: int(rng.integers(1, m.n_obs + 1))]]
    columns = [int(i) for i in rng.permutation(m.n_vars)[: int(rng.integers(1, m.n_vars + 1))]]
    ordered = sorted(rows)
    every = ",".join
    cases = [
        (["--rows", every(map(str, ordered))], (ordered, slice(None))),
        (["--rows", every(map(str, rows))], (rows, slice(None))),
        (["--cols", every(map(str, columns))], (slice(None), columns)),
        (["--rows", every(map(str, rows)), "--cols", every(map(str, columns))], (rows, columns)),
        (["--obs-names", every(m.obs_names[rows]) + ","], (rows, slice(None))),
        (["--rows", ":"], (slice(None), slice(None))),
    ]
    if "score" in m.obs:
        cases.append((["--obs", "score > 0"], (np.flatnonzero(m.obs["score"] > 0), slice(None))))
    for args, index in cases:
        r = run(binary, "subset", path, out, "--force", *args)
        check(f"{what} {args}: exit {r.returncode} {r.stderr}", r.returncode == 0)
        if r.returncode == 0:
            expected = written(m[index].copy(), want)
            same_mudata(read(out), expected, f"{what} {args}")
            r = run(binary, "doctor", "-q", out)
            check(f"{what}: doctor {r.stdout}", r.returncode == 0)
            if "--cols" in args:
                as_zarr(binary, ["subset", path, out, "--force", *args], out, written(expected, want), tmp, f"{what} {args}")


def joined(binary, tmp, rng, axis, what):
    names = NAMES[: int(rng.integers(2, 4))]
    count = int(rng.integers(2, 4))
    paths = []
    for i in range(count):
        own = names if rng.random() < 0.8 else names[: max(1, len(names) - 1)]
        m = made(rng, axis, own, f"{i}", alone=False)
        path = os.path.join(tmp, f"in{i}.h5mu")
        m.write(path)
        paths.append(path)
    for args in [
        {},
        {"join": "outer", "merge": "same"},
        {"merge": "unique", "uns_merge": "unique", "pairwise": True},
        {"join": "outer", "label": "batch", "keys": list("abc")[:count], "index_unique": "-", "uns_merge": "first", "merge": "first"},
        {"merge": "only", "uns_merge": "only", "index_unique": "_"},
    ]:
        out, want = os.path.join(tmp, "joined.h5mu"), os.path.join(tmp, "want.h5mu")
        more = ["--axis", "obs" if axis == 0 else "var"]
        for key, value in args.items():
            more += ["--" + key.replace("_", "-")] if value is True else [f"--{key.replace('_', '-')}={','.join(value) if key == 'keys' else value}"]
        r = run(binary, "concat", *paths, out, "--force", *more)
        inputs = [md.read(p) for p in paths]
        try:
            expected = md.concat(inputs, **args)
            for data in (expected, *expected.mod.values()):
                for mapping in (data.obsp, data.varp):
                    for value in mapping.values():
                        if sp.issparse(value):
                            value.eliminate_zeros()
            expected = written(expected, want)
        except Exception as e:
            check(f"{what} {args}: mudata says {type(e).__name__} {str(e)[:200]}, exit {r.returncode} {r.stderr}", r.returncode in (0, 2, 4))
            continue
        check(f"{what} {args}: exit {r.returncode} {r.stderr}", r.returncode == 0)
        if r.returncode == 0:
            same_mudata(read(out), expected, f"{what} {args}")
            r = run(binary, "doctor", "-q", out)
            check(f"{what}: doctor {r.stdout}", r.returncode == 0)
            command = ["concat", *paths, out, "--force", *more]
            as_zarr(binary, command, out, written(expected, want), tmp, f"{what} {args}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("folders", nargs="*")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    md.set_options(pull_on_update=False)
    ad.settings.allow_write_nullable_strings = True
    with tempfile.TemporaryDirectory() as tmp:
        for n in range(args.rounds):
            rng = np.random.default_rng(args.seed + n)
            for axis in (0, 1, -1):
                what = f"round {n} axis {axis}"
                path = os.path.join(tmp, "in.h5mu")
                made(rng, axis).write(path)
                older(path, rng)
                upgraded(args.bin, path, tmp, what)
                parts(args.bin, path, tmp, rng, what)
                if axis != -1:
                    joined(args.bin, tmp, rng, axis, f"{what} concat")
        for path in files(args.folders, ".h5mu"):
            name = os.path.basename(path)
            upgraded(args.bin, path, tmp, name)
            parts(args.bin, path, tmp, np.random.default_rng(args.seed), name)
    finish()


if __name__ == "__main__":
    main()
