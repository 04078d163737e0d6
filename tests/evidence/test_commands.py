"""What a memo says to run can be run: the command exists, its options are known, and so are runner and stage."""

from __future__ import annotations

import shlex

import pytest
import typer

from models import registry
from models.stages import stages
from reportgen.bundle import read_bundle, write_bundle
from reportgen.cli import app
from reportgen.evidence import build

WEEKS = (1, 2, 3, 4, 5, 6)


def imported(world, folder, run_id: str, family: str, draw: int):
    """A run as a notebook leaves it: predictions, no rows, no parent, no data."""
    path = write_bundle(
        folder / run_id, world.labels, world.logits(0.6, 20, draw), names=world.names, run_id=run_id, family=family
    )
    return read_bundle(path)


def parse(command: str) -> list[str]:
    """The command's words, after the command line has taken them."""
    first, *words = shlex.split(command)
    assert first == "reportgen"
    leaf, context, rest = typer.main.get_command(app), None, list(words)
    while hasattr(leaf, "commands"):
        context = leaf.make_context(leaf.name, [], parent=context, resilient_parsing=True)
        leaf = leaf.commands[rest.pop(0)]
    leaf.make_context(leaf.name, rest, parent=context).close()
    return words


@pytest.fixture(scope="module")
def sets(simulated, world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    own = [simulated.write_run(folder, world, "tfidf", "linear"), simulated.write_run(folder, world, "enc", "encoder")]
    foreign = [imported(world, folder, name, name, draw) for draw, name in enumerate(("encoder", "decoder"), 2)]
    return {
        "nothing": [],
        "one": own[:1],
        "named": [simulated.write_run(folder / "lt", world, "decoder", "decoder", dataset="Banking77-LT")],
        "two": own,
        "imported": foreign,
    }


@pytest.mark.parametrize("week", WEEKS)
@pytest.mark.parametrize("given", ["nothing", "one", "named", "two", "imported"])
def test_every_command_can_be_run(sets, course, given: str, week: int) -> None:
    evidence = build(week, sets[given], course)
    commands = [item.missing for section in evidence.sections for item in section.items if item.missing]
    assert commands or week == 1
    known = registry.runners().keys() | stages(course).keys()
    for command in commands:
        words = parse(command)
        if words[0] == "run":
            assert words[1] in known, command
        assert "Banking77-LT" not in words, command
