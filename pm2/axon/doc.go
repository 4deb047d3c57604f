// Package axon speaks what PM2's sockets speak: messages in AMP frames, calls with replies (rpc.sock), and publications to
// whoever listens (pub.sock).
//
// Everything is bounded: the size of a message, what may wait for a slow peer, calls under way, connections. A peer that
// breaks the protocol loses its connection, and nothing else happens.
package axon
