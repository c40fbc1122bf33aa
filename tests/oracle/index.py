#!/usr/bin/env python3
"""Maps that annmap makes of HDF5 files, read by zarr and anndata through fsspec and HTTP ranges, without HDF5.

    index.py --bin target/release/annmap [FOLDER_OR_FILE...]

Files of every type, layout and filter are made here; every h5ad below the arguments is mapped as well, and what
anndata.read_zarr gives must equal what anndata.read_h5ad gives, but for what was named as left out. Needs h5py,
hdf5plugin, anndata, zarr 3, fsspec and aiohttp.
"""
import argparse
import http.server
import json
import os
import re
import subprocess
import tempfile
import threading
import warnings

import anndata as ad
import fsspec
import h5py
import hdf5plugin
import numpy as np
import pandas as pd
import scipy.sparse as sp
import zarr

from checks import check, finish
from h5ad_out import equal

warnings.filterwarnings("ignore")

served = {}
requests = {"range": 0, "whole": 0}


class Ranges(http.server.BaseHTTPRequestHandler):
    """A server of the files in `served`, in ranges."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, body):
        path = served.get(self.path)
        if path is None:
            self.send_error(404)
            return
        size = os.path.getsize(path)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, end = 0, size - 1
        if wanted:
            start, end = int(wanted[1]), min(int(wanted[2] or size - 1), size - 1)
        if start > end and size:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if body:
            requests["range" if wanted else "whole"] += 1
        self.send_response(206 if wanted else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(end - start + 1))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{end}/{size}")
        self.end_headers()
        if body:
            with open(path, "rb") as f:
                f.seek(start)
                self.wfile.write(f.read(end - start + 1))

    def log_message(self, *_):
        pass


def serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranges)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def run(binary, *args):
    return subprocess.run([binary, *map(str, args)], capture_output=True, text=True)


def mapped(binary, path, out, *options):
    """Maps a file twice; returns the report."""
    r = run(binary, "index", "--json", "--force", path, out, *options)
    check(f"index {path}: exit {r.returncode} {r.stderr[-300:]}", r.returncode == 0)
    if r.returncode:
        return None
    first = open(out, "rb").read()
    again = run(binary, "index", "--json", "--force", path, out, "--threads", "1", "--memory", "64M", *options)
    check(f"index {path}: not the same bytes again {again.stderr}", open(out, "rb").read() == first)
    return json.loads(r.stdout)


def over_http(binary, base, path, out, *options):
    """Maps a file that a server has; returns the report and the group at its root."""
    name = f"/{len(served)}.h5"
    served[name] = path
    report = mapped(binary, path, out, "--url", base + name, *options)
    if report is None:
        return None, None
    fs = fsspec.filesystem("reference", fo=out, asynchronous=True, remote_protocol="http", remote_options={"asynchronous": True})
    return report, zarr.open_group(zarr.storage.FsspecStore(fs, read_only=True, path=""), mode="r")


def same_values(got, want):
    """Whether zarr's values are those of h5py, type and bits."""
    got, want = np.asarray(got), np.asarray(want)
    if want.dtype.names and got.dtype.names == want.dtype.names:
        return all(same_values(got[n], want[n]) for n in want.dtype.names)
    if want.dtype.kind in "OT" or (want.dtype.kind == "S" and got.dtype.kind in "UOT"):
        texts = [x.decode() if isinstance(x, bytes) else str(x) for x in want.ravel()]
        return got.shape == want.shape and [str(x) for x in got.ravel()] == texts
    if got.dtype.kind != want.dtype.kind or got.dtype.itemsize != want.dtype.itemsize or got.shape != want.shape:
        return False
    return got.astype(got.dtype.newbyteorder("<")).tobytes() == want.astype(want.dtype.newbyteorder("<")).tobytes()


