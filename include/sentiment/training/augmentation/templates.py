"""The sentences of the texts made for training: templates a kind of saying; it is content, not code.

`{so}`, `{does}` and so on stand for a word of the label that the text is to have, `{un_so}`, `{un_does}` for one of the
other label; the rest are neutral: see `words.py`. None is a sentence of the behaviour suite, which judges.
"""

from __future__ import annotations

from sentiment.core.names import NEGATIVE, POSITIVE

# fmt: off
# Kinds of saying whose sense follows the words in them.
EITHER: dict[str, tuple[str, ...]] = {
    "plain": (
        "What a {so} {thing}!", "Simply {so}.", "This {thing} is one of the most {mood_of} purchases of mine.",
        "Overall a {so} {thing}, {verdict}.", "The {gadget} {does}.", "My {gadget} {does}.", "The {part} is {so}.",
        "{so_up} {part} and {so} build.", "It's {made} and it {does}.", "The {book} {told}.", "This {film} {told}.",
        "The {chapter} was {so}.", "A {so} {film} with a {so} {chapter}.", "I {feel} this {thing}.",
        "My {kin} and I {feel} it.", "{verdict_up}!", "This {gadget} is {verdict}.", "{advice}",
        "{verdict_up}. {advice}", "I am {mood} with this purchase.", "We were {mood} with the {part}.",
        "The {brand} one {does}.", "A {so} read.", "{so_up} acting, {so} {chapter}.",
        "Service was {so} and the {gadget} {does}.", "The {part} feels {made}.", "{so_up}!!!", "{so_up} product",
        "{so_up} {gadget} from {brand}", "Honestly, I {feel} the {part}.",
        "The {chapter} is {so} and the {film} {told}.", "{made_up} and {so}.",
    ),
    "negation": (
        "not a {un_mild} {thing}", "This is certainly not a {un_mild} {thing}.", "The {part} isn't {un_mild}.",
        "I wouldn't call this {thing} {un_mild}.", "There's nothing {un_mild} about this {gadget}.",
        "Far from {un_mild}.", "Anything but {un_mild}.", "The {film} wasn't {un_mild}.",
        "Nobody in my family found the {book} {un_mild}.", "I didn't find the {chapter} {un_mild}.",
        "It's hardly a {un_mild} {gadget}.", "None of it was {un_mild}.", "In no way {un_mild}.",
        "The {part} never felt {un_made}.", "You can't call the {gadget} {un_mild}.",
        "My {kin} isn't {un_mood} with it.",
        "We weren't {un_mood} with the {part}.", "I have never found it {un_mild}.", "Neither {un_mild} nor {un_made}.",
        "This {brand} isn't {un_so}, and the {part} isn't {un_made} either.", "No, it is not {un_so}.",
        "I don't {un_feel} this {thing}.", "We didn't think that the {chapter} was {un_mild}.", "never {un_mild}",
        "Nothing {un_mild} here, and nothing {un_made}.", "It was not at all {un_mild} to use the {gadget}.",
        "I don't think the {gadget} is {un_made}.",
        "Not {un_made}, not {un_mild}.",
    ),
    "contrast": (
        "At first the {thing} seemed {un_so}, but it turned out to be {so}.",
        "I used to {un_feel} {brand}, now I {feel} it.", "I used to like the old model, now this one {does}.",
        "The first week was {un_so}; since then it {does}.", "I expected something {un_so} and got something {so}.",
        "The last one was {un_so}, this one is {so}.", "It looks {un_so} in the pictures but is {so} in real life.",
        "Everyone said it was {un_so}. I found it {so}.", "The old version was {un_made}. The new one {does}.",
        "It started out {un_so}, and then the {film} {told}.",
        "I thought the {book} would be {un_so}. Instead it {told}.",
        "My first impression was {un_so}, my last one {so}.", "People call it {un_verdict}; I call it {verdict}.",
        "From {un_so} to {so} after the update.", "Once {un_so}, these days {so}.",
    ),
    "comparison": (
        "So much {better} than my {brand}.", "{better_up} than the {gadget} I had before.",
        "Compared with the {brand}, this one is {so}.", "Next to my old {gadget}, it is {so}.",
        "The {brand} {un_does}, this one {does}.", "The {book} is {better} than the {film}, and this is the {book}.",
        "Of the {number} I tried, this is the {best}.", "The {best} {thing} I have come across in {span}.",
        "My {kin}'s {gadget} is {un_so}; mine {does}.", "Unlike my last {gadget}, this one {does}.",
        "No other {gadget} I own is this {so}.", "The {best} of the whole series.", "{best_up} {film} of the year.",
    ),
    "question": (
        "Is the {part} {un_made}? {denied}", "Was the {film} {un_mild}? {denied}", "{un_mild_up}? {denied}",
        "Did I find the {book} {un_mild}? {denied}", "Is this {gadget} {un_verdict}? {denied}",
        "Did the {chapter} strike me as {un_mild}? {denied}", "Would I say that it is {un_mild}? {denied}",
        "Are the {part} and the {colour} color {un_so}? {denied}", "Am I {un_mood}? {denied}",
        "Would I get another {gadget} like this? {yes}", "Worth the price? {yes}", "Should you read it? {yes}",
        "Does the {part} hold up? {yes} It {does}.", "Is the {film} as {mild_plain} as they say? {yes}",
        "Was I {mood}? You bet I was.", "Can I recommend the {gadget}? {yes}", "How is the {part}? {so_up}.",
        "What can I say? {so_up}.", "Any good? {yes}", "What did my {kin} think? {so_up}, in a word.",
        "If I had to choose again, I'd {again}.", "If you ask me, it's {verdict}.",
        "If someone asked me about it, I would say: {so}.", "Had I known how {so} it is, I would have {sooner}.",
    ),
    "concession": (
        "It is not cheap, yet it is {so}.", "The {part} may be {un_so}, but the {gadget} {does}.",
        "Although the {part} is {un_so}, overall the {gadget} is {so}.", "Despite {un_so} reviews, I find it {so}.",
        "Shipping took {span}, still the {gadget} is {verdict}.", "Say what you want about the price, it {does}.",
        "Even though my {kin} thinks it's {un_so}, I {feel} it.",
        "The {chapter} is {un_so}, but all in all the {film} {told}.",
        "Apart from the {colour} color, which I don't care about, it is {so}.",
        "The {part} could be different, the {gadget} itself is {so}.",
        "Yes, it has {number} buttons. It is also {so}.", "For all its flaws and virtues, in the end it is {verdict}.",
    ),
}

