"""Tokens die sooner than their issuer said: the first that the caller hears of it is a 401."""

from typing import Annotated, ClassVar

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Commit, Expire, Script, before
from pilotplant.systems import catalog


class TokenExpiresEarly(Fault):
    """`{fault: token-expires-early, match: {system: erp}, after_s: 1}`"""

    KIND: ClassVar[str] = "token-expires-early"
    TOKENS: ClassVar[bool] = True
    DRAWN: ClassVar[Settings | None] = {"after_s": (0.5, 2.0)}

    after_s: Annotated[float, Field(gt=0, le=86_400)]
    """How long a token really lives."""

    def concerns(self, occasion: Occasion) -> bool:
        return occasion.operation == catalog.TOKEN and self.match.within(occasion.system) and self._armed(occasion)

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return (
            before(script, Commit, Expire(self.KIND, self.after_s)) if occasion.operation == catalog.TOKEN else script
        )

    def objection(self) -> str:
        if self.match.operation in ("", catalog.TOKEN):
            return ""
        return f"it strikes where tokens are issued (`{catalog.TOKEN}`), not `{self.match.operation}`"
