"""Makes anndata_v2.zarr.zip and anndata_v3.zarr.zip of anndata_current.h5ad: needs anndata 0.12 and zarr 3.

Version 2 is deflated, with the codecs that anndata chooses; version 3 is stored, its larger arrays in shards.
"""
import os
import tempfile
import zipfile

import anndata as ad
import zarr
from zarr.codecs import BloscCodec

here = os.path.dirname(os.path.abspath(__file__))
adata = ad.read_h5ad(os.path.join(here, "anndata_current.h5ad"))


def sharded(write, store, key, elem, dataset_kwargs, iospec):
    if iospec.encoding_type == "array" and getattr(elem, "ndim", 0) and elem.shape[0] >= 60:
        dataset_kwargs = dict(dataset_kwargs, chunks=(10, *elem.shape[1:]), shards=(40, *elem.shape[1:]), compressors=BloscCodec(cname="lz4"))
    elif iospec.encoding_type in ("csr_matrix", "csc_matrix"):
        dataset_kwargs = dict(dataset_kwargs, chunks=(16,), shards=(64,), compressors=BloscCodec(cname="lz4"))
    write(store, key, elem, dataset_kwargs=dataset_kwargs)


for version, method in ((2, zipfile.ZIP_DEFLATED), (3, zipfile.ZIP_STORED)):
    with tempfile.TemporaryDirectory() as folder, ad.settings.override(zarr_write_format=version):
        group = zarr.open_group(folder, mode="w", zarr_format=version)
        if version == 2:
            ad.io.write_elem(group, "/", adata)
        else:
            ad.experimental.write_dispatched(group, "/", adata, sharded)
        with zipfile.ZipFile(os.path.join(here, f"anndata_v{version}.zarr.zip"), "w", method) as z:
            for at, folders, files in os.walk(folder):
                folders.sort()
                for name in sorted(files):
                    entry = zipfile.ZipInfo(os.path.relpath(os.path.join(at, name), folder), (2020, 1, 1, 0, 0, 0))
                    with open(os.path.join(at, name), "rb") as f:
                        z.writestr(entry, f.read(), method)
