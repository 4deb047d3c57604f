package supervisor

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
)

// leastFree is where free ports are looked for from on: what is below is well known.
const leastFree = 10000

// freePort is a port of the own address that nobody listens on. It is none of those that connections get, if that can be: one of
// them might have it before the program that is to listen there, and keep it for minutes.
func freePort() (int, error) {
	if below := connectionPorts(); below > leastFree {
		for range 100 {
			port := leastFree + rand.IntN(below-leastFree)
			if l, err := net.Listen("tcp4", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
				return port, l.Close()
			}
		}
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// connectionPorts is the lowest port that connections get.
func connectionPorts() int {
	text, _ := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range") // other systems have them further up
	low := 32768
	_, _ = fmt.Sscan(string(text), &low)
	return low
}
