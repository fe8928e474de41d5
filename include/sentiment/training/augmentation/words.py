"""The words that fill the templates of training; it is content, not code.

Products, names and days are others than those of the behaviour suite, which judges what was learnt.
"""

from __future__ import annotations

from sentiment.core.names import NEGATIVE, POSITIVE

# fmt: off
_GADGETS = (
    "toaster", "router", "drill", "laptop", "hard drive", "flash drive", "e-reader", "microphone", "projector",
    "soundbar", "power bank", "smartwatch", "hair dryer", "juicer", "air fryer", "rice cooker", "sewing machine",
    "lawn mower", "flashlight", "memory card", "screen protector", "phone case", "cable", "adapter", "docking station",
    "webcam", "tripod", "lens", "turntable", "amplifier", "guitar", "doorbell", "thermostat", "fan", "heater",
    "suitcase", "sleeping bag", "stroller", "car seat", "razor", "toothbrush", "mattress", "pillow", "office chair",
    "bookshelf", "frying pan", "knife set", "water bottle", "jacket", "pair of boots", "board game", "puzzle",
)
_BOOKS = (
    "book", "novel", "memoir", "biography", "cookbook", "textbook", "short story collection", "fantasy series",
    "poetry collection", "travel guide", "graphic novel", "audiobook", "sequel",
)
_FILMS = (
    "movie", "film", "thriller", "comedy", "documentary", "drama", "horror movie", "western", "romance",
    "remake", "musical", "science fiction film", "episode", "TV show",
)
# What stands in a sentence and says nothing of its sense.
NEUTRAL_WORDS: dict[str, tuple[str, ...]] = {
    "gadget": _GADGETS,
    "book": _BOOKS,
    "film": _FILMS,
    "thing": (*_GADGETS, *_BOOKS, *_FILMS),
    "kin": (
        "aunt", "uncle", "cousin", "grandson", "niece", "nephew", "roommate", "boss", "partner", "grandmother",
        "colleague", "teenager", "kids", "parents", "boyfriend", "girlfriend",
    ),
    "span": (
        "three days", "ten days", "three weeks", "six weeks", "three months", "nine months", "a year", "two years",
        "an hour", "one weekend",
    ),
    "part": (
        "screen", "handle", "battery", "motor", "lid", "zipper", "power button", "plug", "hinge", "strap", "display",
        "remote", "manual", "software", "packaging", "sound", "picture", "surface",
    ),
    "chapter": ("plot", "story", "writing", "ending", "dialogue", "pacing", "first half", "main character", "setting"),
    "name": (
        "Peter", "Laura", "Ivan", "Mei", "Diego", "Aisha", "Tom", "Yuki", "Samuel", "Nina", "Rashid", "Elena", "Jack",
        "Chloe", "Kofi", "Ingrid", "Paul", "Leila", "Marco", "Hannah", "Brian", "Rosa", "Steve", "Julia",
    ),
    "place": (
        "Chicago", "Leeds", "Lisbon", "Ohio", "Toronto", "Mumbai", "Austin", "Munich", "Lagos", "Denver", "Kyoto",
        "Seattle", "Dublin", "Boston", "Madrid", "Phoenix", "Oslo", "Manila", "Atlanta", "Melbourne",
    ),
    "brand": (
        "Sony", "Samsung", "Canon", "Bosch", "Philips", "Panasonic", "Dell", "Logitech", "Garmin", "Nikon", "Asus",
        "Lenovo", "Toshiba", "Epson", "Netgear", "Motorola", "Makita", "Braun",
    ),
    "date": (
        "Sunday", "the 3rd", "the 21st", "April 9", "Christmas Eve", "New Year's Day", "the last day of June",
        "a weekend", "my day off", "the 12th of August", "a rainy afternoon",
    ),
    "number": ("two", "three", "four", "five", "six", "seven", "eight", "twelve", "twenty"),
    "colour": ("black", "white", "blue", "grey", "red", "green", "silver", "brown"),
    "shop": ("a store", "the mall", "an outlet", "a yard sale", "the website", "a supermarket", "an online store"),
}

