"""Accepted findings: what an acceptance fits, what it does not, and files that cannot be used."""

import hashlib
from pathlib import Path

import msgspec
import pytest

from findings_lab import finding, signing_key
from hashaudit.errors import ListError
from hashaudit.model.entry import Consistency
from hashaudit.model.results import AlgorithmName
from hashaudit.record.schema import FindingRecord, Member
from hashaudit.scan.acceptances import Acceptances, load_acceptances
from hashaudit.signing.signer import FILE_NAMESPACE

DIGEST = "ab" * 32
TEXTS = 'reason = "test"\nby = "J. Doe"\nuntil = 2999-12-31\n'
KEY = signing_key(3)


def loaded(directory: Path, text: str) -> Acceptances:
    path = directory / "accept.toml"
    path.write_text(text)
    return load_acceptances([str(path)])


def found(path: str = "/srv/a[1]", *, inside: str | None = None, **digests: str) -> FindingRecord:
    record = finding(b"x")
    assert isinstance(record, FindingRecord)
    within = () if inside is None else (Member(format="zip", name=inside, ordinal=0),)
    location = msgspec.structs.replace(record.entry, path=path, path_uri=None, within=within)
    named = {AlgorithmName(name): value for name, value in digests.items()}
    return msgspec.structs.replace(record, entry=location, digests=named)


@pytest.mark.parametrize(
    ("rule", "record", "is_accepted"),
    [
        (f'sha256 = "{DIGEST.upper()}"', found(sha256=DIGEST), True),
        (f'sha256 = "{DIGEST}"', found(sha256="cd" * 32), False),
        (f'sha256 = "{DIGEST}"', found(md5="ab" * 16), False),
        (f'sha256 = "{DIGEST}"\nblake3 = "{DIGEST}"', found(sha256=DIGEST, blake3="cd" * 32), False),
        (f'sha256 = "{DIGEST}"', msgspec.structs.replace(
            found(sha256=DIGEST), consistency=Consistency.CHANGED_WHILE_READ), False),
        (f'sha256 = "{DIGEST}"\npath = "/srv/*"', found(sha256=DIGEST), True),
        (f'sha256 = "{DIGEST}"\npath = "/opt/*"', found(sha256=DIGEST), False),
        ('path = "/srv/a[[]1]"', found(), True),
        ('path = "/srv/a[1]"', found(), False),
        ('path = "/srv/?"', found("/srv/ab"), False),
        ('path = "/srv/a"', found("/srv/ab"), False),
        ('path = "/srv/a"', found("/opt/srv/a"), False),
        ('path = "s3://bucket/*.zip"', found("s3://bucket/deep/a.zip"), True),
        ('path = "/srv/a.zip"', found("/srv/a.zip", inside="b"), True),
        ('path = "/srv/a.zip//b"', found("/srv/a.zip", inside="b"), True),
        ('path = "/srv/a.zip//b"', found("/srv/a.zip"), False),
    ],
)  # fmt: skip
def test_an_acceptance_fits_digests_and_path_together(
    tmp_path: Path, rule: str, record: FindingRecord, is_accepted: bool
) -> None:
    marked = loaded(tmp_path, f"[[accept]]\n{rule}\n{TEXTS}").marked(record)
    assert (marked.accepted is not None) is is_accepted
    assert marked.acceptance_expired is None


def test_members_are_accepted_by_the_digest_of_their_file(tmp_path: Path) -> None:
    acceptances = loaded(tmp_path, f'[[accept]]\nsha256 = "{DIGEST}"\n{TEXTS}')
    member = found(inside="b", sha256="cd" * 32)
    assert acceptances.marked(member, {"sha256": DIGEST}).accepted is not None
    assert acceptances.marked(member, {"sha256": "ef" * 32}).accepted is None
    assert acceptances.algorithms == ("sha256",)


