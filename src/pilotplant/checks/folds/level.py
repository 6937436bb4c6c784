"""How many of something there were over time, as one number: its mean between two moments."""


class Level:
    """A number that goes up and down. What lies before the first and after the last marked moment is left out."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0
        self._since_t = 0.0
        self._area = 0.0
        self._at_first = 0.0
        self._at_last = 0.0

    def step(self, by: int, t: float) -> None:
        """It changes."""
        self._area += self.now * (t - self._since_t)
        self._since_t = t
        self.now += by
        if self.now > self.most:
            self.most = self.now

    def mark(self, t: float, *, first: bool) -> None:
        """Here the time begins that is looked at, or here it ends for now."""
        self.step(0, t)
        self._at_last = self._area
        if first:
            self._at_first = self._area

    def mean(self, span_s: float) -> float:
        """How many there were on average between the marks, which are so far apart."""
        return (self._at_last - self._at_first) / span_s
