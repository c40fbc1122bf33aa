#!/usr/bin/env python3
"""Files that `upgrade --for` writes, opened by the programs they are for.

    profiles.py --bin target/release/annmap [--venvs DIR] [--only NAME] [FOLDER...]

Each program gets an environment of its own below DIR (target), which is made if it is not there; a program that cannot be
installed is left out, loudly. Every h5ad of tests/data and below the folders, and some that are made here, is
upgraded for each program and read by it. The values must be those that anndata 0.12 reads of the source, but for what
`spec/h5ad.md` ("Files for other programs") says, which is said once more here; each difference must be in the
report. R reads every element with rhdf5, if it is installed; CELLxGENE's own checks may find nothing about encodings.
"""
import argparse
import copy
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor

import anndata as ad
import awkward as ak
import h5py
import hdf5plugin  # noqa: F401  the golden files use its filters
import numpy as np
import pandas as pd
import scipy.sparse as sp

import dumped
from checks import check, finish

HERE = os.path.dirname(os.path.abspath(__file__))
OLD = ["numpy<1.24", "pandas<2", "scipy<1.11", "h5py"]
# the packages of each environment, and which of them reads the files for a program
ENVIRONMENTS = {
    "anndata-0.7": ["anndata==0.7.*", *OLD],
    "anndata-0.8": ["anndata==0.8.*", *OLD],
    "anndata-0.10": ["anndata==0.10.*", "numpy<2", "pandas<2.3", "scipy<1.13", "h5py", "awkward"],
    "cellxgene": ["cellxgene-schema>=7"],
}
READERS = {"anndata-0.12": None, "r": "anndata-0.10"}
MAPPINGS = ("layers", "obsm", "varm", "obsp", "varp")
# what the checks of CELLxGENE say about encodings; the rest is about what the author has to say
ENCODING_ERRORS = re.compile(
    "sparse encoding|Unknown encoding|mixed types|illegal_categorical|categorical types|numpy.ndarray|invalid data type|"
    "float32|Unexpected validation|empty value|Sparsity|two dimensions|AnnData version|Unable to open|must be object or string"
)


def environment(venvs, name):
    """The Python of an environment, which is made if it is not there; None if it cannot be."""
    folder = os.path.join(venvs, f"oracle-venv-{name}")
    python = os.path.join(folder, "bin", "python")
    done = os.path.join(folder, "complete")
    if not os.path.exists(done):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
        if subprocess.run([*pip, *ENVIRONMENTS[name]]).returncode:
            print(f"!! {name} is not to be had: its files are NOT opened")
            return None
        open(done, "w").close()
    return python


# --- what becomes of each element


def numbers(element, dtype):
    values = np.frombuffer(element["bytes"], element["dtype"]).astype(dtype)
    return {**element, "dtype": dtype, "bytes": values.tobytes()}


def python_text(element):
    """The values of an array as Python writes them."""
    if element["kind"] == "text":
        return element["values"]
    return [str(v.item()) for v in np.frombuffer(element["bytes"], element["dtype"])]