def test_an_expired_acceptance_is_named_unless_another_is_in_force(tmp_path: Path) -> None:
    old = '[[accept]]\npath = "/srv/*"\nreason = "then"\nby = "J. Doe"\nuntil = "2020-02-29"\n'
    expired = loaded(tmp_path, old)
    marked = expired.marked(found())
    assert (expired.expired, marked.accepted) == (1, None)
    assert marked.acceptance_expired is not None
    assert marked.acceptance_expired.reason == "then"
    both = loaded(tmp_path, old + f'[[accept]]\npath = "/srv/*"\n{TEXTS}').marked(found())
    assert both.acceptance_expired is None
    assert both.accepted is not None


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("[[acept]]\n", "line 1; unknown key 'acept'"),
        ("accept = 3", "line 1; 'accept' must be tables"),
        ("\n[[accept]]\nreson = 'x'", "line 3; unknown key 'reson'"),
        ("[[accept]]\npath = ]", "at line 2"),
        (f"[[accept]]\n{TEXTS}", "line 1; no digest and no path"),
        (f"[[accept]]\nmd5 = '{DIGEST[:32]}'\n{TEXTS}", "another file with the same digest can be made"),
        (f"[[accept]]\nsha1 = '{DIGEST[:40]}'\n{TEXTS}", "another file with the same digest can be made"),
        (f"[[accept]]\nsha256 = '{DIGEST[1:]}'\n{TEXTS}", "line 2; 'sha256' must be 64 hexadecimal digits"),
        (f"[[accept]]\nsha256 = 12\n{TEXTS}", "line 2; 'sha256' must be 64 hexadecimal digits"),
        (f"[[accept]]\npath = '/**/*'\n{TEXTS}", "line 2; 'path' matches every file"),
        (f"[[accept]]\npath = 's3://bucket/*'\n{TEXTS}", "line 2; 'path' matches every file"),
        (f"[[accept]]\npath = '*.jpg'\n{TEXTS}", "line 2; 'path' must be an absolute path or a URL"),
        ("[[accept]]\npath = '/a'\nby = 'x'\nuntil = 2999-01-01", "line 1; 'reason' is missing"),
        ("[[accept]]\npath = '/a'\nreason = 'x'\nuntil = 2999-01-01", "line 1; 'by' is missing"),
        ("[[accept]]\npath = '/a'\nreason = 'x'\nby = 'x'", "line 1; 'until' is missing"),
        ("[[accept]]\npath = '/a'\nreason = ' '\nby = 'x'", "line 3; 'reason' must be a text"),
        ("[[accept]]\npath = '/a'\nreason = 'x'\nby = 'x'\nuntil = 'soon'", "line 5; 'until' must be a day"),
        ("[[accept]]\npath = '/a'\nreason = 'x'\nby = 'x'\nuntil = '2027-02-30'", "line 5; 'until' must be a day"),
        (f"[[accept]]\npath='/a'\n{TEXTS}\n[[accept]]\nreason='''\n[[accept]]\n'''\nby=1", "line 7; no digest"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_line(tmp_path: Path, text: str, cause: str) -> None:
    with pytest.raises(ListError) as error:
        loaded(tmp_path, text)
    assert cause in str(error.value)


def test_a_signature_is_checked_if_there_is_one_and_required_on_request(tmp_path: Path) -> None:
    path, signers = tmp_path / "accept.toml", tmp_path / "signers"
    path.write_text(f'[[accept]]\nsha256 = "{DIGEST}"\n{TEXTS}')
    signers.write_text(f"me {KEY.public_key.text}\n")
    with pytest.raises(ListError, match="not signed"):
        load_acceptances([str(path)], str(signers))
    assert load_acceptances([str(path)]).files[0].signed_by is None
    digest = hashlib.sha512(path.read_bytes()).digest()
    path.with_name("accept.toml.sig").write_text(KEY.sign_sha512(digest, FILE_NAMESPACE))
    assert load_acceptances([str(path)], str(signers)).files[0].signed_by == KEY.fingerprint
    path.write_text(path.read_text() + "# changed\n")
    with pytest.raises(ListError, match="does not verify"):
        load_acceptances([str(path)], str(signers))
    signers.write_text(f"me {signing_key(4).public_key.text}\n")
    path.with_name("accept.toml.sig").write_text(
        KEY.sign_sha512(hashlib.sha512(path.read_bytes()).digest(), FILE_NAMESPACE)
    )
    with pytest.raises(ListError, match="not trusted"):
        load_acceptances([str(path)], str(signers))
