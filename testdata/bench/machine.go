package main

import "fmt"

// machine is where and with what a run took place.
type machine struct {
	Date    string `json:"date"`
	CPU     string `json:"cpu"`
	CPUs    int    `json:"cpus"`
	Kernel  string `json:"kernel"`
	Load    string `json:"load"`     // load average at the start
	LoadEnd string `json:"load_end"` // and at the end
	Home    string `json:"home_fs"`
	Go      string `json:"go"`
	Node    string `json:"node,omitempty"`
	Weaver  string `json:"weaver,omitempty"`
	PM2     string `json:"pm2,omitempty"`
}

func (m machine) String() string {
	text := fmt.Sprintf("%s, %d × %s, Linux %s, load %s at the start and %s at the end, homes on %s, Go %s",
		m.Date, m.CPUs, m.CPU, m.Kernel, m.Load, m.LoadEnd, m.Home, m.Go)
	if m.Weaver != "" {
		text += ", weaver " + m.Weaver
	}
	if m.PM2 != "" {
		text += ", PM2 " + m.PM2 + " on Node " + m.Node
	}
	return text
}
