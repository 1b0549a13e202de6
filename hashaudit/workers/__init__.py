"""The processes that examine entries: local workers or those of a Dask cluster, and what both sides share."""
