"""A study of changed pictures beside their siblings, from the probe with written-in responses."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client

from studyapp.models import Mode, Presentation, Question, Study
from studyapp.protocol.reading import read_protocol_text
from studyapp.protocol.schema import Protocol
from studyapp.recruitment.link import create_link
from tests.studyapp_tests.criticism.small import opened

TEXT = """
name = "{name}"
title = "Something different"
kind = "same_content"
dataset = "colours"
classifiers = {classifiers}

[questions]
siblings = {siblings}
settings = {settings}
{questions}

[answers]
required = {required}
agreement = {agreement}
values = {values}

[participants]
questions_per_sitting = 6
{participants}

[review]
required = false

[rehearsal]
required = false
"""
HUES = '["hue 30", "hue 180", "hue 330"]'


def text(**changes: Any) -> str:
    """The protocol's text; `questions` and `participants` are further lines of those tables."""
    given = {
        "name": "same",
        "classifiers": '["alpha", "beta"]',
        "siblings": 3,
        "settings": HUES,
        "questions": "",
        "required": 3,
        "agreement": 2,
        "values": '["yes", "no"]',
        "participants": "",
    }
    return TEXT.format(**(given | changes))


def protocol(**changes: Any) -> Protocol:
    return read_protocol_text(text(**changes))


def same_study(*, pictures: bool = False, **changes: Any) -> Study:
    """An open study of the finished probe, whose rows are there already."""
    return opened(protocol(**changes), modes=(Mode.REAL,), pictures=pictures)


class Visit:
    """A person who has agreed; `begin` leaves the instructions."""

    def __init__(self, study: Study) -> None:
        self.client = Client()
        door = f"/join/{create_link(study=study, mode=Mode.REAL).token}/"
        self.offer = self.client.get(door).content.decode()
        visitor = re.findall(r'name="visitor" value="([^"]+)"', self.offer)[0]
        self.address = self.client.post(door, {"visitor": visitor}).headers["Location"]

    def begin(self, **fields: str) -> Visit:
        self.client.post(f"{self.address}begin/", fields)
        return self

    @property
    def page(self) -> str:
        return self.client.get(self.address).content.decode()

    def question(self) -> Question:
        """The question on the page."""
        key = re.findall(r'name="presentation" value="([^"]+)"', self.page)[0]
        return Presentation.objects.select_related("question__stimulus").get(key=key).question

    def answer(self, value: str) -> str:
        """Answer what is shown; returns where the server leads."""
        page = self.page
        key = re.findall(r'name="presentation" value="([^"]+)"', page)[0]
        fields = {"presentation": key, "attempt": "0", "value": value}
        return str(self.client.post(f"{self.address}answer/", fields).headers["Location"])
