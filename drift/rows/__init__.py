"""Rows: the events of requests, flat, kept as Parquet by the hour of their time."""
