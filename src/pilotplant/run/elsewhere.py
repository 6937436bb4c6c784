"""What the estate's port answers besides its systems, in the smallest form: the null target."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from pilotplant.run.preparation import Prepared

NULL_PATH = "/_pilotplant/null"


async def accept_and_do_nothing(request: Request) -> Response:
    """The null target: everything is accepted, nothing is done."""
    await request.body()
    return Response(status_code=202)


def only_null_target(prepared: Prepared) -> ASGIApp:
    """An application with nothing but the null target."""
    del prepared
    return Starlette(routes=[Route(NULL_PATH, accept_and_do_nothing, methods=["POST"])])
