"""PURE. Rule files as Prometheus reads them, and how what is generated is written: always in one order, under
a header that says what made it, expressions on lines of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

import yaml

from drift.exports.promql import duration

Document: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording rule: `expr` kept as the series `name`, with `labels` added."""

    name: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> Document:
        """As it stands in a rule file."""
        labels = {"labels": dict(self.labels)} if self.labels else {}
        return {"record": self.name, "expr": self.expr, **labels}


@dataclass(frozen=True, slots=True)
class Alerting:
    """An alerting rule: each series of `expr` is an alert that fires after `duration`."""

    name: str
    expr: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    duration: timedelta = timedelta(0)
    keep_firing_for: timedelta = timedelta(0)

    def document(self) -> Document:
        """As it stands in a rule file."""
        lasting = {"for": self.duration, "keep_firing_for": self.keep_firing_for}
        return {
            "alert": self.name,
            "expr": self.expr,
            **{key: duration(length) for key, length in lasting.items() if length},
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
        }


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together, one after the other. Without rules it is left out of its file."""

    name: str
    rules: Sequence[Recording | Alerting]


def group_documents(groups: Sequence[Group]) -> list[Document]:
    """The groups that have rules, as they stand in a rule file."""
    return [
        {"name": group.name, "rules": [rule.document() for rule in group.rules]}
        for group in groups
        if group.rules
    ]


def rule_file(groups: Sequence[Group], header: Sequence[str]) -> str:
    """The groups as a file that Prometheus loads."""
    return to_yaml({"groups": group_documents(groups)}, header)


class _Dumper(yaml.SafeDumper):
    """YAML without anchors, with text of several lines as a block."""

    def ignore_aliases(self, data: object) -> bool:
        """What stands twice is written twice."""
        del data
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def to_yaml(document: Document, header: Sequence[str]) -> str:
    """The document as YAML in its own order, under a header of comments, a line each."""
    body = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6)
    return "".join(f"# {line}".rstrip() + "\n" for line in header) + body
