"""Tasks and results: text and numbers that the standard library alone can read and write.

>>> from anyres_bench.results import read_results, result_table
>>> reading = read_results([Path("results")])  # doctest: +SKIP
>>> print(result_table(reading.results))  # doctest: +SKIP
"""

from anyres_bench.results.files import (
    ResultReading,
    StoredResult,
    read_result,
    read_results,
    read_stored,
    result_path,
    unsealed_remark,
    write_result,
)
from anyres_bench.results.ranks import tied_ranks
from anyres_bench.results.record import (
    SCHEMA,
    UNKNOWN,
    CostRecord,
    DatasetRecord,
    DeviceRecord,
    ExtractorRecord,
    FeaturesRecord,
    ImagesRecord,
    Interval,
    ModelRecord,
    ReferenceRecord,
    Result,
    SizeHistogram,
    result_key,
)
from anyres_bench.results.tables import (
    CAUTIONS,
    cautions_of,
    chance_band,
    explained,
    number,
    result_table,
    to_csv,
    to_frame,
    to_latex,
    value_label,
)
from anyres_bench.results.task import (
    SUPERSESSIONS,
    Supersession,
    Task,
    differences,
    newest_version,
    one_spelling,
    require_one_task,
)

__all__ = [
    "CAUTIONS",
    "SCHEMA",
    "SUPERSESSIONS",
    "UNKNOWN",
    "CostRecord",
    "DatasetRecord",
    "DeviceRecord",
    "ExtractorRecord",
    "FeaturesRecord",
    "ImagesRecord",
    "Interval",
    "ModelRecord",
    "ReferenceRecord",
    "Result",
    "ResultReading",
    "SizeHistogram",
    "StoredResult",
    "Supersession",
    "Task",
    "cautions_of",
    "chance_band",
    "differences",
    "explained",
    "newest_version",
    "number",
    "one_spelling",
    "read_result",
    "read_results",
    "read_stored",
    "require_one_task",
    "result_key",
    "result_path",
    "result_table",
    "tied_ranks",
    "to_csv",
    "to_frame",
    "to_latex",
    "unsealed_remark",
    "value_label",
    "write_result",
]
