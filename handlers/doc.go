// Package handlers answers browsers. A handler parses, runs one act or some
// reads, and answers; it decides nothing about the domain. Errors are
// returned, and one place turns them into pages.
//
// Files are nouns. A file that ends in _view.go turns domain values into the
// plain structs of web/pages.
package handlers
