// Package pages keeps revisioned pages, once for all that has a text:
// policies, proposals, help, members' own pages. Every save is a revision;
// none is ever changed. Hiding empties a revision's text and keeps its digest,
// so that the log stays true.
package pages
