"""The product's own errors: each says in a sentence what is wrong, where, and what to do next."""


class ContractError(Exception):
    """Input, state or configuration breaks a contract; a person must mend it, trying again unchanged cannot help."""


class ConcurrentWriteError(RuntimeError):
    """Another writer replaced the same day first; nothing of this one was written, and it may be run again."""


class UnavailableError(ConnectionError):
    """A server that is needed does not answer; the sentence says which, and trying again may help."""
