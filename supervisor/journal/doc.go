// Package journal keeps on disk what must be known after a death, in the order in which it became so.
//
// A journal is a set of keys with values. Every change is one record appended to a file, so it costs one write(2); nothing
// is ever changed in place. A record survives the death of the process as soon as Append returns, and a power cut once
// Sync does. Records that come in one Append come back together or not at all.
//
// # The file
//
//	weaver-journal 1 00000000000000a7\n        the format's version; the file's number, which grows with every new file
//	length, checksum, changes                  a frame, again and again
//
// Length and checksum are four bytes each, little-endian. The checksum (CRC-32C) covers the frame before: what an older
// write left behind a torn one cannot pass for its successor. A change is a byte, 1 to set and 2 to delete, then the key
// and for set the value, each with its length before it as a uvarint.
//
// What does not check out at the end of the file was being written when something died; it is dropped, and kept aside.
//
// # Compaction
//
// When most of the file is history, what is current is written to a new file, which is synced, gets the name by a rename,
// and the directory is synced. Appends go on meanwhile; who waits in Sync waits for the end of it.
//
// # A disk that refuses
//
// When the disk refuses a write or a sync, the journal goes on in memory (Memory: a file that somebody else keeps for the
// next supervisor), Problem and Sync say so, and the disk is tried again every few seconds. A disk that is full first gets
// back what a reserve file holds. A sync that failed once is never asked again: the kernel reports the loss only once. The
// next file is written anew from what is known.
package journal
