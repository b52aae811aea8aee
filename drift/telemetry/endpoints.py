"""Which endpoint answered a request: its route's template, with the prefixes of all it is mounted in.

Frameworks say which function answered (`scope["endpoint"]`) and, some of them, by which route; none says the
whole template of a route inside a mounted application, and the path in its place would be a series for every
customer. So all templates of a router are read once, by the function that they lead to. To find one is then a
look into a dict; only where one function answers for several are they told apart by route and path. What is
read is what Starlette's and FastAPI's routes say of themselves: neither is imported here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from drift.telemetry.metrics import writable

UNMATCHED = "unmatched"
"""The endpoint of a request that no route takes."""
DEEPEST = 32
"""So deep applications are looked for inside each other: what leads back to itself must end somewhere."""

Scope: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Template:
    """A way to an endpoint. The path has its convertors (`{file:path}`), the host may have parameters too.

    `inner`: it is a mount, and has routes of its own: who comes to no more than it comes to no endpoint.
    """

    endpoint: object
    route: object
    host: str
    path: str
    inner: bool = False

    @cached_property
    def text(self) -> str:
        """The label: the template without its convertors, as the documentation of an API shows it.

        >>> Template(None, None, "", "/files/{name:path}").text
        '/files/{name}'
        """
        return UNMATCHED if self.inner else writable(_PARAMETER.sub(r"{\1}", self.host + self.path))

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str], re.Pattern[str]]:
        return _pattern(self.path), _pattern(self.host or "{any}")

    def takes(self, path: str, host: str) -> bool:
        """Whether who asks the host for the path could come here.

        >>> Template(None, None, "", "/files/{name:path}").takes("/files/a/b", "example.org")
        True
        >>> Template(None, None, "", "/cities/{city}").takes("/cities/a/b", "example.org")
        False
        """
        of_path, of_host = self._patterns
        return bool(of_path.fullmatch(path)) and (not self.host or bool(of_host.fullmatch(host)))


class Templates:
    """All templates of a router, in the order in which it tries them."""

    def __init__(self, router: object) -> None:
        self.router = router
        self._read()

    def endpoint_of(self, scope: Scope) -> str:
        """The template of a request, or `unmatched`. `scope` is as the router has left it; a request that
        never came to it is found by its path.
        """
        if "router" not in scope:
            return self._search(scope)
        endpoint = scope.get("endpoint")
        if endpoint is None:
            return UNMATCHED
        found = self._by_endpoint.get(id(endpoint))
        if found is None and self._has_grown():
            self._read()
            found = self._by_endpoint.get(id(endpoint))
        if found is None:  # of an application in a wrapper that cannot be looked into
            return self._search(scope)
        if len(found) > 1:
            found = [each for each in found if each.route is scope.get("route")] or found
        one = found[0] if len(found) == 1 else _first(found, scope) or found[0]
        return one.text

    def is_alone(self, endpoint: object) -> bool:
        """Whether all requests that the function answers have one template."""
        return len(self._by_endpoint.get(id(endpoint), ())) == 1

    def _search(self, scope: Scope) -> str:
        found = _first(self._all, scope)
        return UNMATCHED if found is None else found.text

    def _read(self) -> None:
        self._lists: list[tuple[Sequence[object], int]] = []
        self._all = tuple(self._walk(getattr(self.router, "routes", ()), "", "", 0))
        self._by_endpoint: dict[int, list[Template]] = {}
        for each in self._all:
            self._by_endpoint.setdefault(id(each.endpoint), []).append(each)

    def _has_grown(self) -> bool:
        """Whether a list of routes has another length than when it was read."""
        return any(len(routes) != length for routes, length in self._lists)

    def _walk(self, routes: Sequence[object], host: str, path: str, depth: int) -> Iterator[Template]:
        self._lists.append((routes, len(routes)))
        for route in _laid_out(routes):
            origin, app = getattr(route, "original_route", route), getattr(route, "app", None)
            own_host, own_path = _text(route, "host") or host, path + _text(route, "path")
            if hasattr(route, "endpoint"):
                yield Template(route.endpoint, origin, own_host, own_path)
                continue
            inner = _routes_within(route) if depth < DEEPEST else ()
            yield from self._walk(inner, own_host, own_path, depth + 1)
            if app is not None:
                yield Template(app, origin, own_host, own_path + "/{path:path}", inner=bool(inner))


def _text(route: object, name: str) -> str:
    found = getattr(route, name, None)
    return found if isinstance(found, str) else ""


def _laid_out(routes: Iterable[object]) -> Iterator[object]:
    """The routes, with those of FastAPI's included routers in their place: each says its whole path then."""
    for route in routes:
        included = getattr(route, "effective_route_contexts", None)
        if included is None:
            yield route
            continue
        for context in included():
            yield getattr(context, "starlette_route", None) or context


def _routes_within(mount: object) -> Sequence[object]:
    """Its routes, behind whatever wraps it as middlewares do (`app`), as far as it shows."""
    app: object = mount
    for _ in range(DEEPEST):
        routes = getattr(app, "routes", None)
        if isinstance(routes, Sequence) and routes:
            return routes
        app = getattr(app, "app", None)
    return ()


_PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")


def _pattern(template: str) -> re.Pattern[str]:
    """What a template takes: a parameter is what has no slash, or anything at all where it is a path."""
    pieces = _PARAMETER.split(template)  # literal, name, convertor, literal …
    taken = [".*" if convertor == "path" else "[^/]+" for convertor in pieces[2::3]]
    literals = [re.escape(literal) for literal in pieces[::3]]
    return re.compile("".join(a + b for a, b in zip(literals, [*taken, ""], strict=True)), re.DOTALL)


def _first(templates: Iterable[Template], scope: Scope) -> Template | None:
    path, host = _path(scope), _host(scope)
    return next((each for each in templates if each.takes(path, host)), None)


def _path(scope: Scope) -> str:
    """The path below where the application is served from (`root_path`), before any mount."""
    path: str = scope["path"]
    root: str = scope.get("app_root_path", scope.get("root_path", "")).rstrip("/")
    return path[len(root) :] if root and (path == root or path.startswith(root + "/")) else path


def _host(scope: Scope) -> str:
    """The name of the host that was asked for, without its port."""
    named: bytes = next((value for name, value in scope.get("headers", ()) if name == b"host"), b"")
    return re.sub(r":\d+$", "", named.decode("latin-1")).lower()
