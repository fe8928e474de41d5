"""What the generated reviews say about each kind of product, and invented brands; it is content, not code."""

from __future__ import annotations

from sentiment_local.sample.phrases import Rules

# fmt: off
# Aspects and points that any product has.
COMMON: Rules = {
    "aspect": ("the delivery", "the packaging", "the price", "the build quality", "customer service", "the manual"),
    "good_point": (
        "it arrived two days early", "support answered within an hour", "the price is low", "it feels sturdy",
        "set up took {number} minutes", "it survived a fall", "it is cheap and it works", "it is small and light",
        "it has not failed in {long_time}", "they sent a replacement at once", "it works as described",
        "it still looks new after {long_time}", "the refund came without questions", "it does not get hot",
    ),
    "bad_point": (
        "it arrived two weeks late", "support never answered", "the price is a rip-off", "it feels cheap",
        "set up took {number} hours", "it broke at the first fall", "it is cheap and it shows", "it is small and weak",
        "it failed after {short_time}", "they refused to send a replacement", "it does not work as described",
        "it looks worn after {short_time}", "the refund never came", "it gets hot",
    ),
    "good_deed": (
        "works right out of the box", "does its job", "lasts", "never lets me down", "looks better than in the picture",
        "has run for {long_time} without a hitch", "still works after {long_time}",
    ),
    "bad_deed": (
        "stopped working after {short_time}", "catches fire", "falls apart", "dies within {short_time}", "never worked",
        "lets me down every time", "arrived broken", "smells of burnt plastic", "broke after {short_time}",
    ),
}

