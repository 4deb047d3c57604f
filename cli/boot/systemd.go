package boot

import "strings"

// systemdText is the unit. The anchor is the main process and says through NOTIFY_SOCKET when the services are started.
//
// KillMode=process: systemd asks only the anchor to end, and leaves the rest to weaver, which stops each service its own
// way. Were the anchor killed, any other mode would have systemd kill every service with it; so they live on, and the
// restarted unit joins the supervisor that it finds.
//
// Delegate=yes leaves the control group to weaver, which gives each service its own below it.
const systemdText = `[Unit]
Description={program} process supervisor of {user}
After={after}
{wants}
[Service]
Type=notify
NotifyAccess=all
{account}Environment=PATH={path}
Environment={variable}={home}
ExecStart={weaver} boot
ExecReload={weaver} reload all
KillMode=process
TimeoutStartSec=120
TimeoutStopSec=300
WatchdogSec=60
Restart=always
RestartSec=1
Delegate=yes
LimitNOFILE=infinity
LimitNPROC=infinity
LimitCORE=infinity
OOMScoreAdjust=-500
TasksMax=infinity

[Install]
WantedBy={target}
`

func systemd(u Unit) Installation {
	after, wants := "network.target", ""
	if u.WaitIP {
		after, wants = "network-online.target", "Wants=network-online.target\n"
	}
	text := strings.NewReplacer("{after}", after, "{wants}", wants, "{target}", "multi-user.target",
		"{account}", "User={user}\n").Replace(systemdText)
	path := "/etc/systemd/system/" + u.name() + ".service"
	return Installation{
		Files:   []File{{Path: path, Text: fill(u, text)}},
		Enable:  words(u, "systemctl daemon-reload", "systemctl enable {name}"),
		Disable: words(u, "systemctl stop {name}", "systemctl disable {name}"),
		Verify:  append(words(u, "systemd-analyze verify "+path), words(u, "systemctl is-enabled {name}")...),
	}
}

// systemdUser is a unit of the user's own manager: nobody needs to be root. It starts at boot if the user lingers.
func systemdUser(u Unit) Installation {
	text := strings.NewReplacer("{after}", "default.target", "{wants}", "", "{target}", "default.target",
		"{account}", "", "OOMScoreAdjust=-500\n", "").Replace(systemdText)
	text = strings.Replace(text, "After=default.target\n", "", 1)
	path := u.UserDir + "/.config/systemd/user/" + u.name() + ".service"
	return Installation{
		Files:   []File{{Path: path, Text: fill(u, text)}},
		Enable:  words(u, "systemctl --user daemon-reload", "systemctl --user enable {name}", "loginctl enable-linger {user}"),
		Disable: words(u, "systemctl --user stop {name}", "systemctl --user disable {name}"),
		Verify:  append(words(u, "systemd-analyze --user verify "+path), words(u, "systemctl --user is-enabled {name}")...),
	}
}
