"""Croissant metadata of a built set: what its files hold, for whatever reads data sets by it.

MLCommons' Croissant 1.1, https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from synthaudit.building.result import Build
from synthaudit.result.writing import json_line

_CONTEXT: Final = {
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
_TYPES: Final = {
    "file_name": "sc:Text",
    "class": "sc:Text",
    "prompt": "sc:Text",
    "seed": "sc:Integer",
    "generator": "sc:Text",
    "round": "sc:Integer",
    "probability_synthetic": "sc:Float",
    "copy_p_value": "sc:Float",
    "nearest_real": "sc:Text",
}
_MIMES: Final = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
}
_TABLE: Final = "metadata.jsonl"
_PICTURES: Final = {
    "@type": "cr:RecordSet",
    "@id": "pictures",
    "name": "pictures",
    "description": "The pictures by their files.",
    "field": [
        {
            "@type": "cr:Field",
            "@id": f"pictures/{name}",
            "name": f"pictures/{name}",
            "description": name,
            "dataType": kind,
            "source": {"fileSet": {"@id": "image-files"}, "extract": {"fileProperty": of_file}},
        }
        for name, kind, of_file in (
            ("file", "sc:Text", "fullpath"),
            ("image", "sc:ImageObject", "content"),
        )
    ],
}


def croissant(built: Build, name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The metadata as JSON-LD.

    Args:
        built: the set.
        name: what it is called.
        rows: of ``metadata.jsonl``, whose digest it tells.
    """
    table = "".join(json_line(row) for row in rows)
    suffixes = sorted({str(row["file_name"]).rpartition(".")[2].lower() for row in rows})
    mimes = [_MIMES.get(suffix, f"image/{suffix}") for suffix in suffixes] or ["image/png"]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": name,
        "description": (
            f"{built.counts['kept']:,} generated images, made, sorted out and judged by "
            "synthaudit; README.md says how."
        ),
        "version": "1.0.0",
        "license": "unknown",
        "url": "./README.md",
        "isLiveDataset": False,
        "rai:dataCollection": "Generated images; half of a real set steered what was kept.",
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": _TABLE,
                "name": _TABLE,
                "contentUrl": _TABLE,
                "encodingFormat": "application/jsonlines",
                "sha256": hashlib.sha256(table.encode()).hexdigest(),
            },
            {
                "@type": "cr:FileSet",
                "@id": "image-files",
                "name": "image-files",
                "encodingFormat": mimes[0] if len(mimes) == 1 else mimes,
                "includes": [f"images/**/*.{suffix}" for suffix in suffixes] or "images/**/*",
            },
        ],
        "recordSet": [_records(), _PICTURES],
    }


def _records() -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "images",
        "name": "images",
        "description": "One record an image.",
        "key": {"@id": "images/file_name"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"images/{name}",
                "name": f"images/{name}",
                "description": name.replace("_", " "),
                "dataType": kind,
                "source": {"fileObject": {"@id": _TABLE}, "extract": {"column": name}},
            }
            for name, kind in _TYPES.items()
        ],
    }
