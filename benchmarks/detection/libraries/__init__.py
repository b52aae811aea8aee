"""What runs in the environments of the rivals' libraries: arrays in, arrays out, and no drift."""
