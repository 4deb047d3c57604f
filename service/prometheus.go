package service

import (
	"strconv"
	"strings"
)

// series is one metric of the exposition.
type series struct {
	name, kind, help string
	value            func(*Status) float64
}

var exposed = []series{
	{"weaver_service_up", "gauge", "1 if an instance of the service is online.", func(s *Status) float64 {
		if s.State == Running {
			return 1
		}
		return 0
	}},
	{"weaver_service_instances", "gauge", "Instances of the service.", func(s *Status) float64 { return float64(s.Instances) }},
	{"weaver_service_running_instances", "gauge", "Instances of the service that are online.", func(s *Status) float64 { return float64(s.Running) }},
	{"weaver_service_restarts_total", "counter", "Restarts of all instances.", func(s *Status) float64 { return float64(s.Restarts) }},
	{"weaver_service_uptime_seconds", "gauge", "Uptime of the instance that runs longest.", func(s *Status) float64 { return s.Uptime }},
	{"weaver_service_cpu_ratio", "gauge", "CPU of the whole process trees, as a part of one core.", func(s *Status) float64 { return s.CPU / 100 }},
	{"weaver_service_memory_bytes", "gauge", "Resident memory of the whole process trees.", func(s *Status) float64 { return float64(s.Memory) }},
	{"weaver_service_threads", "gauge", "Threads of the whole process trees.", func(s *Status) float64 { return float64(s.Threads) }},
}

var labelEscape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// AppendPrometheus appends all services in Prometheus' text format.
func AppendPrometheus(dst []byte, list []Status) []byte {
	for _, m := range exposed {
		dst = append(dst, "# HELP "+m.name+" "+m.help+"\n# TYPE "+m.name+" "+m.kind+"\n"...)
		for i := range list {
			dst = append(dst, m.name+`{service="`...)
			dst = append(dst, labelEscape.Replace(list[i].Name)...)
			dst = append(dst, `"} `...)
			dst = strconv.AppendFloat(dst, m.value(&list[i]), 'g', -1, 64)
			dst = append(dst, '\n')
		}
	}
	return dst
}
