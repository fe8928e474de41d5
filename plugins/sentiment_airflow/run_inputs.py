"""What a run was asked for: its day, its verb's configuration, and whether every key that it was given is known."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from typing import Any

from airflow.sdk.exceptions import AirflowFailException
from pydantic import ValidationError

from sentiment.core.config import VerbConfig
from sentiment_airflow.forms import belongs

NO_DAY = (
    "this run has neither a day nor a logical date: trigger it again and fill in `day` (YYYY-MM-DD), "
    "or give it a logical date"
)
# Runs whose date Airflow gives; all others were triggered by a person or a program.
_DATED = ("scheduled", "backfill")


def run_day(context: Mapping[str, Any]) -> str:
    """Return the run's day: its date when Airflow gave it, else the form's, else the logical date's.

    Fails at once when a scheduled or backfilled run was given a day as well, when a run by hand is of a day that has
    not ended, when its logical date is no midnight, and when there is no day at all.
    """
    require_known(context)
    given, dated = context["params"].get("day"), context.get("ds")
    if _kind(context) in _DATED:
        if given:
            raise AirflowFailException(
                f"`day` {given} was given to a {_kind(context)} run of {dated}, whose own date decides: leave `day` "
                "empty (in a backfill every run would be of that one day)"
            )
        return str(dated)
    if given:
        _require_ended(str(given), "the `day` that it was given")
        return str(given)
    if not dated:
        raise AirflowFailException(NO_DAY)
    _require_ended(str(dated), "the Logical Date that Airflow filled in")
    _require_midnight(context.get("logical_date"))
    return str(dated)


def _require_ended(day: str, whence: str) -> None:
    # What is no day is refused by whoever reads it.
    with suppress(ValueError):
        if date.fromisoformat(day) >= datetime.now(UTC).date():
            raise AirflowFailException(
                f"this run is of {day}, {whence}, and that day has not ended: trigger it again and fill in `day` "
                "with an earlier one (YYYY-MM-DD, UTC)"
            )


def _require_midnight(moment: datetime | None) -> None:
    """Fail at once for another moment: in the zone of whoever chose it, it may be of the day before or after."""
    if moment is not None and moment.astimezone(UTC).time() != time():
        raise AirflowFailException(
            f"the Logical Date {moment.astimezone(UTC):%Y-%m-%d %H:%M} (UTC) is not the beginning of a day, and where "
            "it was chosen it may be of another one: trigger it again and fill in `day` (YYYY-MM-DD, UTC)"
        )


def require_known(context: Mapping[str, Any]) -> None:
    """Fail at once for keys of the run's configuration that the form does not have, and name the nearest ones."""
    run, dag = context.get("dag_run"), context.get("dag")
    if dag is None:
        return
    if unknown := [key for key in getattr(run, "conf", None) or {} if key not in dag.params]:
        strange = ", ".join(_with_nearest(key, dag.params) for key in unknown)
        raise AirflowFailException(
            f"the run's configuration has keys that nobody knows: {strange}; this DAG knows {', '.join(dag.params)}. A "
            "run of an earlier release may have keys that are called otherwise now: trigger it anew, or, in a "
            "backfill, tick Override parameters"
        )


def _with_nearest(key: str, known: Iterable[str]) -> str:
    near = get_close_matches(key.lower(), list(known), 1)
    return f"{key!r} (did you mean {near[0]!r}?)" if near else repr(key)


def run_config(config: type[VerbConfig], context: Mapping[str, Any], values: Mapping[str, Any]) -> VerbConfig:
    """Build a verb's configuration from its fields of the form, overridden by the task's own values.

    Empty fields keep their defaults, but for a list that was emptied; its empty lines are none of its members. Fails at
    once where tasks before this one should have left the members of a list, and left none.
    """
    require_known(context)
    asked = _of_form(config, context)
    own = {name: _parsed(value) for name, value in values.items()}
    if none := [name for name, value in own.items() if value == [] and isinstance(values[name], str)]:
        raise AirflowFailException(
            f"the tasks before this one left no {' and no '.join(none)}: clear the one that failed or was marked as "
            "successful by hand, with its downstream tasks"
        )
    given = _emptied(config, asked) | filled_in(asked | own)
    if "day" in config.model_fields and "day" not in values:
        given["day"] = run_day(context)
    return checked(config, given, "the run's configuration")


def _emptied(config: type[VerbConfig], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lists with something in them by default that stand empty in a form, of which Airflow makes null."""
    full = {name for name, info in config.model_fields.items() if isinstance(info.default, tuple) and info.default}
    return {name: [] for name, value in fields.items() if value is None and name in full}


def filled_in(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a form that are not empty, lists without their empty lines."""
    whole = {
        name: [one for one in value if one != ""] if isinstance(value, list) else value
        for name, value in fields.items()
    }
    return {name: value for name, value in whole.items() if value not in (None, "")}


def checked(config: type[VerbConfig], given: Mapping[str, Any], what: str) -> VerbConfig:
    """Build a configuration; fails at once, without another try, and says what of `what` is refused."""
    try:
        return config(**given)
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, mistake['loc'])) or 'the form'}: {mistake['msg'].removeprefix('Value error, ')}"
            for mistake in error.errors()
        )
        raise AirflowFailException(f"{what} is refused: {reasons}") from None


def _of_form(config: type[VerbConfig], context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form's values for this class; a field of the same name that belongs to another one is left out."""
    dag = context.get("dag")
    own = {name: value for name, value in context["params"].items() if name in config.model_fields}
    return {name: value for name, value in own.items() if dag is None or belongs(dag.params.get_param(name), config)}


def is_scheduled(context: Mapping[str, Any]) -> bool:
    """Return whether the timetable made the run, and neither a person nor a backfill."""
    return _kind(context) == "scheduled"


def was_cleared(context: Mapping[str, Any]) -> bool:
    """Return whether somebody cleared tasks of the run, be it the timetable's: so it was asked for again."""
    return bool(getattr(context.get("dag_run"), "clear_number", 0))


def _kind(context: Mapping[str, Any]) -> str:
    """Return how the run came to be: manual, scheduled, backfill and so on."""
    kind = getattr(context.get("dag_run"), "run_type", "manual")
    return str(getattr(kind, "value", kind))


def _parsed(value: Any) -> Any:
    """Read a list that a template wrote as JSON text."""
    return json.loads(value) if isinstance(value, str) and value.startswith("[") else value
