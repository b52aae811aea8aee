"""Registered model versions are tagged with how they do, where MLflow's model registry knows them.

drift's model version is a label in the predictions; the registry counts versions. They are linked by what
people say, never by a guess: by the registered version's own tag `drift.model_version`, else by the config's
`mlflow.version_label` (`v{version}`: the label v2 is version 2). A model or a version that the registry does
not know is no failure: whoever registers it later finds it tagged from the next slot on.

A sink of its own, after the one that logs the run: a registry that is broken costs its tags and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from drift.config import Config
from drift.domain import Run, iso
from drift.sinks.mlflow_client import explained, quiet
from drift.sinks.mlflow_points import pooled, state_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

LABEL, AS_OF = "drift.model_version", "drift.as_of"


class MlflowRegistrySink:
    """Tags the versions of one registered model: state, accuracy, as of which slot, and the run."""

    name = "mlflow_registry"

    def __init__(self, config: Config, model: str, label: str | None) -> None:
        """`label` is how drift's label is made of a registered version's number, if it is."""
        self._uri = config.tracking_url()
        self._model = model
        self._label = label
        self._opened: MlflowClient | None = None

    def check(self) -> str:
        """Connect, and say which versions are linked. Raises `SinkError` as `publish` does."""
        with explained(self._uri, self.name), quiet():
            there = self._versions(self._client())
        if not there:
            return f"the registry knows no versions of {self._model!r}: none is tagged until it does"
        linked = [f"{label} → {version.version}" for label, version in self._linked(there).items()]
        if not linked:
            return (
                f"{self._model}: {len(there)} versions, none linked to a label of the predictions: give each "
                f"a tag {LABEL}, or set mlflow.version_label"
            )
        return f"{self._model}: {', '.join(linked)}"

    def publish(self, run: Run) -> Mapping[str, str]:
        """Tag the registered versions of the run's model versions; of an older slot than they are of, none.

        Raises:
            SinkError: the registry cannot be read or does not take the tags; names it and the remedy.
        """
        with explained(self._uri, self.name), quiet():
            client = self._client()
            linked = self._linked(self._versions(client))
            for version in sorted({series.model_version for panel in run.panels for series in panel.series}):
                there = linked.get(version)
                if there is not None and there.tags.get(AS_OF, "") <= iso(run.slot):
                    self._tag(client, there, tags_of(run, version))
        return {}

    def _client(self) -> MlflowClient:
        if self._opened is None:
            from mlflow import MlflowClient

            self._opened = MlflowClient(tracking_uri=self._uri)
        return self._opened

    def _versions(self, client: MlflowClient) -> list[ModelVersion]:
        """All versions of the model, latest first; none where the registry does not know it."""
        found: list[ModelVersion] = []
        token: str | None = None
        while token != "":
            page = client.search_model_versions(f"name='{self._model}'", page_token=token)
            found += page
            token = page.token or ""
        return sorted(found, key=lambda version: -int(version.version))

    def _linked(self, there: list[ModelVersion]) -> dict[str, ModelVersion]:
        """Registered versions by drift's label. Of two with one label a tag wins, then the later version."""
        found: dict[str, ModelVersion] = {}
        if self._label is not None:
            found = {self._label.format(version=v.version): v for v in reversed(there) if LABEL not in v.tags}
        return found | {v.tags[LABEL]: v for v in reversed(there) if LABEL in v.tags}

    def _tag(self, client: MlflowClient, there: ModelVersion, tags: Mapping[str, str]) -> None:
        """Those that changed; the slot last, so that what broke off is tagged again."""
        for key, value in tags.items():
            if there.tags.get(key) != value:
                client.set_model_version_tag(self._model, there.version, key, value)


def tags_of(run: Run, version: str) -> dict[str, str]:
    """What a registered version is tagged with after a slot; accuracy is empty where it has no value."""
    accuracy = pooled(run, version, "accuracy")
    link = run.links.get(f"mlflow {version}", "")
    return {
        "drift.state": state_of(run, version),
        "drift.accuracy": "" if accuracy is None else f"{accuracy:.4f}",
        "drift.run_id": link.rpartition("/")[2],
        AS_OF: iso(run.slot),
    }
