#!/usr/bin/env python3
"""Make the fixtures beside this script, and expected.json with what h5py and anndata read from them.

Needs h5py 3, anndata 0.12, numpy, scipy and pandas. The tests need none of these: the files are committed.
"""
import json
import os
import zlib

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp

HERE = os.path.dirname(os.path.abspath(__file__))
EXPECTED = {"crc": {}, "stores": {}}
rng = np.random.default_rng(7)


def path(name):
    return os.path.join(HERE, name)


def note(file, name, values, text=False):
    """The CRC-32 of the canonical bytes of `values`: numbers little-endian, variable strings ended by NUL."""
    if text:
        raw = b"".join(v.encode() + b"\0" for v in values)
    else:
        values = np.asarray(values)
        raw = values.astype(values.dtype.newbyteorder("<")).tobytes()
    EXPECTED["crc"].setdefault(file, {})[name] = zlib.crc32(raw)


def note_store(file, matrix, m):
    """What a store of this matrix holds."""
    if isinstance(m, np.ndarray):
        m = sp.csr_matrix(m)
    EXPECTED["stores"].setdefault(file, {})[matrix] = {
        "encoding": f"{m.format}_matrix",
        "shape": list(m.shape),
        "dtype": m.dtype.name,
        "data": [float(v) if np.isfinite(v) else str(v) for v in m.data],
        "indices": m.indices.tolist(),
        "indptr": m.indptr.tolist(),
    }


def counts(rows, columns, dtype="float32", density=0.2):
    m = sp.random(rows, columns, density=density, format="csr", random_state=rng, dtype="float64")
    m.data = np.ceil(m.data * 9)
    return m.astype(dtype)


def anndata_current():
    n, g = 60, 25
    obs = pd.DataFrame(
        {
            "cell_type": pd.Categorical(rng.choice(["B cell", "T cell", "NK"], n)),
            "stage": pd.Categorical(rng.choice(["low", "mid", "high"], n), categories=["low", "mid", "high"], ordered=True),
            "donor": pd.Categorical([None if i % 7 == 0 else f"d{i % 3}" for i in range(n)]),
            "score": rng.random(n),
            "count": pd.array([None if i % 5 == 0 else i for i in range(n)], dtype="Int32"),
            "flag": pd.array([None if i % 9 == 0 else i % 2 == 0 for i in range(n)], dtype="boolean"),
            "passed": rng.random(n) > 0.5,
            "note": [f"näme {i}" for i in range(n)],
        },
        index=[f"cell{i}-1" for i in range(n)],
    )
    var = pd.DataFrame({"symbol": [f"G{i}" for i in range(g)]}, index=pd.Index([f"ENSG{i:05d}" for i in range(g)], name="gene_id"))
    x = counts(n, g)
    a = ad.AnnData(X=x, obs=obs, var=var)
    a.layers["csc"] = counts(n, g, "int16").tocsc()
    dense = counts(n, g, "float64").toarray()
    dense[0, 0], dense[1, 1] = np.nan, -0.0
    a.layers["dense"] = dense
    a.raw = ad.AnnData(X=counts(n, g + 5, "int32"), obs=obs, var=pd.DataFrame(index=[f"R{i}" for i in range(g + 5)]))
    a.obsp["graph"] = counts(n, n, "float32", 0.05)
    a.uns["a"] = {"b": 1}
    a.write_h5ad(path("anndata_current.h5ad"), compression="gzip")
    f = "anndata_current.h5ad"
    note_store(f, "X", a.X)
    note_store(f, "layers/csc", a.layers["csc"])
    note_store(f, "layers/dense", np.nan_to_num(dense, nan=12345.0))
    note_store(f, "raw/X", a.raw.X)
    note_store(f, "obsp/graph", a.obsp["graph"])


def anndata_07():
    with h5py.File(path("anndata_07.h5ad"), "w") as f:
        m = counts(12, 6)
        x = f.create_group("X")
        x.attrs["encoding-type"], x.attrs["encoding-version"] = "csr_matrix", "0.1.0"
        x.attrs["shape"] = np.array(m.shape)
        for k in ("data", "indices", "indptr"):
            x[k] = getattr(m, k)
        for name, size in (("obs", 12), ("var", 6)):
            g = f.create_group(name)
            g.attrs["encoding-type"], g.attrs["encoding-version"] = "dataframe", "0.1.0"
            g.attrs["_index"], g.attrs["column-order"] = "index", ["group", "n"]
            g["index"] = [f"{name}{i}" for i in range(size)]
            g["__categories/group"] = ["a", "b", "c"]
            g["__categories/group"].attrs["ordered"] = True
            g["group"] = np.array([(i % 4) - 1 for i in range(size)], "i1")
            g["group"].attrs["categories"] = g["__categories/group"].ref
            g["n"] = np.arange(size)
    note_store("anndata_07.h5ad", "X", m)


