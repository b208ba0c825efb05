# Gives the matrix of the batch that this run was asked for. MATRICES has one on each line.
set -u
batches="$(grep -c . <<< "$MATRICES")"
if [[ ! $BATCH =~ ^[1-9][0-9]{0,3}$ ]] || ((BATCH > batches)); then
  printf '::error::there is no batch %q: name one from 1 to %s\n' "$BATCH" "$batches"
  exit 1
fi
last=false
if ((BATCH == batches)); then
  last=true
fi
{
  echo "matrix=$(sed -n "${BATCH}p" <<< "$MATRICES")"
  echo "last=$last"
} >> "$GITHUB_OUTPUT"