# Sayings of one label alone, most of them negations that are said as a whole.
OF_LABEL: dict[int, tuple[str, ...]] = {
    POSITIVE: (
        "I can't complain.", "Can't complain about the {gadget}.", "Nothing wrong with it.",
        "Nothing wrong with the {part}.", "No regrets.", "Zero issues so far.", "No problems after {span}.",
        "I haven't had a single issue with the {gadget}.", "You won't be sorry.", "It never fails.",
        "It has never failed me in {span}.", "Couldn't ask for a better {gadget}.", "I couldn't put the {book} down.",
        "I have yet to find a fault with it.", "Not a single dull moment in this {film}.", "What's not to like?",
        "No complaints about the {part}.", "It doesn't get any better than this.", "I wouldn't trade it for anything.",
        "Without a doubt {verdict}.", "There's no {gadget} I'd rather have.", "I'm not sorry I got the {gadget}.",
        "Hard to find fault with the {chapter}.", "I can't imagine life without my {gadget}.",
        "My {kin} won't stop talking about how {so} it is.", "Never a problem with the {part}.",
    ),
    NEGATIVE: (
        "I can't recommend this {gadget}.", "Can't say anything nice about the {gadget}.",
        "Nothing works the way it should.", "Hardly usable.", "The {gadget} is barely usable.",
        "It doesn't do what it says.", "No good.", "Not worth it.", "Not worth the trouble.",
        "I wouldn't wish this {gadget} on anyone.", "It never did what it should.", "I couldn't finish the {book}.",
        "I couldn't get through the first half of the {film}.", "The {part} doesn't work.", "Not what I paid for.",
        "Nobody needs this {thing}.", "I won't be buying from {brand} again.",
        "There's nothing to like about the {chapter}.", "I don't see why anyone would want this.",
        "I'd never get another one.", "It hasn't worked since {span} in.", "Couldn't be less useful.",
        "Don't waste your time on this {film}.", "Without the {part} working, it is {so}.",
        "Not even my {kin} could make it work.", "I wish I had never seen this {film}.",
    ),
}

