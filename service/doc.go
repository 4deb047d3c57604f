// Package service is weaver as `weaver service …` shows it: a service is all processes of one name, and what is said of
// it has fixed words, which scripts look for: started, stopped, healthy, RUNNING, "CPU:", "Memory:", "Uptime:", "Restarts:".
// After such a label stands one number.
package service
