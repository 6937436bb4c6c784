"""Gates that stay shut: what waits for something at another place that was refused or withdrawn there for good."""

from collections.abc import Mapping, Sequence

from pilotplant.checks.folds.instance import Promise


def barred(promise: Promise, waiting: Mapping[str, Sequence[Promise]]) -> bool:
    """Whether what a promise waits for cannot come about any more: it is still open in another instance, and that one
    was refused or withdrawn. A gate that opens for all plants together then stays shut for all of them."""
    for _step, effect, version in promise.after:
        for other in waiting.get(effect, ()):
            elsewhere = other.open and other.version == version and other.instance is not promise.instance
            if elsewhere and (other.instance.excused or other.instance.refusals):
                return True
    return False
