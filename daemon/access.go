package daemon

import (
	"net/http"

	"weaver/api"
)

// guard lets through what only a program of this machine can have sent. Who it is was settled when the connection was
// accepted; this is against a browser that was talked into sending something.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Origin") != "" || r.Header.Get("Referer") != "":
			refuse(w, &api.Error{Kind: api.Forbidden, Message: "requests of web pages are refused (Origin or Referer is set)"})
			return
		case r.Host != "" && r.Host != api.Host && r.Host != "localhost":
			refuse(w, &api.Error{
				Kind: api.Forbidden, Message: "requests for host " + r.Host + " are refused",
				Hint: "use http://" + api.Host + "/ or http://localhost/ with the socket",
			})
			return
		}
		most := int64(maxBody)
		if roleOf(r) < administrator {
			most = guestBody
		}
		r.Body = http.MaxBytesReader(w, r.Body, most)
		next.ServeHTTP(w, r)
	})
}

// maxBody bounds a request: the specs of some ten thousand apps.
const maxBody = 64 << 20
