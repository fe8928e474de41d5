"""Import and cleaning of reviews measured: this project's Spark job beside pandas and Dask under the same rules."""
