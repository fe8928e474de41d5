"""A program of ours that is told to end, as a container's stop or a scheduler does, leaves no process behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from conftest import FOLDERS

# What a verb is at work on when it is told to end: each starts processes as the product does, with idle programs in the
# place of those that train.
AT_WORK = {
    "tune": """
from sentiment.tuning import processes
from sentiment.tuning.config import StudyConfig
start = processes.subprocess.Popen
processes.subprocess.Popen = lambda command, **given: start(["sleep", "600"], **given)
with processes._workers(StudyConfig(study="s"), 2, context.settings, folder):
    begun()
""",
    "train --processes": """
from sentiment.training import distributed
from sentiment.training.job import Job
idle = folder / "idle.py"
idle.write_text(
    "import os, sys, time; from pathlib import Path; from sentiment.training import worker, job\\n"
    "worker.watch(job.Job(Path(sys.argv[1])), os.getppid()); open(f'{sys.argv[1]}/{os.getpid()}', 'w'); time.sleep(600)"
)
distributed._WORKER, job = idle, Job(folder)
job.folder.mkdir()
def look():
    if len([file for file in folder.glob("*") if file.name.isdigit()]) == 2:
        begun()
distributed._has_ended = lambda process: time.sleep(0.1) or look() or False
distributed._run_here(2, 1, job, None)
""",
    "benchmark": """
from sentiment_benchmarks import footprint
import psutil
def look(self, pid):
    # Once the shell has started its two.
    while not psutil.Process(pid).children():
        time.sleep(0.05)
    begun()
footprint._Seen.look = look
footprint.run_watched(["sh", "-c", "sleep 600 & sleep 600"], os.environ, folder / "log")
""",
}
# Where nohup started the tests, a hang-up would be ignored, as it should.
PROGRAM = """
import os, signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from pathlib import Path
from sentiment import cli
from verbs_here import standing_in
folder = Path(sys.argv[1])
def begun():
    print("begun", flush=True)
    time.sleep(600)
def run(config, context):
{}
sys.exit(cli.main(["report"], standing_in("report", run)))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_is_told_to_end_while_it_still_loads_ends_without_a_word(number):
    # When the command line is looked for, as the first of all that takes long to load.
    source = (
        "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
        f"class Asks:\n def find_spec(name, *_): name == 'sentiment.cli' and os.kill(os.getpid(), {int(number)})\n"
        "sys.meta_path.insert(0, Asks)\nimport sentiment.__main__"
    )
    environment = {**os.environ, "PYTHONPATH": FOLDERS}
    ended = subprocess.run([sys.executable, "-c", source], env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


@pytest.mark.parametrize(
    ("work", "number"), [*((work, signal.SIGTERM) for work in AT_WORK), ("benchmark", signal.SIGHUP)]
)
def test_who_is_told_to_end_ends_every_process_that_was_started_and_says_so(work, number, home):
    source = PROGRAM.format("".join(f"    {line}\n" for line in AT_WORK[work].splitlines()))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([FOLDERS, str(Path(__file__).parent)])}
    program = subprocess.Popen(
        [sys.executable, "-c", source, str(home)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout.readline() == "begun\n"
    started = psutil.Process(program.pid).children(recursive=True)
    program.send_signal(number)
    said = program.communicate(timeout=300)[1]
    assert len(started) >= 2
    assert psutil.wait_procs(started, timeout=60)[1] == []
    assert program.returncode == 130
    assert said.splitlines()[-1].startswith("sentiment report: interrupted; it was told to end (SIG")


# Its workers are of the command line, but for what they search for.
KILLED = """
import os, sys, time
from pathlib import Path
from sentiment.core.settings import Settings
from sentiment.tuning import processes
from sentiment.tuning.config import StudyConfig
folder, start = Path(sys.argv[1]), processes.subprocess.Popen
processes.subprocess.Popen = lambda command, **given: start([sys.executable, "-c", sys.argv[2], *command[3:]], **given)
with processes._workers(StudyConfig(study="s"), 2, Settings(home=folder), folder):
    while len(list(folder.glob("*.begun"))) < 2:
        time.sleep(0.05)
    print("begun", flush=True)
    time.sleep(600)
"""
IDLE = """
import os, sys, time
from pathlib import Path
from types import SimpleNamespace
from sentiment import cli
def search(config, context):
    mine = context.settings.home / str(os.getpid())
    mine.with_suffix(".begun").touch()
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        mine.with_suffix(".told").touch()
        raise
sys.modules["sentiment.tuning.search"] = SimpleNamespace(search=search)
sys.exit(cli.main(sys.argv[1:]))
"""


def test_the_workers_of_a_search_that_is_killed_are_interrupted(tmp_path):
    program = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path), IDLE],
        env={**os.environ, "PYTHONPATH": FOLDERS},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdout.readline() == "begun\n"
    workers = psutil.Process(program.pid).children()
    program.kill()
    program.communicate()
    assert psutil.wait_procs(workers, timeout=60)[1] == []
    assert {int(file.stem) for file in tmp_path.glob("*.told")} == {one.pid for one in workers}