def anndata_06():
    with h5py.File(path("anndata_06.h5ad"), "w") as f:
        m = counts(10, 4)
        x = f.create_group("X")
        x.attrs["h5sparse_format"], x.attrs["h5sparse_shape"] = "csr", np.array(m.shape)
        for k in ("data", "indices", "indptr"):
            x[k] = getattr(m, k)
        s = h5py.string_dtype()
        obs = np.array([(f"c{i}", i % 2, i / 2) for i in range(10)], dtype=[("index", s), ("kind", "i1"), ("q", "f8")])
        f["obs"] = obs
        f["var"] = np.array([(f"g{i}".encode(), i) for i in range(4)], dtype=[("index", "S4"), ("n", "i4")])
        f["uns/kind_categories"] = np.array(["one", "two"], dtype=s)
        f["raw.X"] = counts(10, 5).toarray()
        f["raw.var"] = np.array([(f"r{i}".encode(),) for i in range(5)], dtype=[("index", "S4")])
        note_store("anndata_06.h5ad", "raw/X", f["raw.X"][:])
    note_store("anndata_06.h5ad", "X", m)


def tenx_and_loom():
    m = counts(8, 5, "int32")
    with h5py.File(path("tenx_v3.h5"), "w") as f:
        g = f.create_group("matrix")
        g["barcodes"] = np.array([f"AC{i}-1" for i in range(8)], "S")
        g["data"], g["indices"], g["indptr"], g["shape"] = m.data, m.indices.astype("i8"), m.indptr.astype("i8"), np.array([5, 8])
        for k, values in (("id", "E"), ("name", "N"), ("feature_type", "F"), ("genome", "G")):
            g[f"features/{k}"] = np.array([f"{values}{i}" for i in range(5)], "S")
        g["features/_all_tag_keys"] = np.array(["genome"], "S")
    note_store("tenx_v3.h5", "X", m)
    with h5py.File(path("tenx_v2.h5"), "w") as f:
        for genome in ("hg19", "mm10"):
            g = f.create_group(genome)
            g["barcodes"] = np.array([f"AC{i}-1" for i in range(8)], "S")
            g["data"], g["indices"], g["indptr"], g["shape"] = m.data, m.indices.astype("i8"), m.indptr.astype("i8"), np.array([5, 8])
            g["genes"], g["gene_names"] = np.array([f"E{i}" for i in range(5)], "S"), np.array([f"N{i}" for i in range(5)], "S")
    note_store("tenx_v2.h5", "mm10", m)
    with h5py.File(path("genes.loom"), "w") as f:
        f.create_dataset("matrix", data=m.toarray().T.astype("f4"), chunks=(2, 3), compression="gzip")
        f["row_attrs/Gene"] = np.array([f"N{i}" for i in range(5)], "S")
        f["row_attrs/length"] = np.arange(5)
        f["col_attrs/CellID"] = np.array([f"AC{i}" for i in range(8)], "S")
        f.create_group("layers")
    note_store("genes.loom", "X", m.astype("f4").tocsc())


