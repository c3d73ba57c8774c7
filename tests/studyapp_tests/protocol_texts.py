"""The smallest protocol texts that the tests of the reader start from."""

from __future__ import annotations

import pytest

from studyapp.protocol.problems import ProtocolError
from studyapp.protocol.reading import read_protocol_text

TOP = """\
name = "study"
title = "A study"
kind = "relevance"
dataset = "digits"
classifiers = ["cnn", "linear"]
"""
TOP5 = TOP.replace('"relevance"', '"relevance_top5"')


def problems_of(text: str) -> tuple[str, ...]:
    with pytest.raises(ProtocolError) as caught:
        read_protocol_text(text, file="study.toml")
    return tuple(map(str, caught.value.problems))
