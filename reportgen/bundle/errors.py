"""Why a bundle is refused: one class and one remedy for each reason."""

# ruff: noqa: N818 - "raise TornZip" says it; every one of them is a BundleError.

from __future__ import annotations

from typing import ClassVar

from reportgen.errors import ReportgenError


class BundleError(ReportgenError):
    """A bundle that cannot be read, written or compared."""

    default_remedy: ClassVar[str] = "write the run again"

    def __init__(self, what: object, *, where: object = None, remedy: object = None) -> None:
        super().__init__(what, where=where, remedy=self.default_remedy if remedy is None else remedy)


class NotABundle(BundleError):
    """Nothing there, or no manifest.json in it."""

    default_remedy = "pass the folder or zip of a finished run; it holds a manifest.json"


class UnknownVersion(BundleError):
    """The manifest names no schema of ours."""

    default_remedy = "only bundles of schema reportgen/bundle/1 are read; bring other results in with `bundle import`"


class NewerVersion(BundleError):
    """Written by a later major version."""

    default_remedy = "upgrade reportgen to read it"


class Incomplete(BundleError):
    """The run was started but never finished, failed or was interrupted."""

    default_remedy = "run it again with the same name; checkpoints in .work are picked up"


class MissingFile(BundleError):
    """A file of the manifest's list, or one every bundle needs, is not there."""

    default_remedy = "copy the bundle again, whole"


class ExtraFile(BundleError):
    """A file the manifest does not list, or of a kind bundles do not hold."""

    default_remedy = "move it out of the bundle; a run's own files lie in .work"


class HashMismatch(BundleError):
    """A file is not the one that was written."""

    default_remedy = "take the bundle from where it was written; corrections go into edits.jsonl"


class RootMismatch(BundleError):
    """The manifest is not the one that was written."""

    default_remedy = "take the bundle from where it was written; corrections go into edits.jsonl"


class BadJson(BundleError):
    """Not JSON, or JSON with NaN, Infinity, a repeated key or absurd nesting."""

    default_remedy = "write the bundle with reportgen; unknown numbers are null"


class BadTable(BundleError):
    """A Parquet file that cannot be decoded or has other columns than it should."""

    default_remedy = "write the bundle with reportgen.write_bundle or a runner"


class WrongTypes(BundleError):
    """A field that is missing or of another type than the schema says."""

    default_remedy = "write the bundle with reportgen; the schema lies in docs/schema"


class Contradiction(BundleError):
    """Files that are whole but disagree, such as a prediction that is not the argmax of its logits."""

    default_remedy = "write the bundle again from the raw outcomes"


class UnsafePath(BundleError):
    """An absolute name, one with `..`, or something that is not a plain file."""

    default_remedy = "do not trust this bundle; ask for a fresh one"


class LinkRefused(BundleError):
    """A symbolic link."""

    default_remedy = "put the file itself there; links are not followed"


class DuplicateName(BundleError):
    """A zip that holds the same name twice."""

    default_remedy = "zip the bundle's folder again"


class TooLarge(BundleError):
    """More rows, labels, bytes or compression than any honest bundle has."""

    default_remedy = "score fewer rows, or keep large files outside of the bundle"


class TornZip(BundleError):
    """A zip that is cut short, damaged, encrypted or packed in a way we do not read."""

    default_remedy = "download or zip it again (plain zip, no password)"


class BrokenChain(BundleError):
    """An edit log whose lines do not follow from one another."""

    default_remedy = "restore edits.jsonl from the copy that was handed in"


class NotComparable(BundleError):
    """Two runs that did not score the same rows with the same labels."""

    default_remedy = "score both runs on the same split of the same dataset"


class AlreadyExists(BundleError):
    """The name is taken by another run."""

    default_remedy = "choose another name with --name (run_id= in a notebook); nothing is overwritten"


class NotWritable(BundleError):
    """The disk said no."""

    default_remedy = "choose a folder you may write to, on a disk with room"


class BadOutcome(BundleError):
    """Arrays that are no outcome of a classifier: wrong shapes, NaN, labels out of range."""

    default_remedy = "see help(reportgen.write_bundle) for the shapes"
