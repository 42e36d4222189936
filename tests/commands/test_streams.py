"""Whoever reads the output may go, and disks may be full: exit codes say what was found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import synthaudit as package
from synthaudit.commands.streams import PatientStream


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    real, synthetic = np.random.default_rng(0).normal(size=(2, 60, 8))
    audit = package.score_embeddings(real, synthetic, quick=True)
    return Path(audit.write(tmp_path_factory.mktemp("audit")))


def in_shell(line: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(("face", "reader"), [("json", "true"), ("table", "head -c 1 > /dev/null")])
def test_a_gate_says_what_it_found_though_nobody_reads_it(
    audited: Path, face: str, reader: str
) -> None:
    for top, code in ((0, 1), (1, 0)):
        limit = f"--max unrealistic={top}"
        done = in_shell(f"synthaudit gate {audited} {limit} --format {face} | {reader}")
        assert done.returncode == code, done.stderr
        assert done.stderr == ""


def test_other_commands_end_well_when_nobody_reads_them(audited: Path) -> None:
    for command in (f"compare {audited} {audited}", "score --help", "sweep --example"):
        done = in_shell(f"synthaudit {command} | true")
        assert (done.returncode, done.stderr) == (0, ""), command


def test_closed_streams_change_no_exit_code(audited: Path) -> None:
    for top, code in ((0, 1), (1, 0)):
        done = in_shell(f"synthaudit gate {audited} --max unrealistic={top} >&- 2>&-")
        assert done.returncode == code


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_output_that_cannot_be_written_is_one_sentence_and_no_verdict(audited: Path) -> None:
    for face in ("table", "json"):
        line = f"synthaudit gate {audited} --max unrealistic=1 --format {face} > /dev/full"
        done = in_shell(line)
        assert done.returncode == 2
        assert done.stderr == "error: stdout cannot be written to (no space left on device).\n"


def test_what_an_encoding_does_not_know_is_escaped(audited: Path) -> None:
    done = in_shell(f"PYTHONIOENCODING=ascii synthaudit compare {audited} {audited}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()


def test_a_stream_is_otherwise_the_one_that_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    stream = PatientStream(sys.stdout)
    assert stream.write("some text\n") == 10
    stream.flush()
    assert stream.encoding == sys.stdout.encoding
    assert capsys.readouterr().out == "some text\n"
