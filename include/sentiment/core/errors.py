"""The product's own errors: each says in a sentence what is wrong, where, and what to do next."""


class ContractError(Exception):
    """Input, state or configuration breaks a contract; a person must mend it, trying again unchanged cannot help."""


class BrokenFileError(ContractError):
    """A file ends too early, or is not compressed as its name says; the message says where, its name is added."""


class RejectedError(ValueError):
    """A row is no review; the message is the reason, and `kind` what rows are counted by, the reason as a rule."""

    def __init__(self, reason: str, kind: str = "") -> None:
        super().__init__(reason)
        self.kind = kind or reason


class ConcurrentWriteError(RuntimeError):
    """Another writer replaced the same day first; nothing of this one was written, and it may be run again."""


class UnderWayError(ConcurrentWriteError):
    """Another process is at work on the same; what it makes is its own."""


class UnavailableError(Exception):
    """A server that is needed does not answer; the sentence says which, and trying again may help.

    It is no OSError: whoever reads a file that breaks off must not take an outage for its end.
    """
