"""Settings of all tests: property tests draw the same examples in every run, and leave no files."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "anyres-bench",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("anyres-bench")