class Expected:
    """What a program is to read of a source; `changed` and `lost` are the paths that the report must name."""

    def __init__(self, target):
        self.target, self.changed, self.lost = target, set(), set()
        self.old = target == "anndata-0.7"
        self.masks = target in ("anndata-0.8", "anndata-0.10", "anndata-0.12")
        self.wide = target != "r"

    def lose(self, path):
        self.lost.add(path)

    def change(self, path, element):
        self.changed.add(path)
        return element

    def column(self, path, c, alone=False):
        has_labels = not (self.old and alone)
        if c["kind"] == "nullable" and not self.masks:
            missing, values = np.array(c["mask"], bool), c["values"]
            if not missing.any():
                c = values
            elif values["dtype"] == "bool" and has_labels:
                codes = np.where(missing, -1, np.frombuffer(values["bytes"], bool).astype(int)).tolist()
                names = {"kind": "text", "shape": [2], "values": ["False", "True"]}
                c = self.change(path, {"kind": "labels", "codes": codes, "labels": names, "ordered": False})
            elif values["dtype"] == "bool":
                texts = ["nan" if m else str(bool(v)) for m, v in zip(missing, np.frombuffer(values["bytes"], bool))]
                c = self.change(path, {"kind": "text", "shape": values["shape"], "values": texts})
            elif values["dtype"].startswith("float"):
                pass  # as without a program
            else:
                floats = np.frombuffer(values["bytes"], values["dtype"]).astype("float64")
                floats[missing] = np.nan
                c = self.change(path, {**values, "dtype": "float64", "bytes": floats.tobytes()})
        if c["kind"] == "text" and None in c["values"] and self.target != "anndata-0.12":
            if has_labels:
                names = sorted({v for v in c["values"] if v is not None}, key=natural)
                codes = [-1 if v is None else names.index(v) for v in c["values"]]
                names = {"kind": "text", "shape": [len(names)], "values": names}
                c = self.change(path, {"kind": "labels", "codes": codes, "labels": names, "ordered": False})
            else:
                c = self.change(path, {**c, "values": ["nan" if v is None else v for v in c["values"]]})
        elif c["kind"] == "labels" and not has_labels:
            names = python_text(c["labels"])
            texts = ["nan" if code < 0 else names[code] for code in c["codes"]]
            c = self.change(path, {"kind": "text", "shape": [len(texts)], "values": texts})
        elif c["kind"] == "labels" and c["labels"]["kind"] == "array":
            if self.target == "r" or (self.target == "cellxgene" and c["labels"]["dtype"] == "bool"):
                names = {"kind": "text", "shape": c["labels"]["shape"], "values": python_text(c["labels"])}
                c = self.change(path, {**c, "labels": names})
        if c["kind"] == "array" and self.target == "r" and c["dtype"] == "uint8":
            c = self.change(path, numbers(c, "int16"))
        if c["kind"] == "array" and not self.wide and c["dtype"] in ("int64", "uint64", "uint32"):
            values = np.frombuffer(c["bytes"], c["dtype"])
            if any(abs(int(v)) > 2**31 - 1 for v in values):
                c = self.change(path, numbers(c, "float64"))
        return c

    def frame(self, path, f):
        columns, taken = [], {n for n, _ in f["columns"] if "/" not in n}
        for name, c in f["columns"]:
            flat = name
            if "/" in name and self.target == "r":
                flat = name.replace("/", "_")
                while flat in taken:
                    flat += "_"
                taken.add(flat)
                self.changed.add(f"{path}/{name}")
            columns.append((flat, self.column(f"{path}/{flat}", c)))
        # as without a program: an index with the name of another column loses it
        other = any(n == f["name"] and c.get("values") != f["index"] for n, c in f["columns"])
        return {**f, "columns": columns, "name": None if other else f["name"]}

    def matrix(self, path, e):
        """An array or a compressed matrix outside `uns`."""
        of_cells = path in ("/X", "/raw/X") or path.startswith("/layers/")
        if self.target == "cellxgene" and of_cells:
            if e["kind"] == "array":
                values = np.frombuffer(e["bytes"], e["dtype"]).reshape(e["shape"])
                e = dumped.element(sp.csr_matrix(values.astype("float32") if e["dtype"] == "float16" else values))
        if self.target in ("r", "cellxgene") and of_cells and e["kind"] == "sparse" and e["format"] == "csc":
            e = dumped.element(scipy_of(e).tocsr())
        data = e["data"] if e["kind"] == "sparse" else e
        dtype = data["dtype"]
        if self.target == "cellxgene" and path in ("/X", "/raw/X"):
            if dtype == "float64":
                self.changed.add(path)
            data = numbers(data, "float32")
        elif self.target == "r" and dtype in ("int64", "uint64", "uint32"):
            data = self.change(path, numbers(data, "float64"))
        elif self.target == "r" and dtype in ("bool", "uint8"):
            data = self.change(path, numbers(data, "int16"))
        elif self.target == "cellxgene" and dtype == "bool":
            data = self.change(path, numbers(data, "uint8"))
        return {**e, "data": data} if e["kind"] == "sparse" else data

    def element(self, path, e):
        """`None` if it is left out."""
        place, kind = path.split("/")[1], e["kind"]
        inside = place if path.count("/") == 2 else "uns of all" if place == "uns" else ""
        if (kind == "none" and self.target != "anndata-0.12") or (kind == "awkward" and self.target not in ("anndata-0.10", "anndata-0.12")):
            return self.lose(path)
        if self.target == "r" and e.get("dtype", "").startswith("complex"):
            return self.lose(path)
        if inside in ("obsm", "varm") and self.target in ("r", "cellxgene"):
            text = kind not in ("array", "sparse")
            if text or (kind == "sparse" and self.target == "cellxgene"):
                return self.lose(path)
            if kind == "array" and (len(e["shape"]) < 2 or (len(e["shape"]) > 2 and self.target == "r")):
                return self.lose(path)
        if inside == "uns" and self.target == "cellxgene":
            empty = kind == "mapping" and not e["items"] or 0 in e.get("shape", []) or kind == "frame" and not e["index"]
            if empty or (kind == "text" and e["shape"] == [] and e["values"] == [""]):
                return self.lose(path)
        if kind == "mapping":
            items = {k: self.element(f"{path}/{k}", v) for k, v in e["items"].items()}
            return {**e, "items": {k: v for k, v in items.items() if v is not None}}
        if kind == "frame":
            return self.frame(path, e)
        if kind in ("nullable", "labels") or (kind == "text" and len(e["shape"]) == 1):
            return self.column(path, e, alone=True)
        if kind in ("array", "sparse") and place != "uns" and e["shape"]:
            return self.matrix(path, e)
        return e

    def anndata(self, dump):
        items = dict(dump["items"])
        out = {}
        for name, e in items.items():
            if name == "raw":
                raw = e["items"]
                out["raw"] = {"kind": "mapping", "items": {k: self.part(f"/raw/{k}", raw[k]) for k in raw}}
            else:
                out[name] = self.part(f"/{name}", e)
        return {"kind": "mapping", "items": out}

    def part(self, path, e):
        if e["kind"] == "none" or e["kind"] == "mapping":
            items = {k: self.element(f"{path}/{k}", v) for k, v in e.get("items", {}).items()}
            return {**e, "items": {k: v for k, v in items.items() if v is not None}} if "items" in e else e
        return self.frame(path, e) if e["kind"] == "frame" else self.matrix(path, e)


