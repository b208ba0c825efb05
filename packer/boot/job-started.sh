#!/bin/sh
# The agent runs this before a job's first step, and fails the job if it fails. It tells boot about the job and does what boot says.
# Not here: the question to the registrar, the token for it, and what no answer means; boot has them, as root, out of the job's reach.

# Nothing of the environment that a workflow may set is trusted, but for what GitHub itself says of the job.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
run=/run/jit-runners

word() { # one word without a blank or a quote
	cleaned=$(printf '%s' "$1" | tr -cd 'A-Za-z0-9._/@[]-')
	printf '%s' "${cleaned:--}"
}

# Opened for reading too, as otherwise this would hang if boot were gone.
printf 'job_started %s %s %s %s %s %s %s\n' "$(word "$GITHUB_REPOSITORY")" "$(word "$GITHUB_EVENT_NAME")" "$(word "$GITHUB_ACTOR")" \
	"$(word "$GITHUB_TRIGGERING_ACTOR")" "$(word "$GITHUB_RUN_ID")" "$(word "$GITHUB_RUN_ATTEMPT")" "$(word "$GITHUB_JOB")" \
	1<>"$run/events" || exit 1

# Boot gives up on the registrar after a minute, a pause of at most 30 s and a request of at most 30 s, and then says what the
# pool's setting is. Longer than that, boot is not there.
verdict=''
why=''
looks=0
while [ "$looks" -lt 1500 ] && [ -z "$verdict" ]; do
	[ ! -r "$run/verdict" ] || read -r verdict why <"$run/verdict"
	[ -n "$verdict" ] || sleep 0.1
	looks=$((looks + 1))
done
[ "$verdict" = allow ] && exit 0
printf '::error::this job may not run on this runner: %s\n' "${why:-jit-runners refuses it}"
exit 1
