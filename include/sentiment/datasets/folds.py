"""Which fold a product belongs to, so that what is fitted without a fold knows none of its products."""

from __future__ import annotations

import hashlib


def fold_of(product: str, folds: int) -> int:
    """Return the fold of a product, from 1 on: a hash of its id alone, so that it is the same one everywhere."""
    return 1 + int.from_bytes(hashlib.sha256(product.encode("utf-8", "surrogatepass")).digest()[:8], "big") % folds
