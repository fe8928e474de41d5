"""What a verb was asked and what came of it, in words: the first and the last lines of a task's log, a run's note.

It knows the names of the verbs and of their results' fields; nothing of how they were made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

Result = Mapping[str, Any]

# Days are named as far as a note has room for them.
_NAMED = 31


def asked(function: str, config: BaseModel) -> str:
    """Say what was chosen: what differs from the defaults, under the names that the form shows."""
    fields = type(config).model_fields
    chosen = [
        f"{_lowered(info.title or name.replace('_', ' '))} {_value(getattr(config, name))}"
        for name, info in fields.items()
        if getattr(config, name) not in (None, "", ()) and (info.is_required() or getattr(config, name) != info.default)
    ]
    return f"{function.replace('_', ' ')}: {', '.join(chosen) or 'everything as by default'}"


def told(function: str, result: Result) -> list[str]:
    """Say what came of a verb in one to three sentences; none where there is nothing to say."""
    say = _SAID.get(function)
    return say(result) if say else []


def _read(result: Result) -> list[str]:
    of = f"{result['day']}: " if result.get("day") else ""
    return [
        f"{of}{_count(result['read'], 'line')} read: {result['kept']:,} kept, {result['duplicate']:,} duplicate, "
        f"{result['rejected']:,} rejected."
    ]


def _trained(result: Result) -> list[str]:
    accuracy = _percent(result["accuracy"]) + _between(result, "accuracy_interval", 100, "%")
    macro_f1 = f"{result['macro_f1']:.3f}" + _between(result, "macro_f1_interval", 1, "")
    lines = [f"{result['family']}: accuracy {accuracy}, macro F1 {macro_f1} on the test reviews."]
    return [*lines, str(result["warning"])] if result.get("warning") else lines


def _compared(result: Result) -> list[str]:
    verdicts = [f"{row['verdict']}." for row in result.get("comparisons", ())]
    return verdicts[:2] or [f"{_count(len(result['runs']), 'candidate')}, nothing to compare it with."]


def _exported(result: Result) -> list[str]:
    share = result.get("test_gate_share")
    gate = f", of which its pre-filter answers {_percent(share)}" if share is not None else ""
    return [
        f"Version {result['version']} ({result['family']}): accuracy {_percent(result['accuracy'])}, macro F1 "
        f"{result['macro_f1']:.3f} on the test reviews as it scores{gate}."
    ]


def _promoted(result: Result) -> list[str]:
    outcome = f"Version {result['champion']} is champion now" if result["promoted"] else "Nothing was promoted"
    return [f"{outcome}: {result['reason']}."]


def _scored(result: Result) -> list[str]:
    of = result.get("day") or f"{result['from_day']} to {result['to_day']}"
    by = f"version {', '.join(result['model_versions'])}" if result["model_versions"] else "no version"
    if not result["reviews"]:
        return [f"{of}: no reviews to score ({by})."]
    share = _percent(result["positive"] / result["reviews"])
    missing = result.get("missing") or ()
    return [
        f"{of}: {_count(result['reviews'], 'review')} scored by {by}, {share} positive, "
        f"{result['needs_review']:,} for a person to look at, {result['reused']:,} scores kept.",
        *([f"Not ingested, and so not scored: {_listed(missing)}."] if missing else []),
    ]


def _resolved(result: Result) -> list[str]:
    return [f"The model that scores: version {result['model']}."]


def _pinned(result: Result) -> list[str]:
    parts = ", ".join(f"{part['reviews']:,} {split}" for split, part in result["splits"].items())
    return [f"Snapshot {result['snapshot']}: {parts} reviews."]


def _concluded(result: Result) -> list[str]:
    return [f"The best settings reach macro F1 {result['macro_f1']:.3f} on validation."]


_SAID: dict[str, Callable[[Result], list[str]]] = {
    "ingest": _read,
    "import_history": _read,
    "snapshot": _pinned,
    "train": _trained,
    "compare": _compared,
    "export": _exported,
    "promote": _promoted,
    "resolve_model": _resolved,
    "score": _scored,
    "rescore": _scored,
    "conclude_study": _concluded,
}


def _lowered(title: str) -> str:
    """Lower a title's first letter, but not an abbreviation's."""
    return title if title[1:2].isupper() else title[0].lower() + title[1:]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return " ".join(_value(one) for one in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _listed(names: Sequence[str]) -> str:
    """Name them all, or the first and last of many."""
    if len(names) <= _NAMED:
        return ", ".join(names)
    return f"{len(names):,}, from {names[0]} to {names[-1]}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _between(result: Result, name: str, scale: int, unit: str) -> str:
    """Say a 95 % interval, where the result has one."""
    interval = result.get(name)
    if not interval:
        return ""
    low, high = (f"{scale * bound:.1f}" if scale > 1 else f"{bound:.3f}" for bound in interval)
    return f" ({low} to {high}{' ' + unit if unit else ''})"
