package supervisor

import "os"

// writePlain writes a small file that anybody may read.
func writePlain(path string, data []byte) error { return os.WriteFile(path, data, 0o644) }
