"""No piece of a password is seen, however its owner pasted it into a URL; what is no secret is."""

import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift.redact import UNSEEN, redact, redact_in

PASSWORDS = ["hunter2", "hun/ter2", "hun@ter2", "hun:ter2", "hun?ter2", "hun#ter2", "hun&ter2=x", "h/u@n:t?e#r2", "hun ter2", "hun://ter2"]  # fmt: skip


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://me:pw@db:5432/drift", "postgresql+psycopg://db:5432/drift"),
        ("postgresql://me:p@w/x@[::1]:5432/drift", "postgresql://[::1]:5432/drift"),
        ("s3://key:sec/ret@bucket/load.parquet", "s3://bucket/load.parquet"),
        ("https://h/x?sig=a%2Fb&se=2030", "https://h/x?***"),
        ("postgresql://h/d?PASSWORD=x", "postgresql://h/d?***"),
        ("https://h/x#token", "https://h/x#***"),
        ("s3://key:secret", UNSEEN),  # no `@`: host and port, or a key and its secret
        ("s3://bucket/a@b/c", UNSEEN),
        ("https://h/x?mail=a@b", UNSEEN),
        ("simplecache::s3://k:s@b/x", UNSEEN),
        ("mysql:me:pw@host", UNSEEN),
        ("sqlite:///state/drift.db", "sqlite:///state/drift.db"),
        ("sqlite:////home/me@work/drift.db", "sqlite:////home/me@work/drift.db"),
        ("s3://bucket/part-*.parquet", "s3://bucket/part-*.parquet"),
        ("/home/me@work:1/mlruns", "/home/me@work:1/mlruns"),
        ("mlruns", "mlruns"),
        ("databricks", "databricks"),
    ],
)
def test_what_is_certain_is_shown_and_nothing_else(url: str, shown: str) -> None:
    assert redact(url) == shown


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize(
    "form",
    ["s3://key:{}@bucket/x", "postgresql://{}@host/db", "https://host/x?password={}", "https://me:{0}@host/?a={0}"],
)  # fmt: skip
def test_no_piece_of_a_password_is_seen(form: str, password: str) -> None:
    url = form.format(password)
    for text in (redact(url), redact_in(f"cannot reach {url!r}: no port {password!r}", url)):
        for piece in re.split(r"[/@:?#&= ]+", password):
            assert len(piece) < 4 or piece not in text
    assert quote("hun/ter2", safe="") not in redact_in("bad hun%2Fter2", "s3://k:hun%2Fter2@b")
    assert "hun/ter2" not in redact_in("bad hun/ter2", "s3://k:hun%2Fter2@b")


@given(st.text("ab/@:?#%& .", min_size=1).map(lambda noise: f"{noise}SECRET{noise}"))
def test_a_secret_before_an_at_is_never_seen(password: str) -> None:
    assert "SECRET" not in redact(f"scheme://user:{password}@host/path")
    assert "SECRET" not in redact(f"scheme://host/path?key={password}")


def test_a_message_of_another_library_keeps_what_it_says() -> None:
    said = "Max retries exceeded with url: /api/2.0?name=x (caused by 'refused')"
    assert redact_in(said, "http://bob:secret@host") == said
    assert redact_in("see https://docs.example.org/a for PASSWORD = abcd") == (
        "see https://docs.example.org/a for PASSWORD = ***"
    )
    assert redact_in("https://h timed out; ask admin@x") == f"{UNSEEN}"
