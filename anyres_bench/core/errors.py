"""Every error that anyres-bench raises on purpose.

    AnyresBenchError                 exit code 1
    |-- UsageError                   exit code 2: the call was wrong, nothing was started
    |   |-- UnknownNameError         no such metric, task, model, ...; names the nearest
    |   `-- ConfigError              a configuration field is missing, unknown or out of range
    |-- DataError                    files on disk are not what they should be
    |   |-- ImageError               one image cannot be used; carries a short reason
    |   |-- DatasetError             a dataset is missing, empty, inconsistent or too small
    |   `-- CacheError               a cached state is corrupt
    |-- ModelError
    |   |-- CheckpointError          a checkpoint cannot be read or does not fit
    |   |   `-- UnsafeCheckpointError  a checkpoint asks for something that would execute code
    |   |-- GeneratorError           a generator broke its contract (shape, NaN, range, size)
    |   `-- WeightsError             a registered weight file is absent, wrong or not licensed yet
    |-- TrainingError                training went where it cannot go on
    |-- MetricError                  a number is not defined on these inputs
    |-- IncomparableError            two results have different task ids
    |-- CommandError                 a command under test is slow, died, or breaks its protocol
    `-- FetchError                   a download failed for good; carries a short reason

A message says what was got, what was expected and what to do next.
"""

from __future__ import annotations


class AnyresBenchError(Exception):
    """Base class; `exit_code` is what the command line returns."""

    exit_code = 1

    def __reduce__(self) -> tuple[object, ...]:
        """It passes whole from process to process, whatever a subclass is made of."""
        return _remade, (type(self), self.args, vars(self))


def _remade(
    kind: type[AnyresBenchError], args: tuple[object, ...], attributes: dict[str, object]
) -> AnyresBenchError:
    error = kind.__new__(kind, *args)
    vars(error).update(attributes)
    return error


class UsageError(AnyresBenchError):
    """The call was wrong and nothing was started."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name is not in its table."""


class ConfigError(UsageError):
    """A configuration value is missing, unknown or out of range."""


class DataError(AnyresBenchError):
    """Files on disk are not what they should be."""


class ImageError(DataError):
    """One image cannot be used.

    Args:
        reason: short machine-readable word for reject tables, such as `truncated` or `too-large`.
        message: the full sentence for people.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class DatasetError(DataError):
    """A dataset is missing, empty, inconsistent or too small."""


class CacheError(DataError):
    """A cached state is corrupt."""


class ModelError(AnyresBenchError):
    """Something is wrong with a model or its files."""


class CheckpointError(ModelError):
    """A checkpoint cannot be read, or does not fit the network."""


class UnsafeCheckpointError(CheckpointError):
    """A checkpoint asks for something that would execute code."""


class GeneratorError(ModelError):
    """A generator broke its contract."""


class WeightsError(ModelError):
    """A registered weight file is absent, has the wrong digest, or its licence was not accepted."""


class TrainingError(AnyresBenchError):
    """Training went where it cannot go on."""


class MetricError(AnyresBenchError):
    """A number is not defined on these inputs."""


class IncomparableError(AnyresBenchError):
    """Two results were compared whose task ids differ."""


class CommandError(AnyresBenchError):
    """A command under test is slow, died, or does not speak its protocol."""


class FetchError(AnyresBenchError):
    """A download failed for good.

    Args:
        reason: short machine-readable word for reject tables, such as `http-404` or
            `private-address`.
        message: the full sentence for people.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
