package session

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestSSRF: where a connection may go once a name has been resolved.
func TestSSRF(t *testing.T) {
	t.Parallel()
	never := []string{
		"0.0.0.0", "0.1.2.3", "100.64.0.1", "100.127.255.254", "169.254.1.1", "169.254.169.254", "192.0.0.1", "192.0.0.170",
		"192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255",
		"240.0.0.1", "255.255.255.255", "::", "::ffff:0.0.0.0", "::ffff:169.254.169.254", "::ffff:100.64.0.1", "::127.0.0.1", "::7f00:1",
		"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:10::1", "2001:20::1", "2001:db8::1",
		"2002:7f00:1::", "2002:a9fe:a9fe::", "3fff::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff05::2", "4000::1", "5f00::1",
	}
	private := []string{
		"127.0.0.1", "127.1.2.3", "127.255.255.255", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255",
		"::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:7f00:1", "fc00::1", "fd00::1", "fdff:ffff::1",
	}
	open := []string{"1.1.1.1", "8.8.8.8", "93.184.216.34", "172.15.0.1", "172.32.0.1", "192.169.0.1", "100.63.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"}
	if n := len(never) + len(private); n < 55 {
		t.Errorf("%d refused addresses in the table", n)
	}
	for _, tt := range []struct {
		list              []string
		public, asPrivate bool
	}{{never, false, false}, {private, false, true}, {open, true, true}} {
		for _, addr := range tt.list {
			if got := checkAddress(net.JoinHostPort(addr, "443"), false) == nil; got != tt.public {
				t.Errorf("%s for a public issuer: allowed %v, want %v", addr, got, tt.public)
			}
			if got := checkAddress(net.JoinHostPort(addr, "443"), true) == nil; got != tt.asPrivate {
				t.Errorf("%s for a private issuer: allowed %v, want %v", addr, got, tt.asPrivate)
			}
		}
	}
	for _, odd := range []string{"", "localhost:80", "1.1.1.1", "1.1.1.1:99999", "0x7f000001:80", "2130706433:80"} {
		if checkAddress(odd, true) == nil {
			t.Errorf("%q was allowed", odd)
		}
	}
}

// TestNoConnectionReachesTheTrap dials a listener of this machine by many
// spellings, by a name and by a redirect, as an issuer of the open Internet.
func TestNoConnectionReachesTheTrap(t *testing.T) {
	t.Parallel()
	var caught atomic.Int32
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { caught.Add(1) }))
	defer trap.Close()
	port := trap.URL[strings.LastIndex(trap.URL, ":"):]
	u := &url.URL{Scheme: "http", Host: "provider.example"}
	g := newGuarded(Issuer{}, u, time.Now)
	client := &http.Client{Transport: g, CheckRedirect: g.checkRedirect}
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::1]", "127.1", "0.0.0.0", "0", "[::]"} {
		resp, err := client.Get("http://" + host + port + "/")
		if err == nil {
			resp.Body.Close()
			t.Errorf("%s: got %s", host, resp.Status)
		}
	}
	if caught.Load() != 0 {
		t.Errorf("%d connections reached the trap, want 0", caught.Load())
	}
	for issuer, want := range map[string]bool{
		"http://localhost:1": true, "http://127.0.0.1:1": true, "https://[::1]": true,
		"http://localhost.evil.test": false, "http://10.0.0.1": false, "http://provider.example": false,
	} {
		u, _ := url.Parse(issuer)
		if got := onThisMachine(u.Hostname()); got != want {
			t.Errorf("%s is on this machine: %v, want %v", issuer, got, want)
		}
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	var server *httptest.Server
	hops := 0
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hops++
		switch r.URL.Path {
		case "/end":
		case "/thrice":
			http.Redirect(w, r, "/twice", http.StatusFound)
		case "/twice":
			http.Redirect(w, r, "/once", http.StatusFound)
		case "/once":
			http.Redirect(w, r, "/end", http.StatusFound)
		default:
			http.Redirect(w, r, "/for-ever", http.StatusTemporaryRedirect)
		}
	}))
	defer server.Close()
	u, _ := url.Parse(server.URL)
	g := newGuarded(Issuer{}, u, time.Now)
	client := &http.Client{Transport: g, CheckRedirect: g.checkRedirect}
	if resp, err := client.Get(server.URL + "/thrice"); err != nil || resp.StatusCode != 200 {
		t.Errorf("three redirects: got %v, %v", resp, err)
	}
	hops = 0
	if resp, err := client.Get(server.URL + "/for-ever"); err == nil || hops > 4 {
		t.Errorf("endless redirects: got %v after %d requests", resp, hops)
	}
	hops = 0
	if resp, err := client.PostForm(server.URL+"/for-ever", url.Values{"code": {"c"}}); err != nil || resp.StatusCode != 307 || hops != 1 {
		t.Errorf("a code after a redirect: got %v, %v in %d requests; want it sent once", resp, err, hops)
	}
}