def storage():
    name = "storage.h5"
    with h5py.File(path(name), "w", userblock_size=512) as f:
        x = np.arange(1000, dtype="i4") * 3 - 50
        for options in (
            {},
            {"compression": "gzip"},
            {"compression": "lzf"},
            {"shuffle": True, "compression": "gzip", "fletcher32": True},
            {"fletcher32": True},
            {"shuffle": True},
        ):
            label = "_".join(k if v is True else v for k, v in options.items()) or "plain"
            f.create_dataset(f"chunked/{label}", data=x, chunks=(64,), **options)
            note(name, f"/chunked/{label}", x)
        y = np.arange(7 * 11 * 5, dtype="f8").reshape(7, 11, 5)
        f.create_dataset("edges", data=y, chunks=(3, 4, 2), compression="gzip")
        note(name, "/again", y)  # met before /edges, which is the same object
        # many chunks: a B-tree of more than one level
        z = np.arange(5000, dtype="u2")
        f.create_dataset("many", data=z, chunks=(4,))
        note(name, "/many", z)
        # chunks whose filters were skipped: only the mask says so
        d = f.create_dataset("masked", shape=(48,), dtype="i4", chunks=(16,), shuffle=True, compression="gzip")
        values = np.arange(48, dtype="i4")
        d.id.write_direct_chunk((0,), values[:16].tobytes(), filter_mask=3)
        shuffled = np.frombuffer(values[16:32].tobytes(), "u1").reshape(16, 4).T.tobytes()
        d.id.write_direct_chunk((16,), shuffled, filter_mask=2)
        d.id.write_direct_chunk((32,), zlib.compress(values[32:].tobytes()), filter_mask=1)
        note(name, "/masked", values)
        d = f.create_dataset("holes", shape=(100,), dtype="i2", chunks=(10,), fillvalue=-7)
        d[25:35] = 1
        note(name, "/holes", d[:])
        f.create_dataset("never", shape=(20,), dtype="f4", fillvalue=2.5)
        note(name, "/never", np.full(20, 2.5, "f4"))
        for kind in (">i2", ">u8", ">f4", "<f2", ">f8", "u1", "i8"):
            v = np.arange(9).astype(kind)
            f[f"types/{kind[1:] if kind[0] in '<>' else kind}_{'big' if kind[0] == '>' else 'little'}"] = v
            note(name, f"/types/{kind[1:] if kind[0] in '<>' else kind}_{'big' if kind[0] == '>' else 'little'}", v)
        f["types/bool"] = np.array([True, False, True])
        note(name, "/types/bool", np.array([1, 0, 1], "u1"))
        f["types/text"] = ["", "a", "größer"]
        note(name, "/types/text", ["", "a", "größer"], text=True)
        f["types/fixed"] = np.array([b"ab", b"c"], "S4")
        note(name, "/types/fixed", np.frombuffer(b"ab\0\0c\0\0\0", "u1"))
        f["types/scalar"] = 5
        note(name, "/types/scalar", np.int64(5))
        f["types/compound"] = np.array([(1, 2.0), (3, 4.0)], dtype={"names": ["a", "b"], "formats": ["i2", "f8"], "offsets": [0, 8]})
        note(name, "/types/compound", np.array([(1, 2.0), (3, 4.0)], dtype=[("a", "i2"), ("b", "f8")]))
        f["soft"] = h5py.SoftLink("/edges")
        f["external"] = h5py.ExternalLink("elsewhere.h5", "/x")
        f["again"] = f["edges"]


def latest():
    name = "latest.h5"
    with h5py.File(path(name), "w", libver="latest") as f:
        x = np.arange(3000, dtype="i4")
        f.create_dataset("single", data=x, chunks=(3000,), compression="gzip")
        f.create_dataset("fixed", data=x, chunks=(100,), compression="gzip")
        f.create_dataset("fixed_paged", data=x, chunks=(2,))
        f.create_dataset("extensible", data=x, chunks=(2,), maxshape=(None,))
        f.create_dataset("extensible_gzip", data=x, chunks=(7,), maxshape=(None,), compression="gzip")
        f.create_dataset("btree", data=x.reshape(60, 50), chunks=(7, 6), maxshape=(None, None), compression="gzip")
        f.create_dataset("unlimited_second", data=x.reshape(60, 50), chunks=(7, 6), maxshape=(60, None))
        f.create_dataset("smaller", data=x.reshape(60, 50), chunks=(7, 6), maxshape=(200, 300))
        for k in ("single", "fixed", "fixed_paged", "extensible", "extensible_gzip"):
            note(name, f"/{k}", x)
        for k in ("btree", "unlimited_second", "smaller"):
            note(name, f"/{k}", x.reshape(60, 50))
        for i in range(40):
            f["fixed"].attrs[f"attribute {i}"] = i  # more than eight: dense
        g = f.create_group("links")
        for i in range(40):
            g[f"child {i}"] = i


