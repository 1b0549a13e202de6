"""The executor that examines entries on the workers of a Dask cluster."""
