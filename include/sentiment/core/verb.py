"""A verb as a value: what it takes, what it returns, what it does, and where it runs.

Each stage has its verbs in its `verbs.py`. The command line, the forms and operators of Airflow, the parameters in
MLflow and the documentation are made from these values alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from sentiment.core.config import VerbConfig
from sentiment.core.context import Context


class VerbResult(BaseModel):
    """What a verb returns: small, and without reviews in it. It is frozen, and a field that it does not know an error.

    Airflow keeps it as XCom, `--json` prints it, and templates of DAGs name its fields, as `model_dump(mode="json")`.
    `shown` are the columns that a person reads of its tables with many, by the tables' names.
    """

    shown: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")

    def sentences(self) -> list[str]:
        """Say what came of it in one to three sentences, for a run's note and a task's last lines; none is silence."""
        return []

    def version_named(self) -> int | None:
        """Return the model version that this is about, for a link to its page; None where it is about none."""
        return None


# The tables of the lake whose days verbs write, and tell of.
DayTable = Literal["reviews", "scores"]

C = TypeVar("C", bound=VerbConfig)
R = TypeVar("R", bound=VerbResult)


@dataclass(frozen=True, kw_only=True, repr=False)
class Verb(Generic[C, R]):
    """A subcommand of the command line and a task of Airflow.

    `on_spark` says that it opens a Spark session, `light` that it asks little of Spark's JVM, `heavy` that it trains or
    measures, and wants a machine for itself for hours. `writes` is the table of which it writes days; its result names
    them as `touched`. `positional` is the field that is given by position. One without a group is not listed: the
    platform itself calls it.
    """

    name: str
    config: type[C]
    result: type[R]
    run: Callable[[C, Context], R]
    group: str | None = None
    example: str = ""
    text: str = ""
    positional: str | None = None
    on_spark: bool = False
    light: bool = False
    heavy: bool = False
    writes: DayTable | None = None

    def __repr__(self) -> str:
        return f"Verb({self.name!r})"

    @property
    def description(self) -> str:
        """What it does, in its configuration's words where it has none of its own."""
        return self.text or (self.config.__doc__ or "").strip()

    def asked(self, config: VerbConfig) -> str:
        """Say what was chosen: what differs from the defaults, under the names that the form shows."""
        fields = type(config).model_fields
        chosen = [
            f"{_lowered(info.title or name.replace('_', ' '))} {_value(getattr(config, name))}"
            for name, info in fields.items()
            if getattr(config, name) not in (None, "", ())
            and (info.is_required() or getattr(config, name) != info.default)
        ]
        return f"{self.name.replace('-', ' ')}: {', '.join(chosen) or 'everything as by default'}"


AnyVerb = Verb[Any, Any]


def _lowered(title: str) -> str:
    """Lower a title's first letter, but not an abbreviation's."""
    return title if title[1:2].isupper() else title[0].lower() + title[1:]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return " ".join(_value(member) for member in value)
    return f"{value:,}" if isinstance(value, int) else str(value)
