"""Counts the steps that a backtracking search takes, so that a test can tell linear patterns without a clock.

It walks the tree of Python's own parser as `re` does: from every place, the greedy way first. Assertions count as one.
"""

import re
from collections.abc import Iterator
from functools import cache

_PARSER, _COMPILER = re._parser, re._compiler
_OF_ONE_CHARACTER = {"IN", "LITERAL", "NOT_LITERAL", "ANY"}
_OF_ONE_STEP = {*_OF_ONE_CHARACTER, "AT", "ASSERT", "ASSERT_NOT"}


class Steps:
    """A pattern, and how many steps its searches took so far."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.tree = _PARSER.parse(pattern.pattern, pattern.flags & ~re.UNICODE)
        self.taken = 0
        self._single = cache(self._compiled)

    def search_all(self, text: str) -> int:
        """Search as `sub` does, and return the steps taken."""
        at = 0
        while at <= len(text):
            end = next(self._ends(tuple(self.tree), text, at), None)
            self.taken += 1
            at = end if end is not None and end > at else at + 1
        return self.taken

    def _ends(self, ops: tuple, text: str, at: int) -> Iterator[int]:
        if not ops:
            yield at
            return
        (name, content), rest = ops[0], ops[1:]
        for middle in self._one(str(name), content, text, at):
            yield from self._ends(rest, text, middle)

    def _one(self, name: str, content, text: str, at: int) -> Iterator[int]:
        if name == "BRANCH":
            for alternative in content[1]:
                yield from self._ends(tuple(alternative), text, at)
        elif name == "SUBPATTERN":
            yield from self._ends(tuple(content[3]), text, at)
        elif name == "MAX_REPEAT":
            yield from self._repeated(*content, text, at)
        elif name not in _OF_ONE_STEP:
            raise NotImplementedError(f"{name} is counted by nobody; teach it, or write the pattern without it")
        else:
            self.taken += 1
            found = self._single(name, repr(content)).match(text, at)
            if found:
                yield found.end()

    def _repeated(self, least: int, most: int, body, text: str, at: int) -> Iterator[int]:
        if len(body) == 1 and str(body[0][0]) in _OF_ONE_CHARACTER:
            end = at
            while end - at < most and next(self._one(str(body[0][0]), body[0][1], text, end), None):
                end += 1
            for stop in range(end, at + least - 1, -1):
                self.taken += 1
                yield stop
        elif most:
            for middle in self._ends(tuple(body), text, at):
                yield from self._repeated(max(0, least - 1), most - 1, body, text, middle)
            if not least:
                yield at
        else:
            yield at

    def _compiled(self, name: str, content: str) -> re.Pattern[str]:
        op = next(op for op in _all(self.tree) if (str(op[0]), repr(op[1])) == (name, content))
        return _COMPILER.compile(_PARSER.SubPattern(self.tree.state, [op]), self.tree.state.flags)


def _all(tree) -> Iterator[tuple]:
    for name, content in tree:
        yield name, content
        parts = content[1] if str(name) == "BRANCH" else [content[-1]] if isinstance(content, tuple) else []
        for part in parts:
            if isinstance(part, _PARSER.SubPattern):
                yield from _all(part)
