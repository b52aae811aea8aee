"""PURE. A comparison of two model versions in the few sentences that a colleague would say.

First who is better, by how much and how sure that is; then where the other one is; where the lead is largest;
which way each leans; and what the comparison could not use.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from drift.comparison import Comparison, Figure, LeftOut, Part, Value
from drift.domain import Undefined
from drift.evidence.wording import listed
from drift.significance import Comparison as DailyTest
from drift.text import printable

LEAST_LEAN = 0.005
"""Share of the load; a smaller bias is not said."""
LEAST_LEFT_OUT = 0.01
"""Share of the hours; below it no reason is said."""
LARGE_SHARE = 0.5
"""Of the difference in all, that a single city is named for."""
HOUR = timedelta(hours=1)


def sentences(found: Comparison) -> tuple[str, ...]:
    """All that is worth saying, the verdict first."""
    if not found.all.pairs:
        return (*_nothing(found), *_left_out(found))
    return (
        verdict(found),
        *_most_of_it(found),
        *_exceptions(found),
        *_where(found),
        *_leans(found),
        *_left_out(found),
    )


def verdict(found: Comparison) -> str:
    """Who is better, by how much, and whether that is more than chance."""
    wape, sign = found.all.wape, found.all.better
    a, b = names(found)
    if isinstance(wape.difference, Undefined):
        return f"{a} and {b} can't be compared by WAPE: {wape.difference.text}."
    if found.a == found.b:
        return f"{a} is held against itself: WAPE {percent(wape.a)}, no difference."
    if sign == 0:
        return f"{a} and {b} are equally good on these hours: WAPE {percent(wape.a)} of both."
    best = (a, b)[sign > 0]
    lead, sure = points(wape, sign), p_words(found.all.test)
    if found.all.clear:
        where = _in_cities(found, sign)
        return f"{best} is better {where}: WAPE {against(wape, sign)}, difference {lead}, {sure}."
    one = f" {_in_cities(found, sign)}" if len(found.cities) == 1 else ""
    many = "" if one else f", {_in_cities(found, sign)}"
    sides = f"WAPE {percent(wape.a)} and {percent(wape.b)}"
    head = f"There is no clear difference between {a} and {b}{one}: {sides}"
    return f"{head}; {best} leads by {lead}{many}, {sure}."


def _in_cities(found: Comparison, sign: int) -> str:
    """`in 18 of 20 cities, clearly in 15`."""
    if len(found.cities) == 1:
        return f"in {printable(found.cities[0].city)}"
    won, clear = found.won["cities"], found.clear
    ahead, sure = (won.b, clear.b) if sign > 0 else (won.a, clear.a)
    few = "" if 2 * ahead > won.of else "over all, but only "
    surely = f" (clearly in {f'{sure:,}' if sure else 'none'})" if sure != ahead else ""
    part = "all " if ahead == won.of else f"{ahead:,} of "
    return f"{few}in {part}{won.of:,} cities{surely}"


def _nothing(found: Comparison) -> tuple[str, ...]:
    a, b = names(found)
    return (f"{a} and {b} have no good hour in common in {found.window}.",)


def _most_of_it(found: Comparison) -> tuple[str, ...]:
    """The city that alone makes more than half of a clear difference in all."""
    if not found.all.clear:
        return ()
    sums = [
        float(each.figures["mae"].difference) * each.pairs if each.pairs else 0.0 for each in found.cities
    ]
    whole = sum(sums)
    if len(sums) < 2 or not whole:
        return ()
    share, k = max((part / whole, k) for k, part in enumerate(sums))
    if share <= LARGE_SHARE:
        return ()
    most = found.cities[k]
    words = "more than all" if share > 1 else f"{100 * share:.0f} %"
    city = printable(str(most.city))
    return (f"{city} alone makes {words} of that: {against(most.wape, found.all.better)}.",)


def _exceptions(found: Comparison) -> tuple[str, ...]:
    """Cities, and parts of their days, in which the other version is clearly better."""
    if len(found.cities) < 2:
        return _parts_of(found, -found.all.better or 1)
    said: tuple[str, ...] = ()
    signs = (-found.all.better,) if found.all.clear else (-1, 1)
    for sign in signs:
        cities = [printable(str(each.city)) for each in found.cities if each.clear and each.better == sign]
        if cities:
            said += (f"{names(found)[sign > 0]} is clearly better in {listed(cities)}.",)
        said += _parts_of(found, sign)
    return said


def _parts_of(found: Comparison, sign: int) -> tuple[str, ...]:
    """Where a version is clearly better in a part of the day, in cities where it is not better in all."""
    places: dict[str, list[str]] = {}
    for each in found.cities:
        for part in each.parts:
            if part.clear and part.wape.sign == sign and each.better != sign:
                places.setdefault(part.name, []).append(printable(str(each.city)))
    best = names(found)[sign > 0]
    said = [f"{name} in {listed(cities)}" for name, cities in places.items()]
    return (f"{best} is better {_and(said)}.",) if said else ()


def _where(found: Comparison) -> tuple[str, ...]:
    """Where the lead is largest, by hour of the day and by regime; nothing where there is no clear lead."""
    sign = found.all.better
    if not found.all.clear:
        return ()
    best, other = names(found)[sign > 0], names(found)[sign < 0]
    hours = [part for part in found.by_hour if part.wape.sign]
    lost = [part.name for part in hours if part.wape.sign == -sign]
    said = []
    if hours and not lost:
        hour, figures = _most(hours, sign)
        said.append(f"{best} is ahead in every hour of the day, most at {hour} {figures}")
    elif lost:
        said.append(f"{other} is ahead in {len(lost)} of {len(hours)} hours of the day ({listed(lost)})")
    regimes = [part for part in found.by_regime if part.wape.sign]
    if len(regimes) == len(found.by_regime) > 1:
        third, figures = _most(regimes, sign)
        said.append(f"the lead is largest in the {third} third of {printable(found.feature)} {figures}")
    return (f"{'; '.join(said)}.",) if said else ()


def _most(parts: Sequence[Part], sign: int) -> tuple[str, str]:
    """The name of the part with the largest lead, and both figures there."""
    most = max(parts, key=lambda part: sign * float(part.wape.difference))
    return most.name, f"(WAPE {against(most.wape, sign)})"


def against(wape: Figure, sign: int) -> str:
    """Both figures, first that of the version that is better in all."""
    sides = (wape.b, wape.a) if sign > 0 else (wape.a, wape.b)
    return f"{percent(sides[0])} against {percent(sides[1])}"


def _leans(found: Comparison) -> tuple[str, ...]:
    """Which way each version leans, where one does."""
    leans = leans_of(found)
    if leans is None or max(map(abs, leans)) < LEAST_LEAN or found.a == found.b:
        return ()
    (a, b), ways = names(found), ["over" if lean > 0 else "under" for lean in leans]
    again = f"{ways[1]}-forecasts " if ways[0] != ways[1] else ""
    first = f"{a} {ways[0]}-forecasts by {percent(abs(leans[0]))} of the load"
    return (f"{first}, {b} {again}by {percent(abs(leans[1]))}.",)


def leans_of(found: Comparison) -> tuple[float, float] | None:
    """Bias as a share of the load, of both versions; None where it is not known or nothing."""
    sides = []
    for side in ("a", "b"):
        wape, mae, bias = (getattr(found.all.figures[name], side) for name in ("wape", "mae", "bias"))
        if any(isinstance(each, Undefined) for each in (wape, mae, bias)):
            return None
        sides.append(bias * wape / mae if mae > 0 else 0.0)
    return sides[0], sides[1]


def _left_out(found: Comparison) -> tuple[str, ...]:
    """How many hours were compared, why most others were not, and whose faults are not held against it."""
    whole = found.all
    if not whole.total:
        return ()
    share = whole.pairs / whole.total
    unit = "hours" if found.step == HOUR else "intervals"
    if not whole.left_out:
        return (f"Compared on all {whole.total:,} {unit}.",)
    said = f"Compared on {whole.pairs:,} of {whole.total:,} {unit} ({percent(share)})"
    if 1 - share >= LEAST_LEFT_OUT:
        reason, many = max(whole.left_out.items(), key=lambda item: item[1])
        said += f"; most others left out because {reason.words(*names(found))} ({many:,})"
    spared = {
        name: whole.left_out.get(reason, 0)
        for name, reason in zip(names(found), (LeftOut.BAD_A, LeftOut.BAD_B), strict=True)
    }
    told = ((name, many, "s" if many > 1 else "") for name, many in spared.items() if many)
    faulty = [f"{many:,} faulty prediction{plural} of {name}" for name, many, plural in told]
    more = f"; not held against {'it' if len(faulty) == 1 else 'them'}: {_and(faulty)}" if faulty else ""
    return (f"{said}{more}.",)


def names(found: Comparison) -> tuple[str, str]:
    """Both versions, fit to be seen."""
    return printable(found.a, 40) or "(blank)", printable(found.b, 40) or "(blank)"


def percent(value: Value) -> str:
    """A fraction as people read it: one decimal, two where one would say nothing.

    >>> percent(0.0571), percent(0.00032), percent(0.0), percent(Undefined.NO_PAIRS)
    ('5.7 %', '0.03 %', '0.0 %', '–')
    """
    if isinstance(value, Undefined):
        return "–"
    return f"{_number(100 * value, value)} %"


def points(figure: Figure, sign: int) -> str:
    """A difference of fractions in percentage points, with its interval: positive is the lead of the version
    that is better (`sign` 1: b).

    >>> points(Figure(0.104, 0.057, 0.047, (0.041, 0.052)), 1)
    '4.7 points (4.1 to 5.2)'
    """
    if isinstance(figure.difference, Undefined):
        return "–"
    lead = sign * figure.difference
    text = f"{_number(100 * lead, lead)} points"
    if not isinstance(figure.interval, tuple):
        return text
    low, high = sorted(sign * end for end in figure.interval)
    return f"{text} ({_number(100 * low, lead)} to {_number(100 * high, lead)})"


def signed_points(fraction: float) -> str:
    """A difference of fractions in points, with its sign.

    >>> signed_points(0.0317), signed_points(-0.002), signed_points(-0.0001)
    ('+3.2', '−0.2', '0.0')
    """
    text = f"{100 * fraction:+.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "−")


def _number(value: float, fraction: float) -> str:
    digits = 1 if abs(fraction) >= 0.0005 or fraction == 0 else 2
    text = f"{value:,.{digits}f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text.replace("-", "−")


def p_words(test: DailyTest | Value) -> str:
    """The p-value, or why there is no test.

    >>> p_words(0.0004), p_words(0.21), p_words(Undefined.LOW_COVERAGE)
    ('p < 0.001', 'p = 0.21', 'not tested: fewer than ten days')
    """
    if isinstance(test, Undefined):
        return f"not tested: {why(test)}"
    p = test if isinstance(test, float) else test.p_value
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def why(reason: Undefined) -> str:
    """The reason for no test and no interval, in words that fit here."""
    return _WHY.get(reason, reason.text)


_WHY = {
    Undefined.LOW_COVERAGE: "fewer than ten days",
    Undefined.CONSTANT_REFERENCE: "the difference is the same every day",
}


def _and(texts: Sequence[str]) -> str:
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)