def wide():
    """A data frame whose `column-order` does not fit an object header: fractal heap and B-tree."""
    with h5py.File(path("wide.h5ad"), "w") as f:
        m = counts(3, 2)
        x = f.create_group("X")
        x.attrs["encoding-type"], x.attrs["encoding-version"] = "csr_matrix", "0.1.0"
        x.attrs["shape"] = np.array(m.shape)
        for k in ("data", "indices", "indptr"):
            x[k] = getattr(m, k)
        names = [f"a column with a long name, number {i}" for i in range(2500)]
        g = f.create_group("obs", track_order=True)
        g.attrs["encoding-type"], g.attrs["encoding-version"], g.attrs["_index"] = "dataframe", "0.2.0", "_index"
        g.attrs.create("column-order", ["n"], dtype=h5py.string_dtype())
        g.attrs.create("long", np.array([n.ljust(40) for n in names], "S40"))
        note("wide.h5ad", "/obs@long", np.frombuffer(b"".join(n.ljust(40).encode() for n in names), "u1"))
        g["_index"], g["n"] = ["x", "y", "z"], np.arange(3)
    note_store("wide.h5ad", "X", m)


def awkward_matrices():
    """What the first generation of converters got silently wrong."""
    def write(name, m, **changes):
        with h5py.File(path(name), "w") as f:
            x = f.create_group("X")
            x.attrs["encoding-type"], x.attrs["encoding-version"] = f"{m.format}_matrix", "0.1.0"
            x.attrs["shape"] = np.array(m.shape)
            for k in ("data", "indices", "indptr"):
                values = changes.get(k, getattr(m, k))
                # empty arrays as anndata writes them: chunked, and able to grow
                x.create_dataset(k, data=values, chunks=(1024,) if len(values) == 0 else None, maxshape=(None,) if len(values) == 0 else None)
    m = sp.csr_matrix(np.array([[0, 300, 0], [-1, 0, 0], [0, 0, 2.5]], "f4"))
    write("values.h5ad", m)
    note_store("values.h5ad", "X", m)
    write("outside.h5ad", m, indices=np.array([1, 999, 2], "i4"))
    write("wrapped.h5ad", m, indptr=np.array([0, 1, -5, 3], "i4"))
    write("big_endian.h5ad", m, indptr=m.indptr.astype(">i4"), indices=m.indices.astype(">i8"), data=m.data.astype(">f4"))
    note_store("big_endian.h5ad", "X", m)
    write("empty.h5ad", sp.csr_matrix((4, 3), dtype="f4"))
    note_store("empty.h5ad", "X", sp.csr_matrix((4, 3), dtype="f4"))
    # data in chunks of one size, indices of another; unsorted lines, duplicates, stored zeros
    u = sp.csr_matrix((np.array([1, 0, 3, 4, 5, 0, 7], "f8"), np.array([2, 0, 2, 1, 0, 1, 1]), np.array([0, 3, 3, 5, 7])), shape=(4, 3))
    with h5py.File(path("unsorted.h5ad"), "w") as f:
        x = f.create_group("X")
        x.attrs["encoding-type"], x.attrs["encoding-version"], x.attrs["shape"] = "csr_matrix", "0.1.0", np.array(u.shape)
        x.create_dataset("data", data=u.data, chunks=(2,))
        x.create_dataset("indices", data=u.indices.astype("u1"), chunks=(3,), compression="gzip")
        x["indptr"] = u.indptr
    note_store("unsorted.h5ad", "X", u)
    # more than any disk holds, in a file of a few hundred bytes: nothing of it was ever written
    with h5py.File(path("too_large.h5ad"), "w") as f:
        x = f.create_group("X")
        n = 1 << 44
        x.attrs["encoding-type"], x.attrs["encoding-version"], x.attrs["shape"] = "csr_matrix", "0.1.0", np.array([1, 1])
        x.create_dataset("data", shape=(n,), dtype="f8")
        x.create_dataset("indices", shape=(n,), dtype="i4")
        x["indptr"] = np.array([0, n])


