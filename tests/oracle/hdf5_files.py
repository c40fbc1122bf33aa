#!/usr/bin/env python3
"""HDF5 files made here with h5py, read by annmap and by h5py: every chunk index, filter, number, and large groups.

    hdf5_files.py --bin target/release/annmap

Needs numpy, h5py and hdf5plugin.
"""
import argparse
import itertools
import json
import os
import subprocess
import tempfile
import time
import zlib

import h5py
import hdf5plugin
import numpy as np

from checks import check, finish


def canonical(v):
    """Tight little-endian bytes of numbers, whatever their order and padding."""
    if v.dtype.names:
        tight = np.empty(v.shape, [(k, v.dtype[k].newbyteorder("<")) for k in v.dtype.names])
        for k in v.dtype.names:
            tight[k] = v[k]
        return tight.tobytes()
    return np.ascontiguousarray(v, v.dtype.newbyteorder("<")).tobytes()


def compare(binary, path, what):
    """Every dataset and attribute that h5py reads in `path` must read the same; how many there are is returned."""
    r = subprocess.run([binary, "ls", "--crc", "--json", path], capture_output=True, text=True)
    check(f"{what}: exit {r.returncode} {r.stderr}", r.returncode == 0)
    lines = list(map(json.loads, r.stdout.splitlines()))
    ours = {(x["path"], x.get("attr")): x for x in lines}
    n = 0
    with h5py.File(path) as f:

        def visit(name, o):
            nonlocal n
            if isinstance(o, h5py.Dataset):
                got = ours.get(("/" + name, None), {})
                check(f"{what} /{name}: {got}", got.get("crc") == zlib.crc32(canonical(o[()])) and got["shape"] == list(o.shape))
                n += 1
            for k, v in o.attrs.items():
                got = ours.get(("/" + name, k), {})
                check(f"{what} /{name} @{k}: {got}", got.get("crc") == zlib.crc32(canonical(np.asarray(v))))
                n += 1

        f.visititems(visit)
    return n


