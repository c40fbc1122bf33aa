#!/usr/bin/env python3
"""Zarr stores that annmap writes, read by anndata: every input in both versions, in folders and zip files, with every
compression, in shards and not; and back to h5ad.

    zarr_out.py --bin target/release/annmap FOLDER...   [--some N]

Every h5ad below the folders that anndata reads is written as zarr and must read as the h5ad that annmap makes of it, which
h5ad_out.py holds against anndata; back as h5ad, `verify --all` finds no difference. Parts of files and joined files are written
both ways and compared. With --some, each file has N of the variants, chosen by its name, instead of all.
"""
import argparse
import os
import shutil
import tempfile
import warnings
import zlib

import anndata as ad
import hdf5plugin  # noqa: F401
import pandas as pd
import zarr

from checks import check, finish
from h5ad_out import files, run, same

VARIANTS = [
    (".zarr", ["--compression", "gzip:1"]),
    (".zarr", ["--compression", "gzip:1", "--shard", "none", "--chunk", "100"]),
    (".zarr", ["--compression", "gzip", "--shard", "1K", "--chunk", "37"]),
    (".zarr", ["--compression", "zstd", "--chunk", "50"]),
    (".zarr", ["--compression", "blosc-lz4", "--chunk", "64", "--shard", "2K"]),
    (".zarr", ["--compression", "blosc-zlib:3"]),
    (".zarr", ["--compression", "none", "--chunk", "1000"]),
    (".zarr", ["--zarr-format", "2", "--compression", "gzip", "--chunk", "64"]),
    (".zarr", ["--zarr-format", "2", "--compression", "gzip:6", "--shuffle"]),
    (".zarr", ["--zarr-format", "2", "--compression", "blosc-lz4", "--chunk", "100"]),
    (".zarr", ["--zarr-format", "2", "--compression", "zstd"]),
    (".zarr", ["--zarr-format", "2", "--compression", "none"]),
    (".zarr.zip", ["--compression", "gzip:1", "--shard", "4K", "--chunk", "100"]),
    (".zarr.zip", ["--compression", "blosc-lz4", "--shard", "none"]),
    (".zarr.zip", ["--zarr-format", "2", "--compression", "zstd", "--chunk", "77"]),
    (".zarr", []),
]


def texts(frame):
    """With pandas 3, anndata reads text of any zarr store as objects, and of h5ad as text: here it is text in both."""
    if int(pd.__version__.split(".")[0]) > 2:
        for column in frame.columns[frame.dtypes == object]:
            frame[column] = frame[column].astype("str")


def read(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if path.endswith(".zip"):
            store = zarr.storage.ZipStore(path, mode="r")
            try:
                got = ad.read_zarr(store)
            finally:
                store.close()
        else:
            got = ad.read_zarr(path)
        raw = [] if got.raw is None else [got.raw.var]
        for frame in (got.obs, got.var, *raw, *got.obsm.values(), *got.varm.values()):
            if isinstance(frame, pd.DataFrame):
                texts(frame)
        return got


def everything(path):
    """Names and bytes of all files of a store."""
    if os.path.isfile(path):
        return open(path, "rb").read()
    out = {}
    for folder, _, names in os.walk(path):
        for name in names:
            full = os.path.join(folder, name)
            out[os.path.relpath(full, path)] = open(full, "rb").read()
    return out


def variant(binary, source, want, tmp, name, ending, options):
    what = f"{name} {ending} {' '.join(options)}"
    out, back = os.path.join(tmp, "out" + ending), os.path.join(tmp, "back.h5ad")
    r = run(binary, "upgrade", source, out, "--force", *options)
    check(f"{what}: exit {r.returncode} {r.stderr}", r.returncode == 0)
    if r.returncode:
        return
    first = everything(out)
    r = run(binary, "upgrade", source, out, "--force", "--threads", "1", "--memory", "64M", *options)
    check(f"{what}: the same bytes with one thread {r.stderr}", r.returncode == 0 and everything(out) == first)
    try:
        got = read(out)
    except Exception as e:
        check(f"{what}: anndata says {type(e).__name__} {str(e)[:300]}", False)
        return
    same(got, want, what)
    r = run(binary, "upgrade", out, back, "--force")
    check(f"{what}: back: exit {r.returncode} {r.stderr}", r.returncode == 0)
    for other in (out, back):
        r = run(binary, "verify", "--all", source, other)
        check(f"{what}: {os.path.basename(other)}: {r.stdout} {r.stderr}", r.returncode == 0)
    r, of_source = run(binary, "doctor", "-q", out), run(binary, "doctor", "-q", source)
    check(f"{what}: doctor: {r.stdout} {r.stderr}", r.returncode == of_source.returncode)


def parts(binary, source, tmp, name):
    """Every second row and the first columns, as zarr and as h5ad; and two files joined."""
    for command in (
        ["subset", source, "OUT", "--rows", "::2", "--cols", ":7"],
        ["concat", source, source, "OUT", "--join", "outer", "--label", "from"],
    ):
        made = []
        for ending in (".h5ad", ".zarr"):
            out = os.path.join(tmp, "part" + ending)
            r = run(binary, *[out if a == "OUT" else a for a in command], "--force")
            refused = not made and r.returncode == 2 and "expected unique names" in r.stderr
            check(f"{name}: {command[0]} {ending}: exit {r.returncode} {r.stderr}", r.returncode == 0 or refused)
            if r.returncode:
                return
            made.append(out)
        r = run(binary, "verify", "--all", *made)
        check(f"{name}: {command[0]}: {r.stdout} {r.stderr}", r.returncode == 0)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--bin", required=True)
    p.add_argument("--some", type=int)
    p.add_argument("--version-2", action="store_true", help="what zarr-python 2 reads")
    p.add_argument("folders", nargs="+")
    args = p.parse_args()
    variants = [v for v in VARIANTS if "--zarr-format" in v[1]] if args.version_2 else VARIANTS
    tmp = tempfile.mkdtemp()
    made = os.path.join(tmp, "made")
    os.mkdir(made)
    kinds = "categorical,ordered,int,float,bool,string,nullable-int,nullable-bool,batch"
    run(args.bin, "synth", os.path.join(made, "everything.h5ad"), "--cells", "300", "--genes", "50", "--everything", "--obs-columns", kinds)
    for path in files([made, *args.folders]):
        name = os.path.basename(path)
        source = os.path.join(tmp, "source.h5ad")
        r = run(args.bin, "upgrade", path, source, "--force")
        if r.returncode:
            print(f"{name} is not written as h5ad: {r.stderr.strip()[:200]}")
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                want = ad.read_h5ad(source)
        except Exception as e:
            print(f"anndata does not read {name}: {str(e).splitlines()[0][:100]}")
            continue
        chosen = variants
        if args.some:
            first = zlib.crc32(name.encode()) % len(variants)
            chosen = [variants[(first + 5 * i) % len(variants)] for i in range(args.some)]
        # tiny chunks are for small files
        large = want.n_obs * want.n_vars > 1_000_000
        for ending, options in chosen:
            if large and "--chunk" in options:
                continue
            variant(args.bin, source, want, tmp, name, ending, options)
        parts(args.bin, source, tmp, name)
    shutil.rmtree(tmp)
    finish()


if __name__ == "__main__":
    main()
