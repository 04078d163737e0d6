"""A bundle as one file."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from .errors import AlreadyExists, TooLarge
from .files import disk_errors
from .limits import MAX_ZIP_INFLATED
from .reader import validate_bundle
from .sources import FolderSource

_DAWN = (1980, 1, 1, 0, 0, 0)


def zip_bundle(bundle: str | Path, out: str | Path) -> Path:
    """Zip a bundle's folder; the same bundle gives the same bytes.

    Args:
        bundle: a sound bundle's folder.
        out: the zip to write, or an existing folder to write `<run>.zip` into.

    Raises:
        AlreadyExists: `out` exists.
        BundleError: the bundle is not sound, or too large for a plain zip.
    """
    folder, target = Path(bundle), Path(out)
    validate_bundle(folder)
    source = FolderSource(folder)
    if target.is_dir():
        target = target / f"{folder.resolve().name}.zip"
    if sum(source.sizes.values()) > MAX_ZIP_INFLATED:
        raise TooLarge(f"over {MAX_ZIP_INFLATED:,} bytes", where=folder, remedy="copy the folder instead")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    with disk_errors(target):
        if target.exists():
            raise AlreadyExists(f"{target.name} exists already", where=target.parent, remedy="choose another name")
        try:
            with zipfile.ZipFile(temporary, "w") as archive:
                for name in sorted(source.sizes):
                    info = zipfile.ZipInfo(name, _DAWN)
                    info.external_attr = 0o100644 << 16
                    info.create_system = 3
                    packed = name.endswith((".parquet", ".safetensors"))
                    info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
                    info.file_size = source.sizes[name]
                    with archive.open(info, "w") as file:
                        for chunk in source.chunks(name):
                            file.write(chunk)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    return target
