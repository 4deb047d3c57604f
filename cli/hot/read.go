//go:build unix

package hot

// read asks for something and prints it.
func (t *try) read(r request) (code int, handled bool) {
	c, err := dial(t.home.Socket(), t.patience)
	if err != nil {
		return 0, false
	}
	defer c.close()
	cols, colour := t.terminal(r.noColor)
	if _, err := c.send(query("GET", r.form.verb, r.args, tail(r, t.persona, cols, colour)), nil); err != nil {
		return 0, false
	}
	h, err := c.head()
	if err != nil || h.status != 200 || h.exit < 0 {
		t.declined = err == nil
		return 0, false
	}
	body, fits, err := c.whole(h.length)
	switch {
	case err != nil:
		return 0, false
	case fits:
		t.compare(h)
		t.print(t.stderr, body[:h.errLen])
		t.print(t.stdout, body[h.errLen:])
		return h.exit, true
	}
	return t.stream(c, h, r)
}

// stream prints a body that is too long for the buffer while it comes.
func (t *try) stream(c *conn, h head, r request) (code int, handled bool) {
	t.compare(h)
	left, errLeft := h.length, h.errLen
	for left > 0 {
		if c.off == c.end {
			// A daemon may be slow, as long as it goes on.
			err := error(nil)
			if !r.form.mutates {
				err = c.deadline(t.patience)
			}
			if err == nil {
				err = c.fill()
			}
			if err != nil {
				return t.broken(r), true
			}
		}
		part := c.buf[c.off:c.end]
		part = part[:min(int64(len(part)), left)]
		fd := t.stdout
		if errLeft > 0 {
			fd, part = t.stderr, part[:min(int64(len(part)), errLeft)]
			errLeft -= int64(len(part))
		}
		if !t.print(fd, part) && fd == t.stdout {
			return h.exit, true
		}
		c.off += len(part)
		left -= int64(len(part))
	}
	return h.exit, true
}

// compare says of a daemon of another version that it is one.
func (t *try) compare(h head) {
	if h.version != "" && h.version != t.version {
		t.print(t.stderr, []byte(Skew(h.version, t.version, string(t.persona))+"\n"))
	}
}

// broken says that the daemon went away in the middle.
func (t *try) broken(r request) int {
	what := "print all of it"
	hint := "what is above is not complete; try again"
	if r.form.mutates {
		what = "tell how it went"
		hint = "it may be done or not: look with " + string(t.persona) + " list before you try again"
	}
	t.complain(what, "the connection to the daemon broke", hint)
	return 1
}

// complain words an error as the full front end does.
func (t *try) complain(doing, cause, hint string) {
	t.print(t.stderr, []byte(string(t.persona)+": cannot "+doing+": "+cause+"\nhint: "+hint+"\n"))
}
