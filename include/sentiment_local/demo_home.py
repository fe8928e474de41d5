"""The demo's home: a folder for each input, and `current`, which names the one in force for every later command."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from sentiment.core.atomic import replacing
from sentiment.core.errors import ContractError
from sentiment.core.settings import PREFIX, Settings
from sentiment.ingest import landing
from sentiment.readers.kinds import is_readable
from sentiment.stores import files as storage
from sentiment_local.demo_files import MADE_OF
from sentiment_local.usable import require_home

SAMPLE = "sample"
_CURRENT = "current"


def make_home(root: Path, reviews: Path | None, settings: Settings) -> Settings:
    """Make the home of an input and return its settings; what is current stays so.

    The home's landing and products point to the input, so that commands need no settings to find them. A home that
    the settings name (SENTIMENT_HOME) is used as it is. Raises ContractError where the demo would get among reviews
    that are not its own.
    """
    source = _checked(reviews) if reviews else None
    given = "home" in settings.model_fields_set
    if not given:
        _require_no_home(root / _CURRENT)
    home = settings.home if given else home_of(root, source)
    require_home(home)
    _require_own_places(settings, home)
    _require_nobodys(home, source)
    if given:
        _require_no_other(home, source)
    home.mkdir(parents=True, exist_ok=True)
    reviews_of = home / "reviews"
    if source and has_days(source):
        _point(reviews_of, source)
        reviews_of = source
    elif source:
        _point(home / "source", source)
    _point(home / "landing", reviews_of / "daily")
    _point(home / "products", source if source and source.is_dir() else reviews_of)
    return _at(settings, home)


def make_current(root: Path, home: Path, settings: Settings, stop: Callable[[Settings], object]) -> None:
    """Have `current` name a home, once what it shall work on is there; a platform that runs in another one is stopped.

    Does nothing where the settings name the home.
    """
    if "home" in settings.model_fields_set:
        return
    current = root / _CURRENT
    if current.is_symlink() and current.resolve() != home.resolve():
        stop(_at(settings, current.resolve()))
    _point(current, home)


def _at(settings: Settings, home: Path) -> Settings:
    """Return the settings with another home; raises ValidationError for one that addresses cannot hold."""
    return Settings.model_validate({**settings.model_dump(exclude_unset=True), "home": home})


def home_of(root: Path, source: Path | None) -> Path:
    """Return the home of an input: named as its folder is, or by its place as well where that name is another's."""
    if source is None:
        return root / SAMPLE
    home = root / source.name
    # Capitals tell no two folders apart on many machines.
    if source.name.casefold() not in {SAMPLE, _CURRENT} and _is_of(home, source):
        return home
    return root / f"{source.name}-{hashlib.sha256(os.fsencode(source)).hexdigest()[:8]}"


def has_days(reviews: Path) -> bool:
    """Tell a folder that is laid out, history and daily files, from a file or a folder of parts."""
    return (reviews.expanduser() / "daily").is_dir()


def landed_days(settings: Settings, today: date) -> list[date]:
    """Return the days of the landing folder that have ended (UTC), the oldest first.

    Raises ContractError when there are none: Airflow runs no day before its end.
    """
    days = landing.landed_days(settings.landing_root, date.min, today - timedelta(1))
    if not days and (left_out := days_left_out(settings, today)):
        raise ContractError(f"{settings.landing_root} holds no day that has ended: {left_out}")
    if not days:
        raise ContractError(f"{settings.landing_root} holds no file named by a day, such as 2014-05-05.jsonl.gz")
    return days


def days_left_out(settings: Settings, today: date) -> str:
    """Say which days of the landing folder have not ended, and what to do about it; nothing where all have."""
    days = landing.landed_days(settings.landing_root, today, date.max)
    if not days:
        return ""
    which = f"{days[0]} has" if len(days) == 1 else f"{len(days)} days, {days[0]} to {days[-1]}, have"
    return (
        f"{which} not ended (UTC), and Airflow runs no day before its end: run the demo again when that is over, or "
        "correct the file's name"
    )


