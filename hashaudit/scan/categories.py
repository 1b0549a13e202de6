"""Adds names to the categories of lists, by a scheme that the user chooses.

Lists number their categories by country and by agreement. No scheme is assumed: without one there is only the number,
and no number is considered harmless.
"""

import os

import msgspec

from hashaudit.errors import UsageError
from hashaudit.host.files import open_regular
from hashaudit.model.results import EntryResult, Match

MAX_SCHEME_BYTES = 1 << 20

SCHEMES: dict[str, dict[str, str]] = {
    "vics-us": {
        "0": "Uncategorized",
        "1": "Child Exploitation (Illegal)",
        "2": "Child Exploitation (Non-Illegal/Age Difficult)",
        "3": "CGI/Animation (Child Exploitive)",
        "4": "Exemplar/Comparison (Internal Use Only)",
        "5": "Non-pertinent",
    },
    "ncmec": {
        "A1": "Prepubescent minor, sex act",
        "A2": "Prepubescent minor, lascivious exhibition",
        "B1": "Pubescent minor, sex act",
        "B2": "Pubescent minor, lascivious exhibition",
    },
}
"""Schemes by name. Source: the labels that Autopsy's SleuthkitCase gives to Project VIC's United States categories; the
industry classification of NCMEC's CyberTipline documentation."""

CATEGORY_LABELS = ("category", "classification")


def scheme_named(name_or_path: str) -> dict[str, str]:
    """Returns a scheme by its name, or from a JSON file that maps categories to names.

    Raises:
        UsageError: neither exists, or the file is not such a map.
    """
    if name_or_path in SCHEMES:
        return SCHEMES[name_or_path]
    if not os.path.exists(name_or_path):
        raise UsageError(f"unknown category scheme: '{name_or_path}'; neither a file nor one of {', '.join(SCHEMES)}")
    try:
        with open_regular(name_or_path) as file:
            import json  # noqa: PLC0415 # start-up: few scans have a scheme

            scheme = json.loads(file.read(MAX_SCHEME_BYTES).decode("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read the category scheme: '{name_or_path}'; not JSON") from error
    if not isinstance(scheme, dict) or not all(isinstance(name, str) for name in scheme.values()):
        raise UsageError(
            f"invalid category scheme: '{name_or_path}'; not a JSON object of text",
            hint='use an object such as {"1": "name"}',
        )
    return {str(category): name for category, name in scheme.items()}


def named(examination: EntryResult, scheme: dict[str, str]) -> EntryResult:
    """Returns the same result with the scheme's name beside each category that has one."""
    if not scheme or not examination.matches:
        return examination
    return msgspec.structs.replace(examination, matches=tuple(_named(match, scheme) for match in examination.matches))


def _named(match: Match, scheme: dict[str, str]) -> Match:
    for label in CATEGORY_LABELS:
        name = scheme.get(match.labels.get(label, ""))
        if name is not None:
            return msgspec.structs.replace(match, labels={**match.labels, f"{label}_name": name})
    return match
