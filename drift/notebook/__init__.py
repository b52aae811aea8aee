"""How the nouns are at home in a notebook: tidy pandas frames, and a small card of HTML each.

A run, a replay, a comparison and an alert know these two by `to_pandas()` and `_repr_html_()`, which come
here when they are asked. Plots are in `drift.plots`.
"""

from __future__ import annotations

from drift.notebook.cards import (
    Page,
    alert_html,
    alert_line,
    answer_html,
    comparison_html,
    comparison_line,
    replay_html,
    replay_line,
    run_html,
    run_line,
    transition_html,
    transition_line,
)
from drift.notebook.frames import comparison_frame, replay_frame, run_frame

__all__ = [
    "Page",
    "alert_html",
    "alert_line",
    "answer_html",
    "comparison_frame",
    "comparison_html",
    "comparison_line",
    "replay_frame",
    "replay_html",
    "replay_line",
    "run_frame",
    "run_html",
    "run_line",
    "transition_html",
    "transition_line",
]
