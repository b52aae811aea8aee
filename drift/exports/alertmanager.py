"""PURE. Alertmanager's routes and receivers from the same rules: who is told, of how many at once, how often.

The file holds no secret. Slack's URL, the mail password and the token of drift's bridge stand in files of
their own, which it names; a channel that Alertmanager does not know, such as SMS, is reached through the
bridge, and so is mail where no server was named. What says that drift is dead should have one way that is not
drift's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath
from urllib.parse import quote

from drift.config import Config
from drift.config_notify import LATE_ACTUALS, NO_DATA
from drift.exports.document import Document
from drift.exports.monitor import ABSENT, LATE, STALE, WATCHDOG
from drift.exports.promql import duration, matcher
from drift.exports.said import FORECAST
from drift.notify import MOST

DEFAULT, DEAD_MAN, NOBODY = "default", "dead-man", "nobody"
LISTED = 10
"""So many alerts of a group are listed in a message; the rest are counted."""
WAIT = {"critical": timedelta(seconds=10)}
"""So long the first message of a group waits for other cities, by severity; else half a minute."""


@dataclass(frozen=True, slots=True)
class Receivers:
    """Where Alertmanager finds what the config of drift keeps secret or does not know.

    `smarthost`, `mail_from` and `mail_to` together make mails Alertmanager's own; else they go through drift.
    `dead_man` is a URL that is called as long as alerts arrive. It is written into the file: name an address
    that may be known.
    """

    secrets: str = "/etc/alertmanager/secrets"
    bridge: str | None = None
    smarthost: str | None = None
    mail_from: str | None = None
    mail_to: str | None = None
    dead_man: str | None = None

    def secret(self, name: str) -> str:
        """The path of a file that holds a secret."""
        return str(PurePosixPath(self.secrets) / name)

    @property
    def mails(self) -> bool:
        """Whether Alertmanager sends mails itself."""
        return None not in (self.smarthost, self.mail_from, self.mail_to)


def alertmanager_document(config: Config, receivers: Receivers) -> Document:
    """The config of Alertmanager. What no rule routes, alerts on drift itself, goes to all channels."""
    told = {name: _told(rule.channels, config) for name, rule in config.alerts.items()}
    each = [*(channel for channels in told.values() for channel in channels), *config.channels]
    together = _told(config.notify.channels or tuple(dict.fromkeys(each)), config)
    named = {_name(channels): channels for channels in told.values() if channels}
    found = [(DEFAULT, together), *named.items()]
    bridge = receivers.bridge or _bridge(config)
    return {
        "route": {
            "receiver": DEFAULT,
            "group_by": ["alertname", "model_version"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": duration(config.notify.repeat),
            "routes": [
                _dead_man_route(),
                {"matchers": [matcher("alertname", LATE)], "receiver": NOBODY},
                *(_route(name, rule.severity, told[name]) for name, rule in config.alerts.items()),
            ],
        },
        "inhibit_rules": _inhibitions(),
        "receivers": [
            *(_receiver(name, channels, receivers, bridge) for name, channels in found),
            {"name": NOBODY},
            _dead_man(receivers),
        ],
    }


def _told(channels: Sequence[str], config: Config) -> tuple[str, ...]:
    """The channels that Alertmanager tells: not drift's log, and not itself, or alerts would go round."""
    kinds = {name: channel.kind for name, channel in config.channels.items()}
    return tuple(name for name in channels if kinds.get(name, name) not in ("log", "alertmanager"))


def silent(document: Document) -> list[str]:
    """What a reader of the file must know: who would be told, and is not."""
    receivers = document["receivers"]
    empty = {one["name"] for one in receivers if len(one) == 1} if isinstance(receivers, list) else set()
    said = {
        DEFAULT: "It tells nobody: no rule has a channel that Alertmanager can use, such as slack.",
        DEAD_MAN: "No dead man's switch hears the watchdog: export with its URL.",
    }
    return [words for name, words in said.items() if name in empty]


def _name(channels: Sequence[str]) -> str:
    """A receiver is called after its channels."""
    return "+".join(channels) if channels else NOBODY


def _route(rule: str, severity: str, channels: Sequence[str]) -> Document:
    """One rule, whoever sends it, Prometheus or drift's own engine; without channels nobody is told."""
    return {
        "matchers": [matcher("alertname", rule)],
        "receiver": _name(channels),
        "group_wait": duration(WAIT.get(severity, timedelta(seconds=30))),
    }


