"""The `reportgen` command. No logic: each command parses its arguments and calls one function."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from reportgen import __version__
from reportgen.errors import ReportgenError, one_line

app = typer.Typer(
    name="reportgen",
    help="Turn model runs into memos that can be defended.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(help="Look at a dataset.", rich_markup_mode=None)
bundle_app = typer.Typer(help="Check, import and export bundles.", rich_markup_mode=None)
app.add_typer(data_app, name="data")
app.add_typer(bundle_app, name="bundle")

Source = Annotated[str, typer.Option("--data", help="CSV or Parquet file, Hub dataset name, or synthetic:cfpb.")]
Shown = Annotated[str | None, typer.Option("--data", help="The data that was scored, for the texts shown.")]
Text = Annotated[str | None, typer.Option(help="Text column.")]
Label = Annotated[str | None, typer.Option(help="Label column.")]
CourseName = Annotated[str | None, typer.Option("--course", help="Course name or folder.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Use a stratified sample of so many rows.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Out = Annotated[Path, typer.Option("--out", help="Where to write.")]


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if version:
        typer.echo(f"reportgen {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@data_app.command("audit")
def data_audit(
    source: Annotated[str, typer.Argument(help="CSV or Parquet file, Hub dataset name, or synthetic:cfpb.")],
    text: Text = None,
    label: Label = None,
    course: CourseName = None,
    limit: Limit = None,
    out: Out = Path("audit"),
) -> None:
    """What a dataset holds and what it will do to a model: audit.html and audit.json."""
    from reportgen.memo import write_audit

    page = write_audit(_load(source, text, label, course, limit), out)
    typer.echo(page)


@app.command()
def run(
    target: Annotated[str, typer.Argument(metavar="STAGE|RUNNER", help="week1 … week6, or a runner.")],
    data: Source,
    out: Out,
    text: Text = None,
    label: Label = None,
    course: CourseName = None,
    profile: Annotated[str | None, typer.Option(help="tiny, small, course, f2llm or large.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the runs (the split keeps its own).")] = None,
    limit: Limit = None,
    from_: Annotated[list[Path] | None, typer.Option("--from", help="Runs to build on.")] = None,
    teacher: Annotated[Path | None, typer.Option(help="The teacher's run.")] = None,
    name: Annotated[str | None, typer.Option(help="run_id of a run, prefix of a stage's runs.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="key=value of the runner's config.")] = None,
) -> None:
    """Run a week's stage or one runner; every run writes one bundle."""
    from models.run import Runs, check_target
    from models.run import run as run_models
    from reportgen.data import load_course

    check_target(load_course(_course_of(data, course)), target, profile)
    dataset = _load(data, text, label, course, limit)
    given = [*(from_ or []), *([teacher] if teacher else [])]
    for bundle in run_models(
        target,
        dataset,
        out,
        overrides=set_ or [],
        profile=profile,
        seed=seed,
        name=name,
        runs=Runs(out, given),
        say=_say,
    ):
        typer.echo(bundle)


@bundle_app.command("validate")
def bundle_validate(paths: Annotated[list[Path], typer.Argument(help="Bundles.")], as_json: Json = False) -> None:
    """Check every file, hash and prediction; exits with 0 only if all are sound."""
    from reportgen.bundle import validate_bundle

    report = []
    for path in paths:
        try:
            validate_bundle(path)
            report.append({"path": str(path), "sound": True, "error": None})
        except ReportgenError as error:
            report.append({"path": str(path), "sound": False, "error": str(error)})
    if as_json:
        _print_json(report)
    for entry in report if not as_json else ():
        if entry["sound"]:
            typer.echo(f"{entry['path']}: sound")
        else:
            _complain(entry["error"])
    if not all(entry["sound"] for entry in report):
        raise typer.Exit(2)


@bundle_app.command("export")
def bundle_export(path: Annotated[Path, typer.Argument(metavar="RUN")], out: Out) -> None:
    """Write metrics.json, predictions.csv and the adapter where there is one."""
    from reportgen.bundle import read_bundle
    from reportgen.evidence.export import export_bundle

    export_bundle(read_bundle(path), out)
    typer.echo(out)


@bundle_app.command("import")
def bundle_import(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="CSV, JSON, npz, or a Trainer's output folder.")],
    out: Out,
    as_: Annotated[str | None, typer.Option("--as", help="predictions, reported or course.")] = None,
    data: Annotated[str | None, typer.Option("--data", help="The data that was scored.")] = None,
    text: Text = None,
    label: Label = None,
    course: CourseName = None,
) -> None:
    """Turn results from elsewhere into bundles."""
    from reportgen.data import load_course
    from reportgen.importers import import_files

    dataset = _load(data, text, label, course, None) if data else None
    chosen = load_course(course) if course else None
    for path in import_files(files, out, kind=as_, data=dataset, course=chosen, say=_say):
        typer.echo(path)


