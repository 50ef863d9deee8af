"""Candidates and keys: what every collector gives, as it is kept between runs."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyres_bench.collectors.collector import Candidate, key_of
from anyres_bench.core.errors import DatasetError

FULL = Candidate(
    key="flickr_1",
    url="http://pictures.example/1.jpg",
    author="Zoë",
    height=30,
    width=40,
    sha256="0" * 64,
    extra={"tags": ["a", "b"], "n": 1},
)


def test_a_candidate_comes_back_and_defaults_are_not_told() -> None:
    assert Candidate.from_json(FULL.to_json()) == FULL
    assert json.loads(Candidate(key="a").to_json()) == {"key": "a"}
    assert Candidate.from_json('{"key": "a"}') == Candidate(key="a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "a candidate is damaged"),
        ("[]", "no object of fields"),
        ("{}", "lacks key"),
        ('{"key": 1}', "key of a candidate is 1, expected str"),
        ('{"key": "a", "colour": 1}', "unknown field 'colour'"),
        ('{"key": "a", "width": "9"}', "width of a candidate is '9', expected int"),
        ('{"key": "a", "extra": [1]}', "extra of a candidate is no object"),
        ('{"key": "a", "fetched": {"colour": 1}}', "what was fetched"),
    ],
)
def test_what_is_no_candidate_is_refused(text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        Candidate.from_json(text)


@settings(max_examples=60, deadline=None)
@given(st.text(), st.text(max_size=300))
def test_a_key_is_a_plain_name_of_bounded_length(source: str, source_id: str) -> None:
    key = key_of(source, source_id)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,109}", key)
    assert key == key_of(source, source_id)


@pytest.mark.parametrize(
    "ids",
    [("a/b", "a b", "a-b"), ("1", "1 ", "-1"), ("", "image", "/"), ("A" * 200, "A" * 201)],
)
def test_ids_that_look_alike_have_keys_of_their_own(ids: tuple[str, ...]) -> None:
    assert len({key_of("photos", name) for name in ids}) == len(ids)
