// Package app holds the nouns of weaver: what was asked for (Spec) and what is (Process).
//
// Everything else speaks these words, so that no package has to import a neighbour for a struct. The JSON keys of
// Spec are the keys of an ecosystem file: they are weaver's own names for the things, and PM2's at the same time.
package app
