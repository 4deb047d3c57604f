package cli

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPackage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mod")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "lib"), 0o755))
	for name, text := range map[string]string{"package.json": `{"name":"m","version":"1.2.3"}`, "lib/.hidden": "x", "i.js": "1"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	require.NoError(t, os.Symlink("i.js", filepath.Join(dir, "link.js")))
	archive := filepath.Join(dir, "mod-v1-2-3.tar.gz")
	for range 2 { // the second time the archive of before is in the directory
		require.NoError(t, pack(dir, archive))
	}
	file, err := os.Open(archive)
	require.NoError(t, err)
	defer file.Close()
	zipped, err := gzip.NewReader(file)
	require.NoError(t, err)
	got := map[string]string{}
	for r := tar.NewReader(zipped); ; {
		head, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		got[head.Name] = head.Linkname + string(data)
	}
	assert.Equal(t, map[string]string{
		"module/": "", "module/lib/": "", "module/lib/.hidden": "x", "module/i.js": "1", "module/link.js": "i.js",
		"module/package.json": `{"name":"m","version":"1.2.3"}`,
	}, got)
	assert.Error(t, pack(filepath.Join(dir, "nowhere"), filepath.Join(dir, "x.tar.gz")))
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	assert.Len(t, left, 5, "no half archive is left")
	hidden, err := filepath.Glob(filepath.Join(dir, ".package-*"))
	require.NoError(t, err)
	assert.Empty(t, hidden)
}
