"""Bytes in, records out: fetching, feeds, extraction, cleaning, language, sketches."""
