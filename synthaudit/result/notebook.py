"""An audit as a compact block in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synthaudit.result.scores import Score


def notebook_block(
    verdict: str, scores: Mapping[str, Score], counts: Mapping[str, int], notes: tuple[str, ...]
) -> str:
    """HTML without styles of its own, so that it follows the notebook's theme."""
    rows = []
    for name, score in scores.items():
        interval = "" if score.low is None else f"{score.low:.3f} to {score.high:.3f}"
        chance = "" if score.chance is None else f"{score.chance:.3f}"
        cells = (f"{score.value:.3f}", interval, chance)
        rows.append(f"<tr><th>{name}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    head = f"{counts['real']:,} real, {counts['synthetic']:,} synthetic images; higher is worse"
    return (
        f"<p><strong>{escape(verdict)}</strong></p><p>{head}</p><table><thead><tr><th></th><th>value</th><th>interval</th>"
        f"<th>chance</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
        + "".join(f"<p>{escape(note)}</p>" for note in notes)
    )
