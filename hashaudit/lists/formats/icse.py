"""INTERPOL ICSE hash sets: semicolon-separated, with PhotoDNA beside MD5 and SHA-1.

Source: observation of open-source software that reads these sets.
"""

from hashaudit.lists.syntax.fixed_width import FixedTable

ICSE = FixedTable(
    name="icse",
    hashes={"MD5": "md5", "SHA1": "sha1", "PhotoDNA": "photodna"},
    marks=frozenset({"Image ID"}),
    labels={
        "Is distributed": "is_distributed",
        "Victim identified": "victim_identified",
        "Offender identified": "offender_identified",
        "Series name": "series",
        "Number of submissions": "submissions",
        "Media Type": "media_type",
        "Baseline": "baseline",
    },
    id="Image ID",
    delimiter=";",
)
"""Reader of ICSE's CSV. Strict."""
