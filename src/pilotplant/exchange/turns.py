"""Who is next to change a document: a system carries out what is asked about one document in the order of arrival.

Without that, a request that was slow could overtake backwards: carried out long after its caller gave up, it would undo
what came later, and no middleware in the world could help it. Systems lock the row or the document while they work.
"""

from collections import deque
from collections.abc import Callable


class Turn:
    """One request's place in the queues of the documents that it changes."""

    __slots__ = ("_turns", "documents", "wake")

    def __init__(self, turns: "Turns", documents: tuple[str, ...]) -> None:
        self.documents = documents
        self.wake: Callable[[], None] | None = None
        """Called when its turn has come; set by whoever waits for that."""
        self._turns = turns

    @property
    def come(self) -> bool:
        """Whether nobody is before it."""
        return all(self._turns.queues[document][0] is self for document in self.documents)

    def leave(self) -> None:
        """It is done, or will never be: the next may go."""
        for document in self.documents:
            queue = self._turns.queues[document]
            queue.remove(self)
            if not queue:
                del self._turns.queues[document]
            elif (following := queue[0]).wake is not None and following.come:
                following.wake()


class Turns:
    """The queues of one system."""

    def __init__(self) -> None:
        self.queues: dict[str, deque[Turn]] = {}

    def take(self, documents: tuple[str, ...]) -> Turn:
        """Queue up for all of these at once."""
        turn = Turn(self, documents)
        for document in documents:
            self.queues.setdefault(document, deque()).append(turn)
        return turn
