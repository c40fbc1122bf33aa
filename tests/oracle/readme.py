#!/usr/bin/env python3
"""Runs the Python of README.md's first screen on stores that annmap makes, and compares with what anndata reads.

    readme.py --bin target/release/annmap

Needs anndata, numpy, pandas (with pyarrow) and scipy.
"""
import argparse
import os
import re
import subprocess
import tempfile

import anndata as ad
import numpy as np
import pandas as pd

from checks import check, finish


def snippet():
    """The first block of Python in README.md."""
    readme = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "README.md")
    return re.search(r"^```python\n(.*?)^```", open(readme).read(), re.S | re.M)[1]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", required=True)
    binary = os.path.abspath(ap.parse_args().bin)
    code = snippet()
    with tempfile.TemporaryDirectory() as tmp:
        os.chdir(tmp)
        subprocess.run([binary, "synth", "cells.h5ad", "--cells", "300", "--genes", "200", "-q"], check=True)
        data = ad.read_h5ad("cells.h5ad")
        for layout in ("csr", "csc"):
            subprocess.run([binary, "convert", "cells.h5ad", "cells.store", "--layout", layout, "--force", "-q"], check=True)
            names = {}
            exec(code, names)
            x = names["x"]
            check(f"{layout}: {x.format}", x.format == layout)
            check(f"{layout}: values", (x != data.X).nnz == 0 and x.dtype == data.X.dtype)
            for key in ("data", "indices", "indptr"):
                check(f"{layout}: {key} is mapped", isinstance(names[key], np.memmap))
                check(f"{layout}: {key} is not copied", np.shares_memory(getattr(x, key), names[key]))
            pd.testing.assert_frame_equal(names["obs"], data.obs)
    finish()


if __name__ == "__main__":
    main()