def elements_elsewhere():
    """Virtual datasets, external raw data and external links, within the directory and out of it."""
    a, b = np.arange(24, dtype="i4").reshape(4, 6), np.arange(100, 124, dtype="i4").reshape(4, 6)
    for name, values in (("parts_a.h5", a), ("parts_b.h5", b)):
        with h5py.File(path(name), "w") as f:
            f.create_dataset("x", data=values, chunks=(3, 4), compression="gzip")
            f["back"] = h5py.ExternalLink("parts.h5", "/group")
            f["circle"] = h5py.ExternalLink("parts.h5", "/circle")
    raw = np.arange(1000, 1030, dtype="i4")
    with open(path("parts.bin"), "wb") as f:
        f.write(b"head" + raw.tobytes())
    for name, libver in (("parts.h5", "earliest"), ("parts_latest.h5", "latest")):
        with h5py.File(path(name), "w", libver=libver) as f:
            own = f.create_dataset("own", data=np.arange(6, dtype="i4"))
            sources = [h5py.VirtualSource(file, "x", (4, 6)) for file in ("parts_a.h5", "parts_b.h5")]
            joined = h5py.VirtualLayout((9, 7), "i4")
            joined[:4, 1:], joined[5:, 1:] = sources
            woven = h5py.VirtualLayout((8, 6), "i4")
            woven[::2], woven[1::2] = sources
            column = h5py.VirtualLayout((3, 24), "i4")
            column[2] = sources[1]
            spaced = h5py.VirtualLayout((4, 6), "i4")
            spaced[:, ::2] = sources[0][:, 1::2]
            spaced[1, 1::2] = h5py.VirtualSource(".", "own", (6,))[3:]
            expected = [np.full(layout.shape, -7, "i4") for layout in (joined, woven, column, spaced)]
            expected[0][:4, 1:], expected[0][5:, 1:] = a, b
            expected[1][::2], expected[1][1::2] = a, b
            expected[2][2] = b.ravel()
            expected[3][:, ::2], expected[3][1, 1::2] = a[:, 1::2], own[3:]
            for key, layout, values in zip(("joined", "woven", "column", "spaced"), (joined, woven, column, spaced), expected):
                f.create_virtual_dataset(key, layout, fillvalue=-7)
                note(name, f"/{key}", values)
            # two pieces of one file, of which the second ends behind the end of the file
            f.create_dataset("raw", (5, 7), "i4", external=[("parts.bin", 4, 80), ("parts.bin", 84, 60)])
            note(name, "/raw", np.concatenate([raw, np.zeros(5, "i4")]))
            group = f.create_group("group")
            group["x"] = h5py.ExternalLink("parts_a.h5", "/x")
            group["back"] = h5py.ExternalLink("parts_a.h5", "/back")
            f["circle"] = h5py.ExternalLink("parts_b.h5", "/circle")
    with h5py.File(path("parts_bad.h5"), "w") as f:
        for key, file in (("away", "../away.h5"), ("gone", "parts_gone.h5")):
            layout = h5py.VirtualLayout((4, 6), "i4")
            layout[:] = h5py.VirtualSource(file, "x", (4, 6))
            f.create_virtual_dataset(key, layout)
            f.create_dataset(f"{key} raw", (2,), "i4", external=[(file, 0, 8)])
            f[f"{key} link"] = h5py.ExternalLink(file, "/x")
        layout = h5py.VirtualLayout((4, 6), "i4")
        layout[:] = h5py.VirtualSource(".", "away", (4, 6))
        f.create_virtual_dataset("again", layout)
        layout = h5py.VirtualLayout((4, 6), "i8")
        layout[:] = h5py.VirtualSource("parts_a.h5", "x", (4, 6))
        f.create_virtual_dataset("wider", layout)
        f["no object"] = h5py.ExternalLink("parts_a.h5", "/none")


def giant_chunk():
    """All values in one chunk of more than 32 MiB, as R writes them; compressible, so that the file stays small."""
    rows, per = 35_200, 256
    with h5py.File(path("giant.h5ad"), "w") as f:
        x = f.create_group("X")
        x.attrs["encoding-type"], x.attrs["encoding-version"], x.attrs["shape"] = "csr_matrix", "0.1.0", np.array([rows, per])
        n = rows * per
        x.create_dataset("data", data=np.tile(np.arange(1, 9, dtype="f4"), n // 8), chunks=(n,), compression="gzip", compression_opts=9)
        x.create_dataset("indices", data=np.tile(np.arange(per, dtype="i4"), rows), chunks=(n,), compression="gzip", compression_opts=9)
        x.create_dataset("indptr", data=np.arange(rows + 1) * per, chunks=(1000,), compression="gzip", compression_opts=9)


if __name__ == "__main__":
    giant_chunk()
    anndata_current()
    anndata_07()
    anndata_06()
    tenx_and_loom()
    storage()
    latest()
    wide()
    awkward_matrices()
    elements_elsewhere()
    with open(path("expected.json"), "w") as f:
        json.dump(EXPECTED, f, indent=0, sort_keys=True)
        f.write("\n")
