"""What Evidently, NannyML and whylogs take for the drift of the same cities."""
