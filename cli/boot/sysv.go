package boot

// rcText is a System V script, for the upstart of old and whatever else runs /etc/init.d. It needs nothing but a shell.
const rcText = `#!/bin/sh
### BEGIN INIT INFO
# Provides:          {name}
# Required-Start:    $local_fs $remote_fs $network
# Required-Stop:     $local_fs $remote_fs $network
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: {program} process supervisor of {user}
### END INIT INFO
# chkconfig: 2345 98 02
# description: {program} process supervisor of {user}

PATH="{path}"
{variable}="{home}"
export PATH {variable}
[ -r "/etc/default/{name}" ] && . "/etc/default/{name}"

# as_user runs weaver with words that need no quotes. Options before the user: not every su takes them after.
as_user() {
	if [ "$(id -un)" = "{user}" ]; then
		"{weaver}" "$@"
	else
		su -s /bin/sh -c "exec \"{weaver}\" $*" "{user}"
	fi
}

case "$1" in
start) as_user boot --detach ;;
stop) as_user boot --stop ;;
restart | force-reload) as_user boot --stop && as_user boot --detach ;;
reload) as_user reload all ;;
status) as_user boot --status ;;
*)
	echo "Usage: $0 {start|stop|restart|reload|force-reload|status}" >&2
	exit 2
	;;
esac
`

func rc(u Unit) Installation {
	return Installation{Files: []File{{Path: "/etc/init.d/" + u.name(), Text: fill(u, rcText), Executable: true}}}
}

func debianRC(u Unit) Installation {
	in := rc(u)
	in.Enable = words(u, "update-rc.d {name} defaults")
	in.Disable = words(u, "/etc/init.d/{name} stop", "update-rc.d -f {name} remove")
	in.Verify = words(u, "sh -n /etc/init.d/{name}")
	return in
}

func redhatRC(u Unit) Installation {
	in := rc(u)
	in.Enable = words(u, "chkconfig --add {name}", "chkconfig {name} on")
	in.Disable = words(u, "/etc/init.d/{name} stop", "chkconfig {name} off", "chkconfig --del {name}")
	in.Verify = words(u, "sh -n /etc/init.d/{name}", "chkconfig {name}")
	return in
}

// openrcText has no pidfile, which would go stale when the anchor dies and another process takes its place; and it does
// without supervise-daemon, which takes a service that it has restarted for stopped (OpenRC 0.45), and then does not stop
// it. PATH is for weaver only: the script's own leads to OpenRC's programs, without which it does nothing.
const openrcText = `#!/sbin/openrc-run

description="{program} process supervisor of {user}"
extra_started_commands="reload"

depend() {
	need localmount
	use net
	after bootmisc
}

as_user() {
	su -s /bin/sh -c "PATH=\"{path}\" {variable}=\"{home}\" exec \"{weaver}\" $*" "{user}"
}

start() {
	ebegin "Starting {program} of {user}"
	as_user boot --detach
	eend $?
}

stop() {
	ebegin "Stopping {program} of {user} and its services"
	as_user boot --stop
	eend $?
}

status() {
	as_user boot --status
}

reload() {
	ebegin "Reloading the services of {program}"
	as_user reload all
	eend $?
}
`

func openrc(u Unit) Installation {
	return Installation{
		Files:   []File{{Path: "/etc/init.d/" + u.name(), Text: fill(u, openrcText), Executable: true}},
		Enable:  words(u, "rc-update add {name} default"),
		Disable: words(u, "rc-service {name} stop", "rc-update del {name} default"),
		Verify:  words(u, "sh -n /etc/init.d/{name}", "rc-service --exists {name}"),
	}
}

const freebsdText = `#!/bin/sh
#
# PROVIDE: {rcname}
# REQUIRE: LOGIN NETWORKING
# KEYWORD: shutdown

. /etc/rc.subr

name="{rcname}"
rcvar="{rcname}_enable"
load_rc_config "$name"
: ${{rcname}_enable:="NO"}

export PATH="{path}"
export {variable}="{home}"
start_cmd="su -m {user} -c '{weaver} boot --detach'"
stop_cmd="su -m {user} -c '{weaver} boot --stop'"
status_cmd="su -m {user} -c '{weaver} boot --status'"
extra_commands="reload status"
reload_cmd="su -m {user} -c '{weaver} reload all'"

run_rc_command "$1"
`

func freebsd(u Unit) Installation {
	name := rcName(u)
	path := "/usr/local/etc/rc.d/" + name
	return Installation{
		Files:   []File{{Path: path, Text: fill(u, withRC(freebsdText, name)), Executable: true}},
		Enable:  words(u, "sysrc "+name+"_enable=YES"),
		Disable: words(u, path+" stop", "sysrc -x "+name+"_enable"),
		Verify:  words(u, "sh -n "+path),
	}
}

const openbsdText = `#!/bin/ksh

daemon="{weaver}"
daemon_flags="boot"
daemon_user="{user}"
. /etc/rc.d/rc.subr

export PATH="{path}"
export {variable}="{home}"
pexp="{weaver} --anchor {home}.*"
rc_bg=YES
rc_reload=NO
rc_stop() {
	su {user} -c '{weaver} boot --stop'
}

rc_cmd $1
`

func openbsd(u Unit) Installation {
	name := rcName(u)
	return Installation{
		Files:   []File{{Path: "/etc/rc.d/" + name, Text: fill(u, openbsdText), Executable: true}},
		Enable:  words(u, "rcctl enable "+name, "rcctl start "+name),
		Disable: words(u, "rcctl stop "+name, "rcctl disable "+name),
		Verify:  words(u, "sh -n /etc/rc.d/"+name),
	}
}
