"""What a load will not measure, as far as that can be seen before it runs: said at once, and not after the run."""

from collections.abc import Iterator

from pilotplant.load.loading import LoadSetup
from pilotplant.target.model import TargetSpec


def doubtful(load: LoadSetup, target: TargetSpec) -> Iterator[str]:
    """Flows that the target is not told of, and arrivals that set off none. The target may look for itself, and others
    may follow from what it does: nothing of this is certain."""
    flows = load.setup.flows
    if target.deliveries and not target.declares.poll_interval:
        for flow in flows:
            if not any(target.taker(trigger) for trigger in flow.triggers):
                taken = " or ".join(f"`{trigger}`" for trigger in flow.triggers)
                yield (
                    f"no `deliver` of target {target.target} takes {taken}, which sets off flow `{flow.flow}`: unless "
                    "it looks for itself, the verdict will be unknown"
                )
    acting = sorted({arrivals.do.partition(".")[0] for arrivals in load.profile.arrivals})
    setting_off = {trigger.partition(".")[0] for flow in flows for trigger in flow.triggers}
    if not setting_off.intersection(acting):
        yield (
            f"what arrives is done by {', '.join(acting)}, and the flows are set off by "
            f"{', '.join(sorted(setting_off))}: if nothing else sets them off, the run proves nothing"
        )
