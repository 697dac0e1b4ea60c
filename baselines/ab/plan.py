"""How many epochs a confirmation takes: before its first one is measured, and never by what its own epochs say.

Two things are known then: how many suspects there are, and how much each one's epochs scattered in the screen. The
screen's epochs are none of the confirmation's, so that to plan by their scatter costs none of the level (the first of
two stages, as in Stein, A two-sample test for a linear hypothesis whose power is independent of the variance, Annals of
Mathematical Statistics 16(3), 1945; there the first stage's data are tested, too).
"""

from __future__ import annotations

import math
from functools import cache

from paceline.baselines.ab.settings import ABSettings
from paceline.baselines.stats.power import approximate_epochs, chance_to_convict
from paceline.baselines.stats.signed_rank import least_epochs

MOST_EPOCHS = 128
"""That are planned for: beyond it the settings ask for something that no session would be given the time for."""
SIGMA_STEP = 0.001
"""To which a scatter is rounded up: it is not known better, and a plan is simulated once for all that are alike."""


def planned_epochs(suspects: int, settings: ABSettings, sigma: float = 0.0) -> int:
    """How many epochs the confirmation of one of so many suspects has, if none of them clears it.

    ``sigma`` is the scatter of its epochs (σ_e) by its screen. Where that is beyond what the settings plan for, so
    many more that they find the planned effect, but no more than ``restless_epochs`` for it. Raises as
    :func:`epochs_needed`.
    """
    if settings.fixed_epochs:
        return settings.fixed_epochs
    least = max(settings.confirm_epochs, epochs_needed(suspects, settings))
    if suspects < 1 or sigma <= settings.plan_sigma:
        return least
    rounded = SIGMA_STEP * math.ceil(sigma / SIGMA_STEP)
    return max(least, _fewest(suspects, settings, rounded, settings.restless_epochs) or settings.restless_epochs)


def epochs_needed(suspects: int, settings: ABSettings) -> int:
    """How many epochs a confirmation of so many suspects takes: the fewest that can reject at α/m, that give an
    interval, and that find the planned effect with the planned power (simulated). 0 without suspects.

    Raises
    ------
    ValueError
        More than 128 would be needed: the settings' plan asks too much.
    """
    if suspects < 1:
        return 0
    found = _fewest(suspects, settings, settings.plan_sigma, MOST_EPOCHS)
    if found is None:
        raise ValueError(
            f"{MOST_EPOCHS} epochs do not find {100 * settings.plan_effect:g} % among {suspects} suspects that scatter "
            f"by {100 * settings.plan_sigma:g} %: raise plan_effect, or lower plan_power"
        )
    return found


@cache
def _fewest(suspects: int, settings: ABSettings, sigma: float, most: int) -> int | None:
    target, level = math.log1p(settings.plan_effect), settings.alpha / suspects
    null, min_effect = math.log1p(settings.null), math.log1p(settings.band)
    about = approximate_epochs(target, sigma, level=level, null=null, min_effect=min_effect, power=settings.plan_power)
    first = max(least_epochs(level), settings.least_epochs, about // 2)
    for epochs in range(first, most + 1) if about <= most else ():
        bounds = {"level": level, "null": null, "min_effect": min_effect}
        if chance_to_convict(target, sigma, epochs, **bounds, clearing=settings.clearing) >= settings.plan_power:
            return epochs
    return None