def numbers(rng, dtype, shape):
    dtype, n = np.dtype(dtype), int(np.prod(shape))
    if dtype.kind == "b":
        v = rng.random(n) < 0.5
    elif dtype.kind in "iu":
        v = rng.integers(0, 100, n)
    elif dtype.kind == "c":
        v = rng.normal(size=n) + 1j * rng.normal(size=n)
    else:
        v = np.where(rng.random(n) < 0.5, 0, rng.normal(size=n))
    return v.astype(dtype).reshape(shape)


TYPES = ["?", "i1", "u1", "<i2", ">u2", "<i4", ">i4", "<u8", ">i8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "<c8", ">c16"]
# name, options of create_dataset, whether the chunks stay where they are
FILTERS = [
    ("gzip", dict(compression="gzip"), True),
    ("gzip9", dict(compression="gzip", compression_opts=9, shuffle=True), True),
    ("shuffled", dict(shuffle=True), True),
    ("checked", dict(fletcher32=True), True),
    ("all", dict(compression="gzip", shuffle=True, fletcher32=True), True),
    ("lzf", dict(compression="lzf"), False),
    ("lzfs", dict(compression="lzf", shuffle=True), False),
    ("szip", dict(compression="szip"), False),
    ("zstd", dict(hdf5plugin.Zstd()), True),
    ("zstds", dict(shuffle=True, **hdf5plugin.Zstd(clevel=9)), True),
    ("bzip2", dict(hdf5plugin.BZip2()), True),
    ("lz4", dict(hdf5plugin.LZ4()), False),
    ("bitshuffle", dict(hdf5plugin.Bitshuffle()), False),
    ("blosc2", dict(hdf5plugin.Blosc2()), False),
    *((f"blosc_{c}", dict(hdf5plugin.Blosc(cname=c, shuffle=s)), True) for c, s in (("lz4", 1), ("lz4hc", 2), ("blosclz", 1), ("zlib", 0), ("zstd", 2))),
]


def make_types(path, rng, libver):
    """Every type of number, in one piece, in chunks, with and without filters; returns which have ranges."""
    ranges = {}
    with h5py.File(path, "w", libver=libver) as f:
        for n, t in enumerate(TYPES):
            v = numbers(rng, t, (37, 5))
            f.create_dataset(f"plain/{n}", data=v)
            f.create_dataset(f"chunked/{n}", data=v, chunks=(10, 3))
            for name, how, kept in FILTERS[:5] if n else FILTERS[:0]:
                f.create_dataset(f"{name}/{n}", data=v, chunks=(10, 3), **how)
            ranges.update({f"plain/{n}": True, f"chunked/{n}": True})
        for name, how, kept in FILTERS:
            for t in ("<i4", "<f8", ">f4"):
                # filters skip chunks that would grow
                v = rng.integers(0, 4, (1000, 3)).astype(t)
                if name == "szip" and ("szip" not in h5py.filters.encode):
                    continue
                f.create_dataset(f"filters/{name}{t[1:]}", data=v, chunks=(128, 3), **how)
                ranges[f"filters/{name}{t[1:]}"] = kept
        f.create_dataset("filters/offset", data=numbers(rng, "<i4", 1000), chunks=(100,), scaleoffset=0)
        ranges["filters/offset"] = False
    return ranges


def make_shapes(path, rng, libver):
    """Shapes, holes, masks, strings, compounds: what is not a plain array of numbers."""
    refused = []
    with h5py.File(path, "w", libver=libver, userblock_size=512) as f:
        f["scalar"] = np.float32(1.5)
        f["empty"] = np.zeros((0,), "f4")
        f["none"] = np.zeros((3, 0), "i8")
        f["cube"] = numbers(rng, "<i2", (3, 4, 5))
        f.create_dataset("cubes", data=numbers(rng, "<i2", (7, 4, 9)), chunks=(2, 3, 4), compression="gzip")
        f.create_dataset("grown", data=np.arange(5), maxshape=(None,), chunks=(100,))
        d = f.create_dataset("holes", (100, 10), "<f4", chunks=(10, 5), fillvalue=np.nan, compression="gzip")
        d[15:20, :3] = 1
        d = f.create_dataset("holes7", (100,), ">i4", chunks=(10,), fillvalue=-7)
        d[50] = 3
        f.create_dataset("never", (100,), "<i4", chunks=(10,), fillvalue=5)
        f.create_dataset("unwritten", (100,), "<f8", fillvalue=2.5)
        d = f.create_dataset("masks", (50,), "<i4", chunks=(10,), compression="gzip", shuffle=True, fletcher32=True)
        d[:] = np.arange(50)
        raw = np.arange(50, 60, dtype="<i4")
        d.id.write_direct_chunk((20,), raw.tobytes(), 0b111)
        d = f.create_dataset("skipped", (30,), "<i4", chunks=(10,), compression="lzf")
        for n in range(3):
            d.id.write_direct_chunk((10 * n,), (raw + n).tobytes(), 1)
        d = f.create_dataset("mixed", (30,), "<i4", chunks=(10,), **hdf5plugin.Zstd())
        d[:] = np.arange(30)
        d.id.write_direct_chunk((10,), raw.tobytes(), 1)
        f.create_dataset("big", data=numbers(rng, "<f4", (1 << 20, 5)))
        f.create_dataset("prime", data=numbers(rng, "<f4", 3_000_017))
        f["string"] = "Größe"
        f["strings"] = np.array(["a", "", "日本語", "x" * 300], object)
        f.create_dataset("strings2", data=np.array([["a", "b"], ["c", "d"]], object), dtype=h5py.string_dtype())
        f.create_dataset("many", data=np.array([f"cell {n}" for n in range(100_000)], object), compression="gzip")
        f["fixed"] = np.array([b"ab", b"", b"xyz"], "S4")
        f["time"] = np.array([1, 2, 3], "<M8[ns]").astype(h5py.opaque_dtype("<M8[ns]"))
        f["void"] = np.array([b"ab", b"cd"], "V2")
        f["enum"] = np.array([1, 2], h5py.enum_dtype({"a": 1, "b": 2}, "i2"))
        f["bits"] = np.array([1, 0, 1], bool)
        f["record"] = np.array([(1, 2.5, True, b"ab"), (3, 4.5, False, b"c")], [("a", "<i4"), ("b", ">f8"), ("c", "?"), ("d", "S3")])
        f["aligned"] = np.array([(1, 2.5), (3, 4.5)], np.dtype([("a", "i1"), ("b", "<f8")], align=True))
        f["texts"] = np.array([("a", 1), ("Größe", 2)], [("t", h5py.string_dtype()), ("n", "<i8")])
        f["arrays"] = np.array([((1, 2), 3)] * 4, [("a", "<i4", 2), ("b", "<i4")])
        f.create_dataset("pairs", (4,), np.dtype(("<i4", (2,))))[:] = np.arange(8).reshape(4, 2)
        f.create_dataset("lists", (2,), h5py.vlen_dtype("i4"))[0] = [1, 2]
        f["reference"] = f["scalar"].ref
        f["nothing"] = h5py.Empty("f4")
        f["group/a"] = np.arange(3)
        f["alias"] = f["group"]
        f["soft"] = h5py.SoftLink("/group/a")
        f["broken"] = h5py.SoftLink("/nowhere")
        f["group/back"] = f["/"]
        a = f["scalar"].attrs
        a["text"], a["texts"], a["number"], a["numbers"] = "é\"\\\n", ["a", "b"], 1.5, [[1, 2], [3, 4]]
        a["yes"], a["none"], a["big"], a["nan"] = True, np.zeros(0), np.uint64(2**64 - 1), np.float32(np.nan)
        refused = ["/arrays", "/lists", "/reference", "/nothing", "/broken", "/group/back", "/alias/back"]
    return refused


def arrays(f):
    found = {}
    f.visititems(lambda name, node: found.update({name: node}) if isinstance(node, h5py.Dataset) else None)
    return found


def expected(node):
    v = node[()]
    kind = h5py.check_opaque_dtype(node.dtype)
    if kind:
        return np.asarray(v).astype(node.dtype)
    if h5py.check_string_dtype(node.dtype) and node.dtype.kind == "O":
        return node.asstr()[()]
    return v


def made(binary, base, tmp, rng):
    """Files made here: every array equals what h5py reads."""
    for libver in ("earliest", "latest"):
        path, out = os.path.join(tmp, f"types-{libver}.h5"), os.path.join(tmp, "types.json")
        ranges = make_types(path, rng, libver)
        report, root = over_http(binary, base, path, out)
        if root is None:
            continue
        check(f"types {libver}: left out {report['left_out']}", not report["left_out"])
        refs = json.load(open(out))["refs"]
        with h5py.File(path) as f:
            for name, node in arrays(f).items():
                check(f"types {libver} /{name}", same_values(root[name][()], node[()]))
                if name in ranges:
                    chunks = [v for k, v in refs.items() if k.startswith(f"{name}/") and "/.z" not in k]
                    kept = all(isinstance(v, list) for v in chunks)
                    check(f"types {libver} /{name}: {len(chunks)} chunks, ranges {kept}", chunks and kept == ranges[name])
        path, out = os.path.join(tmp, f"shapes-{libver}.h5"), os.path.join(tmp, "shapes.json")
        refused = make_shapes(path, rng, libver)
        report, root = over_http(binary, base, path, out)
        if root is None:
            continue
        gone = [x["path"] for x in report["left_out"]]
        check(f"shapes {libver}: left out {sorted(gone)}", sorted(gone) == sorted(refused))
        with h5py.File(path) as f:
            for name, node in arrays(f).items():
                if f"/{name}" in gone:
                    check(f"shapes {libver} /{name} is there", name not in root)
                    continue
                got, want = root[name][()], expected(node)
                check(f"shapes {libver} /{name}: {got!r:.100} and {want!r:.100}", same_values(got, want))
                shape = root[name].shape
                check(f"shapes {libver} /{name}: dimensions", len(root[name].attrs["_ARRAY_DIMENSIONS"]) == len(shape))
            attributes = dict(root["scalar"].attrs)
            nan = attributes.pop("nan")
            attributes.pop("_ARRAY_DIMENSIONS")
            want = dict(text="é\"\\\n", texts=["a", "b"], number=1.5, numbers=[[1, 2], [3, 4]], yes=True, none=[], big=2**64 - 1)
            check(f"shapes {libver}: attributes {attributes}", attributes == want and nan != nan)
        check(f"shapes {libver}: aliases", same_values(root["alias/a"][()], root["soft"][()]))


def without(adata, left_out):
    """The object without what was named as left out."""
    parts = {}
    for name in ("X", "obs", "var", "raw"):
        parts[name] = getattr(adata, name)
    for name in ("obsm", "varm", "obsp", "varp", "layers", "uns"):
        parts[name] = dict(getattr(adata, name))
    for path in left_out:
        names = path.strip("/").split("/")
        if len(names) == 1:
            parts[names[0]] = {} if isinstance(parts[names[0]], dict) else None
            continue
        at = parts[names[0]]
        for name in names[1:-1]:
            at = at[name]
        if isinstance(at, pd.DataFrame):
            parts[names[0]] = at.drop(columns=names[-1])
        else:
            at.pop(names[-1], None)
    return parts


def same(adata, parts, what):
    for name, want in parts.items():
        got = getattr(adata, name)
        if name == "raw":
            check(f"{what}: raw", (got is None) == (want is None))
            if got is not None and want is not None:
                for part in ("X", "var"):
                    found = equal(getattr(got, part), getattr(want, part), what, f"raw/{part}")
                    check(f"{what}: {found}", found is None)
            continue
        if want is None:
            check(f"{what}: {name} is there", got is None)
            continue
        found = equal(dict(got) if isinstance(want, dict) else got, want, what, name)
        check(f"{what}: {found}", found is None)


def one(binary, base, path, tmp):
    """An h5ad: anndata reads the same through its map."""
    name, out = os.path.basename(path), os.path.join(tmp, "one.json")
    try:
        want = ad.read_h5ad(path)
    except Exception as e:
        print(f"anndata does not read {name}: {str(e).splitlines()[0][:100]}")
        return 0
    report, root = over_http(binary, base, path, out)
    if root is None:
        return 0
    gone = [x["path"] for x in report["left_out"]]
    if gone:
        print(f"{name}: left out {gone}")
    try:
        got = ad.read_zarr(root)
    except Exception as e:
        check(f"{name}: anndata says {type(e).__name__} {str(e)[:300]} (left out {gone})", False)
        return 1
    same(got, without(want, gone), name)
    with h5py.File(path) as f:
        for part, node in arrays(f).items():
            if (part.startswith(("X", "obsm/")) or part.endswith("/codes")) and part in root and node.dtype.names is None:
                check(f"{name} /{part}", same_values(root[part][()], expected(node)))
    return 1


def local(binary, base, tmp):
    """A map without a URL is read on this machine; a map of a relative name in a folder of a server."""
    x = ad.AnnData(sp.random(50, 30, 0.2, "csr", dtype="f4"), obs=pd.DataFrame({"a": pd.Categorical(["x", "y"] * 25)}, index=[f"c{n}" for n in range(50)]))
    path = os.path.join(tmp, "a b.h5ad")
    x.write_h5ad(path, compression="gzip")
    out = os.path.join(tmp, "local.json")
    mapped(binary, path, out)
    root = zarr.open_group("reference://", mode="r", storage_options={"fo": out})
    same(ad.read_zarr(root), without(x, []), "local")
    served["/folder/a.h5ad"] = path
    mapped(binary, path, out, "--url", "a.h5ad")
    options = dict(path=f"{base}/folder", target_protocol="http", target_options={"asynchronous": True}, asynchronous=True)
    root = zarr.open_group("reference://", mode="r", storage_options=dict(fo=out, remote_protocol="dir", remote_options=options))
    same(ad.read_zarr(root), without(x, []), "below a folder of a server")
    # nothing may be inlined: the strings go, and with them the tables
    report = mapped(binary, path, out, "--inline", "0")
    gone = sorted(x["path"] for x in report["left_out"])
    check(f"nothing inlined: {gone}", gone == ["/obs", "/var"])
    r = run(binary, "index", path, out)
    check(f"an output that exists: {r.stderr}", r.returncode == 5 and "--force" in r.stderr)
    x.write_zarr(os.path.join(tmp, "a.zarr"))
    r = run(binary, "index", os.path.join(tmp, "a.zarr"), os.path.join(tmp, "z.json"))
    check(f"zarr: exit {r.returncode} {r.stderr}", r.returncode == 4 and not os.path.exists(os.path.join(tmp, "z.json")))


def files(places):
    for place in places:
        if os.path.isfile(place):
            yield place
        for root, _, names in sorted(os.walk(place)):
            yield from (os.path.join(root, n) for n in sorted(names) if n.endswith(".h5ad"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("places", nargs="*")
    args = parser.parse_args()
    base, read = serve(), 0
    with tempfile.TemporaryDirectory() as tmp:
        made(args.bin, base, tmp, np.random.default_rng(0))
        local(args.bin, base, tmp)
        for path in files(args.places):
            read += one(args.bin, base, path, tmp)
    print(f"{read} h5ad, {requests['range']} requests of ranges, {requests['whole']} of whole files")
    check("a whole file was asked for", requests["whole"] == 0)
    finish()


if __name__ == "__main__":
    main()