CATEGORIES: dict[str, Rules] = {
    "Headphones": {
        "thing": ("headset", "pair of headphones", "set of earbuds", "headphone"),
        "brand": ("Sonvex", "Aurilo", "Tonewell", "Bassari", "Klarento"),
        "use": ("at the gym", "on the train", "for phone calls", "while running", "at work", "for gaming"),
        "aspect": (
            "the bass", "the sound", "the microphone", "the battery", "the fit", "the noise cancelling", "the treble",
            "the ear cushion", "the Bluetooth range", "the case", "the volume",
        ),
        "good_point": (
            "the bass is deep and clear", "the battery lasts the whole week", "they never fall out of my ears",
            "the sound is crisp", "callers hear me loud and clear", "the noise cancelling blocks the whole office",
            "it is loud", "I can wear them for {number} hours", "pairing is instant", "I hear every instrument",
        ),
        "bad_point": (
            "the bass is muddy", "the battery dies within hours", "they keep falling out of my ears",
            "the sound is tinny", "nobody hears me on calls", "the noise cancelling does nothing",
            "it is not loud enough", "my ears hurt after {number} minutes", "pairing fails half the time",
            "the left side went silent after {short_time}", "there is a constant hiss",
        ),
        "good_deed": ("sounds like a pair at twice the price", "stays connected"),
        "bad_deed": ("sounds like a tin can", "drops the connection"),
    },
    "Chargers": {
        "thing": ("charger", "power bank", "charging cable", "wall plug"),
        "brand": ("Voltano", "Ampero", "Chargewell", "Plugsy", "Wattson Bros"),
        "use": ("for my phone", "in the car", "when travelling", "on the night stand", "for two tablets", "at my desk"),
        "aspect": (
            "the charging speed", "the cable", "the plug", "the capacity", "the display", "the heat", "the connector",
            "the cable length", "the fit of the plug", "the status light",
        ),
        "good_point": (
            "it charges my phone in {number} minutes", "the cable is long enough", "it stays cool",
            "the plug sits tight", "it fills two phones at once", "it holds its charge for {long_time}",
            "the cable does not fray", "the light is dim enough for the bedroom", "it is fast", "it is tiny",
        ),
        "bad_point": (
            "it needs {number} hours to charge my phone", "the cable is far too short", "it could fry an egg",
            "the plug wobbles", "it cannot fill even one phone", "it loses its charge within {short_time}",
            "the cable frayed after {short_time}", "the light is as bright as a lamp", "it is slow", "it hums",
        ),
        "good_deed": ("charges everything I own", "is faster than the original"),
        "bad_deed": ("burnt my socket", "ruined my phone"),
    },
    "Cameras": {
        "thing": ("camera", "compact camera", "action cam", "DSLR"),
        "brand": ("Lumaris", "Optivo", "Fotoran", "Pixlund", "Clarivue"),
        "use": ("on holiday", "for family photos", "for street photography", "under water", "for my blog", "at games"),
        "aspect": (
            "the picture quality", "the zoom", "the autofocus", "the battery", "the screen", "the lens", "the flash",
            "the video", "the menu", "low light performance", "the grip",
        ),
        "good_point": (
            "pictures are sharp even at night", "the autofocus is quick", "one charge lasts for {number}0 shots",
            "the screen is bright in full sun", "colours look natural", "the zoom reaches far", "the menu is simple",
            "the video is smooth", "it fits in my pocket", "faces are always in focus",
        ),
        "bad_point": (
            "pictures are blurry even at noon", "the autofocus hunts forever", "one charge lasts for {number} shots",
            "the screen is black in full sun", "colours look washed out", "the zoom is noisy", "the menu is a maze",
            "the video stutters", "it fits in no pocket", "faces are never in focus", "the lens got stuck",
        ),
        "good_deed": ("takes stunning pictures", "is always ready in a second"),
        "bad_deed": ("takes grainy pictures", "eats batteries"),
    },
    "Tablets": {
        "thing": ("tablet", "e-reader", "slate", "pad"),
        "brand": ("Tabliq", "Slatewise", "Paperon", "Nexora", "Inkling One"),
        "use": ("for reading", "for the kids", "in bed", "for drawing", "for e-mail", "on the plane"),
        "aspect": (
            "the screen", "the battery", "the touch screen", "the speed", "the storage", "the speaker", "the Wi-Fi",
            "the app store", "the camera", "the keyboard cover", "the sound",
        ),
        "good_point": (
            "the screen is superb", "the battery lasts {number} days", "apps open at once", "it reacts to every touch",
            "web pages load quickly", "there is plenty of storage", "it is light enough to hold in one hand",
            "updates arrive every month", "the kids use it daily and it still runs", "text is sharp",
        ),
        "bad_point": (
            "the screen is dim", "the battery dies within {number} hours", "apps crash all the time",
            "it ignores every other touch", "web pages take forever", "there is no storage left after {short_time}",
            "it is too heavy to hold in one hand", "updates never arrive", "the kids used it once and it cracked",
            "text is fuzzy", "it freezes daily",
        ),
        "good_deed": ("runs everything smoothly", "replaced my laptop"),
        "bad_deed": ("freezes when I need it", "reboots for no reason"),
    },
    "Speakers": {
        "thing": ("speaker", "sound bar", "Bluetooth speaker", "radio"),
        "brand": ("Echoform", "Resono", "Boomrad", "Hallberg", "Dynavox Lite"),
        "use": ("in the shower", "at the beach", "for parties", "with the TV", "in the workshop", "while cooking"),
        "aspect": (
            "the sound", "the bass", "the volume", "the battery", "the remote", "the Bluetooth connection", "the range",
            "the size", "the voice control", "the app", "the finish",
        ),
        "good_point": (
            "it fills the whole house with sound", "it is loud", "the bass shakes the table", "voices are clear",
            "it connects within seconds", "the battery lasts {number} hours", "it survived the rain",
            "the remote reacts at once", "the app is simple", "it sounds warm",
        ),
        "bad_point": (
            "it can't fill a bathroom with sound", "the fan inside is loud", "the bass rattles", "voices are muffled",
            "it takes {number} tries to connect", "the battery lasts {number} minutes", "it died in the first rain",
            "the remote reacts when it wants to", "the app crashes", "it sounds hollow", "it crackles",
        ),
        "good_deed": ("sounds huge for its size", "plays all night"),
        "bad_deed": ("cuts out in every song", "sounds like a toy"),
    },
}
