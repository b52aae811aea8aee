"""PURE. The story as Slack's mrkdwn, in which no text from data can link, mention, format or show an emoji.

Names stand in code spans, where Slack reads nothing. Sentences with names in them keep their words, with what
Slack would read replaced by a sign that looks like it: escaping alone is not enough where a library on the
way turns `&lt;!here&gt;` back. Links stand on lines of their own, away from data.

Source: https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import re

from drift.messages.story import Story
from drift.messages.words import Name, Said

LONGEST = 2900
"""Slack cuts a block's text at 3000 characters; we leave out whole lines."""
MOST_KEYS = 3
SIGNS = str.maketrans({"<": "‹", "|": "¦", ">": "›", "@": "＠", "`": "ˋ", "*": "∗", "~": "∼", "&": "&amp;"})
ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
MARKS = {"firing": "🔴", "resolved": "🟢", "calm": "⚪"}


def slack_of(story: Story) -> str:
    """The whole message. Where it would be too long, lines of figures are left out, the last first."""
    facts = [f"*{fact.label or '–'}*  {said(fact.said)}" for fact in story.facts]
    top = [
        f"{MARKS[story.tone]} *{loose(story.state)}* · {said(story.headline)}",
        f"*{story.first_label}*  {said(story.first)}",
    ]
    links = "\n".join(_link(link.name, link.target, link.web) for link in story.links)
    silence = f"*Silence it*  {code(story.silence)}" if story.silence else ""
    keys = _keys(story)
    while True:
        parts = [
            "\n".join(top),
            "\n".join(facts),
            "\n".join(_table(story)),
            "\n".join(filter(None, (links, silence))),
            keys,
        ]
        text = "\n\n".join(part for part in parts if part)
        if len(text) <= LONGEST or not facts:
            return text
        facts.pop()


def said(phrase: Said) -> str:
    """A phrase with its names in code spans.

    >>> said((Name("<!here>"), " is late, ", "see *it* :fire:"))
    '`‹!here›` is late, see ∗it∗ ∶fire:'
    """
    return "".join(code(part) if isinstance(part, Name) else loose(part) for part in phrase)


def code(text: str) -> str:
    """The text in a code span."""
    return f"`{text.translate(SIGNS)}`"


def loose(text: str) -> str:
    """Text outside of a code span. Our own has none of these signs, and stays as it is."""
    text = text.translate(SIGNS).replace("mailto:", "mailto∶")
    text = re.sub(r":(?=[A-Za-z_+'-][\w+'-]*:)", "∶", text)  # an emoji
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", "＿", text)  # italics begin and end at a word's edge


def _table(story: Story) -> list[str]:
    if story.table is None:
        return []
    rows = [
        f"• {code(row.place)}  {loose(row.figure)}" + (f" · since {row.since}" if row.since else "")
        for row in story.table.rows
    ]
    return [*rows, f"and {story.table.more:,} more"] if story.table.more else rows


def _link(name: str, target: str, web: bool) -> str:
    return f"<{target.translate(ESCAPES)}|{loose(name)}>" if web else f"{loose(name)}: {code(target)}"


def _keys(story: Story) -> str:
    more = story.more_keys + max(len(story.keys) - MOST_KEYS, 0)
    shown = ", ".join(story.keys[:MOST_KEYS]) + (f" and {more} more" if more else "")
    return code(f"notice {story.key}" + (f" · {shown}" if shown else ""))
