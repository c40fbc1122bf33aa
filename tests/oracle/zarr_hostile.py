#!/usr/bin/env python3
"""Zarr stores that lie, loop, explode or hide, and every command on each of them.

    zarr_hostile.py --bin target/release/annmap [--only SUBSTR] [--keep DIR]

The stores are made here from what anndata writes, as folders and zip files. Each run must end as `hostile.py` says:
in time, with a documented exit status, within the memory, writing nothing but its output. Needs anndata and zarr 3.
"""
import argparse
import json
import os
import pathlib
import shutil
import struct
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

import hostile
from checks import check, finish

warnings.filterwarnings("ignore")
SECRET = b"a text that lies beside the store"


def base(folder, fmt):
    """A small AnnData as zarr; its sparse X has chunks of its own."""
    rng = np.random.default_rng(3)
    n, m = 50, 30
    adata = ad.AnnData(
        sp.random(n, m, 0.3, "csr", "f4", rng),
        pd.DataFrame({"kind": pd.Categorical(rng.choice(["a", "b"], n)), "text": rng.choice(["x", "yy"], n)}, index=[f"c{i}" for i in range(n)]),
        pd.DataFrame(index=[f"g{i}" for i in range(m)]),
        obsm={"pca": rng.normal(size=(n, 4))}, layers={"dense": rng.poisson(1, (n, m)).astype("f4")}, uns={"note": "text", "list": np.arange(5)},
    )
    with ad.settings.override(zarr_write_format=fmt):
        adata.write_zarr(folder)
    return folder


def document(folder, node, change):
    """Changes the JSON of a node in place; text is written as it is."""
    for name in ("zarr.json", ".zarray", ".zgroup"):
        path = os.path.join(folder, node, name)
        if os.path.exists(path):
            with open(path) as f:
                meta = json.load(f)
            new = change(meta)
            new = meta if new is None else new
            with open(path, "w") as f:
                f.write(new if isinstance(new, str) else json.dumps(new))
            return
    raise FileNotFoundError(node)


def attributes(folder, node, change):
    path = os.path.join(folder, node, ".zattrs")
    if os.path.exists(path):
        with open(path) as f:
            meta = json.load(f)
        change(meta)
        with open(path, "w") as f:
            json.dump(meta, f)
    else:
        document(folder, node, lambda m: change(m["attributes"]))


def chunk(folder, node, number=0):
    """Path of a chunk of a 1- or 2-dimensional array, of either version."""
    with_c = os.path.join(folder, node, "c")
    if os.path.isdir(with_c):
        path = os.path.join(with_c, str(number))
        return path if os.path.isfile(path) else os.path.join(path, "0")
    for name in (str(number), f"{number}.0"):
        if os.path.isfile(os.path.join(folder, node, name)):
            return os.path.join(folder, node, name)
    raise FileNotFoundError(node)


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def put(meta, **members):
    meta.update(members)


def v2_array(shape, chunks, dtype="<f4", compressor=None, filters=None, fill=0):
    return {"zarr_format": 2, "shape": shape, "chunks": chunks, "dtype": dtype, "compressor": compressor, "filters": filters, "fill_value": fill, "order": "C"}


def v3_array(shape, chunks, dtype="float32", codecs=None, fill=0):
    return {"zarr_format": 3, "node_type": "array", "shape": shape, "data_type": dtype, "fill_value": fill,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunks}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "codecs": codecs or [{"name": "bytes", "configuration": {"endian": "little"}}], "attributes": {}}


def add(folder, name, meta, chunks=()):
    """A new array beside the others, in uns."""
    where = os.path.join(folder, "uns", name)
    os.makedirs(where)
    with open(os.path.join(where, "zarr.json" if meta["zarr_format"] == 3 else ".zarray"), "w") as f:
        json.dump(meta, f)
    for key, data in dict(chunks).items():
        path = os.path.join(where, key)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write(path, data)


