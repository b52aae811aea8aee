"""How `evaluate` is carried to the data."""
