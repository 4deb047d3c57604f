// Package v8 translates between JSON and the format in which V8 serializes values, which Node speaks over IPC channels whose
// serialization is "advanced".
//
// A value is a tag and what belongs to it; numbers are varints or doubles. What has an identity (objects, arrays, dates, …) is
// numbered in the order in which it begins, and named by its number when it comes again. [FromJSON] writes few of the tags, in a
// version that every Node reads; [ToJSON] reads what any Node writes, and makes of it what JSON.stringify would, where that says
// something: of a Map a list of pairs, of a Set a list, of a RegExp its source, of bytes what a Buffer becomes, of a BigInt its
// digits. What refers to something that it is inside of becomes "[Circular]".
package v8

import "errors"

// ErrFormat is what is wrong with a text that is no value, or is not one that is understood.
var ErrFormat = errors.New("not a value that V8 serialized")

// ErrTooLong says that a value, whose parts may name each other, is longer than the bound when it is written out.
var ErrTooLong = errors.New("the value is too long")

// Version is what FromJSON writes: that of Node 12, which later ones read too.
const version = 13

// deepest is how far values may be nested.
const deepest = 1000

// Tags of values. Those of what is in an error or at the end of something are beside the reader.
const (
	tagVersion     = 0xFF
	tagPadding     = 0
	tagObjectCount = '?'

	tagHole      = '-'
	tagUndefined = '_'
	tagNull      = '0'
	tagTrue      = 'T'
	tagFalse     = 'F'
	tagInt       = 'I'
	tagUint      = 'U'
	tagDouble    = 'N'
	tagBigInt    = 'Z'
	tagUTF8      = 'S'
	tagOneByte   = '"'
	tagTwoByte   = 'c'

	tagReference    = '^'
	tagObject       = 'o'
	tagObjectEnd    = '{'
	tagDense        = 'A'
	tagDenseEnd     = '$'
	tagSparse       = 'a'
	tagSparseEnd    = '@'
	tagDate         = 'D'
	tagTrueObject   = 'y'
	tagFalseObject  = 'x'
	tagNumberObject = 'n'
	tagBigIntObject = 'z'
	tagStringObject = 's'
	tagRegExp       = 'R'
	tagMap          = ';'
	tagMapEnd       = ':'
	tagSet          = '\''
	tagSetEnd       = ','
	tagBuffer       = 'B'
	tagResizable    = '~'
	tagView         = 'V'
	tagError        = 'r'
	tagHost         = '\\'
)
