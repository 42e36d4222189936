"""The images of a sweep on a Ray cluster: actors that hold the model, with a GPU each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from synthaudit.backends.ray_cluster import connect
from synthaudit.errors import GeneratorError, SynthauditError
from synthaudit.generation.jobs import Made
from synthaudit.progress import LOGGER
from synthaudit.sweeping.engines.this_process import Answer, Answers, Batch, Worker, WorkerPlan

_MOST_LOSSES: Final = 2
_CPUS_OF_ACTOR: Final = 0.5


class RayActors:
    """Makes batches on the workers of a cluster; their images come back to this process.

    Args:
        plan: what the actors need; real images that serve as references must be within their reach.
    """

    def __init__(self, plan: WorkerPlan) -> None:
        self._plan = plan

    def run(self, batches: Sequence[Batch]) -> Answers:
        """As ``Engine``; a batch whose actor is lost is made by another, at most twice."""
        if not batches:
            return
        ray = connect()
        make = ray.remote(_Actor).options(**_resources(ray))
        plan = ray.put(self._plan)
        actors = [make.remote(plan) for _ in range(min(_count(ray), len(batches)))]
        try:
            yield from _answers(ray, make, plan, actors, batches)
        finally:
            for actor in actors:
                ray.kill(actor)


def _answers(
    ray: Any, make: Any, plan: Any, actors: list[Any], batches: Sequence[Batch]
) -> Iterator[Answer]:
    waiting, losses = list(range(len(batches)))[::-1], dict.fromkeys(range(len(batches)), 0)
    begun: dict[Any, tuple[int, int]] = {}

    def hand_out(place: int) -> None:
        if waiting:
            number = waiting.pop()
            begun[actors[place].make.remote(list(batches[number]))] = (number, place)

    for place in range(len(actors)):
        hand_out(place)
    while begun:
        ready, _ = ray.wait(list(begun), num_returns=1)
        number, place = begun.pop(ready[0])
        try:
            made = ray.get(ready[0])
        except (ray.exceptions.RayActorError, ray.exceptions.ActorUnavailableError) as error:
            losses[number] += 1
            if losses[number] > _MOST_LOSSES:
                waiting.clear()
                lost = GeneratorError(
                    f"the Ray cluster lost {losses[number]} actors at the same images "
                    f"({' '.join(str(error).split())[:200]}): what is made stays."
                )
                yield number, 0, Made(image=None, error=lost)
                continue
            LOGGER.warning("an actor of the Ray cluster was lost; another one takes its place.")
            actors[place] = make.remote(plan)
            waiting.append(number)
        else:
            if any(image.error is not None for image in made):
                waiting.clear()
            for position, image in enumerate(made):
                yield number, position, image
        hand_out(place)


class _Actor:
    """A worker in the cluster; its model is loaded with the first batch."""

    def __init__(self, plan: WorkerPlan) -> None:
        self._plan = plan
        self._worker: Worker | None = None

    def make(self, batch: Batch) -> list[Made]:
        """Make a batch."""
        try:
            if self._worker is None:
                self._worker = Worker(self._plan, None)
                if not self._worker.would_make(batch[0]):
                    raise GeneratorError(
                        "the workers of the Ray cluster have other versions of libraries, models "
                        "or files, which make other images: give them the same."
                    )
            return list(self._worker.make(batch))
        except SynthauditError as error:
            return [Made(image=None, error=GeneratorError(str(error)))]


def _count(ray: Any) -> int:
    there = ray.cluster_resources()
    return max(int(there.get("GPU", 0)) or int(there.get("CPU", 1)), 1)


def _resources(ray: Any) -> dict[str, Any]:
    has_gpus = ray.cluster_resources().get("GPU", 0) >= 1
    return {"num_cpus": _CPUS_OF_ACTOR, "num_gpus": 1 if has_gpus else 0}
