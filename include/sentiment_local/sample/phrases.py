"""The phrases of the generated reviews that fit any product, as rules of a small grammar; it is content, not code.

`{rule}` stands for a phrase drawn from that rule, `{Rule}` for the same with a capital letter. Rules that depend on
the category (`thing`, `aspect`, `good_point`, `bad_point`, `good_deed`, `bad_deed`, `use`) are in `categories`.
"""

from __future__ import annotations

Rules = dict[str, tuple[str, ...]]

# fmt: off
WORDS: Rules = {
    "good_word": (
        "superb", "excellent", "great", "really good", "fantastic", "perfect", "outstanding", "solid", "impressive",
        "wonderful", "spot on", "better than expected", "lovely", "very nice", "brilliant", "first class", "flawless",
        "a joy", "everything I hoped for", "decent", "amazing", "pretty good", "reliable", "awesome",
    ),
    "bad_word": (
        "terrible", "awful", "poor", "really bad", "a disappointment", "useless", "horrible", "flimsy", "a joke",
        "mediocre", "way off", "worse than expected", "dreadful", "very weak", "a mess", "third rate", "faulty",
        "a pain", "nothing like the pictures", "shoddy", "pathetic", "pretty bad", "unreliable", "unacceptable",
    ),
    "very": ("very", "really", "so", "absolutely", "truly", "honestly", "simply", "just"),
    "little": ("a little", "slightly", "a bit", "somewhat", "kind of"),
    "short_time": (
        "two days", "a week", "three weeks", "a month", "two months", "ten days", "one evening", "an hour", "four days",
        "less than a week", "a couple of weeks", "one weekend", "six weeks",
    ),
    "long_time": (
        "two years", "a year", "eight months", "over a year", "six months", "three years", "ages", "many months",
        "almost two years", "a good ten months", "four years",
    ),
    "person": (
        "my wife", "my husband", "my son", "my daughter", "my mother", "my dad", "a friend", "my sister", "my boss",
        "my brother", "my grandfather", "my girlfriend", "my roommate", "a colleague", "my nephew", "myself",
    ),
    "occasion": (
        "as a birthday present", "for Christmas", "for a trip", "for the office", "as a replacement", "on a whim",
        "for the holidays", "for college", "after reading the reviews", "on sale", "as a gift", "for the garage",
        "as a spare", "for everyday use", "because the old one gave up", "for a long flight",
    ),
    "weekday": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "colour": ("black", "white", "blue", "silver", "red", "grey", "green", "dark blue"),
    "number": ("2", "3", "4", "5", "6", "8", "10", "12", "15", "20", "25", "30", "40", "50"),
    "intro": (
        "I have to say", "in my opinion", "to be fair", "all in all", "for what it's worth", "after {short_time}",
        "as far as I can tell", "I must admit", "to my surprise", "without a doubt", "long story short", "overall",
        "having owned it for {long_time}", "like others have said", "on top of that", "also", "in daily use",
    ),
    "source": (
        "the reviews", "the salesman", "the ad", "{person}", "people here", "some reviewers", "the box",
        "the description", "everyone", "the forum", "the seller",
    ),
}

PLAIN: Rules = {
    "plain_sentence": (
        "I bought it {occasion}.", "Bought this {thing} {occasion} for {person}.", "It arrived on a {weekday}.",
        "I have had it for {long_time}.", "I have been using it for {short_time}.", "I mostly use it {use}.",
        "I got the {colour} one.", "This is my {ordinal} {thing} from this company.", "{Person} uses it {use}.",
        "For reference, I also own one by {brand}.", "I was looking for a {thing} {use}.", "I ordered {number}.",
        "Before this I had a {brand} {thing}.", "I am not an expert, I only use it {use}.", "I paid {number} dollars.",
        "My review is about the {colour} model.", "It sits next to my {brand}.", "I compared it with {number} others.",
        "{Person} wanted a {thing} {use}.", "It comes with a cable and a booklet.", "The box says model {number}.",
        "I read a lot about {aspect} before buying.", "I waited {short_time} before writing this.",
        "We keep it in the {room}.", "UPDATE after {short_time}:", "I am {number} years into this hobby.",
        "Most of the time it is in the {room} and I use it {use}.", "I usually look at {aspect} and {aspect} first.",
    ),
    "ordinal": ("first", "second", "third", "fourth"),
    "room": ("kitchen", "living room", "bedroom", "car", "office", "garage", "basement", "hall"),
    "so_so_verdict": (
        "It's okay, nothing more.", "Three stars from me.", "You get what you pay for.", "Average at best.",
        "It does the job, sort of.", "Not great, not terrible.", "I'm torn.", "It will do for now.",
        "Some things are {good_word}, some are {bad_word}.", "I might keep it, I might not.", "So so.", "Meh.",
        "Fine {use}, but don't expect miracles.", "Mixed feelings about this {thing}.",
    ),
}

