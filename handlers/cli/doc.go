// Package cli is the program's commands, a file each, and the platform that
// they share: database, keys, trail, stores, jobs and the site, opened in one
// order and closed in the other.
package cli
