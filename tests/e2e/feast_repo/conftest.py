"""The files here are a Feast repo's, not tests: they need Feast to be imported."""

collect_ignore_glob = ["*.py", "*/*.py"]
