"""The config as text: reading YAML safely, and saying what is wrong with it in words that help."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from drift.errors import ConfigError
from drift.text import printable

MAX_BYTES = 1 << 20
MAX_DEPTH = 20
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def read_yaml(file: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """The mapping in a YAML file, with `${NAME}` filled in from `environment`."""
    try:
        blob = file.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"no config at {file}: write one with `drift init`, or name one with -c") from None
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None
    if len(blob) > MAX_BYTES:
        raise ConfigError(f"{file} has {len(blob):,} bytes, more than the {MAX_BYTES:,} a config may have")
    try:
        text = blob.decode()
        _refuse_bombs(file, text)
        content = yaml.load(text, Loader=_UniqueKeys)  # noqa: S506 - a SafeLoader, and stricter
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{file} is no YAML that we take: {_problem(error)}") from None
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigError(f"{file} should be a mapping of keys, such as `store:`; see `drift init`")
    filled: dict[str, Any] = _fill(content, environment, file)
    return filled


def _refuse_bombs(file: Path, text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise ConfigError(f"{file} line {_line(event)}: YAML aliases (*name) are not taken")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise ConfigError(f"{file} is nested deeper than {MAX_DEPTH} levels")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def _problem(error: Exception) -> str:
    """What is wrong and where, without what is written there: that may be a password."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark, said = error.problem_mark or error.context_mark, error.problem or error.context or "unreadable"
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        return where + _without_quotes(said)
    if isinstance(error, yaml.reader.ReaderError):
        return f"character {error.position + 1}: {error.reason}"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} is no UTF-8: save it as UTF-8"
    return type(error).__name__


def _without_quotes(said: str) -> str:
    """YAML's words without what they quote; a single character, and its own `<tokens>`, tell nothing."""
    if " tag " in said:  # a tag is quoted to the end of the message, with whatever quotes are in it
        return re.split("['\"]", said, maxsplit=1)[0] + "there: text goes in quotes"
    return _QUOTED.sub(lambda q: q[0] if len(q[0]) <= 3 or q[0][1] == "<" else "what is there", said)


class _UniqueKeys(yaml.SafeLoader):
    """YAML that refuses a key written twice, where the plain loader takes the last without a word.

    A value that looks like a date or a number, and is none, is a fault of the text, with its place.
    """

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """The node's value."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, TypeError, OverflowError) as error:
            why = str(error).partition(":")[0]  # what follows may be the value
            raise _fault(node, f"the value cannot be read ({why}); text goes in quotes") from None


def _fault(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _mapping(loader: _UniqueKeys, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for key_node, _ in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise _fault(key_node, "a key should be a word, and here it is a list or a mapping")
        key = key_node.value
        if key in seen:
            raise _fault(key_node, f"the key `{printable(key)}` is written twice")
        seen.add(key)
    content: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    return content


_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _fill(node: Any, environment: Mapping[str, str], file: Path) -> Any:
    if isinstance(node, dict):
        return {key: _fill(value, environment, file) for key, value in node.items()}
    if isinstance(node, list):
        return [_fill(value, environment, file) for value in node]
    if not isinstance(node, str):
        return node

    def value_of(match: re.Match[str]) -> str:
        if match[1] not in environment:
            raise ConfigError(f"{file}: ${{{match[1]}}} is not set in the environment")
        return environment[match[1]]

    return _VARIABLE.sub(value_of, node)


def explain_invalid(name: str, error: ValidationError, model: type[BaseModel]) -> str:
    """One line a fault: the key's path, what is wrong, and for an unknown key the nearest known one."""
    return "\n".join(f"{name}: {line}" for line in dict.fromkeys(_lines(error, model)))


def _lines(error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
    for fault in error.errors(include_url=False, include_context=False):
        path = [str(part) for part in fault["loc"] if not _is_branch(str(part))]
        if fault["type"] == "extra_forbidden":  # its last part is what a person wrote, whatever it looks like
            path = [part for part in path if part != fault["loc"][-1]] + [str(fault["loc"][-1])]
        where = ".".join(map(printable, path)) or "the whole"
        if fault["type"] == "extra_forbidden":
            known = sorted(_fields_at(model, path[:-1]))
            yield f"{where}: unknown key{did_you_mean(path[-1], known)}"
        elif fault["type"] == "missing":
            yield f"{where}: is missing and has no default"
        else:
            yield f"{where}: {fault['msg'].removeprefix('Value error, ')}"


def _is_branch(part: str) -> bool:
    """Pydantic names the branch of a union in the path, such as `ReferenceSpan` or `literal['all']`."""
    return "[" in part or part.endswith(("Span",)) or part in ("float", "timedelta", "length", "span")


def _fields_at(model: type[BaseModel], path: list[str]) -> set[str]:
    """The keys that the section at `path` knows."""
    sections: set[type[BaseModel]] = {model}
    for part in path:
        step: set[type[BaseModel]] = set()
        for section in sections:
            field = section.model_fields.get(part)
            # a key of a free mapping (an alert's name) leads to the mapping's own sections
            step |= set(_models(field.annotation)) if field else {section}
        sections = step or sections
    fields = (field for section in sections for field in section.model_fields.items())
    return {field.alias or name for name, field in fields if name != "base"}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _models(part)


def did_you_mean(word: str, known: list[str]) -> str:
    """The end of a message about a word that is not known.

    >>> did_you_mean("treshold", ["threshold", "duration"])
    '; did you mean `threshold`?'
    """
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"; did you mean `{printable(near[0])}`?"
    return f"; known are {', '.join(map(printable, known[:40]))}" if known else ""