def _dead_man_route() -> Document:
    return {
        "matchers": [matcher("alertname", WATCHDOG)],
        "receiver": DEAD_MAN,
        "group_wait": "0s",
        "group_interval": "1m",
        "repeat_interval": "5m",
    }


def _inhibitions() -> list[Document]:
    """A monitor that is late says nothing new of forecasts: old values are no reason to wake anybody. That a
    city has no data says that its actuals are late.
    """
    target = [matcher("about", FORECAST)]
    of_job: list[Document] = [
        {"source_matchers": [matcher("alertname", name)], "target_matchers": target, "equal": ["job"]}
        for name in (LATE, STALE)
    ]
    late: Document = {
        "source_matchers": [matcher("alertname", NO_DATA)],
        "target_matchers": [matcher("alertname", LATE_ACTUALS)],
        "equal": ["job", "city"],
    }
    return [*of_job, late, {"source_matchers": [matcher("alertname", ABSENT)], "target_matchers": target}]


def _bridge(config: Config) -> str:
    """Where drift listens, as seen from its own machine."""
    listens = config.serve.host
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(listens, listens)  # noqa: S104 - everywhere
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{config.serve.port}/api/bridge/alertmanager"


def _receiver(name: str, channels: Sequence[str], receivers: Receivers, bridge: str) -> Document:
    """All channels of a rule: those that Alertmanager knows itself, the others through drift."""
    slack = [_slack(receivers)] if "slack" in channels else []
    email = [_email(receivers)] if "email" in channels and receivers.mails else []
    own = {"slack"} | ({"email"} if receivers.mails else set())
    bridged = [_bridged(channel, receivers, bridge) for channel in channels if channel not in own]
    parts = {"slack_configs": slack, "email_configs": email, "webhook_configs": bridged}
    return {"name": name, **{key: part for key, part in parts.items() if part}}


def _bridged(channel: str, receivers: Receivers, bridge: str) -> Document:
    """No more alerts than one message holds: a payload that is too large would be lost as a whole."""
    return {
        "url": f"{bridge}?channel={quote(channel, safe='')}",
        "send_resolved": True,
        "max_alerts": MOST,
        "http_config": {"authorization": {"credentials_file": receivers.secret("drift_token")}},
    }


def _dead_man(receivers: Receivers) -> Document:
    if receivers.dead_man is None:
        return {"name": DEAD_MAN}
    return {"name": DEAD_MAN, "webhook_configs": [{"url": receivers.dead_man, "send_resolved": False}]}


def _email(receivers: Receivers) -> Document:
    """Alertmanager's own template escapes HTML, and is as good."""
    return {
        "to": receivers.mail_to,
        "from": receivers.mail_from,
        "smarthost": receivers.smarthost,
        "auth_username": receivers.mail_from,
        "auth_password_file": receivers.secret("mail_password"),
        "require_tls": True,
        "send_resolved": True,
    }


def _escaped(what: str) -> str:
    """A Go template for text that Slack shall show and not obey: its three characters are escaped."""
    for plain, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        what = f'(reReplaceAll "{plain}" "{written}" {what})'
    return f"{{{{ {what[1:-1]} }}}}"


def _slack(receivers: Receivers) -> Document:
    """One message a group, each alert a line: names come from data, and Slack obeys `<!channel>`."""
    title = f"{_escaped('.GroupLabels.alertname')} {_escaped('.GroupLabels.model_version')}"
    line = f"• {_escaped('$alert.Annotations.summary')}"
    lines = (
        f"{{{{ range $i, $alert := .Alerts }}}}{{{{ if lt $i {LISTED} }}}}{line}\n{{{{ end }}}}{{{{ end }}}}"
    )
    more = f"{{{{ if gt (len .Alerts) {LISTED} }}}}\n… {{{{ len .Alerts }}}} in all{{{{ end }}}}"
    return {
        "api_url_file": receivers.secret("slack_url"),
        "send_resolved": True,
        "title": f"{{{{ .Status | toUpper }}}} {title}",
        "text": f"{lines}{_escaped('.CommonAnnotations.description')}{more}",
    }
