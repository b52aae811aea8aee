"""The accuracy of each model version at the last slot, of all cities together, from the gauges it left."""

from __future__ import annotations

from datetime import datetime

from drift.domain import iso
from drift.state import State
from drift.telemetry.readings import Reading


class SlotAccuracy:
    """Reads it from the state. There is none where no `drift serve` has done a slot on this state yet; an
    undefined figure is absent, as in the gauges.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._slot: datetime | None = None
        self._found: list[Reading] = []

    def __call__(self, now: datetime) -> list[Reading]:
        """As of the last slot. Raises `StateError` where the state cannot be read."""
        del now
        made = self._state.gauges(after=self._slot)  # a fleet's take megabytes
        if made is not None:
            self._slot, self._found = made.slot, _accuracies(made.text.decode(), made.slot)
        return self._found


def _accuracies(text: str, slot: datetime) -> list[Reading]:
    from prometheus_client.parser import text_string_to_metric_families

    lines = [line for line in text.splitlines() if line.startswith("model_accuracy{")]
    of = {"sentences": [f"As of the slot {iso(slot)}."]}
    return [
        Reading("model_accuracy", sample.value, model_version=sample.labels["model_version"], evidence=of)
        for family in text_string_to_metric_families("\n".join([*lines, ""]))
        for sample in family.samples
        if sample.labels.get("metric") == "accuracy"
    ]
