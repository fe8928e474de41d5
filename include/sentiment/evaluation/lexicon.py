"""Word lists by which a review's wording is told: negation, contrast, common English, praise, blame, irony.

They are content, not code, and small on purpose: a page that counts by them can print its rule in one sentence.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NEGATIONS = _words(
    "not no never none nothing nobody nor neither without cannot hardly barely dont doesnt didnt isnt wasnt arent "
    "werent wont wouldnt cant couldnt shouldnt aint"
)
NEGATED_ENDING = "n't"

CONTRASTS = _words("but however although though despite nevertheless nonetheless except whereas")

FUNCTION_WORDS = _words(
    "the a an and or but if of to in on at for with from by as is are was were be been it its this that these i you he "
    "she they we my your me them not no have has had do does did will would can so very just than then when what which "
    "there all out up about after only because who his her their our am"
)

PRAISE = _words(
    "good great excellent amazing awesome perfect perfectly love loved loves best wonderful fantastic nice happy "
    "pleased satisfied recommend recommended superb outstanding brilliant beautiful beautifully easy easily reliable "
    "sturdy comfortable impressed impressive enjoy enjoyed enjoyable flawless flawlessly glad delighted favorite "
    "favourite solid fun well worth works gem terrific incredible masterpiece charming crisp durable"
)

BLAME = _words(
    "bad terrible awful horrible worst worse poor poorly disappointed disappointing disappointment disappoints useless "
    "broken broke breaks waste wasted junk garbage trash crap cheap cheaply defective fail failed fails failure faulty "
    "problem problems issue issues hate hated annoying frustrating frustrated return returned returning refund flimsy "
    "unreliable stopped dead died boring dull stupid ridiculous sucks mediocre uncomfortable unusable lousy pathetic "
    "regret unhappy mess wrong"
)

# Phrases that say one thing and mean its opposite more often than not, praise in quotation marks, useful rubbish.
IRONY = (
    *("yeah right", "yeah, right", "thanks for nothing", "thanks a lot", "oh great", "oh, great", "oh joy", "oh, joy"),
    *("good luck with", "good luck getting", "what a joke", "so much for", "big surprise", "surprise, surprise"),
    *("color me", "colour me", "unless you like", "unless you enjoy", "unless you love"),
    *("if you like having", "if you enjoy having", "if you like being", "if you enjoy being", "if you like wasting"),
    *("if you enjoy wasting", "if you like paying", "if you enjoy paying"),
    *('"great"', '"good"', '"new"', '"quality"', '"high quality"', '"premium"', '"customer service"', '"upgrade"'),
    *("paperweight", "paper weight", "doorstop", "door stop", "landfill"),
)
