"""The config of MLflow: where runs go, what becomes a metric there, and who in the registry is told."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from drift.config_rules import Section


class MlflowConfig(Section):
    """Where runs are logged. `tracking_uri_file` names a file that holds the URI instead.

    `cities`: what of each city is a metric there: accuracy and scores (`metrics`), horizons and drift too
    (`all`), or nothing. `registered_model`: whose versions are tagged with how they do; a version is known by
    its tag `drift.model_version`, or by `version_label` (`v{version}`).
    """

    tracking_uri: SecretStr = SecretStr("sqlite:///mlflow.db")
    tracking_uri_file: str | None = None
    experiment: str = "drift"
    cities: Literal["metrics", "all", "none"] = "metrics"
    registered_model: Annotated[str, Field(min_length=1, pattern=r"^[^'\n]*$")] | None = None
    version_label: Annotated[str, Field(pattern=r"^[^{}]*\{version\}[^{}]*$")] | None = None

    @model_validator(mode="after")
    def _of_a_model(self) -> Self:
        if self.version_label is not None and self.registered_model is None:
            raise ValueError("version_label says nothing without registered_model: name the model, too")
        return self
