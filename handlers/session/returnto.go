package session

import (
	"net/url"
	"strings"
)

// ReturnTo makes a path of this site of what a form or a link says, or "/":
// a path that begins with one slash, written again from its parts, so that no
// reading of it leads to another host.
func ReturnTo(raw string) string {
	const home = "/"
	if len(raw) > 1000 || strings.ContainsFunc(raw, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '\\' || r == '\ufffd' }) {
		return home
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || !local(u.Path) {
		return home
	}
	again := (&url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery, Fragment: u.Fragment, RawFragment: u.RawFragment}).String()
	if !local(again) {
		return home
	}
	return again
}

// local reports whether a path begins with one slash that no browser reads as two.
func local(path string) bool {
	return strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") && !strings.HasPrefix(path, "/\\")
}
