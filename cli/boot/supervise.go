package boot

import "strings"

// rcName is the service's name where it has to be the name of a variable.
func rcName(u Unit) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, u.name())
}

func withRC(text, name string) string { return strings.ReplaceAll(text, "{rcname}", name) }

const launchdText = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>{label}</string>
	<key>UserName</key>
	<string>{user}</string>
	<key>ProgramArguments</key>
	<array>
		<string>{weaver}</string>
		<string>boot</string>
	</array>
	<key>EnvironmentVariables</key>
	<dict>
		<key>PATH</key>
		<string>{path}</string>
		<key>{variable}</key>
		<string>{home}</string>
	</dict>
	<key>RunAtLoad</key>
	<true/>
	<key>KeepAlive</key>
	<true/>
	<key>AbandonProcessGroup</key>
	<true/>
	<key>ExitTimeOut</key>
	<integer>300</integer>
	<key>StandardErrorPath</key>
	<string>{home}/anchor.log</string>
</dict>
</plist>
`

func launchd(u Unit) Installation {
	label := u.Program + "." + u.User
	if u.Name != "" {
		label = u.Name
	}
	path := u.UserDir + "/Library/LaunchAgents/" + label + ".plist"
	return Installation{
		Files:   []File{{Path: path, Text: fill(u, strings.ReplaceAll(launchdText, "{label}", label))}},
		Enable:  words(u, "launchctl load -w "+path),
		Disable: words(u, "launchctl unload -w "+path),
		Verify:  words(u, "plutil -lint "+path, "launchctl list "+label),
	}
}

// runitText and s6Text: both supervise the anchor, send it TERM, and start it again.
const runitText = `#!/bin/sh
exec 2>&1
export PATH="{path}"
export {variable}="{home}"
export HOME="{userdir}"
exec chpst -u "{user}" "{weaver}" boot
`

func runit(u Unit) Installation {
	dir := "/etc/sv/" + u.name()
	return Installation{
		Files:  []File{{Path: dir + "/run", Text: fill(u, runitText), Executable: true}},
		Enable: words(u, "ln -sfn "+dir+" /etc/service/{name}"),
		// The link first: else runsvdir would start another runsv for it.
		Disable: words(u, "rm -f /etc/service/{name}", "sv -w 300 force-shutdown "+dir, "rm -rf "+dir+"/supervise"),
		Dir:     dir,
		Verify:  words(u, "sh -n "+dir+"/run", "sv check {name}"),
	}
}

const s6Text = `#!/bin/sh
exec 2>&1
export PATH="{path}"
export {variable}="{home}"
export HOME="{userdir}"
exec s6-setuidgid "{user}" "{weaver}" boot --ready-fd 3
`

func s6(u Unit) Installation {
	dir := "/etc/s6/sv/" + u.name()
	return Installation{
		Files: []File{
			{Path: dir + "/run", Text: fill(u, s6Text), Executable: true},
			{Path: dir + "/type", Text: "longrun\n"},
			{Path: dir + "/notification-fd", Text: "3\n"},
			{Path: dir + "/timeout-kill", Text: "0\n"}, // weaver ends its services in its own time
		},
		Enable: words(u, "ln -sfn "+dir+" /run/service/{name}", "s6-svscanctl -a /run/service"),
		Disable: words(u, "s6-svc -wD -d /run/service/{name}", "rm -f /run/service/{name}", "s6-svscanctl -an /run/service",
			"rm -rf "+dir+"/supervise "+dir+"/event"),
		Dir:    dir,
		Verify: words(u, "sh -n "+dir+"/run"),
	}
}
