// Package diff compares two revisions of a text for the page that shows what
// changed: lines side by side, and inside a changed line the words. It is
// pure; the search for the shortest edit is znkr.io/diff (Myers 1986, with
// heuristics for large inputs).
//
// A text is its lines joined by line feeds, so a missing last line feed is a
// difference like any other, and [Diff.New] gives back the second text byte by
// byte. The empty text has no lines. Texts should be normalised (NFC, LF)
// before they are saved; this package compares bytes and changes none.
package diff