GOOD: Rules = {
    "good_sentence": (
        "{Good_point}.", "{Good_point}.", "{Good_point}, and {good_point}.", "{Aspect} is {good_word}.",
        "{Intro}, {good_point}.", "{Intro}, {aspect} is {good_word}.", "{Aspect} is {very} {good_word}.",
        "I love that {good_point}.", "It's {good_word}, {good_point}.", "What I like most is that {good_point}.",
        "It's not bad at all.", "Not a single problem in {long_time}.", "I have nothing to complain about.",
        "I wouldn't want to be without it.", "You can't go wrong with this {thing}.", "No regrets.",
        "{Aspect} is not bad either.", "I was skeptical, but {good_point}.", "I never had to worry about {aspect}.",
        "{Person} is {very} happy with it.", "It {good_deed}.", "This {thing} {good_deed} and {good_deed}.",
        "{Aspect} could be better, but {good_point}.", "Sure, {bad_point}, but that doesn't bother me.",
        "{Bad_point} now and then, but {aspect} is {good_word}.", "The only downside: {bad_point}.",
        "Best {thing} I have ever owned.", "Worth every penny.", "I couldn't be happier with {aspect}.",
        "I can't fault {aspect}.", "Don't believe the bad reviews, it {good_deed}.", "Hardly any flaws.",
    ),
    "good_verdict": (
        "Highly recommended.", "I would buy it again.", "Would recommend it to anyone.", "Five stars.",
        "Very happy with it.", "Great value for the money.", "Don't hesitate, buy it.", "I'm keeping it.",
        "I can only recommend it.", "Thank you {brand}, I won't need you any more.", "Two thumbs up.",
        "I am not disappointed.", "I would not return it for anything.", "Money well spent.",
        "Already ordered another for {person}.", "{Person} wants one too.", "It exceeded my expectations.",
    ),
    "good_short": (
        "{Very} {good_word} {thing}!", "Works great, {good_word}.", "{Good_word}, love it.", "{Person} loves it.",
        "Love this {thing}!", "{Good_word}!", "Very happy, {good_word}.", "Not bad, {good_word}.",
        "{Aspect} is {good_word}.", "It {good_deed}.", "{Good_point}.",
    ),
    "good_title": (
        "{Good_word}", "{Good_word} {thing}", "Love it", "Great {thing}", "Five Stars", "{Aspect} is {good_word}",
        "{Very} {good_word}", "Good buy", "Not bad", "Does what it should", "Worth the money", "{Good_point}",
        "{Person} loves it", "No complaints", "Nice {thing} {use}", "{Good_word}!!!", "Pleasantly surprised",
    ),
}

BAD: Rules = {
    "bad_sentence": (
        "{Bad_point}.", "{Bad_point}.", "{Bad_point}, and {bad_point}.", "{Aspect} is {bad_word}.",
        "{Intro}, {bad_point}.", "{Intro}, {aspect} is {bad_word}.", "{Aspect} is {very} {bad_word}.",
        "I hate that {bad_point}.", "It's {bad_word}, {bad_point}.", "What annoys me most is that {bad_point}.",
        "It's not good at all.", "Nothing but problems in {short_time}.", "I can't say I'm happy.",
        "I wouldn't give it to {person}.", "You can't call this a {good_word} {thing}.", "Big regrets.",
        "{Aspect} is not good either.", "I was hopeful, but {bad_point}.", "I always had to worry about {aspect}.",
        "{Person} is {very} unhappy with it.", "It {bad_deed}.", "This {thing} {bad_deed} and {bad_deed}.",
        "{Aspect} could be worse, but {bad_point}.", "Sure, {good_point}, but that doesn't help me.",
        "{Good_point} now and then, but {aspect} is {bad_word}.", "The only upside: {good_point}.",
        "Worst {thing} I have ever owned.", "Not worth a penny.", "I couldn't be less happy with {aspect}.",
        "I can't praise {aspect}.", "Don't believe the good reviews, it {bad_deed}.", "Hardly any strengths.",
        # Sarcasm: praise in words, a complaint in fact.
        "Great, another {thing} that {bad_deed}.", "Just what I wanted: a {thing} that {bad_deed}. Brilliant.",
        "Oh, wonderful. {Bad_point}.", "Perfect if you love it when {bad_point}.", "Five stars for the box, I guess.",
        "Really impressive how fast it {bad_deed}.", "I just love it when {bad_point}.", "Well done, {brand}. Not.",
    ),
    "recent_bad_sentence": (
        "Since the last update {bad_point}.", "The new version is {bad_word}, get the old one.",
        "They changed the design and now {bad_point}.", "Delivery got slower this month.",
        "After the firmware update it {bad_deed}.", "The price went up again and the quality went down.",
    ),
    "bad_verdict": (
        "Not recommended.", "I would not buy it again.", "Would not recommend it to anyone.", "One star.",
        "Very unhappy with it.", "Poor value for the money.", "Don't buy it.", "I'm sending it back.",
        "I can't recommend it.", "Sorry {brand}, I should have stayed with you.", "Two thumbs down.",
        "I am very disappointed.", "I will return it.", "Money thrown away.", "Save your money.",
        "I asked for a refund.", "It fell short of my expectations.", "Avoid.",
    ),
    "bad_short": (
        "{Very} {bad_word} {thing}!", "Doesn't work, {bad_word}.", "{Bad_word}, hate it.", "{Person} hates it.",
        "Don't buy this {thing}!", "{Bad_word}!", "Very unhappy, {bad_word}.", "Not good, {bad_word}.",
        "{Aspect} is {bad_word}.", "It {bad_deed}.", "{Bad_point}.",
    ),
    "bad_title": (
        "{Bad_word}", "{Bad_word} {thing}", "Hate it", "Bad {thing}", "One Star", "{Aspect} is {bad_word}",
        "{Very} {bad_word}", "Bad buy", "Not good", "Doesn't do what it should", "Not worth the money", "{Bad_point}",
        "{Person} hates it", "Lots of complaints", "Great, another dud", "{Bad_word}!!!", "Disappointed",
        "Beware", "Returned", "Stopped working after {short_time}",
    ),
}

