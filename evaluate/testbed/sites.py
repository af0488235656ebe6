"""The four (subject, relation) pairs that every case asks about."""

from __future__ import annotations

from typing import Final

SITES: Final = ("s1r1", "s1r2", "s2r1", "s2r2")
SITE_LABELS: Final = {"s1r1": "s1 r1", "s1r2": "s1 r2", "s2r1": "s2 r1", "s2r2": "s2 r2"}
# The fields of a case that hold a site's subject and its relation.
SITE_FIELDS: Final = {
    "s1r1": ("subject", "relation"),
    "s1r2": ("subject", "relation2"),
    "s2r1": ("subject2", "relation"),
    "s2r2": ("subject2", "relation2"),
}
