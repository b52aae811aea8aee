import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from drift.domain import AlertKey, AlertStatus, Failure
from drift.errors import ReportError
from drift.reports.book import book_of
from drift.reports.city import city_view
from drift.reports.fleet import fleet_view
from drift.reports.names import page_name
from drift.reports.page import SAME_ORIGIN, bundle_name, data_block
from drift.reports.site import CITY_SCRIPTS, write_site
from drift.timeline import Forecast

BAD = (
    "<script>alert(1)</script>",
    "../../x",
    "a\"onmouseover='alert(1)",
    "</script><script>alert(2)</script>",
    "line\nbreak\u2028\u202ertl",
    "{{ 7 * 7 }}",
    "x" * 1000,
    "oslo",
    "Oslo",
)


class Elements(HTMLParser):
    """Every element with its attributes, and the text of scripts and styles."""

    def __init__(self, page):
        super().__init__()
        self.found, self.inside = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        self.found.append(("/" + tag, {}))

    def handle_data(self, data):
        if self.found and self.found[-1][0] in ("script", "style"):
            self.inside.append((*self.found[-1], data))


def pages(found):
    return {name: path.read_text("utf-8") for name, path in found.items()}


# the fleet page -------------------------------------------------------------------------------------


def test_the_fleet_is_summed_up_and_worst_first(fleet):
    book = book_of(*fleet(20))
    view = fleet_view(book, {"zone-01": "cities/zone-01.html"})
    assert dict(view.counts) == {"firing": 1, "pending": 0, "no data": 1, "normal": 18}
    assert view.sentences[:3] == (
        "18 of 20 cities are normal; 1 has a firing alert.",
        "zone-01 over-forecasts with v1, 8.9 × normal, since Tue 7 Apr 05:30 IST.",
        "1 city has no data to judge: zone-20.",
    )
    assert [(row.label, row.model_version, row.state) for row in view.rows[:3]] == [
        ("zone-01", "v1", "firing"),
        ("zone-20", "v1", "no data"),
        ("zone-20", "v2", "no data"),
    ]
    assert len(view.rows) == 40
    assert view.rows[0].link == "cities/zone-01.html"
    assert view.rows[3].link is None
    assert view.rows[0].bias.text.startswith("+")
    assert 'class="firing"' in view.rows[0].strip
    assert view.rows[1].accuracy.why == "no pairs of a prediction and an actual"
    assert ("missing actual", ("400", "400")) in [
        (n, tuple(f.text for f in fs)) for n, fs in view.unused.rows
    ]


def test_the_strip_of_a_city_shows_only_its_own_alerts(fleet):
    view = fleet_view(book_of(*fleet(3)), {})
    marked = {(r.label, r.model_version) for r in view.rows if 'class="firing"' in r.strip}
    assert marked == {("zone-01", "v1")}


def test_a_pending_alert_is_no_firing_one(fleet):
    run, pairs, _, config = fleet(2)
    pending = tuple(replace(alert, status=AlertStatus.PENDING) for alert in run.alerts)
    view = fleet_view(book_of(replace(run, alerts=pending), pairs, [], config), {})
    assert dict(view.counts)["pending"] == 1
    assert view.sentences[0] == "0 of 2 cities are normal; no alert is firing."


def test_an_alert_on_late_actuals_is_none_on_a_forecast_and_none_is_not_said_of_it(fleet):
    run, pairs, _, config = fleet(2)
    late = replace(run.alerts[0], key=AlertKey("late_actuals", "", "zone-01", None, None))
    view = fleet_view(book_of(replace(run, alerts=(late,)), pairs, [], config), {})
    assert dict(view.counts)["firing"] == 0
    assert view.sentences[0].endswith("normal; no alert is firing on a city's forecast.")


def test_a_fleet_without_trouble_is_said_in_one_sentence(fleet):
    run, pairs, _, config = fleet(2)
    calm = replace(run, alerts=(), verdicts=(), panels=run.panels[:1])
    whole = replace(pairs, actual=np.where(np.isnan(pairs.actual), 1000.0, pairs.actual))
    known = replace(
        calm.panels[0], value=np.nan_to_num(calm.panels[0].value), reason=0 * calm.panels[0].reason
    )
    view = fleet_view(book_of(replace(calm, panels=(known,)), whole, [], config), {})
    assert view.sentences[0] == "All 2 cities are normal."


