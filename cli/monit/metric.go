package monit

import (
	"encoding/json"
	"fmt"
)

// metricText words a figure as a program reported it: {"value":…,"unit":…}.
func metricText(raw json.RawMessage) string {
	var m struct {
		Value any    `json:"value"`
		Unit  string `json:"unit"`
	}
	if json.Unmarshal(raw, &m) != nil || m.Value == nil {
		return clean(string(raw))
	}
	text := fmt.Sprint(m.Value)
	if m.Unit != "" {
		text += " " + m.Unit
	}
	return clean(text)
}
