"""Features from declarations: compiled to SQL for DuckDB, and checked by a slow reference."""