def test_groups_are_shown_where_the_config_names_them(fleet):
    run, pairs, transitions, config = fleet(2)
    grouped = config.model_copy(update={"groups": {"zone-01": "north <b>"}})
    view = fleet_view(book_of(run, pairs, transitions, grouped), {})
    assert {row.label: row.group for row in view.rows} == {"zone-01": "north <b>", "zone-02": ""}


# a city's page --------------------------------------------------------------------------------------


def test_a_citys_page_says_how_it_stands(fleet):
    view = city_view(book_of(*fleet(3)), "zone-01")
    assert view.state == "firing"
    assert view.cards[0].usual.value == pytest.approx(0.97, abs=0.01)
    assert "points below the 97." in view.sentences[0]
    assert [(t.headline, t.clocks) for t in view.troubles] == [
        ("v1 over-forecasts, 10 × normal", "Tue 7 Apr 2020, 05:30 IST (00:00 UTC)")
    ]
    assert [panel.name for panel in view.panels] == [
        "forecast-0",
        "forecast-1",
        "error",
        "daily",
        "inside",
        "week-0",
        "week-1",
        "hours",
        "regime",
        "bands",
    ]
    assert [(c.before, c.after, c.value, c.threshold) for c in view.changes[:2]] == [
        ("pending", "firing", "81.0 %", "< 85.0 %"),
        ("ok", "pending", "84.0 %", "< 85.0 %"),
    ]


def test_the_charts_hold_the_pairs_and_leave_gaps_open(fleet):
    _, pairs, _, _ = made = fleet(2)
    book = book_of(*made)
    view = city_view(book, "zone-02")
    chart = view.panels[0].chart
    actual = next(line for line in chart.lines if line.name == "actual")
    assert len(actual.values) == 15 * 24
    np.testing.assert_array_equal(actual.values, pairs.actual[1, -360:])
    assert np.isnan(actual.values[-24:]).all()
    assert chart.spans == ()
    daily = view.panels[3].chart
    assert daily.limit == pytest.approx(0.15)
    assert (
        view.sentences[0]
        == "v1 has no accuracy for the current window: no pairs of a prediction and an actual."
    )


def test_columns_are_shown_with_both_distributions(fleet):
    view = city_view(book_of(*fleet(1)), "zone-01")
    titles = [histogram.title for histogram in view.drift.histograms]
    assert titles == [
        "actual",
        "predicted by v1",
        "predicted by v2",
        "error of v1",
        "error of v2",
        "temperature",
    ]
    assert view.drift.histograms[0].caption == "2,140 values in the reference, 24 in the current window"
    assert [title for title, _ in view.drift.definitions] == list(view.drift.heads)
    assert all(len(words) > 20 for _, words in view.drift.definitions)


# the files ------------------------------------------------------------------------------------------


def test_the_site_is_a_fleet_page_and_a_page_a_city(fleet, tmp_path):
    told = []
    links = write_site(*fleet(3), tmp_path, on_page=told.append)
    assert told == ["zone-01", "zone-02", "zone-03", "fleet"]
    assert links["report"] == tmp_path / "index.html"
    assert links["city:zone-01"] == tmp_path / "cities" / "zone-01.html"
    assert {p.name for p in tmp_path.rglob("*.*")} == {
        "index.html",
        "zone-01.html",
        "zone-02.html",
        "zone-03.html",
        "report.css",
        bundle_name(CITY_SCRIPTS),
    }


def test_pages_share_their_style_and_scripts_unless_each_is_to_be_a_single_file(fleet, tmp_path):
    made = fleet(2)
    shared = pages(write_site(*made, tmp_path / "shared"))
    single = pages(write_site(*made, tmp_path / "single", single_file=True))
    assert {path.name for path in (tmp_path / "single").rglob("*.*")} == {
        "index.html",
        "zone-01.html",
        "zone-02.html",
    }
    assert shared["report"] == single["report"], "the fleet's page is complete either way"
    page = shared["city:zone-01"]
    for name in re.findall(r'(?:href|src)="(\.\./assets/[^"]+)"', page):
        assert (tmp_path / "shared" / "cities" / name).resolve().is_file()
    assert page.count("../assets/") == 2
    assert "<style>" not in page
    assert 20_000 < len(single["city:zone-01"]) - len(page) < 80_000
    parts = [re.search(r"<main.*?</main>", text, re.DOTALL)[0] for text in (page, single["city:zone-01"])]
    assert parts[0] == parts[1]


