# Starts the next batch once, or judges the whole after the last. FAILED lists the batches before that had a failed item, as <batch>:<run>.
set -u
export GH_HOST="${GITHUB_SERVER_URL#*://}" GH_ENTERPRISE_TOKEN="$GH_TOKEN"
api="repos/$GITHUB_REPOSITORY/actions"

case "$RESULT" in
  success) ;;
  failure)
    if [[ $GOES_ON != true ]]; then
      echo "::error::an item of batch $BATCH failed, so the chain stops here; re-run the failed jobs of this run, and it goes on"
      exit 1
    fi
    FAILED="${FAILED:+$FAILED }$BATCH:$GITHUB_RUN_ID"
    ;;
  *)
    echo "::error::the items of batch $BATCH were not run ($RESULT), so the chain stops here; re-run the jobs of this run, and it goes on"
    exit 1
    ;;
esac

if [[ $LAST == true ]]; then
  still=0
  for failed in $FAILED; do
    run="${failed#*:}"
    # Items that were re-run with success since then are made good.
    if [[ $run == "$GITHUB_RUN_ID" || $(gh api "$api/runs/$run" --jq .conclusion) != success ]]; then
      still=$((still + 1))
      echo "::error::an item of batch ${failed%%:*} failed: $GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$run"
    fi
  done
  if ((still > 0)); then
    exit 1
  fi
  echo "all $BATCHES batches ran, and no item failed"
  exit 0
fi

next=$((BATCH + 1))
title="$WORKFLOW: batch $next of $BATCHES, chain $CHAIN"
file="${GITHUB_WORKFLOW_REF%%@*}"
file="${file##*/}"
began="$(gh api "$api/runs/$CHAIN" --jq '[.created_at, .head_sha] | @tsv')"
read -r since commit <<< "$began"
if [[ $commit != "$GITHUB_SHA" ]]; then
  echo "::warning::batch $BATCH ran on $GITHUB_SHA, and the chain began on $commit: start a chain at a tag to keep to one commit"
fi
# A re-run of this job, or an answer that got lost, must not start the batch a second time.
titles="$(gh api --paginate "$api/workflows/$file/runs?event=workflow_dispatch&created=%3E%3D$since&per_page=100" --jq '.workflow_runs[].display_title')"
if grep -Fxq -- "$title" <<< "$titles"; then
  echo "batch $next of this chain was started already"
  exit 0
fi
fields=(--raw-field "batch=$next" --raw-field "chain=$CHAIN" --raw-field "failed=$FAILED")
index=0
for name in $INPUT_NAMES; do
  variable="INPUT_$index"
  fields+=(--raw-field "$name=${!variable}")
  index=$((index + 1))
done
gh workflow run "$file" --repo "$GITHUB_REPOSITORY" --ref "$GITHUB_REF_NAME" "${fields[@]}"
echo "batch $next of $BATCHES is started"
