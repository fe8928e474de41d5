"""Entry of the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sentiment.core.environment import INTERRUPTED, dying_quietly

with dying_quietly():
    from sentiment import cli

if TYPE_CHECKING:
    from sentiment.core.verb import AnyVerb


def main(words: Sequence[str] | None = None, known: Mapping[str, AnyVerb] | None = None) -> int:
    """Run one of the verbs, as `cli.main` does, and return the exit code.

    Where Sail was interrupted the process ends here: threads of its own still run our functions, and when Python ended
    under them they would abort it (2 of 6 times).
    """
    code = cli.main(words, known)
    if code == INTERRUPTED and "pysail" in sys.modules:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
