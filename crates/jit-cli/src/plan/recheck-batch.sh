# Takes the next items that no run has done or is doing. ITEMS has one on each line.
# What was done and taken stands in a file of the commit that REF names, one item a line: <state> <tries> <run>/<attempt> <number> <item>.
# The commit is replaced on the condition that nobody else replaced it since, so that two runs never take one item.
set -u
export GH_HOST="${GITHUB_SERVER_URL#*://}" GH_ENTERPRISE_TOKEN="$GH_TOKEN"
me="$GITHUB_RUN_ID/$GITHUB_RUN_ATTEMPT"
api="repos/$GITHUB_REPOSITORY/actions/runs"
folder="$(mktemp -d)"
cd "$folder" || exit 1
printf '%s\n' "$ITEMS" | grep . > items
total="$(wc -l < items)"

git init --quiet .
git remote add origin "$REMOTE"
basic="$(printf 'x-access-token:%s' "$GH_TOKEN" | base64 | tr -d '\n')"
echo "::add-mask::$basic"
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.extraheader GIT_CONFIG_VALUE_0="AUTHORIZATION: basic $basic"
export GIT_AUTHOR_NAME=jitr GIT_AUTHOR_EMAIL=jitr@localhost GIT_COMMITTER_NAME=jitr GIT_COMMITTER_EMAIL=jitr@localhost

# Reads the progress: `old` is its commit, or empty before the first.
read_progress() {
  local known
  known="$(git ls-remote origin "$REF")"
  old=
  : > progress
  if [[ -n $known ]]; then
    git fetch --quiet --depth=1 origin "$REF"
    old="$(git rev-parse FETCH_HEAD)"
    git show "$old:progress" > progress
  fi
}

# Asks GitHub what became of the items of runs that ended.
ask() {
  local taken run status
  : > over
  : > outcomes
  awk '$1 == "taken" { print $3 }' progress | sort -u > runs
  while read -r taken; do
    run="${taken%/*}"
    if [[ $taken == "$me" ]]; then
      continue
    fi
    # An earlier attempt of this very run has ended, though the run goes on.
    if [[ $run != "$GITHUB_RUN_ID" ]]; then
      if ! status="$(gh api "$api/$run" --jq .status 2> complaint < /dev/null)"; then
        if ! grep -q 'HTTP 404' complaint; then
          cat complaint >&2
          echo "::error::GitHub does not say what became of run $run, so nothing is taken"
          exit 1
        fi
        status=deleted
      fi
      if [[ $status == deleted ]]; then
        echo "$taken" >> over
        continue
      elif [[ $status != completed ]]; then
        continue
      fi
    fi
    gh api --paginate "$api/$run/jobs?filter=all&per_page=100" --jq '.jobs[] | [(.conclusion // "none"), .name] | @tsv' < /dev/null > listed
    sed "s|^|$taken\t|" listed >> outcomes
    echo "$taken" >> over
  done < runs
}

# An item is done if each of its jobs succeeded in some attempt, and tried once more if one failed. What was cancelled is as before.
settle() {
  awk -F '\t' '
    FILENAME == "over" { over[$1] = 1; next }
    FILENAME == "outcomes" {
      if (index($3, ENVIRON["PREFIX"]) != 1) next
      number = substr($3, length(ENVIRON["PREFIX"]) + 1)
      if (number !~ /^[0-9]+:/) next
      sub(/:.*/, "", number)
      item = $1 " " number
      if (!((item, $3) in known)) { known[item, $3] = 1; jobs[item]++ }
      if ($2 == "success" && !((item, $3) in good)) { good[item, $3] = 1; successes[item]++ }
      if ($2 == "failure" || $2 == "timed_out" || $2 == "startup_failure") failed[item] = 1
      next
    }
    {
      split($0, field, " ")
      item = field[3] " " field[4]
      if (field[1] != "taken" || !(field[3] in over)) { print; next }
      json = $0
      sub(/^[^ ]+ [^ ]+ [^ ]+ [^ ]+ /, "", json)
      if (jobs[item] > 0 && successes[item] == jobs[item]) print "done " field[2] " - - " json
      else if (item in failed) print "tried " field[2] + 1 " - - " json
      else if (field[2] > 0) print "tried " field[2] " - - " json
    }
  ' over outcomes progress > settled
}

