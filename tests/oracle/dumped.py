"""An AnnData as plain lists, numbers and bytes, so that what one version of anndata reads can be compared with another.

    dumped.py FILE.h5ad OUT.pickle

Runs with Python 3.8 and anndata 0.7 and later, and needs nothing else.
"""
import pickle
import sys
import warnings

import numpy as np
import pandas as pd
import scipy.sparse as sp


def text(values):
    """Text as a list, with None for missing values."""
    return [None if v is None or v is pd.NA or isinstance(v, float) else v.decode() if isinstance(v, bytes) else str(v) for v in values]


def array(value):
    value = np.asarray(value)
    if value.dtype.names:
        return {"kind": "records", "fields": {n: array(value[n]) for n in value.dtype.names}}
    if value.dtype.kind in "OUST":
        return {"kind": "text", "shape": list(value.shape), "values": text(value.ravel().tolist())}
    if value.shape == ():
        value = np.asarray(value.item())  # anndata 0.12 gives numbers of Python
    value = np.asarray(value, dtype=value.dtype.newbyteorder("<"))
    return {"kind": "array", "dtype": value.dtype.name, "shape": list(value.shape), "bytes": value.tobytes()}


def labels(value):
    codes = np.asarray(value.codes, dtype="int64")
    return {"kind": "labels", "codes": codes.tolist(), "labels": array(value.categories.to_numpy()), "ordered": bool(value.ordered)}


def column(value):
    if isinstance(value, pd.Series):
        value = value.array if isinstance(value.dtype, pd.api.extensions.ExtensionDtype) else value.to_numpy()
    if isinstance(value, pd.Categorical):
        return labels(value)
    if isinstance(value, pd.api.extensions.ExtensionArray) and not type(value).__name__.startswith(("Pandas", "Numpy")):
        mask = np.asarray(pd.isna(value))
        if str(value.dtype).startswith("str"):
            return {"kind": "text", "shape": [len(value)], "values": text(list(value))}
        zero = False if str(value.dtype) == "boolean" else 0
        values = np.asarray(value.fillna(zero).to_numpy(dtype=value.dtype.numpy_dtype))
        return {"kind": "nullable", "values": array(values), "mask": mask.tolist()}
    return array(value)


def frame(df):
    return {"kind": "frame", "index": [str(i) for i in df.index], "name": df.index.name, "columns": [(str(c), column(df[c])) for c in df.columns]}


def element(value):
    if value is None:
        return {"kind": "none"}
    if isinstance(value, pd.DataFrame):
        return frame(value)
    if sp.issparse(value):
        value = value.copy()
        value.sort_indices()
        return {"kind": "sparse", "format": value.format, "shape": list(value.shape), "data": array(value.data),
                "indices": np.asarray(value.indices, "int64").tobytes(), "indptr": np.asarray(value.indptr, "int64").tobytes()}
    if type(value).__module__.startswith("awkward"):
        return {"kind": "awkward", "values": value.to_list()}
    if hasattr(value, "items"):
        return {"kind": "mapping", "items": {str(k): element(v) for k, v in value.items()}}
    if isinstance(value, (pd.Series, pd.api.extensions.ExtensionArray)):
        return column(value)
    if isinstance(value, str):
        return {"kind": "text", "shape": [], "values": [str(value)]}
    return array(value)


def anndata(adata):
    out = {"X": element(adata.X), "obs": frame(adata.obs), "var": frame(adata.var)}
    for name in ("layers", "obsm", "varm", "obsp", "varp", "uns"):
        out[name] = element({k: v for k, v in getattr(adata, name).items()})
    if adata.raw is not None:
        raw = {"X": element(adata.raw.X), "var": frame(adata.raw.var), "varm": element({k: v for k, v in adata.raw.varm.items()})}
        out["raw"] = {"kind": "mapping", "items": raw}
    return {"kind": "mapping", "items": out}


if __name__ == "__main__":
    import anndata as ad

    warnings.simplefilter("ignore")
    for source, out in zip(sys.argv[1::2], sys.argv[2::2]):
        try:
            result = anndata(ad.read_h5ad(source))
        except Exception as e:  # whatever an old version raises
            result = {"kind": "error", "text": f"{type(e).__name__}: {e}"[:400]}
        with open(out, "wb") as f:
            pickle.dump(result, f, protocol=4)
