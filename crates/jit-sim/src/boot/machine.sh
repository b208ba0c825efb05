#!/bin/sh
# A machine from power-on to power-off, as the first process of its own namespaces: the paths that the script knows lead into the
# folder that is given, and `systemctl poweroff` is written down there.
# Not here: the script, and what the machine is given; see machine.rs.

set -eu
machine=$1
# shellcheck source=/dev/null # The names in capitals come from here.
. "$machine/settings"

mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /usr/local/sbin
for disk in opt var; do
	if [ -n "$DISK" ]; then
		mount -t tmpfs -o "mode=755,size=$DISK" tmpfs "$machine/$disk"
	fi
done
mount --bind "$machine/opt" /opt
mount --bind "$machine/var" /var/lib
mount --bind "$machine/passwd" /etc/passwd
mount --bind "$machine/group" /etc/group
mkdir -p /run/home
chown "$AGENT_USER" /run/home
echo "$machine" >/run/machine
cp "$machine/systemctl" "$machine/useradd" /usr/local/sbin/
if [ -n "$CLOCK_OFF" ]; then
	cp "$machine/date" /usr/local/sbin/
fi
# Nothing may reach the power switch of the machine that this runs on.
[ "$(command -v systemctl)" = /usr/local/sbin/systemctl ]

# A job is root if it likes: what it writes here is run as root.
mkfifo /run/sudo
chmod 666 /run/sudo
while IFS= read -r line; do sh -c "$line" || true; done <>/run/sudo &

read -r uptime _ </proc/uptime
# shellcheck disable=SC2086 # A shell may be two words, such as busybox and its applet.
JIT_BOOTED_AT=${uptime%.*}${uptime#*.} JIT_SECOND=$SECOND setsid $SHELL_WORDS "$SCRIPT" &
echo $! >/run/boot.pid

while [ ! -e "$machine/power" ]; do sleep 0.05; done
# What was in memory, for who looks for secrets.
mkdir -p "$machine/run"
find /run/jit-runners -type f -exec cp {} "$machine/run/" \; 2>/dev/null || true
