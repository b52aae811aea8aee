"""What the pages say: the on-call's first page, lists, one alert, silences, slots; and that they say it of
ten thousand alerts by the page."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift.domain import AlertKey, Failure
from drift.fingerprints import fingerprint
from drift.notices import Notice, Told
from drift.sinks.prometheus import escaped
from drift.state import SlotCommit, SlotRecord
from drift.state_lists import Held
from drift.web.city_pages import CityPages
from drift.web.freshness import MOST, delays_of, freshness_of
from drift.web.overview import channels_of, slot_now
from drift.web.problems import PageError

from .conftest import NOW, SLOT, Pages, alert, commit

HOUR = timedelta(hours=1)
EXPLAINED = {
    "sentences": ["The error is 2.3 × what is normal.", "Do first: Look at the meters."],
    "explanation": {
        "effect": {"ratio": 2.3, "mean": 230.0, "normal": 100.0, "wape": 0.2},
        "advice": {"step": "open_report", "text": "Look at the meters."},
    },
}


def words(html: str) -> str:
    """The text of a page, on one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.partition('<main id="main">')[2])).strip()


# -- the first page


def test_nothing_fires_is_said_calmly(pages: Pages):
    commit(pages, alert(status="resolved"))
    answer = pages.get("/")
    assert "<h1>Nothing fires.</h1>" in answer.text
    assert "No alert fires, as of the slot of Wed 1 Apr 2026, 06:35 IST (01:05 UTC)" in words(answer.text)
    assert 'class="state firing"' not in answer.text


def test_what_fires_comes_worst_first_with_how_bad_it_is(pages: Pages):
    commit(pages, alert("Pune", severity="warning"), alert("Surat", severity="critical"), **EXPLAINED)
    text = pages.get("/").text
    assert "<h1>2 alerts fire.</h1>" in text
    assert text.index("Surat") < text.index("Pune")
    said = words(text)
    assert "2.3 × normal when it fired" in said
    assert "accuracy is 62.0 %, below its limit of 85.0 %" in said
    assert f'href="./alerts/{fingerprint(alert("Surat").key)}"' in text
    assert 'href="./cities/Surat"' in text


def test_a_pending_alert_is_told_apart(pages: Pages):
    commit(pages, alert("Pune", status="pending"))
    text = pages.get("/").text
    assert "<h1>Nothing fires. 1 alert is pending.</h1>" in text
    assert 'class="state pending"' in text


def test_who_is_silenced_is_said(pages: Pages):
    commit(pages, alert("Pune"), alert("Surat"))
    silence(pages, "city=Surat")
    said = words(pages.get("/").text)
    assert "1 of them is silenced: nobody is told." in said


def silence(pages: Pages, matchers: str) -> str:
    """Set a silence as a person would; its id."""
    word = pages.log_in()
    asked = {"matchers": matchers, "for": "4h", "author": "ana", "comment": "a new meter"}
    query = "&".join(
        f"{name}={value.replace('=', '%3D').replace('~', '%7E').replace(' ', '+')}"
        for name, value in asked.items()
    )
    shown = pages.get(f"/silences?preview=1&{query}").text
    form = shown[shown.index('class="confirm"') :].partition("</form>")[0]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    assert fields["csrf"] == word
    answer = pages.post("/silences", {name: _unescaped(value) for name, value in fields.items()})
    assert answer.status_code == 303, answer.text
    return re.search(r"set=(\w+)", answer.headers["location"])[1]


def _unescaped(text: str) -> str:
    import html

    return html.unescape(text)


