"""The platform's metrics, logs and traces."""
