#!/usr/bin/env python3
"""Zarr stores made here with zarr-python and anndata, read by annmap: every type, codec, layout, key and version.

    zarr_in.py --bin target/release/annmap [--seed N]

Each store is read as a folder and from zip files, stored and deflated. Needs zarr 3, numcodecs and anndata.
"""
import argparse
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import warnings
import zipfile
import zlib

import anndata as ad
import numcodecs
import numpy as np
import pandas as pd
import scipy.sparse as sp
import zarr
from zarr import codecs as v3

from checks import check, finish
from h5ad_out import equal

warnings.filterwarnings("ignore")


def canonical(v):
    """Canonical bytes of elements: numbers little-endian, strings with a zero, sequences behind their length."""
    v = np.asarray(v)
    if v.dtype.kind in "OT":
        out = []
        for x in v.ravel():
            if isinstance(x, (bytes, bytearray)):
                out.append(len(x).to_bytes(8, "little") + bytes(x))
            elif isinstance(x, np.ndarray):
                out.append(len(x).to_bytes(8, "little") + x.astype(x.dtype.newbyteorder("<")).tobytes())
            else:
                out.append(str(x).encode() + b"\0")
        return b"".join(out)
    return np.ascontiguousarray(v).astype(v.dtype.newbyteorder("<")).tobytes()


def boxed(v, dtype):
    """Values of a scalar as an array of its type, which zarr-python does not always return."""
    if np.ndim(v):
        return v
    out = np.empty((), dtype)
    out[()] = v
    return out


def listing(binary, path):
    r = subprocess.run([binary, "ls", "--crc", "--json", path], capture_output=True, text=True)
    return r.returncode, [json.loads(x) for x in r.stdout.splitlines()], r.stderr


def zipped(folder, to, method):
    with zipfile.ZipFile(to, "w", method) as z:
        for d, _, files in os.walk(folder):
            for name in files:
                full = os.path.join(d, name)
                z.write(full, os.path.relpath(full, folder))
    return to


def compare(binary, folder, expected, what, refused=()):
    """Every array of `expected` (path: values) must read the same from the folder and from zip files."""
    places = [(folder, "folder")]
    for method, name in ((zipfile.ZIP_STORED, "stored"), (zipfile.ZIP_DEFLATED, "deflated")):
        places.append((zipped(folder, f"{folder}.{name}.zip", method), name))
    for place, how in places:
        code, lines, err = listing(binary, place)
        ours = {x["path"]: x for x in lines if "attr" not in x}
        check(f"{what} {how}: exit {code} {err[-200:]}", code == (4 if refused else 0))
        for path, values in expected.items():
            got = ours.get("/" + path, {})
            same = got.get("crc") == zlib.crc32(canonical(values)) and got.get("shape") == list(np.shape(values))
            check(f"{what} {how} /{path}: {got} of {np.asarray(values).dtype} {np.shape(values)}", same)
        for path, text in refused:
            got = ours.get("/" + path, {})
            check(f"{what} {how} /{path}: {got}, expected a refusal with {text}", text in got.get("error", ""))
    return len(expected)


def values(rng, dtype, shape):
    dtype = np.dtype(dtype)
    n = int(np.prod(shape))
    if dtype.fields:
        out = np.zeros(n, dtype)
        for k in dtype.names:
            out[k] = values(rng, dtype[k].base, (n, *dtype[k].shape)).reshape(out[k].shape)
        return out.reshape(shape)
    if dtype.kind == "b":
        return rng.integers(0, 2, n).astype(bool).reshape(shape)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        few = rng.integers(0, 5, n).astype("i8")
        wide = rng.integers(max(info.min, -(2**62)), min(info.max, 2**62), n, dtype="i8")
        return np.where(rng.random(n) < 0.7, few, wide).astype(dtype).reshape(shape)
    if dtype.kind == "f":
        out = np.where(rng.random(n) < 0.5, rng.poisson(1, n), rng.normal(0, 1e3, n)).astype(dtype)
        out[rng.random(n) < 0.02] = np.nan
        return out.reshape(shape)
    if dtype.kind == "c":
        return (rng.normal(size=n) + 1j * rng.normal(size=n)).astype(dtype).reshape(shape)
    texts = ["", "a", "gene", "é", "日本語", "x" * 7]
    if dtype.kind == "U":
        return rng.choice(texts, n).astype(dtype).reshape(shape)
    if dtype.kind == "S":
        return np.array([str(t).encode() for t in rng.choice(texts, n)]).astype(dtype).reshape(shape)
    if dtype.kind == "V":
        return np.frombuffer(rng.bytes(n * dtype.itemsize), dtype).reshape(shape)
    raise TypeError(dtype)


