// Package href knows every address of the site, once. Pages, handlers and
// workers ask it and never write a path themselves, so that a link cannot
// point past its route and renaming a path is one edit.
//
// The functions take plain numbers and strings: web knows nothing of the
// domain's types. Each answers a path that begins with "/", escaped, without
// host. Paths are for ever: members cite them in decisions.
package href

import (
	"net/url"
	"strconv"
	"strings"
)

// at joins a collection, an id and what follows: at("/nodes", 7, "/pause").
func at(collection string, id int64, rest string) string {
	return collection + "/" + strconv.FormatInt(id, 10) + rest
}

// slug escapes a title for a path: spaces become underscores, as on
// Wikipedia, and a colon stays readable.
func slug(title string) string {
	s := url.PathEscape(strings.ReplaceAll(title, " ", "_"))
	return strings.ReplaceAll(s, "%3A", ":")
}

// Title undoes the escaping that a router has already taken off a path
// segment: underscores become spaces.
func Title(slug string) string { return strings.ReplaceAll(slug, "_", " ") }

// query adds pairs of name and value to a path and leaves out empty values.
func query(path string, pairs ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			values.Add(pairs[i], pairs[i+1])
		}
	}
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

// positive writes a number for a query, and nothing for zero or less.
func positive(n int64) string {
	if n <= 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// Home is the main page.
func Home() string { return "/" }

// Search looks through pages, members, rounds and digests.
func Search(q string) string { return query("/search", "q", q) }

// Verify explains how anybody checks the log, a count, a round and a certificate.
func Verify() string { return "/verify" }

// Founding is the form by which the first members found the community.
func Founding() string { return "/founding" }

// SignIn offers the ways to sign in; next is a local path to return to.
func SignIn(next string) string { return query("/sign-in", "next", next) }

// SignInWith starts signing in at one of the configured issuers; it takes POST.
func SignInWith(issuer string) string { return "/sign-in/" + url.PathEscape(issuer) }

// SignInCallback is where every issuer sends the browser back to.
func SignInCallback() string { return "/sign-in/callback" }

// SignOut ends the session; it takes POST.
func SignOut() string { return "/sign-out" }

// LocalSignIn is the local provider's form for name and password; request is
// the provider's id of the pending authorization.
func LocalSignIn(request string) string { return query("/local/sign-in", "request", request) }

// LocalRegister is the local provider's form for a new account.
func LocalRegister(request string) string { return query("/local/register", "request", request) }

// Join is where a person who has signed in becomes a member.
func Join() string { return "/join" }

// Watchlist lists changes to what the member watches.
func Watchlist() string { return "/watchlist" }

// Notices lists what happened that concerns the member.
func Notices() string { return "/notices" }

// Health answers whether the server serves; for machines.
func Health() string { return "/healthz" }
