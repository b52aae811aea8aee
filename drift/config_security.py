"""What the security watcher looks for in logs, and from how much on it calls: every number a person acts on.

A rate is written as the `limits` library reads it, `10/5 minutes`: so many in so long are borne, and one
more is called. The numbers were chosen on made-up days of a platform's logs (docs/security.md says which);
`drift logs watch` says what others would have called in logs of your own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import time, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ByteSize, Field, model_validator

from drift.config_rules import Section, Security
from drift.config_values import Fraction, Length, Moment, Zone

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Change = Literal["configuration", "model_registry", "permissions", "users", "secrets"]


def _rate(text: str) -> str:
    from limits import parse

    try:
        rate = parse(text)
    except ValueError:
        raise ValueError(f"{text!r} is no rate: write a number and a time: 10/5 minutes") from None
    if rate.amount < 1:
        raise ValueError("a rate of none would call each line: write 1 or more")
    return text


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is no address or CIDR: write 203.0.113.7 or 10.0.0.0/8") from None
    return text


Rate = Annotated[str, AfterValidator(_rate)]
Network = Annotated[str, AfterValidator(_network)]
Paths = tuple[str, ...]
"""Of URLs, without what follows `?`: `*` stands for anything but `/`, `**` for anything."""
Whole = Annotated[int, Field(ge=1, le=10_000_000)]
Times = Annotated[float, Field(ge=1, le=10_000, allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class AllowConfig(Section):
    """What is known and is not called: lines of which all that is written here holds.

    `principal` and `target` may hold `*`. `between` is the start and the end of a span of the day in
    `timezone`, which may go over midnight (`days` are those on which it starts). From `until` on it
    holds no more. `why` is for people.
    """

    why: str = ""
    detectors: tuple[Security, ...] = ()
    principal: str | None = None
    address: Network | None = None
    path: str | None = None
    change: Change | None = None
    target: str | None = None
    between: tuple[time, time] | None = None
    days: tuple[Day, ...] = ()
    timezone: Zone = "UTC"
    until: Moment | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        said = (self.principal, self.address, self.path, self.change, self.target, self.between)
        if all(part is None for part in said) and not self.days:
            raise ValueError(
                "allows everything: name a principal, an address, a path, a change, a target, days or a time"
            )
        if self.between is not None and self.between[0] == self.between[1]:
            raise ValueError(
                "between: its two times are the same: for whole days write `days`, or leave it out"
            )
        return self


class FailedAuthConfig(Section):
    """Failed log-ins: of one `principal`, from one `address`; `spray`: the principals that one address failed
    for; `distributed`: the addresses that failed for one principal.

    Who has logged in from an address before, within `remember`, and mistypes or retries there, is borne
    `familiar_times` as much. `paths` are where log-ins are sent to.
    """

    principal: Rate = "10/5 minutes"
    address: Rate = "50/5 minutes"
    spray: Rate = "10/10 minutes"
    distributed: Rate = "10/1 hour"
    familiar_times: Times = 12
    remember: Length = timedelta(days=30)
    paths: Paths = (
        "**/login",
        "**/log-in",
        "**/signin",
        "**/sign-in",
        "**/token",
        "**/session",
        "**/sessions",
        "**/authenticate",
    )


class UsualConfig(Section):
    """What is usual for one, learnt from its own hours: called is what is above all of `minimum` (in what is
    counted), `times` the highest of its last hours, and their median and `mads` median deviations.

    It is known once `hours` of it had any, and a name is young until `learn` after its first line.
    """

    learn: Length = timedelta(hours=24)
    hours: Whole = 5
    mads: Times = 10
    times: Times = 3
    minimum: Amount


class ApiAbuseConfig(Section):
    """Requests of one principal, or of one address that names none: above what is `usual` (in the time of the
    ceiling), above `newcomer` for one that is too new to have it, above the `ceiling` for whoever.
    A `scan` is so many distinct paths that were refused (403, 404, 405) to one address, if they are
    `scan_share` of what it asked for. Paths to `ignore` are those of probes. What was answered 429 is not
    counted: it was stopped already.
    """

    ceiling: Rate = "30000/5 minutes"
    newcomer: Rate = "3000/5 minutes"
    usual: UsualConfig = UsualConfig(hours=1, minimum=1500)
    scan: Rate = "20/5 minutes"
    scan_share: Fraction = 0.5
    ignore: Paths = ("/health", "/healthz", "/livez", "/readyz", "/ping", "/metrics", "/-/*")

    @model_validator(mode="after")
    def _one_window(self) -> Self:
        if not {"ceiling", "newcomer"} & self.model_fields_set:
            return self
        from limits import parse

        if parse(self.ceiling).get_expiry() != parse(self.newcomer).get_expiry():
            raise ValueError("newcomer: is counted in the time of the ceiling: give both the same")
        return self


class DataAccessConfig(Section):
    """Who reads which data. A resource that no more than `closely_held` principals have read within
    `remember` is called when another one reads it, once it has been known for `learn`. The `rows` and the
    `bytes` that a principal reads in an hour are held against what is usual for it.

    `paths` are where data are read, with `{resource}` where the resource stands.
    """

    learn: Length = timedelta(days=7)
    closely_held: Whole = 5
    remember: Length = timedelta(days=90)
    rows: UsualConfig = UsualConfig(learn=timedelta(days=3), times=2, minimum=100_000)
    bytes: UsualConfig = UsualConfig(learn=timedelta(days=3), times=2, minimum=100_000_000)
    paths: Paths = (
        "**/data/{resource}",
        "**/data/{resource}/**",
        "**/export/{resource}",
        "**/download/{resource}",
    )


class ChangeConfig(Section):
    """How one kind of change is known: by one of the `words` beside a verb in what was done (`role.granted`,
    `CreateRole`), or as a write (POST, PUT, PATCH, DELETE) to one of its `paths`.
    """

    words: tuple[str, ...] = ()
    paths: Paths = ()


_MADE = ("create", "update", "rename", "delete", "transition-stage", "alias")
CHANGES: Mapping[Change, ChangeConfig] = {
    "configuration": ChangeConfig(
        words=("config", "configuration", "setting", "settings", "flag", "flags"),
        paths=("**/admin/config/**", "**/admin/config", "**/admin/settings/**", "**/admin/settings"),
    ),
    "model_registry": ChangeConfig(
        words=("model", "models"),
        paths=(
            "**/admin/models/**",
            *(f"**/mlflow/registered-models/{made}" for made in _MADE),
            *(f"**/mlflow/model-versions/{made}" for made in _MADE),
        ),
    ),
    "permissions": ChangeConfig(
        words=("permission", "permissions", "role", "roles", "policy", "policies", "acl", "group", "groups"),
        paths=("**/admin/roles/**", "**/admin/permissions/**", "**/mlflow/**/permissions/**"),
    ),
    "users": ChangeConfig(
        words=("user", "users", "account", "accounts"),
        paths=("**/admin/users", "**/admin/users/**", "**/mlflow/users/**"),
    ),
    "secrets": ChangeConfig(
        words=("secret", "secrets", "credential", "credentials", "key", "keys", "apikey"),
        paths=("**/admin/secrets/**", "**/admin/keys/**", "**/admin/tokens/**"),
    ),
}
VERBS = (
    *("add", "added", "approve", "approved", "assign", "assigned", "attach", "attached", "change", "changed"),
    *("create", "created", "delete", "deleted", "deploy", "deployed", "detach", "detached", "disable"),
    *("disabled", "enable", "enabled", "grant", "granted", "modified", "modify", "promote", "promoted"),
    *("register", "registered", "remove", "removed", "rename", "renamed", "restore", "restored", "revoke"),
    *("revoked", "rollback", "rotate", "rotated", "transition", "transitioned", "update", "updated"),
)


class SystemChangesConfig(Section):
    """Changes of the platform that were made, each called at once unless it is allowed, and standing for
    `stands`. `verbs` are the words that tell a change from a look.
    """

    stands: Length = timedelta(hours=1)
    verbs: tuple[str, ...] = VERBS
    configuration: ChangeConfig = CHANGES["configuration"]
    model_registry: ChangeConfig = CHANGES["model_registry"]
    permissions: ChangeConfig = CHANGES["permissions"]
    users: ChangeConfig = CHANGES["users"]
    secrets: ChangeConfig = CHANGES["secrets"]

    def kinds(self) -> Mapping[Change, ChangeConfig]:
        """Every kind of change, by its name."""
        return {
            "configuration": self.configuration,
            "model_registry": self.model_registry,
            "permissions": self.permissions,
            "users": self.users,
            "secrets": self.secrets,
        }


class SecurityConfig(Section):
    """What is looked for in the logs that `watch.logs` names.

    Lines may come `lateness` late and out of order; what is later is counted and, but for changes of the
    platform, passed by. No more than `names` principals, addresses and resources are kept in mind, each
    kind for itself, and no more than `held` lines wait for their turn: that is what bounds the memory. A
    round reads `read_at_once` at most, and the next goes on.
    """

    lateness: Length = timedelta(seconds=15)
    names: Annotated[int, Field(ge=100, le=1_000_000)] = 20_000
    held: Annotated[int, Field(ge=100, le=1_000_000)] = 50_000
    read_at_once: Annotated[ByteSize, Field(ge=1_000_000)] = ByteSize(16_000_000)
    allow: tuple[AllowConfig, ...] = ()
    failed_auth: FailedAuthConfig = FailedAuthConfig()
    api_abuse: ApiAbuseConfig = ApiAbuseConfig()
    data_access: DataAccessConfig = DataAccessConfig()
    system_changes: SystemChangesConfig = SystemChangesConfig()
