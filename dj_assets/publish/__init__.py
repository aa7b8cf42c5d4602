"""The published version of a subset: refined files, tables, the DuckDB file, releases and exports."""
