"""The DuckDB store: the only package that opens a database."""
