"""HTML pages from a run: a fleet page and a page a city, from files that open without a network."""
