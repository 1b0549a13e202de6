"""``hashaudit compare``: shows how far two images are apart, to explain a finding."""

from typing import Annotated

import msgspec

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.model.results import AlgorithmName
from hashaudit.scan.option import Option, options_of
from hashaudit.scan.option_values import algorithm_names
from hashaudit_cli.options import JsonOption, application, command, examples
from hashaudit_cli.settings import Settings

app = application()

DEFAULT_ALGORITHMS = "pdq,phash,dhash,whash"


class CompareOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command."""

    first: Annotated[str, Option("first", "An image.", argument=True, metavar="A")]
    second: Annotated[str, Option("second", "Another image.", argument=True, metavar="B")]
    algorithm: Annotated[
        tuple[AlgorithmName, ...],
        Option(
            "algorithm",
            "Compare by these digests and perceptual hashes.",
            short="a",
            metavar="ALGO,...",
            shown=DEFAULT_ALGORITHMS,
            parse=algorithm_names,
        ),
    ] = ()


@app.command(epilog=examples("hashaudit compare original.jpg found.png"))
@command("compare", options_of(CompareOptions), options_of(JsonOption))
def compare(settings: Settings) -> int:
    """Show how far two images are apart, by algorithm and variant, to explain a finding.

    The variants are those of A: rotated, mirrored, without its border. B is used as it is.
    """
    from hashaudit_cli.commands.compare_body import run_compare  # noqa: PLC0415 # start-up: --help needs none of this

    own = settings.make(CompareOptions)
    names = own.algorithm or algorithm_names(DEFAULT_ALGORITHMS)
    return run_compare(
        own.first,
        own.second,
        [name for name in names if name in DIGESTS],
        [name for name in dict.fromkeys(names) if name not in DIGESTS],
        as_json=settings.make(JsonOption).as_json,
    )
