// Package serve serves the files of a directory over HTTP, as `pm2 serve` does: one small process per site.
package serve

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Options say what is served. They come from the environment: see FromEnv.
type Options struct {
	Dir        string
	Host, Port string
	SPA        bool   // what is not there is the home page
	Home       string // the home page, relative to Dir
	List       bool   // directories are listed
	Username   string // with Password: basic authentication
	Password   string
}

// FromEnv reads PM2's variables.
func FromEnv(getenv func(string) string) (Options, error) {
	o := Options{
		Dir: getenv("PM2_SERVE_PATH"), Host: getenv("PM2_SERVE_HOST"), Port: getenv("PM2_SERVE_PORT"), Home: getenv("PM2_SERVE_HOMEPAGE"),
		SPA: getenv("PM2_SERVE_SPA") == "true", List: getenv("PM2_SERVE_FTP") == "true",
	}
	if o.Dir == "" {
		o.Dir = "."
	}
	if o.Port == "" {
		o.Port = "8080"
	}
	if o.Home == "" {
		o.Home = "index.html"
	}
	if getenv("PM2_SERVE_BASIC_AUTH") == "true" {
		o.Username, o.Password = getenv("PM2_SERVE_BASIC_AUTH_USERNAME"), getenv("PM2_SERVE_BASIC_AUTH_PASSWORD")
		if o.Username == "" || o.Password == "" {
			return o, errors.New("basic authentication needs a user name and a password")
		}
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return o, err
	}
	o.Dir = dir
	info, err := os.Stat(dir)
	if err != nil {
		return o, err
	}
	if !info.IsDir() {
		return o, fmt.Errorf("serve %s: not a directory", dir)
	}
	return o, nil
}

// Run serves until ctx ends; requests under way are finished.
func Run(ctx context.Context, o Options, say func(format string, args ...any)) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(o.Host, o.Port))
	if err != nil {
		return err
	}
	s := &http.Server{Handler: Handler(o), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	say("Exposing %s directory on %s", o.Dir, l.Addr())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }() // ends with Shutdown
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return s.Shutdown(end)
}

// Handler answers requests.
func Handler(o Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !o.admits(r) {
			w.Header().Set("WWW-Authenticate", `Basic realm="Authentication service"`)
			plain(w, http.StatusUnauthorized, "401 Unauthorized")
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			plain(w, http.StatusMethodNotAllowed, "405 Method Not Allowed")
			return
		}
		o.serve(w, r)
	})
}

// admits compares in a time that says nothing of how much was right.
func (o *Options) admits(r *http.Request) bool {
	if o.Username == "" {
		return true
	}
	user, password, ok := r.BasicAuth()
	same := func(a, b string) int {
		x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
		return subtle.ConstantTimeCompare(x[:], y[:])
	}
	return same(user, o.Username)&same(password, o.Password) == 1 && ok
}

func (o *Options) serve(w http.ResponseWriter, r *http.Request) {
	if slices.Contains(strings.FieldsFunc(r.URL.Path, func(c rune) bool { return c == '/' || c == '\\' }), "..") || strings.ContainsRune(r.URL.Path, 0) {
		plain(w, http.StatusForbidden, "403 Forbidden")
		return
	}
	name := path.Clean("/" + r.URL.Path)
	if name == "/" && !o.List {
		name = "/" + o.Home
	}
	file := filepath.Join(o.Dir, filepath.FromSlash(name))
	info, err := os.Stat(file)
	if err == nil && info.IsDir() {
		index := filepath.Join(file, "index.html")
		inside, indexErr := os.Stat(index)
		switch {
		case indexErr == nil && !inside.IsDir():
			file = index
		case o.List:
			o.list(w, file, name)
			return
		default:
			err = fs.ErrNotExist
		}
	}
	switch {
	case err == nil && !isRegular(file):
		plain(w, http.StatusForbidden, "403 Forbidden")
	case err == nil:
		o.file(w, r, file, http.StatusOK)
	case !errors.Is(err, fs.ErrNotExist) && !isNotDir(err):
		plain(w, http.StatusInternalServerError, "500 Internal Server Error")
	case o.SPA && fileExists(filepath.Join(o.Dir, o.Home)):
		o.file(w, r, filepath.Join(o.Dir, o.Home), http.StatusOK)
	case fileExists(filepath.Join(o.Dir, "404.html")):
		o.file(w, r, filepath.Join(o.Dir, "404.html"), http.StatusNotFound)
	default:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusNotFound)
		w.Write([]byte("404 Not Found"))
	}
}

func isRegular(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular()
}

func fileExists(file string) bool { return isRegular(file) }

// isNotDir reports a path that goes on below a file.
func isNotDir(err error) bool { return strings.Contains(err.Error(), "not a directory") }

// file sends a file, with ranges and dates where it is what was asked for.
func (o *Options) file(w http.ResponseWriter, r *http.Request, file string, status int) {
	f, err := os.Open(file)
	if err != nil {
		plain(w, http.StatusInternalServerError, "500 Internal Server Error")
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		plain(w, http.StatusInternalServerError, "500 Internal Server Error")
		return
	}
	h := w.Header()
	kind := mime.TypeByExtension(filepath.Ext(file))
	if kind == "" {
		kind = "text/plain"
	}
	h.Set("Content-Type", kind)
	if status == http.StatusOK {
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Allow-Methods", "GET")
		http.ServeContent(w, r, "", info.ModTime(), f)
		return
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		data, err := os.ReadFile(file)
		if err == nil {
			w.Write(data)
		}
	}
}

// list shows a directory, directories first, without what begins with a dot.
func (o *Options) list(w http.ResponseWriter, dir, name string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		plain(w, http.StatusInternalServerError, "500 Internal Server Error")
		return
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return strings.HasPrefix(e.Name(), ".") })
	slices.SortStableFunc(entries, func(a, b fs.DirEntry) int {
		switch {
		case a.IsDir() == b.IsDir():
			return strings.Compare(a.Name(), b.Name())
		case a.IsDir():
			return -1
		}
		return 1
	})
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	title := html.EscapeString(name)
	var b strings.Builder
	b.WriteString("<!DOCTYPE html>\n<html><head><title>Index of " + title + "</title></head><body><h1>Index of " + title + "</h1><ul>\n")
	if name != "/" {
		b.WriteString(`<li><a href="../">../</a></li>` + "\n")
	}
	for _, e := range entries {
		shown := e.Name()
		if e.IsDir() {
			shown += "/"
		}
		link := (&url.URL{Path: path.Join(name, e.Name())}).EscapedPath()
		if e.IsDir() {
			link += "/"
		}
		b.WriteString(`<li><a href="` + html.EscapeString(link) + `">` + html.EscapeString(shown) + "</a></li>\n")
	}
	b.WriteString("</ul></body></html>\n")
	w.Write([]byte(b.String()))
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(status)
	w.Write([]byte(text))
}
