"""Runs a verb as a shell does, gives what programs see of its result, and puts others in place of verbs."""

import sys
from dataclasses import replace

from sentiment.core.context import Context
from sentiment.core.progress import logged
from sentiment.core.verb import VerbResult
from sentiment.stores.spark import running
from sentiment.verbs import verbs


class Said(VerbResult):
    """A result that is a text."""

    text: str


def done(verb, config, progress=logged):
    """Run a verb in this process, in the tests' Spark session where it runs; its result is as XCom has it."""
    spark = running() if "pyspark" in sys.modules else None
    context = replace(Context.of_process(progress), spark=spark)
    return verb.run(config, context).model_dump(mode="json", exclude_unset=True)


def standing_in(name, run):
    """Return all verbs, with a function of the caller's in place of one."""
    return {**verbs(), name: replace(verbs()[name], run=run)}
