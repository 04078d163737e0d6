"""The documentation says what is so: the reference is current, links lead somewhere, commands and files exist."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from jinja2 import meta

from docs import contexts, generate
from reportgen import cli
from reportgen.memo.environment import environment

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").glob("*.md"))]
WRITTEN = {"README.md", "student.md", "instructor.md", "course-author.md", "contributor.md", "limits.md"}


@pytest.fixture(scope="module")
def reference() -> dict[str, str]:
    return generate.pages()


def test_the_reference_is_current(reference: dict[str, str]) -> None:
    kept = {path.name: path.read_text(encoding="utf-8") for path in generate.FOLDER.glob("*.md")}
    drifted = sorted(name for name in reference.keys() | kept if reference.get(name) != kept.get(name))
    assert drifted == [], "run `make docs`"


def test_the_reference_names_every_command_item_and_field(reference: dict[str, str]) -> None:
    from reportgen.bundle.schema import Manifest
    from reportgen.data import load_course
    from reportgen.evidence import load_rubric

    for command in cli.app.registered_commands:
        assert f"## reportgen {command.name or command.callback.__name__}\n" in reference["cli.md"]
    for week in range(1, 7):
        for section in load_rubric(load_course("ecbs5200"), week).sections:
            assert all(f"| `{item.id}` |" in reference["evidence.md"] for item in section.evidence)
    assert all(
        f"| `{field.alias or name}` |" in reference["bundle.md"] for name, field in Manifest.model_fields.items()
    )


def test_every_template_is_described_with_what_it_is_given() -> None:
    called = generate.rendered_with()
    for name, described in contexts.PAGES.items():
        given = called.get(name, set())
        extra = set(described) - given
        assert given - {"**"} <= set(described), f"{name}: not described: {sorted(given - set(described))}"
        assert not extra or "**" in given, f"{name}: described and not given: {sorted(extra)}"
    described = {*contexts.PAGES, *contexts.PARTS} | {
        template.name for template in (ROOT / "templates" / "figures").glob("*.svg")
    }
    there = {
        str(path.relative_to(ROOT / "templates")).removeprefix("figures/")
        for path in (ROOT / "templates").rglob("*.*")
        if path.suffix in {".html", ".svg"}
    }
    assert described == there


@pytest.mark.parametrize("name", sorted(contexts.PARTS))
def test_a_part_uses_only_what_is_described(name: str) -> None:
    tree = environment().parse((ROOT / "templates" / name).read_text(encoding="utf-8"))
    assert meta.find_undeclared_variables(tree) - {"stylesheet"} <= set(contexts.PARTS[name])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if not path.startswith(("http://", "https://")):
            there = (page.parent / path).resolve() if path else page
            assert there.exists(), f"{page.name} links to {target}"
            if anchor and there.suffix == ".md":
                heads = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), flags=re.M)
                assert anchor in {re.sub(r"[^\w\- ]", "", head).lower().replace(" ", "-") for head in heads}


def test_every_page_of_the_documentation_is_linked_from_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES if page.parent.name == "docs" and f"docs/{page.name}" not in text] == []
    assert {page.name for page in PAGES} >= WRITTEN


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_options_targets_and_modules_exist(page: Path) -> None:
    known = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", generate.cli(), flags=re.M | re.S))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in _code(page.read_text(encoding="utf-8")):
        if found := re.match(r"(?:\S*/)?reportgen ((?:(?:data|bundle) )?[a-z]+)\b(.*)", line):
            name = f"reportgen {found[1]}"
            assert name in known, f"{page.name}: {line}"
            for option in re.findall(r"(?<=\s)--[a-z][a-z-]*", found[2]):
                assert f"`{option}`" in known[name], f"{page.name}: {line}: {option}"
        for module in re.findall(r"python -m ((?:reportgen|models|benchmarks|docs)(?:\.\w+)*)", line):
            assert importlib.util.find_spec(module), f"{page.name}: {line}"
        if found := re.match(r"make ([a-z-]+)", line):
            assert re.search(rf"^{found[1]}:", makefile, flags=re.M), f"{page.name}: {line}"


def _code(text: str) -> list[str]:
    """Lines of code: fenced blocks with their continuation lines joined, indented blocks, inline spans."""
    fenced = re.findall(r"```\w*\n(.*?)```", text, flags=re.S)
    rest = re.sub(r"```.*?```", "", text, flags=re.S)
    lines = "\n".join(fenced).replace("\\\n", " ").splitlines()
    lines += re.findall(r"^ {4}(.+)$", rest, flags=re.M) + re.findall(r"`([^`\n]+)`", rest)
    return [line.strip() for line in lines]


def test_pictures_are_small() -> None:
    large = [path.name for path in (ROOT / "docs" / "images").iterdir() if path.stat().st_size >= 150_000]
    assert large == []
