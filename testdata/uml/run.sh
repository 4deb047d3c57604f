#!/bin/sh
# run.sh [REGEX]: the tests of supervisor/spawn in a machine of its own whose cgroup2 has all controllers, as on hosts with systemd: a
# Linux in user mode (Debian: apt-get install user-mode-linux, or $UML), which has this machine's files and processes of its own.
set -eu
cd "$(dirname "$0")/../.."
uml=${UML:-linux.uml}
command -v "$uml" > /dev/null || { echo "no $uml (Debian: apt-get install user-mode-linux)" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
CGO_ENABLED=0 go test -c -o "$dir/spawn.test" ./supervisor/spawn
mkdir "$dir/tmp"
cat > "$dir/init" << END
#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp TMPDIR=$dir/tmp
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs $dir/tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for c in \$(cat /sys/fs/cgroup/cgroup.controllers); do echo +\$c > /sys/fs/cgroup/cgroup.subtree_control; done
cd $dir/tmp
$dir/spawn.test -test.v -test.timeout 20m -test.run '${1:-Busy|Bound|Controllers|Memory|Processes|Group|Cgroup|Paused}'
echo "exit code \$?"
halt -f
END
chmod +x "$dir/init"
"$uml" rootfstype=hostfs rootflags=/ rw mem=768M "init=$dir/init" con=null con0=null,fd:1 con1=null ssl=null quiet < /dev/null > "$dir/log" 2>&1 || true
tr -d '\r' < "$dir/log" | grep -vE '^(SELinux|mmapper_init|Failed to initialize ubd)'
grep -q '^exit code 0' "$dir/log"