def texts(rng, shape, of=str):
    n = int(np.prod(shape))
    out = np.empty(n, object)
    for i in range(n):
        t = "".join(rng.choice(list("abcé日 \n"), rng.integers(0, 12)))
        out[i] = t if of is str else t.encode()
    return out.reshape(shape)


NUMBERS = ["?", "i1", "u1", "<i2", ">i2", "<u2", ">u2", "<i4", ">i4", "<u4", ">u4", "<i8", ">i8", "<u8", ">u8",
           "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "<c8", ">c8", "<c16", ">c16"]
SHAPES = [((), ()), ((0,), (5,)), ((1,), (1,)), ((1000,), (64,)), ((1000,), (1001,)), ((37, 29), (10, 29)), ((37, 29), (7, 4)),
          ((5, 6, 7), (2, 6, 3)), ((0, 3), (2, 3)), ((3, 4, 2, 5), (2, 2, 2, 2))]


def version2(binary, tmp, rng):
    """Types, codecs and layouts of version 2."""
    folder = os.path.join(tmp, "v2.zarr")
    root = zarr.open_group(folder, mode="w", zarr_format=2)
    expected, refused = {}, []

    def put(name, data, chunks, partly=False, **kwargs):
        data = np.asarray(data)
        kwargs.setdefault("compressors", numcodecs.Zlib(1))
        a = root.create_array(name, shape=data.shape, dtype=kwargs.pop("dtype", data.dtype), chunks=chunks, **kwargs)
        if partly and data.ndim:
            cut = tuple(slice(0, max(1, n // 2)) for n in data.shape)
            a[cut] = data[cut]
        elif data.size:
            a[...] = data
        expected[name] = boxed(a[...], data.dtype)

    for i, dtype in enumerate(NUMBERS + ["<U5", ">U5", "S7", "V3"]):
        for j, (shape, chunks) in enumerate(SHAPES):
            for order in "CF":
                put(f"t{i}/{j}{order}", values(rng, dtype, shape), chunks or (), order=order)
        fill = {"b": True, "i": 3, "u": 3, "f": 1.5, "c": 1 + 2j, "U": "ab", "S": b"ab"}.get(np.dtype(dtype).kind)
        if fill is not None:
            put(f"t{i}/fill", values(rng, dtype, (20, 9)), (4, 4), partly=True, fill_value=fill)
        if np.dtype(dtype).kind == "f":
            for k, fill in enumerate((np.nan, np.inf, -np.inf, -0.0)):
                put(f"t{i}/fill{k}", values(rng, dtype, (20,)), (4,), partly=True, fill_value=fill)
    for i, dtype in enumerate(([("a", "<i4"), ("b", ">f8")], [("x", "i1"), ("y", "<U3"), ("z", "S2")], [("m", "<f4"), ("n", "?")])):
        put(f"s{i}", values(rng, dtype, (30,)), (7,))
        put(f"s{i}f", values(rng, dtype, (9, 4)), (4, 3), order="F", partly=True)
    compressors = {"none": None, "gzip": numcodecs.GZip(6), "zlib": numcodecs.Zlib(9), "zstd": numcodecs.Zstd(3), "zstd sum": numcodecs.Zstd(1, True),
                   "lz4": numcodecs.LZ4(), "bz2": numcodecs.BZ2()}
    for cname, shuffle, level in itertools.product(("blosclz", "lz4", "lz4hc", "zlib", "zstd", "snappy"), (0, 1, 2), (0, 1, 5, 9)):
        compressors[f"blosc {cname} {shuffle} {level}"] = numcodecs.Blosc(cname, level, shuffle)
    compressors["blosc blocks"] = numcodecs.Blosc("lz4", 5, 1, blocksize=512)
    for i, (name, compressor) in enumerate(compressors.items()):
        for dtype in ("u1", "<f4", "<i8", "<U3", "<c16"):
            try:
                put(f"c{i}/{np.dtype(dtype).str[1:]}", values(rng, dtype, (3001,)), (1000,), compressors=compressor)
            except Exception:
                if "snappy" not in name:
                    raise
                break
    filters = {
        "shuffle": ("<i4", [numcodecs.Shuffle(4)]), "shuffle 8": ("<f8", [numcodecs.Shuffle(8)]), "shuffle 3": ("V3", [numcodecs.Shuffle(3)]),
        "delta": ("<i4", [numcodecs.Delta("<i4")]), "delta wide": ("<i4", [numcodecs.Delta("<i4", astype="<i8")]), "delta narrow": ("<u2", [numcodecs.Delta("<u2", astype="<i4")]),
        "delta big": (">i4", [numcodecs.Delta(">i4")]), "delta float": ("<f4", [numcodecs.Delta("<f4")]), "delta f2": ("<f2", [numcodecs.Delta("<f2")]),
        "scale": ("<f8", [numcodecs.FixedScaleOffset(5, 10, "<f8", "<i4")]), "scale f4": ("<f4", [numcodecs.FixedScaleOffset(1, 3, "<f4", "<f4")]),
        "scale u1": ("<f4", [numcodecs.FixedScaleOffset(0, 7, "<f4", "u1")]), "packbits": ("?", [numcodecs.PackBits()]),
        "astype": ("<f8", [numcodecs.AsType("<f4", "<f8")]), "quantize": ("<f8", [numcodecs.Quantize(2, "<f8", "<f4")]),
        "two": ("<i4", [numcodecs.Delta("<i4"), numcodecs.Shuffle(4)]), "three": ("<i4", [numcodecs.Delta("<i4", "<i8"), numcodecs.Shuffle(8), numcodecs.CRC32()]),
        "crc32": ("<i4", [numcodecs.CRC32()]), "adler32": ("<i4", [numcodecs.Adler32()]), "fletcher32": ("<i4", [numcodecs.Fletcher32()]),
    }
    for i, (name, (dtype, chain)) in enumerate(filters.items()):
        for order in "CF":
            data = values(rng, dtype, (50, 21))
            if data.dtype.kind == "f":
                data = np.nan_to_num(np.clip(data, -20, 20), nan=1.0)
            for k, compressor in enumerate((None, numcodecs.Zlib(1), numcodecs.Blosc())):
                put(f"f{i}/{order}{k}", data, (16, 8), filters=chain, order=order, compressors=compressor)
    for i, separator in enumerate("./"):
        for j, (shape, chunks) in enumerate(SHAPES):
            put(f"k{i}/{j}", values(rng, "<i4", shape), chunks or (), chunk_key_encoding={"name": "v2", "separator": separator})
    for i, (shape, chunks) in enumerate(SHAPES):
        for order in "CF":
            put(f"o{i}{order}", texts(rng, shape), chunks or (), dtype="string", order=order)
    put("o partly", texts(rng, (40,)), (7,), partly=True, dtype="string", fill_value="é")
    total = compare(binary, folder, expected, "version 2", refused)

    # what zarr-python 3 does not write any more, written by hand with numcodecs
    folder = os.path.join(tmp, "objects.zarr")
    zarr.open_group(folder, mode="w", zarr_format=2)
    expected = {}
    for i, (codec, data) in enumerate((
        (numcodecs.VLenBytes(), texts(rng, (12,), bytes)), (numcodecs.VLenUTF8(), texts(rng, (12,))),
        (numcodecs.VLenArray("<i4"), np.array([np.arange(k, dtype="<i4") for k in range(12)], object)),
        (numcodecs.JSON(), texts(rng, (12,))), (numcodecs.Pickle(), texts(rng, (12,))), (numcodecs.MsgPack(), texts(rng, (12,))) if hasattr(numcodecs, "MsgPack") else (None, None),
    )):
        if codec is None:
            continue
        os.mkdir(os.path.join(folder, f"h{i}"))
        meta = {"zarr_format": 2, "shape": [12], "chunks": [5], "dtype": "|O", "compressor": numcodecs.Zlib(1).get_config(), "fill_value": 0,
                "order": "C", "filters": [codec.get_config()]}
        with open(os.path.join(folder, f"h{i}", ".zarray"), "w") as f:
            json.dump(meta, f)
        for k in range(3):
            part = np.empty(5, object)
            part[:] = [b"" if codec.codec_id == "vlen-bytes" else np.array([], "<i4") if codec.codec_id == "vlen-array" else ""] * 5
            some = data[5 * k:5 * k + 5]
            part[:len(some)] = some
            with open(os.path.join(folder, f"h{i}", str(k)), "wb") as f:
                f.write(numcodecs.Zlib(1).encode(codec.encode(part)))
        if i < 3:
            expected[f"h{i}"] = data
        else:
            refused.append((f"h{i}", codec.codec_id))
    for i, dtype in enumerate(("<M8[ns]", "<m8[D]")):
        zarr.open_group(folder, mode="a", zarr_format=2).create_array(f"d{i}", data=np.arange(4).astype(dtype))
        refused.append((f"d{i}", "dates and times"))
    return total + compare(binary, folder, expected, "objects", refused)


def version3(binary, tmp, rng):
    """Types, codecs, shards and layouts of version 3."""
    folder = os.path.join(tmp, "v3.zarr")
    root = zarr.open_group(folder, mode="w", zarr_format=3)
    expected, refused = {}, []

    def put(name, data, chunks, partly=False, **kwargs):
        data = np.asarray(data)
        a = root.create_array(name, shape=data.shape, dtype=kwargs.pop("dtype", data.dtype), chunks=chunks, **kwargs)
        if partly and data.ndim:
            for _ in range(3):
                corner = [int(rng.integers(0, n)) for n in data.shape]
                cut = tuple(slice(c, c + max(1, n // 4)) for c, n in zip(corner, data.shape))
                a[cut] = data[cut]
        elif data.size:
            a[...] = data
        expected[name] = boxed(a[...], data.dtype)

    for i, dtype in enumerate(d for d in NUMBERS + ["<U5", "S7", "V3"] if d[0] != ">"):
        for j, (shape, chunks) in enumerate(SHAPES):
            put(f"t{i}/{j}", values(rng, dtype, shape), chunks or ())
            if len(np.dtype(dtype).str) and np.dtype(dtype).kind in "iufcU" and np.dtype(dtype).itemsize > 1:
                put(f"t{i}/{j}b", values(rng, dtype, shape), chunks or (), serializer=v3.BytesCodec(endian="big"))
        fill = {"b": True, "i": 3, "u": 3, "f": np.nan, "c": complex(np.nan, -np.inf), "U": "ab", "S": b"ab"}.get(np.dtype(dtype).kind)
        if fill is not None:
            put(f"t{i}/fill", values(rng, dtype, (20, 9)), (4, 4), partly=True, fill_value=fill)
    for i, dtype in enumerate(([("a", "<i4"), ("b", "<f8")], [("x", "i1"), ("z", "S2")])):
        put(f"s{i}", values(rng, dtype, (30,)), (7,))
    chains = [None, v3.GzipCodec(level=1), v3.ZstdCodec(level=1), v3.ZstdCodec(level=5, checksum=True), v3.Crc32cCodec(),
              (v3.GzipCodec(), v3.Crc32cCodec()), (v3.Crc32cCodec(), v3.ZstdCodec())]
    for cname, shuffle, level in itertools.product(("blosclz", "lz4", "lz4hc", "zlib", "zstd"), ("noshuffle", "shuffle", "bitshuffle"), (0, 1, 5, 9)):
        chains.append(v3.BloscCodec(cname=cname, shuffle=shuffle, clevel=level))
    for i, chain in enumerate(chains):
        for dtype in ("u1", "<f4", "<i8", "<c16"):
            put(f"c{i}/{np.dtype(dtype).str[1:]}", values(rng, dtype, (3001,)), (1000,), compressors=chain)
        put(f"c{i}/text", texts(rng, (101,)), (25,), dtype="string", compressors=chain)
    from numcodecs import zarr3 as nz
    for i, kwargs in enumerate((
        {"compressors": [nz.Zlib(level=2)]}, {"compressors": [nz.LZ4()]}, {"compressors": [nz.BZ2()]}, {"compressors": [nz.Shuffle(elementsize=4), nz.Zstd()]},
        {"compressors": [nz.CRC32C()]}, {"compressors": [nz.Adler32()]}, {"filters": [nz.Delta(dtype="<i4")]}, {"compressors": [nz.Blosc(cname="lz4")]},
    )):
        put(f"n{i}", values(rng, "<i4", (40, 9)), (16, 4), **kwargs)
    for i, order in enumerate(((0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1))):
        put(f"x{i}", values(rng, "<i4", (5, 6, 7)), (3, 4, 5), filters=[v3.TransposeCodec(order=order)])
        put(f"x{i}s", texts(rng, (5, 6, 7)), (3, 4, 5), dtype="string", filters=[v3.TransposeCodec(order=order)])
        put(f"x{i}x", values(rng, "<i4", (5, 6, 7)), (3, 4, 5), filters=[v3.TransposeCodec(order=order), v3.TransposeCodec(order=(1, 0, 2))])
        put(f"x{i}h", values(rng, "<i4", (9, 8, 10)), (3, 4, 5), serializer=v3.ShardingCodec(chunk_shape=(1, 4, 5), codecs=[v3.TransposeCodec(order=order), v3.BytesCodec(), v3.GzipCodec()]))
        put(f"x{i}o", values(rng, "<i4", (9, 8, 10)), (6, 6, 6), filters=[v3.TransposeCodec(order=order)],
            serializer=v3.ShardingCodec(chunk_shape=(2, 3, 1)))
    for i, (name, separator) in enumerate(itertools.product(("default", "v2"), "./")):
        for j, (shape, chunks) in enumerate(SHAPES):
            put(f"k{i}/{j}", values(rng, "<i4", shape), chunks or (), chunk_key_encoding={"name": name, "separator": separator})
    for i, (location, partly, dtype) in enumerate(itertools.product(("start", "end"), (False, True), ("u1", "<f4", "string"))):
        for j, (shape, chunk, shard) in enumerate((((100,), (7,), (28,)), ((37, 29), (5, 4), (10, 16)), ((9, 8, 7), (1, 2, 7), (3, 8, 7)), ((64, 64), (8, 8), (64, 64)))):
            data = texts(rng, shape) if dtype == "string" else values(rng, dtype, shape)
            for k, chain in enumerate((None, v3.GzipCodec(), v3.BloscCodec(cname="lz4"), v3.ZstdCodec())):
                inner = [v3.VLenUTF8Codec() if dtype == "string" else v3.BytesCodec()] + ([chain] if chain else [])
                for m, index in enumerate(([v3.BytesCodec(), v3.Crc32cCodec()], [v3.BytesCodec()], [v3.BytesCodec(endian="big"), v3.Crc32cCodec()])):
                    codec = v3.ShardingCodec(chunk_shape=chunk, codecs=inner, index_codecs=index, index_location=location)
                    put(f"h{i}/{j}{k}{m}", data, shard, partly=partly, dtype=dtype, serializer=codec, compressors=None)
    for i, outer in enumerate(("start", "end")):
        for j, inner in enumerate(("start", "end")):
            low = v3.ShardingCodec(chunk_shape=(4, 2), codecs=[v3.BytesCodec(), v3.GzipCodec()], index_location=inner)
            high = v3.ShardingCodec(chunk_shape=(8, 8), codecs=[low], index_location=outer)
            put(f"nested{i}{j}", values(rng, "<i4", (70, 50)), (32, 16), partly=bool(j), serializer=high, compressors=None)
    put("after", values(rng, "<i4", (32, 8)), (16, 8), serializer=v3.ShardingCodec(chunk_shape=(4, 4)), compressors=[v3.GzipCodec()])
    for i, (shape, chunks) in enumerate(SHAPES):
        put(f"o{i}", texts(rng, shape), chunks or (), dtype="string")
    put("o partly", texts(rng, (40,)), (7,), partly=True, dtype="string", fill_value="é")
    bytes_type = getattr(zarr.dtype, "VariableLengthBytes", None)
    if bytes_type:
        put("b", texts(rng, (40,), bytes), (7,), dtype=bytes_type())
    for i, dtype in enumerate(("<M8[ns]", "<m8[D]")):
        root.create_array(f"d{i}", data=np.arange(4).astype(dtype))
        refused.append((f"d{i}", "dates and times"))
    return compare(binary, folder, expected, "version 3", refused)


def lone(binary, tmp, rng):
    """Arrays at the root of a store, and attributes."""
    for fmt in (2, 3):
        folder = os.path.join(tmp, f"lone{fmt}.zarr")
        data = values(rng, "<i4", (20, 3))
        a = zarr.create_array(folder, data=data, chunks=(7, 2), zarr_format=fmt)
        a.attrs.update({"text": "é", "number": 3, "list": [1.5, 2], "nested": {"a": [None, True]}, "none": None})
        _, lines, _ = listing(binary, folder)
        crc = {x.get("attr"): x["crc"] for x in lines}
        check(f"lone {fmt}: {crc}", crc[None] == zlib.crc32(canonical(data)) and crc["text"] == zlib.crc32("é\0".encode()))
        check(f"lone {fmt}: attributes {crc}", set(crc) == {None, "text", "number", "list", "nested", "none"})


def dataset(rng, n, m):
    """An AnnData with every kind of element that both h5ad and zarr can hold."""
    x = sp.random(n, m, 0.1, "csr", "f4", rng)
    obs = pd.DataFrame({
        "number": rng.normal(size=n), "count": rng.integers(0, 9, n).astype("i4"), "flag": rng.random(n) < 0.5,
        "kind": pd.Categorical(rng.choice(["a", "b", "é"], n)), "text": rng.choice(["x", "yy", ""], n),
        "ordered": pd.Categorical(rng.choice([3, 1, 2], n), ordered=True),
        "maybe": pd.array(rng.integers(0, 5, n), "Int64"), "yes": pd.array(rng.random(n) < 0.5, "boolean"),
    }, index=[f"cell {i}" for i in range(n)])
    obs.loc[obs.index[: n // 3], "maybe"] = pd.NA
    var = pd.DataFrame({"length": rng.integers(1, 10**6, m)}, index=[f"gene {i}" for i in range(m)])
    return ad.AnnData(
        x, obs, var,
        obsm={"pca": rng.normal(size=(n, 5)), "sparse": sp.random(n, 4, 0.3, "csc", random_state=1), "frame": obs[["number", "kind"]].copy()},
        varm={"loadings": rng.normal(size=(m, 3)).astype("f4")}, obsp={"graph": sp.random(n, n, 0.05, "csr", random_state=2)},
        layers={"dense": rng.poisson(1, (n, m)).astype("i4"), "csc": x.tocsc(), "zero": np.zeros((n, m), "f4")},
        uns={"text": "é", "number": 3, "float": 1.5, "list": np.array(["a", "b"]), "array": np.arange(6).reshape(2, 3),
             "nested": {"deep": {"flag": True}}, "empty": {}, "scalar": np.float32(2), "structured": np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")])},
    )


def arrays(store):
    """The plain arrays of a store of annmap, but for the record of their source."""
    return {p: open(os.path.join(store, p), "rb").read() for p in sorted(os.listdir(store)) if p != "metadata.json"}


def anndatas(binary, tmp, rng):
    """Stores that anndata writes, against the h5ad of the same object."""

    def run(what, *arguments, code=0):
        r = subprocess.run([binary, *arguments], capture_output=True, text=True)
        check(f"{what}: {arguments[0]} exit {r.returncode} {r.stderr[-300:]} {r.stdout[-300:]}", r.returncode == code)

    for n, m in ((60, 40), (1, 1), (700, 300)):
        adata = dataset(rng, n, m)
        h5ad = os.path.join(tmp, f"{n}.h5ad")
        adata.write_h5ad(h5ad)
        run(n, "convert", h5ad, os.path.join(tmp, f"{n}.store"), "--quiet")
        wanted = arrays(os.path.join(tmp, f"{n}.store"))
        for fmt, sharded, consolidated in ((2, False, True), (2, False, False), (3, False, True), (3, True, False)):
            what = f"anndata {n} v{fmt} {'sharded ' * sharded}{'consolidated' * consolidated}"
            folder = os.path.join(tmp, f"{n}-{fmt}-{sharded}-{consolidated}.zarr")
            with ad.settings.override(zarr_write_format=fmt):
                def callback(write, store, key, elem, dataset_kwargs, iospec):
                    if sharded and iospec.encoding_type in ("array",) and getattr(elem, "ndim", 0) and elem.shape[0] > 40:
                        chunks = tuple(min(10, k) if i == 0 else k for i, k in enumerate(elem.shape))
                        dataset_kwargs = dict(dataset_kwargs, chunks=chunks, shards=(chunks[0] * 4, *chunks[1:]))
                    elif sharded and iospec.encoding_type in ("csr_matrix", "csc_matrix"):
                        dataset_kwargs = dict(dataset_kwargs, chunks=(50,), shards=(400,))
                    write(store, key, elem, dataset_kwargs=dataset_kwargs)

                group = zarr.open_group(folder, mode="w", zarr_format=fmt)
                ad.experimental.write_dispatched(group, "/", adata, callback)
            if consolidated:
                zarr.consolidate_metadata(folder, zarr_format=fmt)
            for place in (folder, zipped(folder, folder + ".zip", zipfile.ZIP_STORED), zipped(folder, folder[:-5] + ".d.zip", zipfile.ZIP_DEFLATED)):
                run(what, "info", place)
                run(what, "doctor", place, "--quiet")
                run(what, "verify", h5ad, place, "--quiet")
                store = os.path.join(tmp, "from.store")
                run(what, "convert", place, store, "--force", "--quiet")
                check(f"{what}: the store", arrays(store) == wanted)
                back = os.path.join(tmp, "back.h5ad")
                run(what, "upgrade", place, back, "--force", "--quiet")
                run(what, "verify", h5ad, back, "--quiet")
                read = ad.read_h5ad(back)
                # what anndata reads from its own zarr and from our h5ad
                wanted_object = ad.read_zarr(folder)
                for part in ("X", "obs", "var", "obsm", "varm", "obsp", "layers", "uns"):
                    found = equal(getattr(read, part), getattr(wanted_object, part), what, part)
                    check(f"{what}: as anndata reads it: {found}", found is None)
            half = ["subset", folder, os.path.join(tmp, "half.h5ad"), "--rows", f"0:{max(1, n // 2)}", "--force", "--quiet"]
            run(what, *half)
            run(what, "subset", h5ad, os.path.join(tmp, "half2.h5ad"), *half[3:])
            run(what, "verify", half[2], os.path.join(tmp, "half2.h5ad"), "--quiet")
            run(what, "concat", folder, h5ad, os.path.join(tmp, "both.h5ad"), "--force", "--quiet", "--index-unique=-")
            run(what, "transpose", folder, os.path.join(tmp, "t.store"), "--force", "--quiet")
            shutil.rmtree(folder)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", required=True)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--only", default="")
    a = ap.parse_args()
    rng = np.random.default_rng(a.seed)
    binary = os.path.abspath(a.bin)
    for part in (version2, version3, lone, anndatas):
        if a.only in part.__name__:
            with tempfile.TemporaryDirectory() as tmp:
                part(binary, tmp, rng)
    finish()


if __name__ == "__main__":
    main()
