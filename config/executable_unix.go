//go:build unix

package config

import (
	"fmt"
	"os"
)

// executable says why the kernel would not execute the file at path, if it would not for lack of a right.
func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a directory", path)
	case info.Mode()&0o111 == 0:
		return saidf("%s is not executable", path).try("chmod +x %s, or give an --interpreter", quote(path))
	}
	return nil
}
