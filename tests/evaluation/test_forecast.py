"""What a run would take, in words; measured on real runs in `tests/cli/test_evaluate.py`."""

from __future__ import annotations

from anyres_bench.evaluation.forecast import Forecast, SetForecast, peak_bytes
from anyres_bench.evaluation.metric_costs import MetricForecast
from anyres_bench.fetching.weights import WeightFile


def test_a_forecast_adds_up_what_is_left() -> None:
    sides = [
        SetForecast("patch64-at64 reference", 1000, 0, 0.0, 600),
        SetForecast("patch64-at64 mine", 50_000, 40_000, 0.36, 600),
    ]
    weights = WeightFile(
        name="net", filename="n.pth", url=None, sha256=None, n_bytes=2_000_000_000, licence="MIT"
    )
    found = Forecast("mine on cpu", "birds, 7 images", {"a/b": True, "a/c": False}, ["a/d"], sides)
    found.downloads = [weights]
    found.metrics = {"a/c": MetricForecast(1200.0, 128), "a/e": None}
    assert found.seconds == 40_000 * 0.36
    assert found.metric_seconds == 1200.0
    lines = found.text().splitlines()
    assert "tasks      3, of which 1 are measured already" in lines
    assert "  a/b  (kept)" in lines
    assert "  a/d  (once its extractor is here)" in lines
    assert "items      40000 to compute" in lines
    assert "  patch64-at64 mine: 50000, of which 10000 are in the cache; 360 ms each" in lines
    assert any(line.startswith("time       about 4.3 h ") for line in lines)
    assert "  images and features: about 4.0 h" in lines
    assert "  values and intervals: about 20 min" in lines
    assert "    a/c: about 20 min, from 128 rows a side" in lines
    assert "    not known for 1 tasks, whose metrics take real features alone" in lines
    assert any(line.startswith("disk       24.0 MB of features in ") for line in lines)
    assert lines[-1] == "downloads  net, 2.00 GB, MIT; by hand: see convert --list net"


def test_names_of_models_cannot_break_lines() -> None:
    found = Forecast("a\nb on cpu", "c, 1 images")
    assert len(found.text().splitlines()) == len(Forecast("ab", "c").text().splitlines())


def test_the_memory_of_this_process_is_known() -> None:
    assert peak_bytes() > 1 << 20
