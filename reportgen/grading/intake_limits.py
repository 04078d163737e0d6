"""How much a class may hand in. Each cap lies well above honest use and below what hurts a laptop."""

from __future__ import annotations

MAX_ENTRIES = 250_000
"""Entries of one download: five thousand students with fifty files each."""

MAX_DIRECTORY = 64_000_000
"""Bytes of a zip's table of contents, which Python reads whole: 250,000 entries with names of 200 bytes."""

MAX_FILES = 50
"""Files of one student; Moodle's own setting ends at 20, sub-folders may hold a page's images."""

MAX_FILE = 50_000_000
"""Bytes of one file: a notebook with forty figures exports to 10 MB."""

MAX_STUDENT = 200_000_000
"""Bytes of all files of one student."""

MAX_TOTAL = 20_000_000_000
"""Bytes of a whole class when inflated: a thousand students with 20 MB each."""

MAX_RATIO = 300
"""Inflated to packed size of one file above a megabyte: pages reach 30, a bomb is above 1,000."""

RATIO_FROM = 1_000_000
"""Below this size no ratio can do harm."""

MAX_DEPTH = 16
"""Folders inside one another."""

MAX_NAME = 1_000
"""Characters of a path; Moodle's own limit is 255 a name."""

MAX_PROBLEMS = 20
"""Lines of problems a row shows; the rest are counted."""
