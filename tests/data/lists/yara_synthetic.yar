import "pe"
// made up
rule one : tag
{
  meta:
    author = "nobody"
    hash1 = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    md5 = "f97c5d29941bfb1b2fdab0874906ab82"
  strings:
    $a = "fe05bcdcdc4928012781a5f1a2a77cbb5398e106"
  condition:
    $a
}
rule two : tag
{
  meta:
    author = "nobody"
    hash1 = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"
    md5 = "b8a9f715dbb64fd5c56e7783c6820a61"
  strings:
    $a = "ad782ecdac770fc6eb9a62e44f90873fb97fb26b"
  condition:
    $a
}
rule three : tag
{
  meta:
    author = "nobody"
    hash1 = "8b5b9db0c13db24256c829aa364aa90c6d2eba318b9232a4ab9313b954d3555f"
    md5 = "35d6d33467aae9a2e3dccb4b6b027878"
  strings:
    $a = "b802f384302cb24fbab0a44997e820bf2e8507bb"
  condition:
    $a
}
