#!/bin/sh
# Stands in for the agent's run.sh: connects with the config, takes one job, calls the hooks around it, tells GitHub how it ended.
# Not here: the config on the command line; the script gives it as the agent takes it from the environment.

# shellcheck source=/dev/null # AGENT and GITHUB_URL.
. /opt/world/settings
cd "${0%/*}" || exit 1
[ "$(id -un)" = runner ] && [ "$HOME" = /run/home ] || {
	echo 'agent: not the user that it should be'
	exit 9
}
[ $# -eq 0 ] || {
	echo 'agent: arguments, which anybody may read'
	exit 9
}
config=$ACTIONS_RUNNER_INPUT_JITCONFIG
unset ACTIONS_RUNNER_INPUT_JITCONFIG
newline='
'

# tell <path> <JSON>
tell() {
	printf '%s' "$2" | curl --silent --fail --max-time 5 --data-binary @- "$GITHUB_URL/_agent/$1"
}

# run_the_job <repository> <event> <run>
run_the_job() {
	mkdir -p _diag
	: >_diag/Worker_20261122-120000-utc.log
	GITHUB_RUN_ATTEMPT=1 GITHUB_EVENT_NAME=$2 GITHUB_ACTOR='octo[bot]' GITHUB_TRIGGERING_ACTOR='' GITHUB_JOB='te"st' \
		GITHUB_RUN_ID=$3 GITHUB_REPOSITORY=$1 "$ACTIONS_RUNNER_HOOK_JOB_STARTED" || return 1
	sh /opt/world/job.sh
	"$ACTIONS_RUNNER_HOOK_JOB_COMPLETED"
}

case $AGENT in
	exits) exit 0 ;;
	rehearses)
		run_the_job octo-org/app push 1
		sleep 0.5
		exit 0
		;;
esac

reply=$(tell connect "{\"encoded_jit_config\":\"$config\"}") || {
	echo 'agent: the config is not taken'
	exit 1
}
session=${reply#*\"session\":\"}
session=${session%%\"*}
[ "$AGENT" != hangs ] || sleep 600

while :; do
	message=$(curl --silent --max-time 5 --write-out '\n%{http_code}' "$GITHUB_URL/_agent/session/$session/message")
	case ${message##*"$newline"} in
		200) break ;;
		204 | 000) sleep 0.2 ;;
		*) exit 0 ;;
	esac
done
repository=${message#*\"repository\":\"}
event=${message#*\"event\":\"}
run=${message#*\"run_id\":}
tell "session/$session/job" '{"state":"started"}' || exit 1
conclusion=success
run_the_job "${repository%%\"*}" "${event%%\"*}" "${run%%[!0-9]*}" || conclusion=failure
tell "session/$session/job" "{\"state\":\"finished\",\"conclusion\":\"$conclusion\"}"
# The job's end is heard of by the script before the agent's.
sleep 0.5