LAST = SlotRecord(SLOT, "0123456789ab", SLOT, SLOT, failures=0, transitions=0)
STALE = timedelta(hours=2)
CASES = {
    "on time": (SLOT, NOW, "normal", "on time"),
    "the next was due a minute ago": (SLOT + HOUR, SLOT + HOUR + timedelta(minutes=1), "normal", "on its way"),
    "the next was due ten minutes ago": (SLOT + HOUR, SLOT + HOUR + timedelta(minutes=10), "pending", "next is late"),
    "two are missing": (SLOT + 2 * HOUR, SLOT + STALE + timedelta(minutes=1), "firing", "late"),
    "a slot by hand, after the last one due": (SLOT - HOUR, NOW, "normal", "on time"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_whether_the_slot_is_late_goes_by_the_schedule(case):
    due, now, tone, word = CASES[case]
    found = slot_now(LAST, due=due, stale_after=STALE, now=now, clock=datetime.isoformat)
    assert (found.tone, found.word) == (tone, word)


def test_before_the_first_slot_nothing_is_late():
    found = slot_now(None, due=SLOT, stale_after=STALE, now=NOW, clock=datetime.isoformat)
    assert (found.name, found.tone, found.said) == ("", "no-data", "No slot was evaluated yet.")


def test_what_failed_is_named_and_who_is_at_work():
    found = slot_now(
        LAST, due=SLOT, stale_after=STALE, now=NOW, clock=datetime.isoformat,
        failed=[Failure("read", "Pune", "the file is gone")], held=[Held(SLOT + HOUR, "north:7", NOW)],
    )  # fmt: skip
    assert found.failed == ("Pune, in read: the file is gone",)
    assert found.elsewhere == ("north:7 is at work on 2026-04-01T02:05:00+00:00",)


def test_a_stale_monitor_says_so_first(pages: Pages):
    commit(pages, alert())
    pages.after(timedelta(hours=9))
    text = pages.get("/").text
    assert text.index("drift is late: its last slot is 9 h old") < text.index('<h2 id="firing"')


def test_what_failed_in_the_last_slot_is_known_where_it_was_evaluated(pages: Pages, made):
    assert pages.get("/healthz").status_code == 200
    (made.folder / "reports").rmdir()
    (made.folder / "reports").write_text("a file in the way")
    pages.schedule.tick()
    assert [one.stage for one in pages.schedule.failed[SLOT]] == ["reports"]
    assert "pages, in reports: the page" in words(pages.get("/").text)
    assert "pages, in reports: the page" in words(pages.get("/slots/2026-04-01T01-05Z").text)


def test_what_failed_elsewhere_is_counted(pages: Pages):
    commit(pages, failures=3)
    assert "3 things failed in it. Another process evaluated it" in words(pages.get("/").text)


@given(st.dictionaries(st.text(max_size=9), st.floats(0, 1e7), max_size=30))
def test_delays_are_read_as_they_were_written(delays):
    lines = "".join(f'drift_actuals_delay_seconds{{city="{escaped(c)}"}} {d!r}\n' for c, d in delays.items())
    text = f'before{{city="x"}} 1.0\n# TYPE drift_actuals_delay_seconds gauge\n{lines}# TYPE z gauge\nz 1.0\n'
    assert delays_of(text.encode("utf-8", "replace")) == {
        city.encode("utf-8", "replace").decode(): delay for city, delay in delays.items()
    }


def test_the_latest_actuals_come_first_and_the_usual_is_said():
    found = freshness_of({f"c{n}": float(n * 3600) for n in range(25)})
    assert found.usual == "In half of them they end 12 h before the slot, or later."
    assert [one.city for one in found.worst] == [f"c{n}" for n in range(24, 24 - MOST, -1)]
    assert found.more == 12 - MOST
    assert freshness_of({}).cities == 0


def test_delivery_is_shown_of_every_channel_there_is_or_was():
    from drift.state_outbox import Counts

    found = channels_of({"old": Counts(2, 5, 0, NOW - 3 * HOUR)}, {"sms": 1}, ("mail",), NOW)
    assert [(one.name, one.waiting, one.oldest, one.dead) for one in found] == [
        ("mail", 0, "", 0), ("old", 2, "3 h", 0), ("sms", 0, "", 1),
    ]  # fmt: skip


# -- the lists


def test_alerts_are_filtered_by_the_address(pages: Pages):
    commit(pages, alert("Pune"), alert("Surat", severity="warning"), alert("Thane", status="resolved"))
    cities = lambda path: re.findall(r'class="where"><a href="[^"]+"><bdi>(\w+)', pages.get(path).text)  # noqa: E731
    assert cities("/alerts") == ["Pune", "Surat"]
    assert cities("/alerts?state=resolved") == ["Thane"]
    assert cities("/alerts?state=all") == ["Pune", "Surat", "Thane"]
    assert cities("/alerts?severity=warning") == ["Surat"]
    assert cities("/alerts?city=UN&state=") == ["Pune"]
    assert cities("/alerts?model_version=v2") == []


@pytest.mark.parametrize(("path", "said"), [
    ("/alerts?state=firring", "none of all, firing"), ("/alerts?sate=firing", "did you mean `state`"),
    ("/alerts?page=0", "no whole number"), ("/alerts?page=x", "no whole number"), ("/alerts?city=%00", "NUL"),
    ("/slots?before=yesterday", "is no slot: write one like"), ("/api/slots?limit=9999", "no whole number from 1 to 1,000"),
    ("/api/alerts?all=maybe", "write true or false"),
])  # fmt: skip
def test_what_cannot_be_meant_is_said_with_the_remedy(pages: Pages, path, said):
    answer = pages.get(path)
    assert answer.status_code == 400
    assert said in answer.text


def test_many_alerts_come_by_the_page(pages: Pages):
    commit(pages, *(alert(f"c{n:03}", value=0.6 - n / 1000) for n in range(120)))
    seen, path = [], "/alerts?severity=high"
    for _ in range(3):
        text = pages.get(path).text
        seen += re.findall(r"<bdi>(c\d{3})</bdi>", text)
        more = re.search(r'href="([^"]+)" rel="next"', text)
        path = f"/alerts{_unescaped(more[1])}" if more else ""
    assert path == ""
    assert seen == [f"c{n:03}" for n in range(119, -1, -1)]  # the lowest accuracy first


def test_an_alert_says_all_that_is_known_of_it(pages: Pages):
    one = alert()
    commit(pages, one, **EXPLAINED)
    told = Told(one.key, fingerprint(one.key), 1, "accuracy", 0.62, one.threshold, one.since)
    notice = Notice("mail", "firing", "began", SLOT, one.key.rule, "v1", "high", (told,))
    pages.state.commit(SlotCommit(SLOT + HOUR, notices=[notice]), at=SLOT + HOUR, config_hash="a")
    silence(pages, "city=Surat rule=~model_.*")
    answer = pages.get(f"/alerts/{fingerprint(one.key)[:12]}")
    assert answer.status_code == 307
    text = pages.get(answer.headers["location"].removeprefix("..")).text
    said = words(text)
    for expected in (
        "Surat ( v1 ): accuracy is 62.0 %, below its limit of 85.0 %", "Do first: Look at the meters.",
        "2.3 × normal: 230 MW (20 % of the load) against 100 MW", "breach lasted 1h",
        "mail firing, began waits, tried 0 times", "city=Surat", "ana : a new meter", "model_accuracy_drop.md",
    ):  # fmt: skip
        assert expected in said, expected
    prepared = _unescaped(re.search(r'href="\.\./(silences\?matchers=[^"]+)"', text)[1])
    assert "It matches" not in pages.get(f"/{prepared}").text
    assert "city=Surat" in pages.get(f"/{prepared}").text


def test_drifts_own_alerts_are_about_drift(pages: Pages):
    key = AlertKey("monitor_stale", "", None, None, None)
    commit(pages, alert(key=key, value=7200.0))
    assert "<bdi>drift</bdi>" in pages.get("/").text
    assert pages.get(f"/alerts/{fingerprint(key)}").status_code == 200


@pytest.mark.parametrize("name", ["0" * 64, "abc", "../../x", "g" * 64, "%00"])
def test_an_alert_that_is_not_there_is_said_with_the_remedy(pages: Pages, name):
    answer = pages.get(f"/alerts/{name.replace('/', '%2F')}")
    assert answer.status_code == 404
    assert "alerts list --all" in answer.text or "There is no page" in answer.text


# -- silences


def test_a_preview_sets_nothing_and_says_what_it_would_match(pages: Pages):
    commit(pages, alert("Pune"), alert("Surat"), alert("Thane", status="resolved"))
    said = words(
        pages.get("/silences?preview=1&matchers=city%3D%7E%28Surat%7CThane%29&for=4h&author=a&comment=b").text
    )
    assert "It matches 1 alert that stands now , and 1 that rests." in said
    assert pages.state.silences.list() == []


WRONG = {
    "matchers=&for=4h&author=a&comment=b": "from 1 to 20 matchers",
    "matchers=city&for=4h&author=a&comment=b": "is no matcher",
    "matchers=citty%3DPune&for=4h&author=a&comment=b": "did you mean `city`",
    "matchers='city%3DPune&for=4h&author=a&comment=b": "close the quotes",
    "matchers=city%3DPune&author=a&comment=b": "say how long it lasts",
    "matchers=city%3DPune&for=4h&until=2026-04-02T00:00Z&author=a&comment=b": "and not both",
    "matchers=city%3DPune&for=31d&author=a&comment=b": "notify.longest_silence",
    "matchers=city%3DPune&for=4h&author=a&comment=": "a silence has a comment",
    "matchers=city%3DPune&until=2026-04-02T00:00&author=a&comment=b": "has no time zone: write 2026-04-02T00:00Z",
    "matchers=city%3DPune&until=2026-03-02T00:00Z&author=a&comment=b": "not after its start",
    "matchers=rule%3D~%28a&for=4h&author=a&comment=b": "is not understood",
}


@pytest.mark.parametrize("asked", WRONG)
def test_what_cannot_be_a_silence_is_refused_as_the_command_refuses_it(pages: Pages, asked):
    answer = pages.get(f"/silences?preview=1&{asked}")
    assert answer.status_code == 400
    assert WRONG[asked] in _unescaped(answer.text)


def test_a_silence_is_set_shown_and_ended(pages: Pages):
    commit(pages, alert())
    name = silence(pages, "city=Surat")
    (kept,) = pages.state.silences.list()
    assert (kept.id, kept.author, kept.ends - kept.starts) == (name, "ana", 4 * HOUR)
    text = pages.get("/silences").text
    assert words(text).startswith("Active and planned active city=Surat Wed 1 Apr 2026, 06:35 IST")
    word = re.search(r'name="csrf" value="(\w+)"', text)[1]
    pages.after(HOUR)
    answer = pages.post(f"/silences/{name}/expire", {"csrf": word})
    assert answer.status_code == 303
    assert pages.state.silences.list()[0].ends == NOW + HOUR
    assert "Nothing is silenced." in words(pages.get("/silences").text)
    again = pages.post(f"/silences/{name}/expire", {"csrf": word})
    assert (again.status_code, "to end" in again.text) == (404, True)


def test_a_form_that_is_sent_twice_sets_one_silence(pages: Pages):
    form = {"csrf": pages.log_in(), "created": NOW.isoformat(), "matchers": "city=Surat", "from": NOW.isoformat(), "until": (NOW + HOUR).isoformat(), "author": "a", "comment": "b"}  # fmt: skip
    assert pages.post("/silences", form).status_code == 303
    pages.after(timedelta(seconds=7))
    assert pages.post("/silences", form).status_code == 303
    assert len(pages.state.silences.list()) == 1


def test_a_planned_silence_is_told_from_one_that_is_in_force(pages: Pages):
    form = {"csrf": pages.log_in(), "created": NOW.isoformat(), "matchers": "city=Surat", "from": "2026-04-02T00:00Z", "for": "1h", "author": "a", "comment": "b"}  # fmt: skip
    assert pages.post("/silences", form).status_code == 303
    assert "planned city=Surat" in words(pages.get("/silences").text)


# -- slots


def test_the_ledger_is_shown_by_the_page(pages: Pages):
    slots = [SlotCommit(SLOT - n * HOUR, failures=n % 2) for n in range(60)]
    pages.state.commit_many(slots[::-1], at=NOW, config_hash="0123456789ab")
    text = pages.get("/slots").text
    names = re.findall(r'href="\./slots/([^"]+)"', text)
    assert (names[0], len(names)) == ("2026-04-01T01-05Z", 50)
    more = re.search(r'href="([^"]+)" rel="next"', text)[1]
    assert len(re.findall(r'href="\./slots/([^"]+)"', pages.get(f"/slots{more}").text)) == 10


def test_a_slot_says_what_changed_in_it(pages: Pages):
    commit(pages, alert("Pune"), alert("Surat"))
    for name in ("2026-04-01T01-05Z", "2026-04-01T01:05:00Z"):
        said = words(pages.get(f"/slots/{name}").text)
        assert "Committed Wed 1 Apr 2026, 06:35 IST (01:05 UTC), 20 s after the slot" in said
        assert "Published not yet" in said
        assert said.count("pending → firing") == 2
    assert pages.get("/slots/2026-04-01T02-05Z").status_code == 404


# -- for programs


def test_the_twins_say_what_the_command_says(pages: Pages, drift, made):
    commit(pages, alert("Pune"), alert("Surat"), alert("Thane", status="resolved"))
    assert pages.get("/api/alerts").json() == json.loads(
        drift("alerts", "list", "-c", made.config, "--json").out
    )
    everything = drift("alerts", "list", "--all", "-c", made.config, "--json").json
    assert pages.get("/api/alerts?all=true").json() == everything
    assert pages.get("/api/slots?limit=1").json() == {
        "slots": [{
            "slot": "2026-04-01T01:05:00Z", "config_hash": "0123456789ab", "committed_at": "2026-04-01T01:05:20Z",
            "published_at": None, "failures": 0, "transitions": 3,
        }],
        "next": None,
    }  # fmt: skip
    assert pages.post("/api/alerts", {}).status_code == 405


# -- what cannot be answered


@pytest.mark.parametrize("path", ["/", "/alerts", "/silences", "/slots", "/api/alerts"])
def test_a_state_that_is_away_is_a_page_with_the_remedy_and_no_secret(pages_of, made, path, capsys):
    pages = pages_of()
    (made.folder / "state").mkdir()
    (made.folder / "state" / "drift.db").write_bytes(b"this is no database" * 100)
    answer = pages.get(path)
    assert answer.status_code == 503
    assert "Run drift doctor" in answer.text
    assert str(made.folder) not in answer.text
    assert "Traceback" not in answer.text
    assert "no SQLite database" in "".join(capsys.readouterr())  # the log has it all


def test_a_fault_of_drifts_own_is_a_page_and_a_line_of_the_log(pages: Pages, monkeypatch, capsys):
    monkeypatch.setattr(type(pages.state.lists), "counts", lambda _: 1 / 0)
    answer = pages.get("/")
    assert answer.status_code == 500
    assert "could not be made" in answer.text
    assert "ZeroDivision" not in answer.text
    assert "division by zero" in "".join(capsys.readouterr())


# -- a city


def test_a_citys_page_that_was_not_written_is_made_when_it_is_asked_for_and_kept(pages: Pages):
    """Only Surat alerts in this slot, so only its page is written with it."""
    pages.schedule.tick()
    folder = pages.reports / "2026-04-01T01-05Z"
    fleet = (folder / "index.html").read_bytes()
    assert not (folder / "cities" / "pune.html").exists()
    answer = pages.get("/cities/Pune")
    assert answer.status_code == 307, answer.text
    shown = pages.get(answer.headers["location"].replace("..", "", 1))
    assert "<bdi>Pune</bdi>" in shown.text
    assert (folder / "index.html").read_bytes() == fleet
    assert sorted(path.name for path in pages.reports.iterdir()) == [folder.name]
    made = {path.name for path in (folder / "cities").iterdir()}
    assert pages.get("/cities/Pune").headers["location"] == answer.headers["location"]
    assert made == {path.name for path in (folder / "cities").iterdir()}
    missing = pages.get("/cities/Puna")
    assert (missing.status_code, "Did you mean Pune?" in missing.text) == (404, True)


def test_one_page_is_made_at_a_time_and_nobody_waits_for_ever(pages: Pages, monkeypatch):
    import threading

    from drift.web import city_pages

    begun, go = threading.Event(), threading.Event()

    def slow(*_: object) -> None:
        begun.set()
        assert go.wait(30)

    monkeypatch.setattr(city_pages, "write_city", slow)
    maker = CityPages(pages.schedule.monitor, patience_s=0.01)
    for city in ("Pune", "Pune", "Surat"):
        with pytest.raises(PageError) as said:
            maker.make(SLOT, city)
        assert (said.value.problem.status, said.value.problem.retry) == (503, 5)
    assert begun.is_set()
    go.set()
    maker._job.over.wait(30)
    CityPages(pages.schedule.monitor).make(SLOT, "Surat")  # the next one may be made


def test_without_reports_the_pages_say_how_to_have_them(pages_of):
    pages = pages_of(more="reports: null")
    commit(pages, alert())
    answer = pages.get("/fleet")
    assert (answer.status_code, "reports: {dir: reports}" in answer.text) == (404, True)
    assert "reports: {dir: reports}" in pages.get("/cities/Surat").text


def test_a_message_leads_to_pages_that_are_there(pages_of):
    """The links of the notices that a slot decides: the city's page, and that of the alert."""
    from drift.messages import message_of
    from drift.telling import pages_of as links_of

    pages = pages_of(more="notify: {base_url: 'http://drift.test'}")
    pages.schedule.tick()
    (one,) = [
        a for a in pages.state.alerts().values() if a.key.city == "Surat" and a.key.model_version == "v1"
    ]
    told = Told(one.key, fingerprint(one.key), 1, "accuracy", one.value, one.threshold, one.since)
    links = links_of(pages.schedule.monitor.config, SLOT)(["Surat"])
    notice = Notice("mail", "firing", "began", SLOT, one.key.rule, "v1", "high", (told,), links=links)
    text = message_of(notice, pages.app.state.desk.words).text
    found = re.findall(r"http://drift\.test(/\S+)", text.replace("\n  ", ""))
    assert len(found) == 3
    assert [pages.get(path).status_code for path in found] == [200, 200, 200], found
