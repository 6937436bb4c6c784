"""A token is withdrawn in the middle of the work: 401 for this request and for all that come with the same token."""

from typing import ClassVar

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.problem import Unauthorized
from pilotplant.model.script import Commit, Refuse, Script, before


class TokenRevoked(Fault):
    """`{fault: token-revoked, match: {system: erp}, nth: 20}`"""

    KIND: ClassVar[str] = "token-revoked"
    TOKENS: ClassVar[bool] = True
    DRAWN: ClassVar[Settings | None] = {}

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return before(script, Commit, Refuse(self.KIND, Unauthorized(detail="the token was revoked"), revoke=True))
