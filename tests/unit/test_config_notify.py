"""What of telling people is the config's: where runbooks are, and how people call drift, as messages say it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from drift.channel_trial import trial_notice
from drift.config import parse_config
from drift.config_notify import NotifyConfig
from drift.exports import rules
from drift.messages import message_of
from drift.telling import words_of

TABLE = {"path": "x.parquet"}
NOW = datetime(2026, 4, 1, tzinfo=UTC)
WIKI = "https://wiki.example/drift"


def config(tmp_path, **notify):
    return parse_config({"store": {"predictions": TABLE, "actuals": TABLE}, "notify": notify}, tmp_path)


def test_messages_and_exported_rules_point_to_the_same_runbooks(tmp_path):
    made = config(tmp_path, runbook_folder=WIKI, runbooks={"model_accuracy_drop": "https://wiki.example/own"})
    text = message_of(trial_notice("slack", NOW), words_of(made)).text
    assert f"{WIKI}/" in text
    exported = rules(made, runbooks=made.notify.runbook_folder)
    assert f"{WIKI}/monitor_stale.md" in exported
    assert "https://wiki.example/own" in exported


def test_the_command_of_a_message_is_the_one_that_people_there_use(tmp_path):
    made = config(tmp_path, command="kubectl exec deploy/drift -- drift", options="-c /etc/drift/drift.yaml")
    notice = replace(trial_notice("slack", NOW), why="began", rule="worse")
    said = message_of(notice, words_of(made)).text
    joined = " ".join(said.replace("\\\n", " ").split())
    assert "kubectl exec deploy/drift -- drift alerts silence -c /etc/drift/drift.yaml rule=worse" in joined


@pytest.mark.parametrize(
    ("notify", "text"),
    [
        ({"runbook_folder": ""}, "is no folder that links can be made of"),
        ({"runbook_folder": "docs/my runbooks"}, "is no folder that links can be made of"),
        ({"runbook_folder": "x\u202ey"}, "is no folder that links can be made of"),
        ({"command": ""}, "is no command"),
        ({"command": "drift 'half"}, "is no command"),
        ({"command": "drift\nrm -rf x"}, "is no command"),
        ({"options": "\x1b[2J"}, "is no command"),
    ],
)
def test_what_cannot_stand_in_a_message_is_refused(notify, text):
    with pytest.raises(ValidationError, match=text):
        NotifyConfig.model_validate(notify)
