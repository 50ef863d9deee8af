"""Settings of all tests: property tests draw the same examples in every run, and leave no files."""

from __future__ import annotations

import gc
import signal

from hypothesis import HealthCheck, settings

settings.register_profile(
    "anyres-bench",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("anyres-bench")

# Of a shell that started them in the background tests inherit that Ctrl-C is ignored, and commands
# that they start would too.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

gc.disable()  # imports and collecting make millions of objects that stay, looked through in vain


def pytest_collection_finish() -> None:
    """Leave the tests themselves, which live to the end, out of every collection of garbage."""
    gc.freeze()
    gc.enable()