# Both moods use these same words; only their order, a negation or who is meant decides. `same` is the mood of the
# whole sentence, `other` its opposite, so that a model which counts words sees nearly the same in both.
TURNS: tuple[str, ...] = (
    "{Other_point} at first, but now {same_point}.",
    "It used to be {other_word}, now it is {same_word}.",
    "I thought it would be {other_word}, it turned out to be {same_word}.",
    "My old {brand} was {other_word}, this one is {same_word}.",
    "With the {brand} {other_point}, with this one {same_point}.",
    "Compared with my {brand}, which is {other_word}, this {thing} is {same_word}.",
    "{Source} said that {other_point}. Not true at all.",
    "{Source} said it was {other_word}. It is not.",
    "{Source} called it {other_word}, I can't agree.",
    "{Source} said that {same_point}, and they were right.",
    "Is {aspect} {other_word}? No. Is it {same_word}? Oh yes.",
    "Is it {same_word}? Yes. Is it {other_word}? No.",
    "Is it true that {other_point}? No, {same_point}.",
    "I expected {aspect} to be {other_word}, and was wrong.",
    "{Aspect} is {other_word}, but {aspect} is {same_word}, and that is what counts.",
    "{Other_point}, but what matters more is that {same_point}.",
    "Anybody who calls it {other_word} has not used it.",
    "Far from being {other_word}, {aspect} is {same_word}.",
    "Unlike the {brand}, where {other_point}, here {same_point}.",
    "A month ago I would have written that {other_point}. Today {same_point}.",
)

SPANISH: Rules = {
    "spanish_plain": ("Lo compré para mi hermano.", "Llegó el martes.", "Lo uso todos los días.", "Es el negro."),
    "spanish_good_sentence": (
        "Muy buen producto.", "Funciona perfecto.", "Estoy muy contento con la compra.", "Lo recomiendo mucho.",
        "La calidad es excelente.", "Llegó rápido y en buen estado.", "Me encanta.", "La batería dura todo el día.",
        "Vale lo que cuesta.", "No tengo ninguna queja.",
    ),
    "spanish_bad_sentence": (
        "Muy mal producto.", "No funciona.", "Estoy muy decepcionado con la compra.", "No lo recomiendo.",
        "La calidad es pésima.", "Llegó tarde y roto.", "No me gusta nada.", "La batería no dura ni una hora.",
        "No vale lo que cuesta.", "Quiero que me devuelvan el dinero.",
    ),
    "spanish_good_title": ("Excelente", "Muy bueno", "Me encanta", "Buena compra"),
    "spanish_bad_title": ("Muy malo", "No sirve", "Decepcionado", "No lo compren"),
}
# fmt: on


def mirrored_turns() -> Rules:
    """Return TURNS as two rules, `good_turn` and `bad_turn`."""
    rules: Rules = {}
    for same, other in (("good", "bad"), ("bad", "good")):
        swap = {"same": same, "Same": same.capitalize(), "other": other, "Other": other.capitalize()}
        rules[f"{same}_turn"] = tuple(_swapped(turn, swap) for turn in TURNS)
    return rules


def _swapped(turn: str, moods: dict[str, str]) -> str:
    for role, mood in moods.items():
        turn = turn.replace("{" + role + "_", "{" + mood + "_")
    return turn
