"""Croissant: what a dataset holds, in the vocabulary that dataset search engines read.

Source: MLCommons Croissant format specification 1.0 (2024-03-01) and its responsible-AI extension.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from anyres_bench import __version__
from anyres_bench.core.files import sha256_file
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.records import METADATA_NAME, ImageRecord

CROISSANT_NAME = "croissant.json"
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES = {"int": "sc:Integer", "float": "sc:Float", "str": "sc:Text"}
_MEANINGS = {
    "file_name": "Path of the image inside the dataset.",
    "sha256": "Digest of the file.",
    "height": "Pixels, after the EXIF orientation.",
    "width": "Pixels, after the EXIF orientation.",
    "licence_id": "SPDX id of the image's licence, or the source's own word.",
    "group": "Images of one photograph share a group; no split may divide it.",
    "effective_resolution": "Share of the Nyquist frequency that holds signal.",
}


def croissant(dataset: Dataset, notices: Sequence[str]) -> dict[str, Any]:
    """The JSON-LD of a dataset whose folder is complete.

    Args:
        dataset: on disk.
        notices: what the sources ask to be said.
    """
    licences = sorted({record.licence_id for record in dataset.manifest})
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": dataset.id,
        "description": f"{len(dataset.manifest)} images at their own sizes; digest "
        f"{dataset.digest}, recipe {dataset.recipe_id}. {' '.join(notices)}".strip(),
        "license": licences,
        "citeAs": f"anyres-bench {__version__}, dataset {dataset.id}, digest {dataset.digest}",
        "url": f"urn:sha256:{dataset.digest}",
        "version": "1.0.0",
        "rai:dataCollection": "Collected by a program from the sources that are listed for each "
        f"image, by the recipe {dataset.recipe_id}; what was left out is listed with the reason.",
        "rai:personalSensitiveInformation": "Photographs may show people. Credits name authors.",
        "rai:dataReleaseMaintenancePlan": "Images that are withdrawn at their source are removed "
        "by `anyres-bench recheck`; the digest tells versions apart.",
        "distribution": _distribution(dataset),
        "recordSet": [_records(), _pictures()],
    }


def _distribution(dataset: Dataset) -> list[dict[str, Any]]:
    return [
        {
            "@type": "cr:FileObject",
            "@id": METADATA_NAME,
            "name": METADATA_NAME,
            "contentUrl": METADATA_NAME,
            "encodingFormat": "application/x-parquet",
            "sha256": sha256_file(dataset.folder / METADATA_NAME),
        },
        {
            "@type": "cr:FileObject",
            "@id": "folder",
            "name": "folder",
            "description": "The folder of the dataset.",
            "contentUrl": "./",
            "encodingFormat": "text/directory",
            "sha256": dataset.digest,
        },
        {
            "@type": "cr:FileSet",
            "@id": "images",
            "name": "images",
            "containedIn": {"@id": "folder"},
            "encodingFormat": "image/*",
            "includes": "images/**/*",
        },
    ]


def _records() -> dict[str, Any]:
    fields = [_field(field) for field in dataclasses.fields(ImageRecord)]
    return {
        "@type": "cr:RecordSet",
        "@id": "records",
        "name": "records",
        "description": "One row an image.",
        "key": {"@id": "records/file_name"},
        "field": fields,
    }


def _pictures() -> dict[str, Any]:
    """The files themselves; the name joins them with `records`."""
    properties = {"filename": "sc:Text", "content": "sc:ImageObject"}
    return {
        "@type": "cr:RecordSet",
        "@id": "pictures",
        "name": "pictures",
        "description": "The image files, as they were collected.",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"pictures/{name}",
                "name": name,
                "description": f"The {name} of the file.",
                "dataType": type_,
                "source": {"fileSet": {"@id": "images"}, "extract": {"fileProperty": name}},
            }
            for name, type_ in properties.items()
        ],
    }


def _field(field: dataclasses.Field[Any]) -> dict[str, Any]:
    plain = str(field.type).split(" ")[0]
    return {
        "@type": "cr:Field",
        "@id": f"records/{field.name}",
        "name": field.name,
        "description": _MEANINGS.get(field.name, field.name.replace("_", " ")),
        "dataType": _TYPES[plain],
        "source": {"fileObject": {"@id": METADATA_NAME}, "extract": {"column": field.name}},
    }