# What tells the label. `so` describes anything; `mild` bears a negation: whoever is not mild is on the other side;
# `does` is what a product did, `told` what a story did, `verdict` stands alone, `feel` needs an object.
TELLING_WORDS: dict[int, dict[str, tuple[str, ...]]] = {
    POSITIVE: {
        "so": (
            "outstanding", "brilliant", "lovely", "delightful", "impressive", "first-rate", "terrific", "marvelous",
            "top-notch", "beautiful", "flawless", "stellar", "amazing", "awesome", "great", "good", "excellent", "nice",
            "fantastic", "wonderful", "superb", "perfect", "fabulous", "remarkable", "exceptional", "incredible",
            "very good", "pretty great", "really nice",
        ),
        "mild": (
            "good", "great", "impressive", "convincing", "special", "satisfying", "pleasant", "remarkable", "usable",
            "exciting", "worthwhile", "nice", "fun",
        ),
        "made": ("sturdy", "reliable", "well built", "comfortable", "accurate", "quiet", "easy to use", "durable"),
        "does": (
            "works like a charm", "does exactly what it should", "runs smoothly", "fits perfectly",
            "holds up really well", "still works like new", "does a great job", "makes life easier",
            "never gives me any trouble", "is a pleasure to use", "was up and running in minutes",
            "saved me a lot of time", "exceeded my expectations",
        ),
        "told": (
            "moved me to tears in the best way", "kept me hooked until the end", "made me laugh out loud",
            "had me smiling all the way through", "is beautifully told", "stayed with me for days",
            "grabbed me from the first minute", "is clever and touching",
        ),
        "feel": ("adore", "appreciate", "treasure", "really love", "absolutely love", "really enjoy", "cherish"),
        "verdict": (
            "worth every penny", "money well spent", "two thumbs up", "five stars", "a real gem", "a keeper",
            "highly recommended", "a pleasant surprise", "a must-have", "a bargain",
        ),
        "mood": ("thrilled", "delighted", "satisfied", "pleased", "impressed", "glad", "grateful"),
        "advice": (
            "Go for it.", "Get one while you can.", "Treat yourself to it.", "Buy it without a second thought.",
            "Grab it.", "Don't hesitate.",
        ),
    },
    NEGATIVE: {
        "so": (
            "useless", "worthless", "lousy", "mediocre", "pathetic", "disappointing", "awful", "horrible", "terrible",
            "annoying", "second-rate", "miserable", "frustrating", "abysmal", "atrocious", "bad", "poor", "dreadful",
            "laughable", "pitiful", "subpar", "ridiculous", "lame", "unacceptable", "dismal", "overpriced",
            "very poor", "pretty bad", "really awful",
        ),
        "mild": (
            "bad", "terrible", "annoying", "disappointing", "awful", "frustrating", "horrible", "boring", "poor",
            "overpriced", "useless", "complicated", "cheap looking",
        ),
        "made": (
            "flimsy", "unreliable", "poorly built", "uncomfortable", "inaccurate", "noisy", "hard to use", "defective",
        ),
        "does": (
            "stopped working after {span}", "keeps crashing", "fell apart after {span}", "overheats all the time",
            "barely turns on", "came defective", "refuses to connect", "broke the first time I used it",
            "gives me nothing but trouble", "is a pain to use", "died within {span}", "wasted a lot of my time",
            "failed to meet my expectations",
        ),
        "told": (
            "put me to sleep", "dragged on forever", "made no sense at all", "had me looking at my watch",
            "is clumsy and predictable", "was forgotten the next day", "lost me after the first minutes",
            "is full of tired cliches",
        ),
        "feel": ("regret", "resent", "loathe", "really hate", "absolutely hate", "really dislike", "despise"),
        "verdict": (
            "a waste of money", "money down the drain", "two thumbs down", "one star", "a total letdown", "pure junk",
            "not recommended", "a bitter disappointment", "a rip-off", "garbage",
        ),
        "mood": ("upset", "annoyed", "dissatisfied", "displeased", "disappointed", "frustrated", "angry"),
        "advice": (
            "Stay away.", "Avoid it.", "Keep your money.", "Look elsewhere.", "Do yourself a favor and skip it.",
            "Don't bother.",
        ),
    },
}
