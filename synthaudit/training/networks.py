"""Networks by name: torchvision's, timm's, and a small one for small images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synthaudit.errors import DataError, SynthauditError, UsageError
from synthaudit.training.recipe import Recipe

if TYPE_CHECKING:
    import torch
    from torch import nn

MEAN: Final = (0.485, 0.456, 0.406)
DEVIATION: Final = (0.229, 0.224, 0.225)
"""Of ImageNet's pixels in [0, 1]: what pretrained weights of both libraries expect."""

_WIDTH: Final = 32
_PRETRAINED: Final = "pretrained"


def check_model(recipe: Recipe) -> None:
    """Say before the images are read that there is no such model.

    Raises:
        UsageError: with the nearest names.
    """
    source, _, name = recipe.model.partition(":")
    if source == "clip":
        if recipe.weights is not None:
            raise UsageError("clip comes with its weights: leave --weights out.")
        known = True
    elif recipe.model == "small":
        if recipe.weights == _PRETRAINED:
            raise UsageError("small has no pretrained weights: leave --weights out.")
        known = True
    elif source == "torchvision" and name:
        from torchvision.models import list_models

        known = name in list_models()
    elif source == "timm" and name.startswith("local-dir:"):
        known = Path(name.removeprefix("local-dir:")).is_dir()
    else:
        import timm

        known = source == "timm" and bool(name) and timm.is_model(name)
    if not known:
        raise UsageError(
            f"there is no model {recipe.model!r}: use small, torchvision:NAME (see "
            "torchvision.models.list_models), timm:NAME (see timm.list_models), "
            "timm:local-dir:FOLDER, clip or clip:MODEL:TAG."
        )
    if recipe.weights not in (None, _PRETRAINED) and not Path(str(recipe.weights)).is_file():
        raise UsageError(
            f"--weights should be pretrained or a file of weights, but there is no file "
            f"{recipe.weights}."
        )


def make_network(recipe: Recipe, names: Sequence[str], device: torch.device) -> nn.Module:
    """A network with random weights, or with those that the recipe names, on a device.

    Args:
        recipe: of the training.
        names: of the classes, an output each.
        device: where it learns.

    Raises:
        DataError: the weights cannot be had or are of another network.
    """
    source, _, argument = recipe.model.partition(":")
    is_pretrained = recipe.weights == _PRETRAINED
    try:
        if source == "clip":
            from synthaudit.training.clip_network import load_clip_classifier

            return load_clip_classifier(argument, names, device, (MEAN, DEVIATION)).to(device)
        network = _named(recipe.model, len(names), is_pretrained=is_pretrained).to(device)
        if recipe.weights is not None and not is_pretrained:
            _load(network, Path(recipe.weights))
    except SynthauditError:
        raise
    # Libraries and hubs raise errors of many kinds.
    except Exception as error:
        reason = " ".join(str(error).split()).partition(". ")[0][:200]
        what = "no file of weights" if Path(str(recipe.weights)).is_file() else "not to be had"
        raise DataError(
            f"{recipe.model} with weights {recipe.weights}: it is {what} ({reason})."
        ) from error
    return network


def _named(model: str, classes: int, *, is_pretrained: bool) -> nn.Module:
    source, _, name = model.partition(":")
    if model == "small":
        return small_network(classes)
    if source == "timm":
        import timm

        made: nn.Module = timm.create_model(name, pretrained=is_pretrained, num_classes=classes)
        return made
    from torchvision.models import get_model

    if not is_pretrained:
        fresh: nn.Module = get_model(name, weights=None, num_classes=classes)
        return fresh
    pretrained: nn.Module = get_model(name, weights="DEFAULT")
    fresh = get_model(name, weights=None, num_classes=classes)
    _take(fresh, pretrained.state_dict(), name)
    return fresh


def _load(network: nn.Module, file: Path) -> None:
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file

        _take(network, load_file(file), file.name)
        return
    import torch

    found = torch.load(file, map_location="cpu", weights_only=True)
    for key in ("state_dict", "model"):
        found = found.get(key, found) if isinstance(found, dict) else found
    _take(network, found, file.name)


def _take(network: nn.Module, found: Mapping[str, Any], name: str) -> None:
    """Weights of the same names and shapes; all but those of the last layer must be there."""
    own = network.state_dict()
    fitting = {key: value for key, value in found.items() if _shape(own.get(key)) == _shape(value)}
    last = list(own)[-1].rpartition(".")[0]
    missing = [key for key in own if key not in fitting and not key.startswith(f"{last}.")]
    if missing:
        raise DataError(
            f"{name} has no weights that fit {missing[0]!r} and {len(missing) - 1} others: it is "
            "of another network."
        )
    network.load_state_dict(fitting, strict=False)


def _shape(value: Any) -> Any:
    return getattr(value, "shape", None)


def small_network(classes: int, width: int = _WIDTH) -> nn.Module:
    """Four 3 x 3 convolutions with batch normalisation, halving three times, and a mean."""
    from torch import nn

    def block(inputs: int, outputs: int) -> list[nn.Module]:
        convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]

    return nn.Sequential(
        *(*block(3, width), nn.MaxPool2d(2)),
        *(*block(width, 2 * width), nn.MaxPool2d(2)),
        *(*block(2 * width, 4 * width), nn.MaxPool2d(2)),
        *block(4 * width, 4 * width),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4 * width, classes),
    )


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 (n, 3, h, w) as a network takes them."""
    import torch

    shape = (1, 3, 1, 1)
    mean, deviation = (
        torch.tensor(values, device=pixels.device).reshape(shape) for values in (MEAN, DEVIATION)
    )
    return (pixels.float() / 255.0 - mean) / deviation
