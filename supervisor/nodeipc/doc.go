// Package nodeipc speaks Node's IPC with child processes, and is the primary of Node's cluster module for them.
//
// # The channel
//
// A child inherits one end of a stream socket pair and finds its number in NODE_CHANNEL_FD. Each frame is one JSON text
// and a newline, or a value as V8 serializes it after its length, if "advanced" serialization was asked for; here it is JSON either
// way. An object whose "cmd" begins with NODE_ is internal and never reaches a program; all else is what the
// two programs say to each other. A descriptor travels with a NODE_HANDLE frame, and its receiver answers NODE_HANDLE_ACK
// or NODE_HANDLE_NACK; one that is not answered yet holds up everything behind it, as in Node.
//
// One goroutine, in Go's poller, serves the channels of all children: a channel costs a descriptor and a few hundred bytes.
//
// # Surviving the reader
//
// Frames are peeked, acted on, and only then taken out of the socket, and not before every answer to them is in the
// other direction's. So a reader that is killed leaves the socket as it found it, and the next one, given the descriptor,
// answers what was not answered; a frame that was is answered twice, which Node ignores. What is longer than the peek
// window is taken out piecewise: the rest of such a frame is dropped, up to its newline or to what looks like the next value's
// header, if its reader dies.
package nodeipc
