"""``hashaudit merge``: combines the shards of a scan into one signed result."""

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING, Annotated

import msgspec

from hashaudit.errors import SigningKeyError, UsageError
from hashaudit.model.counted import counted
from hashaudit.model.paths import to_text
from hashaudit.record.codec import as_ascii
from hashaudit.record.output import SIDECAR_SUFFIX, Output
from hashaudit.scan.option import Group, Option, options_of
from hashaudit_cli.command import command
from hashaudit_cli.findings_options import TrustOptions
from hashaudit_cli.options import JsonOption, SigningOptions, select
from hashaudit_cli.piped_inputs import STANDARD_INPUT as PIPE
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.scan_display import show
from hashaudit_cli.ui.terminal import log, quote

if TYPE_CHECKING:
    from hashaudit.scan.merge_shards import MergedResult, ShardResult


class MergeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command."""

    shards: Annotated[
        tuple[str, ...],
        Option("shards", "Findings files of all shards, in any order.", argument=True, metavar="SHARD"),
    ]
    output: Annotated[
        str,
        Option(
            "output",
            "Write checksums to this new file, the signature to FILE.sig, and a summary to FILE.json.",
            Group.OUTPUT,
            short="o",
            metavar="FILE",
        ),
    ]
    allow_different_root: Annotated[
        bool,
        Option("allow-different-root", "Accept shards of other storage; the difference is recorded.", Group.OUTPUT),
    ] = False


@command(
    "merge",
    options_of(MergeOptions),
    select(SigningOptions, "key", "passphrase_file", "passphrase_fd"),
    select(
        TrustOptions,
        "allowed_signers",
        identity="Require signers that are trusted under this name.",
        allow_any_signer="Accept shards signed by any key.",
    ),
    options_of(JsonOption),
    examples=("hashaudit merge part-*.jsonl -o whole",),
)
def merge(settings: Settings) -> int:
    """Combine the findings files of `scan --shard 1/N` to `scan --shard N/N`.

    Each shard is verified. A missing, repeated, altered or unfinished shard is reported, and so is one with other
    lists or options. FILE has checksums, so `sha256sum -c FILE` and `ssh-keygen -Y verify` check the whole.
    The exit code is that of the whole scan.
    """
    from hashaudit.scan.key_policy import load_signer
    from hashaudit.scan.merge_shards import RESULT_SUFFIX, checksum_line, merge_shards
    from hashaudit.scan.trust_policy import choose_trust
    from hashaudit.signing.signer import FILE_NAMESPACE
    from hashaudit_cli.passphrase import signing_options

    if PIPE in settings.make(MergeOptions).shards:
        raise UsageError(
            f"invalid SHARD: '{PIPE}'; the result names the files of its shards",
            hint="write standard input to a file first",
        )
    settings.prefer_stronger("passphrase_file", "passphrase_fd")
    own, stated = settings.make(MergeOptions), settings.make(TrustOptions)
    trust = choose_trust(**msgspec.structs.asdict(stated), key=None)
    if trust is None and not stated.allow_any_signer:
        raise SigningKeyError(
            "cannot trust the signers of the shards; no allowed_signers file names them",
            hint="name one with --allowed-signers, or accept shards signed by any key with --allow-any-signer",
        )
    signing = signing_options(**msgspec.structs.asdict(settings.make(SigningOptions)))
    as_json = settings.make(JsonOption).as_json
    signer = load_signer(signing, lambda event: show(event, quiet=as_json), create=False)
    result, files = merge_shards(
        [os.fsencode(path) for path in own.shards], trust, allow_different_root=own.allow_different_root
    )
    path = os.fsencode(own.output)
    folder = os.path.dirname(os.path.abspath(path))
    names = [os.path.relpath(os.path.abspath(file.path), folder) for file in files]
    result = msgspec.structs.replace(result, shards=tuple(map(_named, result.shards, names)))
    summary = as_ascii(msgspec.json.format(msgspec.json.encode(result), indent=2)) + b"\n"
    result_path = path + RESULT_SUFFIX
    _write(result_path, summary)
    sums = [checksum_line(file.sha256, name) for file, name in zip(files, names, strict=True)]
    sums.append(checksum_line(hashlib.sha256(summary).hexdigest(), os.path.basename(result_path)))
    content = b"".join(sums)
    with contextlib.closing(Output.create(own.output)) as file:
        file.write(content)
        file.sync()
        if signer is not None:
            file.write_sidecar(signer.sign(content, FILE_NAMESPACE))
    if as_json:
        print(summary.decode(), end="")
    else:
        _log_summary(result, path)
    return result.exit_code


def _named(shard: "ShardResult", name: bytes) -> "ShardResult":
    file, file_uri = to_text(name)
    return msgspec.structs.replace(shard, file=file, file_uri=file_uri)


def _write(path: bytes, content: bytes) -> None:
    with contextlib.closing(Output.create(path)) as file:
        file.write(content)
        file.sync()


def _log_summary(result: "MergedResult", path: bytes) -> None:
    totals = result.totals
    for different in result.different_roots:
        log(f"warning: other storage: {different}")
    log(
        f"{counted(len(result.shards), 'shard')}: {counted(totals.examined, 'file')} examined; "
        f"{counted(totals.findings, 'finding')}; {counted(sum(totals.faults.values()), 'fault')}"
    )
    log(f"checksums in {quote(path)}, signed in {quote(path + SIDECAR_SUFFIX)}; totals in {quote(path)}.json")