# Puts each item of the list into a class; then chooses: what this very attempt took already, else what is open, least tried first.
choose() {
  awk '
    { json = $0 }
    FILENAME == "settled" {
      sub(/^[^ ]+ [^ ]+ [^ ]+ [^ ]+ /, "", json)
      state[json] = $1; tries[json] = $2; run[json] = $3
      next
    }
    {
      class = "open"
      if (state[json] == "done") class = "done"
      else if (state[json] == "taken") class = (run[json] == ENVIRON["ME"]) ? "mine" : "elsewhere"
      else if (tries[json] + 0 >= ENVIRON["TRIES"] + 0) class = "spent"
      print class " " tries[json] + 0 " " FNR " " json
    }
  ' settled items > table
  awk '$1 == "mine"' table > chosen
  if [[ ! -s chosen ]]; then
    awk '$1 == "open"' table | sort -k 2,2n -k 3,3n | awk -v count="$COUNT" 'NR <= count' > chosen
  fi
}

# Writes the progress with what is chosen; fails if somebody else wrote in between.
write_progress() {
  local blob tree commit
  awk -v me="$me" '
    { json = $0; sub(/^[^ ]+ [^ ]+ [^ ]+ /, "", json) }
    FILENAME == "chosen" { taken[json] = "taken " $2 " " me " " $3 " " json; order[++count] = json; next }
    { sub(/^[^ ]+ /, "", json) }
    !(json in taken)
    END { for (n = 1; n <= count; n++) print taken[order[n]] }
  ' chosen settled > written
  if cmp -s progress written; then
    return 0
  fi
  # Joined, as a failure must not go on to a push of nothing, which would delete the progress.
  blob="$(git hash-object -w written)" &&
    tree="$(printf '100644 blob %s\tprogress\n' "$blob" | git mktree)" &&
    commit="$(git commit-tree "$tree" ${old:+-p "$old"} -m "$WORKFLOW: run $me takes $(wc -l < chosen) of $total items")" &&
    git push --quiet --force-with-lease="$REF:$old" origin "$commit:$REF"
}

export ME="$me"
is_written=false
for _ in 1 2 3 4 5; do
  read_progress
  ask
  settle
  choose
  if write_progress; then
    is_written=true
    break
  fi
done
if [[ $is_written != true ]]; then
  echo "::error::the progress in $REF could not be written, so nothing is taken; the next run tries again"
  exit 1
fi

number_of() { awk -v class="$1" '$1 == class { n++ } END { print n + 0 }' table; }
chosen="$(wc -l < chosen)"
done="$(number_of 'done')"
spent="$(number_of spent)"
elsewhere="$(number_of elsewhere)"
echo "$done of $total items are done, this run takes $((chosen)), other runs have $elsewhere, $spent failed $TRIES times" | tee -a "$GITHUB_STEP_SUMMARY"
if ((chosen == 0 && elsewhere == 0 && spent > 0)); then
  awk '$1 == "spent"' table | cut -d ' ' -f 4- | sed 's/^/::error::given up after the last try: /'
  exit 1
fi
matrix=
if ((chosen > 0)); then
  matrix="$(awk '
    { json = $0; sub(/^[^ ]+ [^ ]+ [^ ]+ /, "", json); sub(/}$/, ",\"jitr_item\":" $3 "}", json) }
    { list = list (NR > 1 ? "," : "") json }
    END { print "{\"include\":[" list "]}" }
  ' chosen)"
fi
last=false
if ((chosen > 0 && done + chosen == total)); then
  last=true
fi
{
  echo "matrix=$matrix"
  echo "last=$last"
} >> "$GITHUB_OUTPUT"
