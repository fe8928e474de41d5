"""The one error of the product's own: something that a person must mend, said in a sentence with the remedy."""


class ContractError(Exception):
    """Input, state or configuration breaks a contract; trying again unchanged cannot help."""
