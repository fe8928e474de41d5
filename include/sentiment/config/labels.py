"""Names that the whole platform agrees on: labels, the bounds of stars and confidence, the model and its aliases."""

NEGATIVE, POSITIVE = 0, 1
LABELS = ("negative", "positive")
POSITIVE_STARS = 4.0
NEGATIVE_STARS = 2.5
NEEDS_REVIEW_BELOW = 0.70
REGISTERED_MODEL = "review-sentiment"
CHAMPION, PREVIOUS_CHAMPION = "champion", "previous_champion"
