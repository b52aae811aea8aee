"""PURE. One kind of evidence a file: what it looks for in a breach, its figures, and its sentence."""
