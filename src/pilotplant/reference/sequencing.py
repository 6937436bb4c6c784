"""What may happen when: revisions in their order, one change at a time per item, and nothing before its time."""

from collections.abc import Iterable

from pilotplant.reference.clock import Clock
from pilotplant.reference.scopes import Scope, ScopeItem, Scopes
from pilotplant.reference.together import Stopped


class RevisionOrder:
    """Never lets an older revision follow a newer one, in whichever order their changes arrive."""

    def __init__(self, scopes: Scopes, clock: Clock) -> None:
        self._scopes = scopes
        self._clock = clock

    def overtaken(self, scope: Scope, item: ScopeItem) -> bool:
        """Whether a newer revision of an item that was not begun yet makes it needless."""
        return item.state == "waiting" and bool(self._scopes.newer(scope, item, self._clock.now()))

    def newer_is_active(self, scope: Scope, item: ScopeItem) -> bool:
        """Whether the revision that overtook the item is one to build from."""
        return self._scopes.newer(scope, item, self._clock.now()) in ("active", "published")

    def may_publish(self, scope: Scope, item: ScopeItem) -> bool:
        """Whether MES was not given a newer one meanwhile."""
        return not self._scopes.published_newer(scope.plant, item)


class Effectivity:
    """Begins a change when it takes effect, not before."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def wait_s(self, scope: Scope) -> float:
        """How long it is until then."""
        return max(0.0, scope.due - self._clock.now())


class Exclusive:
    """Keeps an item at a plant for one change at a time.

    All that is needed is taken at once or not at all, and whoever is turned away holds nothing: no circle of waiting.
    """

    def __init__(self) -> None:
        self._taken: set[tuple[str, str]] = set()

    def take(self, scope: Scope, items: Iterable[ScopeItem]) -> bool:
        """Take the items; false if one of them is in use."""
        wanted = {(scope.plant, item.item) for item in items}
        if wanted & self._taken:
            return False
        self._taken |= wanted
        return True

    def give_back(self, scope: Scope, items: Iterable[ScopeItem]) -> None:
        """Let others have them."""
        self._taken -= {(scope.plant, item.item) for item in items}


class SequencingGate:
    """Lets a change reach the shop floor only when ERP has accepted all of it."""

    def __init__(self, scopes: Scopes, order: RevisionOrder) -> None:
        self._scopes = scopes
        self._order = order

    def check(self, scope: Scope, refused: bool) -> None:
        """Before each write: raise `Stopped` if the change was cancelled, or another item of it was refused."""
        if refused or self._scopes.state(scope.key) not in ("open", "publishing"):
            raise Stopped

    def may_publish(self, scope: Scope) -> bool:
        """Whether every item of the scope is active, in its revision or a newer one."""
        return all(
            item.state in ("active", "published") or self._order.newer_is_active(scope, item) for item in scope.items
        )
