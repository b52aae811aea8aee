"""What of the platform `drift serve` watches beside its slots: which parts, how often, read from where.

Without the section nothing is watched, and rules on the platform's metrics are for Prometheus only, as they
are where their own part is `off`: so nobody is paged twice who has not asked for it.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from drift.config_rules import Section
from drift.config_values import Length, format_duration

Speed = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _switched(value: object) -> object:
    """`on` and `off`, which YAML may have made true and false."""
    said = value.lower() if isinstance(value, str) else value
    if said in (False, "off", "false"):
        return None
    return {} if said in (True, "on", "true") else value


def _address(url: SecretStr) -> SecretStr:
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", url.get_secret_value()):
        raise ValueError(
            "is no address of a Prometheus: write one such as http://prometheus:9090, without ? and #"
        )
    return url


class PrometheusConfig(Section):
    """A Prometheus to ask. What is behind a log-in is asked with a `token` (or what `token_file` holds, read
    anew each time, as tokens are rotated), or as `user` with a password. A reading takes `timeout` at most.
    """

    url: Annotated[SecretStr, AfterValidator(_address)]
    token: SecretStr | None = None
    token_file: str | None = None
    user: str | None = None
    password: SecretStr | None = None
    password_file: str | None = None
    timeout: Length = timedelta(seconds=10)

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        tokens = [name for name in ("token", "token_file") if getattr(self, name) is not None]
        passwords = [name for name in ("password", "password_file") if getattr(self, name) is not None]
        if len(tokens) + len(passwords) > 1:
            raise ValueError(f"{' and '.join((*tokens, *passwords))}: give one of them")
        if bool(passwords) is (self.user is None):
            raise ValueError("user: goes with a password: write both, or password_file, or neither")
        return self


class RequestsConfig(Section):
    """How often requests, or predictions, are looked at, and over which window before."""

    every: Length = timedelta(minutes=1)
    window: Length = timedelta(minutes=5)


class ResourcesConfig(Section):
    """How often this host's resources are looked at. `mounts` and `interfaces`: which (left out: all that
    count). `link_speeds`: what an interface carries, in Mbit/s, where the system does not know.
    """

    every: Length = timedelta(minutes=5)
    mounts: tuple[str, ...] | None = None
    interfaces: tuple[str, ...] | None = None
    link_speeds: dict[str, Speed] = Field(default_factory=dict)


class LogsConfig(Section):
    """Log files that are followed for what `security` looks for, and how often."""

    paths: Annotated[tuple[str, ...], Field(min_length=1)]
    every: Length = timedelta(seconds=15)


class WatchConfig(Section):
    """What is watched; each part may be `off`. Requests are read from drift's own registry, or of all
    services from `prometheus`; predictions are made by others, so they take a `prometheus`. An alert that no
    reading has had a value for in `forget` is closed: its endpoint or its host is no more.
    """

    prometheus: PrometheusConfig | None = None
    latency: Annotated[RequestsConfig | None, BeforeValidator(_switched)] = RequestsConfig()
    model: Annotated[RequestsConfig | None, BeforeValidator(_switched)] = RequestsConfig()
    resources: Annotated[ResourcesConfig | None, BeforeValidator(_switched)] = ResourcesConfig()
    logs: Annotated[LogsConfig | None, BeforeValidator(_switched)] = None
    forget: Length = timedelta(minutes=30)

    @property
    def on(self) -> frozenset[str]:
        """The parts that are watched."""
        parts = {"latency": self.latency, "model": self.model, "resources": self.resources, "logs": self.logs}
        return frozenset(name for name, part in parts.items() if part is not None)

    @model_validator(mode="after")
    def _remembered_long_enough(self) -> Self:
        for name in sorted(self.on):
            every: timedelta = getattr(self, name).every
            if self.forget <= 2 * every:
                raise ValueError(
                    f"forget: {format_duration(self.forget)} should be longer than two readings of {name}, "
                    f"which is read every {format_duration(every)}: alerts would end between them"
                )
        return self


Watched: TypeAlias = Annotated[WatchConfig | None, BeforeValidator(_switched)]
"""`on`, `off`, or a section; None is off."""
