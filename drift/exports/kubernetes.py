"""PURE. Rules as Kubernetes takes them: a `PrometheusRule` a part, for the Prometheus operator.

The operator hands its groups to every Prometheus whose `ruleSelector` it fits. The groups are those of the
rule files, not a second set: an alert is the same whichever way it is loaded.
"""

from __future__ import annotations

from drift.exports.document import Document, Group, group_documents

LABELS = {"app.kubernetes.io/name": "drift", "app.kubernetes.io/part-of": "drift"}
"""By these a `ruleSelector` may choose it; what else yours asks for, kustomize adds."""


def prometheus_rule(part: str, group: Group) -> Document:
    """The group as a `PrometheusRule` called `drift-` and the part, in whatever namespace it is applied to.

    A group without rules is left out, as of a rule file.

    >>> empty = prometheus_rule("monitor", Group("drift_monitor", []))
    >>> empty["kind"], empty["metadata"]["name"], empty["spec"]
    ('PrometheusRule', 'drift-monitor', {'groups': []})
    """
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": f"drift-{part}", "labels": dict(LABELS)},
        "spec": {"groups": group_documents([group])},
    }
