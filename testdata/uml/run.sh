#!/bin/sh
# run.sh PACKAGE REGEX: tests of a package in a machine of its own: a Linux in user mode (Debian: apt-get install user-mode-linux, or
# $UML), which has this machine's files, processes of its own, a root that may do everything, and a cgroup2 with all controllers, as
# hosts with systemd have. MEM is its memory.
set -eu
cd "$(dirname "$0")/../.."
uml=${UML:-linux.uml}
command -v "$uml" > /dev/null || { echo "no $uml (Debian: apt-get install user-mode-linux)" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export CGO_ENABLED=0
go test -c -o "$dir/package.test" "$1"
go build -o "$dir/" ./cmd/weaver ./cmd/weaverd ./cmd/weaver-js
mkdir "$dir/tmp"
cat > "$dir/init" << END
#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp TMPDIR=$dir/tmp WEAVER_TEST_BIN=$dir WEAVER_TEST_SERVICES=${WEAVER_TEST_SERVICES:-}
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs $dir/tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for c in \$(cat /sys/fs/cgroup/cgroup.controllers); do echo +\$c > /sys/fs/cgroup/cgroup.subtree_control; done
cd $dir/tmp
$dir/package.test -test.v -test.timeout 60m -test.run '$2'
echo "exit code \$?"
halt -f
END
chmod +x "$dir/init"
"$uml" rootfstype=hostfs rootflags=/ rw "mem=${MEM:-768M}" "init=$dir/init" con=null con0=null,fd:1 con1=null ssl=null quiet < /dev/null > "$dir/log" 2>&1 || true
tr -d '\r' < "$dir/log" | grep -vE '^(SELinux|mmapper_init|Failed to initialize ubd)'
grep -q '^exit code 0' "$dir/log"
