"""Pages for a browser, each one file that needs no network: curves that zoom, tables, pictures."""