def review_history(settings: Settings) -> str:
    """Return the input's history: its one file or Spark folder, which is no product file and no daily one."""
    folder = settings.home / "reviews"
    files = _histories(folder)
    if len(files) != 1:
        raise ContractError(
            f"{folder} holds {len(files)} files of history ({', '.join(path.name for path in files) or 'none'}); "
            "put exactly one beside daily/, or import the others with `sentiment import-history`"
        )
    return str(files[0])


def _is_of(home: Path, source: Path) -> bool:
    """Return whether a home is this input's, or nobody's yet."""
    for link in (home / "reviews", home / "source"):
        if link.is_symlink():
            return link.readlink() == source
    return not home.exists() or (home.is_dir() and not any(home.iterdir()))


def _require_own_places(settings: Settings, home: Path) -> None:
    """Raise ContractError where the settings name places outside of the home, whatever lies there."""
    names = ("landing", "lake", "products")
    named = [PREFIX + name.upper() for name in names if getattr(settings, name) not in {"", str(home / name)}]
    if named:
        raise ContractError(
            f"the demo works in a home of its own, and would get among the reviews of {' and '.join(named)}; for a "
            "demo unset that, in the shell or in .env"
        )


def _require_nobodys(home: Path, source: Path | None) -> None:
    if _is_somebodys(home):
        raise ContractError(
            f"{home} holds reviews that no demo put there, and those of {source or 'the sample'} would get among them; "
            "give the demo a SENTIMENT_HOME of its own"
        )


def _is_somebodys(home: Path) -> bool:
    """Return whether a home holds reviews that no demo put there: each demo makes the landing a link."""
    landed, reviews = home / "landing", home / "reviews"
    if not landed.is_symlink() and _holds_any(landed):
        return True
    points = landed.is_symlink() and landed.readlink() == reviews / "daily"
    if points or reviews.is_symlink() or (reviews / "daily").is_dir():
        return False
    return any(_holds_any(folder) for folder in (landed, home / "lake", reviews))


def _holds_any(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _require_no_other(home: Path, source: Path | None) -> None:
    """Raise ContractError where a home that the settings name holds the demo of another input.

    Its history would be trained on and the new days be scored; the sample would be written among somebody's reviews.
    """
    reviews, link = home / "reviews", home / "source"
    if reviews.is_symlink():  # a folder with a history and days of its own
        other = source is None or reviews.readlink() != source
    elif (reviews / MADE_OF).is_file():  # laid out of a file, or of a folder of parts
        other = source is None or has_days(source) or (link.is_symlink() and link.readlink() != source)
    else:  # the sample's, or nobody's yet
        other = source is not None and reviews.is_dir()
    if other:
        raise ContractError(
            f"{home} holds the demo of other reviews; give the one of {source or 'the sample'} a SENTIMENT_HOME of its "
            "own"
        )


def _checked(reviews: Path) -> Path:
    source = Path(storage.resolved(str(reviews)))
    if not source.exists() or (has_days(source) and not _histories(source)):
        raise ContractError(
            f"{reviews} is no folder of reviews and no file of them: give a file or a Spark folder, or a folder with a "
            "history (reviews.jsonl.gz), the daily files in daily/ (2014-05-05.jsonl.gz) and, where there is one, the "
            "products (meta_*.jsonl.gz)"
        )
    return source


def _histories(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if is_readable(path.name) and not path.name.startswith(("meta_", ".", "_"))
    ]


def _require_no_home(current: Path) -> None:
    """Raise ContractError when `current` is a home and not the name of one; where nothing ever ran, remove it."""
    if current.is_symlink() or not current.is_dir():
        return
    if {entry.name for entry in current.iterdir()} <= {"logs", "platform.lock"}:
        shutil.rmtree(current)
        return
    there = "" if _is_somebodys(current) else f"there with SENTIMENT_HOME={current}, or "
    raise ContractError(
        f"{current} is a home with things of its own, and the demo would make that name stand for its own home; run it "
        f"{there}in another folder that SENTIMENT_HOME names"
    )


def _point(link: Path, target: Path) -> None:
    if link.is_symlink() or not link.exists():
        with replacing(link) as aside:
            aside.symlink_to(target)