def natural(text):
    """Numbers inside text count as numbers, as in natsort."""
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in re.split(r"(\d+)", text)]


def scipy_of(e):
    make = sp.csc_matrix if e["format"] == "csc" else sp.csr_matrix
    parts = [np.frombuffer(e["data"]["bytes"], e["data"]["dtype"]), np.frombuffer(e["indices"], "int64"), np.frombuffer(e["indptr"], "int64")]
    return make(tuple(p.copy() for p in parts), shape=e["shape"])


def differences(want, got, path=""):
    """Where two dumps differ."""
    if want["kind"] != got["kind"]:
        return [f"{path}: {want['kind']} and {got['kind']}"]
    out = []
    for key in want:
        a, b, here = want[key], got.get(key), f"{path}.{key}"
        if key in ("items", "fields"):
            if set(a) != set(b):
                out.append(f"{path}: names {sorted(set(a) ^ set(b))}")
            out += [d for k in set(a) & set(b) for d in differences(a[k], b[k], f"{path}/{k}")]
        elif key == "columns":
            if [n for n, _ in a] != [n for n, _ in b]:
                out.append(f"{path}: columns {[n for n, _ in a]} and {[n for n, _ in b]}")
            else:
                out += [d for (n, x), (_, y) in zip(a, b) for d in differences(x, y, f"{path}/{n}")]
        elif isinstance(a, dict):
            out += differences(a, b, here)
        elif key == "bytes" and want["dtype"].startswith(("float", "complex")) and want["dtype"] == got["dtype"]:
            x, y = (np.frombuffer(v, want["dtype"]) for v in (a, b))
            if not np.array_equal(x, y, equal_nan=True):
                out.append(f"{path}: values")
        elif a != b:
            out.append(f"{here}: {str(a)[:80]} and {str(b)[:80]}")
    return out


# --- inputs


