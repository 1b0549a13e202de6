"""NSRL Reference Data Set as text, versions 1.5 and 2.0 (``NSRLFile.txt``): the same columns in another order.

CRC-32 and MD4 columns are skipped: neither identifies a file.

Source: NIST, "Data Formats of the NSRL Reference Data Set (RDS) Distribution".
"""

from hashaudit.lists.syntax.fixed_width import FixedTable

NSRL_TEXT = FixedTable(
    name="nsrl-text",
    hashes={"SHA-1": "sha1", "MD5": "md5"},
    marks=frozenset({"CRC32", "FileName", "FileSize", "ProductCode", "OpSystemCode", "SpecialCode"}),
    labels={
        "FileName": "name",
        "ProductCode": "product_code",
        "OpSystemCode": "system_code",
        "SpecialCode": "special_code",
    },
    size="FileSize",
)
"""Reader of ``NSRLFile.txt``. Strict."""
