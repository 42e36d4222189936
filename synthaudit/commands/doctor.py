"""``synthaudit doctor``: what this machine has, and what mends what it lacks."""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import typer

from synthaudit.commands.terminal import answers_errors

_LARGE_CACHE: Final = 5_000_000_000


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    name: str
    is_fine: bool
    text: str
    mend: str = ""


@answers_errors
def doctor(
    *,
    embedder: Annotated[
        list[str] | None,
        typer.Option(help="Say also under which licence its weights are; repeatable."),
    ] = None,
    output_format: Annotated[Literal["table", "json"], typer.Option("--format")] = "table",
) -> None:
    """Say what this machine has for CLIP, the GPU, FAISS on it and generation."""
    findings = [*examine(), *(_licence_finding(name) for name in embedder or [])]
    if output_format == "json":
        import json

        typer.echo(json.dumps([vars(finding) for finding in findings], indent=1))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        mark = Text(
            "yes " if finding.is_fine else "no  ", "green4" if finding.is_fine else "dark_orange3"
        )
        line = Text.assemble(mark, (finding.name.ljust(width), "bold"), "  ", finding.text)
        console.print(line, soft_wrap=True, highlight=False)
        if finding.mend:
            console.print(f"    {' ' * width}  {finding.mend}", soft_wrap=True, highlight=False)
    console.print("\nScoring with `builtin` needs none of these.", highlight=False)


def examine() -> Iterator[Finding]:
    """Look at everything that an audit or a sweep can use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    machine = f"{platform.system()} {platform.machine()}, {cores} cores"
    text = f"{platform.python_version()} on {machine}"
    yield Finding(name="python", is_fine=True, text=text)
    yield from _torch_findings()
    yield _faiss_finding()
    yield _clip_finding()
    yield _generation_finding()
    yield _cache_finding()
    yield from _plugin_findings()


def _torch_findings() -> Iterator[Finding]:
    import torch

    yield Finding(name="torch", is_fine=True, text=torch.__version__)
    if torch.cuda.is_available():
        names = {torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())}
        bf16 = "bf16" if torch.cuda.is_bf16_supported() else "fp16"
        yield Finding(
            name="GPU", is_fine=True, text=f"{', '.join(sorted(names))}; embeds in {bf16}"
        )
        return
    if torch.backends.mps.is_available():
        yield Finding(name="GPU", is_fine=True, text="Apple (mps); embeds in fp32")
        return
    built = torch.version.cuda
    if built is None:
        mend = "install a CUDA build: uv pip install --reinstall torch"
    else:
        mend = f"this torch is built for CUDA {built}; check the driver with: nvidia-smi"
    yield Finding(
        name="GPU", is_fine=False, text="none that torch can use; CLIP runs on the CPU", mend=mend
    )


def _faiss_finding() -> Finding:
    import faiss

    gpus = faiss.get_num_gpus() if hasattr(faiss, "get_num_gpus") else 0
    where = f"{gpus} GPU" if gpus else "on the CPU; on a GPU torch searches in its place"
    return Finding(name="FAISS", is_fine=True, text=f"{faiss.__version__}, {where}")


def _clip_finding() -> Finding:
    from synthaudit.embedding import clip, hub

    found = hub.find_cached(clip.DEFAULT_REPOSITORY, clip.WEIGHT_FILES)
    if found is not None:
        from synthaudit.embedding.licences import licence_of

        licence = licence_of("clip", may_ask=True)
        text = f"in the local cache: {found}; licence {licence}"
        return Finding(name="CLIP weights", is_fine=True, text=text)
    reachable = hub.find_on_hub(clip.DEFAULT_REPOSITORY, clip.WEIGHT_FILES) is not None
    return Finding(
        name="CLIP weights",
        is_fine=reachable,
        text="not here yet; the hub has them"
        if reachable
        else "neither in the local cache nor to be fetched: auto means builtin",
        mend=f"where there is a network: hf download {clip.DEFAULT_REPOSITORY}",
    )


def _licence_finding(name: str) -> Finding:
    from synthaudit.embedding.licences import UNKNOWN, licence_of

    found = licence_of(name, may_ask=True)
    text = "no weights, or your own" if found is None else f"licence of its weights: {found}"
    return Finding(
        name=name,
        is_fine=found != UNKNOWN,
        text=text,
        mend="" if found != UNKNOWN else "read the page of its weights on the hub",
    )


def _generation_finding() -> Finding:
    missing = [
        name
        for name in ("diffusers", "transformers", "accelerate", "safetensors", "peft")
        if importlib.util.find_spec(name) is None
    ]
    if not missing:
        return Finding(name="diffusers", is_fine=True, text="installed")
    return Finding(
        name="diffusers",
        is_fine=False,
        text=f"missing: {', '.join(missing)}; needed only to generate images",
        mend=f"uv pip install {' '.join(missing)}",
    )


def _cache_finding() -> Finding:
    from synthaudit.commands.cache import describe
    from synthaudit.embedding.cache import default_folder
    from synthaudit.embedding.cache_pruning import state_of

    state = state_of(default_folder())
    if not state.size:
        return Finding(name="vector cache", is_fine=True, text=f"{state.folder} (empty)")
    count = "damaged or busy" if state.vectors is None else f"{state.vectors:,} vectors"
    text = f"{state.folder} ({describe(state.size)}, {count})"
    mend = "" if state.size < _LARGE_CACHE else "to make it smaller: synthaudit cache --size 5GB"
    return Finding(name="vector cache", is_fine=True, text=text, mend=mend)


def _plugin_findings() -> Iterator[Finding]:
    """What other packages bring, and whether it can be imported."""
    from synthaudit.embedding.registry import EMBEDDERS
    from synthaudit.errors import SynthauditError
    from synthaudit.gating.bounds import BOUNDS
    from synthaudit.generation.masks.registry import DETECTORS, SEGMENTERS
    from synthaudit.generation.registry import GENERATORS
    from synthaudit.measures.registry import MEASURES
    from synthaudit.registry import Registry, source_of
    from synthaudit.reporting.html.sections import SECTIONS

    registries: tuple[Registry[Any], ...] = (
        *(EMBEDDERS, GENERATORS, DETECTORS, SEGMENTERS, MEASURES, SECTIONS, BOUNDS),
    )
    for registry in registries:
        for name, point in sorted(registry.installed.items()):
            try:
                registry.load(name)
            except SynthauditError as error:
                yield Finding(name=registry.kind, is_fine=False, text=name, mend=str(error))
                continue
            yield Finding(name=registry.kind, is_fine=True, text=f"{name}, of {source_of(point)}")
        for point in registry.passed_over:
            yield Finding(
                name=registry.kind,
                is_fine=False,
                text=f"{point.name}, of {source_of(point)}: not used, for the name is taken",
                mend="give it another name, or remove the package that you do not need",
            )
