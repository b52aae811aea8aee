"""drift: know within hours, for every city and model version, that a forecast got worse, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drift.config import Config, load_config
    from drift.domain import Run
    from drift.monitor import Monitor

__all__ = ["Config", "Monitor", "Run", "__version__", "load_config"]
__version__ = "0.1.0"

_HOMES = {"Config": "config", "load_config": "config", "Run": "domain", "Monitor": "monitor"}


def __getattr__(name: str) -> object:
    """The public names, imported when first asked for, so that `import drift` costs next to nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'drift' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"drift.{_HOMES[name]}"), name)
