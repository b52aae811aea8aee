"""What of an errand can be looked at without sending: the tests in `e2e/test_channels.py` send."""

from __future__ import annotations

import pytest

from drift.channels.errand import Overdue, Watch, form_of, plugin_of, run

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # one of Apprise's plugins
FORMS = {
    "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ": "slack",
    "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ": "slack",
    "mailtos://user:password@smtp.example?to=ops@example.org": "html",
    "sendgrid://a1b2c3:drift@example.org/ops@example.org": "html",
    f"twilio://AC{'a' * 32}:{'b' * 32}@15551230000/15551230001": "sms",
    "sinch://abc:def@15551230000/15551230001": "sms",
    "tgram://123456789:abcdefg_hijklmnop/123456789": "text",
    "mmost://chat.example/3ccdd113474722377935511fc85d3dd4": "text",
    "json://hook.example/x": "text",
}


@pytest.mark.parametrize("url", FORMS)
def test_each_service_has_its_form(url: str) -> None:
    assert form_of(plugin_of(url)) == FORMS[url]


def test_a_service_brings_no_icons_from_elsewhere() -> None:
    plugin = plugin_of("json://hook.example/x")
    assert plugin.image_url("info") is None
    assert plugin.app_id == "drift"
    assert not plugin.redirects


def test_a_url_that_no_service_takes_is_refused() -> None:
    """Apprise logs the URL then, which is one reason more for a process whose log nobody keeps."""
    with pytest.raises(ValueError, match="no service takes such a URL"):
        plugin_of("nosuch://token")


def test_an_errand_that_is_overdue_says_so() -> None:
    watch = Watch()
    watch.begin(-1.0)
    with pytest.raises(Overdue):
        watch.left()


def test_what_goes_wrong_is_a_fact_and_no_crash() -> None:
    assert run({"do": "look", "url": "nosuch://x", "form": None, "seconds": 60.0}, Watch()) == {
        "refused": "no service takes such a URL"
    }
    assert run({"do": "dance", "seconds": 60.0}, Watch())["error"] == "KeyError"


def test_an_error_is_named_by_what_lies_at_its_bottom() -> None:
    """What is above quotes URLs."""
    watch = Watch()
    try:
        try:
            raise ConnectionRefusedError(111, "Connection refused")
        except OSError as error:
            raise RuntimeError("no way to http://user:canary@host") from error
    except RuntimeError as error:
        watch.failed(ValueError(error))  # as urllib3 hands some on
    assert watch.facts == {"error": "ConnectionRefusedError", "said": "Connection refused", "tls": False}