@app.command()
def rescue(
    baseline: Annotated[Path, typer.Argument(help="Bundle of the baseline.")],
    candidates: Annotated[list[Path], typer.Argument(metavar="CANDIDATE…", help="Bundles to compare with it.")],
    split: Annotated[str, typer.Option(help="Split to compare on.")] = "val",
    as_json: Json = False,
) -> None:
    """The rare-class-rescue table: rescued, lost, confirmed, expected by chance."""
    from reportgen.evidence.paired import rescue_report, rescue_text

    reports = [rescue_report(baseline, candidate, split) for candidate in candidates]
    if as_json:
        _print_json(reports[0] if len(reports) == 1 else reports)
    else:
        typer.echo("\n\n".join(rescue_text(report) for report in reports))


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="Bundle.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Bundle.")],
    split: Annotated[str, typer.Option(help="Split to compare on.")] = "val",
    as_json: Json = False,
) -> None:
    """Paired differences B − A with 95 % intervals."""
    from reportgen.evidence.paired import compare_report, compare_text

    report = compare_report(a, b, split)
    if as_json:
        _print_json(report)
    else:
        typer.echo(compare_text(report))


@app.command()
def recommend(
    bundles: Annotated[list[Path], typer.Argument(metavar="BUNDLE…", help="Measured or reported bundles.")],
    scenario: Annotated[str, typer.Option(help="A shipped scenario or a TOML file.")],
    max_latency_ms: Annotated[float | None, typer.Option(help="Override the latency limit.")] = None,
    min_macro_f1: Annotated[float | None, typer.Option(help="Override the floor.")] = None,
    max_ece: Annotated[float | None, typer.Option(help="Override the ceiling.")] = None,
    no_gpu: Annotated[bool, typer.Option("--no-gpu", help="No GPU to deploy on.")] = False,
    monthly_volume: Annotated[float | None, typer.Option(help="Override the examples a month.")] = None,
    split: Annotated[str, typer.Option(help="Split to decide on.")] = "val",
    as_json: Json = False,
) -> None:
    """Which model to deploy under a scenario, what binds, and what would flip the choice."""
    from reportgen.bundle import find_bundles
    from reportgen.decide import candidates_for, load_scenario, to_json, to_text
    from reportgen.decide import recommend as decide

    chosen = load_scenario(scenario).with_overrides(
        max_latency_ms=max_latency_ms,
        min_macro_f1=min_macro_f1,
        max_ece=max_ece,
        no_gpu=no_gpu,
        monthly_volume=monthly_volume,
    )
    answer = decide(candidates_for(find_bundles(bundles), chosen, split), chosen)
    if as_json:
        _print_json(to_json(answer))
    else:
        typer.echo(to_text(answer))


@app.command()
def new(
    week: Annotated[int, typer.Argument(help="Week 1 to 6.")],
    out: Out,
    bundles: Annotated[
        list[Path] | None, typer.Argument(metavar="BUNDLE…", help="Runs and rows to leave a line for.")
    ] = None,
    course: Annotated[str | None, typer.Option(help="Course name or folder; by default the runs' or ecbs5200.")] = None,
) -> None:
    """Start a memo's prose: headings, prompts and front matter in one Markdown file."""
    from reportgen.memo import start_prose

    typer.echo(start_prose(week, bundles or [], out, course=course, say=_say))


@app.command()
def memo(
    week: Annotated[int, typer.Argument(help="Week 1 to 6.")],
    bundles: Annotated[
        list[Path], typer.Argument(metavar="BUNDLE…", help="Bundles (zipped or not) or folders of them.")
    ],
    out: Out,
    prose: Annotated[Path | None, typer.Option(help="Your sections in Markdown.")] = None,
    course: CourseName = None,
    twins: Annotated[bool, typer.Option("--twins", help="Also write the Markdown and JSON twins.")] = False,
    data: Shown = None,
    text: Text = None,
    label: Label = None,
) -> None:
    """Build a week's memo, one HTML file, from bundles and prose."""
    from reportgen.memo import build_memo

    options: dict[str, Any] = {"prose": prose, "course": course, "twins": twins, "say": _say}
    for path in build_memo(week, bundles, out, data=data, text=text, label=label, **options):
        typer.echo(path)


@app.command()
def check(
    memo: Annotated[Path, typer.Argument(metavar="MEMO.html")],
    bundles: Annotated[Path | None, typer.Option(help="Its bundles: verify roots, recompute the bound items.")] = None,
    course: CourseName = None,
    data: Shown = None,
    text: Text = None,
    label: Label = None,
    as_json: Json = False,
) -> None:
    """What the grader will see: the memo recomputed from itself, and what contradicts it."""
    from reportgen.memo.check import check_memo

    report = check_memo(memo, bundles=bundles, course=course, data=data, text=text, label=label)
    if as_json:
        _print_json(report.to_json())
    else:
        typer.echo(report.to_text())
    raise typer.Exit(0 if report.ok else 1)


