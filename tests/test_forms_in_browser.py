"""The forms as a person meets them: each is opened in a real browser, sent, and its run seen to start.

Skipped where there is no Chromium (Debian: apt-get install chromium).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import quote

import pendulum
import pytest
from playwright.sync_api import expect, sync_playwright

from backfill_days import days_of_a_backfill
from conftest import PROJECT
from local_platform import CHROMIUM, running
from sentiment.core.settings import Settings
from sentiment_local import platform
from sentiment_local.airflow_api import AirflowApi
from sentiment_local.components import airflow_url
from sentiment_local.login import read_login

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium was found: apt-get install chromium"),
]

# How long a page may take to show what is asked for, in milliseconds: only a failure takes that long.
PATIENCE = 180_000
# Where a page sends a backfill.
BACKFILLS = "**/api/v2/backfills"
# What a person must give before a form can be sent; all other forms are valid as they open.
MUST_BE_GIVEN: dict[str, dict[str, str]] = {
    "import_history": {"source": "/reviews/history.jsonl.gz"},
    "rescore_range": {"from_day": "2024-06-23"},
}
FORMS = (
    "import_history",
    "ingest_reviews",
    "train_models",
    "score_reviews",
    "rescore_range",
    "tune_models",
    "distil_models",
    "benchmark_training",
    "benchmark_scoring",
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with running(tmp_path_factory.mktemp("platform")) as chosen:
        yield chosen


@pytest.fixture(scope="module")
def airflow(settings: Settings) -> Iterator[AirflowApi]:
    with platform.open_airflow(settings) as api:
        api.wait_for_dags(FORMS, timeout=1_800)
        yield api


@pytest.fixture(scope="module")
def page(settings: Settings, airflow: AirflowApi) -> Iterator[Any]:
    """A browser that signed in through the login page, and from which no backfill gets through."""
    login = read_login(settings)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1400, "height": 2400}, timezone_id="Pacific/Auckland")
        opened.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        opened.goto(airflow_url(settings))
        opened.fill("input[name=username]", login.user)
        opened.fill("input[name=password]", login.password)
        opened.keyboard.press("Enter")
        opened.get_by_role("link", name="Dags").first.wait_for()
        # For as long as the page lives: it sends again what was not answered.
        opened.route(BACKFILLS, lambda route: route.abort())
        yield opened
        browser.close()


def form_of(page: Any, settings: Settings, dag: str) -> Any:
    """Open the form of a DAG, as the button Trigger on its page does."""
    page.goto(f"{airflow_url(settings)}/dags/{dag}")
    page.get_by_role("button", name="Trigger").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Run Parameters").wait_for()
    return dialog


@pytest.mark.parametrize("dag", FORMS)
def test_a_form_can_be_sent_as_it_opens_or_when_what_must_be_given_is_given(page, settings, airflow, dag):
    dialog = form_of(page, settings, dag)
    trigger = dialog.get_by_role("button", name="Trigger", exact=True)
    given = MUST_BE_GIVEN.get(dag, {})
    if given:
        expect(trigger).to_be_disabled()
    for name, value in given.items():
        field = dialog.locator(f"[name=element_{name}]")
        # What must be given comes first, where nobody has to look for it.
        expect(field).to_be_visible()
        field.fill(value)
        field.blur()
    expect(trigger).to_be_enabled()
    with page.expect_response(lambda answer: answer.url.endswith(f"/dags/{dag}/dagRuns")) as sent:
        trigger.click()
    assert sent.value.ok, sent.value.text()
    posted = sent.value.request.post_data_json
    conf = posted["conf"]
    assert {name: conf[name] for name in given} == given
    assert set(conf) == set(airflow.form(dag))
    assert {name: value for name, value in conf.items() if name not in given} == {
        name: value for name, value in airflow.form(dag).items() if name not in given
    }
    run_id = sent.value.json()["dag_run_id"]
    try:
        wait_until(lambda: airflow.run_state(dag, run_id) != "queued")
    finally:
        airflow.pause(dag)
        airflow.delete_run(dag, run_id)


@pytest.mark.parametrize("dag", FORMS)
def test_at_most_eight_fields_are_open_and_each_has_words_for_a_title(page, settings, airflow, dag):
    dialog = form_of(page, settings, dag)
    open_ones = [field for field in airflow.fields(dag).values() if "section" not in field]
    closed = {field["section"] for field in airflow.fields(dag).values() if "section" in field}
    assert 0 < len(open_ones) <= 8
    for field in open_ones:
        assert "_" not in field["title"]
        expect(dialog.get_by_text(field["title"]).first).to_be_visible()
    for section in closed:
        expect(dialog.get_by_role("button", name=section, exact=True)).to_have_attribute("aria-expanded", "false")


@pytest.mark.parametrize("ticked", [False, True])
def test_a_backfill_sends_its_model_only_when_the_box_is_ticked_that_the_page_names(page, settings, airflow, ticked):
    manual = " ".join((PROJECT / "dags" / "score_reviews.py").read_text(encoding="utf-8").split())
    assert "Override parameters on existing runs" in manual
    dialog = form_of(page, settings, "score_reviews")
    dialog.get_by_text("Backfill", exact=True).click()
    for moment in (date(2024, 6, 23), date(2024, 6, 24)):
        choose_day(page, dialog, moment)
    dialog.locator("[name=element_model]").fill("2")
    dialog.locator("[name=element_model]").blur()
    if ticked:
        dialog.get_by_text("Override parameters on existing runs").click()
    with page.expect_request(BACKFILLS) as asked:
        dialog.get_by_role("button", name="Run Backfill", exact=True).click()
    sent = asked.value.post_data_json
    assert (sent["dag_run_conf"] or {}).get("model") == ("2" if ticked else None)
    bounds = [pendulum.parse(sent[name]) for name in ("from_date", "to_date")]
    assert days_of_a_backfill(*bounds) == ["2024-06-23", "2024-06-24"]


def choose_day(page: Any, dialog: Any, day: date) -> None:
    """Choose a day for the first of a form's dates that has none, and see it taken."""
    without = dialog.get_by_text("Select date and time")
    without.first.wait_for()
    left = without.count() - 1
    without.first.click()
    field = page.get_by_placeholder("YYYY/MM/DD")
    field.fill(f"{day:%Y/%m/%d}")
    page.keyboard.press("Escape")
    # It closes slowly: who opens the next meanwhile writes into this one.
    field.wait_for(state="detached")
    expect(without).to_have_count(left)


def wait_until(truth: Any) -> None:
    deadline = time.monotonic() + 900
    while not truth():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_what_came_of_a_run_stands_on_its_page_before_anybody_opens_it(page, settings, airflow):
    airflow.unpause("ingest_reviews")
    run = airflow.trigger("ingest_reviews", {"day": "2014-05-05"})
    deadline = time.monotonic() + PATIENCE / 1_000
    while not (note := airflow.note("ingest_reviews", run)) and time.monotonic() < deadline:
        time.sleep(1)
    first, *_ = note.replace("\\", "").splitlines()
    assert first.startswith("Failed in wait_for_files: ")
    page.goto(f"{airflow_url(settings)}/dags/ingest_reviews/runs/{quote(run)}")
    expect(page.get_by_text(first[:60]).first).to_be_visible()
