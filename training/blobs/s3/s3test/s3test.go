//go:build unix

// Package s3test starts an S3 server that others wrote, for tests that want
// more than a server in memory: s3rver, from npm.
package s3test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"codeberg.org/althing/althing/training/blobs/s3"
)

// Real starts s3rver with one bucket until the test ends. Where it cannot be
// fetched or started, why says so in one line.
func Real(t testing.TB) (c s3.Config, why string) {
	t.Helper()
	npx, err := exec.LookPath("npx")
	if err != nil {
		return c, "there is no npx here"
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, npx, "--yes", "s3rver@3.7.1", "--directory", t.TempDir(), "--address", "127.0.0.1", "--port", port, "--configure-bucket", "althing")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // npx starts others, which end with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); _ = cmd.Wait() })
	said, listening := "", false
	for lines := bufio.NewScanner(out); !listening && lines.Scan(); {
		said += lines.Text() + "\n"
		listening = strings.Contains(lines.Text(), "listening")
	}
	if !listening {
		return c, "s3rver could not be fetched or started: " + strings.Join(strings.Fields(said), " ")
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return s3.Config{Endpoint: "http://127.0.0.1:" + port, Bucket: "althing", Access: "S3RVER", Secret: "S3RVER", Prefix: "site/"}, ""
}

// Conditional is the address of a gate before an S3 server that ignores the
// conditions of puts, as s3rver does: the gate lets one put through at a time
// and refuses the one whose condition does not hold.
func Conditional(t testing.TB, endpoint string) string {
	t.Helper()
	to, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{tags: map[string]string{}}
	g.proxy = httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host // it is signed
		},
		Transport: &http.Transport{DisableCompression: true},
		ModifyResponse: func(res *http.Response) error {
			if res.Request.Method == http.MethodPut && res.StatusCode == http.StatusOK && !res.Request.URL.Query().Has("partNumber") {
				g.tags[res.Request.URL.Path] = res.Header.Get("ETag")
			}
			return nil
		},
	}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	return server.URL
}

// gate knows the tag of every object that was put through it.
type gate struct {
	mu    sync.Mutex // held for the whole of a put
	tags  map[string]string
	proxy httputil.ReverseProxy
}

// ServeHTTP implements http.Handler.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut {
		g.mu.Lock()
		defer g.mu.Unlock()
		tag, there := g.tags[r.URL.Path]
		match := r.Header.Get("If-Match")
		if there && r.Header.Get("If-None-Match") == "*" || match != "" && match != tag {
			w.WriteHeader(http.StatusPreconditionFailed)
			fmt.Fprint(w, "<Error><Code>PreconditionFailed</Code><Message>the condition does not hold</Message></Error>")
			return
		}
	}
	g.proxy.ServeHTTP(w, r)
}
