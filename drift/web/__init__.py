"""The served pages."""
