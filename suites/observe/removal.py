"""What evidence asks of weights that were removed: how many of each, and that the others stayed. This imports torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import torch

from paceline.fixtures.preparation.axes import NotAppliedError
from paceline.suites.observe.observation import storage_of

SLACK = 0.02
"""How far a share that is found may lie from the one that is claimed: rounding, and weights that are equal."""


def removed(old: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    """Where ``new`` is zero. Raises :class:`NotAppliedError` where it is not ``old`` everywhere else."""
    if old.shape != new.shape:
        raise NotAppliedError(f"a weight of shape {tuple(old.shape)} runs with shape {tuple(new.shape)}")
    gone = new == 0
    if not torch.equal(old[~gone], new[~gone]):
        raise NotAppliedError("weights that were kept have other values than before")
    return gone


def check_smallest_removed(old: torch.Tensor, new: torch.Tensor) -> None:
    """Raises :class:`NotAppliedError` where ``new`` is anything but ``old`` with its smallest weights set to zero."""
    gone = removed(old, new)
    if gone.any() and not gone.all() and old.abs()[gone].max() > old.abs()[~gone].min():
        raise NotAppliedError("larger weights were removed and smaller ones kept: the mask is inverted or not ours")


def check_share_of_each(pairs: Iterable[tuple[torch.Tensor, torch.Tensor]], rate: float) -> None:
    """Raises :class:`NotAppliedError` unless the share ``rate`` of each weight is zero: not all of one, none of others.

    ``pairs`` are weights before and after. Views of one weight count together (the queries, keys and values of an
    attention layer). A weight may have had more zeros before.
    """
    shapes: dict[int, tuple[int, ...]] = {}
    sizes, zeros, former = Counter[int](), Counter[int](), Counter[int]()
    for old, new in pairs:
        place = storage_of(old)
        shapes[place] = tuple(old.shape)
        sizes[place] += old.numel()
        zeros[place] += int((new == 0).sum())
        former[place] += int((old == 0).sum())
    for place, size in sizes.items():
        slack = SLACK * size + 1  # the one: half of three weights
        if not rate * size - slack <= zeros[place] <= max(former[place], rate * size + slack):
            raise NotAppliedError(
                f"{zeros[place] / size:.1%} of a weight of shape {shapes[place]} are zero, not {rate:.0%}"
            )


def is_part(part: torch.Tensor, whole: torch.Tensor) -> bool:
    """Whether ``part`` is ``whole`` with channels taken out: each channel of its first dimension holds nothing but
    numbers of one of ``whole``'s, in the order of these."""
    if part.shape == whole.shape:
        return torch.equal(part, whole)
    channels = iter(whole.flatten(1).float())  # goes on behind the last one found
    return all(any(_holds(channel, kept) for channel in channels) for kept in part.flatten(1).float())


def _holds(channel: torch.Tensor, kept: torch.Tensor) -> bool:
    # The first number alone rules most channels out, in a fraction of the time.
    return bool((channel == kept[0]).any()) and bool(torch.isin(kept, channel).all())