def sharded(entries, body=b"", sum_=None, inner=(2,), outer=(8,), extra=()):
    """A shard whose index says `entries`."""
    index = b"".join(struct.pack("<QQ", a, b) for a, b in entries)
    return body + index + struct.pack("<I", crc32c(index) if sum_ is None else sum_)


def crc32c(data):
    c = 0xFFFFFFFF
    for x in data:
        c ^= x
        for _ in range(8):
            c = c >> 1 ^ (0x82F63B78 if c & 1 else 0)
    return c ^ 0xFFFFFFFF


def sharding(inner, codecs=None, **more):
    return [{"name": "sharding_indexed", "configuration": {
        "chunk_shape": inner, "codecs": codecs or [{"name": "bytes", "configuration": {"endian": "little"}}],
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}], **more}}]


def both():
    """Changes that either version can have: name and function of the folder."""
    deep = "[" * 10_000 + "]" * 10_000
    out = {}

    def of(name):
        def add_it(f):
            out[name] = f
        return add_it

    for node in ("", "X", "X/data", "obs/kind/codes"):
        label = node.replace("/", "-") or "root"
        of(f"json-deep-{label}")(lambda p, node=node: document(p, node, lambda m: json.dumps(m)[:-1] + ', "deep": ' + deep + "}"))
        of(f"json-cut-{label}")(lambda p, node=node: document(p, node, lambda m: json.dumps(m)[:-9]))
        of(f"json-twice-{label}")(lambda p, node=node: document(p, node, lambda m: json.dumps(m)[:-1] + ', "shape": [9, 9], "shape": [2]}'))
        of(f"json-wide-{label}")(lambda p, node=node: document(p, node, lambda m: json.dumps(m)[:-1] + ', "attributes": [' + "[]," * 5_000_000 + "1]}"))
        of(f"json-binary-{label}")(lambda p, node=node: document(p, node, lambda m: "\0\udcff".encode("utf-8", "surrogatepass").decode("latin-1")))
    for i, shape in enumerate(([10**18], [2**63], [2**64], [-1], [3.5], [10**9], [], [1, 1], ["a"], None, [0], [2**31] * 40)):
        for node in ("X/data", "X/indptr", "obs/_index", "obsm/pca"):
            of(f"shape-{i}-{node.replace('/', '-')}")(lambda p, node=node, shape=shape: document(p, node, lambda m: put(m, shape=shape)))
    for i, sizes in enumerate(([0], [2**62], [2**30], [2**64], [-4], [1, 2], [], [1])):
        def rechunk(m, sizes=sizes):
            if m["zarr_format"] == 2:
                m["chunks"] = sizes
            else:
                m["chunk_grid"]["configuration"]["chunk_shape"] = sizes
        for node in ("X/data", "obs/_index"):
            of(f"chunks-{i}-{node.replace('/', '-')}")(lambda p, node=node, f=rechunk: document(p, node, f))

    def huge_and_missing(m):
        m["shape"] = [10**9]
        m["chunks" if m["zarr_format"] == 2 else "x"] = [1]
        m.get("chunk_grid", {}).get("configuration", {})["chunk_shape"] = [1]
        m.pop("x", None)
    for node in ("X/data", "obs/_index", "uns/list"):
        of(f"many-chunks-{node.replace('/', '-')}")(lambda p, node=node: document(p, node, huge_and_missing))
    of("fill-text")(lambda p: document(p, "obs/_index", lambda m: put(m, shape=[10**7], fill_value="x" * 1_000_000)))
    for i, fill in enumerate(("abc", [1], {}, 1e400, -1, "0xff", "////", True)):
        of(f"fill-{i}")(lambda p, fill=fill: document(p, "X/data", lambda m: put(m, fill_value=fill)))
    for i, kind in enumerate((b"", b"\0", b"\xff" * 100, os.urandom(400), zlib.compress(bytes(10**8)), numcodecs.Zstd(1).encode(bytes(10**8)),
                              b"\x02\x01\x21\x04" + struct.pack("<III", 2**32 - 1, 2**31, 64) + bytes(48), b"\x02\x01\x21\x04" + struct.pack("<III", 1800, 0, 64) + bytes(48),
                              bytes(10**7))):
        for node in ("X/data", "X/indices", "X/indptr", "obs/_index", "obs/kind/codes", "layers/dense", "obs/_index"):
            of(f"chunk-{i}-{node.replace('/', '-')}")(lambda p, node=node, kind=kind: write(chunk(p, node), kind))

    def cut(p):
        path = chunk(p, "X/data")
        data = open(path, "rb").read()
        write(path, data[: len(data) // 2])
    of("chunk-cut")(cut)
    of("shape-of-x")(lambda p: attributes(p, "X", lambda m: put(m, shape=[10**12, 10**12])))
    of("shape-of-x-negative")(lambda p: attributes(p, "X", lambda m: put(m, shape=[-1, 30])))
    of("columns")(lambda p: attributes(p, "obs", lambda m: put(m, **{"column-order": ["text"] * 500_000})))
    of("column-missing")(lambda p: attributes(p, "obs", lambda m: put(m, **{"column-order": ["../../X", "/X/data", "..", "", "text"]})))
    of("index-elsewhere")(lambda p: attributes(p, "obs", lambda m: put(m, **{"_index": "../var/_index"})))

    def outside(p, link, target):
        path = os.path.join(p, link)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.remove(path)
        os.symlink(target, path)
    of("link-chunk-out")(lambda p: outside(p, os.path.relpath(chunk(p, "X/data"), p), os.path.join(os.path.dirname(p), "secret")))
    of("link-array-out")(lambda p: outside(p, "layers/dense", os.path.join(os.path.dirname(p), "other.zarr", "layers", "dense")))
    of("link-passwd")(lambda p: outside(p, "uns/list", "/etc"))
    of("link-loop")(lambda p: outside(p, "uns/list", "list"))
    of("link-up")(lambda p: outside(p, "uns/list", "../.."))
    of("link-root")(lambda p: outside(p, "uns/list", ".."))

    def ladder(p):
        # two links up on every level: without an end, and twice as many on each
        for k in range(8):
            outside(p, f"uns/l{k}", "..")
            outside(p, f"obsm/l{k}", "../uns")
    of("link-ladder")(ladder)

    def fifo(p):
        path = chunk(p, "X/data")
        os.remove(path)
        os.mkfifo(path)
    of("fifo-chunk")(fifo)

    def fifo_document(p):
        name = next(n for n in ("zarr.json", ".zarray") if os.path.exists(os.path.join(p, "X/data", n)))
        os.remove(os.path.join(p, "X/data", name))
        os.mkfifo(os.path.join(p, "X/data", name))
    of("fifo-document")(fifo_document)

    def folder_chunk(p):
        path = chunk(p, "X/data")
        os.remove(path)
        os.mkdir(path)
    of("folder-as-chunk")(folder_chunk)

    def names(p):
        for name in (b"a\nb", b"\xff\xfe", b"x" * 250, b".", b"\x1b[31m"):
            where = os.path.join(os.fsencode(p), b"uns", name)
            if name != b".":
                shutil.copytree(os.path.join(p, "uns", "list"), os.fsdecode(where))
    of("names")(names)

    def deep_groups(p):
        at = os.path.join(p, "uns")
        for _ in range(100):
            at = os.path.join(at, "g")
            os.mkdir(at)
            for name in ("zarr.json", ".zgroup"):
                if os.path.exists(os.path.join(p, name)):
                    with open(os.path.join(at, name), "w") as f:
                        json.dump({"zarr_format": 3, "node_type": "group"} if name == "zarr.json" else {"zarr_format": 2}, f)
    of("groups-deep")(deep_groups)
    return out


def version2():
    lz4 = {"id": "lz4"}
    out = {
        "dtype-wide": lambda p: add(p, "a", v2_array([3], [3], "<U1000000000")),
        "dtype-bytes": lambda p: add(p, "a", v2_array([3], [3], "|S4294967295")),
        "dtype-nested": lambda p: add(p, "a", v2_array([3], [3], [["a", [["b", [["c", "<f4"]]]]]])),
        "dtype-array": lambda p: add(p, "a", v2_array([3], [3], [["a", "<f4", [2**30, 2**30]]])),
        "dtype-objects": lambda p: add(p, "a", v2_array([3], [3], "|O")),
        "dtype-empty": lambda p: add(p, "a", v2_array([3], [3], "|S0"), {"0": b""}),
        "pickle": lambda p: add(p, "a", v2_array([3], [3], "|O", filters=[{"id": "pickle"}]), {"0": b"cos\nsystem\n(S'touch pwned'\ntR."}),
        "lz4-claims": lambda p: add(p, "a", v2_array([100], [100], compressor=lz4), {"0": struct.pack("<I", 2**32 - 1) + bytes(9)}),
        "lz4-chunk": lambda p: add(p, "a", v2_array([2**29], [2**29], compressor=lz4), {"0": struct.pack("<I", 2**31) + bytes(9)}),
        "zlib-chunk": lambda p: add(p, "a", v2_array([2**29], [2**29], compressor={"id": "zlib"}), {"0": zlib.compress(bytes(1000))}),
        "zlib-bomb": lambda p: add(p, "a", v2_array([2**30], [2**26], "|u1", {"id": "zlib"}), {str(i): zlib.compress(bytes(2**26), 9) for i in range(2)}),
        "zstd-bomb": lambda p: add(p, "a", v2_array([2**40], [2**26], "|u1", {"id": "zstd"}), {str(i): numcodecs.Zstd(9).encode(bytes(2**26)) for i in range(200)}),
        "text-bomb": lambda p: add(p, "a", v2_array([3], [3], "|O", {"id": "zstd"}, [{"id": "vlen-utf8"}], ""), {"0": numcodecs.Zstd(9).encode(struct.pack("<II", 3, 2**31 - 1) + bytes(2**28))}),
        "text-count": lambda p: add(p, "a", v2_array([3], [2**27], "|O", None, [{"id": "vlen-utf8"}], ""), {"0": struct.pack("<I", 2**27)}),
        "text-lengths": lambda p: add(p, "a", v2_array([2], [2], "|O", None, [{"id": "vlen-utf8"}], ""), {"0": struct.pack("<III", 2, 2**32 - 1, 5)}),
        "filters-thousand": lambda p: add(p, "a", v2_array([8], [8], "<i4", None, [{"id": "delta", "dtype": "<i4"}] * 100_000), {"0": bytes(32)}),
        "filters-grow": lambda p: add(p, "a", v2_array([2**20], [2**20], "|u1", None, [{"id": "delta", "dtype": "|u1", "astype": "<i8"}, {"id": "zlib"}] * 40), {"0": b"x"}),
        "filters-types": lambda p: add(p, "a", v2_array([8], [8], "<f8", None, [{"id": "fixedscaleoffset", "dtype": "|S9", "astype": "<U3", "scale": 0, "offset": 1}]), {"0": bytes(64)}),
        "filters-packbits": lambda p: add(p, "a", v2_array([8], [8], "|b1", None, [{"id": "packbits"}]), {"0": b"\xff\x00"}),
        "shuffle-zero": lambda p: add(p, "a", v2_array([8], [8], "<i4", None, [{"id": "shuffle", "elementsize": 0}]), {"0": bytes(32)}),
        "shuffle-wide": lambda p: add(p, "a", v2_array([8], [8], "<i4", None, [{"id": "shuffle", "elementsize": 2**63}]), {"0": bytes(32)}),
        "both-versions": lambda p: write(os.path.join(p, "zarr.json"), b'{"zarr_format": 3, "node_type": "array"}'),
        "zattrs-list": lambda p: write(os.path.join(p, ".zattrs"), b"[1, 2]"),
        "holes": lambda p: add(p, "a", v2_array([10**11], [10**8], "|u1")),
        "holes-small": lambda p: add(p, "a", v2_array([250_000_000], [1], "|u1")),
    }
    return out


def version3():
    byte = [{"name": "bytes", "configuration": {"endian": "little"}}]
    nested = byte
    for _ in range(60):
        nested = sharding([1], nested)
    absent = (2**64 - 1, 2**64 - 1)
    shards = {
        "beyond": sharded([(0, 8), (8, 1000), absent, absent], bytes(16)),
        "overflow": sharded([(2**64 - 8, 16), (0, 8), absent, absent], bytes(16)),
        "itself": sharded([(0, 84), (0, 84), (0, 84), (0, 84)], bytes(16)),
        "half-absent": sharded([(2**64 - 1, 8), (0, 2**64 - 1), absent, absent], bytes(16)),
        "sum": sharded([(0, 8), absent, absent, absent], bytes(16), 7),
        "short": b"abc",
        "empty": b"",
        "same": sharded([(0, 8)] * 4, bytes(8)),
        "cut": sharded([(0, 8), (8, 4), absent, absent], bytes(16)),
    }
    out = {f"shard-{name}": lambda p, data=data: add(p, "a", v3_array([8], [8], codecs=sharding([2])), {"c/0": data}) for name, data in shards.items()}
    out |= {
        "shard-text": lambda p: add(p, "a", v3_array([8], [8], "string", sharding([2], [{"name": "vlen-utf8"}]), ""), {"c/0": sharded([(0, 8), (8, 8), absent, (3, 1)], struct.pack("<IIII", 2, 2**32 - 1, 1, 0))}),
        "shard-many": lambda p: add(p, "a", v3_array([2**34], [2**34], "uint8", sharding([1])), {"c/0": bytes(2000)}),
        "shard-missing": lambda p: add(p, "a", v3_array([250_000_000], [250_000_000], "uint8", sharding([1]))),
        "shard-nested": lambda p: add(p, "a", v3_array([1], [1], codecs=nested), {"c/0": bytes(500)}),
        "shard-zero": lambda p: add(p, "a", v3_array([8], [8], codecs=sharding([0]))),
        "shard-index-codec": lambda p: add(p, "a", v3_array([8], [8], codecs=sharding([2], index_codecs=byte + [{"name": "gzip"}])), {"c/0": bytes(80)}),
        "shard-bomb": lambda p: add(p, "a", v3_array([2**33], [2**33], "uint8", sharding([2**28], byte + [{"name": "zstd"}])),
                                    {"c/0": sharded([(0, len(b := numcodecs.Zstd(9).encode(bytes(2**28))))] * 32, b)}),
        "codecs-none": lambda p: add(p, "a", v3_array([8], [8]) | {"codecs": []}),
        "codecs-twice": lambda p: add(p, "a", v3_array([8], [8], codecs=byte * 2), {"c/0": bytes(32)}),
        "codecs-thousand": lambda p: add(p, "a", v3_array([8], [8], codecs=byte + [{"name": "crc32c"}] * 100_000), {"c/0": bytes(32)}),
        "codecs-names": lambda p: add(p, "a", v3_array([8], [8], codecs=[{"nom": 1}, 3, None])),
        "transpose": lambda p: add(p, "a", v3_array([8, 2], [8, 2], codecs=[{"name": "transpose", "configuration": {"order": [0, 0]}}] + byte)),
        "transpose-after": lambda p: add(p, "a", v3_array([8, 2], [8, 2], codecs=byte + [{"name": "transpose", "configuration": {"order": [1, 0]}}]), {"c/0/0": bytes(64)}),
        "dtype-bits": lambda p: add(p, "a", v3_array([8], [8], "r4294967288", fill=[])),
        "dtype-struct": lambda p: add(p, "a", v3_array([8], [8], {"name": "structured", "configuration": {"fields": [["a", "r4294967288"]] * 9}}, fill="")),
        "extension": lambda p: add(p, "a", v3_array([8], [8]) | {"extension": {"must_understand": True}}),
        "transformers": lambda p: add(p, "a", v3_array([8], [8]) | {"storage_transformers": [{"name": "x"}]}),
        "consolidated-lies": lambda p: document(p, "", lambda m: put(m, consolidated_metadata={"kind": "inline", "must_understand": False, "metadata": {"../../secret": v3_array([4], [4]), "ghost": v3_array([10**9], [1])}})),
    }
    return out


def zips(folder):
    """Zip files that lie: name and bytes."""
    def normal(extra=(), method=zipfile.ZIP_STORED, **kwargs):
        with tempfile.NamedTemporaryFile(suffix=".zip") as t:
            with zipfile.ZipFile(t.name, "w", method) as z:
                for d, _, files in os.walk(folder):
                    for name in files:
                        z.write(os.path.join(d, name), os.path.relpath(os.path.join(d, name), folder))
                for name, data in extra:
                    z.writestr(name, data)
            return open(t.name, "rb").read()

    plain, packed = normal(), normal(method=zipfile.ZIP_DEFLATED)
    end = plain.rindex(b"PK\x05\x06")
    start, = struct.unpack_from("<I", plain, end + 16)

    def entries(change):
        """The directory with each entry changed: position of the entry, its name."""
        data, at = bytearray(plain), start
        while data[at:at + 4] == b"PK\x01\x02":
            n, e, c = struct.unpack_from("<HHH", data, at + 28)
            change(data, at, bytes(data[at + 46:at + 46 + n]))
            at += 46 + n + e + c
        return bytes(data)

    def at_data(field, form, value, where=b"X/data"):
        def change(data, at, name):
            if name.startswith(where):
                struct.pack_into(form, data, at + field, value)
        return entries(change)

    first = plain.index(b"PK\x01\x02")
    header, = struct.unpack_from("<I", plain, first + 42)
    out = {
        "names": normal([("../secret", SECRET), ("/etc/passwd", SECRET), ("uns/../../x", SECRET), ("a//b", SECRET), ("uns\\x", SECRET), ("./y", SECRET)]),
        "twice": normal([("X/data/zarr.json", b"{}"), ("X/data/zarr.json", b"{}")]),
        "overlap": at_data(42, "<I", header),
        "overlap-all": at_data(42, "<I", header, b""),
        "encrypted": at_data(8, "<H", 1),
        "method": at_data(10, "<H", 99),
        "method-deflate": at_data(10, "<H", 8),
        "crc": at_data(16, "<I", 1),
        "size-huge": at_data(24, "<I", 2**32 - 2),
        "sizes-huge": at_data(20, "<I", 2**32 - 2),
        "sizes-64": at_data(24, "<I", 2**32 - 1),
        "offset-out": at_data(42, "<I", 2**32 - 2),
        "offset-directory": at_data(42, "<I", start),
        "cut": plain[: len(plain) // 2],
        "cut-end": plain[:-10],
        "no-directory": plain[:start] + plain[end:],
        "end-offset": plain[: end + 16] + struct.pack("<I", 2**32 - 2) + plain[end + 20:],
        "end-size": plain[: end + 12] + struct.pack("<I", 2**32 - 2) + plain[end + 16:],
        "in-front": b"PK\x03\x04" + bytes(100) + plain,
        "comment": plain[: end + 20] + struct.pack("<H", 22) + b"PK\x05\x06" + bytes(18),
        "empty": b"PK\x05\x06" + bytes(18),
        "head-only": b"PK\x03\x04",
        "bomb": normal([("uns/b/zarr.json", json.dumps(v3_array([2**33], [2**26], "uint8"))), *((f"uns/b/c/{i}", bytes(2**26)) for i in range(3))], zipfile.ZIP_DEFLATED),
        "bomb-json": normal([("uns/b/zarr.json", b"[" * 2**26)], zipfile.ZIP_DEFLATED),
        "bomb-twice": normal([("uns/b/zarr.json", json.dumps(v3_array([2**36], [2**26], "uint8", [{"name": "bytes"}, {"name": "zstd"}]))),
                              *((f"uns/b/c/{i}", numcodecs.Zstd(9).encode(bytes(2**26))) for i in range(300))], zipfile.ZIP_DEFLATED),
        "deep": normal([("/".join(["d"] * 5000) + "/zarr.json", b"{}"), ("/".join(["g"] * 60) + "/zarr.json", json.dumps(v3_array([1], [1])))]),
        "many": normal([(f"uns/m/{i}", b"") for i in range(50_000)]),
        "many-groups": normal([(f"uns/{i}/a/b/c/x", b"") for i in range(20_000)] + [("zz/zarr.json", json.dumps(v3_array([1], [1])))]),
        "random-directory": plain[:start] + os.urandom(len(plain) - start),
    }
    for i in range(12):
        rng = np.random.default_rng(i)
        data = bytearray(packed if i % 2 else plain)
        for at in rng.integers(0, len(data), 30):
            data[at] = rng.integers(0, 256)
        out[f"flips-{i}"] = bytes(data)
    return out


def snapshot(top):
    seen = []
    for d, folders, files in os.walk(top):
        for n in folders + files:
            s = os.lstat(os.path.join(d, n))
            seen.append((os.path.join(d, n), s.st_mode, s.st_size, s.st_mtime_ns))
    return sorted(seen)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", required=True)
    ap.add_argument("--only", default="")
    ap.add_argument("--seconds", type=float, default=10)
    ap.add_argument("--memory", type=int, default=256)
    ap.add_argument("--all-commands", action="store_true", help="every command on every store, not on every fifth")
    ap.add_argument("--verbose", action="store_true")
    a = ap.parse_args()
    program = os.path.abspath(a.bin)
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(os.path.realpath(tmp))
        bases = {fmt: base(str(tmp / f"base{fmt}.zarr"), fmt) for fmt in (2, 3)}
        write(tmp / "secret", SECRET)
        shutil.copytree(bases[2], tmp / "other.zarr")
        stores = [(f"{name}-v{fmt}", fmt, change) for name, change in both().items() for fmt in (2, 3)]
        stores += [(f"{name}-v2", 2, change) for name, change in version2().items()]
        stores += [(f"{name}-v3", 3, change) for name, change in version3().items()]
        stores += [(f"{name}.zip", None, data) for name, data in zips(bases[3]).items()]
        for n, (name, fmt, change) in enumerate(stores):
            if a.only not in name:
                continue
            place = tmp / (f"{name}.zarr" if fmt else name)
            if fmt:
                shutil.copytree(bases[fmt], place, symlinks=True)
                change(str(place))
            else:
                write(place, change)
            before = snapshot(tmp)
            for i, (command, arguments) in enumerate(hostile.commands(place, pathlib.Path("."), a.memory)):
                # listing reads everything; the other commands take turns
                if not a.all_commands and command not in ("ls", "doctor") and (i + n) % 5:
                    continue
                with tempfile.TemporaryDirectory(prefix="hostile-") as directory:
                    directory = pathlib.Path(directory)
                    status, took, most, last = hostile.run(program, arguments, directory, a.seconds)
                    what = f"{name} {command}: status {status}, {took:.1f} s, {most:.0f} MiB: {last[:200]}"
                    if a.verbose:
                        print(what, flush=True)
                    check(f"{what} (time)", status is not None)
                    check(f"{what} (status)", status is None or status in hostile.STATUS)
                    check(f"{what} (memory)", most <= a.memory + 64)
                    check(f"{what} (secret)", SECRET.decode() not in last)
                    left = set(os.listdir(directory)) - {"stderr"}
                    wanted = {"out.h5ad", "store"} if status in (0, 1) else set()
                    check(f"{what} (left behind: {sorted(left - wanted)})", status is None or left <= wanted)
            check(f"{name} is as it was", snapshot(tmp) == before)
            if fmt:
                shutil.rmtree(place)
            else:
                os.remove(place)
    finish()


if __name__ == "__main__":
    main()
