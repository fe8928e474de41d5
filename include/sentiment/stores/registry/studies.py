"""The runs of studies in MLflow, which any number of processes write."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

from sentiment.stores.registry.answers import AbsentError
from sentiment.stores.registry.handle import OURS
from sentiment.stores.registry.runs import DELETED, Runs

State = Literal["complete", "pruned", "failed"]
ERROR_CHARACTERS = 500


class StudyRuns(Runs):
    """The runs of studies: one for all of a study, one under it for each trial, written by any number of processes."""

    def reopen(self, run_id: str) -> bool:
        """Go on with a run that had ended, and tell whether MLflow still has it."""
        if not self.has(run_id):
            return False
        self._client.update_run(run_id, status="RUNNING")
        return True

    def delete(self, run_id: str) -> None:
        """Delete a run that nothing came of."""
        self._client.delete_run(run_id)

    def end(self, run_id: str, state: State, error: str = "") -> None:
        """End a run that has not ended, with its state and what failed as tags; one that somebody deleted stays so."""
        try:
            info = self._client.get_run(run_id).info
        except AbsentError:
            return
        if info.status != "RUNNING" or info.lifecycle_stage == DELETED:
            return
        run = self.handle(run_id)
        run.tag("state", state)
        if error:
            run.tag("error", error[:ERROR_CHARACTERS])
        else:
            with suppress(AbsentError):  # of an end before it was reopened
                self._client.delete_tag(run_id, f"{OURS}error")
        run.end("FAILED" if state == "failed" else "FINISHED")