def made(folder):
    """Files with one of everything that some program does not read."""
    n, m = 40, 30
    rng = np.random.default_rng(1)
    texts = np.array([f"t{i % 7}" for i in range(n)], object)
    obs = pd.DataFrame(index=[f"c{i}" for i in range(n)])
    obs["plain"] = texts
    obs["few"] = pd.array([None if i % 5 == 0 else f"x{i % 11}" for i in range(n)], dtype="string")
    obs["all"] = pd.array([f"x{i}" for i in range(n)], dtype="string")
    obs["labels"] = pd.Categorical.from_codes(rng.integers(-1, 3, n), ["b", "a", "ü"], ordered=True)
    obs["many labels"] = pd.Categorical([f"l{i % 200}" for i in range(n)], categories=[f"l{i}" for i in range(200)])
    obs["number labels"] = pd.Categorical(rng.integers(0, 4, n) * 10)
    obs["real labels"] = pd.Categorical(rng.integers(0, 4, n) / 2)
    obs["bool labels"] = pd.Categorical(rng.integers(0, 2, n).astype(bool))
    for dtype in ("Int8", "UInt16", "Int64", "boolean"):
        obs[f"{dtype} all"] = pd.array(rng.integers(0, 2, n), dtype="Int64").astype(dtype)
        obs[f"{dtype} few"] = pd.array([None if i % 3 == 0 else i % 2 for i in range(n)], dtype="Int64").astype(dtype)
    obs["wide"] = np.arange(n) + 2**31 - 5
    obs["negative"] = -np.arange(n) - 2**31
    obs["narrow"] = np.arange(n)
    obs["unsigned"] = np.arange(n, dtype="uint32") + np.uint32(2**32 - 100)
    obs["half"] = np.arange(n).astype("float16")
    obs["yes"] = rng.integers(0, 2, n).astype(bool)
    obs["group/inner"] = np.arange(n, dtype="int32")
    obs["group_inner"] = pd.Categorical(texts)
    obs["deep/er/labels"] = pd.Categorical(texts)
    var = pd.DataFrame({"length": np.arange(m, dtype="int32"), "type": pd.Categorical(["a", "b"] * (m // 2))}, index=[f"g{i}" for i in range(m)])
    var.index.name = "gene_id"
    counts = sp.random(n, m, 0.2, "csc", random_state=2, dtype="float64")
    counts.data = np.ceil(counts.data * 100)
    counts[:, 0] = 1
    x = counts.tocsc().astype("int64")
    x.sort_indices()
    frame = obs[["few", "labels", "Int8 few", "boolean few", "boolean all"]].copy()
    data = ad.AnnData(x, obs=obs, var=var)
    data.raw = ad.AnnData(counts.tocsc(), obs=obs, var=var)
    data.layers["by columns"] = counts.tocsc()
    data.layers["dense"] = rng.normal(size=(n, m))
    data.layers["dense bools"] = rng.integers(0, 2, (n, m)).astype(bool)
    data.layers["bools"] = counts.tocsr().astype(bool)
    data.obsm["X_pca"] = rng.normal(size=(n, 5)).astype("float32")
    data.obsm["wide"] = rng.integers(0, 2**40, (n, 2))
    data.obsm["bools"] = rng.integers(0, 2, (n, 2)).astype(bool)
    data.obsm["deep"] = rng.normal(size=(n, 2, 2))
    data.obsm["frame"] = frame
    data.obsm["sparse"] = counts[:, :4].tocsr()
    data.obsm["lists"] = ak.Array([list(range(i % 4)) for i in range(n)])
    data.varm["PCs"] = rng.normal(size=(m, 5))
    data.varm["sparse"] = sp.csc_matrix(np.eye(m, 3))
    data.obsp["graph"] = sp.random(n, n, 0.1, "csr", random_state=3)
    data.obsp["bools"] = sp.random(n, n, 0.1, "csc", random_state=3).astype(bool)
    data.obsp["dense"] = rng.integers(0, 5, (n, n)).astype("uint64")
    data.varp["graph"] = sp.random(m, m, 0.1, "csr", random_state=3, dtype="float32")
    data.uns["frame"] = frame.reset_index(drop=True).rename(index=str)
    data.uns["labels"] = obs["labels"].array
    data.uns["number labels"] = obs["number labels"].array
    data.uns["some text"] = obs["few"].array
    data.uns["all text"] = obs["all"].array
    data.uns["some bools"] = obs["boolean few"].array
    data.uns["some numbers"] = obs["Int8 few"].array
    data.uns["nothing"] = None
    data.uns["empty"] = {}
    data.uns["empty text"] = ""
    data.uns["empty array"] = np.zeros((0,))
    data.uns["deep"] = {"nothing": None, "empty": {}, "text": "ü", "number": 3, "yes": True, "sparse": counts[:3].tocsr()}
    data.uns["words"] = np.array([["a", "b"], ["c", ""]], object)
    data.uns["records"] = np.array([(1, 0.5), (2, 1.5)], dtype=[("rank", "i4"), ("score", "f8")])
    data.uns["named"] = np.array([("a", 0.5), ("b", 1.5)], dtype=[("name", "O"), ("score", "f8")])
    data.uns["one"] = np.array(["only"], object)
    path = os.path.join(folder, "everything.h5ad")
    with ad.settings.override(allow_write_nullable_strings=True):
        data.write_h5ad(path, compression="lzf")
    yield path
    small = ad.AnnData(obs=pd.DataFrame(index=["a", "b"]), var=pd.DataFrame(index=["g"]))
    small.write_h5ad(os.path.join(folder, "no_x.h5ad"))
    yield os.path.join(folder, "no_x.h5ad")
    dense = ad.AnnData(rng.poisson(1, (n, m)).astype("float32") + np.eye(n, m, dtype="float32"), obs=obs[["plain"]], var=var)
    dense.write_h5ad(os.path.join(folder, "dense.h5ad"), compression="gzip")
    yield os.path.join(folder, "dense.h5ad")


def inputs(folders):
    for folder in folders:
        for root, _, names in sorted(os.walk(folder)):
            yield from (os.path.join(root, n) for n in sorted(names) if n.endswith(".h5ad"))


# --- the programs


def read(python, pairs):
    """Lets a Python read files and dump them."""
    if python is None:
        for source, out in pairs:
            try:
                result = dumped.anndata(ad.read_h5ad(source))
            except Exception as e:
                result = {"kind": "error", "text": f"{type(e).__name__}: {e}"[:400]}
            with open(out, "wb") as f:
                pickle.dump(result, f)
        return
    for first in range(0, len(pairs), 50):
        args = [a for pair in pairs[first:first + 50] for a in pair]
        subprocess.run([python, os.path.join(HERE, "dumped.py"), *args], check=True)


def read_by_r(paths):
    """What R reads of each array of each file: its length, missing values, and a sum."""
    found = {path: {} for path in paths}
    for first in range(0, len(paths), 20):
        command = ["Rscript", "--vanilla", os.path.join(HERE, "read_h5ad.R"), *paths[first:first + 20]]
        r = subprocess.run(command, capture_output=True, text=True)
        check(f"R: {r.stderr[-600:]}", r.returncode == 0)
        for line in r.stdout.splitlines():
            path, name, *sums = line.split("\t")
            check(f"R: {line}", name != "ERROR")
            found[path][name] = sums
    return found


def against_h5py(path, sums):
    """Holds what R reads against h5py."""
    seen = 0
    with h5py.File(path, "r") as f:

        def one(name, node):
            nonlocal seen
            if not isinstance(node, h5py.Dataset) or node.dtype.names or node.dtype.kind == "c":
                return
            if "/" + name not in sums:
                check(f"{path}: R does not read {name}", False)
                return
            n, missing, total = sums["/" + name]
            values = node[()] if node.shape else np.array([node[()]])
            if h5py.check_string_dtype(node.dtype):
                want = (values.size, 0, sum(len(v) for v in values.ravel()))
            else:
                kept = values[~np.isnan(values)] if values.dtype.kind == "f" else values
                if name.endswith("/values") and "levels" in node.parent:
                    kept = kept[kept != -(2**31)]
                want = (values.size, values.size - kept.size, float(kept.astype("float64").sum()))
            same = int(n) == want[0] and int(missing) == want[1] and np.isclose(float(total), want[2], rtol=1e-6, equal_nan=True)
            check(f"{path}: R: {name}: {(n, missing, total)}, h5py {want}", same)
            seen += 1

        f.visititems(one)
    check(f"{path}: R read {seen} arrays", seen > 1)


def has_rhdf5():
    libraries = ["Rscript", "--vanilla", "-e", "library(rhdf5); library(Matrix)"]
    return shutil.which("Rscript") and subprocess.run(libraries, capture_output=True).returncode == 0


CELLXGENE = """
import json, logging, sys
logging.disable(logging.CRITICAL)
import dask
from cellxgene_schema.validate import Validator
out = {}
with dask.config.set(scheduler="synchronous"):
    for path in sys.argv[1:]:
        v = Validator()
        try:
            v.validate_adata(path)
            found = list(v.errors)
            v.reset()
            if v.adata.X is None:
                found = []  # the checks themselves fail without a matrix
            else:
                v._validate_sparsity()
                x = v._get_raw_x()
                if x.dtype != "float32":
                    v.errors.append("Raw matrix values must have type numpy.float32.")
            found += v.errors
        except SystemExit:
            found = ["Unable to open"]
        except Exception as e:
            found = [f"Unexpected validation error {type(e).__name__} {e}"]
        out[path] = found
json.dump(out, sys.stdout)
"""


def has_elements(path):
    """Whether X is not empty: the checks cannot read it then, as dask has no chunks of no rows."""
    with h5py.File(path) as f:
        x = f.get("X")
        shape = x.attrs.get("shape", (1,)) if isinstance(x, h5py.Group) else getattr(x, "shape", None)
        return shape is None or 0 not in list(shape)


def checked_by_cellxgene(python, outputs, before, after):
    """Its checks of the outputs, of a file that is not valid, and of what was made of it. One process for all: it is slow
    to start."""
    outputs = [path for path in outputs if has_elements(path)]
    r = subprocess.run([python, "-c", CELLXGENE, *outputs, before, after], capture_output=True, text=True)
    check(f"cellxgene: {r.stderr[-800:]}", r.returncode == 0)
    found = json.loads(r.stdout or "{}")
    check("cellxgene: not valid before", found.pop(before, None))
    check(f"cellxgene: valid afterwards: {found.get(after)}", found.pop(after, None) == [])
    for path, errors in found.items():
        bad = [e for e in errors if ENCODING_ERRORS.search(e)]
        check(f"cellxgene {path}: {[e[-600:] for e in bad]}", not bad)


def complete(binary, tmp):
    """A file that has all that the schema asks for, but in encodings that the schema forbids, and the file made of it."""
    n, genes = 6, ["ENSG00000127603", "ENSG00000141510", "ENSG00000012048", "ENSG00000139618"]
    terms = {
        "cell_type_ontology_term_id": "CL:0000066", "assay_ontology_term_id": "EFO:0009899", "disease_ontology_term_id": "PATO:0000461",
        "self_reported_ethnicity_ontology_term_id": "unknown", "sex_ontology_term_id": "PATO:0000383", "tissue_type": "tissue", "donor_id": "d",
        "tissue_ontology_term_id": "UBERON:0002048", "suspension_type": "cell", "development_stage_ontology_term_id": "unknown",
    }
    obs = pd.DataFrame({k: pd.Categorical([v] * n) for k, v in terms.items()}, index=[f"c{i}" for i in range(n)])
    obs["is_primary_data"] = False
    obs["some numbers"] = pd.array([None, 1, 2, 3, 4, 5], dtype="Int64")
    obs["some bools"] = pd.array([None, True, False, True, True, False], dtype="boolean")
    obs["some text"] = pd.array([None, "a", "b", "a", "c", "d"], dtype="string")
    obs["bool labels"] = pd.Categorical([True, False] * 3)
    var = pd.DataFrame({"feature_is_filtered": False}, index=genes)
    x = np.arange(n * 4).reshape(n, 4) + 1
    normal = np.log1p(x) * (x % 3 > 0)
    data = ad.AnnData(sp.csc_matrix(normal), obs=obs, var=var)
    data.raw = ad.AnnData(sp.csc_matrix(x), obs=obs, var=var[[]])
    data.obsm["X_umap"] = normal[:, :2] + np.arange(n)[:, None]
    data.obsm["frame"], data.obsm["sparse"], data.obsm["bools"] = obs[["some numbers"]], sp.csr_matrix(normal), normal > 0
    data.layers["columns"], data.layers["dense"] = sp.csc_matrix(normal), normal * 0
    data.uns.update({"title": "t", "organism_ontology_term_id": "NCBITaxon:9606", "nothing": None, "empty": {}, "none": np.zeros(0), "text": obs["some text"].array})
    source, out = os.path.join(tmp, "not valid.h5ad"), os.path.join(tmp, "valid.h5ad")
    with ad.settings.override(allow_write_nullable_strings=True):
        data.write_h5ad(source)
    r = subprocess.run([binary, "upgrade", source, out, "--for", "cellxgene", "-q", "--force"], capture_output=True, text=True)
    check(f"a file for cellxgene: {r.stderr}", r.returncode == 0)
    return source, out


def one_program(binary, target, python, sources, tmp):
    def upgraded(job):
        n, (path, dump) = job
        out = os.path.join(tmp, f"{target}-{n}.h5ad")
        r = subprocess.run([binary, "upgrade", path, out, "--for", target, "--json", "-q"], capture_output=True, text=True)
        check(f"{path} for {target}: exit {r.returncode} {r.stderr[-300:]}", r.returncode == 0)
        if r.returncode:
            return None
        found = subprocess.run([binary, "doctor", "-q", out], capture_output=True, text=True)
        check(f"{path} for {target}: doctor: {found.stdout[-300:]}", found.returncode == 0)
        return path, dump, out, json.loads(r.stdout.splitlines()[-1])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [job for job in pool.map(upgraded, enumerate(sources)) if job]
    outputs = [job[2] for job in jobs]
    read(python, [(out, out + ".pickle") for out in outputs])
    for path, dump, out, report in jobs:
        with open(out + ".pickle", "rb") as f:
            got = pickle.load(f)
        expected = Expected(target)
        want = expected.anndata(copy.deepcopy(dump))
        found = [got["text"]] if got["kind"] == "error" else differences(want, got)
        check(f"{path} for {target}: {found[:6]}", not found)
        for what, paths in (("changed", expected.changed), ("left_out", expected.lost)):
            reported = {entry["path"] for entry in report[what]}
            check(f"{path} for {target}: {what} {sorted(reported ^ paths)}", reported == paths)
    return outputs


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--venvs", default="target")
    parser.add_argument("--only", action="append")
    parser.add_argument("folders", nargs="*")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as tmp:
        paths = [*made(tmp), *inputs([os.path.join(HERE, "..", "data"), *args.folders])]
        generated = os.path.join(tmp, "synth.h5ad")
        kinds = "categorical,ordered,int,float,bool,string,nullable-int,nullable-bool,batch"
        subprocess.run([args.bin, "synth", generated, "--everything", "--cells", "40", "--genes", "30", "--obs-columns", kinds, "-q"], check=True)
        sources = []
        for path in [generated, *paths]:
            plain = os.path.join(tmp, "plain.h5ad")
            ours = subprocess.run([args.bin, "upgrade", path, plain, "--force", "-q", "--json"], capture_output=True, text=True)
            try:
                dump = dumped.anndata(ad.read_h5ad(path))
            except Exception as e:
                print(f"anndata does not read {os.path.basename(path)}: {str(e).splitlines()[0][:80]}")
                continue
            if ours.returncode or json.loads(ours.stdout.splitlines()[-1])["left_out"] or json.loads(ours.stdout)["widened"]:
                print(f"not upgraded as it is: {os.path.basename(path)}: {ours.stderr[:100]}")
                continue
            sources.append((path, dump))
        print(f"{len(sources)} files")
        for target in args.only or ["anndata-0.7", "anndata-0.8", "anndata-0.10", "anndata-0.12", "r", "cellxgene"]:
            name = READERS.get(target, target)
            python = name and environment(args.venvs, name)
            if name and not python:
                continue
            outputs = one_program(args.bin, target, python, sources, tmp)
            if target == "cellxgene":
                checked_by_cellxgene(python, outputs, *complete(args.bin, tmp))
            if target == "r" and has_rhdf5():
                for path, sums in read_by_r(outputs).items():
                    against_h5py(path, sums)
            elif target == "r":
                print("!! R with rhdf5 and Matrix is not installed: its files are NOT opened by it")
            for out in outputs:
                os.remove(out)
    finish()


if __name__ == "__main__":
    main()