# Words of the two sides that belong to one or two templates alone.
TURNS: dict[int, dict[str, tuple[str, ...]]] = {
    POSITIVE: {
        "better": ("better", "nicer", "more reliable", "more useful"), "best": ("best", "finest", "most enjoyable"),
        "yes": ("Absolutely.", "Yes, any day.", "Definitely.", "Without question, yes."),
        "again": ("take this one", "order it again"),
        "sooner": ("bought it sooner", "got one years ago"),
        "denied": ("Nope.", "Not in the least.", "Far from it.", "Not at all, quite the opposite.", "Never."),
        "mild_plain": ("good", "great", "funny", "clever"),
        "mood_of": ("satisfying", "rewarding", "pleasing"),
    },
    NEGATIVE: {
        "better": ("worse", "weaker", "less reliable", "less useful"),
        "best": ("worst", "weakest", "least enjoyable"),
        "yes": ("Absolutely not.", "Not a chance.", "Sadly no.", "Nope, sorry."),
        "again": ("take any other one", "keep the cash"),
        "sooner": ("left it in the shop", "kept my money"),
        "denied": ("Nope.", "Not in the least.", "Far from it.", "Not at all, quite the opposite.", "Sadly not."),
        "mild_plain": ("good", "great", "funny", "clever"),
        "mood_of": ("regrettable", "frustrating", "annoying"),
    },
}

# What opens or closes a text and says nothing of its worth.
ASIDES = (
    "Got this {gadget} at {shop} on {date}.", "My {kin} picked it up in {place}.",
    "Ordered {number} of them for the office.", "I am {number} months into using the {gadget}.", "I live in {place}.",
    "We watched it on {date}.", "I read it on the train.", "Mine is the {colour} one.",
    "This replaced an older {brand}.", "{name} lent me the {book}.", "It was for our trip to {place}.",
    "For reference, I am from {place}.", "I saw the {film} with {name}.",
    "It sits next to the {gadget} in the kitchen.", "I am writing this on {date}.", "Model with the {colour} {part}.",
)
TITLES = (
    "Review", "Update", "My thoughts", "{gadget}", "{span_up} later", "From {place}", "{brand} {gadget}",
    "A note on the {book}",
)

# Texts of which nobody can say whether they praise or blame.
WITHOUT_OPINION = (
    *ASIDES, *TITLES, "...", "?", "!", "-", ".", "n/a", "none", "ok then", "test", "12345", "{number}", "{name}",
    "{date}", "The parcel was left at the door on {date}.", "Shipped from {place}.", "Delivery took {span}.",
    "It was delivered to {place}.", "The package contains the {gadget}, a charger and a leaflet.", "It is {colour}.",
    "The {part} is {colour}.", "It has {number} buttons and a {part}.", "The {gadget} weighs {number} pounds.",
    "The {book} has {number} chapters.", "The {film} is {number} hours long.", "The {book} was written in {place}.",
    "The {film} is set in {place}.", "Does it come in {colour}?", "Which {gadget} is it?",
    "Has anyone used it with a {brand} {gadget}?", "Where is it made?", "Is the {part} included?",
    "How long is the cord?", "I have not opened it yet.", "I have not tried it yet.", "It is a gift for {name}.",
    "Will update this review in {span}.", "Bought for my {kin}.", "Second one for the {kin}'s house.",
    "I ordered the {colour} one and a {gadget}.", "As described in the title.", "This is about the {gadget}.",
    "and the", "when I", "the {part} of the {gadget}", "for the {kin}", "{name} has one in {place}.",
    "Read in {span}.", "Seen on {date}.", "The author is from {place}.", "Part {number} of the series.",
    "It runs on {number} batteries.", "It came with a {part}.", "I paid by card.", "The seller is in {place}.",
    "We stayed in {place} at the time.", "The {gadget} is on the shelf.",
)
