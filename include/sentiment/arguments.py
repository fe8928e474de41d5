"""The arguments of the command line, generated from the verbs' configurations: read, and explained."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version
from textwrap import shorten
from typing import Any, Literal, NoReturn, get_args, get_origin

from pydantic.fields import FieldInfo

from sentiment.core.verb import AnyVerb
from sentiment.verbs import GROUPS

EXIT_CODES = (
    "exit codes: 0 done; 1 failed, the sentence says what to mend; 2 wrong use; 130 interrupted; "
    "141 whoever read the output stopped reading"
)
_COMMON = "what it takes"
_LISTED_WIDTH = 76


class _Parser(argparse.ArgumentParser):
    """Says what is wrong first, with one line of usage; a verb that is none is told the nearest one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            near = get_close_matches(str(value), list(action.choices), 1)
            raise argparse.ArgumentError(
                None, f"there is no {value!r}" + (f"; did you mean {near[0]}?" if near else "")
            )
        super()._check_value(action, value)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}\n{self.format_usage()}see `{self.prog} --help`\n")


def read(words: Sequence[str] | None, verbs: Mapping[str, AnyVerb]) -> dict[str, Any]:
    """Return the verb and the flags that were given; ends the program with 2 and a sentence when they are wrong."""
    parser, of_verb = _parsers(verbs)
    namespace, unknown = parser.parse_known_args(words)
    given = vars(namespace)
    if unknown:
        chosen = of_verb[given["verb"]]
        flags = [flag for action in chosen._actions for flag in action.option_strings]
        near = get_close_matches(unknown[0].partition("=")[0], flags, 1)
        remedy = f"; did you mean {near[0]}?" if near else _side_by_side(verbs[given["verb"]], unknown[0])
        chosen.error(f"unknown argument {unknown[0]}{remedy}")
    return given


def _side_by_side(verb: AnyVerb, word: str) -> str:
    """Say where a word belongs that is no flag: of a list only those count that stand together."""
    if word.startswith("-") or not verb.positional or not _is_list(verb.config.model_fields[verb.positional]):
        return ""
    return f"; give all {verb.positional} side by side"


def _is_list(info: FieldInfo) -> bool:
    return get_origin(info.annotation) is tuple


def _parsers(verbs: Mapping[str, AnyVerb]) -> tuple[_Parser, dict[str, _Parser]]:
    """Return the parser of everything, and that of each verb."""
    parser = _Parser(
        prog="sentiment",
        usage="sentiment VERB [OPTIONS]",
        description="Review sentiment: reviews in, daily sentiment out.\n\n" + _listing(verbs),
        epilog=f"`sentiment VERB --help` tells what a verb takes.\n{EXIT_CODES}",
    )
    parser.add_argument("--version", action="version", version=f"sentiment {_version()}")
    folders = {"": parser.add_subparsers(required=True, metavar="VERB", help=argparse.SUPPRESS)}
    of_verb: dict[str, _Parser] = {}
    for name, verb in verbs.items():
        folder, _, word = name.rpartition(" ")
        if folder not in folders:
            named = f"sentiment {folder}"
            folder_parser = folders[""].add_parser(
                folder, prog=named, usage=f"{named} WHAT [OPTIONS]", description=_listing(verbs, folder)
            )
            folders[folder] = folder_parser.add_subparsers(required=True, metavar="WHAT", help=argparse.SUPPRESS)
        of_verb[name] = _add_verb(folders[folder], name, word, verb)
    return parser, of_verb


def _add_verb(folder: Any, name: str, word: str, verb: AnyVerb) -> _Parser:
    example = " ".join(filter(None, ["sentiment", name, verb.example]))
    place = f" [{verb.positional.rstrip('s').upper()} ...]" if verb.positional else ""
    parser: _Parser = folder.add_parser(
        word,
        prog=f"sentiment {name}",
        usage=f"sentiment {name}{place} [OPTIONS]",
        description=verb.description,
        epilog=f"example: {example}\n{EXIT_CODES}",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    parser.set_defaults(verb=name)
    groups = {_COMMON: parser.add_argument_group(_COMMON)}
    for field, info in sorted(verb.config.model_fields.items(), key=lambda item: _rank(item[1])):
        section = _section(info)
        if section not in groups:
            groups[section] = parser.add_argument_group(section)
        _add_argument(groups[section], field, info, positional=field == verb.positional)
    groups[_COMMON].add_argument(
        "--json", action="store_true", default=False, help="Print the result as one JSON line."
    )
    return parser


def _version() -> str:
    """Return the version that is installed; a folder on PYTHONPATH alone has none."""
    try:
        return version("sentiment")
    except PackageNotFoundError:
        return "(not installed)"


def _listing(verbs: Mapping[str, AnyVerb], folder: str = "") -> str:
    """List the verbs by group, or those that begin with one word, each with the first line of what it does."""
    lines = []
    for group, text in GROUPS.items():
        listed = [verb for name, verb in verbs.items() if verb.group == group and name.startswith(folder)]
        lines += [f"{group}: {text}"] if listed else []
        lines += [f"  {verb.name:<22} {_shortened(verb.description)}" for verb in listed]
    return "\n".join(lines)


def _shortened(text: str) -> str:
    return shorten(text.splitlines()[0], _LISTED_WIDTH, placeholder=" …")


def _rank(info: FieldInfo) -> tuple[bool, bool]:
    return (_section(info) != _COMMON, not info.is_required())


def _section(info: FieldInfo) -> str:
    extra = info.json_schema_extra
    section = extra.get("section") if isinstance(extra, dict) else None
    return str(section) if section else _COMMON


def _add_argument(group: Any, name: str, info: FieldInfo, *, positional: bool) -> None:
    text = (info.description or "").replace("%", "%%") + _default(info)
    if positional:
        many = "*" if _is_list(info) else None
        group.add_argument(name, nargs=many, metavar=name.rstrip("s").upper(), help=text)
        return
    flag = f"--{name.replace('_', '-')}"
    if info.annotation is bool:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, help=text)
    elif _is_list(info):
        # Given twice, it means all that was given.
        group.add_argument(flag, action="extend", nargs="*", metavar=name.rsplit("_", 1)[-1].upper(), help=text)
    else:
        choices = _choices(info.annotation)
        metavar = None if choices else name.rsplit("_", 1)[-1].upper()
        group.add_argument(flag, required=info.is_required(), choices=choices, metavar=metavar, help=text)


def _default(info: FieldInfo) -> str:
    """Say the default as one would type it."""
    value = info.default
    if info.is_required() or value is None or value in ((), ""):
        return ""
    if isinstance(value, bool):
        return f" (default: {'on' if value else 'off'})"
    return f" (default: {' '.join(map(str, value)) if isinstance(value, tuple) else value})"


def _choices(annotation: Any) -> tuple[Any, ...] | None:
    """Return the values of a Literal, or of one that may be left out."""
    kinds = [annotation, *get_args(annotation)]
    return next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), None)
