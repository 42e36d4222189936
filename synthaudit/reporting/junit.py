"""A verdict as JUnit XML, as Jenkins and GitLab read it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from synthaudit.gating.judging import Check, Verdict
from synthaudit.reporting.gate import interval_text, limit_text, worst_images_of

if TYPE_CHECKING:
    import pandas as pd


def junit_xml(verdict: Verdict, images: pd.DataFrame | None) -> str:
    """One test case a check: failed ones are failures, undecided ones errors, warnings skipped."""
    counted = [check for check in verdict.checks if check.severity == "error"]
    failed = sum(check.state == "fail" for check in counted)
    undecided = sum(check.state == "undecided" for check in counted)
    skipped = sum(check.severity == "warn" and check.state != "pass" for check in verdict.checks)
    root = ET.Element("testsuites")
    suite = ET.SubElement(
        root,
        "testsuite",
        name="synthaudit gate",
        tests=str(len(verdict.checks)),
        failures=str(failed),
        errors=str(undecided),
        skipped=str(skipped),
        time="0",
    )
    for check in verdict.checks:
        _add_case(suite, check, images)
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _add_case(suite: ET.Element, check: Check, images: pd.DataFrame | None) -> None:
    name = _legal(f"{check.path} {limit_text(check)}")
    case = ET.SubElement(suite, "testcase", classname="synthaudit.gate", name=name, time="0")
    if check.state == "pass":
        return
    message = f"{check.path} is {check.value:.4g} ({interval_text(check)}): {check.why}"
    if check.severity == "warn":
        ET.SubElement(case, "skipped", message=_legal(f"warning: {message}"))
        return
    kind = "failure" if check.state == "fail" else "error"
    found = ET.SubElement(case, kind, message=_legal(message), type=check.state)
    found.text = _legal("\n".join([message, *worst_images_of(check, images)]))


def _legal(text: str) -> str:
    """Text without the characters that XML cannot hold."""
    return "".join(
        letter
        if letter in "\t\n\r"
        or "\x20" <= letter <= "\ud7ff"
        or "\ue000" <= letter <= "\ufffd"
        or letter >= "\U00010000"
        else "�"
        for letter in text
    )