def test_the_fleet_links_only_to_pages_that_are_there(fleet, tmp_path):
    made = fleet(3)
    write_site(*made, tmp_path, cities=["zone-02"])
    index = (tmp_path / "index.html").read_text("utf-8")
    assert 'href="cities/zone-02.html"' in index
    assert 'href="cities/zone-01.html"' not in index
    write_site(*made, tmp_path, cities=["zone-01"])
    assert 'href="cities/zone-02.html"' in (tmp_path / "index.html").read_text("utf-8")


def test_an_unknown_city_is_named_with_the_nearest(fleet, tmp_path):
    with pytest.raises(ReportError, match=r"no city 'zone-1' in this run: did you mean 'zone-01'\?"):
        write_site(*fleet(2), tmp_path, cities=["zone-1"])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(fleet, tmp_path):
    (tmp_path / "cities").write_text("in the way")
    with pytest.raises(
        ReportError, match=r"the page .*zone-01\.html cannot be written .*or set reports\.dir"
    ):
        write_site(*fleet(1), tmp_path)


def test_the_same_run_gives_the_same_bytes(fleet, tmp_path):
    made = fleet(2)
    first, again = (pages(write_site(*made, tmp_path / name)) for name in "ab")
    assert first == again


@pytest.mark.parametrize("cities", [1, 200])
def test_pages_are_small(fleet, tmp_path, cities):
    links = write_site(*fleet(cities), tmp_path)
    sizes = {name: path.stat().st_size for name, path in links.items()}
    assert max(sizes.values()) < 700_000
    assert max(size for name, size in sizes.items() if name != "report") < 80_000
    assert sum(sizes.values()) < 30_000_000


def test_a_run_without_cities_or_figures_has_a_page(fleet, tmp_path):
    run, pairs, _, config = fleet(2)
    bare = replace(run, panels=(), verdicts=(), alerts=(), pair_counts=(), failures=())
    links = write_site(bare, pairs, [], config, tmp_path)
    page = links["city:zone-01"].read_text("utf-8")
    assert "not measured in this run" in page
    assert "nan" not in re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL).lower()


@pytest.mark.parametrize("versions", [("only",), tuple(f"model-{i}" for i in range(8))])
def test_any_number_of_model_versions_is_drawn(fleet, tmp_path, versions):
    links = write_site(*fleet(2, versions=versions), tmp_path)
    page = links["city:zone-01"].read_text("utf-8")
    assert all(f"Forecast against actual: {version}" in page for version in versions)


# hostile text ---------------------------------------------------------------------------------------


def test_text_from_data_adds_no_element_attribute_or_path(fleet, tmp_path):
    run, pairs, transitions, config = fleet(len(BAD), called=BAD, versions=BAD[:2])
    said = {
        "sentences": list(BAD),
        "explanation": {
            "bias": {"direction": BAD[2]},
            "disturbances": {"actual_faults": {BAD[0]: 3}},
            "onset": {"at": BAD[3]},
        },
    }
    worse = replace(
        run,
        failures=(Failure("read", BAD[0], BAD[3]),),
        transitions=(replace(transitions[-1], reason=BAD[3] + BAD[2], evidence=said),),
    )
    config = config.model_copy(update={"groups": dict(zip(BAD, reversed(BAD), strict=True))})
    features = {BAD[0]: pairs.features["temperature"], BAD[4]: pairs.features["temperature"]}
    links = write_site(worse, replace(pairs, features=features), transitions, config, tmp_path / "out")
    assert all(path.resolve().is_relative_to(tmp_path / "out") for path in links.values())
    assert len({path.name.casefold() for name, path in links.items() if name != "report"}) == len(BAD)
    for page in pages(links).values():
        elements = Elements(page)
        assert not re.search(
            r"alert\([12]\)", "".join(text for tag, _, text in elements.inside if tag == "style")
        )
        assert all("alert(" not in text for tag, attrs, text in elements.inside if not attrs.get("type"))
        assert not [a for _, attrs in elements.found for a in attrs if a.startswith("on")]
        assert "\u202e" not in page
        assert "\u2028" not in page
        assert "49" not in re.findall(r"<title>(.*?)</title>", page)[0]


def test_the_policy_lets_only_the_pages_own_code_run(fleet, tmp_path):
    for page in pages(write_site(*fleet(2), tmp_path, single_file=True)).values():
        elements = Elements(page)
        metas = [
            attrs for tag, attrs in elements.found if attrs.get("http-equiv") == "Content-Security-Policy"
        ]
        policy = dict(rule.strip().split(" ", 1) for rule in metas[0]["content"].split(";"))
        assert policy["default-src"] == "'none'"
        assert "unsafe" not in metas[0]["content"]
        for tag, attrs, text in elements.inside:
            if attrs.get("type") == "application/json":
                json.loads(text)
                continue
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy[f"{tag}-src"]
        assert not [a for _, attrs in elements.found for a in attrs if a in ("src", "style")]
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)


