"""HTML pages from a run: a fleet page and a page a city, each one file that opens without a network."""