@app.command()
def grade(
    submissions: Annotated[Path, typer.Argument(help="Moodle's zip of submissions, a folder, or one page.")],
    week: Annotated[int, typer.Option(min=1, max=6, help="Week 1 to 6.")],
    out: Out,
    course: Annotated[str, typer.Option(help="Course name or folder.")] = "ecbs5200",
    worksheet: Annotated[Path | None, typer.Option(help="Moodle's grading worksheet, to be filled.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Your true labels: a CSV or a bundle.")] = None,
    due: Annotated[str | None, typer.Option(help="Due date on the site's clock, such as 2026-11-18T23:59.")] = None,
    late_per_day: Annotated[float, typer.Option(help="Per cent off for each day begun.")] = 10.0,
    only: Annotated[str | None, typer.Option(help="Grade this student again: name or participant number.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Your decision: w1.s2=15, comment=…")] = None,
    why: Annotated[str, typer.Option(help="The reason for --set.")] = "",
    who: Annotated[str, typer.Option(help="Who decides, for the log of changes.")] = "instructor",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would change in the worksheet.")] = False,
    jobs: Annotated[int | None, typer.Option(min=0, help="Processes; by default one a processor; 0: none.")] = None,
    dask: Annotated[str | None, typer.Option(help="Address of a Dask scheduler.")] = None,
    intervals: Annotated[bool, typer.Option("--intervals", help="Compute intervals and verdicts again too.")] = False,
    anonymous: Annotated[bool, typer.Option("--anonymous", help="Show numbers in place of names.")] = False,
    expand_groups: Annotated[bool, typer.Option("--expand-groups", help="Give each member a group's result.")] = False,
) -> None:
    """Grade what a class handed in: checks, draft scores, feedback and a filled worksheet."""
    from reportgen.grading.batch import grade_class
    from reportgen.grading.job import Request
    from reportgen.grading.progress import shown

    request = Request(
        submissions,
        week,
        out,
        course=course,
        worksheet=worksheet,
        labels=labels,
        due=due,
        late_per_day=late_per_day,
        only=only,
        changes=set_ or (),
        who=who,
        why=why,
        dry_run=dry_run,
        jobs=jobs,
        dask=dask,
        intervals=intervals,
        anonymous=anonymous,
        expand_groups=expand_groups,
    )
    with shown() as progress:
        report = grade_class(request, progress)
    typer.echo(report.to_text(dry_run=dry_run))


@app.command()
def demo(out: Out = Path("demo")) -> None:
    """Build the example memos from what the package ships; prints the index page's path."""
    from reportgen.demo import build_demo

    typer.echo(build_demo(out, _say))


@app.command("app")
def serve_app(
    host: Annotated[str | None, typer.Option(help="Address to listen on; by default this machine only.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port; by default 7860.")] = None,
) -> None:
    """Serve the app: explore, decide, classify, draft, grade."""
    from reportgen.web import serve
    from reportgen.web.settings import settings_from_environment

    serve(settings_from_environment(host, port))


def _course_of(source: str, course: str | None) -> str:
    return course or ("ecbs5200" if source == "synthetic:cfpb" else "generic")


def _load(source: str, text: str | None, label: str | None, course: str | None, limit: int | None) -> Any:
    from reportgen.data import load_dataset

    dataset = load_dataset(source, text=text, label=label, course=_course_of(source, course), limit=limit)
    for note in dataset.notes:
        _say(note)
    return dataset


def _print_json(document: Any) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2))


def _say(line: str) -> None:
    typer.echo(one_line(line, limit=1000), err=True)


def _complain(line: str) -> None:
    typer.echo(f"reportgen: {one_line(line, limit=1000)}", err=True)


# Newer versions of typer carry click inside them: its exceptions are reached through the one typer exports.
_ClickException = typer.BadParameter.__mro__[2]
_CTRL_C = 130  # what typer returns for a KeyboardInterrupt


def _command(error: BaseException) -> str:
    """The command whose help answers a usage error."""
    path = getattr(getattr(error, "ctx", None), "command_path", "")
    return " ".join(["reportgen", *str(path).split()[1:]])


def main() -> None:
    """Entry point: 0 done, 1 a check failed, 2 bad usage or input (one line, no traceback), 3 interrupted."""
    try:
        code = app(standalone_mode=False)
    except ReportgenError as error:
        _complain(str(error))
        code = 2
    except _ClickException as error:
        _complain(f"{error.format_message().rstrip('.')}: see {_command(error)} --help")  # type: ignore[attr-defined]
        code = 2
    except (KeyboardInterrupt, typer.Abort):
        code = _CTRL_C
    if code == _CTRL_C:
        _complain("interrupted: the same command goes on where it stopped")
        code = 3
    sys.exit(code if isinstance(code, int) else 0)
