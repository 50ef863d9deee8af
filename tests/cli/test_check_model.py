"""`check-model` holds a model to its contract and says how to mend what it breaks."""

from __future__ import annotations

import pytest

from tests.cli.calls import call


def test_a_good_model_is_ok_in_every_step(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capfd, "check-model", "tests.fakes:waves", "--size", "64")
    name, *steps = out.splitlines()
    assert (code, name.startswith("waves")) == (0, True)
    assert steps
    assert all(step.startswith("ok  ") for step in steps)


def test_a_broken_promise_is_named_with_what_to_do(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capfd, "check-model", "tests.fakes:nan", "--size", "64")
    assert code == 1
    assert out.splitlines()[-1].startswith("FAIL")
    assert "NaN" in err
    assert "to mend it: " in err
