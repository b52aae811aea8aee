"""PURE. The story as HTML for mail: what the plain text says, in tables and inline styles, for any reader.

Nothing is loaded from elsewhere, and there is no script. Every colour stands beside its background, so that a
reader that darkens the page darkens both; one that asks for dark colours (`prefers-color-scheme`) gets them.
Names are isolated (`bdi`): one that is written from right to left moves nothing beside it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from drift.messages.story import Story
from drift.messages.words import Name, Said

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup


def html_of(story: Story) -> str:
    """The whole document."""
    return _template().render(story=story)


@cache
def _template() -> Template:
    """The template. Everything is escaped; an unknown name is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # where it is used: a slot needs none

    environment = Environment(
        loader=PackageLoader("drift.messages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["said"] = said
    return environment.get_template("mail.html.j2")


def said(phrase: Said) -> Markup:
    """The phrase, escaped, with its names isolated.

    >>> str(said(("in ", Name("<b>Mumbai"))))
    'in <bdi>&lt;b&gt;Mumbai</bdi>'
    """
    from markupsafe import Markup, escape

    isolated = Markup("<bdi>{}</bdi>")
    return Markup("").join(
        isolated.format(part) if isinstance(part, Name) else escape(part) for part in phrase
    )
