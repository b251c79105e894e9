# The science image, made once for each version of its recipe.

# science_layout DIR: sets SCIENCE, the OCI layout.
science_layout() {
  local recipe=$CHECKOUT/tests/system/images key old
  key=$(cat "$recipe"/science "$recipe"/{state,diff,blob,assemble}.go | sha256sum | cut -c 1-12)
  SCIENCE=$1/science-$key
  [ ! -e "$SCIENCE/index.json" ] || return 0
  mkdir -p "$1"
  for old in "$1"/science-*; do rm -rf "$old"; done
  TMPDIR=$RUN "$recipe/science" "$SCIENCE" "$TOOLS/images"
}
