//go:build !unix

package config

import (
	"fmt"
	"os"
)

// executable says that the file at path is none. Rights to execute are in its name here, if anywhere.
func executable(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory", path)
	}
	return err
}