def test_a_page_that_shares_its_scripts_has_none_of_its_own(fleet, tmp_path):
    page = write_site(*fleet(1), tmp_path)["city:zone-01"].read_text("utf-8")
    elements = Elements(page)
    (meta,) = [a for tag, a in elements.found if a.get("http-equiv") == "Content-Security-Policy"]
    assert meta["content"] == SAME_ORIGIN
    assert "unsafe" not in SAME_ORIGIN
    assert [attrs.get("type") for tag, attrs, _ in elements.inside] == ["application/json"]
    assert not [a for _, attrs in elements.found for a in attrs if a == "style"]
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)


def test_no_text_can_end_the_data_block():
    words = "</script><!--\u2028\u2029&"
    block = data_block({words: words})
    assert not set("<>&\u2028\u2029") & set(block)
    assert json.loads(block) == {words: words}
    with pytest.raises(ValueError, match="not JSON compliant"):
        data_block(float("nan"))


def test_a_citys_page_leads_back_to_the_fleet(fleet, tmp_path):
    links = write_site(*fleet(1), tmp_path)
    page = links["city:zone-01"]
    (home,) = re.findall(r'<a href="([^"#]*index\.html)"', page.read_text("utf-8"))
    assert (page.parent / home).resolve() == links["report"].resolve()
    assert page.name == page_name("zone-01")


def test_an_alert_over_all_cities_is_on_the_fleet_page(fleet):
    run, pairs, transitions, config = fleet(2)
    pooled = replace(transitions[-1], key=transitions[-1].key._replace(city=None, rule="fleet_worse"))
    view = fleet_view(book_of(run, pairs, [*transitions, pooled], config), {})
    said = "fleet_worse is firing for v1 over all cities pooled, since Tue 7 Apr 2020, 17:30 IST (12:00 UTC)."
    assert said in view.sentences
    assert {change.city for change in view.changes} == {"all cities", "zone-01"}
    assert view.more_changes == 0


def test_only_the_latest_changes_are_on_the_fleet_page(fleet):
    run, pairs, transitions, config = fleet(2)
    many = [replace(transitions[-1], key=transitions[-1].key._replace(rule=f"rule-{i}")) for i in range(40)]
    view = fleet_view(book_of(run, pairs, many, config), {})
    assert len(view.changes) == 25
    assert view.more_changes == 15


def test_cities_without_any_prediction_are_no_data(fleet, tmp_path):
    run, pairs, _, config = fleet(2, versions=("v1",))
    none = Forecast(*(np.empty((0, *pairs.actual.shape)) for _ in range(3)))
    bare = replace(run, panels=(), verdicts=(), alerts=(), pair_counts=())
    unpredicted = replace(pairs, model_versions=(), judged=none, bands={})
    assert dict(fleet_view(book_of(bare, unpredicted, [], config), {}).counts)["no data"] == 2
    links = write_site(bare, unpredicted, [], config, tmp_path)
    assert "no data" in links["city:zone-01"].read_text("utf-8")


def test_a_fleet_of_no_city_has_a_page(fleet, tmp_path):
    run, pairs, _, config = fleet(1)
    bare = replace(run, panels=(), verdicts=(), alerts=(), pair_counts=())
    none = Forecast(pairs.judged.predicted[:, :0], None, None)
    empty = replace(pairs, cities=(), actual=pairs.actual[:0], judged=none, bands={}, features={})
    links = write_site(bare, empty, [], config, tmp_path)
    assert list(links) == ["report"]
    assert "There is no city to report on." in links["report"].read_text("utf-8")


def test_without_intervals_bands_or_features_less_is_drawn(fleet, tmp_path):
    run, pairs, transitions, config = fleet(1)
    plain = replace(pairs, judged=replace(pairs.judged, lower=None, upper=None), bands={}, features={})
    view = city_view(book_of(run, plain, transitions, config), "zone-01")
    assert "bands" not in [panel.name for panel in view.panels]
    assert [words for words, _ in view.panels[0].legend] == ["actual", "predicted by v1", "data fault"]
    assert {"inside", "regime"}.isdisjoint(panel.name for panel in view.panels)
    assert len(view.drift.histograms) == 5
    assert "% interval" not in write_site(run, plain, [], config, tmp_path)["city:zone-01"].read_text("utf-8")
