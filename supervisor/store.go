package supervisor

// A Store keeps copies of descriptors that must outlive this process: when it dies, its successor gets them by name.
//
// Whoever puts a descriptor keeps it open under its number until the name is removed or replaced. Removing a name closes the
// copy, and that closes nothing as long as anybody has another: a channel is ended by shutdown(2), and a port counts as
// free only after its Remove. Neither waits for anybody for long, and what they do is done when they return: the process
// may die right after.
type Store interface {
	Put(name string, fd int) error
	// PutAll is Put of all that one launch needs, for the price of one.
	PutAll(names []string, fds []int) error
	Remove(names ...string) error
}
