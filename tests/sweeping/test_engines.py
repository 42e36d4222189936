"""Images made by several processes: the same digests and images, whoever dies on the way."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import synthaudit
from synthaudit.errors import GeneratorError
from synthaudit.generation.jobs import Job, Made
from synthaudit.generation.references import References
from synthaudit.images.collection import Collection
from synthaudit.images.opening import open_source
from synthaudit.sweeping.engines.this_process import (
    Answer,
    ImageSlot,
    ThisProcess,
    Worker,
    WorkerPlan,
)
from synthaudit.sweeping.engines.worker_processes import WorkerProcesses
from synthaudit.sweeping.plan import Plan
from synthaudit.sweeping.store import Codec
from tests.sweeping.test_sweep import images_of

CRASHING = "import json,os,sys; json.load(sys.stdin); os.kill(os.getppid(), 9)"


def plan_of(real: Path, generator: dict[str, Any], **more: Any) -> Plan:
    contents = {
        "real": str(real),
        "embedder": "builtin",
        "images_per_arm": 16,
        "generator": generator,
        **more,
    }
    return Plan.model_validate(contents)


SLOW = """
import json, random, sys, time
from PIL import Image
asked = json.load(sys.stdin)
for job in asked["jobs"]:
    time.sleep(0.05)
    pixels = random.Random(f"{job['prompt']} {job['seed']}").randbytes(192)
    image = Image.frombytes("RGB", (8, 8), pixels).resize((32, 32))
    image.save(f"{asked['folder']}/{job['file']}.png")
