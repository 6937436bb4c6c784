"""The refusals that a fault can make a system answer, by status."""

from collections.abc import Mapping
from typing import Literal

from pilotplant.model import problem
from pilotplant.model.problem import Rejection

BeforeCommit = Literal[400, 401, 403, 404, 408, 409, 412, 422, 423, 428, 429, 500, 502, 503, 504]
AfterCommit = Literal[408, 500, 502, 503, 504]

BEFORE: Mapping[int, Rejection] = {
    kind.status: kind()
    for kind in (
        problem.BadRequest,
        problem.Unauthorized,
        problem.Forbidden,
        problem.NotFound,
        problem.RequestTimeout,
        problem.Conflict,
        problem.PreconditionFailed,
        problem.NotAccepted,
        problem.Locked,
        problem.PreconditionRequired,
        problem.RateLimited,
        problem.InternalError,
        problem.BadGateway,
        problem.Unavailable,
        problem.GatewayTimeout,
    )
}
AFTER: Mapping[int, Rejection] = {
    kind.status: kind()
    for kind in (
        problem.RequestTimeout,
        problem.InternalError,
        problem.BadGateway,
        problem.Overloaded,
        problem.GatewayTimeout,
    )
}
"""None of these says that nothing was done: that would be a lie."""

LASTING = frozenset((400, 403, 404, 422, 428))
"""Refusals that another attempt does not cure."""
WAITING = frozenset((429, 503))
"""Refusals that may say when to come again."""