def written(path, fill):
    """Whether h5py can write what `fill` puts into a new file, and read it again. In a process of its own: h5py does
    not survive a filter that fails."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            with h5py.File(path, "w") as f:
                fill(f)
                f.flush()
            with h5py.File(path) as f:
                f.visititems(lambda _, o: o[()] if isinstance(o, h5py.Dataset) else None)
            os._exit(0)
        except (OSError, ValueError, TypeError, RuntimeError):
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def codecs():
    codecs = {
        "lz4": hdf5plugin.LZ4(), "lz4 small": hdf5plugin.LZ4(nbytes=512), "zstd": hdf5plugin.Zstd(), "zstd 19": hdf5plugin.Zstd(clevel=19),
        "bitshuffle": hdf5plugin.Bitshuffle(cname="none"), "bitshuffle lz4": hdf5plugin.Bitshuffle(cname="lz4"),
        "bitshuffle zstd": hdf5plugin.Bitshuffle(cname="zstd"), "bitshuffle blocks": hdf5plugin.Bitshuffle(nelems=64, cname="lz4"),
    }
    for cname in ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"):
        for shuffle in (0, 1, 2):
            for level in (1, 5, 9):
                try:
                    codecs[f"blosc {cname} {shuffle} {level}"] = hdf5plugin.Blosc(cname=cname, clevel=level, shuffle=shuffle)
                except ValueError:
                    pass
    for cname in ("blosclz", "lz4", "lz4hc", "zlib", "zstd"):
        for kind in (hdf5plugin.Blosc2.NOFILTER, hdf5plugin.Blosc2.SHUFFLE, hdf5plugin.Blosc2.BITSHUFFLE, hdf5plugin.Blosc2.DELTA):
            for level in (0, 1, 5, 9):
                codecs[f"blosc2 {cname} {kind} {level}"] = hdf5plugin.Blosc2(cname=cname, clevel=level, filters=kind)
    for level in (1, 9):
        codecs[f"bzip2 {level}"] = hdf5plugin.BZip2(blocksize=level)
    codecs["scale-offset"] = {"scaleoffset": 0}
    codecs["lzf"], codecs["gzip"] = {"compression": "lzf"}, {"compression": "gzip"}
    if h5py.h5z.filter_avail(h5py.h5z.FILTER_SZIP):
        for coding in ("nn", "ec"):
            for pixels in (4, 8, 16, 32):
                codecs[f"szip {coding} {pixels}"] = {"compression": "szip", "compression_opts": (coding, pixels)}
    else:
        print("this h5py cannot write szip")
    return codecs


def filters(binary, tmp, rng):
    """Every filter we undo, alone, behind shuffle, and in pairs, on lengths that fit and that do not."""
    values = {
        "i4": np.cumsum(rng.integers(0, 9, 50_003)).astype("i4"),
        "f4": rng.poisson(0.5, 20_011).astype("f4"),
        "u1": rng.integers(0, 3, 9_001).astype("u1"),
        "f8": rng.random(5_003),
        "i2": np.zeros(70_000, "i2"),
        "i8": np.cumsum(rng.integers(-9, 1000, 3_000)),
        "u2big": rng.integers(0, 4000, 5_000).astype(">u2"),
        "u4": np.repeat(rng.integers(0, 2**32, 300, dtype="u8").astype("u4"), 41),
        "wide": np.array([(i, i * 0.5, i % 7) for i in range(3001)], dtype=[("a", "i8"), ("b", "f8"), ("c", "i1")]),
    }
    path = os.path.join(tmp, "f.h5")
    refused, n = set(), 0
    for (name, codec), (kind, v) in itertools.product(codecs().items(), values.items()):

        def datasets(f):
            for chunk in (1000, len(v)):
                f.create_dataset(f"{name}/{kind} {chunk}", data=v, chunks=(chunk,), **codec)
                f.create_dataset(f"{name} shuffled/{kind} {chunk}", data=v, chunks=(chunk,), shuffle=True, fletcher32=True, **codec)

        if written(path, datasets):
            n += compare(binary, path, "filters")
        else:
            refused.add(f"{name} {kind}")
    print(f"h5py cannot write {len(refused)} combinations")
    check(f"filters: {n} datasets", n > 3000)

    # any two, one upon the other
    ids = {
        "shuffle": (2, ()), "gzip": (1, (4,)), "fletcher32": (3, ()), "lzf": (32000, ()), "szip": (4, (32, 16)), "nbit": (5, ()),
        "lz4": (32004, (0,)), "zstd": (32015, (3,)), "bzip2": (307, (9,)), "blosc": (32001, (0, 0, 0, 0, 5, 1, 0)),
        "blosc2": (32026, (0, 0, 0, 0, 5, 1, 1)), "bitshuffle": (32008, (0, 2)), "bitshuffle plain": (32008, (0, 0)),
    }
    v = np.repeat(np.arange(1200, dtype="i4"), 3)
    n = 0
    for order in itertools.permutations(ids, 2):
        if order[1] == "szip" and order[0] not in ("shuffle", "fletcher32"):
            continue  # libhdf5's szip loses the bytes behind the last whole number

        def pile(f):
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_chunk((1000,))
            for k in order:
                plist.set_filter(ids[k][0], h5py.h5z.FLAG_MANDATORY, ids[k][1])
            space = h5py.h5s.create_simple((len(v),))
            d = h5py.h5d.create(f.id, " ".join(order).encode(), h5py.h5t.NATIVE_INT32, space, plist)
            d.write(h5py.h5s.ALL, h5py.h5s.ALL, v)

        if written(path, pile):
            n += compare(binary, path, "piles")
        else:
            print(f"h5py cannot write {order}")
    check(f"{n} piles", n > 100)


def packed(binary, tmp, rng):
    """n-bit of every precision, offset and order, in compounds and arrays; scale-offset of integers, floats and fill values; szip of every width."""
    path = os.path.join(tmp, "p.h5")
    n = 0
    with h5py.File(path, "w") as f:

        def store(name, dtype, v, id, values, fill=None):
            nonlocal n
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_chunk((700,))
            plist.set_filter(id, h5py.h5z.FLAG_MANDATORY, values)
            if fill is not None:
                plist.set_fill_value(fill)
            try:
                d = h5py.h5d.create(f.id, name.encode(), dtype, h5py.h5s.create_simple((len(v),)), plist)
            except ValueError:
                return  # libhdf5 does not create types of which most bits are unused
            d.write(h5py.h5s.ALL, h5py.h5s.ALL, v)
            n += 1

        for base in ("STD_I8LE", "STD_U8BE", "STD_I16LE", "STD_I16BE", "STD_U32LE", "STD_I32BE", "STD_U64LE", "STD_I64BE"):
            size = getattr(h5py.h5t, base).get_size()
            for precision in {1, 3, 7, 8, 5 * size, 8 * size - 1, 8 * size}:
                for offset in {0, 1, 8 * size - precision}:
                    if offset < 0 or offset + precision > 8 * size:
                        continue
                    t = getattr(h5py.h5t, base).copy()
                    t.set_precision(precision)
                    t.set_offset(offset)
                    signed = "I" in base.split("_")[1]
                    top = precision - signed
                    v = rng.integers(-(2**top) if signed else 0, 2**top, 2000, dtype="i8" if top < 64 and signed else "u8", endpoint=False)
                    store(f"nbit {base} {precision} {offset}", t, v, 5, ())
        inner = np.dtype([("a", "<i2"), ("b", ">u4", (3,)), ("c", "S3")])
        t = h5py.h5t.py_create(inner, logical=True)
        v = np.zeros(1500, inner)
        v["a"], v["b"], v["c"] = rng.integers(-99, 99, 1500), rng.integers(0, 2**20, (1500, 3)), b"xyz"
        store("nbit compound", t, v, 5, ())
        for kind in ("i1", "u1", "<i2", ">i2", "<u2", "<i4", ">u4", "<i8", ">u8"):
            v = rng.integers(0, 100, 3000).astype(kind)
            f.create_dataset(f"offset {kind}", data=v, chunks=(700,), scaleoffset=0)
            f.create_dataset(f"offset bits {kind}", data=v, chunks=(700,), scaleoffset=7)
            f.create_dataset(f"offset fill {kind}", data=v, chunks=(700,), scaleoffset=0, fillvalue=v[7])
            f.create_dataset(f"offset one {kind}", data=np.full(900, 3, kind), chunks=(700,), scaleoffset=0)
            whole = np.frombuffer(rng.bytes(3000 * np.dtype(kind).itemsize), kind)
            f.create_dataset(f"offset all bits {kind}", data=whole, chunks=(700,), scaleoffset=0)
            f.create_dataset(f"offset wide {kind}", shape=(40, 30), dtype=kind, chunks=(7, 9), scaleoffset=0)[5:9, 3:] = 3
            n += 6
        for kind in ("<f4", ">f4", "<f8", ">f8"):
            v = (rng.normal(0, 50, 3000)).astype(kind)
            for decimals in (1, 2, 5):
                f.create_dataset(f"decimals {decimals} {kind}", data=v, chunks=(700,), scaleoffset=decimals)
                f.create_dataset(f"decimals fill {decimals} {kind}", data=v, chunks=(700,), scaleoffset=decimals, fillvalue=v[9])
                n += 2
        for kind in ("i1", "u1", "<i2", ">i2", "<u4", ">i4", "<i8", ">u8", "<f4", ">f4", "<f8"):
            for coding in ("nn", "ec"):
                for pixels in (2, 8, 10, 32):
                    for width in (13, 32, 700):
                        v = np.cumsum(rng.integers(0, 5, 9 * width)).astype(kind).reshape(9, width)
                        v[3] = 7
                        try:
                            f.create_dataset(f"szip {kind} {coding} {pixels} {width}", data=v, chunks=(4, width), compression="szip", compression_opts=(coding, pixels))
                            n += 1
                        except (OSError, ValueError):
                            pass
    check(f"packed: {n}", compare(binary, path, "packed") == n and n > 300)


def indexes(binary, tmp, rng):
    """Every chunk index with 1 to 100,000 chunks, with and without filters, whole and with holes."""
    shapes = {
        "fixed": lambda c: ((c * 3,), (c * 3,)), "extensible": lambda c: ((c * 3,), (None,)), "two": lambda c: ((c, 3), (None, None)),
        "implicit": lambda c: ((c * 3,), (c * 3,)),
    }
    for libver in ("earliest", "latest"):
        path = os.path.join(tmp, f"i{libver}.h5")
        n = 0
        with h5py.File(path, "w", libver=libver) as f:
            for (kind, shape), count, packed in itertools.product(shapes.items(), (1, 2, 63, 1025, 20_000, 100_000, 300_000), (False, True)):
                if kind == "implicit" and packed:
                    continue
                dims, most = shape(count)
                plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                plist.set_chunk((3,) if len(dims) == 1 else (1, 3))
                if packed:
                    plist.set_shuffle()
                if kind == "implicit":
                    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
                space = h5py.h5s.create_simple(dims, tuple(h5py.h5s.UNLIMITED if m is None else m for m in most))
                d = h5py.Dataset(h5py.h5d.create(f.id, f"{kind} {count} {packed}".encode(), h5py.h5t.STD_I32LE, space, plist))
                v = rng.integers(0, 1000, dims, dtype="i4")
                if count > 2000 and packed:
                    # holes: only some of the chunks are there
                    for start in range(0, dims[0], dims[0] // 40):
                        d[start : start + dims[0] // 90] = v[start : start + dims[0] // 90]
                else:
                    d[...] = v
                n += 1
            # 12 dimensions, edges everywhere; edge chunks left without filters
            d = f.create_dataset("twelve", data=np.arange(3**8 * 16, dtype="u2").reshape((3,) * 8 + (2,) * 4), chunks=(2,) * 12, compression="gzip")
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_chunk((10, 7))
            plist.set_deflate(4)
            try:
                plist.set_chunk_opts(2)
            except AttributeError:
                pass
            edge = h5py.Dataset(h5py.h5d.create(f.id, b"edges", h5py.h5t.STD_I32LE, h5py.h5s.create_simple((25, 20)), plist))
            edge[...] = np.arange(500).reshape(25, 20)
            n += 2
        check(f"indexes {libver}: {n}", compare(binary, path, f"indexes {libver}") == n)


def groups(binary, tmp):
    """70,000 links and 10,000 attributes, old and new; version 1 B-trees three levels deep."""
    for libver in ("earliest", "latest"):
        path = os.path.join(tmp, f"g{libver}.h5")
        with h5py.File(path, "w", libver=libver) as f:
            shared = f.create_dataset("one", data=np.arange(5))
            many = f.create_group("many")
            for i in range(70_000):
                many[f"link {i}"] = shared
            rich = f.create_group("rich", track_order=libver == "latest")
            for i in range(10_000 if libver == "latest" else 600):
                rich.attrs[f"a{i}"] = np.int32(i)
            for i in range(200):
                f.create_group(f"group {i}/inside {i}")
        started = time.time()
        r = subprocess.run([binary, "ls", "--json", path], capture_output=True, text=True)
        check(f"groups {libver}: exit {r.returncode} {r.stderr}", r.returncode == 0)
        lines = list(map(json.loads, r.stdout.splitlines()))
        links = {x["path"] for x in lines if "attr" not in x}
        check(f"groups {libver}: links", {f"/many/link {i}" for i in range(70_000)} <= links)
        attributes = {x["attr"] for x in lines if x["path"] == "/rich" and "attr" in x}
        check(f"groups {libver}: attributes", len(attributes) == (10_000 if libver == "latest" else 600))
        check(f"groups {libver}: {time.time() - started:.1f} s", time.time() - started < 30)


def numbers(binary, tmp, rng):
    """Every width and order of integers and floats, odd ones of both, as datasets and attributes."""
    path = os.path.join(tmp, "n.h5")
    n = 0
    with h5py.File(path, "w") as f:
        for kind in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"):
            for order in "<>":
                v = rng.integers(0, 100, 77).astype(order + kind)
                f[order + kind] = v
                f[order + kind].attrs["a"] = v[:5]
                f.create_dataset(f"{order}{kind} little", data=v, chunks=(10,))
                f.create_dataset(f"{order}{kind} scalar", data=v[0])
                f.create_dataset(f"{order}{kind} empty", data=v[:0])
                n += 5
        for size, precision, offset in ((4, 20, 3), (8, 33, 5), (2, 9, 0), (4, 32, 0), (1, 5, 2)):
            for base in ("STD_I{}LE", "STD_I{}BE", "STD_U{}LE", "STD_U{}BE"):
                t = getattr(h5py.h5t, base.format(8 * size)).copy()
                t.set_precision(precision)
                t.set_offset(offset)
                signed = "I" in base[4:5]
                v = rng.integers(-(2 ** (precision - 1)) if signed else 0, 2 ** (precision - 1), 50)
                try:
                    d = h5py.h5d.create(f.id, f"{base} {size} {precision}".encode(), t, h5py.h5s.create_simple((50,)))
                except ValueError:
                    continue  # libhdf5 does not create types of which most bits are unused
                d.write(h5py.h5s.ALL, h5py.h5s.ALL, v)
                n += 1
    check(f"numbers: {n}", compare(binary, path, "numbers") == n)


def elsewhere(binary, tmp, rng):
    """Random virtual datasets over strided, shifted and reshaped parts of other files, and raw data outside."""
    parts = [f"part{i}.h5" for i in range(4)]
    values = [rng.integers(-999, 999, (12, 10)).astype("i4") for _ in parts]
    for name, v in zip(parts, values):
        with h5py.File(os.path.join(tmp, name), "w") as f:
            f.create_dataset("x", data=v, chunks=(5, 3), compression="gzip")
    n = 0
    for libver in ("earliest", "v110", "latest"):
        path = os.path.join(tmp, f"virtual {libver}.h5")
        with h5py.File(path, "w", libver=libver) as f:
            for i in range(40):
                shape = tuple(int(k) for k in rng.integers(12, 40, int(rng.integers(1, 4))))
                layout, taken = h5py.VirtualLayout(shape, "i4"), np.zeros(shape, bool)
                for _ in range(int(rng.integers(1, 5))):
                    rows, columns = (slice(int(rng.integers(0, 3)), None, int(rng.integers(1, 4))) for _ in range(2))
                    source = h5py.VirtualSource(str(rng.choice(parts)), "x", (12, 10))[rows, columns]
                    counts = [len(range(12)[rows]), len(range(10)[columns])]
                    here = []
                    if len(shape) == 1:
                        counts = [counts[0] * counts[1]]
                        if counts[0] > shape[0]:
                            continue
                    for size, count in zip(shape[-len(counts):], counts):
                        step = int(rng.integers(1, max(2, (size - 1) // max(1, count - 1) + 1))) if count > 1 else 1
                        span = (count - 1) * step + 1
                        start = int(rng.integers(0, size - span + 1))
                        here.append(slice(start, start + span, step))
                    if len(shape) == 3:
                        here.insert(0, int(rng.integers(0, shape[0])))
                    # libhdf5 has no rule for parts that overlap
                    if not taken[tuple(here)].any():
                        taken[tuple(here)] = True
                        layout[tuple(here)] = source
                f.create_virtual_dataset(f"v{i}", layout, fillvalue=int(rng.integers(-9, 9)))
                n += 1
        check(f"virtual {libver}", compare(binary, path, f"virtual {libver}") == 40)
    raw = rng.integers(0, 255, 400).astype("u1")
    raw.tofile(os.path.join(tmp, "raw.bin"))
    path = os.path.join(tmp, "raw.h5")
    with h5py.File(path, "w") as f:
        f.create_dataset("x", (9, 10), "i4", external=[("raw.bin", 100, 80), ("raw.bin", 3, 97), ("raw.bin", 200, h5py.h5f.UNLIMITED)])
    bytes_ = np.concatenate([raw[100:180], raw[3:100], raw[200:400]])[: 9 * 10 * 4]
    expected = np.concatenate([bytes_, np.zeros(360 - len(bytes_), "u1")])
    r = subprocess.run([binary, "ls", "--crc", "--json", path], capture_output=True, text=True)
    got = [json.loads(line) for line in r.stdout.splitlines()][-1]
    check(f"raw data outside: {got}", got.get("crc") == zlib.crc32(expected.tobytes()))


def giant(binary, tmp):
    """A million chunks: opening takes under a second and 200 MB."""
    path = os.path.join(tmp, "million.h5")
    for libver in ("earliest", "latest"):
        with h5py.File(path, "w", libver=libver) as f:
            d = f.create_dataset("X", shape=(4_000_000,), chunks=(4,), dtype="i4", maxshape=(None,))
            one = np.arange(4, dtype="i4").tobytes()
            for i in range(1_000_000):
                d.id.write_direct_chunk((4 * i,), one)
        started = time.time()
        r = subprocess.run(["/usr/bin/env", "bash", "-c", f"ulimit -v 1000000; exec {binary} ls {path} /X"], capture_output=True, text=True)
        took = time.time() - started
        check(f"a million chunks {libver}: {took:.2f} s {r.stderr}", r.returncode == 0 and took < 1)
        check(f"a million chunks {libver}: values", compare(binary, path, "million") == 1)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", required=True)
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    binary, rng = os.path.abspath(a.bin), np.random.default_rng(a.seed)
    with tempfile.TemporaryDirectory() as tmp:
        for part in (numbers, elsewhere, packed, filters, indexes):
            started = time.time()
            part(binary, tmp, rng)
            print(f"{part.__name__}: {time.time() - started:.0f} s", flush=True)
        for part in (groups, giant):
            started = time.time()
            part(binary, tmp)
            print(f"{part.__name__}: {time.time() - started:.0f} s", flush=True)
    finish()


if __name__ == "__main__":
    main()
