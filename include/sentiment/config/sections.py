"""The closed sections of a form and of a verb's help: a field that names none is one of the few that people change."""

from __future__ import annotations

from pydantic.types import JsonValue

Section = dict[str, JsonValue]

DATA: Section = {"section": "Data"}
TEXT: Section = {"section": "Text cleaning"}
MODEL: Section = {"section": "Network"}
OPTIMISER: Section = {"section": "Optimiser"}
RARE_CLASS: Section = {"section": "Rare class"}
SEARCH: Section = {"section": "Search ranges"}
EXPORT: Section = {"section": "Export"}
PROMOTION: Section = {"section": "Promotion rules"}
EXPERTS: Section = {"section": "For experts"}
