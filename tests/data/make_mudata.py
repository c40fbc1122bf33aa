#!/usr/bin/env python3
"""Makes mudata.h5mu beside it with mudata and anndata 0.12: cells c0 to c4 of which rna has four and prot three, in
another order."""
import pathlib

import anndata as ad
import mudata as md
import numpy as np
import pandas as pd
import scipy.sparse as sp

md.set_options(pull_on_update=False)
rna = ad.AnnData(
    sp.csr_matrix(np.array([[1, 0, 2], [0, 3, 0], [4, 0, 0], [0, 0, 5]], dtype=np.float32)),
    obs=pd.DataFrame({"type": pd.Categorical(["b", "t", "b", "nk"])}, index=["c0", "c1", "c2", "c3"]),
    var=pd.DataFrame({"chrom": [1, 2, 3]}, index=["g0", "g1", "g2"]),
)
prot = ad.AnnData(
    np.array([[40, 41], [20, 21], [10, 11]], dtype=np.int64),
    obs=pd.DataFrame({"depth": [4, 2, 1]}, index=["c4", "c2", "c1"]),
    var=pd.DataFrame(index=["p0", "p1"]),
)
m = md.MuData({"rna": rna, "prot": prot})
m.obs["site"] = pd.Categorical(["x", "y", "x", "y", "z"])
m.obsm["emb"] = np.arange(10.0).reshape(5, 2)
m.uns["site_colors"] = ["red", "green", "blue"]
m.write(pathlib.Path(__file__).parent / "mudata.h5mu")
