// Package embedded runs a private Postgres with no set-up, so that one command
// starts the whole site on a machine that has never seen a database.
//
// It finds the programs (package search below), makes the data directory once,
// starts the server on a unix socket that only this account can reach, and
// stops it with the process. It keeps votes, therefore fsync is on, data pages
// carry checksums, and nothing in this package ever deletes a data directory:
// what it cannot use it names and leaves alone.
//
// # Layout
//
//	Dir/lock          flock of the process that runs the server
//	Dir/postgres.log  what the server says; a second file keeps the previous 8 MiB
//	Dir/data          the data directory (PGDATA), 0700, owned by the server's account
//	Dir/data.unfinished   an initdb that was cut off before it became Dir/data
//
// # Root
//
// Postgres refuses to run as root. A root caller's server runs as the owner of
// an existing data directory, else as postgres, else nobody, else uid 65534.
// That account must be able to enter every folder above the data directory and
// the programs, which is checked before anything is started.
//
// # Trust
//
// The server has no TCP port and asks for no password. That is safe only
// because its socket lies in a folder of mode 0700 whose owner is the server's
// account: the folder is the password. Root can enter it anyway; so can every
// other program of the same account, which matters for nobody.
//
// # Crashes
//
// When this process dies by kill -9 the kernel sends SIGINT to Postgres
// (Linux), which is a clean, fast shutdown. When Postgres dies, the next Start
// replays the write-ahead log. When both die, the next Start first stops what
// is left over, clears a postmaster.pid that names a stranger, and then
// replays. No acknowledged commit is lost in any of these.
package embedded
