"""The sentences of the behaviour suite: templates a capability, and the words that fill them; it is content, not code.

`{product}`, `{person}`, `{good}` and so on stand for a word drawn from WORDS. Sentences are plain:
a reader who knows nothing of the product must not doubt what the customer means.
"""

from __future__ import annotations

# fmt: off
WORDS: dict[str, tuple[str, ...]] = {
    "product": (
        "charger", "keyboard", "headset", "camera", "tablet", "phone", "speaker", "monitor", "mouse", "printer",
        "radio", "blender", "backpack", "lamp", "kettle", "watch", "tent", "vacuum cleaner", "coffee maker", "desk",
    ),
    "person": ("wife", "husband", "son", "daughter", "mother", "father", "friend", "sister", "brother", "neighbour"),
    "name": (
        "Anna", "David", "Fatima", "Wei", "Carlos", "Priya", "Olga", "Kwame", "Emily", "Hiroshi", "Mary", "Ahmed",
        "Lucia", "John", "Ngozi", "Lars", "Sofia", "Omar", "Grace", "Mateo",
    ),
    "time": ("a week", "two weeks", "a month", "two months", "half a year"),
    "good": ("good", "great", "excellent", "wonderful", "fantastic", "superb", "perfect"),
    "bad": ("bad", "terrible", "awful", "poor", "disappointing", "horrible", "dreadful"),
    # Words that bear a negation or a "very": "not superb" may still be praise, and nothing is "very perfect".
    "worth": ("good", "reliable", "useful", "well made"),
    "flaw": ("bad", "poor", "disappointing", "unreliable"),
    "love": ("love", "like", "enjoy", "recommend"),
    "hate": ("hate", "dislike", "detest"),
    "very": ("very", "really", "extremely", "truly", "incredibly"),
}

# What begins a review and says nothing of its worth.
TITLES = ("The {product}", "About this {product}", "After {time}", "My {product}")
OPENINGS = (
    "I bought this {product} {time} ago for my {person}.",
    "I ordered the {product} online and have used it for {time}.",
    "We have had this {product} at home for {time}.",
    "This {product} was a present for my {person}.",
    "My {person} and I have been using this {product} for {time}.",
)
NAMED = (
    "{name} told me about this {product}.", "My friend {name} uses this {product} every day.",
    "I bought this {product} for my neighbour {name}.",
)

# Sentences of one opinion, whole and plain.
PRAISE = (
    "It is {good} and I am happy with it.", "It works well and I would buy it again.", "I {love} it, it is {good}.",
    "The quality is {good} and it does its job.", "It is a {good} {product}.", "Everything about it is {good}.",
)
BLAME = (
    "It is {bad} and I am unhappy with it.", "It broke and I want my money back.", "I {hate} it, it is {bad}.",
    "The quality is {bad} and it does not do its job.", "It is a {bad} {product}.", "Everything about it is {bad}.",
)

# Praise that is negated is blame, and the other way round.
NEGATED_PRAISE = (
    "It is not {worth}.", "It is not a {worth} {product}.", "I am not happy with it.", "I do not like it.",
    "I would not buy it again.", "It does not work well.", "It never worked properly.", "Nothing about it is {worth}.",
    "I can't say that it is {worth}.", "It isn't {worth} and it isn't worth the money.",
)
NEGATED_BLAME = (
    "It is not {flaw} at all.", "It is not a {flaw} {product} at all.", "I have no complaints.",
    "I do not regret buying it.", "There is nothing wrong with it.", "It has never let me down.",
    "I have had no problems with it.", "I could not be happier.", "You can't go wrong with it.",
    "It didn't disappoint me.",
)

# The same sentences with and without {very}.
STRONG_PRAISE = ("It is {very}{worth}.", "It is a {very}{worth} {product}.", "I find it {very}{worth}.")
STRONG_BLAME = ("It is {very}{flaw}.", "It is a {very}{flaw} {product}.", "I find it {very}{flaw}.")

# What holds is what is now.
NOW_GOOD = (
    "I used to {hate} this brand, but now I {love} it.", "It used to be {bad}, but now it is {good}.",
    "I used to think that it was {bad}, but now I think that it is {good}.",
    "It used to fail, but now it works well.",
)
NOW_BAD = (
    "I used to {love} this brand, but now I {hate} it.", "It used to be {good}, but now it is {bad}.",
    "I used to think that it was {good}, but now I think that it is {bad}.",
    "It used to work well, but now it fails.",
)

ANSWERED_WELL = (
    "Is it {good}? Yes, it is.", "Do I {love} it? Yes, I do.", "Would I buy it again? Yes, at once.",
    "Am I happy with it? Yes.", "Is it {flaw}? No, not at all.", "Do I regret buying it? No, not at all.",
    "Do I want my money back? No.",
)
ANSWERED_BADLY = (
    "Is it {bad}? Yes, it is.", "Do I regret buying it? Yes, I do.", "Do I want my money back? Yes, at once.",
    "Would I buy it again? No, never.", "Is it {worth}? No, it is not.", "Do I recommend it? No, I do not.",
    "Am I happy with it? No.",
)

# What is said without an opinion, as whole texts.
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
NEUTRAL = (
    "", "It is.", "This is a {product}.", "The {product}", "My {product}", "It arrived on {day} in a box.",
    "It came in a box.", "The {product} was delivered on {day}.", "I have used it for {time}.", "Bought on {day}.",
    "I got the {product} from my {person}.", "The box holds a {product} and a cable.", "This one is for my {person}.",
    "I will write more after {time}.", "It has a button on the side.", "See title.", "{name} ordered it on {day}.",
)