"""


def sweep(plan: Plan, out: Path, **settings: Any) -> synthaudit.Sweep:
    return synthaudit.sweep(plan, out=out, quick=True, cache=out.parent / "cache", **settings)


def children() -> set[int]:
    """The processes that this one has begun, by the kernel's own list."""
    own = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {int(number) for file in own for number in file.read_text().split()}


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux's list of processes")
def test_two_workers_make_the_images_of_one_process(
    two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    """One of the two is killed on the way, as the system does where memory runs out.

    benchmarks/generation.py does the same with diffusers.
    """
    how = {"name": "command", "command": [sys.executable, "-c", SLOW], "batch_size": 4}
    plan = plan_of(
        two_sides[0],
        how,
        prompt="{style} of a {subject}",
        axes={"style": ["a photo", "a painting"]},
    )
    alone = sweep(plan, tmp_path / "alone")
    before, killed = children(), []

    def kill_one() -> None:
        end = time.monotonic() + 60
        while not killed and time.monotonic() < end:
            if images_of(tmp_path / "two"):
                for child in sorted(children() - before):
                    command = Path(f"/proc/{child}/cmdline").read_text()
                    if "loky" in command and "tracker" not in command and not killed:
                        os.kill(child, signal.SIGKILL)
                        killed.append(child)
            time.sleep(0.01)

    (tmp_path / "two").mkdir()
    thread = threading.Thread(target=kill_one)
    thread.start()
    together = sweep(plan, tmp_path / "two", device="cpu,cpu")
    thread.join()
    assert killed
    assert len(images_of(tmp_path / "alone")) == 32
    assert images_of(tmp_path / "alone") == images_of(tmp_path / "two")
    assert alone.is_complete
    assert together.counts["made"] == 32


def test_a_worker_computes_where_it_is_told(
    worker_plan: WorkerPlan, models: dict[str, Path]
) -> None:
    """Whatever the plan says: a device that is not there is the one that was asked for."""
    plan = dataclasses.replace(worker_plan, generator="diffusers")
    how = {"model": str(models["sd"]), "device": "cpu", "local_files_only": True, "steps": 1}
    slots = [
        dataclasses.replace(slot, job=dataclasses.replace(slot.job, prompt="a", options=how))
        for slot in slots_of(1)
    ]
    assert "'cuda:7' is not at hand" in str(next(iter(Worker(plan, "cuda:7").make(slots))).error)
    assert next(iter(Worker(plan, "cpu").make(slots))).data is not None


def slots_of(count: int, **options: Any) -> list[ImageSlot]:
    return [
        ImageSlot(
            job=Job(prompt="", subject="dog", number=n, seed=n, options=options), digest=f"{n:064x}"
        )
        for n in range(count)
    ]


@pytest.fixture
def worker_plan(two_sides: tuple[Path, Path]) -> WorkerPlan:
    real = open_source(two_sides[0])
    assert isinstance(real, Collection)
    references = References(real, max_pixels=10**7)
    return WorkerPlan(generator="augment", references=references, codec=Codec(format="PNG"))


def test_every_batch_comes_back_once(worker_plan: WorkerPlan) -> None:
    batches = [slots_of(3 + number, strength=0.5) for number in range(5)]
    found = list(WorkerProcesses(worker_plan, ["cpu", "cpu"]).run(batches))
    assert sorted(answer[:2] for answer in found) == [
        (number, place) for number, batch in enumerate(batches) for place in range(len(batch))
    ]
    assert all(made.data is not None for _, _, made in found)


def test_a_worker_that_always_dies(
    worker_plan: WorkerPlan, caplog: pytest.LogCaptureFixture
) -> None:
    """As a program does that kills its caller: twice replaced, then said."""
    plan = dataclasses.replace(worker_plan, generator="command")
    slots = slots_of(2, command=[sys.executable, "-c", CRASHING])
    found = list(WorkerProcesses(plan, ["cpu"]).run([slots]))
    assert "was ended by SIGKILL 3 times at the same images" in str(found[-1][2].error)
    assert caplog.text.count("another one takes its place") == 2


def test_an_error_of_a_worker_is_told(worker_plan: WorkerPlan) -> None:
    found = list(WorkerProcesses(worker_plan, ["cpu"]).run([slots_of(2, strenght=1)]))
    assert "there is no option 'strenght'" in str(found[0][2].error)


def test_after_a_failure_no_batch_is_begun() -> None:
    begun: list[int] = []

    class Failing:
        name = "failing"

        def make(self, jobs: Any) -> Any:
            begun.append(len(jobs))
            yield Made(image=Image.new("RGB", (8, 8)))
            yield Made(image=None, error=GeneratorError("no luck"))
            yield Made(image=Image.new("RGB", (8, 8)))

    found: list[Answer] = list(ThisProcess(Failing()).run([slots_of(3), slots_of(3)]))  # type: ignore[arg-type]
    assert begun == [3]
    assert [made.error is None for _, _, made in found] == [True, False, True]


@pytest.mark.parametrize("device", ["cpu,", "cpu,auto", "cpu,,cpu"])
def test_devices_that_are_none(two_sides: tuple[Path, Path], tmp_path: Path, device: str) -> None:
    with pytest.raises(synthaudit.errors.PlanError, match="one device or several by name"):
        sweep(plan_of(two_sides[0], {"name": "augment"}), tmp_path / "out", device=device)


def test_a_device_that_is_not_at_hand(two_sides: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(synthaudit.errors.SynthauditError, match="'cuda:7' is not at hand"):
        sweep(plan_of(two_sides[0], {"name": "augment"}), tmp_path / "out", device="cuda:7,cpu")


def test_which_engine_makes_the_images(two_sides: tuple[Path, Path]) -> None:
    from synthaudit.settings import Settings
    from synthaudit.sweeping.engines.ray_actors import RayActors
    from synthaudit.sweeping.preparation import prepare
    from synthaudit.sweeping.running import engine_of

    plan = plan_of(two_sides[0], {"name": "augment"})
    kinds = [
        type(engine_of(prepare(plan, Settings(**chosen))))
        for chosen in ({}, {"device": "cpu"}, {"device": "cpu, cpu"}, {"engine": "ray"})
    ]
    assert kinds == [type(None), type(None), WorkerProcesses, RayActors]
