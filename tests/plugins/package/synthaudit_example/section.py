"""A section of the report: the brightest synthetic image."""

from html import escape

from synthaudit import AuditFiles, ReportSection


def _line(files: AuditFiles) -> str | None:
    images = files.images
    if "brightness" not in images.columns:
        return None
    own = images[images["side"] == "synthetic"].sort_values(["brightness", "path"])
    return f"The brightest synthetic image is {own['path'].iloc[-1]}."


def _html(files: AuditFiles) -> str | None:
    line = _line(files)
    return None if line is None else f"<p>{escape(line)}</p>"


def _lines(files: AuditFiles) -> list[str]:
    line = _line(files)
    return [] if line is None else [line]


BRIGHTEST = ReportSection(title="The brightest image", html=_html, lines=_lines)
