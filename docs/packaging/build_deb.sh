#!/bin/sh
# Builds a Debian package from the wheel of hashaudit: build_deb.sh WHEEL DIRECTORY
# It holds all dependencies, for the Python of this system, because Debian does not have all of them.
set -eu
if [ $# -ne 2 ]; then
  echo "usage: $0 WHEEL DIRECTORY" >&2
  exit 2
fi
wheel=$(realpath "$1")
mkdir -p "$2"
target=$(realpath "$2")
python=${PYTHON:-/usr/bin/python3}
pip=${PIP:-"$python -m pip"}
version=$(basename "$wheel" | cut -d- -f2)
architecture=$(dpkg --print-architecture)
minor=$("$python" -c 'import sys; print(sys.version_info[1])')
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
umask 022
chmod 755 "$tree"

home=$tree/usr/lib/hashaudit
packages=$home/lib/python3.$minor/site-packages
mkdir -p "$packages" "$home/bin" "$tree/usr/bin" "$tree/DEBIAN"
# $pip is a command with its arguments.
# shellcheck disable=SC2086
$pip install --quiet --disable-pip-version-check --no-compile --target "$packages" "$wheel"
# The directory is a virtual environment, so that worker processes find the same modules.
ln -s /usr/bin/python3 "$home/bin/python"
echo "home = /usr/bin" > "$home/pyvenv.cfg"
printf '#!/usr/lib/hashaudit/bin/python -P\nfrom hashaudit_cli.main import main\n\nmain()\n' > "$tree/usr/bin/hashaudit"
chmod 755 "$tree/usr/bin/hashaudit"

mkdir -p "$tree/usr/share"
mv "$packages/share/man" "$tree/usr/share/man"
rm -rf "$packages/share" "$packages/bin"
find "$tree/usr/share/man" -type f -exec gzip -9n {} +
complete() {
  mkdir -p "$tree/usr/share/$2"
  PYTHONPATH="$packages" "$python" -P -m hashaudit_cli completion "$1" > "$tree/usr/share/$2/$3"
}
complete bash bash-completion/completions hashaudit
complete zsh zsh/vendor-completions _hashaudit
complete fish fish/vendor_completions.d hashaudit.fish
find "$tree" -name __pycache__ -prune -exec rm -rf {} +

cat > "$tree/DEBIAN/control" <<CONTROL
Package: hashaudit
Version: $version
Architecture: $architecture
Maintainer: ${MAINTAINER:-Local administrator <root@localhost>}
Section: utils
Priority: optional
Depends: python3 (>= 3.$minor), python3 (<< 3.$((minor + 1)))
Suggests: bash-completion, man-db
Description: hash storage, match known hashes, write signed findings
 Walks directories and buckets, hashes every file exactly and perceptually in
 one read, and writes findings that a third party can verify.
CONTROL
# gzip: xz takes minutes for these 250 MB.
dpkg-deb -Zgzip --root-owner-group --build "$tree" "$target/hashaudit_${version}_${architecture}.deb"
