package watch

import (
	"hash/maphash"
	"io"
	"os"
)

// large is from when on the size and time of a file stand for its content: reading it would take longer than a needless
// restart.
const large = 64 << 20

// content remembers what was in files, as 64 bits each.
type content struct {
	seed maphash.Seed
	sums map[string]uint64
}

func newContent(files map[string]stamp) *content {
	c := &content{seed: maphash.MakeSeed(), sums: make(map[string]uint64, len(files))}
	for path := range files {
		c.sums[path] = c.sum(path)
	}
	return c
}

// changed leaves out what is as it was when last asked about.
func (c *content) changed(paths []string) []string {
	var list []string
	for _, path := range paths {
		now := c.sum(path)
		if now == c.sums[path] {
			continue
		}
		if c.sums[path] = now; now == 0 {
			delete(c.sums, path)
		}
		list = append(list, path)
	}
	return list
}

// sum is 0 for what does not exist.
func (c *content) sum(path string) uint64 {
	info, err := os.Stat(path)
	if err != nil {
		if info, err = os.Lstat(path); err != nil {
			return 0
		}
	}
	var h maphash.Hash
	h.SetSeed(c.seed)
	if info.Mode().IsRegular() && info.Size() < large {
		if f, err := os.Open(path); err == nil {
			_, err = io.Copy(&h, f)
			_ = f.Close() // it was only read
			if err == nil {
				return h.Sum64() | 1
			}
			h.Reset()
		}
	}
	_, _ = h.WriteString(info.Mode().Type().String()) // maphash has no errors
	if !info.IsDir() {
		_, _ = h.WriteString(info.ModTime().String())
		maphash.WriteComparable(&h, info.Size())
	}
	return h.Sum64() | 1
}
