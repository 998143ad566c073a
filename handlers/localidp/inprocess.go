package localidp

import (
	"bytes"
	"io"
	"net/http"
)

// Client calls the provider within the process: no port, no name to resolve,
// and it works before the server listens.
func (p *Provider) Client() *http.Client {
	return &http.Client{Transport: inProcess{p}}
}

type inProcess struct{ p *Provider }

// RoundTrip serves the request and hands back what was written.
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	served := r.Clone(r.Context())
	if served.Body == nil {
		served.Body = http.NoBody
	}
	defer served.Body.Close()
	served.RequestURI = r.URL.RequestURI()
	w := &answer{header: http.Header{}}
	t.p.ServeHTTP(w, served)
	w.WriteHeader(http.StatusOK) // if nothing was written
	return &http.Response{
		StatusCode: w.status, Status: http.StatusText(w.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

// answer collects what a handler writes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header returns the header to be written.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader keeps the first status.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write keeps the body.
func (a *answer) Write(data []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(data)
}
