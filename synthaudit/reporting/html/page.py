"""What all pages share: one self-contained file that allows nothing from outside."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files as resources
from typing import Any, Final

from synthaudit.images.trait_titles import trait_title
from synthaudit.reporting.html.plots import Plot, bokeh_script
from synthaudit.result.findings import worth_text

_TEMPLATES: Final = "synthaudit.reporting.html.templates"


def render(
    template: str,
    *,
    scripts: Sequence[str],
    plots: Sequence[Plot],
    items: Sequence[Mapping[str, Any]] = (),
    data: Mapping[str, Mapping[str, Any]],
    is_served: bool = False,
    **context: Any,
) -> str:
    """A page.

    Names and numbers come from strangers: everything is escaped by the template or is JSON that no
    browser runs, scripts are allowed by their digests, and nothing may be loaded from anywhere.

    Args:
        template: its file.
        scripts: our own scripts, by file, in their order.
        plots: what is drawn, each with its numbers.
        items: what else is drawn.
        data: of the scripts, by the name of the element that holds it.
        is_served: whether a server shows the page, which its scripts may then ask.
        context: of the template.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("synthaudit.reporting.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"worth_text": worth_text, "trait_title": trait_title}
    drawn = [*items, *(plot.item for plot in plots)]
    texts = [_asset(name) for name in scripts]
    if drawn:
        texts.insert(0, bokeh_script())
    return environment.get_template(template).render(
        style=_asset("page.css"),
        scripts=texts,
        policy=content_policy(texts, is_served=is_served),
        plots=plots,
        data={
            name: harmless_json(contents)
            for name, contents in {**data, "plot-items": drawn}.items()
        },
        **context,
    )


def harmless_json(contents: Any) -> str:
    """JSON that cannot end the element that holds it."""
    text = json.dumps(contents, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def flat(value: Any, lead: str = "") -> list[tuple[str, str]]:
    """Nested values as lines of name and text."""
    if isinstance(value, dict):
        return [line for key, entry in value.items() for line in flat(entry, f"{lead}{key} ")]
    return [(lead.strip(), "nothing" if value is None else str(value))]


def _asset(name: str) -> str:
    return resources(_TEMPLATES).joinpath(name).read_text(encoding="utf-8")


def content_policy(scripts: Sequence[str], *, is_served: bool) -> str:
    """What the page may do: run the scripts that are in it, and show the files beside it.

    Args:
        scripts: their texts.
        is_served: whether a server shows the page.
    """
    digests = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts
    ]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    images, asks = ("data: 'self'", "connect-src 'self'; ") if is_served else ("data: file:", "")
    # Bokeh writes style elements of its own; styles can load nothing here.
    return (
        f"default-src 'none'; img-src {images}; {asks}style-src 'unsafe-inline'; "
        f"script-src {allowed}; base-uri 'none'; form-action 'none'"
    )
