"""How one reader's binary calls change once the model's are shown."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from .arrays import binary_truth


@dataclass(frozen=True)
class Switches:
    """Calls of one reader before and after seeing the model's; `automation_bias` are right calls given up
    for a wrong model, `rescued` wrong calls corrected by a right one, `ignored` wrong calls kept against it.
    """

    right_to_right: int
    right_to_wrong: int
    wrong_to_right: int
    wrong_to_wrong: int
    automation_bias: int
    rescued: int
    ignored: int
    model_wrong: int
    n: int


def switches(truth: ArrayLike, call_unaided: ArrayLike, call_aided: ArrayLike, model_call: ArrayLike) -> Switches:
    """Count switched binary calls (n,) of a reader; ValueError when a call is not 0/1 or lengths differ."""
    events = binary_truth(truth)
    calls = [binary_truth(call) for call in (call_unaided, call_aided, model_call)]
    if any(call.shape != events.shape for call in calls):
        raise ValueError("truth and the three calls must have the same length")
    before, after, model = (call == events for call in calls)
    return Switches(
        right_to_right=int((before & after).sum()),
        right_to_wrong=int((before & ~after).sum()),
        wrong_to_right=int((~before & after).sum()),
        wrong_to_wrong=int((~before & ~after).sum()),
        automation_bias=int((before & ~after & ~model).sum()),
        rescued=int((~before & after & model).sum()),
        ignored=int((~before & ~after & model).sum()),
        model_wrong=int((~model).sum()),
        n=events.size,
    )
