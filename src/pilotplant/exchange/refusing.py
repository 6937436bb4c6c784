"""How a refusal that a fault wants is answered: the dialect's problem document, and when to come again."""

from email.utils import formatdate
from math import ceil

from pilotplant.exchange.wire import Dialect, WireResponse
from pilotplant.model.script import Refuse


def refusal(step: Refuse, dialect: Dialect, unix: float) -> WireResponse:
    """The answer; `unix` is the moment from which `Retry-After` counts where it is given as a date."""
    response = dialect.refusal(step.problem)
    if not step.retry_after_s:
        return response
    # Both have whole seconds: rounded up, so that whoever comes then does not come too early.
    moment, seconds = ceil(unix + step.retry_after_s), max(1, ceil(step.retry_after_s))
    value = formatdate(moment, usegmt=True) if step.as_date else str(seconds)
    return response._replace(headers=(*response.headers, (b"retry-after", value.encode())))
