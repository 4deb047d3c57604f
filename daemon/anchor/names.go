package anchor

import "strings"

// The store keeps copies of descriptors that must not close when the supervisor dies, as systemd's does. Names are words
// of at most MaxName bytes, with slashes between their parts:
//
//	exe/weaverd, exe/weaver  the executables that run, for a start without their files; the anchor's own
//	listen/…                 listening sockets: the doors' are listen/api/DEV-INO, rpc, pub, after the file that leads to them
//	log/ID/GEN/out, …/err    the read end of a log pipe of incarnation GEN of process ID
//	memory/…                 memfds: a death of the supervisor does not empty them
//	signs/ID/GEN/notify, …/ready  what an incarnation says by itself: sd_notify(3), a newline
//	ipc/ID/GEN, …            whatever else
//
// A name put again replaces the descriptor. Removing one closes the store's copy, and that closes nothing as long as
// anybody holds another: a channel is ended by shutdown(2), a port is free when the last copy is closed.
const (
	// MaxName bounds a name in the store.
	MaxName = 128
	// MaxStored bounds the descriptors in the store.
	MaxStored = 1 << 17
	// MaxRights is how many descriptors the kernel takes with one message.
	MaxRights = 253

	// ExeName is the entry of the weaverd that was started.
	ExeName = exePrefix + "weaverd"
	// AnchorName is the entry of the executable that the anchor runs.
	AnchorName = exePrefix + "weaver"
	// exePrefix is that of the anchor's own entries.
	exePrefix = "exe/"
)

// ValidName reports whether a descriptor can be kept under name.
func ValidName(name string) bool {
	if name == "" || len(name) > MaxName {
		return false
	}
	for i := range len(name) {
		if name[i] <= ' ' || name[i] >= 0x7f {
			return false
		}
	}
	return true
}

// isOwn reports that an entry is the anchor's own, and not for supervisors to change.
func isOwn(name string) bool { return strings.HasPrefix(name, exePrefix) }
