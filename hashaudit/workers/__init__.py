"""The processes that examine entries, in a local pool or on a Dask cluster, and their protocol."""
